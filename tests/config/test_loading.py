"""Loading a configuration: defaults, sources and every kind of mistake."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import tomltext
from wasmpuck.config import Address, load, parse
from wasmpuck.config.fields import settings_of
from wasmpuck.config.loading import SECTIONS
from wasmpuck.config.plugins import PluginDefaults, PluginLimits, PluginSecuritySettings, PluginTable
from wasmpuck.errors import ConfigurationError, ConfigurationProblem

COMPLETE = """\
[server]
bind = "127.0.0.1:0"
adminBind = "[::1]:9000"
dataDir = "/srv/keys"
hostname = "keys.example.org"
trustedProxies = ["10.0.0.0/8", "::1"]
profile = "demonstration"
logFormat = "json"
logLevel = "debug"
drainTimeout = "1m30s"

[http]
maxBodyBytes = 1_000_000
headerTimeout = "2.5s"

[storage]
seed = ["first.asc", "/second.asc"]

[plugins]
loadOrder = ["security", "ratelimit-ml"]
autoLoad = false
watchInterval = "250ms"

[plugins.security]
allowDemonstrationKeys = true
maxMemoryMB = 512

[plugins.defaults]
fuel = 20_000
failure = "closed"
"""


def problems_of(text: str) -> list[ConfigurationProblem]:
    """What is wrong with a text that must not load."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, file="test.toml")
    return caught.value.problems


def only_problem(text: str) -> ConfigurationProblem:
    """The one thing that is wrong with a text."""
    (problem,) = problems_of(text)
    return problem


def test_no_file_means_defaults() -> None:
    """Without a file every setting has its default, and paths are absolute."""
    configuration = load(None, environment={})
    assert configuration.server.bind == Address("", 11371)
    assert str(configuration.server.admin_bind) == "127.0.0.1:11372"
    assert configuration.server.profile == "production"
    assert configuration.storage.path == Path.cwd() / "wasmpuck-data" / "keys.sqlite"
    assert configuration.plugins.security.verify_signatures
    assert not configuration.plugins.security.allow_unsigned
    assert configuration.plugins.load_timeout == 30.0


def test_a_complete_file_is_read(tmp_path: Path) -> None:
    """Values of every kind arrive typed, and relative paths start from the file's folder."""
    file = tmp_path / "wasmpuck.toml"
    file.write_text(COMPLETE)
    configuration = load(file, environment={})
    assert configuration.server.bind == Address("127.0.0.1", 0)
    assert configuration.server.admin_bind == Address("::1", 9000)
    assert configuration.server.trusted_proxies == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    assert configuration.server.drain_timeout == 90.0
    assert configuration.http.max_body_bytes == 1_000_000
    assert configuration.http.header_timeout == 2.5
    assert configuration.storage.path == Path("/srv/keys/keys.sqlite")
    assert configuration.storage.seed == (tmp_path / "first.asc", Path("/second.asc"))
    assert configuration.plugins.load_order == ("security", "ratelimit-ml")
    assert configuration.plugins.watch_interval == 0.25
    assert configuration.plugins.directory == tmp_path / "plugins"
    assert configuration.plugins.security.max_memory_mb == 512
    assert configuration.plugin("unheard-of").limits.fuel == 20_000
    assert configuration.plugin("unheard-of").fail_closed


def test_the_http_settings_repeat_those_of_the_server() -> None:
    """The public listener learns name, proxies and drain time from `[server]`."""
    http = parse('[server]\nhostname = "a.example"\ntrustedProxies = ["10.1.0.0/16"]\ndrainTimeout = "3s"\n').http
    assert http.hostname == "a.example"
    assert http.trusted_proxies == (ipaddress.ip_network("10.1.0.0/16"),)
    assert http.shutdown_timeout == 3.0


def test_every_default_is_valid_by_its_own_kind() -> None:
    """Each default, written as the reference shows it, loads and gives itself."""
    tables = {**SECTIONS, "plugins.security": PluginSecuritySettings, "plugins.defaults": PluginDefaults}
    text = ""
    for name, cls in tables.items():
        text += f"[{name}]\n"
        text += "".join(f"{each.key} = {each.default_text}\n" for each in settings_of(cls) if not each.shown)
    assert parse(text) == parse("")


