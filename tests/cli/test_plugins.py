"""`wasmpuck plugins`, against a listener that answers like a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import AdminListener, Command

ROWS = [
    {
        "name": "ratelimit-window",
        "version": "0.1.0",
        "state": "running",
        "generation": 3,
        "signer": "Demonstration",
        "worlds": ["middleware", "task-handler"],
        "reason": "",
        "more": 1,
    },
    {"name": "broken", "state": "refused", "reason": "unsigned: no \x1b[31m[red]signature[/red]"},
]


def test_list_shows_a_table_that_a_plugin_cannot_forge(wasmpuck: Command, admin: AdminListener) -> None:
    """The table has one line a plugin; text from plugins is shown with its control characters and brackets escaped."""
    admin.answers["/admin/plugins"] = (200, ROWS)
    lines = wasmpuck.ok("plugins", "list", "--data", "data").splitlines()
    (line,) = [line for line in lines if "ratelimit-window" in line]
    assert line.split() == ["ratelimit-window", "0.1.0", "running", "3", "Demonstration", "middleware,", "task-handler"]
    assert any("unsigned: no \\x1b[31m[red]signature[/red]" in line for line in lines)


def test_list_as_json_has_the_same_keys_for_every_plugin(wasmpuck: Command, admin: AdminListener) -> None:
    """Programs get each plugin's name, version, state and so on, null where nothing is known."""
    admin.answers["/admin/plugins"] = (200, ROWS)
    rows = json.loads(wasmpuck.ok("plugins", "list", "--json", "--data", "data"))
    assert [list(row) for row in rows] == [
        ["name", "version", "state", "health", "generation", "kind", "runtime", "signer", "worlds", "reason"]
        for _ in ROWS
    ]
    assert rows[0]["worlds"] == ["middleware", "task-handler"]
    assert rows[1]["generation"] is None


TRACEBACK = "script-failed: a 1.0.0: plugin.py:3: NameError: x\nTraceback (most recent call last):\n  \x1b[2J"


def test_of_a_traceback_the_table_shows_what_happened(wasmpuck: Command, admin: AdminListener) -> None:
    """The table keeps one line a plugin; the answer to a swap has every line, with control characters escaped."""
    admin.answers["/admin/plugins"] = (200, [{"name": "a", "state": "failed", "reason": TRACEBACK}])
    lines = wasmpuck.ok("plugins", "list", "--data", "data").splitlines()
    (line,) = [line for line in lines if "NameError" in line]
    assert line.rstrip().endswith("plugin.py:3: NameError: x")
    assert not any("Traceback" in line for line in lines)
    outcome = {"name": "a", "what": "refused", "version": "", "generation": 0, "reason": TRACEBACK, "hint": ""}
    admin.answers["/admin/plugins/a/swap"] = (409, outcome)
    done = wasmpuck("plugins", "swap", "a", "--data", "data")
    assert "NameError: x\nTraceback (most recent call last):\n  \\x1b[2J" in done.stderr


def test_runtimes_are_a_table_or_json(wasmpuck: Command, admin: AdminListener) -> None:
    """Language runtimes are listed like plugins, with those that run on each."""
    used = {"name": "python", "version": "0.1.0", "state": "in use", "plugins": ["a", "b"], "file": "python.wasm"}
    admin.answers["/admin/runtimes"] = (200, [used, {"name": "x", "state": "refused", "reason": "unsigned: no"}])
    text = wasmpuck.ok("plugins", "runtimes", "--data", "data")
    (line,) = [line for line in text.splitlines() if "python" in line]
    assert line.split() == ["python", "0.1.0", "in", "use", "python.wasm", "a,", "b"]
    rows = json.loads(wasmpuck.ok("plugins", "runtimes", "--json", "--data", "data"))
    assert list(rows[1]) == ["name", "version", "state", "language", "file", "signer", "plugins", "reason"]
    admin.answers["/admin/runtimes"] = (200, [])
    assert wasmpuck.ok("plugins", "runtimes", "--data", "data") == "no runtimes\n"


def test_an_empty_list_says_so(wasmpuck: Command, admin: AdminListener) -> None:
    """Without plugins there is a sentence, or an empty JSON list."""
    admin.answers["/admin/plugins"] = (200, [])
    assert wasmpuck.ok("plugins", "list", "--data", "data") == "no plugins\n"
    assert json.loads(wasmpuck.ok("plugins", "list", "--json", "--data", "data")) == []


@pytest.mark.parametrize("folder", ["wasmpuck-data", ".data"])
def test_the_usual_data_folders_are_looked_at(wasmpuck: Command, admin: AdminListener, folder: str) -> None:
    """Without options, a server in the default or the demonstration folder is found."""
    admin.data_dir.rename(wasmpuck.folder / folder)
    admin.answers["/admin/plugins"] = (200, [])
    wasmpuck.ok("plugins", "list")


