"""Fragmented MP4 (fMP4, CMAF, Smooth Streaming): fragments that are missing, or that stand there twice.

ISO/IEC 14496-12, 8.8 (movie fragments), 8.16.3 (segment index); [MS-SSTR], 2.2.4.4 (tfxd). No packet of such
a file tells by itself that its neighbour is gone: the fragments' times and numbers do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from soundverse_nb.audio.decode.integrity import Timeline
from soundverse_nb.audio.probe.boxes import Box, box_at, boxes, children, descend, packet_times
from soundverse_nb.audio.probe.window import LARGEST, Window

_MOST_BOXES = 100_000
_SMOOTH_TIME = bytes.fromhex("6d1d9b0544d542e680e2141dafff57b2")
_MOST_SECONDS = 0.2
# Segments that were encoded one by one each hold a little more or less than their times say.
_SEAM_SECONDS = 0.05
# A movie's length may be that of a picture track, which a packager has put into another file.
_MOVIE_SECONDS = 1.0
# Fragments whose times follow one another are whole, whatever their numbers; a hole in both is one.
_LEAST_HOLE = 0.015
# Disks count in blocks; less than this at the end is padding.
_LEAST_REST = 1 << 12
_BASE_OFFSET, _HAS_DESCRIPTION, _HAS_DURATION = 0x1, 0x2, 0x8
_RUN_OFFSET, _RUN_FLAGS, _RUN_DURATION = 0x1, 0x4, 0x100
_RUN_FIELDS = (0x100, 0x200, 0x400, 0x800)


class Fragment(NamedTuple):
    """What a fragment holds of one track: its number, its time and length in the track's own units.

    `begins` is None where it does not say.
    """

    number: int
    begins: int | None
    length: int


def fragment_fault(stream: BinaryIO, begin: int, end: int, track: int) -> str | None:
    """What is wrong with the fragments of a track, in a few words; None where nothing is."""
    window = Window(stream, end)
    followed = _Followed(track)
    for box in _top_boxes(window, begin, end):
        if box is None:
            return followed.fault
        if not box.name.strip().isalnum():
            return followed.fault or followed.broken_off(end - box.start + 8, box.start - begin)
        if box.end > end:
            return followed.fault  # it is cut short, as others find out
        if box.name in (b"moov", b"moof", b"sidx", b"mfra") and box.end - box.start <= LARGEST:
            followed.see(box.name, window.at(box.start, box.end - box.start))
        if followed.fault is not None:
            return followed.fault
    return followed.fault or followed.early_end()


def _top_boxes(window: Window, begin: int, end: int) -> Iterator[Box | None]:
    """The file's own boxes; None for one that makes no sense."""
    at = begin
    for _ in range(_MOST_BOXES):
        header = window.at(at, min(16, end - at))
        if len(header) < 8:
            return
        box = box_at(header, 0, at, end)
        yield box
        if box is None:
            return
        at = box.end
    yield None