def test_every_setting_has_a_sentence_and_every_number_a_unit() -> None:
    """No setting is without an explanation that ends with a full stop, and no limit without its unit."""
    for cls in (*SECTIONS.values(), PluginSecuritySettings, PluginDefaults, PluginLimits, PluginTable):
        for each in settings_of(cls):
            assert each.sentence.endswith("."), each
            if isinstance(each.default, int | float) and not isinstance(each.default, bool):
                assert each.kind.unit, each


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ('[server]\n\nbnd = ":1"', 3, "server.bnd", ["unknown key", "did you mean bind?"]),
        ('bind = ":1"', 1, "bind", ["unknown key", "it belongs into [server]"]),
        ("[sevrer]", 1, "sevrer", ["unknown table", "did you mean server?"]),
        ("server = 3", 1, "server", ["expected a table", "the whole number 3"]),
        ("[server]\nbind = 11371", 2, "server.bind", ["expected an address", "11371"]),
        ('[server]\nbind = "::1:80"', 2, "server.bind", ["brackets"]),
        ('[server]\nbind = "[zz::1]:80"', 2, "server.bind", ["expected an address"]),
        ('[server]\nbind = "[1::2::3]:80"', 2, "server.bind", ["not an IPv6 address"]),
        ('[server]\nbind = ":70000"', 2, "server.bind", ["above 65535"]),
        ("[server]\ndrainTimeout = 30", 2, "server.drainTimeout", ["has no unit", '"30s"']),
        ('[server]\ndrainTimeout = "30"', 2, "server.drainTimeout", ["has no unit"]),
        ('[server]\ndrainTimeout = "30 secs"', 2, "server.drainTimeout", ["unknown unit", 'did you mean "s"?']),
        ('[server]\ndrainTimeout = "2S"', 2, "server.drainTimeout", ["unknown unit", 'did you mean "s"?']),
        ('[server]\ndrainTimeout = "2 fortnights"', 2, "server.drainTimeout", ["valid: ms, s, m, h, d"]),
        ('[server]\ndrainTimeout = "soon"', 2, "server.drainTimeout", ["is not a duration"]),
        ('[server]\ndrainTimeout = ""', 2, "server.drainTimeout", ["is not a duration"]),
        ('[server]\ndrainTimeout = "2h"', 2, "server.drainTimeout", ['"0s" to "10m"']),
        ("[server]\ndrainTimeout = true", 2, "server.drainTimeout", ["the boolean true"]),
        ('[server]\nlogFormat = "jsn"', 2, "server.logFormat", ["unknown log format", 'did you mean "json"?']),
        ("[server]\nlogLevel = 1", 2, "server.logLevel", ["expected one of"]),
        ('[server]\ndataDir = ""', 2, "server.dataDir", ["the path is empty"]),
        ("[server]\ndataDir = 1", 2, "server.dataDir", ["expected a path"]),
        ('[server]\nhostname = "a\\u0007"', 2, "server.hostname", ["control characters"]),
        ("[server]\nhostname = 1", 2, "server.hostname", ["expected a string"]),
        (f'[server]\nhostname = "{"a" * 300}"', 2, "server.hostname", ["300 characters"]),
        ('[server]\ntrustedProxies = "10.0.0.0/8"', 2, "server.trustedProxies", ["expected a list", "brackets"]),
        (
            '[server]\ntrustedProxies = [\n"::1",\n"10.0.0.1/8"]',
            4,
            "server.trustedProxies[1]",
            ['did you mean "10.0.0.0/8"?'],
        ),
        ('[server]\ntrustedProxies = ["x"]', 2, "server.trustedProxies[0]", ["expected a network"]),
        ("[server]\ntrustedProxies = [1]", 2, "server.trustedProxies[0]", ["expected a network"]),
        ('[server]\ntrustedProxies = ["::1",\n "::1"]', 3, "server.trustedProxies[1]", ["twice"]),
        ('[http]\nmaxBodyBytes = "8MB"', 2, "http.maxBodyBytes", ["found the string '8MB'", "unit is always bytes"]),
        ("[http]\nmaxBodyBytes = 1.5", 2, "http.maxBodyBytes", ["the number 1.5"]),
        ("[http]\nmaxBodyBytes = 0", 2, "http.maxBodyBytes", ["1,024 to"]),
        ("[http]\nmaxBodyMB = 8", 2, "http.maxBodyMB", ["did you mean maxBodyBytes?"]),
        ('[storage]\nisolation = "serialisable"', 2, "storage.isolation", ["unknown isolation", '"serializable"']),
        ('[storage]\nurl = "mysql://a:secret@b/c"', 2, "storage.url", ["not the URL of a PostgreSQL database"]),
        ('[storage]\nurl = "postgresql://a@b/c"\npath = "x"', 3, "storage.path", ["in one place", "remove path"]),
        ("[plugins]\nautoload = true", 2, "plugins.autoload", ["did you mean autoLoad?"]),
        ('[plugins]\nenabled = "true"', 2, "plugins.enabled", ["expected true or false", "quotation marks"]),
        ('[plugins]\nloadOrder = ["A B"]', 2, "plugins.loadOrder[0]", ["is not a plugin's name"]),
        ("[plugins]\nmaxMemoryMB = 3", 2, "plugins.maxMemoryMB", ["it belongs into [plugins.security]"]),
        ("[plugins.security]\nmaxMemory = 3", 2, "plugins.security.maxMemory", ["did you mean maxMemoryMB?"]),
        ("[plugins]\nsecurity = 1", 2, "plugins.security", ["expected a table"]),
        (
            "[plugins.defaults]\nmemoryMB = 300",
            2,
            "plugins.defaults.memoryMB",
            ["300 MB is more than plugins.security.maxMemoryMB, 256 MB"],
        ),
        (
            "[plugins.security]\nverifySignatures = true\nallowDemonstrationKeys = true",
            3,
            "plugins.security.allowDemonstrationKeys",
            ["refused", "production"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_would_be_right(
    text: str, line: int, key: str, words: list[str]
) -> None:
    """Each mistake is one problem at its own line, whose text holds what helps."""
    problem = only_problem(text)
    assert (problem.file, problem.line, problem.key) == ("test.toml", line, key)
    for word in words:
        assert word in str(problem)


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    """A file with several mistakes is refused with all of them."""
    problems = problems_of('[plugins]\nenabled = 1\n[http]\nheaderTimeout = 1\n[server]\nbnd = 1\nbind = "x"\n')
    assert [problem.line for problem in problems] == [2, 4, 6, 7]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = 1\nb = = 2\n", 2, "not valid TOML"),
        ("[server]\nbind = :11371\n", 2, "quotation marks"),
        ("[server]\nbind = ':1'\nbind = ':2'\n", 3, "not valid TOML"),
        ("a = " + "[" * 5000, 0, "nested too deep"),
        ("a = " + "9" * 5000, 0, "not usable"),
    ],
)
def test_a_text_that_is_not_toml_is_refused(text: str, line: int, words: str) -> None:
    """Syntax errors carry the parser's line and reason."""
    problem = only_problem(text)
    assert problem.line == line
    assert words in str(problem)


