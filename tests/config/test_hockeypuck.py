"""A configuration of Hockeypuck's made into one of ours: the fate of each key, and what is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from config import tomltext
from wasmpuck.config import Address, Configuration, parse
from wasmpuck.config.hockeypuck import KEYS, Fate, Import, KeyFate, import_hockeypuck
from wasmpuck.errors import ConfigurationError

_NAMES = """\
loglevel logfile indexTemplate vindexTemplate statsTemplate responseTemplate webroot contact hostname nodename
enableVHosts reconStaleSecs maxResponseLen adminKeys hkp.bind hkp.advertisedBind hkp.logRequestDetails
hkp.queries.selfSignedOnly hkp.queries.keywordSearchDisabled hkp.queries.enableInexact hkps.bind hkps.cert hkps.key
pks.from pks.to pks.smtp.host pks.smtp.id pks.smtp.user pks.smtp.pass metrics.metricsAddr metrics.metricsPath
openpgp.nworkers openpgp.maxKeyLength openpgp.maxPacketLength openpgp.maxSigPacketLength openpgp.blacklist
openpgp.enumerableDomains openpgp.headers.comment openpgp.headers.version openpgp.db.driver openpgp.db.dsn
openpgp.db.reindexOnStartup openpgp.db.reindexStartupDelaySecs openpgp.db.reindexLoadDelaySecs
openpgp.db.reindexIntervalSecs openpgp.db.requestQueryLimit conflux.recon.version conflux.recon.threshMult
conflux.recon.bitQuantum conflux.recon.mBar conflux.recon.httpAddr conflux.recon.httpNet conflux.recon.reconAddr
conflux.recon.reconNet conflux.recon.logname conflux.recon.seenCacheSize conflux.recon.allowCIDRs
conflux.recon.filters conflux.recon.gossipIntervalSecs conflux.recon.maxOutstandingReconRequests
conflux.recon.httpPort conflux.recon.reconPort conflux.recon.partners conflux.recon.leveldb.path
conflux.recon.partner.NAME.httpAddr conflux.recon.partner.NAME.reconAddr conflux.recon.partner.NAME.httpNet
conflux.recon.partner.NAME.reconNet conflux.recon.partner.NAME.weight conflux.recon.partner.NAME.webAddr
conflux.recon.partner.NAME.statsPath conflux.recon.partner.NAME.mask conflux.recon.partner.NAME.pksFailover
"""
DOCUMENTED = _NAMES.split()
"""Every key that Hockeypuck 2.4 documents."""

FINGERPRINT = "0123456789abcdef0123456789abcdef01234567"


def imported(text: str, **environment: str) -> tuple[Import, Configuration]:
    """What came of a file, and the configuration that is read from it."""
    result = import_hockeypuck(text, "hockeypuck.conf", environment)
    return result, parse(result.text, file="wasmpuck.toml", base=Path("/etc/wasmpuck"))


def fate(line: str, *, table: str = "hockeypuck") -> KeyFate:
    """The fate of the only key of a file."""
    result, _ = imported(f"[{table}]\n{line}\n")
    assert len(result.fates) == 1
    return result.fates[0]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_key_has_a_fate(name: str) -> None:
    """No documented key is called unknown, whatever its letter case; each has a reason or a translation."""
    rule = KEYS[name.replace("NAME", "*")]
    value = {str: '"x"', int: "7", bool: "true", list: '["x"]'}[rule.kind]
    table, _, key = f"hockeypuck.{name}".rpartition(".")
    for spelling in (key, key.upper()):
        found = fate(f"{spelling} = {value}", table=table)
        assert found.fate is not Fate.UNKNOWN
        assert found.becomes or found.note
        assert (found.key, found.line) == (f"{table}.{spelling}", 2)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ('hkp.bind = "127.0.0.1:8080"', 'server.bind = "127.0.0.1:8080"'),
        ('loglevel = "WARN"', 'server.logLevel = "warning"'),
        ('hostname = "keys.example.org"', 'server.hostname = "keys.example.org"'),
        ('contact = "0xDEADBEEF"', 'server.contact = "0xDEADBEEF"'),
        ("hkp.queries.enableInexact = true", "search.words = true"),
        ("hkp.queries.selfSignedOnly = true", 'openpgp.thirdParty = "self-only"'),
        ("maxResponseLen = 268435456", "http.maxAnswerBytes = 268435456"),
        ("maxResponseLen = 0", "http.maxAnswerBytes = 1073741824"),
        ("openpgp.maxKeyLength = 2097152", "openpgp.maxCertificateBytes = 2097152"),
        ("openpgp.maxKeyLength = 1", "openpgp.maxCertificateBytes = 1024"),
        ("openpgp.maxPacketLength = 32768", "openpgp.maxPacketBytes = 32768"),
        ("openpgp.maxSigPacketLength = 1024", "openpgp.maxSignatureBytes = 1024"),
        ("openpgp.db.requestQueryLimit = 500", "http.maxResults = 500"),
        ('openpgp.enumerableDomains = ["a.example"]', 'search.domains = ["a.example"]'),
        (f'openpgp.blacklist = ["0x{FINGERPRINT.upper()}"]', f'openpgp.blacklist = ["{FINGERPRINT}"]'),
        (f'adminKeys = ["{FINGERPRINT}", "1234"]', f'rights.adminKeys = ["{FINGERPRINT}"]'),
        ('metrics.metricsAddr = "127.0.0.1:9626"', 'server.adminBind = "127.0.0.1:9626"'),
    ],
)
def test_a_key_is_translated(line: str, written: str) -> None:
    """The value stands in the new file under our name, and the report shows that line."""
    result, _ = imported(f"[hockeypuck]\n{line}\n")
    assert (result.fates[0].fate, result.fates[0].becomes) == (Fate.TRANSLATED, (written,))
    name, _, value = written.partition(" = ")
    table, key = name.split(".")
    assert tomli.loads(result.text)[table][key] == tomli.loads(f"x = {value}")["x"]


@pytest.mark.parametrize(
    ("line", "expected", "note"),
    [
        ('hkp.bind = ":11371"', Fate.SAME, "server.bind"),
        ("hkp.logRequestDetails = false", Fate.SAME, "not logged"),
        ("hkp.logRequestDetails = true", Fate.NOT_SUPPORTED, "never what was searched for"),
        ("hkp.queries.keywordSearchDisabled = true", Fate.NOT_SUPPORTED, "vks.mode"),
        ('indexTemplate = "/hockeypuck/lib/templates/index.html.tmpl"', Fate.NOT_NEEDED, "built in"),
        ('indexTemplate = "/srv/my-index.tmpl"', Fate.NOT_SUPPORTED, "reverse proxy"),
        ('webroot = "/var/lib/hockeypuck/www"', Fate.NOT_NEEDED, "built in"),
        ('webroot = "/srv/pages"', Fate.NOT_SUPPORTED, "reverse proxy"),
        ('metrics.metricsAddr = ":9626"', Fate.NOT_SUPPORTED, "server.adminBind"),
        ("openpgp.nworkers = 8", Fate.NOT_NEEDED, "neither"),
        ('openpgp.headers.comment = "x"', Fate.NOT_SUPPORTED, "RFC 9580"),
        ('openpgp.db.driver = "postgres-jsonb"', Fate.NOT_NEEDED, "storage.url"),
        ('openpgp.db.driver = "mongo"', Fate.WRONG_VALUE, "no such driver"),
        ('hkps.bind = ":443"', Fate.NOT_SUPPORTED, "hkps.cert and hkps.key"),
        ('adminKeys = ["1234"]', Fate.WRONG_VALUE, "no whole fingerprints: 1234"),
        ("conflux.recon.gossipIntervalSecs = 5", Fate.NOT_SUPPORTED, "comment"),
        ("contact = 5", Fate.WRONG_VALUE, "expects a string here, found the whole number 5"),
        ("openpgp.maxKeyLength = true", Fate.WRONG_VALUE, "expects a whole number"),
        ('loglevel = "chatty"', Fate.WRONG_VALUE, "no such level"),
        ("hostnam = 1", Fate.UNKNOWN, "did you mean hostname?"),
        ('bind = ":1"', Fate.UNKNOWN, ""),
        ("maxKeyLength = 1", Fate.UNKNOWN, "did you mean openpgp.maxKeyLength?"),
        ("openpgp.db.dns = 1", Fate.UNKNOWN, "did you mean dsn?"),
        ("plugins.enabled = true", Fate.NOT_SUPPORTED, "WebAssembly"),
    ],
)
def test_what_is_not_translated_has_a_reason(line: str, expected: Fate, note: str) -> None:
    """Each other fate says why, or what to do instead, and the new file has nothing of it."""
    if line.startswith(("hostnam", "bind", "maxKey", "openpgp.db.dns", "plugins")):
        line += '\ncontact = ""'
    result, _ = imported(f"[hockeypuck]\n{line}\n")
    assert result.fates[0].fate is expected
    assert note in result.fates[0].note
    assert tomli.loads(result.text) == {}


def test_https_is_taken_when_it_is_complete() -> None:
    """Listener, certificate and key come together or not at all."""
    _, configuration = imported('[hockeypuck.hkps]\nbind = ":443"\ncert = "/c.pem"\nkey = "/k.pem"\n')
    assert configuration.server.tls_bind == Address("", 443)
    assert configuration.server.tls_certificate == Path("/c.pem")
    result, configuration = imported('[hockeypuck.hkps]\nbind = ":443"\ncert = 5\nkey = "/k.pem"\n')
    assert configuration.server.tls_bind is None
    assert [each.fate for each in result.fates] == [Fate.NOT_SUPPORTED, Fate.WRONG_VALUE, Fate.NOT_SUPPORTED]


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        (
            "database=hkp host=pg user=u password=p port=5433 sslmode=disable",
            "postgresql://u:p@pg:5433/wasmpuck?sslmode=disable",
        ),
        (
            "database=hkp host=/var/run/postgresql port=5432 sslmode=disable",
            "postgresql:///wasmpuck?host=/var/run/postgresql&port=5432&sslmode=disable",
        ),
        ("dbname = wasmpuck host='::1' password='a b\\'c'", "postgresql://:a%20b%27c@[::1]/wasmpuck_keys"),
        (
            "postgres://u:p%40@db.example:1/hkp?sslmode=require",
            "postgresql://u:p%40@db.example:1/wasmpuck?sslmode=require",
        ),
    ],
)
def test_the_new_database_stands_beside_the_old(dsn: str, url: str) -> None:
    """Same server, same user, a database of its own; the password is in the file and nowhere in the report."""
    result, configuration = imported(f'[hockeypuck.openpgp.db]\ndsn = "{dsn}"\n'.replace("\\", "\\\\"))
    assert configuration.storage.url == url
    assert result.secret is ("@" in url)
    report = f"{result.fates} {result.notes} {result.next}"
    for password in (":p@", "password=p", "a b", "a%20b", "p%40"):
        assert password not in report
    assert any("wasmpuck migrate hockeypuck" in step for step in result.next)


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db user password=hunter2",
        "mysql://u:hunter2@x/y",
        "port=hunter2",
        "password='hunter2",
        "user= password=hunter2",
    ],
)
def test_a_bad_data_source_name_is_refused_without_repeating_it(dsn: str) -> None:
    """It is called wrong, and what may be a password is not shown."""
    result, configuration = imported(f'[hockeypuck.openpgp.db]\ndsn = "{dsn}"\n')
    assert result.fates[0].fate is Fate.WRONG_VALUE
    assert configuration.storage.url is None
    assert "hunter2" not in f"{result.fates} {result.text} {result.next}"


def test_passwords_of_other_tables_are_in_neither_file_nor_report() -> None:
    """The mail relay's and the Redis server's are dropped."""
    text = '[hockeypuck.pks.smtp]\npass = "hunter2"\n[hockeypuck.rateLimit.backend.redis]\npassword = "hunter2"\n'
    result, _ = imported(text)
    assert "hunter2" not in f"{result.fates} {result.text} {result.notes} {result.next}"


def test_partners_are_kept_as_comments() -> None:
    """Synchronization stays in the file as it was, commented out, and what digests depend on is set."""
    text = """\
