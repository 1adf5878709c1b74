"""What the Python runtime makes of scripts: errors with places, the standard library over the contract, imports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from runtime.guests import run
from sdk.conformance import Event, asked, visit
from sdk.stage import Program, Stage, Subject
from sdk.test_python import runtime
from wasmpuck.errors import CallFailed
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case, Err, Ok, Result, Variant

IMPORTS = ("clock", "events", "log", "metrics", "random", "settings", "storage", "tasks")


class _File:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text


def subject(files: Mapping[str, str] | str, imports: tuple[str, ...] = IMPORTS) -> Subject:
    """A script of these files; one text is `plugin.py`."""
    texts = {"plugin.py": files} if isinstance(files, str) else files
    listed = [_File(path, text) for path, text in texts.items()]
    program = Program("probe", "1.2.3", "A probe", "plugin.py", listed, imports)
    return Subject("probe", runtime(), imports, program)


def outcome(files: Mapping[str, str] | str, imports: tuple[str, ...] = IMPORTS) -> Any:
    """What `load` says."""

    async def main() -> Any:
        stage = Stage(Subject("probe", runtime(), imports))
        async with stage.bare():
            return await stage.call("script.load", subject(files, imports).program, startup=True)

    return run(main())


def said(code: str, imports: tuple[str, ...] = IMPORTS) -> list[str]:
    """What the body of a task prints, line by line. The task must end well."""
    body = "".join(f"    {line}\n" for line in code.splitlines())
    text = f"from wasmpuck_plugin import tasks\n@tasks.task('try')\ndef attempt():\n{body}"

    async def main() -> list[str]:
        async with Stage(subject(text, imports)).instantiate({}, start=True) as stage:
            ended = await stage.call("task-handler.run", "try")
            assert ended == Case("done"), (ended, stage.logs)
            return [line for _, line, _ in stage.logs]

    return run(main())


# --- loading ---------------------------------------------------------------------------------------------------------


def test_it_names_its_language() -> None:
    """For people and reports."""

    async def main() -> str:
        stage = Stage(Subject("probe", runtime(), ()))
        async with stage.bare():
            return str(await stage.call("script.language"))

    assert re.fullmatch(r"Python 3\.1[4-9]\.[0-9]+", run(main()))


def test_check_finds_every_file_with_an_error_of_syntax() -> None:
    """With path, line, column and the kind of error; nothing is executed."""
    files = [
        _File("plugin.py", "import rules\n\n\ndef f(:\n    pass\n"),
        _File("rules.py", "raise RuntimeError('executed')\n"),
        _File("more/words.py", "if True:\nx = 1\n"),
        _File("zero.py", "a = 1\0"),
        _File("notes.txt", "def ("),
    ]

    async def main() -> Any:
        stage = Stage(Subject("probe", runtime(), ()))
        async with stage.bare():
            return await stage.call("script.check", files)

    found = {problem.path: problem for problem in run(main())}
    assert set(found) == {"plugin.py", "more/words.py", "zero.py"}
    assert (found["plugin.py"].line, found["plugin.py"].column) == (4, 7)
    assert found["plugin.py"].message.startswith("SyntaxError: ")
    assert found["plugin.py"].trace == ""
    assert found["more/words.py"].message.startswith("IndentationError: ")
    assert found["more/words.py"].line == 2


@pytest.mark.parametrize("where", ["plugin.py", "rules/names.py"])
def test_an_error_of_syntax_fails_the_load_with_its_place(where: str) -> None:
    """Also in a file that another one imports."""
    files = {"plugin.py": "from rules import names\n", "rules/names.py": "A = 1\n"}
    files[where] = "x = 1\ny = = 2\n"
    problem = outcome(files).value
    assert (problem.path, problem.line) == (where, 2)
    assert problem.message.startswith("SyntaxError: ")


def test_an_error_at_the_top_comes_with_a_traceback_that_has_the_source() -> None:
    """From the script's first frame on: the runtime's own frames are nobody's business."""
    files = {
        "plugin.py": "import rules.names\n",
        "rules/__init__.py": "",
        "rules/names.py": "def f(x):\n    return 1 / x\n\n\nf(0)\n",
    }
    found = outcome(files)
    assert found.tag == "failed"
    problem = found.value
    assert (problem.path, problem.line) == ("rules/names.py", 2)
    assert problem.message == "ZeroDivisionError: division by zero"
    assert problem.trace.splitlines()[0] == "Traceback (most recent call last):"
    assert '  File "plugin.py", line 1, in <module>\n    import rules.names\n' in problem.trace
    assert '  File "rules/names.py", line 2, in f\n    return 1 / x\n' in problem.trace
    assert "wasmpuck_runtime" not in problem.trace