def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    """A missing file, a folder, a name with NUL, bytes that are not UTF-8 and an endless file each have a message."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"a = 1\nb = '\xe9'\n")
    cases = [(tmp_path / "absent", "cannot be read"), (tmp_path, "cannot be read"), (latin, "latin.toml:2: byte 11")]
    cases += [(Path("a\0b"), "cannot be read"), (Path("/dev/zero"), "is longer than")]
    for path, words in cases:
        with pytest.raises(ConfigurationError, match=words):
            load(path, environment={})


def test_a_small_memory_cap_lowers_the_default() -> None:
    """When only the cap is given, plugins get no more than it, without a complaint."""
    assert parse("[plugins.security]\nmaxMemoryMB = 8\n").plugin("x").limits.memory_mb == 8


def test_the_environment_goes_before_the_file_and_the_command_line_before_both(tmp_path: Path) -> None:
    """Later sources win, key by key."""
    file = tmp_path / "wasmpuck.toml"
    file.write_text('[server]\nbind = ":1"\nadminBind = ":2"\nhostname = "file"\n')
    environment = {"WASMPUCK_SERVER_BIND": ":3", "WASMPUCK_SERVER_ADMIN_BIND": ":4", "WASMPUCK_OTHER": "x"}
    server = load(file, {"server.bind": ":5", "server.dataDir": "data"}, environment=environment).server
    assert (server.bind.port, server.admin_bind.port, server.hostname) == (5, 4, "file")
    assert server.data_dir == Path.cwd() / "data"


def test_the_environment_is_that_of_the_process_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an explicit environment the variables of the process count."""
    monkeypatch.setenv("WASMPUCK_SERVER_LOG_FORMAT", "json")
    assert load(None).server.log_format == "json"


