"""Matroska and WebM: length, encryption, and whether all parts are there (RFC 9559; RFC 8794)."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from soundverse_nb.audio.probe.window import LARGEST, Window

_HEAD = 1 << 16
_MOST_ELEMENTS = 200
_SEGMENT, _INFO, _TRACKS = 0x18538067, 0x1549A966, 0x1654AE6B
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_CLUSTER, _CUES, _CUE, _CUE_TIME = 0x1F43B675, 0x1C53BB6B, 0xBB, 0xB3
_TIME = 0xE7
_TRACK, _TYPE, _ENCODINGS, _ENCRYPTION = 0xAE, 0x83, 0x6D80, 0x5035
_SOUND = b"\x02"
_MOST_PARTS = 200_000
_WIDEST_NAME = 4
# In a recording, whose length nobody filled in, so few bytes at the end are the padding of a disk.
_MOST_PADDING = 1 << 12
_LEAST_REST = 64
_LEAST_MISSING = 0.25
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


class Segment(NamedTuple):
    """Where the file's parts lie; `is_closed` says that its length was filled in, as in no recording."""

    start: int
    end: int
    is_closed: bool


def segment_of(window: Window, begin: int = 0) -> Segment | None:
    """The segment of a file that begins at `begin`; None where there is none."""
    head = _element(window, begin)
    found = _element(window, head.end) if head is not None else None
    if found is None or found.name != _SEGMENT:
        return None
    return Segment(found.start, min(found.end, window.size), found.is_closed)


def segment_fault(
    stream: BinaryIO, begin: int, end: int, sounds: tuple[float, float] | None = None
) -> str | None:
    """What is not in its place among a file's parts, in a few words; None where all are.

    The file lies in bytes `begin` to `end`, and its only track sounds between the times `sounds`, in seconds.
    """
    window = Window(stream, end)
    segment = segment_of(window, begin)
    if segment is None:
        return None
    cluster: _Part | None = None
    at, cues, time = segment.start, "", 0
    for _ in range(_MOST_PARTS):
        if at >= segment.end:
            break
        part = _element(window, at)
        if part is not None and segment.is_closed and part.end > end:
            return None  # it is cut short, as others find out
        if part is None or (segment.is_closed and part.end > segment.end):
            broken = _broken_off(window, at, segment)
            if broken is not None:
                return broken
            break
        if part.name == _CLUSTER:
            cluster = part if part.is_closed else cluster
            before, time = time, _cluster_time(window, part, time)
            if time < before:
                return f"{before - time:,} units of time stand there twice, or in the wrong order"
        elif part.name == _CUES and sounds is not None and part.end - part.start <= LARGEST:
            cues = (
                _cues_fault(window.at(part.start, part.end - part.start), sounds, _scale(window, begin)) or ""
            )
        # What lies in a cluster whose length was not filled in is taken for its neighbours.
        at = part.start if part.name == _CLUSTER and not part.is_closed else part.end
    return cues or (_cluster_fault(window, cluster) if cluster is not None else None) or None


class _Part(NamedTuple):
    name: int
    start: int
    end: int
    is_closed: bool


def _element(window: Window, at: int) -> _Part | None:
    """The element at `at`; None where none begins: no name begins with eight zeros, or is all ones."""
    head = window.at(at, 12)
    width = 9 - (head[0] if head else 0).bit_length()
    name, length_at = _number(head, 0, keep_mark=True)
    if not name or width > _WIDEST_NAME or name == (1 << 7 * width + 1) - 1:
        return None
    length, content = _number(head, length_at)
    if content > len(head) or length_at >= len(head):
        return None
    is_closed = length != (1 << 7 * (content - length_at)) - 1
    start = at + content
    return _Part(name, start, start + length if is_closed else window.size, is_closed)


def _cluster_time(window: Window, cluster: _Part, otherwise: int) -> int:
    """The time of a cluster, the first thing in it but for a checksum; `otherwise` where it is not."""
    at = cluster.start
    for _ in range(2):
        part = _element(window, at)
        if part is not None and part.name == _TIME and part.end - part.start <= 8:
            return int.from_bytes(window.at(part.start, part.end - part.start), "big")
        at = part.end if part is not None else at
    return otherwise


def _broken_off(window: Window, at: int, segment: Segment) -> str | None:
    rest = segment.end - at
    return f"its last {rest:,} bytes are none of its parts" if rest > _padding(segment) else None


def _padding(segment: Segment) -> int:
    return _LEAST_REST if segment.is_closed else _MOST_PADDING


def _cluster_fault(window: Window, cluster: _Part) -> str | None:
    """What is wrong at the end of the last cluster: others show in the times of what is decoded."""
    if cluster.end > window.size:
        return f"{cluster.end - window.size:,} bytes of its last cluster are not there"
    at = cluster.start
    for _ in range(_MOST_PARTS):
        if at >= cluster.end:
            break
        part = _element(window, at)
        if part is None or part.end > cluster.end:
            rest = cluster.end - at
            return f"the last {rest:,} bytes of its sound are none" if rest > _LEAST_REST else None
        at = part.end
    return None


def _scale(window: Window, begin: int) -> int:
    """Nanoseconds a unit."""
    head = window.at(begin, _HEAD)
    for name, start, end in inside(head, _SEGMENT, _INFO):
        if name == _SCALE and 0 < end - start <= 8:
            return int.from_bytes(head[start:end], "big")
    return 1_000_000


def _cues_fault(data: bytes, sounds: tuple[float, float], scale: int) -> str | None:
    """What is missing at either end by the places that the file's own index names."""
    times = [
        int.from_bytes(data[at:stop], "big") * scale / 1e9
        for cue, start, end in elements(data, 0, len(data))
        if cue == _CUE
        for name, at, stop in elements(data, start, end)
        if name == _CUE_TIME
    ]
    if not times:
        return None
    early, late = sounds[0] - min(times), max(times) - sounds[1]
    if max(early, late) <= _LEAST_MISSING:
        return None
    return f"{max(early, late):.2f} s are missing at its {'start' if early > late else 'end'}"


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
