"""The command line as a whole: help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.conftest import Command
from wasmpuck import __version__
from wasmpuck.cli.commands import commands
from wasmpuck.errors import ArtifactRefused, Refusal, StartRefused, WasmpuckError

MISTAKES = '[server]\nbnd = ":1"\n[http]\nheaderTimeout = 30\n'


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m wasmpuck …` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "wasmpuck", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_help_names_the_commands_and_the_exit_codes(wasmpuck: Command) -> None:
    """`--help` lists every command with a sentence, and what each exit code means."""
    text = wasmpuck.ok("--help")
    for name in ("serve", "load", "plugins", "config"):
        assert f"\n  {name} " in text
    for code in ("0  done", "1  something", "2  the configuration", "3  the server refuses to start"):
        assert code in text


@pytest.mark.parametrize(
    "path", [["serve"], ["load"], ["plugins"], ["plugins", "list"], ["plugins", "swap"], ["plugins", "reload"]]
)
def test_every_command_explains_itself(wasmpuck: Command, path: list[str]) -> None:
    """Each command has a help page."""
    assert wasmpuck.ok(*path, "--help").startswith(f"Usage: wasmpuck {' '.join(path)}")


def test_the_version_is_the_packages(wasmpuck: Command) -> None:
    """`--version` prints the version of the package."""
    assert __version__ in wasmpuck.ok("--version")


def test_config_check_names_every_mistake(wasmpuck: Command) -> None:
    """A wrong file exits 2 with one line for each mistake, on standard error."""
    (wasmpuck.folder / "w.toml").write_text(MISTAKES)
    result = wasmpuck("config", "check", "w.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    head, first, second = result.stderr.splitlines()
    assert head == "wasmpuck: the configuration has 2 mistakes:"
    assert first.startswith("  w.toml:2: server.bnd: unknown key (did you mean bind?)")
    assert second.startswith("  w.toml:4: http.headerTimeout: the duration 30 has no unit")


def test_config_check_of_a_good_file_says_what_it_means(wasmpuck: Command) -> None:
    """A good file exits 0 and its listeners and plugins are shown."""
    (wasmpuck.folder / "w.toml").write_text('[plugins.x]\ngrants = ["log"]\n[plugins.config.y]\nenabled = false\n')
    shown = wasmpuck.ok("config", "check", "w.toml")
    assert "w.toml: no mistakes" in shown
    assert "hkp :11371, admin 127.0.0.1:11372" in shown
    assert "plugin x: enabled, failure open, granted log" in shown
    assert "plugin y: disabled, failure open, granted nothing" in shown


def test_config_reference_prints_the_page(wasmpuck: Command) -> None:
    """`config reference` prints Markdown."""
    assert wasmpuck.ok("config", "reference").startswith("# Configuration reference\n")


def test_a_bad_configuration_ends_the_process_with_2(tmp_path: Path) -> None:
    """The process exits 2, prints nothing on standard output and no traceback."""
    (tmp_path / "w.toml").write_text(MISTAKES)
    ended = run("serve", "--config", "w.toml", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "w.toml:2: server.bnd" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["serve"], ["serve", "--config", "x", "--demo"], ["fly"], ["plugins", "swap"]],
)
def test_a_wrong_command_line_ends_the_process_with_2(wasmpuck: Command, arguments: list[str]) -> None:
    """Missing, contradictory and unknown arguments exit 2 with a usage message."""
    result = wasmpuck(*arguments)
    assert result.exit_code == 2
    assert "Usage: wasmpuck" in result.stderr


def test_a_wrong_option_value_is_a_configuration_error(wasmpuck: Command) -> None:
    """`--bind` is checked like the file's key."""
    result = wasmpuck("serve", "--demo", "--bind", "nowhere")
    assert result.exit_code == 2
    assert "command line: server.bind: expected an address" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (StartRefused("no start", hint="mend it"), 3, "wasmpuck: no start\nhint: mend it\n"),
        (WasmpuckError("odd\x1b[0m thing"), 1, "wasmpuck: odd\\x1b[0m thing\n"),
        (ArtifactRefused(Refusal.UNSIGNED, "x is unsigned"), 1, "wasmpuck: x is unsigned\n"),
        (PermissionError(13, "Permission denied", "keys.sqlite"), 1, "wasmpuck: keys.sqlite: Permission denied\n"),
        (
            ZeroDivisionError("division"),
            1,
            "wasmpuck: a defect of Wasmpuck: ZeroDivisionError: division\n"
            "hint: run it again with `wasmpuck --debug …` and report what it shows\n",
        ),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(
    wasmpuck: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, shown: str
) -> None:
    """Message and hint are printed, the exit code tells who must act, and `--debug` adds the traceback."""

    @click.command("fail")
    def fail() -> None:
        raise error

    monkeypatch.setitem(commands.commands, "fail", fail)
    result = wasmpuck("fail")
    assert (result.exit_code, result.stderr) == (code, shown)
    debugged = wasmpuck("--debug", "fail")
    assert debugged.exit_code == code
    assert "Traceback (most recent call last)" in debugged.stderr
    assert "wasmpuck: " in debugged.stderr
