"""`wasmpuck config import`: the report, the file and the exit status."""

from __future__ import annotations

import json
import os
import stat

import pytest

from cli.conftest import Command

OLD = """\
[hockeypuck]
hostname = "{{ .FQDN }}"
logfile = "/var/log/hockeypuck.log"

[hockeypuck.hkp]
bind = "127.0.0.1:8080"

[hockeypuck.openpgp.db]
driver = "postgres-jsonb"
dsn = "database=hkp host=pg user=hkp password={{ .PASSWORD }}"
"""


@pytest.fixture
def old(wasmpuck: Command) -> str:
    """The name of a file of Hockeypuck's in the working folder, with a file of variables beside it."""
    (wasmpuck.folder / "hockeypuck.conf").write_text(OLD)
    (wasmpuck.folder / ".env").write_text("# Compose\nFQDN=keys.example.org\nexport PASSWORD='hunter2'\nODD\n")
    return "hockeypuck.conf"


def test_a_file_is_imported_checked_and_reported(wasmpuck: Command, old: str) -> None:
    """The new file passes `config check`; the table has a row for each key, and says what comes next."""
    shown = wasmpuck.ok("config", "import", old, "--env-file", ".env")
    assert 'server.hostname = "keys.example.org"' in shown
    assert "logs go to standard error" in shown
    assert "hockeypuck.conf → wasmpuck.toml: 3 translated, 1 not needed, 1 not supported" in shown
    assert "1. Look through wasmpuck.toml, then check it: wasmpuck config check wasmpuck.toml" in shown
    assert "createdb" in shown
    assert "PGPASSWORD=… wasmpuck migrate hockeypuck --config wasmpuck.toml 'database=hkp host=pg user=hkp'" in shown
    assert "hkp 127.0.0.1:8080" in wasmpuck.ok("config", "check", "wasmpuck.toml")


def test_passwords_are_in_the_file_alone(wasmpuck: Command, old: str) -> None:
    """A file with a password is readable for its owner alone; neither report shows it."""
    reports = [wasmpuck("config", "import", old, "--env-file", ".env", "--force", *more) for more in ([], ["--json"])]
    for report in reports:
        assert report.exit_code == 0
        assert "hunter2" not in report.output
    written = wasmpuck.folder / "wasmpuck.toml"
    assert 'url = "postgresql://hkp:hunter2@pg/wasmpuck"' in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_file_without_a_secret_is_readable(wasmpuck: Command) -> None:
    """Without a password the file gets the usual permissions."""
    (wasmpuck.folder / "h.conf").write_text('[hockeypuck]\nhostname = "k.example"\n')
    wasmpuck.ok("config", "import", "h.conf", "--output", "new.toml")
    assert stat.S_IMODE((wasmpuck.folder / "new.toml").stat().st_mode) & 0o600 == 0o600
    assert sorted(path.name for path in wasmpuck.folder.iterdir()) == ["h.conf", "new.toml"]


def test_the_report_as_json_has_every_key(wasmpuck: Command, old: str) -> None:
    """`--json` prints one object: keys with line, fate, lines and note; notes; next steps."""
    said = json.loads(wasmpuck.ok("config", "import", old, "--json", "--output", "new.toml"))
    assert (said["file"], said["output"]) == ("hockeypuck.conf", "new.toml")
    assert [each["fate"] for each in said["keys"]] == [
        "same by default",
        "not supported",
        "translated",
        "not needed",
        "translated",
    ]
    assert said["keys"][2] == {
        "key": "hockeypuck.hkp.bind",
        "line": 6,
        "fate": "translated",
        "becomes": ['server.bind = "127.0.0.1:8080"'],
        "note": "",
    }
    assert any("the variable FQDN is not set" in note for note in said["notes"])
    assert len(said["next"]) == 4


def test_standard_output_can_take_the_file(wasmpuck: Command, old: str) -> None:
    """With `--output -` the file goes to standard output and the report to standard error."""
    result = wasmpuck("config", "import", old, "--output", "-")
    assert result.exit_code == 0
    assert result.stdout.startswith("# Made of ")
    assert "hockeypuck.conf → standard output" in result.stderr
    assert not (wasmpuck.folder / "wasmpuck.toml").exists()


def test_a_file_that_exists_is_not_replaced_unasked(wasmpuck: Command, old: str) -> None:
    """Exit code 1 and the way out; `--force` replaces it."""
    (wasmpuck.folder / "wasmpuck.toml").write_text("# mine\n")
    result = wasmpuck("config", "import", old)
    assert result.exit_code == 1
    assert "wasmpuck.toml exists already" in result.stderr
    assert (wasmpuck.folder / "wasmpuck.toml").read_text() == "# mine\n"
    wasmpuck.ok("config", "import", old, "--force")
    assert "# mine" not in (wasmpuck.folder / "wasmpuck.toml").read_text()


def test_strict_ends_with_1_when_something_is_left_to_decide(wasmpuck: Command, old: str) -> None:
    """A key that is not supported, or a variable that is not set, is an exit code of 1 with `--strict` alone."""
    assert wasmpuck("config", "import", old, "--strict", "--env-file", ".env").exit_code == 1
    (wasmpuck.folder / "clean.conf").write_text('[hockeypuck]\nhostname = "k.example"\n')
    assert wasmpuck("config", "import", "clean.conf", "--strict", "--force").exit_code == 0
    (wasmpuck.folder / "unset.conf").write_text('[hockeypuck]\nhostname = "{{ .NOT_SET_ANYWHERE }}"\n')
    assert wasmpuck("config", "import", "unset.conf", "--strict", "--force").exit_code == 1


def test_what_is_not_hockeypucks_is_refused_with_2(wasmpuck: Command) -> None:
    """A missing file, broken TOML and our own configuration end with exit code 2, and nothing is written."""
    (wasmpuck.folder / "broken.conf").write_text("[hockeypuck\n")
    (wasmpuck.folder / "ours.toml").write_text('[server]\nbind = ":1"\n')
    for file, says in (
        ("absent.conf", "cannot be read"),
        ("broken.conf", "broken.conf:1: not valid TOML"),
        ("ours.toml", "a file of Wasmpuck's needs no import"),
    ):
        result = wasmpuck("config", "import", file)
        assert result.exit_code == 2
        assert says in result.stderr
    assert not (wasmpuck.folder / "wasmpuck.toml").exists()


def test_octets_that_are_no_text_are_replaced(wasmpuck: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not UTF-8 neither ends the import nor makes a file that is no TOML."""
    monkeypatch.setenv("ODD", os.fsdecode(b"a\xffb"))
    (wasmpuck.folder / "h.conf").write_text('[hockeypuck]\ncontact = "{{ .ODD }}"\n')
    wasmpuck.ok("config", "import", "h.conf")
    assert 'contact = "a?b"' in (wasmpuck.folder / "wasmpuck.toml").read_text()


def test_serving_hockeypucks_own_file_says_what_to_do(wasmpuck: Command, old: str) -> None:
    """A file of Hockeypuck's given to `serve` or `config check` by mistake names the command that imports it."""
    for command in (["serve", "--config", old], ["config", "check", old]):
        result = wasmpuck(*command)
        assert result.exit_code == 2
        assert "hockeypuck.conf:1: this is a configuration of Hockeypuck's" in result.stderr
        assert "`wasmpuck config import hockeypuck.conf` makes one" in result.stderr
