"""`python -m wasmpuck` is the command `wasmpuck`."""

from __future__ import annotations

from wasmpuck.cli import main

if __name__ == "__main__":
    main()
