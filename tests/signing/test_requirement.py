from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck_signing import Requirement, Version

versions = st.builds(
    Version, *[st.integers(0, 20)] * 3, st.lists(st.sampled_from(["rc", "1", "alpha"]), max_size=2).map(tuple)
)
requirements = st.builds(
    Requirement, st.lists(st.tuples(st.sampled_from([">=", ">", "<=", "<", "=="]), versions), max_size=4).map(tuple)
)


@given(requirements)
def test_a_requirement_survives_its_text(one: Requirement) -> None:
    """Every requirement is read back from its text."""
    assert Requirement.parse(str(one)) == one


@given(requirements, versions)
def test_every_clause_has_to_hold(one: Requirement, version: Version) -> None:
    """A version will do exactly when it will do for each clause alone."""
    assert one.admits(version) == all(Requirement((clause,)).admits(version) for clause in one.clauses)


@pytest.mark.parametrize(
    ("text", "version", "admitted"),
    [
        ("*", "0.0.1", True),
        (">=1.2, <2", "1.2.0", True),
        (">=1.2, <2", "1.1.9", False),
        (">=1.2, <2", "2.0.0", False),
        (">=1.2, <2", "2.0.0-rc.1", False),
        ("<2.0.0-rc.2", "2.0.0-rc.1", True),
        (">1", "1.0.0", False),
        ("==1.0.0", "1.0.0", True),
        ("<=1", "1.0.1", False),
    ],
)
def test_a_requirement_admits_versions(text: str, version: str, admitted: bool) -> None:
    """Short numbers are filled up with zeros, and "below" leaves out the prereleases of the bound."""
    assert Requirement.parse(text).admits(Version.parse(version)) is admitted


@pytest.mark.parametrize("text", ["", "1.0.0", "~1", ">=", ">=1,", ">=1.2.3.4", "!=1", ">=1+x", ",".join([">1"] * 9)])
def test_other_texts_are_refused(text: str) -> None:
    """What is no requirement is answered with an example of one."""
    with pytest.raises(ValueError, match="such as"):
        Requirement.parse(text)
