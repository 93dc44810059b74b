"""The length that a Matroska or WebM file announces, where it does (RFC 9559, 5.1.2; RFC 8794 for EBML)."""

from __future__ import annotations

import math
import re
import struct
from typing import BinaryIO

_HEAD = 1 << 16
_MOST_ELEMENTS = 200
_EBML, _SEGMENT, _INFO = 0x1A45DFA3, 0x18538067, 0x1549A966
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")


def matroska_seconds(stream: BinaryIO, begin: int = 0) -> float | None:
    """Seconds of the longest track as the header says; None where it does not, as in a recording.

    The file begins at byte `begin`. FFmpeg would fill in a guess by the bitrate.
    """
    stream.seek(begin)
    head = stream.read(_HEAD)
    at = end = 0
    scale, duration = 1_000_000, 0.0
    for _ in range(_MOST_ELEMENTS):
        name, at = _number(head, at, keep_mark=True)
        length, at = _number(head, at)
        if name in (_SEGMENT, _INFO):
            end = at + length
            continue  # into it
        content = head[at : at + length]
        if name == _SCALE and 0 < len(content) <= 8:
            scale = int.from_bytes(content, "big")
        elif name == _DURATION and len(content) in (4, 8):
            (duration,) = struct.unpack(">f" if len(content) == 4 else ">d", content)
        at += length
        if at >= len(head) or (end and at >= end):
            break
    seconds = duration * scale / 1e9
    return seconds if math.isfinite(seconds) and seconds > 0 else None


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