def test_a_script_without_its_entry_is_refused() -> None:
    """With the name of what is missing."""
    assert outcome({"other.py": ""}).value.message == "the script has no file plugin.py"


def test_only_what_the_script_implements_is_returned() -> None:
    """In ascending order; `lifecycle` is always there."""
    assert outcome("") == Case("loaded", ["lifecycle"])
    text = """
from wasmpuck_plugin import events, formatter, handover, routes, services, tasks

@tasks.every(60)
def tidy(): pass

@events.on("key.*")
def heard(event): pass

@handover.prepare
def prepare(): return None

@routes.get("x")
def x(request): return None

@formatter.format("x", "text/plain", "x")
def render(request): return ""

@services.service("x", topics=["t"], description="x")
def serve(request): return ""
"""
    assert outcome(text).value == [
        "event-handler", "formatter", "handover", "lifecycle", "routes", "services", "task-handler",
    ]  # fmt: skip


def test_implementing_something_twice_fails_the_load() -> None:
    """With both names."""
    text = "from wasmpuck_plugin import middleware\n" + "".join(
        f"@middleware.on_request\ndef {name}(request): pass\n" for name in ("one", "two")
    )
    assert "implemented twice: by one and by two" in outcome(text).value.message


def test_files_of_the_script_can_be_imported() -> None:
    """Modules, packages with and without `__init__`, relative imports; all of them see the same module once."""
    files = {
        "plugin.py": "import rules.names\nfrom lists import words\nassert words.COUNT == rules.names.N == 1\n",
        "rules/names.py": "from lists.words import COUNT as N\n",
        "lists/__init__.py": "",
        "lists/words.py": "from .numbers import ONE\nCOUNT = ONE\n",
        "lists/numbers.py": "import sys\nassert 'lists.numbers' in sys.modules\nONE = 1\n",
    }
    assert outcome(files).tag == "loaded"


# --- the standard library --------------------------------------------------------------------------------------------


def test_time_is_the_contracts() -> None:
    """`time` and `datetime` read the host's clock, to the millisecond."""
    code = """
import time, datetime
print(time.time(), time.time_ns(), datetime.datetime.now(datetime.UTC).isoformat())
print(time.strftime("%Y-%m-%d", time.gmtime()), time.gmtime().tm_hour, datetime.date.today())
tomorrow = datetime.datetime(2026, 1, 1) + datetime.timedelta(days=1)
print(isinstance(datetime.datetime.now(), datetime.datetime), tomorrow)
print(time.monotonic() > 0, time.perf_counter() > 0)
"""
    assert said(code) == [
        "1700000000.0 1700000000000000000 2023-11-14T22:13:20+00:00",
        "2023-11-14 22 2023-11-14",
        "True 2026-01-02 00:00:00",
        "True True",
    ]


def test_no_two_instances_draw_the_same_numbers() -> None:
    """`random`, `secrets`, `uuid` and `os.urandom` come from the host, though the snapshot holds a generator's
    state.
    """
    code = """
import os, random, secrets, uuid
print(random.random(), random.Random().random(), secrets.token_hex(8), uuid.uuid4(), os.urandom(8).hex())
print(random.choice([1]), random.Random(7).random() == random.Random(7).random())
"""
    one, two = said(code), said(code)
    assert all(first != second for first, second in zip(one[0].split(), two[0].split(), strict=True))
    assert one[1] == two[1] == "1 True"


def test_without_the_grant_there_is_no_time_and_no_chance() -> None:
    """An exception that names the import, before the host is called."""
    code = """
import random, time
from wasmpuck_plugin import NotGranted, storage
for attempt in (time.time, random.random, lambda: storage.get("x")):
    try:
        attempt()
    except NotGranted as error:
        print(error.interface)
"""
    assert said(code, ("log",)) == ["clock", "random", "storage"]


