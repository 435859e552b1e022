"""Which shared libraries a program loads, read from the file itself: no binutils wanted.  [standard library only]"""

import struct
from pathlib import Path

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5


def libraries_of(path: Path) -> list[str]:
    """Return the DT_NEEDED names of a 64-bit ELF file; none if it is something else. Source: the ELF-64 format."""
    content = path.read_bytes()
    if content[:5] != b"\x7fELF\x02":
        return []
    order = "<" if content[5] == 1 else ">"
    table, size, count = (
        *struct.unpack_from(order + "Q", content, 32),
        *struct.unpack_from(order + "HH", content, 54),
    )
    loads: list[tuple[int, int, int]] = []
    dynamic: tuple[int, int] | None = None
    for number in range(count):
        kind, _, offset, address, _, length, _, _ = struct.unpack_from(
            order + "IIQQQQQQ", content, table + number * size
        )
        if kind == _LOAD:
            loads.append((address, offset, length))
        elif kind == _DYNAMIC:
            dynamic = (offset, length)
    if dynamic is None:
        return []
    tags = _tags(content, order, *dynamic)
    strings = next(value for tag, value in tags if tag == _STRINGS)
    start = next(
        offset + strings - address for address, offset, length in loads if address <= strings < address + length
    )
    return [_text(content, start + value) for tag, value in tags if tag == _NEEDED]


def _tags(content: bytes, order: str, offset: int, length: int) -> list[tuple[int, int]]:
    tags: list[tuple[int, int]] = []
    for place in range(offset, offset + length, 16):
        tag, value = struct.unpack_from(order + "QQ", content, place)
        if tag == 0:
            break
        tags.append((tag, value))
    return tags


def _text(content: bytes, start: int) -> str:
    return content[start : content.index(b"\0", start)].decode()