[hockeypuck.conflux.recon]
allowCIDRs = ["10.0.0.0/8"]
reconAddr = ":11370"
[hockeypuck.conflux.recon.partner."keys.example"]
httpAddr = "keys.example:11371"
weight = -1
"""
    result, configuration = imported(text + "[hockeypuck.hkp.queries]\nselfSignedOnly = true\n")
    uncommented = re.sub(r"^# ?", "", result.text.partition("As it was in Hockeypuck's file:\n")[2], flags=re.MULTILINE)
    assert tomli.loads(uncommented) == tomli.loads(text)
    assert configuration.openpgp.ripemd160 is False
    assert configuration.openpgp.third_party == "keep"


def test_rate_limits_become_the_plugins_table() -> None:
    """The rate of requests, the exempt networks and the connections are taken; the rest says what to do instead."""
    text = """\
[hockeypuck.rateLimit]
enabled = true
maxConcurrentConnections = 80
httpRequestRate = 50
httpErrorRate = 20
[hockeypuck.rateLimit.whitelist]
ips = ["127.0.0.1", "10.0.0.0/8", "nonsense"]
"""
    result, configuration = imported(text)
    assert configuration.plugin("ratelimit-window").settings == {
        "window": 10,
        "limits": {"default": 50},
        "exempt": ["127.0.0.1", "10.0.0.0/8"],
    }
    assert configuration.http.connections_per_client == 80
    fates = {each.key.rpartition(".")[2]: each.fate for each in result.fates}
    assert fates["httpErrorRate"] is Fate.NOT_SUPPORTED
    result, configuration = imported(text.replace("true", "false"))
    assert configuration.plugins.tables == ()
    assert {each.fate for each in result.fates} == {Fate.SAME, Fate.NOT_NEEDED}


def test_variables_and_blocks_are_rendered_as_by_hockeypuck() -> None:
    """The environment is put in, lines of the report are those of the file, and what is not set is noted."""
    text = """\
