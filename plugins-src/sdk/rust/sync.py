"""Renews the crate's copy of the contract: python plugins-src/sdk/rust/sync.py."""

from __future__ import annotations

from pathlib import Path

COPY = Path(__file__).resolve().parent / "wit"
CONTRACT = COPY.parents[2].parent / "wit"


def main() -> None:
    """Makes the copy hold exactly the files of the contract."""
    texts = {path.name: path.read_text() for path in CONTRACT.glob("*.wit")}
    for path in COPY.glob("*.wit"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (COPY / name).write_text(text)


if __name__ == "__main__":
    main()