def test_the_configuration_names_the_data_folder(wasmpuck: Command, admin: AdminListener) -> None:
    """With --config the file's `dataDir` counts."""
    (wasmpuck.folder / "w.toml").write_text('[server]\ndataDir = "data"\n')
    admin.answers["/admin/plugins"] = (200, [])
    wasmpuck.ok("plugins", "list", "--config", "w.toml")


PUBLISHED = {"name": "rate-limit2", "what": "published", "version": "0.2.0", "generation": 4, "reason": "", "hint": ""}
REFUSED = {
    "name": "rate-limit2",
    "what": "refused",
    "version": "",
    "generation": 0,
    "reason": "unsigned",
    "hint": "sign it",
}
SWAP = "/admin/plugins/rate-limit2/swap"


def test_swapping_a_name_tells_the_new_generation(wasmpuck: Command, admin: AdminListener) -> None:
    """Swapping a name posts to that plugin, and says what came of it."""
    admin.answers[SWAP] = (200, PUBLISHED)
    shown = wasmpuck.ok("plugins", "swap", "rate-limit2", "--data", "data")
    assert shown == "rate-limit2 0.2.0: published as generation 4\n"
    assert admin.requests == [("POST", SWAP)]


@pytest.fixture
def folder(wasmpuck: Command) -> Path:
    """The plugin folder of the configuration `w.toml`, with an old file in it."""
    (wasmpuck.folder / "w.toml").write_text('[server]\ndataDir = "data"\n[plugins]\ndirectory = "installed"\n')
    folder = wasmpuck.folder / "installed"
    folder.mkdir()
    (folder / "rate-limit2.wasm").write_bytes(b"old")
    return folder


@pytest.mark.parametrize("file", ["rate-limit2.wasm", "rate-limit2-1.2.3.wasm", "rate-limit2-1.2.3-beta.1.wasm"])
def test_a_file_is_installed_under_the_name_that_it_carries(
    wasmpuck: Command, admin: AdminListener, folder: Path, file: str
) -> None:
    """Swapping a file puts it into the plugin folder, without the version in its name, before the server is asked."""
    (wasmpuck.folder / file).write_bytes(b"new")
    admin.answers[SWAP] = (200, PUBLISHED)
    wasmpuck.ok("plugins", "swap", f"./{file}", "--config", "w.toml")
    assert admin.requests == [("POST", SWAP)]
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("rate-limit2.wasm", b"new")]


@pytest.mark.parametrize("answer", [(409, REFUSED), (500, b"oops"), (404, {"message": "there is no plugin"})])
@pytest.mark.parametrize("before", [True, False])
def test_a_file_that_the_server_does_not_take_is_taken_back(
    wasmpuck: Command, admin: AdminListener, folder: Path, answer: tuple[int, object], before: bool
) -> None:
    """When the swap fails, the folder is as it was, and the exit code is 1."""
    (wasmpuck.folder / "rate-limit2.wasm").write_bytes(b"new")
    if not before:
        (folder / "rate-limit2.wasm").unlink()
    admin.answers[SWAP] = answer
    assert wasmpuck("plugins", "swap", "./rate-limit2.wasm", "--config", "w.toml").exit_code == 1
    assert [path.read_bytes() for path in folder.iterdir()] == [b"old"] * before


def test_a_folder_that_cannot_be_written_is_named(wasmpuck: Command, admin: AdminListener, folder: Path) -> None:
    """When the file cannot be put into the folder, nothing is asked of the server and nothing is changed."""
    (wasmpuck.folder / "rate-limit2.wasm").write_bytes(b"new")
    (folder / ".rate-limit2.wasm.new").mkdir()
    result = wasmpuck("plugins", "swap", "./rate-limit2.wasm", "--config", "w.toml")
    assert result.exit_code == 1
    assert ".rate-limit2.wasm.new: Is a directory" in result.stderr
    assert (folder / "rate-limit2.wasm").read_bytes() == b"old"
    assert not admin.requests


def test_a_file_needs_a_configuration(wasmpuck: Command, admin: AdminListener) -> None:
    """Without --config or --demo nobody knows the plugin folder: exit code 2."""
    (wasmpuck.folder / "rate-limit2.wasm").write_bytes(b"new")
    result = wasmpuck("plugins", "swap", "./rate-limit2.wasm", "--data", "data")
    assert result.exit_code == 2
    assert "--config" in result.stderr


@pytest.mark.parametrize(
    ("argument", "words"),
    [("absent.wasm", "No such file"), ("./No Name.wasm", "not named like a plugin"), ("./text", "not named like")],
)
def test_a_file_that_cannot_be_sent_is_named(
    wasmpuck: Command, admin: AdminListener, argument: str, words: str
) -> None:
    """A missing file and a wrong name end with a message before anything is sent."""
    result = wasmpuck("plugins", "swap", argument, "--data", "data")
    assert result.exit_code == 1
    assert words in result.stderr
    assert not admin.requests


