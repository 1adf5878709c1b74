"""Routes of plugins: who may have which path, and who answers it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.plugged import Plugged
from plugins.generations import serving, snapshot
from runtime.guests import Guest, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins import Plugin
from wasmpuck.worlds.routes import OWN_PATHS, Table, _collide, _within, routes_of, vet


def wanting(name: str, *paths: str, methods: Sequence[str] = ("GET",), headers: Sequence[str] = ()) -> Guest:
    routes = [{"path": path, "methods": list(methods), "headers": list(headers)} for path in paths]
    return Guest(name=name, worlds=("lifecycle", "routes"), results={"routes.describe-routes": routes})


def refused(plugin: Plugin, *others: Plugin) -> ArtifactRefused:
    with pytest.raises(ArtifactRefused) as caught:
        vet(plugin, others)
    return caught.value


def test_a_plugin_has_what_is_below_its_name() -> None:
    """Exact paths and everything below them; a plugin without routes wants nothing."""

    async def main() -> None:
        async with serving(wanting("a", "/plugins/a/x", "/plugins/a/*"), Guest(name="b")) as plugins:
            for plugin in plugins:
                vet(plugin, [])
            table = routes_of(snapshot(plugins))
            found = [table.find(path) for path in ("/plugins/a/x", "/plugins/a/y/z", "/plugins/a/", "/plugins/a", "/x")]
            assert [None if each is None else each[1] for each in found] == ["", "y/z", "", None, None]

    run(main())


@pytest.mark.parametrize("path", ["/graphql", "/plugins/b/x", "/plugins/aa/x", "/plugins/*", "/wkd/*", "/wkd/x/*"])
def test_other_paths_are_the_operator_s_to_give(path: str) -> None:
    """They are refused until he lists them."""

    async def main() -> None:
        async with serving(wanting("a", path)) as plugins:
            refusal = refused(plugins[0])
            assert refusal.reason is Refusal.ROUTE_TAKEN
            assert refusal.hint == f'permit it in its table: routes = ["{path}"]'
        async with serving(wanting("a", path), routes=(path,)) as plugins:
            vet(plugins[0], [])

    run(main())


@pytest.mark.parametrize("path", ["/", "/pks/lookup", "/pks/*", "/key/x", "/*", "/submit", "/.well-known/*"])
def test_the_server_s_paths_cannot_be_had(path: str) -> None:
    """Even if the operator lists them."""

    async def main() -> None:
        async with serving(wanting("a", path), routes=(path,)) as plugins:
            refusal = refused(plugins[0])
            assert (refusal.reason, "the server answers" in refusal.message) == (Refusal.ROUTE_TAKEN, True)

    run(main())


@pytest.mark.parametrize(("one", "other"), [("/x", "/x"), ("/x/*", "/x/y"), ("/x/y/*", "/x/*"), ("/x/*", "/x/*")])
def test_the_later_plugin_is_refused(one: str, other: str) -> None:
    """When some path would be both plugins'."""

    async def main() -> None:
        async with serving(wanting("a", one), wanting("b", other), routes=("/*",)) as (first, second):
            vet(first, [])
            refusal = refused(second, first)
            assert refusal.reason is Refusal.ROUTE_TAKEN
            assert f"the plugin a answers {one}" in refusal.message

    run(main())


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        (wanting("a", "plugins/a/x"), "is not the path of a route"),
        (wanting("a", "/plugins/a/../x"), "is not the path of a route"),
        (wanting("a", "/plugins/a/*/x"), "is not the path of a route"),
        (wanting("a", "/plugins/a/x?y"), "is not the path of a route"),
        (wanting("a", "/plugins/a//x"), "is not the path of a route"),
        (wanting("a", "/plugins/a/" + "x" * 600), "is not the path of a route"),
        (wanting("a", "/plugins/a/x", methods=()), "has no methods"),
        (wanting("a", "/plugins/a/x", methods=("get",)), "is not a method that a route can have"),
        (wanting("a", "/plugins/a/x", methods=("HEAD",)), "is not a method that a route can have"),
        (wanting("a", "/plugins/a/x", "/plugins/a/x"), "wants GET /plugins/a/x twice"),
        (wanting("a", "/plugins/a/x", headers=["x"] * 33), "wants 33 headers"),
        (wanting("a", *(f"/plugins/a/{number}" for number in range(65))), "it wants 65 routes"),
    ],
)
def test_routes_that_make_no_sense_are_refused(guest: Guest, says: str) -> None:
    """With what is wrong."""

    async def main() -> None:
        async with serving(guest) as plugins:
            refusal = refused(plugins[0])
            assert refusal.reason is Refusal.INITIALIZATION_FAILED
            assert says in refusal.message

    run(main())


SEGMENTS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
PATTERNS = st.builds(lambda path, below: path + below, SEGMENTS, st.sampled_from(["", "/*"])) | st.just("/*")


@given(PATTERNS, PATTERNS, SEGMENTS)
def test_patterns_that_share_a_path_collide(one: str, other: str, path: str) -> None:
    """And one within another shares all of its paths."""

    def answers(pattern: str) -> bool:
        table = Table()
        plugin: Any = SimpleNamespace()
        table.add(plugin, [SimpleNamespace(path=pattern, methods=["GET"], headers=[])])
        return table.find(path) is not None

    assert answers(path)
    assert _collide(one, other) == _collide(other, one)
    if answers(one) and answers(other):
        assert _collide(one, other)
    if _within(one, other) and answers(one):
        assert answers(other)


def test_the_list_of_the_server_s_paths_is_complete(tmp_path: Path) -> None:
    """Every route of the whole application is on it."""
    with Plugged(tmp_path) as server:
        canonical = {resource.canonical for resource in server.application.router.resources()}
    canonical.discard("/{plugin}")
    assert len(canonical) > 20
    for path in canonical:
        fixed = path.partition("{")[0]
        shown = fixed + "x" if fixed != path else path
        assert any(_within(shown, own) for own in OWN_PATHS), path
