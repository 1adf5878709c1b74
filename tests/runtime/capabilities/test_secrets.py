"""`secrets`: names that the operator lists, values that few may see."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.capabilities.stand import Surroundings
from wasmpuck.runtime.capabilities import Facilities, Vault
from wasmpuck.runtime.capabilities.secrets import Secrets
from wasmpuck.runtime.values import Case, Err, Ok


class Stand(Surroundings):
    """A folder of secrets with one of each kind."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.write("key", b"s3cr3t\n")

    def write(self, name: str, value: bytes, mode: int = 0o600) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_bytes(value)
        path.chmod(mode)

    def secrets(self, *names: str, reveal: tuple[str, ...] = ()) -> Secrets:
        context = self.context()
        context.secrets, context.reveal_secrets = names, reveal
        context.facilities = Facilities(vault=Vault(self.folder, self.clock))
        return Secrets(context)


def test_secrets_are_named_in_order(tmp_path: Path) -> None:
    """A plugin knows the names that the operator lists for it, whether or not there are files."""
    assert Stand(tmp_path).secrets("b", "a").names() == ["a", "b"]


def test_secrets_are_compared_without_being_seen(tmp_path: Path) -> None:
    """The right value is equal, with and without anything else it is not."""
    secrets = Stand(tmp_path).secrets("key")
    assert [secrets.equals("key", text) for text in ("s3cr3t", "s3cr3", "s3cr3t\n", "", "é")] == [
        Ok(True),
        Ok(False),
        Ok(False),
        Ok(False),
        Ok(False),
    ]
    assert secrets.reveal("key") == Err(Case("not-allowed"))


def test_secrets_are_revealed_where_the_operator_says_so(tmp_path: Path) -> None:
    """The value comes without the line break at its end."""
    stand = Stand(tmp_path)
    assert stand.secrets("key", reveal=("key",)).reveal("key") == Ok("s3cr3t")
    stand.write("two", b"a\n\n")
    assert stand.secrets("two", reveal=("two",)).reveal("two") == Ok("a\n")


def test_secrets_that_are_not_listed_do_not_exist(tmp_path: Path) -> None:
    """Neither revealing nor comparing says whether there is such a file, not even if revealing it was allowed."""
    secrets = Stand(tmp_path).secrets("other", reveal=("key",))
    assert secrets.reveal("key") == Err(Case("no-such-secret"))
    assert secrets.equals("key", "s3cr3t") == Err(Case("no-such-secret"))
    assert secrets.equals("../key", "s3cr3t") == Err(Case("no-such-secret"))


@pytest.mark.parametrize(
    ("value", "mode", "says"),
    [
        (b"x" * 65_537, 0o600, "more than 65,536 bytes"),
        (b"\xff\xfe", 0o600, "is not UTF-8"),
        (b"x", 0o604, "read or written by everybody"),
        (b"x", 0o602, "read or written by everybody"),
    ],
)
@pytest.mark.covers("secrets.error.unreadable")
def test_secrets_whose_file_cannot_be_used_are_unreadable(tmp_path: Path, value: bytes, mode: int, says: str) -> None:
    """Too long, no text, or open to everybody: refused with the reason and without the value."""
    stand = Stand(tmp_path)
    stand.write("key", value, mode)
    answer = stand.secrets("key", reveal=("key",)).reveal("key")
    assert isinstance(answer, Err)
    assert answer.value.tag == "unreadable"
    assert says in answer.value.value


def test_secrets_without_a_file_are_unreadable(tmp_path: Path) -> None:
    """A file that is missing, or no file, is an error with the name and not with the folder."""
    stand = Stand(tmp_path)
    (tmp_path / "folder").mkdir()
    secrets = stand.secrets("gone", "folder", reveal=("gone", "folder"))
    gone, folder = secrets.reveal("gone"), secrets.reveal("folder")
    assert gone == Err(Case("unreadable", "gone: No such file or directory"))
    assert isinstance(folder, Err)
    assert str(tmp_path) not in folder.value.value


def test_secrets_that_are_changed_are_seen_within_a_second(tmp_path: Path) -> None:
    """A value is kept for a second; then what the file holds counts."""
    stand = Stand(tmp_path)
    secrets = stand.secrets("key")
    assert secrets.equals("key", "s3cr3t") == Ok(True)
    stand.write("key", b"new")
    assert secrets.equals("key", "s3cr3t") == Ok(True)
    stand.now += 1
    assert secrets.equals("key", "new") == Ok(True)


def test_secrets_without_a_server_around_are_unreadable(tmp_path: Path) -> None:
    """Where there is no folder for secrets, the answer says so."""
    context = Stand(tmp_path).context()
    context.secrets = context.reveal_secrets = ("key",)
    answer = Secrets(context).reveal("key")
    assert answer == Err(Case("unreadable", "this server has no folder for secrets"))
