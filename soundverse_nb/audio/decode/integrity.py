"""Integrity of what a decoder does not check: a FLAC's MD5, an Ogg's pages, gaps between packets.

Sources: RFC 9639, 8.2 (the checksum of its sound in a FLAC's header), RFC 3533, 4 and 6 (links and pages).
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from soundverse_nb.audio.probe.checksum import ogg_crc
from soundverse_nb.audio.probe.flac import StreamInfo, coded_number, parse_frame, stream_info
from soundverse_nb.audio.probe.ogg import Page, parse_page
from soundverse_nb.audio.probe.tags import after_id3
from soundverse_nb.audio.probe.window import Window

# Behind "fLaC" and the block's own head come 10 bytes of sizes, 8 of rate, channels, bits and total, the sum.
_INFO = 8
_BITS = _INFO + 12
_SUM = _INFO + 18
# Bits a sample -> FFmpeg's format for them, interleaved.
_FORMATS = {16: "s16", 24: "s32"}
# Of containers with stamps: seconds that may be missing, or stand there twice, in all.
_STAMPED = {"matroska": 0.2, "webm": 0.2, "asf": 0.5, "flv": 0.25, "mpegts": 0.15, "mpeg": 0.15}
# Recordings that were joined each begin at a time of their own, those of a server near the first one's.
# Segments that were encoded one by one each hold a little more or less than their times say.
_JOINED = {"mpegts": math.inf, "mpeg": math.inf, "flv": 0.5}
_SEAMED = ("mpegts", "mpeg")
_SEAM_SECONDS = 0.1
_MOST_HOLE = 60.0
# What a stamp may be off by rounding, and by a recorder that takes it from another clock than the sound's.
_JITTER_SECONDS = 0.015
_CLOCK_ERROR = 3e-4
# Programs that write these let no packet begin before the one that it follows.
_ORDERED = ("matroska", "webm")
_STREAM_INFO = 34
# Codecs whose encoders never write a packet of zeros, and some of whose decoders take one for silence.
_NEVER_ZEROS = ("aac", "alac", "flac", "mp3", "opus", "vorbis")
_LEAST_ZEROS = 16
_MOST_BYTES = 1 << 28
_MOST_PAGES = 500_000


class FlacChecksum:
    """The MD5 of decoded samples, added piece by piece, against the one of the samples that were encoded."""

    def __init__(self, bits: int, expected: bytes) -> None:
        self.sample_format = _FORMATS[bits]
        self._expected = expected
        self._sum = hashlib.md5(usedforsecurity=False)

    def add(self, samples: Any) -> None:
        """The next samples, a buffer of FFmpeg's interleaved integers."""
        if self.sample_format == "s32":
            # 24 bits lie in the upper three of four bytes.
            samples = np.frombuffer(samples, np.uint8).reshape(-1, 4)[:, 1:].tobytes()
        self._sum.update(samples)

    def matches(self) -> bool:
        """Whether all samples were there, and as they were."""
        return self._sum.digest() == self._expected


def flac_checksum(stream: BinaryIO, size: int) -> FlacChecksum | None:
    """The checksum of an opened FLAC; None where it has none, or not of samples of 16 or 24 bits."""
    window = Window(stream, size)
    start = after_id3(window)
    head = window.at(start, _SUM + 16)
    if head[:4] != b"fLaC" or len(head) < _SUM + 16:
        return None
    bits = (int.from_bytes(head[_BITS : _BITS + 2], "big") >> 4 & 0x1F) + 1
    expected = head[_SUM : _SUM + 16]
    return FlacChecksum(bits, expected) if bits in _FORMATS and any(expected) else None


def ogg_link_starts(stream: BinaryIO) -> list[int]:
    """Offsets at which a link begins, from 0 on (RFC 3533, section 4: links begin with BOS pages)."""
    starts: list[int] = []
    at, in_heads = 0, False
    for _ in range(_MOST_PAGES):
        stream.seek(at)
        header = stream.read(27)
        if len(header) < 27 or header[:4] != b"OggS":
            return starts
        begins = bool(header[5] & 2)
        if begins and not in_heads:
            starts.append(at)
        in_heads = begins
        segments = stream.read(header[26])
        at += 27 + len(segments) + sum(segments)
    return starts


class _Seen(NamedTuple):
    """The last page of a stream: its number, and whether it was still part of the header."""

    number: int
    is_header: bool


def ogg_page_fault(stream: BinaryIO, begin: int = 0, end: int | None = None) -> str | None:
    """What is missing or stands there twice, in a few words; None where all is in its place."""
    stream.seek(begin)
    data = stream.read(min(_MOST_BYTES, _MOST_BYTES if end is None else end - begin))
    seen: dict[int, _Seen] = {}
    spoiled: Page | None = None
    at = data.find(b"OggS")
    while at >= 0:
        page = parse_page(data, at, at)
        length = _length(data, at, page) if page is not None else 0
        if page is None or not length or not _is_intact(data[at : at + length], page):
            # Decoders pass over it. If it was a page, the next one's number tells.
            spoiled = page if length else spoiled
            at = data.find(b"OggS", at + 1)
            continue
        fault = _fault(page, seen.get(page.serial))
        if fault is not None:
            return fault
        spoiled = None
        seen[page.serial] = _Seen(page.number, page.granule == 0)
        at = at + length if data.startswith(b"OggS", at + length) else data.find(b"OggS", at + length)
    if spoiled is not None and spoiled.serial in seen:
        return f"its page {spoiled.number:,} is damaged"
    return None


def _length(data: bytes, at: int, page: Page) -> int:
    """Bytes of the page at `at`, 0 where it is not there to its end."""
    length = 27 + page.segments + sum(data[at + 27 : at + 27 + page.segments])
    return length if at + length <= len(data) else 0


