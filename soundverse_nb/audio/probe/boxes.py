"""The boxes an MP4 is made of (ISO/IEC 14496-12, 4.2): found one behind the other, never by recursion."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_MOST_BOXES = 1000
_HEAD = struct.Struct(">I4s")


class Box(NamedTuple):
    """A box's four-letter name and where its content stands; `end` may claim to lie behind the data's."""

    name: bytes
    start: int
    end: int


def box_at(header: bytes, at: int, offset: int, end: int) -> Box | None:
    """The box whose header stands at `at` in `header` and at `offset` of what ends at `end`."""
    if len(header) - at < 8:
        return None
    size, name = _HEAD.unpack_from(header, at)
    content = offset + 8
    if size == 1:
        size, content = int.from_bytes(header[at + 8 : at + 16], "big"), offset + 16
    elif size == 0:
        size = end - offset
    return Box(name, content, offset + size) if offset + size >= content else None


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that stand in data[start:end], until one of them makes no sense."""
    for _ in range(_MOST_BOXES):
        box = box_at(data, start, start, end) if start < end else None
        if box is None:
            return
        yield box
        start = box.end


def children(data: bytes, within: Box) -> dict[bytes, Box]:
    """The boxes inside this one by name; of several with one name the first."""
    found: dict[bytes, Box] = {}
    for box in boxes(data, within.start, min(within.end, len(data))):
        found.setdefault(box.name, box)
    return found


def descend(data: bytes, within: Box, *path: bytes) -> Box | None:
    """The box at this path of names below `within`."""
    box: Box | None = within
    for name in path:
        box = children(data, box).get(name) if box is not None else None
    return box
