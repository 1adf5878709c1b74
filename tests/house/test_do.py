"""`./do` and `.ci/run`: what they do on machines that lack something, tried in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from house.documents import ROOT

_TOOLS = ("bash", "cat", "cut", "dirname", "flock", "id", "mkdir", "rm", "sha256sum")
"""What every Debian has and `./do` uses."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with `./do` and what it reads, and `bin/`, which shall be the whole PATH."""
    for name in ("do", "justfile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in _TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    return tmp_path


def fake(folder: Path, name: str, script: str) -> None:
    """Puts a program into `folder`."""
    path = folder / name
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def do(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `./do` there, with nothing of this process's environment."""
    return subprocess.run(
        [str(checkout / "bin" / "bash"), str(checkout / "do"), *arguments],
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd="/",
    )


def set_up(checkout: Path) -> None:
    """Makes the folder look as after a finished set-up, with a `just` that says how it was called."""
    tools = checkout / ".venv" / "bin"
    tools.mkdir(parents=True)
    fake(tools, "python", "exit 0")
    fake(tools, "just", 'printf "%s\\n" "$@"')
    digest = subprocess.run(
        ["bash", "-c", "sha256sum requirements.lock requirements-dev.lock | sha256sum | cut -c1-64; "
         "sha256sum pyproject.toml | sha256sum | cut -c1-64"],
        cwd=checkout, capture_output=True, encoding="utf-8", check=True,
    ).stdout.split()  # fmt: skip
    stamps = checkout / ".venv" / ".set-up"
    stamps.mkdir()
    (stamps / "locks").write_text(f"{checkout.resolve()} {digest[0]}", encoding="utf-8")
    (stamps / "project").write_text(digest[1], encoding="utf-8")
    (stamps / "run").touch()


def test_without_python_it_says_what_to_install(checkout: Path) -> None:
    """Where there is no Python and no apt, the message names versions and the command for Debian."""
    done = do(checkout, "serve")
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13" in done.stderr
    assert "apt-get install -y python3 python3-venv" in done.stderr
    assert done.stdout == ""


def test_an_older_python_is_not_taken(checkout: Path) -> None:
    """A `python3` of another version counts as none."""
    fake(checkout / "bin", "python3", "exit 1")
    assert "was not found" in do(checkout, "serve").stderr


def test_root_with_apt_gets_python_installed(checkout: Path) -> None:
    """Where apt is at hand and the user is root, Python and its venv module are asked of it."""
    (checkout / "bin" / "id").unlink()
    fake(checkout / "bin", "id", "echo 0")
    fake(checkout / "bin", "apt-get", f'echo "$@" >>"{checkout}/asked"')
    fake(checkout / "bin", "apt-cache", "exit 1")
    assert do(checkout, "serve").returncode == 1
    asked = (checkout / "asked").read_text(encoding="utf-8").splitlines()
    assert asked[0].startswith("update")
    assert asked[1].endswith("python3 python3-venv")


def test_a_finished_set_up_is_left_alone(checkout: Path) -> None:
    """The second run only calls just, with the recipe and its arguments as they were given."""
    set_up(checkout)
    (checkout / ".venv" / ".set-up" / "dev").touch()
    done = do(checkout, "lint", "--some", "two words")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-3:] == ["lint", "--some", "two words"]


def test_the_server_takes_the_place_of_the_script(checkout: Path) -> None:
    """`./do serve` becomes the server that the justfile names, so that signals and exit codes are the server's."""
    set_up(checkout)
    fake(checkout / ".venv" / "bin", "just", 'printf "server-program serve --demo"')
    fake(checkout / ".venv" / "bin", "server-program", 'printf "%s\\n" "$@"; exit 3')
    done = do(checkout, "serve", "--bind", "127.0.0.1:0", "two words")
    assert done.stdout.splitlines() == ["serve", "--demo", "--bind", "127.0.0.1:0", "two words"]
    assert done.returncode == 3


def test_a_changed_lock_makes_the_environment_anew(checkout: Path) -> None:
    """When a lock is not the one that was installed, nothing of the old environment is used."""
    set_up(checkout)
    with (checkout / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    done = do(checkout, "serve")
    assert done.returncode == 1
    assert "was not found" in done.stderr
    assert "two words" not in done.stdout


def test_the_tests_name_the_packages_that_are_missing(checkout: Path) -> None:
    """Without root, `./do test` ends with the exact command that installs what is missing."""
    set_up(checkout)
    (checkout / ".venv" / ".set-up" / "dev").touch()
    (checkout / "bin" / "id").unlink()
    fake(checkout / "bin", "id", "echo 1000")
    done = do(checkout, "test")
    assert done.returncode == 1
    assert "apt-get install -y gnupg dirmngr" in done.stderr


def test_it_does_not_inherit_another_environment(checkout: Path) -> None:
    """PYTHONPATH and an active virtual environment of the caller do not reach the recipe."""
    set_up(checkout)
    (checkout / ".venv" / ".set-up" / "dev").touch()
    fake(checkout / ".venv" / "bin", "just", 'echo "${PYTHONPATH-none} ${VIRTUAL_ENV-none}"')
    environment = {"PATH": str(checkout / "bin"), "PYTHONPATH": "/elsewhere", "VIRTUAL_ENV": "/elsewhere"}
    shell = str(checkout / "bin" / "bash")
    done = subprocess.run(
        [shell, "do", "lint"], env=environment, cwd=checkout, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "none none\n"


@pytest.mark.parametrize("script", ["do", ".ci/run"])
def test_the_scripts_are_programs(script: str) -> None:
    """Both are executable, parse, and stop at the first error."""
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
    assert "\nset -euo pipefail\n" in (ROOT / script).read_text(encoding="utf-8")


def test_the_interpreter_is_a_supported_one() -> None:
    """The tests run on a version that pyproject.toml and `./do` both accept."""
    assert (3, 11) <= sys.version_info[:2] <= (3, 13)
