"""Plugins that need others: whether what they need is there, and whether they need each other in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.trust import Manifest, Version

__all__ = ["circle", "refuse_circle", "require", "unmet"]


def unmet(manifest: Manifest, versions: Mapping[str, Version]) -> str:
    """What a plugin needs and does not find among the `versions` in service; empty when all is there."""
    lacking = []
    for name, requirement in manifest.dependencies.items():
        found = versions.get(name)
        if found is None:
            lacking.append(f"{name} {requirement}, which is not in service")
        elif not requirement.admits(found):
            lacking.append(f"{name} {requirement}, and {found} is in service")
    return "; ".join(lacking)


def require(manifest: Manifest, versions: Mapping[str, Version]) -> None:
    """Raises `ArtifactRefused(DEPENDENCY_MISSING)` unless all that a plugin needs is in service in a version that will
    do.
    """
    lacking = unmet(manifest, versions)
    if lacking:
        raise ArtifactRefused(
            Refusal.DEPENDENCY_MISSING,
            f"{manifest.name} {manifest.version} needs {lacking}",
            hint="load what it needs as well: it is tried again with the next plugin that goes into service",
        )


def circle(name: str, needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """A shortest way from a plugin over what it needs back to it (both ends included); empty if there is none."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    while ways:
        longer: list[tuple[str, ...]] = []
        for way in ways:
            for each in sorted(needs.get(way[-1], ())):
                if each == name:
                    return (*way, name)
                if each not in seen:
                    seen.add(each)
                    longer.append((*way, each))
        ways = longer
    return ()


def refuse_circle(name: str, needs: Mapping[str, Iterable[str]]) -> None:
    """Raises `ArtifactRefused(DEPENDENCY_MISSING)` for a plugin that, by way of others, needs itself."""
    way = circle(name, needs)
    if way:
        raise ArtifactRefused(
            Refusal.DEPENDENCY_MISSING,
            f"{name} needs itself: {' → '.join(way)}",
            hint="their publishers have to decide which of them comes first",
        )
