"""The rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from admission_policy import Facts, Key, Settings, judge, self_test
from admission_policy.rules import CODES

NOW = 1_700_000_000_000.0
DAY = 86_400_000
KEY = Key(algorithm=22, bits=256, created=NOW - 100 * DAY)
GOOD = Facts(primary=KEY, user_ids=("Alice <alice@example.org>",), size=1000, signatures=2)


def code(settings: Settings, facts: Facts = GOOD, **changes: Any) -> str | None:
    """The code of the rejection, after checking that its sentence says what to do."""
    rejection = judge(settings, replace(facts, **changes), NOW)
    if rejection is None:
        return None
    assert rejection.code in CODES
    assert rejection.text.endswith(".")
    assert ":" in rejection.text
    return rejection.code


def test_without_rules_all_but_the_future_is_taken() -> None:
    """Settings without rules refuse only a key that says it was made more than a day ahead."""
    assert code(Settings()) is None
    assert code(Settings(), primary=replace(KEY, created=NOW + DAY)) is None
    assert code(Settings(), primary=replace(KEY, created=NOW + DAY + 1)) == "created-in-future"


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    [
        (Settings(max_size=1000), {}, None),
        (Settings(max_size=999), {}, "too-large"),
        (Settings(max_user_ids=1), {}, None),
        (Settings(max_user_ids=1), {"user_ids": ("a", "b")}, "too-many-user-ids"),
        (Settings(max_signatures=2), {}, None),
        (Settings(max_signatures=1), {}, "too-many-signatures"),
        (Settings(denied_algorithms=frozenset({17})), {}, None),
        (Settings(denied_algorithms=frozenset({22})), {}, "algorithm-denied"),
        (Settings(allowed_algorithms=frozenset({22})), {}, None),
        (Settings(allowed_algorithms=frozenset({1})), {}, "algorithm-not-allowed"),
        (Settings(minimum_bits={22: 256}), {}, None),
        (Settings(minimum_bits={22: 257}), {}, "key-too-short"),
        (Settings(max_age_days=100), {}, None),
        (Settings(max_age_days=99.9), {}, "too-old"),
        (Settings(min_age_days=100), {}, None),
        (Settings(min_age_days=100.1), {}, "too-new"),
        (Settings(denied_domains=("example.org",)), {}, "domain-denied"),
        (Settings(denied_domains=("example.com",)), {}, None),
        (Settings(allowed_domains=("example.org",)), {}, None),
        (Settings(allowed_domains=("example.com",)), {}, "domain-not-allowed"),
        (Settings(allowed_domains=("example.com",)), {"user_ids": ("Alice",)}, "email-missing"),
        (Settings(denied_domains=("example.com",)), {"user_ids": ()}, None),
    ],
)
def test_rule(settings: Settings, changes: dict[str, Any], expected: str | None) -> None:
    """Each rule takes what lies on its limit and refuses what lies beyond it."""
    assert code(settings, **changes) == expected


def test_subkeys_are_judged_like_the_primary_key() -> None:
    """A subkey with a refused algorithm or size refuses the certificate."""
    weak = (KEY, Key(algorithm=1, bits=1024, created=NOW))
    assert code(Settings(denied_algorithms=frozenset({1})), subkeys=weak) == "algorithm-denied"
    assert code(Settings(minimum_bits={1: 2048}), subkeys=weak) == "key-too-short"


def test_every_or_any_address_must_be_allowed() -> None:
    """With `all` one strange address refuses, with `any` one allowed address suffices."""
    two = ("a@example.org", "b@example.com", "no address")
    allowed = Settings(allowed_domains=("example.org",))
    assert code(allowed, user_ids=two) == "domain-not-allowed"
    assert code(replace(allowed, every_domain=False), user_ids=two) is None
    assert code(replace(allowed, every_domain=False), user_ids=two[1:]) == "domain-not-allowed"


def test_a_denied_domain_outranks_an_allowed_one() -> None:
    """A domain that is both allowed and denied is denied."""
    assert code(Settings(allowed_domains=("example.org",), denied_domains=("example.org",))) == "domain-denied"


def test_a_known_certificate_is_judged_by_its_growth_only() -> None:
    """An update of a stored certificate, such as a revocation, passes rules about its nature unless `recheckKnown`."""
    settings = Settings(denied_algorithms=frozenset({22}), max_age_days=1, max_size=999)
    assert code(settings, known=True, size=999) is None
    assert code(settings, known=True) == "too-large"
    assert code(replace(settings, recheck_known=True), known=True, size=999) == "algorithm-denied"


def test_bulk_loads_can_be_exempt() -> None:
    """What an operator loads from a file passes unjudged when `exemptBulk` is set."""
    assert code(Settings(max_size=1), bulk=True) == "too-large"
    assert code(Settings(max_size=1, exempt_bulk=True), bulk=True) is None


def test_the_sentence_names_figures_and_the_remedy() -> None:
    """An uploader reads what is too much, how much is taken and what to do."""
    rejection = judge(Settings(max_user_ids=1), replace(GOOD, user_ids=("a", "b", "c")), NOW)
    assert rejection is not None
    assert rejection.text == (
        "The certificate has 3 user ids and at most 1 are taken here: "
        "delete those that you no longer use, then upload it again."
    )
    waiting = judge(Settings(min_age_days=101), GOOD, NOW)
    assert waiting is not None
    assert waiting.text.endswith("upload it again in 24 hours.")


def test_the_self_test_passes() -> None:
    """The check that the server runs before the plugin goes into service finds nothing."""
    assert self_test() is None
