"""`[web]`: the pages for people."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import Choice, Flag, Text

__all__ = ["WebSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """`[web]`: what the pages show, and in which language they greet those who ask for none."""

    title: str = setting(
        Text(80), "", "What the pages call this server.", shown="“OpenPGP keyserver” in the reader's language"
    )
    language: str = setting(
        Text(35), "en", "The language for those whose browser asks for none that there is (`en`, `de`, `fr`)."
    )
    addresses: str = setting(
        Choice("shown", "hidden", noun="way to show addresses"),
        "shown",
        "`hidden` shows `a…@example.org` on pages unless the whole address was searched for, against its collection; "
        "answers to programs and downloads are whole all the same.",
    )
    plugins: bool = setting(Flag(), True, "List the plugins and their states on the page of statistics.")
