"""Every inhabitant of the zoo against a running server: its reason is told, answers go on, memory comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.processes import eventually
from wasmpuck.errors import CallReason
from zoo import burners, flooders, liars, quitters
from zoo.keeper import Zoo
from zoo.registry import INHABITANTS, Inhabitant
from zoo.witness import witness

WINGS = (burners, liars, flooders, quitters)

#: What the server may hold more than at the beginning once a guest is gone; the greediest of them takes 64 MiB.
SPARE = 40 << 20


def _in_service() -> list[Inhabitant]:
    return [each for each in INHABITANTS.values() if each.refused is None]


def _refused() -> list[Inhabitant]:
    return [each for each in INHABITANTS.values() if each.refused is not None]


def test_the_zoo_is_large_enough() -> None:
    """At least 25 guests, each of which says in a sentence what it does."""
    assert len(INHABITANTS) >= 25
    assert all(each.sentence.endswith(".") for each in INHABITANTS.values())


@pytest.mark.parametrize("inhabitant", _refused(), ids=lambda each: str(each.name))
def test_it_is_refused_with_its_reason(zoo: Zoo, inhabitant: Inhabitant) -> None:
    """A guest that shows before it serves is not loaded; outcome, log, list and metrics say why; lookups go on."""
    assert inhabitant.refused is not None
    reason = str(inhabitant.refused)
    before = zoo.server.sample("wasmpuck_plugin_refusals_total", reason=reason)
    mark = len(zoo.server.log)
    outcome = zoo.admit(inhabitant)[inhabitant.name]
    assert outcome["what"] == "refused"
    assert str(outcome["reason"]).startswith(f"{reason}: ")
    assert len(str(outcome["reason"])) < 2000
    [line] = [line for line in zoo.lines(mark) if f"plugin {inhabitant.name} is not loaded ({reason})" in line]
    assert inhabitant.says in line
    assert zoo.server.rows()[inhabitant.name]["state"] == "failed"
    assert zoo.server.sample("wasmpuck_plugin_refusals_total", reason=reason) == before + 1
    assert zoo.ask().status == 404
    zoo.dismiss()
    assert zoo.server.memory() < zoo.usual + SPARE


@pytest.mark.parametrize("inhabitant", _in_service(), ids=lambda each: str(each.name))
def test_it_ends_with_its_reason(zoo: Zoo, inhabitant: Inhabitant) -> None:
    """A guest in service fails for its own reason, or does no harm; lookups go on and its memory comes back."""
    mark = len(zoo.server.log)
    assert zoo.admit(inhabitant)[inhabitant.name]["what"] == "published"
    ends, export = str(inhabitant.ends), inhabitant.export
    own_answer = 403 if inhabitant.name == "kept-refusal" else 404

    def has_shown_itself() -> bool:
        assert zoo.ask().status == own_answer
        if export != "lifecycle.shutdown" and not zoo.server.calls(inhabitant.name, export).get(ends):
            return False
        return export == "lifecycle.shutdown" or inhabitant.says in zoo.server.log[mark:]

    eventually(has_shown_itself, f"{inhabitant.name} shows itself")
    if inhabitant.name == "memory-hoarder":
        assert zoo.server.memory() > zoo.usual + (50 << 20)
    for name, least in inhabitant.wants.items():
        own = name.startswith(f"wasmpuck_plugin_{inhabitant.name.replace('-', '_')}_")
        assert zoo.server.sample(name, **({} if own else {"plugin": inhabitant.name})) >= least
    zoo.dismiss()
    eventually(lambda: f"plugin {inhabitant.name} generation 1 is retired" in zoo.server.log[mark:], "it is retired")
    assert zoo.server.calls(inhabitant.name, export)[ends] >= 1
    if inhabitant.ends is not CallReason.OK:
        [line] = [each for each in zoo.lines(mark) if f"failed in {export} ({ends})" in each][:1]
        assert inhabitant.says in line
    assert zoo.ask().status == 404
    assert zoo.server.memory() < zoo.usual + SPARE


def test_an_answer_cannot_be_split(zoo: Zoo) -> None:
    """Headers with control characters, without a proper name or of the server's own are dropped, the others kept."""
    zoo.admit(INHABITANTS["control-characters"])
    headers = zoo.ask().headers
    assert headers["x-fine"] == "yes"
    assert headers["content-length"] != "0"
    assert not {"x-nul", "x-split", "x y", "set-cookie"} & {header.lower() for header in headers}
    zoo.dismiss()


def test_the_witness_notices(zoo: Zoo) -> None:
    """The guest by which swaps are watched complains about a call that comes after a shutdown in its configuration."""
    zoo.admit(Inhabitant("witness", witness))
    headers = zoo.ask().headers
    assert (headers["x-asked"], headers["x-answered"]) == ("{}", "{}")
    assert zoo.server.swap("witness").status == 200
    eventually(lambda: zoo.ask().status == 500, "the old generation shuts down")
    answer = zoo.ask()
    assert (answer.text, answer.headers["x-late"]) == ("called after shutdown", "yes")
    zoo.dismiss()


def test_all_of_them_at_once(zoo: Zoo) -> None:
    """With every guest in service at the same time, lookups by many clients are all answered as without them."""
    # One of them answers for the server, and one refuses to be loaded a second time.
    together = [each for each in _in_service() if each.name not in ("kept-refusal", "only-once")]
    outcomes = zoo.admit(*together)
    assert {outcome["what"] for outcome in outcomes.values()} == {"published"}
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: zoo.ask().status, range(48)))
    assert answers == [404] * 48
    assert set(zoo.server.rows()) >= {each.name for each in together}
    zoo.dismiss()
    assert zoo.ask().status == 404

    def everything_is_back() -> bool:
        return zoo.server.memory() < zoo.usual + SPARE

    eventually(everything_is_back, "memory comes back")
