"""What the fuzzer starts from: the sample certificates, poisoned shapes, and pieces of Debian's keyrings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from vectors.owner import CREATED, Owner, packet, subpacket
from wasmpuck.openpgp import dearmor, frame, walk

__all__ = ["debian", "poisoned", "samples", "write"]

_VECTORS = Path(__file__).parents[1] / "vectors"
_LARGEST = 6000  # bytes of a seed: the fuzzer is slower on longer ones


def samples() -> Iterator[bytes]:
    """The certificates of the repository, armored and not."""
    for path in sorted((*_VECTORS.glob("*.asc"), *_VECTORS.glob("pqc/*eddsa.asc"))):
        data = path.read_bytes()
        yield dearmor(data)
        yield data


def poisoned() -> Iterator[bytes]:
    """Shapes that keyservers met or that their parsers tripped over."""
    ann, ben, sub = Owner("ann"), Owner("ben"), Owner("sub")
    text = "Ann <ann@example.org>"
    user_id = ann.user_id(text)
    about = ann.about(text)
    whole = ann.certificate(
        ann.sign(0x1F, ann.framed), user_id, ben.certify(ann, text), ann.subkey(sub, signing=True), ann.revocation()
    )
    yield whole
    yield whole + whole[::-1]
    yield whole + ben.certificate(ben.user_id("Ben")) + ann.certificate(ann.user_id("Annie"))
    yield ann.certificate(user_id, (17, b"\x01\x01"), (12, b"trust"))
    yield ann.certificate((12, b"SKS"), (13, b"unsigned <u@example.org>"), ann.revocation(reason=2))
    yield ann.certificate(user_id, [(13, f"fake {number}".encode()) for number in range(100)])
    yield ann.certificate(user_id, [ben.certify(ann, text, at=CREATED + number) for number in range(20)])
    yield ann.certificate(user_id, [ann.sign(0x13, about, at=number, spoil=True) for number in range(20)])
    yield ann.certificate(user_id, user_id, user_id[1], (10, b"PGP"), (21, b"padding"))
    yield ann.certificate(user_id, ann.sign(0x13, about, hashed=subpacket(99, b"x", critical=True)))
    yield ann.certificate(user_id, ann.sign(0x16, about, hashed=subpacket(37, bytes(64))), ben.certify(ann, text))
    yield ann.certificate(user_id, ann.revoke_user_id(text), ann.revocation(reason=1), ann.revocation(reason=99))
    yield ann.certificate(ann.user_id("Ann\0"), ann.user_id(b"\xff\xfe<\x80@\x81>"), ann.user_id("a" * 2049))
    yield packet(5, ann.body + b"\0secret")
    yield packet(*ann.revocation())
    yield packet(6, b"\x06" + bytes(4) + b"\x1b\0\0\0\x20" + bytes(32)) + packet(13, b"Ann")
    yield packet(6, b"\x05" + bytes(4) + b"\x16\0\0\0\x20" + bytes(32)) + packet(13, b"Ann")
    yield packet(6, b"\x03" + bytes(4) + b"\x00\x1e\x01" + b"\x04\x00" + b"\xff" * 128 + b"\x00\x05\x11")
    yield packet(6, b"\x06" + bytes(4) + b"\x20\0\0\0\x20" + bytes(32)) + packet(13, b"Ann")
    yield packet(6, ann.body) + b"\xcd\xff\x7f\xff\xff\xff" + bytes(100)
    yield packet(6, ann.body) + packet(2, b"\x04\x13\x16\x08\xff\xff")
    yield b"\x99\x00\x05\x04" + bytes(4) + b"\xb4\x03Ann\x88\x02\x04\x13"
    yield b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjM\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"
    yield b""


def debian(keyring: Path, count: int = 60) -> Iterator[bytes]:
    """Some of a keyring's certificates, as much of each as a seed may have, evenly from the whole keyring."""
    certificates: list[bytes] = []
    size = 0
    for item in walk(keyring.read_bytes()):
        if item.tag == 6:
            certificates.append(b"")
            size = 0
        framed = frame(*item)
        size += len(framed)
        if size <= _LARGEST:
            certificates[-1] += framed
    yield from certificates[:: max(1, len(certificates) // count)]


def write(folder: Path) -> int:
    """Writes all seeds into `folder`, one file each, with a first byte that chooses a policy; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [*samples(), *poisoned()]
    for keyring in sorted(Path("/usr/share/keyrings").glob("debian-*.gpg")):
        found.extend(debian(keyring))
    for number, data in enumerate(found):
        (folder / f"seed-{number:04}").write_bytes(bytes((number % 3,)) + data)
    return len(found)


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1]))} seeds\n")