def test_a_name_cannot_change_the_path(wasmpuck: Command, admin: AdminListener) -> None:
    """Odd characters of a name stay inside the name."""
    result = wasmpuck("plugins", "swap", "a?b#c%", "--data", "data")
    assert result.exit_code == 1
    assert admin.requests[0][1] == "/admin/plugins/a%3Fb%23c%25/swap"


def test_reload_tells_what_came_of_each_plugin(wasmpuck: Command, admin: AdminListener) -> None:
    """Reloading posts, and says what became of each plugin; with nothing to do it says that."""
    gone = {"name": "x", "what": "disabled", "reason": "its file is gone"}
    admin.answers["/admin/reload"] = (200, [PUBLISHED, gone])
    shown = wasmpuck.ok("plugins", "reload", "--data", "data")
    assert shown == "rate-limit2 0.2.0: published as generation 4\nx: disabled: its file is gone\n"
    admin.answers["/admin/reload"] = (200, [])
    assert wasmpuck.ok("plugins", "reload", "--data", "data") == "nothing to change\n"


def test_a_refused_plugin_is_an_error_beside_the_others(wasmpuck: Command, admin: AdminListener) -> None:
    """What was done is on standard output, what was refused with its hint on standard error, and the exit code is 1."""
    admin.answers["/admin/reload"] = (409, [{**PUBLISHED, "name": "other"}, REFUSED])
    result = wasmpuck("plugins", "reload", "--data", "data")
    assert result.exit_code == 1
    assert result.stdout == "other 0.2.0: published as generation 4\n"
    assert result.stderr == "wasmpuck: rate-limit2: refused: unsigned\nhint: sign it\n"


def test_the_servers_own_reason_is_shown(wasmpuck: Command, admin: AdminListener) -> None:
    """An error is rendered as the server's message and hint, exit code 1, without a traceback."""
    admin.answers["/admin/plugins/x/swap"] = (404, {"message": "there is no plugin x", "hint": "put x.wasm there"})
    result = wasmpuck("plugins", "swap", "x", "--data", "data")
    assert result.exit_code == 1
    assert result.stderr == "wasmpuck: there is no plugin x\nhint: put x.wasm there\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [((500, b"oops"), "status 500"), ((200, b"<html>"), "something else than JSON"), ((403, {}), "refused the token")],
)
def test_an_answer_that_is_not_understood_is_an_error(
    wasmpuck: Command, admin: AdminListener, answer: tuple[int, object], words: str
) -> None:
    """Other statuses and other content end with a message, not with a traceback."""
    admin.answers["/admin/plugins"] = answer
    result = wasmpuck("plugins", "list", "--data", "data")
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_running_server_the_message_says_what_to_do(wasmpuck: Command) -> None:
    """No `server.json` means no server: the folder is named, and how to name another."""
    result = wasmpuck("plugins", "list", "--data", "data")
    assert result.exit_code == 1
    assert f"no server runs with the data folder {wasmpuck.folder / 'data'}" in result.stderr
    assert "hint: start one with `wasmpuck serve`" in result.stderr


def test_a_server_that_is_gone_is_told_apart(wasmpuck: Command, admin: AdminListener) -> None:
    """A left-over `server.json` names the process and the address that do not answer."""
    admin.describe(admin="http://127.0.0.1:1")
    result = wasmpuck("plugins", "list", "--data", "data")
    assert result.exit_code == 1
    assert "(process 42) does not answer at http://127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("text", ["", "[]", '{"pid": 1}', '{"pid": "x", "admin": "http://h"}'])
def test_a_broken_description_is_an_error(wasmpuck: Command, admin: AdminListener, text: str) -> None:
    """A `server.json` of another shape ends with a message."""
    (admin.data_dir / "server.json").write_text(text)
    result = wasmpuck("plugins", "list", "--data", "data")
    assert result.exit_code == 1
    assert "does not describe a server" in result.stderr


def test_a_wrong_token_is_refused(wasmpuck: Command, admin: AdminListener) -> None:
    """The token of the data folder is what is sent; when the server refuses it, the message says so."""
    (admin.data_dir / "admin.token").write_text("wrong")
    result = wasmpuck("plugins", "list", "--data", "data")
    assert result.exit_code == 1
    assert "refused the token" in result.stderr


def test_a_token_of_another_user_is_an_error(wasmpuck: Command, admin: AdminListener) -> None:
    """A token that cannot be read (here: a folder) names the file and the remedy."""
    (admin.data_dir / "admin.token").unlink()
    (admin.data_dir / "admin.token").mkdir()
    result = wasmpuck("plugins", "list", "--data", "data")
    assert result.exit_code == 1
    assert "admin.token" in result.stderr
    assert "as the user that runs the server" in result.stderr
