from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmpuck_signing import Version

numbers = st.integers(0, 999_999_999)
identifiers = st.one_of(numbers.map(str), st.from_regex(r"[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,3}", fullmatch=True))
versions = st.builds(Version, numbers, numbers, numbers, st.lists(identifiers, max_size=3).map(tuple))


def test_precedence_is_that_of_the_specification() -> None:
    """The example of semver.org §11 comes out in its order."""
    texts = [
        *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"),
        *("1.0.0-rc.1", "1.0.0", "1.0.9", "1.0.10", "1.2.0", "2.0.0-rc.1", "2.0.0"),
    ]
    assert [str(one) for one in sorted(map(Version.parse, reversed(texts)))] == texts


@settings(deadline=None)
@given(versions)
def test_a_version_survives_its_text(version: Version) -> None:
    """Every version is read back from its text."""
    assert Version.parse(str(version)) == version


@settings(deadline=None)
@given(versions, versions)
def test_the_order_is_total(one: Version, other: Version) -> None:
    """Of two versions exactly one is lower, or they are equal."""
    assert (one < other) + (other < one) + (one == other) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-a..b",
        "1.0.0-01",
        "v1.0.0",
        " 1.0.0",
        "1.0.0\n",
        "\u0661.0.0",
    ],
)
def test_other_texts_are_not_versions(text: str) -> None:
    """What semver.org §2 and §9 do not allow is refused."""
    with pytest.raises(ValueError, match="not a semantic version"):
        Version.parse(text)


def test_build_metadata_is_refused_with_a_reason() -> None:
    """A version with build metadata, which has no order, is refused in its own words."""
    with pytest.raises(ValueError, match="build metadata"):
        Version.parse("1.0.0+linux")


def test_a_very_long_version_is_refused() -> None:
    """Neither a long text nor a long number is taken for a version."""
    for text in ("1.0.0-" + "a" * 60, "1234567890.0.0"):
        with pytest.raises(ValueError, match="not a semantic version"):
            Version.parse(text)


def test_a_version_is_not_compared_with_a_text() -> None:
    """Comparing a version with something else is a type error, not an answer."""
    with pytest.raises(TypeError):
        assert Version.parse("1.0.0") < "2.0.0"
