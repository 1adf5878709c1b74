"""A keyserver for one plugin: certificates from files, in a folder that goes with it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from wasmpuck.app import open_keyserver, tell_of_key, tell_of_quarantine
from wasmpuck.config import parse
from wasmpuck.errors import ClientError
from wasmpuck.events import Bus
from wasmpuck.keyserver.services import disclosure_of
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.runtime.capabilities import Facilities

__all__ = ["certificates"]


@contextlib.asynccontextmanager
async def certificates(files: Iterable[Path], bus: Bus) -> AsyncIterator[Facilities]:
    """What the capabilities `keys` and `key-admin` need, with the certificates of these files (armored or binary). What
    happens to certificates from then on is published on the bus.

    Raises:
        UnusableFile: a file cannot be read, or a certificate in it is not taken.
    """
    with tempfile.TemporaryDirectory(prefix="wasmpuck-") as folder:
        configuration = parse(f"[server]\ndataDir = {json.dumps(folder)}\n")
        async with open_keyserver(configuration) as keyserver:
            for path in files:
                try:
                    report = await keyserver.submit(_read(path))
                except ClientError as problem:
                    raise UnusableFile(f"{path}: {problem.message}", hint=problem.hint) from None
                for rejected in report.rejected:
                    raise UnusableFile(f"{path}: {rejected.fingerprint} is not taken: {rejected.comment}")
            leave = (
                keyserver.observe(lambda event: tell_of_key(bus, event)),
                keyserver.watch(lambda event: tell_of_quarantine(bus, event)),
            )
            try:
                yield Facilities(keyserver=keyserver, disclosure=disclosure_of(configuration.vks, keyserver.store))
            finally:
                for each in leave:
                    each()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnusableFile(f"{path} cannot be read: {problem.strerror}") from None
