"""How much of everything a component may have, and how much one has: the numbers of `screening`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Screened", "ScreeningLimits"]

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ScreeningLimits:
    """The most of everything; in parentheses what CPython as a component (18 MB) has.

    size: bytes of the artifact.
    parts: core modules and nested components in all (44).
    depth: components inside components (2).
    sections: in all (750).
    entries: types, imports, exports, aliases, instances, segments and other definitions in all (12,000).
    functions: in all modules (13,500). One costs at least 60 µs and 6 kB.
    body: bytes of one function (427,000).
    local_groups: runs of locals of one type in all (30,000): bounds the time of this walk.
    local_variables: of one function (271).
    local_bytes: locals of one function times its bytes (3.5 million): what dataflow analysis costs.
    parameters, results: of one function type (18, 1). A loop that passes values on costs 40 kB for each.
    nesting: blocks inside blocks in one function (781): twice the depth costs four times the time.
    blocks, loops: of one function (3,112; 81).
    decoded: bytes of function bodies that are decoded instruction by instruction, a block counted as 32 (0): bounds the
        time of this walk.
    memories, tables: in all (1, 2).
    memory: bytes of memory at the start, each (13 million). A declared maximum costs nothing: the store limits growth.
    table_elements: at the start, each (5,676).
    """

    size: int = 64 * _MIB
    parts: int = 400
    depth: int = 8
    sections: int = 10_000
    entries: int = 100_000
    functions: int = 50_000
    body: int = 2 * _MIB
    local_groups: int = 400_000
    local_variables: int = 10_000
    local_bytes: int = 100_000_000
    parameters: int = 256
    results: int = 16
    nesting: int = 4_000
    blocks: int = 30_000
    loops: int = 4_000
    decoded: int = 8 * _MIB
    memories: int = 16
    tables: int = 100
    memory: int = 512 * _MIB
    table_elements: int = 1_000_000


@dataclass(slots=True)
class Screened:
    """What a component that passed has in all; bytes where nothing else is said."""

    modules: int = 0
    components: int = 0
    sections: int = 0
    entries: int = 0
    functions: int = 0
    code: int = 0
    decoded: int = 0
    local_groups: int = 0
    memories: int = 0
    tables: int = 0