[hockeypuck]
hostname="{{ .FQDN }}"
contact="{{ .CONTACT }}"
adminKeys=[
{{- if .ADMINS }}
{{- range splitList "," .ADMINS }}
  "{{ . }}",
{{- end }}
{{- end }}
]
{{/* a comment }} */}}
{{if and (.DOMAINS) (not .OTHER)}}
[hockeypuck.openpgp]
enumerableDomains=["{{ .DOMAINS | lower }}"]
{{end}}
[hockeypuck.hkp]
bind="{{ default ":8080" .BIND }}"
"""
    result, configuration = imported(text, FQDN="keys.example", ADMINS=f"{FINGERPRINT},{'F' * 40}", DOMAINS="A.EXAMPLE")
    assert configuration.server.hostname == "keys.example"
    assert configuration.rights.admin_keys == (FINGERPRINT, "f" * 40)
    assert configuration.search.domains == ("a.example",)
    assert configuration.server.bind == Address("", 8080)
    assert [(each.key.rpartition(".")[2], each.line) for each in result.fates] == [
        ("hostname", 2),
        ("contact", 3),
        ("adminKeys", 4),
        ("enumerableDomains", 14),
        ("bind", 17),
    ]
    assert result.missing == ["CONTACT"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[hockeypuck]\nhostname = {{ .X", "not valid TOML"),
        (
            '[hockeypuck]\n\nhostname = "{{ sha256sum .X }}"',
            ":3: the template cannot be rendered: the template function",
        ),
        ("[hockeypuck]\n{{ if .X }}", ":2: *has no `end`"),
        ("[hockeypuck]\n{{ end }}", ":2: *nothing that it belongs to"),
        ("[hockeypuck]\nhostname =\n", ":2: not valid TOML"),
        ('[server]\nbind = ":1"\n', "there is no key of Hockeypuck's in it"),
        ("", "there is no key of Hockeypuck's in it"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(text: str, problem: str) -> None:
    """Neither a broken template nor broken TOML nor another program's file becomes a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        import_hockeypuck(text, "h.conf", {})
    assert re.search(problem.replace("*", ".*"), str(caught.value.problems[0]))


