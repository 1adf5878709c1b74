"""The rules of the plugin, without the contract: plain Python that is tested on the machine that builds."""

from __future__ import annotations

from .facts import Facts, Key
from .rules import Rejection, judge
from .selftest import self_test
from .settings import BadSettings, Problem, Settings

__all__ = ["BadSettings", "Facts", "Key", "Problem", "Rejection", "Settings", "judge", "self_test"]
