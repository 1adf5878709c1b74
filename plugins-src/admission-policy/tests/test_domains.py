"""Finding domains in user ids and comparing them."""

from __future__ import annotations

import pytest
from admission_policy.domains import domain_of, is_pattern, matches


@pytest.mark.parametrize(
    ("user_id", "domain"),
    [
        ("Alice <alice@example.org>", "example.org"),
        ("Alice (work) <alice@EXAMPLE.org.>", "example.org"),
        ("alice@example.org", "example.org"),
        ("<alice@example.org>", "example.org"),
        ("Alice <old@example.com> <alice@example.org>", "example.org"),
        ("Alice <alice@example.org", "example.org"),
        ('"a@b"@example.org', "example.org"),
        ("Alice", None),
        ("Alice at alice@example.org", None),
        ("Alice <alice>", None),
        ("@example.org", None),
        ("alice@", None),
        ("", None),
    ],
)
def test_domain_of_user_id(user_id: str, domain: str | None) -> None:
    """The domain is that of the address in angle brackets, or of the whole user id."""
    assert domain_of(user_id) == domain


def test_patterns() -> None:
    """A pattern covers its own domain, a starred one what lies below it."""
    assert matches("example.org", ["example.org"])
    assert not matches("mail.example.org", ["example.org"])
    assert matches("mail.example.org", ["*.example.org"])
    assert not matches("example.org", ["*.example.org"])
    assert not matches("badexample.org", ["*.example.org"])
    assert not matches("example.org", [])


@pytest.mark.parametrize("text", ["", "a b", "-a.org", "a-.org", "a..org", "*.*.org", "*", "a" * 64 + ".org", "@a.org"])
def test_no_pattern(text: str) -> None:
    """What is no domain is no pattern."""
    assert not is_pattern(text)


@pytest.mark.parametrize("text", ["org", "example.org", "*.example.org", "bücher.example", "xn--bcher-kva.example"])
def test_pattern(text: str) -> None:
    """A domain, also an international one, is a pattern, with or without a star in front."""
    assert is_pattern(text)
