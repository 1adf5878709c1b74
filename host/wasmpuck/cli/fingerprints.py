"""Fingerprints on the command line."""

from __future__ import annotations

import re

import click

__all__ = ["FINGERPRINT"]


class _Fingerprint(click.ParamType[str]):
    """Of a primary key, as gpg shows it; blanks, a leading `0x` and upper case are taken off."""

    name = "fingerprint"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """40 or 64 lower-case hexadecimal digits (32 for a key of version 3)."""
        digits = "".join(value.split()).lower().removeprefix("0x")
        if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", digits):
            self.fail(
                f"{value!r} is not a fingerprint: 40 or 64 hexadecimal digits, see `gpg --fingerprint`", param, ctx
            )
        return digits


FINGERPRINT = _Fingerprint()
"""The parameter type."""
