"""What can be said of a plugin without running it much: findings, each with a number that stays."""

from __future__ import annotations

from .checks import check
from .findings import CODES, Finding, Level

__all__ = ["CODES", "Finding", "Level", "check"]
