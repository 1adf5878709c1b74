"""The finder of lines in a TOML text."""

from __future__ import annotations

import tomli
from hypothesis import given
from hypothesis import strategies as st

from config import tomltext
from wasmpuck.config.positions import KeyPath, find_positions

DOCUMENT = '''\
# a comment with [brackets] = and "quotes"
title = "a # in a string"

[server]
bind = ":1" # after
"odd \\"key\\"" = 1
a.b.c = 2

[[peer]]
name = "one"
[[peer]]
name = "two"
[peer.extra]
weight = 3

[lists]
names = [
  "x", # first ]
  'y',

  { inner = [1,
    2] },
]
inline = { one = 1, two.deep = "}", three = """
many ""lines"" \\""" [not.a.table]
"""""}
date = 1979-05-27T07:32:00Z
last = \'\'\'
key = 'not a key'
\'\'\'
[end]
here = true
'''


def test_keys_tables_and_elements_have_their_lines() -> None:
    """Every key, table header, list element and inline key is found on its own line."""
    tomli.loads(DOCUMENT)
    positions = find_positions(DOCUMENT)
    expected: dict[KeyPath, int] = {
        ("title",): 2,
        ("server",): 4,
        ("server", "bind"): 5,
        ("server", 'odd "key"'): 6,
        ("server", "a", "b", "c"): 7,
        ("peer", 0, "name"): 10,
        ("peer", 1): 11,
        ("peer", 1, "name"): 12,
        ("peer", 1, "extra", "weight"): 14,
        ("lists", "names"): 17,
        ("lists", "names", 0): 18,
        ("lists", "names", 1): 19,
        ("lists", "names", 2): 21,
        ("lists", "names", 2, "inner", 0): 21,
        ("lists", "names", 2, "inner", 1): 22,
        ("lists", "inline"): 24,
        ("lists", "inline", "two", "deep"): 24,
        ("lists", "inline", "three"): 24,
        ("lists", "date"): 27,
        ("lists", "last"): 28,
        ("end", "here"): 32,
    }
    assert {path: positions.line(path) for path in expected} == expected


def test_the_line_of_something_unknown_is_that_of_what_is_around_it() -> None:
    """A path that does not occur takes the line of its nearest table, and 0 when there is none."""
    positions = find_positions("\n[table]\nkey = 1\n")
    assert positions.line(("table", "absent", 3)) == 2
    assert positions.line(("absent",)) == 0


def test_windows_line_ends_count_once() -> None:
    """A text with carriage returns has the same lines as one without."""
    positions = find_positions(DOCUMENT.replace("\n", "\r\n"))
    assert positions.line(("end", "here")) == 32


@given(tomltext.documents())
def test_every_path_of_a_document_has_a_line_that_names_it(document: dict[str, object]) -> None:
    """In any written document, the line found for a top key or a table's key contains that key."""
    text = tomltext.write(document)
    assert tomli.loads(text) == document
    lines = text.split("\n")
    positions = find_positions(text)
    for key, value in document.items():
        assert tomltext.key(key) in lines[positions.line((key,)) - 1]
        if isinstance(value, dict):
            for inner in value:
                assert tomltext.key(inner) in lines[positions.line((key, inner)) - 1]


@given(st.text(alphabet="[]{}=\"'\\#,.\n\r ab1", max_size=60))
def test_any_text_comes_to_an_end(text: str) -> None:
    """Text that is not TOML makes the finder neither fail nor hang."""
    find_positions(text)
