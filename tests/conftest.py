"""For every test."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes depends on the machine and on what else runs on it; no test is about that.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
