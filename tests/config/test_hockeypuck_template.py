"""Go's templates as configuration files use them, and data source names."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wasmpuck.config.hockeypuck.dsn import parse_dsn
from wasmpuck.config.hockeypuck.template import TemplateProblem, render
from wasmpuck.config.kinds import BadValue

ENVIRONMENT = {"A": "one,two", "B": "  Blank ", "EMPTY": "", "P_X": "1", "P_Y": "2", "N": "7"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {{ .A }} b", "a one,two b"),
        ("a {{- .A -}} b", "aone,twob"),
        ("{{.A}}{{/* a }} comment */}}{{- /* trimmed */ -}}  !", "one,two!"),
        ('{{ "}}" }}{{ `{{` }}', "}}{{"),
        ('{{ "a\\"b\\n" }}', 'a"b\n'),
        ("{{ if .A }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .EMPTY }}yes{{ else if .NONE }}so{{ else }}no{{ end }}", "no"),
        ("{{ if and .A (not .EMPTY) }}yes{{ end }}", "yes"),
        ('{{ if eq .N "7" "8" }}7{{ end }}{{ if ne .N "7" }}not{{ end }}', "7"),
        ("{{ if or (eq (int .N) 7) false }}7{{ end }}{{ if lt 1 2 }}<{{ end }}{{ if ge 1 2 }}>{{ end }}", "7<"),
        ('{{ range splitList "," .A }}[{{ . }}]{{ end }}', "[one][two]"),
        ('{{ range $i, $v := splitList "," .A }}{{ $i }}={{ $v }};{{ end }}', "0=one;1=two;"),
        ('{{ range $k, $v := osenv "P_" }}{{ $k }}={{ $v }};{{ end }}', "P_X=1;P_Y=2;"),
        ("{{ range $v := list }}x{{ else }}none{{ end }}", "none"),
        ("{{ with .A }}{{ . }}{{ $.N }}{{ end }}{{ with .EMPTY }}x{{ else }}-{{ end }}", "one,two7-"),
        ('{{ $x := "a" }}{{ if .A }}{{ $x = "b" }}{{ end }}{{ $x }}', "b"),
        ('{{ $x := "a" }}{{ if .A }}{{ $x := "b" }}{{ end }}{{ $x }}', "a"),
        ('{{ .EMPTY | default "d" }}{{ default "d" .A }}{{ coalesce .NONE .EMPTY "c" }}', "done,twoc"),
        ("{{ .B | trim | upper | quote }}{{ squote .N }}", "\"BLANK\"'7'"),
        ('{{ printf "%s-%q-%d%%" .N .N 7 }}', '7-"7"-7%'),
        ('{{ (split "," .A)._1 }}{{ index (osenv "P_") "P_X" }}', "two1"),
        ('{{ first (splitList "," .A) }}{{ last (splitList "," .A) }}', "onetwo"),
        ('{{ join ";" (splitList "," .A) }}{{ replace "," "+" .A }}', "one;twoone+two"),
        ('{{ env "N" }}{{ ternary "y" "n" true }}{{ empty .EMPTY }}{{ .A | contains "two" }}', "7ytruetrue"),
        ('{{ trimPrefix "o" .A }}{{ trimSuffix "o" .A }}{{ hasPrefix "one" .A }}{{ len .N }}', "ne,twoone,twtrue1"),
        ('{{ "c2VjcmV0" | b64dec }}{{ list "a" "b" }}{{ toJson .N }}', 'secret[a b]"7"'),
    ],
)
def test_a_template_is_rendered_as_by_go(template: str, text: str) -> None:
    """Actions, trimming, blocks, variables, pipelines and functions do what Go's and sprig's do."""
    assert render(template, ENVIRONMENT).text == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ .A.B }}",
        "{{}}",
        "{{ $x }}",
        "{{ $x = 1 }}",
        "{{ nosuch .A }}",
        "{{ .A | .B }}",
        "{{ ( .A }}",
        "{{ .A ) }}",
        "{{ | }}",
        "{{ if }}x{{ end }}",
        "{{ range .A }}x{{ end }}",
        "{{ else }}{{ }}",
        '{{ b64dec "?" }}',
        '{{ first "x" "y" }}',
        "{{ index (list) 3 }}",
        "{{ 1.5 }}",
        '{{ template "x" }}',
        '{{ "open }}',
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(template: str) -> None:
    """No part of a template is passed over in silence."""
    with pytest.raises(TemplateProblem) as caught:
        render(f"one\ntwo {template}", ENVIRONMENT)
    assert caught.value.line == 2


def test_only_variables_that_leave_a_gap_are_called_missing() -> None:
    """A variable that a condition or a default takes care of is not missing."""
    rendered = render('{{ .GAP }}{{ .X | default "x" }}{{ if .Y }}{{ end }}{{ .Z | quote }}', {})
    assert rendered.missing == ["GAP", "Z"]


_NAMES = st.text(st.characters(codec="utf-8").filter(str.isprintable), max_size=12)


@example("a", "", "db.example", "0=")
@example("a", "", "db.example", "b://c")
@given(_NAMES.filter(bool), _NAMES, st.sampled_from(["db.example", "127.0.0.1", "::1", "/var/run/postgresql"]), _NAMES)
def test_a_data_source_name_and_its_url_mean_the_same(user: str, password: str, host: str, database: str) -> None:
    """User, password and place arrive in the URL unchanged, the name shown has no password and reads as the same."""

    def quote(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    source = parse_dsn(
        f"user={quote(user)} password={quote(password)} host={host} port=5433 database={quote(database)}"
    )
    parts = urlsplit(source.url())
    assert unquote(parts.username or "") == user
    assert unquote(parts.password or "") == password
    assert source.secret is bool(password)
    assert (parts.hostname or "/var/run/postgresql", parts.port or 5433) == (host, 5433)
    assert parts.path[1:] != database
    again = parse_dsn(source.shown)
    assert again.parameters == {name: value for name, value in source.parameters.items() if name != "password"}


@given(st.text(max_size=60))
def test_any_text_is_a_data_source_name_or_is_refused(text: str) -> None:
    """Nothing else than a refusal comes of a text that is none."""
    try:
        source = parse_dsn(text)
    except BadValue:
        return
    assert source.url().startswith("postgresql://")
