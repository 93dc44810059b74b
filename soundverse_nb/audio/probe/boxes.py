"""The boxes an MP4 is made of (ISO/IEC 14496-12, 4.2): found one behind the other, never by recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from soundverse_nb.audio.probe.window import Window

_MOST_BOXES = 1000


class Box(NamedTuple):
    """A box's four-letter name and where its content stands; `end` may claim to lie behind the file's."""

    name: bytes
    start: int
    end: int


def boxes(window: Window, start: int, end: int) -> Iterator[Box]:
    """The boxes that stand in [start, end), until one of them makes no sense."""
    for _ in range(_MOST_BOXES):
        header = window.at(start, 16) if end - start >= 16 else window.at(start, max(end - start, 0))
        if len(header) < 8:
            return
        size, content = int.from_bytes(header[:4], "big"), start + 8
        if size == 1 and len(header) == 16:
            size, content = int.from_bytes(header[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if start + size < content:
            return
        yield Box(header[4:8], content, start + size)
        start += size


def find(window: Window, within: Box, *path: bytes) -> Box | None:
    """The first box at this path of names below `within`."""
    for name in path:
        for box in boxes(window, within.start, within.end):
            if box.name == name:
                within = box
                break
        else:
            return None
    return within
