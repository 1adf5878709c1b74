"""Log lines for people and for programs."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck import logs

NASTY = st.text(st.characters(), max_size=40)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Puts logging and the hooks back as they were."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], sys.excepthook, threading.excepthook = before[0], before[2], before[3]
    root.setLevel(before[1])
    logging.captureWarnings(False)


def record(message: object, *args: object, **extra: object) -> logging.LogRecord:
    """A record as `logger.warning(message, *args, extra=extra)` makes it."""
    return logging.getLogger("wasmpuck.test").makeRecord(
        "wasmpuck.test", logging.WARNING, "file.py", 1, message, args, None, extra=extra
    )


def test_a_text_line_has_time_level_logger_message_and_fields() -> None:
    """A line for people shows everything once, values that are not one word in quotation marks."""
    one = record("loaded %d", 2, plugin="ratelimit", why="a b", empty="", quote='"\\')
    one.created = 1_700_000_000.1239
    assert logs.TextFormatter().format(one) == (
        '2023-11-14T22:13:20.123Z WARNING wasmpuck.test: loaded 2 plugin=ratelimit why="a b" empty="" quote="\\"\\\\"'
    )


def test_a_json_line_keeps_fields_apart_and_typed() -> None:
    """A line for programs has the fields beside the message, with their JSON types."""
    fields: dict[str, object] = {"calls": 3, "share": 0.5, "on": True, "nothing": None, "list": [1, ("a",)]}
    fields |= {"map": {1: b"x"}, "endless": float("inf"), "other": object}
    entry = json.loads(logs.JSONFormatter().format(record("loaded %d", 2, **fields)))
    assert (entry["level"], entry["logger"], entry["message"]) == ("warning", "wasmpuck.test", "loaded 2")
    assert (entry["calls"], entry["share"], entry["on"], entry["nothing"]) == (3, 0.5, True, None)
    assert (entry["list"], entry["map"], entry["endless"]) == ([1, ["a"]], {"1": "b'x'"}, "inf")
    assert entry["other"] == "<class 'object'>"


def test_a_field_cannot_take_the_place_of_a_standard_key() -> None:
    """Fields named like our own keys are kept under another name."""
    entry = json.loads(logs.JSONFormatter().format(record("real", level="forged", time="never")))
    assert (entry["level"], entry["level_"], entry["time_"]) == ("warning", "forged", "never")


@given(NASTY, NASTY)
def test_no_text_breaks_out_of_its_line(message: str, value: str) -> None:
    """Whatever a message or a field holds, each format makes exactly one line, printable in text."""
    text = logs.TextFormatter().format(record("%s", message, field=value))
    assert text.isprintable()
    line = logs.JSONFormatter().format(record("%s", message, field=value))
    assert line.isascii()
    assert line.isprintable()
    assert (json.loads(line)["message"], json.loads(line)["field"]) == (message, value)


def test_a_traceback_is_behind_a_bar() -> None:
    """The lines of an exception, also forged ones in its text, never look like log lines."""
    try:
        raise ValueError("one\n2026-01-01T00:00:00.000Z INFO forged: line\x1b[31m")
    except ValueError:
        one = record("failed")
        one.exc_info = sys.exc_info()
    first, *rest = logs.TextFormatter().format(one).split("\n")
    assert first.endswith("failed")
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)
    assert any("forged" in line for line in rest)
    assert "forged" in json.loads(logs.JSONFormatter().format(one))["exception"]


def test_a_stack_and_a_cached_traceback_are_shown() -> None:
    """`stack_info` and an already formatted exception are not lost."""
    one = record("here")
    one.exc_text, one.stack_info = "Cached: error", "Stack: frames"
    text = logs.TextFormatter().format(one)
    assert "    | Cached: error" in text
    assert "    | Stack: frames" in text


def test_a_record_that_cannot_be_formatted_is_shown_raw() -> None:
    """Wrong arguments and objects without text cost no line."""

    class Unshowable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "%d of nothing ('x',)" in logs.TextFormatter().format(record("%d of nothing", "x"))
    assert "Unshowable that cannot be shown" in logs.TextFormatter().format(record("m", field=Unshowable()))


def test_configuring_twice_logs_once_in_the_last_format() -> None:
    """A second call replaces the first, level and stream included."""
    first, second = io.StringIO(), io.StringIO()
    logs.configure("text", "debug", first)
    logs.configure("json", "warning", second)
    logging.getLogger("wasmpuck.test").info("quiet")
    logging.getLogger("wasmpuck.test").warning("loud")
    assert first.getvalue() == ""
    assert [json.loads(line)["message"] for line in second.getvalue().splitlines()] == ["loud"]


def test_python_warnings_are_logged() -> None:
    """A warning of a library becomes a log line."""
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", UserWarning, stacklevel=1)
    assert "old thing" in json.loads(stream.getvalue())["message"]


def test_an_exception_in_a_thread_is_logged_once() -> None:
    """An exception that ends a thread is one record with its traceback; SystemExit is none."""
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    for error in (ValueError("lost"), SystemExit(0)):

        def fail(error: BaseException = error) -> None:
            raise error

        thread = threading.Thread(target=fail, name="worker")
        thread.start()
        thread.join()
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["thread_name"]) == ("critical", "worker")
    assert "ValueError: lost" in entry["exception"]


@pytest.mark.parametrize(("error", "lines"), [("ValueError('lost')", 1), ("KeyboardInterrupt()", 0)])
def test_an_uncaught_exception_is_logged_once(error: str, lines: int) -> None:
    """An exception that ends the process is one JSON line on standard error; an interrupt is Python's own."""
    program = f"from wasmpuck import logs; logs.configure('json'); raise {error}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    found = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    assert len(found) == lines
    assert ended.stderr.count("ValueError: lost") == lines