class _Followed:
    """The fragments of one track, seen one by one."""

    def __init__(self, track: int) -> None:
        self.fault: str | None = None
        self._track = track
        self._scale = self._usual = 0
        self._is_alone = self._is_fragmented = False
        self._timeline = Timeline(_MOST_SECONDS, seam=_SEAM_SECONDS)
        self._last: Fragment | None = None
        self._first_time: float | None = None
        self._announced: list[tuple[float, float]] = []
        self._loops: list[float] = []
        self._movie_seconds = 0.0

    def see(self, name: bytes, data: bytes) -> None:
        """The content of one of the file's own boxes."""
        if name == b"moov":
            self._begin(data)
        elif name == b"sidx":
            self._index(data)
        elif name == b"mfra":
            self._random_access(data)
        elif self._scale:
            found = _fragment(data, self._track, self._usual)
            if found is not None:
                self._follow(found)

    def _begin(self, data: bytes) -> None:
        """A movie's header: another movie may follow the first, with times of its own."""
        self.fault = self.early_end()
        parts = list(boxes(data, 0, len(data)))
        extends = next((box for box in parts if box.name == b"mvex"), None)
        tracks = [children(data, box) for box in parts if box.name == b"trak"]
        own = next((parts for parts in tracks if _track_number(data, parts) == self._track), None)
        media = descend(data, own[b"mdia"], b"mdhd") if own is not None and b"mdia" in own else None
        if extends is None or own is None or media is None:
            self._scale = 0
            return
        self._is_fragmented, self._is_alone = True, len(tracks) == 1
        self._scale = _scale(data, media)
        self._usual = _default_duration(data, extends, self._track)
        self._timeline, self._last, self._first_time = Timeline(_MOST_SECONDS, seam=_SEAM_SECONDS), None, None
        self._announced, self._loops = [], []
        times = descend(data, own[b"mdia"], b"minf", b"stbl", b"stts")
        held = sum(count * step for count, step in packet_times(data, times)) if times is not None else 0
        if held and self._scale:
            self._timeline.add(0.0, held / self._scale)
        movie = next((box for box in parts if box.name == b"mvhd"), None)
        length = children(data, extends).get(b"mehd")
        if movie is not None and length is not None and self._is_alone:
            units = int.from_bytes(
                data[length.start + 4 : length.end][: 8 if data[length.start] else 4], "big"
            )
            self._movie_seconds = units / (_scale(data, movie) or 1)

    def _follow(self, found: Fragment) -> None:
        before, self._last = self._last, found
        begins = None if found.begins is None else found.begins / self._scale
        here = self._timeline.ends
        jump = 0.0 if begins is None or here is None else begins - here
        if self._first_time is None:
            self._first_time = begins
        elif begins == self._first_time and here is not None:
            # A loop of which all is there, each time: told at its end.
            self._loops.append(here)
            self._timeline, before = Timeline(_MOST_SECONDS, seam=_SEAM_SECONDS), None
        self._timeline.add(begins, found.length / self._scale)
        self.fault = self._timeline.fault
        if before is None:
            return
        skipped = found.number - before.number - 1
        is_silent = begins is None or before.begins is None
        if found.begins is not None and before.begins is not None and found.begins <= before.begins:
            self.fault = (
                f"at {here or 0.0:.1f} s it goes back by {-jump:.2f} s: part of it stands there twice"
            )
        elif is_silent and found.number <= before.number:
            self.fault = f"fragment {found.number:,} follows fragment {before.number:,}"
        elif skipped > 0 and self._is_alone and (is_silent or jump >= _LEAST_HOLE):
            self.fault = f"behind its fragment {before.number:,} {skipped:,} are missing"

    def _index(self, data: bytes) -> None:
        """The times between which the segments lie that an index lists."""
        wide = bool(data[:1] != b"\0")
        number, scale = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
        at = 28 if wide else 20
        if number != self._track or not scale or len(data) < at + 4:
            return
        begins = ends = int.from_bytes(data[12:20] if wide else data[12:16], "big")
        for entry in range(int.from_bytes(data[at + 2 : at + 4], "big")):
            ends += int.from_bytes(data[at + 8 + 12 * entry : at + 12 + 12 * entry], "big")
        self._announced.append((begins / scale, ends / scale))

    def _random_access(self, data: bytes) -> None:
        """The first and last time that the table at the end names for this track (14496-12, 8.8.10)."""
        for box in boxes(data, 0, len(data)):
            fields = data[box.start : min(box.end, len(data))]
            if box.name != b"tfra" or len(fields) < 16 or int.from_bytes(fields[4:8], "big") != self._track:
                continue
            wide, sizes, count = fields[0], fields[11], int.from_bytes(fields[12:16], "big")
            rest = 3 + (sizes & 3) + (sizes >> 2 & 3) + (sizes >> 4 & 3)
            entry = (16 if wide else 8) + rest
            if count and len(fields) >= 16 + entry * count and self._scale:
                ends = fields[16:], fields[16 + entry * (count - 1) :]
                first, last = (
                    int.from_bytes(field[: 8 if wide else 4], "big") / self._scale for field in ends
                )
                self._announced.append((first, last))

    def early_end(self) -> str | None:
        """What is missing at either end, by what the file says of its length."""
        ends, first = self._timeline.ends, self._first_time
        if ends is None or self._last is None:
            return None
        other = next((loop for loop in self._loops if abs(loop - ends) > _MOST_SECONDS), None)
        if other is not None:
            return f"at {other:.1f} s it begins again: part of it stands there twice"
        missing = max((last for _, last in self._announced), default=0.0) - ends
        if missing > _MOST_SECONDS:
            return f"its last fragments are missing, {missing:.2f} s or more"
        if first is None:
            return None
        late = first - min((begins for begins, _ in self._announced), default=first)
        if late > _MOST_SECONDS:
            return f"its first fragments are missing, {late:.2f} s"
        # Parts of a presentation may stand by themselves behind the header of the whole.
        missing = self._movie_seconds - self._timeline.seconds if first <= _MOST_SECONDS else 0.0
        return f"{missing:.2f} s of it are missing" if missing > _MOVIE_SECONDS else None

    def broken_off(self, rest: int, size: int) -> str | None:
        """What stands where the next fragment should begin: so many bytes that are no box."""
        if not self._is_fragmented or rest <= _LEAST_REST:
            return self.early_end()
        seconds = self._timeline.seconds
        if rest * seconds < _MOST_SECONDS * size:
            return self.early_end()
        return f"its last {rest:,} bytes are no fragments"


