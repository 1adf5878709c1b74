"""What a newer version of the contract may change: it may add, and nothing else.

- Interfaces that plugins import may get functions and types; those that they export may not, since a guest that was
  built before does not have them: what is new becomes an interface of its own.
- A function's type stays, and so does every named type: records, variants and enums do not grow.
- A world may import more. It may not export more or less, nor import less.
"""

from __future__ import annotations

from wasmpuck.runtime.wit import Interface, Package

__all__ = ["breaking"]


def breaking(old: Package, new: Package) -> list[str]:
    """What of `new` would break guests that were built against `old`, a sentence each; empty if it only adds."""
    exported = {name for world in old.worlds.values() for name in world.exports}
    found: list[str] = []
    for name, interface in sorted(old.interfaces.items()):
        successor = new.interfaces.get(name)
        if successor is None:
            found.append(f"interface {name} is gone")
        else:
            found += _changes(interface, successor, exported=name in exported)
    for name, world in sorted(old.worlds.items()):
        later = new.worlds.get(name)
        if later is None:
            found.append(f"world {name} is gone")
            continue
        found += [f"world {name} does not import {each} any more" for each in sorted(world.imports - later.imports)]
        found += [f"world {name} does not export {each} any more" for each in sorted(world.exports - later.exports)]
        if name != "runtime":  # a runtime is built for the newest contract
            found += [f"world {name} exports {each} too" for each in sorted(later.exports - world.exports)]
    return found


def _changes(old: Interface, new: Interface, *, exported: bool) -> list[str]:
    name = old.name
    found = [f"type {name}.{each} is gone" for each in sorted(set(old.types) - set(new.types))]
    found += [
        f"type {name}.{each} is another"
        for each, kind in sorted(old.types.items())
        if each in new.types and new.types[each] != kind
    ]
    found += [f"function {name}.{each} is gone" for each in sorted(set(old.functions) - set(new.functions))]
    found += [
        f"function {name}.{each} has another type"
        for each, kind in sorted(old.functions.items())
        if each in new.functions and new.functions[each] != kind
    ]
    if exported:
        added = sorted(set(new.functions) - set(old.functions))
        found += [f"function {name}.{each} is new in an interface that plugins export" for each in added]
    return found
