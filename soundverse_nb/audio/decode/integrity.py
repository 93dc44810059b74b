"""Integrity of what a decoder does not check: a FLAC's MD5, an Ogg's pages, gaps between packets.

Sources: RFC 9639, 8.2 (the checksum of its sound in a FLAC's header), RFC 3533, 4 and 6 (links and pages).
"""

from __future__ import annotations

import hashlib
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
_STAMPED = ("matroska", "webm", "asf")
_JUMP_SECONDS = 0.5
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


class Continuity:
    """Looks at each packet and its frames, in order; `damage` says what was wrong first.

    `kind` is the container, `codec` its coding and `header` the coding's own header.
    """

    def __init__(self, kind: str, codec: str, header: bytes) -> None:
        self.damage: str | None = None
        self.ends: float | None = None
        """The time at which the last frame ends, in seconds, where the container has stamps."""
        self._is_stamped = kind in _STAMPED
        self._has_no_zeros = codec in _NEVER_ZEROS
        self._info = _flac_header(header) if kind == "flac" else None
        self._frame: tuple[int, int] | None = None
        self.is_watching = self._is_stamped or self._info is not None

    def is_blank(self, packet: Any) -> bool:
        """Whether the packet holds nothing but zeros, where no encoder writes such a one."""
        return self._has_no_zeros and packet.size >= _LEAST_ZEROS and not any(memoryview(packet))

    def check(self, packet: Any, frames: list[Any]) -> None:
        """Check a packet that could be decoded."""
        if self._info is not None:
            self._check_number(bytes(memoryview(packet)[:16]), self._info)
        if self._is_stamped:
            for frame in frames:
                self._check_time(frame)

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

    def _check_time(self, frame: Any) -> None:
        begins: float | None = self.ends if frame.time is None else frame.time
        if begins is None:
            return
        jump = 0.0 if self.ends is None else begins - self.ends
        if jump >= _JUMP_SECONDS:
            self._record(f"{jump:.2f} s are missing at {self.ends:.1f} s")
        elif jump <= -_JUMP_SECONDS:
            self._record(f"at {self.ends:.1f} s it goes back by {-jump:.2f} s")
        self.ends = begins + float(frame.samples / frame.sample_rate)

    def _record(self, damage: str) -> None:
        self.damage = self.damage or damage


def _flac_header(header: bytes) -> StreamInfo | None:
    return stream_info(header[-_STREAM_INFO:]) if len(header) >= _STREAM_INFO else None