def _track_number(data: bytes, track: dict[bytes, Box]) -> int:
    header = track.get(b"tkhd")
    if header is None:
        return 0
    at = header.start + (20 if data[header.start] else 12)
    return int.from_bytes(data[at : at + 4], "big")


def _scale(data: bytes, header: Box) -> int:
    """Units a second, from a movie's or a track's header."""
    at = header.start + (20 if data[header.start] else 12)
    return int.from_bytes(data[at : at + 4], "big")


def _default_duration(data: bytes, extends: Box, track: int) -> int:
    """How long a packet is where a fragment does not say."""
    for box in boxes(data, extends.start, min(extends.end, len(data))):
        if box.name == b"trex" and int.from_bytes(data[box.start + 4 : box.start + 8], "big") == track:
            return int.from_bytes(data[box.start + 12 : box.start + 16], "big")
    return 0


def _fragment(data: bytes, track: int, usual: int) -> Fragment | None:
    """What a movie fragment holds of the track; None where it holds nothing of it."""
    number = 0
    begins: int | None = None
    length, is_there = 0, False
    for box in boxes(data, 0, len(data)):
        if box.name == b"mfhd":
            number = int.from_bytes(data[box.start + 4 : box.start + 8], "big")
        if box.name != b"traf":
            continue
        parts = list(boxes(data, box.start, min(box.end, len(data))))
        header = next((part for part in parts if part.name == b"tfhd"), None)
        if header is None or int.from_bytes(data[header.start + 4 : header.start + 8], "big") != track:
            continue
        each = _own_duration(data[header.start : header.end], usual)
        times = [
            time for part in parts if (time := _time(data[part.start : part.end], part.name)) is not None
        ]
        begins = times[0] if times and begins is None else begins
        runs = [data[part.start : part.end] for part in parts if part.name == b"trun"]
        length += sum(_run_length(run, each) for run in runs)
        is_there = is_there or bool(runs)
    return Fragment(number, begins, length) if is_there else None


def _own_duration(header: bytes, usual: int) -> int:
    flags = int.from_bytes(header[1:4], "big")
    if not flags & _HAS_DURATION:
        return usual
    at = 8 + (8 if flags & _BASE_OFFSET else 0) + (4 if flags & _HAS_DESCRIPTION else 0)
    return int.from_bytes(header[at : at + 4], "big")


def _time(content: bytes, name: bytes) -> int | None:
    """The time at which a fragment begins, from `tfdt` or Smooth Streaming's box; None from any other."""
    if name == b"uuid" and content[:16] == _SMOOTH_TIME:
        content = content[16:]
    elif name != b"tfdt":
        return None
    return int.from_bytes(content[4:12] if content[:1] == b"\1" else content[4:8], "big")


def _run_length(run: bytes, each: int) -> int:
    """The length of a run of packets, `each` long where the run does not say."""
    flags, count = int.from_bytes(run[1:4], "big"), int.from_bytes(run[4:8], "big")
    if not flags & _RUN_DURATION:
        return count * each
    at = 8 + (4 if flags & _RUN_OFFSET else 0) + (4 if flags & _RUN_FLAGS else 0)
    step = 4 * sum(bool(flags & field) for field in _RUN_FIELDS)
    lengths = np.frombuffer(run, ">u4", max(0, len(run) - at) // 4, at)[:: step // 4]
    return int(lengths[:count].sum())
