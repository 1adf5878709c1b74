"""Numbers and sections of a WebAssembly binary that nobody has vouched for, and how it is refused."""

from __future__ import annotations

from wasmpuck.errors import ArtifactRefused, Refusal

__all__ = ["Reader", "damaged", "too_large"]


def too_large(
    message: str, hint: str = "split the plugin, or build it as its toolchain does by default"
) -> ArtifactRefused:
    """Beyond a limit; the message names it."""
    return ArtifactRefused(Refusal.TOO_LARGE, message, hint=hint)


def damaged(message: str, hint: str = "copy the file again, or build it again") -> ArtifactRefused:
    """Not readable; the message names the place."""
    return ArtifactRefused(Refusal.COMPILE_FAILED, f"the component cannot be read: {message}", hint=hint)


class Reader:
    """Reads at positions; every method raises `ArtifactRefused` for what is cut off."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, position: int, end: int) -> tuple[int, int]:
        """The unsigned LEB128 number of at most 35 bits at `position`, and the position behind it."""
        value = shift = 0
        while position < end and shift < 35:
            byte = self.data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        raise damaged(f"the number at byte {position:,} is cut off or too long")

    def section(self, position: int, end: int) -> tuple[int, int, int]:
        """Kind, begin and end of the contents of the section at `position`."""
        size, start = self.number(position + 1, end)
        if start + size > end:
            raise damaged(f"the section at byte {position:,} says that it has {size:,} bytes, and is cut off")
        return self.data[position], start, start + size