def _is_intact(data: bytes, page: Page) -> bool:
    return ogg_crc(data[:22] + b"\0\0\0\0" + data[26:]) == page.checksum


def _fault(page: Page, before: _Seen | None) -> str | None:
    if before is None or page.is_first:
        return None
    expected = before.number + 1 & 0xFFFFFFFF
    # A recording that begins in the middle of a stream has its header, and then whatever number came.
    if page.number == expected or (before.is_header and page.number > expected):
        return None
    if page.number < expected:
        return f"behind its page {before.number:,} stands page {page.number:,} again"
    return f"behind its page {before.number:,} {page.number - expected:,} pages are missing"


class Timeline:
    """Pieces of sound, placed one behind the other by their stamps; holes and repeats add up.

    `fault` says in a few words when more than `most` seconds are missing or stand there twice. A clock that
    runs a little faster than the sound makes no jumps, and jitter no difference in the end: a fault is both.
    Jumps of less than `seam` count for nothing. Where recordings may be joined, a time far ahead, or one that
    goes back to the first `joined` seconds, begins another.
    """

    def __init__(self, most: float, *, seam: float = 0.0, joined: float = -math.inf) -> None:
        self.fault: str | None = None
        self.starts: float | None = None
        self.ends: float | None = None
        """The times at which the first piece begins and the last one ends, in seconds."""
        self.seconds = 0.0
        """The length of all pieces."""
        self._most, self._seam, self._joined = most, seam, joined
        self._shift = self._forth = self._back = 0.0

    def add(self, begins: float | None, seconds: float) -> None:
        """The next piece; one without a stamp begins where the last one ended."""
        begins = self.ends if begins is None else begins
        if begins is None:
            return
        if self.ends is None:
            self.starts = begins
        else:
            self._jump(begins - self.ends, self.ends)
        self.ends = begins + seconds
        self.seconds += seconds

    def _begins_anew(self, jump: float, begins: float) -> bool:
        if self._joined < 0 or abs(jump) <= self._most:
            return False
        return jump >= _MOST_HOLE or (jump < 0 and begins <= (self.starts or 0.0) + self._joined)

    def _jump(self, jump: float, at: float) -> None:
        if self._begins_anew(jump, at + jump):
            self._shift = self._forth = self._back = 0.0
            return
        if abs(jump) < self._seam:
            return
        self._shift += jump
        if jump >= _JITTER_SECONDS:
            self._forth += jump
        elif jump <= -_JITTER_SECONDS:
            self._back += jump
        shift, allowed = self._shift, self._most + _CLOCK_ERROR * self.seconds
        if self.fault is None and shift > allowed and self._forth > shift / 2:
            self.fault = f"{shift:.2f} s are missing before {at + jump:.1f} s"
        elif self.fault is None and shift < -allowed and self._back < shift / 2:
            self.fault = f"before {at:.1f} s it goes back by {-shift:.2f} s"


class Continuity:
    """Looks at each packet and its frames, in order; `damage` says what was wrong first.

    `kind` is the container, `codec` its coding and `header` the coding's own header.
    """

    def __init__(self, kind: str, codec: str, header: bytes) -> None:
        self.damage: str | None = None
        self.timeline = _timeline(kind)
        """Where the container has stamps."""
        self._is_ordered = kind in _ORDERED
        self._stamp: float | None = None
        self._has_no_zeros = codec in _NEVER_ZEROS
        self._info = _flac_header(header) if kind == "flac" else None
        self._frame: tuple[int, int] | None = None
        self.is_watching = self.timeline is not None or self._info is not None

    def is_blank(self, packet: Any) -> bool:
        """Whether the packet holds nothing but zeros, where no encoder writes such a one."""
        return self._has_no_zeros and packet.size >= _LEAST_ZEROS and not any(memoryview(packet))

    def check(self, packet: Any, frames: list[Any]) -> None:
        """Check a packet that could be decoded."""
        if self._info is not None:
            self._check_number(bytes(memoryview(packet)[:16]), self._info)
        if self.timeline is not None:
            if self._is_ordered and packet.pts is not None:
                self._check_order(float(packet.pts * packet.time_base))
            for frame in frames:
                self.timeline.add(frame.time, float(frame.samples / frame.sample_rate))
            if self.timeline.fault is not None:
                self._record(self.timeline.fault)

    def _check_number(self, header: bytes, info: StreamInfo) -> None:
        """Frames count themselves, or their samples; some encoders count frames and vary their length."""
        frame = parse_frame(header, info)
        if frame is None:
            return
        number, _at = coded_number(header)
        if self._frame is not None:
            before, length = self._frame
            if number <= before:
                self._record(f"frame {number:,} follows frame {before:,}: part of it stands there twice")
            elif number not in (before + 1, before + length):
                self._record(f"frame {number:,} follows frame {before:,}: what was between them is missing")
        self._frame = number, frame.length

    def _check_order(self, stamp: float) -> None:
        if self._stamp is not None and stamp <= self._stamp - _JITTER_SECONDS:
            self._record(f"at {self._stamp:.1f} s it goes back by {self._stamp - stamp:.2f} s")
        self._stamp = stamp

    def _record(self, damage: str) -> None:
        self.damage = self.damage or damage


def _timeline(kind: str) -> Timeline | None:
    if kind not in _STAMPED:
        return None
    seam = _SEAM_SECONDS if kind in _SEAMED else 0.0
    return Timeline(_STAMPED[kind], seam=seam, joined=_JOINED.get(kind, -math.inf))


def _flac_header(header: bytes) -> StreamInfo | None:
    return stream_info(header[-_STREAM_INFO:]) if len(header) >= _STREAM_INFO else None
