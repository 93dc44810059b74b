"""Containers whose own order tells what is missing or there twice: AVI, FLV, WavPack, MPEG transport streams.

OpenDML AVI 1.02 (Matrox, 1996); Adobe Flash Video File Format 10.1, E.3 and E.4; WavPack 4 & 5 Binary File
Format, 2.0; ISO/IEC 13818-1, 2.4.3. Decoders look for the next part that they know, and say nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from soundverse_nb.audio.probe.window import LARGEST, Window

_MOST_PARTS = 200_000
_MOST_LISTS = 20
# Programs that write to a pipe leave a length from here on, or none.
_LEAST_UNSET = 0x7EFFFF00
_MOST_BYTES = 1 << 26
# Disks count in blocks; less than this at the end is padding.
_LEAST_REST = 1 << 12
_MISSING_SECONDS = 0.5
# So many bytes a length may be off.
_ROUNDED = 64
_FIRST_OF_CHANNELS = 8
# As far FFmpeg looks for the next packet of a transport stream.
_MOST_SYNC = 1 << 16


# --- AVI ---------------------------------------------------------------------------------------------------


class _Chunk(NamedTuple):
    name: bytes
    start: int
    size: int


def avi_fault(stream: BinaryIO, begin: int, end: int, track: int, seconds: float) -> str | None:
    """What is wrong among the chunks of an AVI whose stream number `track` decodes to so many seconds."""
    window = Window(stream, end)
    at, found = begin, list[_Pieces]()
    for _ in range(_MOST_LISTS):
        riff = _chunk(window, at)
        if riff is None or riff.name != b"RIFF":
            break
        if not 4 <= riff.size < _LEAST_UNSET or riff.start + riff.size > end + _ROUNDED:
            return None  # it was written to a pipe, or it is cut short, as others find out
        pieces = _riff(window, riff, track)
        if pieces.fault is not None:
            return pieces.fault
        found.append(pieces)
        at = riff.start + riff.size + riff.size % 2
    if _is_of_a_stream(window.at(at, 4)):
        return f"at byte {at:,} goes on what should have ended"
    return _length_fault(window, begin, track, found[0], seconds) if len(found) == 1 else None


class _Pieces(NamedTuple):
    """What is wrong among the pieces of a list; how many of them are the track's, and of how many bytes."""

    fault: str | None = None
    number: int = 0
    size: int = 0


def _riff(window: Window, riff: _Chunk, track: int) -> _Pieces:
    at, end = riff.start + 4, riff.start + riff.size
    pieces = _Pieces()
    movie: _Chunk | None = None
    for _ in range(_MOST_PARTS):
        chunk = _chunk(window, at) if at + 8 <= end else None
        if chunk is None:
            break
        if chunk.name == b"LIST" and window.at(chunk.start, 4) == b"movi":
            movie, pieces = chunk, _pieces(window, chunk, track)
        elif chunk.name == b"idx1" and movie is not None:
            entries = _index(window, chunk, track)
            if entries and _points_right(window, movie, entries):
                return pieces._replace(fault=None)  # whatever stands between them
            wrong = f"its index names {len(entries):,} pieces of {pieces.number:,}"
            return pieces._replace(
                fault=pieces.fault or (wrong if entries and len(entries) != pieces.number else None)
            )
        elif movie is not None and not (chunk.name.strip() or b"?").isalnum():
            return pieces._replace(fault=pieces.fault or f"at byte {at:,} is none of its pieces")
        elif _is_of_a_stream(chunk.name):
            return pieces._replace(fault=pieces.fault or f"at byte {at:,} goes on what should have ended")
        at = chunk.start + chunk.size + chunk.size % 2
    return pieces


def _chunk(window: Window, at: int) -> _Chunk | None:
    head = window.at(at, 8)
    return _Chunk(head[:4], at + 8, int.from_bytes(head[4:], "little")) if len(head) == 8 else None


def _is_of_a_stream(name: bytes) -> bool:
    return name[:2].isdigit() and name[2:] in (b"wb", b"dc", b"db", b"pc", b"tx")