def test_logging_and_warnings_are_lines_of_the_log() -> None:
    """With level, logger and traceback; without a clock too."""
    code = """
import logging, sys
logging.getLogger("rules").warning("%d things", 3)
logging.debug("quiet")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("broken")
print("half", end=" ")
print("line", file=sys.stderr)
"""

    async def main() -> list[tuple[str, str, dict[str, str]]]:
        body = "".join(f"    {line}\n" for line in code.splitlines())
        text = f"from wasmpuck_plugin import tasks\n@tasks.task('try')\ndef attempt():\n{body}"
        async with Stage(subject(text, ("log",))).instantiate({}, start=True) as stage:
            await stage.call("task-handler.run", "try")
            return stage.logs

    logs = run(main())
    assert [(level, text) for level, text, _ in logs] == [
        ("WARNING", "3 things"),
        ("ERROR", "broken"),
        ("WARNING", "line"),
        ("INFO", "half "),
    ]
    assert logs[0][2] == {"logger": "rules"}
    assert 'File "plugin.py", line 9, in attempt' in logs[1][2]["traceback"]
    assert "1 / 0" in logs[1][2]["traceback"]


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "import io; io.open('x', 'w')",
        "import io; io.FileIO('x')",
        "import pathlib; pathlib.Path('x').read_text()",
        "import os; os.listdir('/')",
        "import os; os.stat('/')",
        "import os; os.getcwd()",
        "import os; os.getpid()",
        "import socket; socket.socket()",
        "import os; os.abort()",
        "import os; os._exit(1)",
        "import time; time.sleep(1)",
        "import sqlite3; sqlite3.connect('/tmp/x').execute('create table t (a)')",
    ],
)
def test_there_is_no_operating_system(code: str) -> None:
    """What asks for one raises, and the instance lives on."""
    lines = said(f"try:\n    {code}\nexcept Exception as error:\n    print(type(error).__name__)\nprint('alive')")
    assert lines == ["PermissionError", "alive"]


def test_what_is_not_loaded_cannot_be_imported() -> None:
    """An exception instead of a trap, which a `try` around an optional import catches."""
    code = """
import importlib
for name in ("asyncio", "ctypes", "requests", "encodings.cp1140"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(error)
try:
    "x".encode("cp1140")
except LookupError as error:
    print(error)
"""
    lines = said(code)
    assert lines[0] == "the plugins' Python has no module 'asyncio': docs/sdk-python.md lists those that it has"
    assert lines[2].startswith("No module named 'requests'")
    assert lines[-1] == "unknown encoding: cp1140"


def test_errors_of_syntax_at_run_time_are_exceptions() -> None:
    """In `eval`, `exec`, `compile` and `ast.literal_eval`: each of them trapped without care."""
    code = """
import ast
attempts = [lambda: eval("1 +"), lambda: exec("def"), lambda: compile("(", "f.py", "exec")]
for attempt in [*attempts, lambda: ast.literal_eval("[")]:
    try:
        attempt()
    except SyntaxError as error:
        print(type(error).__name__)
"""
    assert said(code) == ["SyntaxError"] * 4


def test_a_useful_part_of_the_standard_library_works() -> None:
    """One line of use for each."""
    code = """
import base64, bisect, calendar, collections, configparser, csv, decimal, email.utils, fractions
import functools, gzip, hashlib, heapq, hmac, html, io, ipaddress, itertools, json, math, pprint, re
import sqlite3, statistics, string, struct, textwrap, tomllib, unicodedata, urllib.parse, uuid, zlib
from xml.etree import ElementTree
assert json.loads(json.dumps({"a": [1.5, None]})) == {"a": [1.5, None]}
assert hashlib.sha3_256(b"x").hexdigest() and hmac.digest(b"k", b"m", "sha256")
assert base64.b64decode(base64.b64encode(b"x")) == b"x"
assert gzip.decompress(gzip.compress(b"x" * 99, mtime=0)) == zlib.decompress(zlib.compress(b"x" * 99))
assert decimal.Decimal("0.1") * 3 == decimal.Decimal("0.3") and fractions.Fraction(1, 3) * 3 == 1
assert ipaddress.ip_address("2001:db8::1") in ipaddress.ip_network("2001:db8::/32")
assert tomllib.loads("a = 1979-05-27T07:32:00Z")["a"].year == 1979
assert unicodedata.normalize("NFC", "e\\u0301") == "\\xe9"
assert urllib.parse.urlsplit("https://example.org/a?b=c").netloc == "example.org"
assert email.utils.parseaddr("Alice <a@example.org>") == ("Alice", "a@example.org")
assert ElementTree.fromstring("<a><b>c</b></a>").findtext("b") == "c"
assert sqlite3.connect(":memory:").execute("select 1 + 1").fetchone() == (2,)
assert list(csv.reader(io.StringIO("a,b"))) == [["a", "b"]]
assert statistics.median([1, 3, 2]) == 2 and struct.unpack("<H", b"\\1\\0") == (1,)
assert re.sub(r"(\\w)(\\w)", r"\\2\\1", "abcd") == "badc" and math.isqrt(17) == 4
assert "x".encode("utf-16-le") and "\\xe9".encode("latin-1") == b"\\xe9" and "b\\xfccher".encode("idna")
assert uuid.uuid5(uuid.NAMESPACE_DNS, "example.org").version == 5
print("works")
"""
    assert said(code) == ["works"]


