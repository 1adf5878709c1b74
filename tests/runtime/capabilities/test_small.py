"""`clock`, `random`, `settings` and `log`."""

from __future__ import annotations

import logging

import pytest

from runtime.capabilities.stand import Surroundings
from wasmpuck.runtime.capabilities.clock import Clock
from wasmpuck.runtime.capabilities.log import Log
from wasmpuck.runtime.capabilities.random import Random
from wasmpuck.runtime.capabilities.settings import Settings


def test_time_comes_in_whole_milliseconds() -> None:
    """Both clocks are rounded down to a millisecond, so that a guest cannot measure the host."""
    around = Surroundings(1_700_000_000.1239)
    clock = Clock(around.context())
    assert clock.now() == clock.monotonic() == 1_700_000_000_123.0
    around.now += 0.0005
    assert clock.now() == 1_700_000_000_124.0


def test_random_bytes_are_random_and_bounded() -> None:
    """As many bytes as asked for, at most 4,096, never the same twice; numbers have 32 bits."""
    source = Random(Surroundings().context())
    assert [len(source.bytes(count)) for count in (0, 1, 4096, 4097, 2**32 - 1)] == [0, 1, 4096, 4096, 4096]
    assert source.bytes(32) != source.bytes(32)
    numbers = {source.number() for _ in range(100)}
    assert len(numbers) > 90
    assert all(0 <= number < 2**32 for number in numbers)


SETTINGS = '{"domains":{"allow":["é"],"deny":[]},"limit":7,"off":false,"text":"a \\"b\\""}'


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("limit", "7"),
        ("off", "false"),
        ("text", '"a \\"b\\""'),
        ("domains", '{"allow":["é"],"deny":[]}'),
        ("domains.allow", '["é"]'),
        ("domains.deny", "[]"),
        ("domains.other", None),
        ("domains.allow.0", None),
        ("limit.x", None),
        ("Limit", None),
        ("", None),
        (".", None),
        ("domains.", None),
    ],
)
def test_settings_by_dotted_key(key: str, text: str | None) -> None:
    """A path of keys leads to a value's JSON text; what is not there is none, also behind a value that is no table."""
    assert Settings(Surroundings().context(SETTINGS)).get(key) == text


def test_all_settings_are_the_text_as_configured() -> None:
    """The whole table is the same text that `init` gets."""
    assert Settings(Surroundings().context(SETTINGS)).get_all() == SETTINGS


LOGGER = "wasmpuck.plugin.probe"


def test_lines_carry_the_plugin(caplog: pytest.LogCaptureFixture) -> None:
    """A line goes to the plugin's logger with its level, name, version and fields."""
    log = Log(Surroundings().context(log_rate=100))
    with caplog.at_level(logging.DEBUG, LOGGER):
        for level in ("trace", "debug", "info", "warn", "error", "critical"):
            log.write(level, "100% of %s", [("key", "value")])
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    assert {record.getMessage() for record in caplog.records} == {"100% of %s"}
    record = caplog.records[0].__dict__
    assert (record["plugin"], record["version"], record["fields"]) == ("probe", "1.0.0", {"key": "value"})


def test_lines_above_the_rate_are_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A flood is cut to the burst, counted, and owned up to in one line when there is room again."""
    around = Surroundings()
    log = Log(around.context(log_rate=2))
    with caplog.at_level(logging.DEBUG, LOGGER):
        for number in range(100):
            log.write("info", f"line {number}", [])
        assert len(caplog.records) == 20  # ten seconds' worth
        assert around.series.dropped_log_lines == 80
        around.now += 1.0
        log.write("info", "again", [])
    assert [record.getMessage() for record in caplog.records[20:]] == [
        "80 log lines above the rate were dropped",
        "again",
    ]
    assert caplog.records[20].levelname == "WARNING"


def test_lines_of_a_level_that_is_off_still_count(caplog: pytest.LogCaptureFixture) -> None:
    """A guest cannot flood the host with lines that nobody sees."""
    around = Surroundings()
    log = Log(around.context(log_rate=1))
    with caplog.at_level(logging.ERROR, LOGGER):
        for _ in range(15):
            log.write("debug", "quiet", [])
    assert not caplog.records
    assert around.series.dropped_log_lines == 5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 61 + "…"),
        ("é" * 32, "é" * 32),
        ("é" * 33, "é" * 30 + "…"),
        ("\U0001f600" * 17, "\U0001f600" * 15 + "…"),
        ("", ""),
    ],
)
def test_long_lines_are_cut_at_a_character(caplog: pytest.LogCaptureFixture, text: str, shown: str) -> None:
    """A line has at most as many bytes as granted; a cut is marked and never splits a character."""
    log = Log(Surroundings().context(log_line_bytes=64))
    with caplog.at_level(logging.DEBUG, LOGGER):
        log.write("info", text, [])
    assert caplog.records[0].getMessage() == shown
    assert len(shown.encode()) <= 64


def test_fields_share_the_length_of_the_line(caplog: pytest.LogCaptureFixture) -> None:
    """Fields take what the message left, sixteen of them at most, with keys of at most 64 bytes."""
    log = Log(Surroundings().context(log_line_bytes=100))
    with caplog.at_level(logging.DEBUG, LOGGER):
        log.write("info", "m" * 50, [("key", "é" * 100), ("late", "x")])
        log.write("info", "m", [(str(number), "v") for number in range(40)])
        log.write("info", "m", [("k" * 70, "v")])
        log.write("info", "m" * 200, [("key", "value")])
    fields = [record.__dict__.get("fields", {}) for record in caplog.records]
    assert list(fields[0]) == ["key"]
    assert fields[0]["key"].endswith("…")
    assert 96 <= 50 + len("key") + len(fields[0]["key"].encode()) <= 100
    assert len(fields[1]) == 16
    assert [len(key.encode()) for key in fields[2]] == [64]
    assert fields[3] == {}
