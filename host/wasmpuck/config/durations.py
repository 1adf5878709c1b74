"""Durations: strings with a unit, read as seconds."""

from __future__ import annotations

import re

from wasmpuck.config.kinds import BadValue, Kind, quoted

__all__ = ["Duration"]


class Duration(Kind[float]):
    """A string such as `"30s"`, `"100ms"`, `"1h30m"`; read as seconds. A bare number is refused: it has no unit."""

    UNITS: dict[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # noqa: RUF012 - never written
    _PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([A-Za-zµ]+)")

    def __init__(self, least: str = "1ms", most: str = "7d") -> None:
        self._least, self._most = least, most
        self._bounds = (self._seconds(least), self._seconds(most))

    @property
    def article(self) -> str:
        return f'a duration, "{self._least}" to "{self._most}"'

    @property
    def unit(self) -> str:
        return "duration"

    def read(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise BadValue(
                f"the duration {value if abs(value) < 10**12 else ''} has no unit".replace("  ", " "),
                f'write a string with a unit ({", ".join(self.UNITS)}), such as "30s"',
            )
        if not isinstance(value, str):
            raise self._expected(value)
        seconds = self._seconds(value)
        low, high = self._bounds
        if not low <= seconds <= high:
            raise self._expected(value)
        return seconds

    def _seconds(self, text: str) -> float:
        total, position = 0.0, 0
        stripped = text.strip()
        if re.fullmatch(r"[0-9.]+", stripped):
            raise BadValue(f"the duration {quoted(text)} has no unit", f"add one of {', '.join(self.UNITS)}")
        while position < len(stripped):
            part = self._PART.match(stripped, position)
            if part is None:
                break
            unit = part[2]
            if unit not in self.UNITS:
                raise BadValue(f"unknown unit {quoted(unit)} in the duration {quoted(text)}", self._unit_hint(unit))
            total += float(part[1]) * self.UNITS[unit]
            position = part.end()
        if position != len(stripped) or not stripped:
            raise BadValue(f"{quoted(text)} is not a duration", 'write a number and a unit, such as "30s" or "1h30m"')
        return total

    def _unit_hint(self, unit: str) -> str:
        words = {"sec": "s", "min": "m", "hour": "h", "hr": "h", "day": "d", "milli": "ms", "msec": "ms"}
        near = next((unit_name for word, unit_name in words.items() if unit.lower().startswith(word)), None)
        near = near or (unit.lower() if unit.lower() in self.UNITS else None)
        valid = ", ".join(self.UNITS)
        return f'did you mean "{near}"? valid: {valid}' if near else f"valid: {valid}"

    def show(self, value: float) -> str:
        for unit in ("d", "h", "m", "s"):
            if value >= self.UNITS[unit] and value % self.UNITS[unit] == 0:
                return f'"{value / self.UNITS[unit]:g}{unit}"'
        return f'"{value * 1000:g}ms"'