# --- calls -----------------------------------------------------------------------------------------------------------


def test_an_exception_in_a_call_is_logged_with_its_traceback_and_ends_it() -> None:
    """With the kind, the place and the source lines, causes included."""
    text = """
from wasmpuck_plugin import middleware

def deep(number):
    return {}[number]

@middleware.on_request
def judge(request):
    try:
        deep(7)
    except KeyError as error:
        raise ValueError("no such thing") from error
"""

    async def main() -> Stage:
        async with Stage(subject(text)).instantiate({}, start=True) as stage:
            with pytest.raises(CallFailed):
                await stage.call("middleware.on-request", asked())
            return stage

    ((level, line, fields),) = run(main()).logs
    assert (level, line) == ("ERROR", "middleware.on-request failed: ValueError: no such thing")
    assert fields["at"] == "plugin.py:12"
    assert 'File "plugin.py", line 5, in deep\n    return {}[number]' in fields["traceback"]
    assert "direct cause" in fields["traceback"]


def test_a_handler_that_returns_something_else_is_told_so() -> None:
    """The log names what it returned."""
    text = "from wasmpuck_plugin import middleware\n@middleware.on_request\ndef judge(request): return 403\n"

    async def main() -> Stage:
        async with Stage(subject(text)).instantiate({}, start=True) as stage:
            with pytest.raises(CallFailed):
                await stage.call("middleware.on-request", asked())
            return stage

    assert "on_request returned int, which is no verdict" in run(main()).told("verdict")[0]


def test_failures_that_the_contract_has_are_no_traps() -> None:
    """Of `init`, `start`, `self-test`, health, tasks and events; the instance stays usable."""
    text = """
from wasmpuck_plugin import events, lifecycle, tasks

@lifecycle.start
def start(): raise lifecycle.Unavailable("the moon")

@lifecycle.self_test
def test(): assert 1 == 2, "numbers"

@lifecycle.health
def health(): raise OSError("ill")

@tasks.task("t")
def task(): raise RuntimeError("tired")

@events.on("a.*")
def heard(event): raise RuntimeError("deaf")
"""

    async def main() -> None:
        async with Stage(subject(text)).instantiate({}, start=False) as stage:
            assert await stage.call("lifecycle.start") == Err(Case("unavailable", "the moon"))
            assert await stage.call("lifecycle.self-test") == Err(Case("other", "AssertionError: numbers"))
            assert await stage.call("lifecycle.health") == Case("failing", "OSError: ill")
            assert await stage.call("task-handler.run", "t") == Case("failed", "RuntimeError: tired")
            event = Event("a.b", "x", "{}", 1e12)
            assert await stage.call("event-handler.handle", event) == Case("failed", "RuntimeError: deaf")
            assert len(stage.told("traceback")) == 4

    run(main())


def test_answers_of_routes() -> None:
    """Text, bytes, JSON, nothing, a response with a status; `*` and methods; a wrong method is not found."""
    text = """
from wasmpuck_plugin import routes

@routes.get("text")
def text(request): return "grüß"

@routes.get("bytes")
def data(request): return b"\\xff"

@routes.post("json")
def answer(request): return {"got": request.json()}

@routes.get("/all/*")
def everything(request): return routes.Response(201, request.rest, {"X-Rest": request.rest})
"""

    async def main() -> None:
        async with Stage(subject(text)).instantiate({}, start=True) as stage:

            async def ask(path: str, method: str = "GET", rest: str = "", body: Any = None) -> Any:
                request = visit("")._replace(path=path, method=method, rest=rest, body=body or Case("empty"))
                return await stage.call("routes.handle", request)

            found = await ask("/plugins/probe/text")
            assert found.value.body == Case("text", "grüß")
            assert (await ask("/plugins/probe/text", "HEAD")).tag == "respond"
            assert (await ask("/plugins/probe/bytes")).value.body == Case("bytes", b"\xff")
            posted = await ask("/plugins/probe/json", "POST", body=Case("text", "[1]"))
            assert posted.value.body == Case("text", '{"got": [1]}')
            assert (await ask("/plugins/probe/json")).tag == "not-found"
            found = await ask("/all/a/b", rest="a/b")
            assert (found.value.status, found.value.headers) == (201, [("x-rest", "a/b")])

    run(main())