def test_tables_without_the_outer_one_are_read() -> None:
    """Some builds of Hockeypuck take a file without `[hockeypuck]`."""
    _, configuration = imported('hostname = "keys.example"\n[hkp]\nbind = ":1"\n')
    assert configuration.server.bind == Address("", 1)


def _keys() -> st.SearchStrategy[str]:
    parts = sorted({part for name in KEYS for part in name.split(".")} - {"*"})
    return st.one_of(st.sampled_from(parts), st.text(max_size=8))


def survives(text: str, **environment: str) -> None:
    """The file is imported, every key with a fate, and taken; or it is refused with a message."""
    try:
        result = import_hockeypuck(text, "hockeypuck.conf", environment)
    except ConfigurationError:
        return
    parse(result.text, file="wasmpuck.toml")
    assert result.fates


@settings(max_examples=60)
@given(tomltext.documents(_keys()))
def test_any_toml_is_imported_or_refused(document: dict[str, object]) -> None:
    """Whatever TOML stands in the file, every key has a fate and the result is taken, or an error says why not."""
    survives(tomltext.write({"hockeypuck": document}))


def _values(kind: type) -> st.SearchStrategy[object]:
    form = r"(\w+=[\w/:'%]{0,9} ?){0,5}|\[?[\w:]*\]?:[0-9]{1,5}"
    kinds: dict[type, st.SearchStrategy[object]] = {
        str: st.one_of(st.text(max_size=30), st.from_regex(form, fullmatch=True)),
        int: st.integers(-(2**70), 2**70),
        bool: st.booleans(),
        list: st.lists(st.text(max_size=20), max_size=4),
    }
    return st.one_of(kinds[kind], kinds[kind], tomltext.values().filter(lambda value: not isinstance(value, dict)))