def test_values_of_all_kinds_can_come_as_text() -> None:
    """Flags, numbers, durations and lists are read from strings too."""
    overrides = {
        "plugins.enabled": "FALSE",
        "http.maxResults": "7",
        "server.drainTimeout": "5s",
        "server.trustedProxies": "10.0.0.0/8, ::1",
        "storage.seed": ["/a,b.asc"],
    }
    configuration = load(None, overrides, environment={})
    assert not configuration.plugins.enabled
    assert configuration.http.max_results == 7
    assert configuration.server.drain_timeout == 5.0
    assert len(configuration.server.trusted_proxies) == 2
    assert configuration.storage.seed == (Path("/a,b.asc"),)


@pytest.mark.parametrize(
    ("overrides", "environment", "words"),
    [
        ({"server.bnd": ":1"}, {}, ["command line: server.bnd: unknown key", "did you mean server.bind?"]),
        ({"server.bind": "x"}, {}, ["command line: server.bind: expected an address"]),
        ({"http.maxResults": "many"}, {}, ["command line: http.maxResults: expected a whole number"]),
        ({"plugins.enabled": "perhaps"}, {}, ["command line: plugins.enabled: expected true or false"]),
        ({}, {"WASMPUCK_SERVER_BNID": ":1"}, ["unknown variable", "did you mean WASMPUCK_SERVER_BIND?"]),
        ({}, {"WASMPUCK_SERVER_BIND": "1"}, ["environment: WASMPUCK_SERVER_BIND: expected an address"]),
    ],
)
def test_mistakes_outside_the_file_name_their_source(
    overrides: dict[str, object], environment: dict[str, str], words: list[str]
) -> None:
    """A wrong variable or option is a problem that says where it came from."""
    with pytest.raises(ConfigurationError) as caught:
        load(None, overrides, environment=environment)
    for word in words:
        assert word in str(caught.value)


def test_a_configuration_can_be_read_again(tmp_path: Path) -> None:
    """Reloading reads the same sources anew: equal when nothing changed, different when the file did."""
    file = tmp_path / "wasmpuck.toml"
    file.write_text('[server]\nhostname = "one"\n')
    first = load(file, {"server.bind": ":5"}, environment={})
    assert first.reload() == first
    file.write_text('[server]\nhostname = "two"\n')
    second = first.reload()
    assert (second.server.hostname, second.server.bind.port) == ("two", 5)
    file.write_text("[server]\nhostname = 2\n")
    with pytest.raises(ConfigurationError):
        first.reload()


KEYS = sorted(
    {
        *SECTIONS,
        "config",
        "security",
        "defaults",
        "limits",
        "ratelimit",
        "grants",
        "failure",
        "failures",
        "breaker",
        "trap",
    }
    | {each.key for cls in (*SECTIONS.values(), PluginDefaults, PluginSecuritySettings) for each in settings_of(cls)}
)


def loads_or_is_refused(text: str) -> None:
    """Whatever the text is, it makes a configuration or a ConfigurationError with at least one problem."""
    problems: list[ConfigurationProblem] | None = None
    try:
        parse(text)
    except ConfigurationError as error:
        problems = error.problems
    assert problems is None or (problems and all(problem.message for problem in problems))


@given(tomltext.documents(st.one_of(st.sampled_from(KEYS), st.text(max_size=8))))
def test_any_document_loads_or_is_refused(document: dict[str, object]) -> None:
    """Any TOML document, of known and unknown names with any values, is one or the other."""
    loads_or_is_refused(tomltext.write(document))


@given(st.text(max_size=200))
def test_any_text_loads_or_is_refused(text: str) -> None:
    """Any text is one or the other."""
    loads_or_is_refused(text)


@given(st.data())
def test_a_damaged_file_loads_or_is_refused(data: st.DataObject) -> None:
    """A good file with a piece cut out or put in is one or the other."""
    start = data.draw(st.integers(0, len(COMPLETE)))
    end = data.draw(st.integers(start, min(len(COMPLETE), start + 20)))
    loads_or_is_refused(COMPLETE[:start] + data.draw(st.text("[]{}\"'=\n.,1a", max_size=5)) + COMPLETE[end:])


def test_a_very_deep_plugin_setting_is_refused() -> None:
    """Settings nested beyond what any reader of JSON takes are a problem, not a crash."""
    assert "deep" in str(only_problem("[plugins.x]\nconfig." + "a." * 3000 + "b = 1\n"))