def _pieces(window: Window, movie: _Chunk, track: int) -> _Pieces:
    """The pieces, one behind the other. Some programs leave out the byte that makes lengths even."""
    at, end = movie.start + 4, movie.start + movie.size
    name = b"%02dwb" % track
    count = size = 0
    for _ in range(_MOST_PARTS):
        if at + 8 > end:
            break
        chunk = _chunk(window, at)
        if chunk is None or not chunk.name.isalnum():
            chunk = _chunk(window, at - 1)
        if chunk is None or not chunk.name.isalnum() or chunk.start + chunk.size > end:
            return _Pieces(f"at byte {at:,} is none of its pieces")
        if chunk.name == name:
            count, size = count + 1, size + chunk.size
        at = chunk.start + (4 if chunk.name == b"LIST" else chunk.size + chunk.size % 2)
    return _Pieces(None, count, size)


def _index(window: Window, chunk: _Chunk, track: int) -> list[tuple[int, int]]:
    """Place and size of each piece of the track."""
    data = window.at(chunk.start, min(chunk.size, LARGEST))
    name = b"%02dwb" % track
    entries = struct.iter_unpack("<4sIII", data[: len(data) // 16 * 16])
    found = [(place, size) for named, _, place, size in entries if named == name]
    return found if len(found) <= _MOST_PARTS else []


def _points_right(window: Window, movie: _Chunk, entries: list[tuple[int, int]]) -> bool:
    """Whether each piece of the index is there. Places count from the list, or from the file's start."""
    return any(_are_there(window, origin, entries) for origin in (movie.start, 0, movie.start + 4))


def _are_there(window: Window, origin: int, entries: list[tuple[int, int]]) -> bool:
    for place, size in entries:
        chunk = _chunk(window, origin + place)
        if chunk is None or chunk.size != size or chunk.name[2:] != b"wb":
            return False
    return True


def _length_fault(window: Window, begin: int, track: int, pieces: _Pieces, seconds: float) -> str | None:
    """Whether the stream's header counts more of it, or less, and its clock agrees to that."""
    head = window.at(begin, 1 << 16)
    at = -1
    for _ in range(track + 1):
        at = head.find(b"strh", at + 1)
        if at < 0:
            return None
    fields = head[at + 8 : at + 8 + 48]
    if len(fields) < 48 or fields[:4] != b"auds":
        return None
    scale, rate, _start, length = struct.unpack_from("<IIII", fields, 20)
    (unit,) = struct.unpack_from("<I", fields, 44)
    counted = pieces.size // unit if unit else pieces.number
    if not scale or not rate or not length or abs(length - counted) <= length // 100 + 1:
        return None
    if abs(length * scale / rate - seconds) <= _MISSING_SECONDS:
        return None
    return f"it holds {counted:,} units of sound where its header says {length:,}"


# --- FLV ---------------------------------------------------------------------------------------------------


def flv_fault(stream: BinaryIO, begin: int, end: int) -> str | None:
    """What is wrong among the tags of an FLV."""
    window = Window(stream, end)
    head = window.at(begin, 9)
    if head[:3] != b"FLV":
        return None
    at, stamp = begin + int.from_bytes(head[5:9], "big") + 4, 0
    for _ in range(_MOST_PARTS):
        tag = window.at(at, 11)
        if len(tag) < 11:
            break
        rest = end - at
        if tag[0] & 0xDF not in (8, 9, 15, 18):
            return f"at byte {at:,} is none of its tags" if rest > _LEAST_REST else None
        size = int.from_bytes(tag[1:4], "big")
        if tag[0] & 0x1F == 8:
            stamp = tag[7] << 24 | int.from_bytes(tag[4:7], "big")
        at += 11 + size + 4
    told = window.at(begin, 1 << 14)
    missing = _number_named(told, b"duration") - stamp / 1000
    # A server that sends a part of a file leaves in it what was true of the whole.
    if _number_named(told, b"filesize") > end - begin and missing > _MISSING_SECONDS:
        return f"{missing:.2f} s that it announces are not there"
    return None


def _number_named(data: bytes, name: bytes) -> float:
    """A number of the tag "onMetaData" (E.4.4), 0 where there is none."""
    mark = len(name).to_bytes(2, "big") + name + b"\0"
    at = data.find(mark)
    field = data[at + len(mark) :][:8]
    return float(struct.unpack(">d", field)[0]) if at >= 0 and len(field) == 8 else 0.0


# --- WavPack -----------------------------------------------------------------------------------------------


def wavpack_fault(stream: BinaryIO, begin: int, end: int) -> str | None:
    """What is wrong among the blocks of a WavPack, each of which says which sample it begins with."""
    window = Window(stream, end)
    at, total = begin, 0
    expected: int | None = None
    for _ in range(_MOST_PARTS):
        head = window.at(at, 32)
        if len(head) < 32 or head[:4] != b"wvpk":
            break
        size, samples = (int.from_bytes(head[place : place + 4], "little") for place in (4, 20))
        index = head[10] << 32 | int.from_bytes(head[16:20], "little")
        # More than two channels stand in several blocks, of which one is the first.
        if samples and head[25] & _FIRST_OF_CHANNELS:
            if expected is None:
                total = int.from_bytes(head[12:16], "little")
                total = 0 if total == 0xFFFFFFFF else total | head[11] << 32
            elif index != expected:
                return f"behind sample {expected:,} comes sample {index:,}"
            expected = index + samples
        at += 8 + size
    else:
        return None  # too many to look at
    if expected is None or not total or expected >= total:
        return None
    return f"of {total:,} samples it holds {expected:,}"


# --- MPEG transport streams --------------------------------------------------------------------------------


def transport_fault(stream: BinaryIO, begin: int, end: int, pid: int) -> str | None:
    """What is wrong among the packets of the stream `pid`.

    Segments may follow one another that each count anew, but each begins with a packet that begins something.
    """
    stream.seek(begin)
    data = stream.read(min(end - begin, _MOST_BYTES))
    values = np.frombuffer(data, np.uint8)
    runs = list(_runs(values, data))
    if not runs:
        return None
    places = np.concatenate(runs)
    rest = len(data) - int(places[-1]) - 188
    if rest > _LEAST_REST and len(data) < _MOST_BYTES:
        return f"its last {rest:,} bytes are no packets"
    if any(int(after[0] - before[-1]) > _MOST_SYNC for before, after in pairwise(runs)):
        return "a part of it is no packets"
    return _count_fault(values, data, places, pid)


def _runs(values: Any, data: bytes) -> Iterator[Any]:
    """Where packets begin that stand one behind the other: of 188 bytes, or with 4 or 16 around them."""
    at = data.find(b"\x47")
    for _ in range(_MOST_PARTS):
        if at < 0 or at + 188 > len(data):
            return
        step = next((step for step in (188, 192, 204) if _is_run(data, at, step)), 0)
        if not step:
            at = data.find(b"\x47", at + 1)
            continue
        marks = values[at::step] == 0x47
        count = len(marks) if marks.all() else int(np.argmin(marks))
        count = min(count, (len(data) - at - 188) // step + 1)
        yield at + step * np.arange(count)
        at = data.find(b"\x47", at + step * count)


def _is_run(data: bytes, at: int, step: int) -> bool:
    return all(data[place : place + 1] in (b"\x47", b"") for place in range(at, at + 4 * step, step))


def _count_fault(values: Any, data: bytes, places: Any, pid: int) -> str | None:
    own = (values[places + 1].astype(int) & 0x1F) << 8 | values[places + 2]
    places = places[own == pid]
    control = values[places + 3]
    has_more = (control & 0x20 != 0) & (values[places + 4] > 0)
    announced = np.cumsum(has_more & (values[np.minimum(places + 5, len(values) - 1)] & 0x80 != 0))
    has_content = control & 0x10 != 0
    places, announced = places[has_content], announced[has_content]
    counts = values[places + 3].astype(int) & 15
    begins = values[places + 1] & 0x40 != 0
    steps = np.diff(counts) % 16
    for number in np.flatnonzero((steps != 1) & (np.diff(announced) == 0) & ~begins[1:]):
        before, here = int(places[number]), int(places[number + 1])
        if data[before + 4 : before + 188] != data[here + 4 : here + 188]:  # the same may be sent twice
            return f"behind its packet at byte {before:,} something is missing, or stands there twice"
    return _repeat(data, places, np.flatnonzero(begins))


def _repeat(data: bytes, places: Any, begins: Any) -> str | None:
    """Where packets that begin something, with their time, come again; a loop comes again from its first."""
    seen: dict[bytes, int] = {}
    first = b""
    for place, before in zip(places[begins].tolist(), places[begins - 1].tolist(), strict=True):
        packet = data[place : place + 188]
        start = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        if len(packet) < start + 14 or not packet[start + 7] & 0x80:
            continue
        if packet == data[before : before + 188] and place != before:  # sent twice
            continue
        first = first or packet
        if packet == first:
            seen.clear()
        elif packet in seen:
            return f"at byte {place:,} comes again what was at byte {seen[packet]:,}"
        seen[packet] = place
    return None
