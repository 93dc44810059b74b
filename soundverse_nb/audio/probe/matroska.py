"""Matroska and WebM headers: length, and whether the sound is encrypted (RFC 9559; RFC 8794)."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

_HEAD = 1 << 16
_MOST_ELEMENTS = 200
_SEGMENT, _INFO, _TRACKS = 0x18538067, 0x1549A966, 0x1654AE6B
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_TRACK, _TYPE, _ENCODINGS, _ENCRYPTION = 0xAE, 0x83, 0x6D80, 0x5035
_SOUND = b"\x02"
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")


def matroska_seconds(stream: BinaryIO, begin: int = 0) -> float | None:
    """Seconds of the longest track as the header says; None where it does not, as in a recording.

    The file begins at byte `begin`. FFmpeg would fill in a guess by the bitrate.
    """
    stream.seek(begin)
    head = stream.read(_HEAD)
    scale, duration = 1_000_000, 0.0
    for name, start, end in inside(head, _SEGMENT, _INFO):
        content = head[start:end]
        if name == _SCALE and 0 < len(content) <= 8:
            scale = int.from_bytes(content, "big")
        elif name == _DURATION and len(content) in (4, 8):
            (duration,) = struct.unpack(">f" if len(content) == 4 else ">d", content)
    seconds = duration * scale / 1e9
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def has_open_sound(head: bytes) -> bool:
    """Whether there is a track of sound that is not encrypted, or none at all in the file's first bytes."""
    locked: list[bool] = []
    for name, start, end in inside(head, _SEGMENT, _TRACKS):
        parts = list(elements(head, start, end)) if name == _TRACK else []
        if any(part == _TYPE and head[at:stop] == _SOUND for part, at, stop in parts):
            encodings = [(at, stop) for part, at, stop in parts if part == _ENCODINGS]
            kinds = [found for at, stop in encodings for found in elements(head, at, stop)]
            names = [part for _, at, stop in kinds for part, _, _ in elements(head, at, stop)]
            locked.append(_ENCRYPTION in names)
    return not locked or not all(locked)


def inside(data: bytes, *path: int) -> Iterator[tuple[int, int, int]]:
    """The elements at this path of names below the file itself: name, start and end of each one's content."""
    start, end = 0, len(data)
    for wanted in path:
        found = next(((at, stop) for name, at, stop in elements(data, start, end) if name == wanted), None)
        if found is None:
            return
        start, end = found
    yield from elements(data, start, end)


def elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The elements that stand in data[start:end]: name, start and end of each one's content."""
    end = min(end, len(data))
    for _ in range(_MOST_ELEMENTS):
        name, at = _number(data, start, keep_mark=True)
        length, at = _number(data, at)
        if start >= end or not name:
            return
        start = at + length
        yield name, at, min(start, end)


def _number(data: bytes, at: int, *, keep_mark: bool = False) -> tuple[int, int]:
    """A number of EBML's variable length, and where it ends."""
    width = 9 - (data[at] if at < len(data) else 0).bit_length()
    if width > 8 or at + width > len(data):
        return 0, len(data)
    value = int.from_bytes(data[at : at + width], "big")
    return (value if keep_mark else value & (1 << 7 * width) - 1), at + width


def clock_seconds(text: str) -> float | None:
    """Seconds of "00:03:20.008000000", as tracks say their length in a tag; None for anything else."""
    found = _CLOCK.fullmatch(text.strip())
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