@settings(max_examples=60)
@given(st.data())
def test_any_values_of_known_keys_are_imported(data: st.DataObject) -> None:
    """Values of every type under the names that Hockeypuck knows never make a file that is not taken."""
    names = data.draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=8, unique=True))
    lines = []
    for name in names:
        value = data.draw(_values(KEYS[name].kind))
        lines.append(tomltext.write({"x": value}).replace("x", f"hockeypuck.{name.replace('*', 'some-where')}", 1))
    survives("".join(lines))


_PARTS = (
    '{{ }} {{- -}} .A if range with else end $x := = | ( ) /* */ " ` osenv splitList list printf {{end}} '
    "{{if(.A)}} {{.}} {{range(list(.A)(.A))}}"
)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.text(max_size=4), st.sampled_from([*_PARTS.split(), " ", "\n"])), max_size=20))
def test_any_template_is_rendered_or_refused(parts: list[str]) -> None:
    """No text makes the renderer fail otherwise than with a message."""
    survives(f"[hockeypuck]\nhostname = '''{''.join(parts)}'''\n", A="a,b", B="")


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "/**/" * 5000 + "}}{{",
        "{{ " + "(" * 5000 + " }}",
        "{{ if .A }}" * 3000 + "{{ end }}" * 3000,
        "{{ $x := .A }}" + "{{ $x = print $x $x }}" * 60 + "{{ $x }}",
        "{{ $x := list .A .A }}" + "{{ $x = list $x $x }}" * 60 + "{{ $x }}",
        "{{ range splitList .E .L }}" * 9 + "x" + "{{ end }}" * 9,
    ],
)
def test_a_template_that_grows_without_end_is_refused(text: str) -> None:
    """Neither nesting nor doubling takes memory or time without a bound."""
    with pytest.raises(ConfigurationError, match="template"):
        import_hockeypuck(f'[hockeypuck]\nhostname = "{text}"\n', "h.conf", {"A": "a,b", "E": ",", "L": "," * 99})