# --- what the host refuses -------------------------------------------------------------------------------------------

#: One call of each import that can be refused, and the class of its exceptions.
_USES = {
    "storage": ("storage.set('k', 'v')", "storage.StorageError"),
    "metrics": ("metrics.Counter(metrics.Declaration('m', 'counter', 'M')).add()", "metrics.MetricsError"),
    "tasks": ("tasks.schedule('t', every=60)", "tasks.TasksError"),
    "events": ("events.publish('a.b', 'x')", "events.EventsError"),
    "messaging": ("messaging.call('peer', 'topic')", "messaging.MessagingError"),
    "shared": ("shared.counter_add('c')", "shared.SharedError"),
    "keys": ("keys.count()", "keys.KeysError"),
    "key-admin": ("key_admin.submit('armor')", "key_admin.KeyAdminError"),
    "http-client": ("http_client.get('https://example.org/')", "http_client.HTTPError"),
    "files": ("files.open('geo')", "files.FilesError"),
    "secrets": ("secrets.reveal('key')", "secrets.SecretsError"),
    "responder": ("responder.begin(200)", "responder.ResponderError"),
}


def _cases() -> list[tuple[str, str, bool]]:
    found = []
    for interface in _USES:
        error = load_contract()[interface].types["error"]
        assert isinstance(error, Variant)
        found += [(interface, tag, payload is not None) for tag, payload in error.cases]
    return found


class _Refusing:
    """An import of which every function with a result refuses."""

    def __init__(self, interface: str, case: Case) -> None:
        known = load_contract()[interface]
        self.functions = {name for name in known.functions if not name.startswith("[")}
        owned = {name.partition("]")[2].partition(".")[0] for name in known.functions if name.startswith("[")}
        methods = {
            name.partition(".")[2].replace("-", "_"): lambda *_: None for name in known.functions if name[0] == "["
        }
        self.resources = {name: type("Handle", (), methods) for name in owned}
        for name in self.functions:
            refuses = isinstance(known.functions[name].result, Result)
            setattr(self, name.replace("-", "_"), lambda *_, refuses=refuses: Err(case) if refuses else Ok())


def test_every_refusal_is_an_exception_of_its_own() -> None:
    """Each case of each import's error comes out as the class that is named after it, with what it carries."""
    for interface in _USES:
        use, base = _USES[interface]
        cases = [(tag, carries) for name, tag, carries in _cases() if name == interface]
        text = f"""
from wasmpuck_plugin import HostError, log, {use.partition(".")[0]}, tasks

@tasks.task("try")
def attempt():
    try:
        {use}
    except {base} as error:
        kind = "".join(part.capitalize() for part in error.tag.split("-"))
        assert type(error) is getattr({base}, kind)
        log.info("caught", tag=error.tag, detail=error.detail, text=str(error))
"""
        imports = tuple(sorted({interface, "log"}))

        async def main(
            text: str = text,
            imports: tuple[str, ...] = imports,
            interface: str = interface,
            cases: list[tuple[str, bool]] = cases,
        ) -> None:
            for tag, carries in cases:
                detail: Any = ("code", "words") if (interface, tag) == ("key-admin", "refused") else "words"
                case = Case(tag, detail if carries else None)
                stage = Stage(subject(text, imports), replaced={interface: _Refusing(interface, case)})
                async with stage.instantiate({}, start=interface not in ("tasks", "events")):
                    assert await stage.call("task-handler.run", "try") == Case("done"), (interface, tag, stage.logs)
                fields = stage.logs[-1][2]
                assert fields["tag"] == tag
                assert fields["detail"] == (str(detail) if carries else "None")
                assert fields["text"].endswith("words)" if carries else ".")

        run(main())
