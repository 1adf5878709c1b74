"""Checking SLH-DSA signatures (FIPS 205, pure, empty context), which no installed library does yet.

Checking needs a hash function and nothing else: a signature is true exactly if hashing it up through the trees ends in
the root that the public key holds (§9.3, algorithm 20). There are no secrets and no arithmetic beyond indices. A check
costs 2,000 to 9,000 calls of SHAKE256: some 3 to 15 ms.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .algorithms import Algorithm

__all__ = ["verifies"]

# Types of addresses (§4.2).
_WOTS_HASH, _WOTS_PK, _TREE, _FORS_TREE, _FORS_ROOTS = range(5)


@dataclass(frozen=True, slots=True)
class _Parameters:
    """Table 2: `n` octets of a hash; `d` layers of trees of `height`; `k` FORS trees of height `a`."""

    n: int
    d: int
    height: int
    a: int
    k: int

    @property
    def chains(self) -> int:
        return 2 * self.n + 3

    @property
    def fors_size(self) -> int:
        return self.k * (1 + self.a) * self.n

    @property
    def layer_size(self) -> int:
        return (self.height + self.chains) * self.n


_SETS = {
    Algorithm.SLH_DSA_SHAKE_128S: _Parameters(n=16, d=7, height=9, a=12, k=14),
    Algorithm.SLH_DSA_SHAKE_128F: _Parameters(n=16, d=22, height=3, a=6, k=33),
    Algorithm.SLH_DSA_SHAKE_256S: _Parameters(n=32, d=8, height=8, a=14, k=22),
}


def verifies(algorithm: int, key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `key` (2n octets) made this signature of `message`. ValueError for another algorithm or wrong lengths."""
    found = _SETS.get(Algorithm(algorithm))
    if found is None or len(key) != 2 * found.n:
        raise ValueError("not an SLH-DSA key")
    if len(signature) != found.n + found.fors_size + found.d * found.layer_size:
        raise ValueError("wrong length of the signature")
    return _Verification(found, key[: found.n]).run(key[found.n :], message, signature)


class _Verification:
    def __init__(self, parameters: _Parameters, seed: bytes) -> None:
        self.set = parameters
        self.seed = seed

    def run(self, root: bytes, message: bytes, signature: bytes) -> bool:
        """§9.2, algorithm 19, for the message of §10.3, algorithm 24."""
        p = self.set
        tree_bits, leaf_bits = p.height * (p.d - 1), p.height
        sizes = (p.k * p.a + 7) // 8, (tree_bits + 7) // 8, (leaf_bits + 7) // 8
        hashed = hashlib.shake_256(signature[: p.n] + self.seed + root + b"\0\0" + message).digest(sum(sizes))
        chosen = hashed[: sizes[0]]
        tree = int.from_bytes(hashed[sizes[0] : sizes[0] + sizes[1]], "big") & ((1 << tree_bits) - 1)
        leaf = int.from_bytes(hashed[sizes[0] + sizes[1] :], "big") & ((1 << leaf_bits) - 1)
        node = self._fors(signature[p.n : p.n + p.fors_size], chosen, tree, leaf)
        offset = p.n + p.fors_size
        for layer in range(p.d):
            node = self._layer(signature[offset : offset + p.layer_size], node, layer, tree, leaf)
            offset += p.layer_size
            leaf, tree = tree & ((1 << p.height) - 1), tree >> p.height
        return node == root

    def _place(self, layer: int, tree: int, kind: int, pair: int) -> bytes:
        """The seed and the first part of an address (§4.2), which many hashes share."""
        return (
            self.seed
            + layer.to_bytes(4, "big")
            + tree.to_bytes(12, "big")
            + kind.to_bytes(4, "big")
            + pair.to_bytes(4, "big")
        )

    def _climb(self, place: bytes, node: bytes, index: int, path: bytes, first: int) -> bytes:
        """From a node up to the root of its tree; `first` is the index of the tree's first leaf."""
        n = self.set.n
        for height in range(len(path) // n):
            sibling = path[height * n : (height + 1) * n]
            pair = sibling + node if index >> height & 1 else node + sibling
            where = (height + 1).to_bytes(4, "big") + ((first + index) >> (height + 1)).to_bytes(4, "big")
            node = hashlib.shake_256(place + where + pair).digest(n)
        return node

    def _fors(self, signature: bytes, chosen: bytes, tree: int, leaf: int) -> bytes:
        """§8.4, algorithm 17."""
        n, a, k = self.set.n, self.set.a, self.set.k
        place = self._place(0, tree, _FORS_TREE, leaf)
        bits, width = int.from_bytes(chosen, "big"), len(chosen) * 8
        roots: list[bytes] = []
        for number in range(k):
            index = bits >> (width - (number + 1) * a) & ((1 << a) - 1)
            start = number * (a + 1) * n
            first = number << a
            where = bytes(4) + (first + index).to_bytes(4, "big")
            node = hashlib.shake_256(place + where + signature[start : start + n]).digest(n)
            roots.append(self._climb(place, node, index, signature[start + n : start + (a + 1) * n], first))
        return hashlib.shake_256(self._place(0, tree, _FORS_ROOTS, leaf) + bytes(8) + b"".join(roots)).digest(n)

    def _layer(self, signature: bytes, message: bytes, layer: int, tree: int, leaf: int) -> bytes:
        """§6.3, algorithm 11, with the one-time key of §5.3, algorithm 8."""
        n, chains = self.set.n, self.set.chains
        digits = [digit for octet in message for digit in (octet >> 4, octet & 15)]
        total = sum(15 - digit for digit in digits)
        digits += total >> 8 & 15, total >> 4 & 15, total & 15
        place = self._place(layer, tree, _WOTS_HASH, leaf)
        ends: list[bytes] = []
        for chain, digit in enumerate(digits):
            value = signature[chain * n : (chain + 1) * n]
            start = place + chain.to_bytes(4, "big")
            for step in range(digit, 15):
                value = hashlib.shake_256(start + step.to_bytes(4, "big") + value).digest(n)
            ends.append(value)
        node = hashlib.shake_256(self._place(layer, tree, _WOTS_PK, leaf) + bytes(8) + b"".join(ends)).digest(n)
        return self._climb(self._place(layer, tree, _TREE, 0), node, leaf, signature[chains * n :], 0)
