"""FLAC: STREAMINFO claims a length, and the last frame's own number proves it or not (RFC 9639).

A cut or lying file shows in its tail: the last frame must start and end where the claim says, and its
checksum must close the file.
"""

from __future__ import annotations

from typing import NamedTuple

from soundverse_nb.audio.probe.checksum import crc8, crc16_divides
from soundverse_nb.audio.probe.tags import TAIL, before_tail_tags
from soundverse_nb.audio.probe.window import Probed, Untrusted, Window, implausible

_MOST_BLOCKS = 1000
_MOST_CANDIDATES = 256
_USUAL_FRAME = 1 << 15
_LARGEST_FRAME = 1 << 20
_LOOK = 1 << 14
# A file up to this size is looked through frame by frame: only that finds frames that stand in it twice.
_FOLLOWED_WHOLE = 5 << 16
_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)


class StreamInfo(NamedTuple):
    """The first metadata block: block and frame sizes (samples, bytes), and the claim."""

    smallest_block: int
    largest_block: int
    largest_frame: int
    sample_rate: int
    channels: int
    total: int


class Frame(NamedTuple):
    """A frame's header: its first sample and its length in samples."""

    start: int
    length: int


def probe_flac(window: Window, offset: int) -> Probed | Untrusted:
    """The claimed total, where the last frame ends exactly there. `offset` is that of the mark "fLaC"."""
    head = window.at(offset, 4 + 4 + 34)
    if len(head) < 42 or head[4] & 0x7F or int.from_bytes(head[5:8], "big") != 34:
        return Untrusted("The FLAC's header is damaged.", "flac")
    info = stream_info(head[8:])
    absurd = implausible("flac", info.sample_rate, info.channels)
    if absurd is not None:
        return absurd
    if info.total == 0:
        return Untrusted("The FLAC was streamed: its header does not say how long it is.", "flac")
    first = _first_frame(window, offset + 4)
    lead = window.at(first, 16)
    frame = parse_frame(lead, info)
    if frame is None or frame.start != 0:
        return Untrusted("The FLAC does not begin with its first frame.", "flac")
    fault = _fault_of_tail(window, first, lead[:3], info)
    if fault:
        return Untrusted(fault, "flac")
    return Probed("flac", "flac", info.sample_rate, info.channels, info.total / info.sample_rate)


def stream_info(block: bytes) -> StreamInfo:
    """The 34 bytes of a STREAMINFO block (RFC 9639, 8.2)."""
    packed = int.from_bytes(block[10:18], "big")
    return StreamInfo(
        smallest_block=int.from_bytes(block[0:2], "big"),
        largest_block=int.from_bytes(block[2:4], "big"),
        largest_frame=int.from_bytes(block[7:10], "big"),
        sample_rate=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        total=packed & 0xFFFFFFFFF,
    )


def _first_frame(window: Window, offset: int) -> int:
    """Where the metadata blocks end."""
    for _ in range(_MOST_BLOCKS):
        head = window.at(offset, 4)
        if len(head) < 4:
            break
        offset += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            break
    return offset


def parse_frame(header: bytes, info: StreamInfo) -> Frame | None:
    """The frame whose header these bytes begin with (RFC 9639, 9.1); None where they are none of its."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xFE != 0xF8:
        return None
    block_code, rate_code = header[2] >> 4, header[2] & 15
    if block_code == 0 or rate_code == 15:
        return None
    number, at = coded_number(header)
    if at == 0:
        return None
    if block_code == 1:
        length = 192
    elif block_code <= 5:
        length = 144 << block_code
    elif block_code >= 8:
        length = 1 << block_code
    else:
        width = block_code - 5
        length = int.from_bytes(header[at : at + width], "big") + 1
        at += width
    if rate_code >= 12:
        width = 1 if rate_code == 12 else 2
        value = int.from_bytes(header[at : at + width], "big")
        rate = value * (1000, 1, 10)[rate_code - 12]
        at += width
    else:
        rate = _RATES[rate_code] or info.sample_rate
    if len(header) <= at or rate != info.sample_rate or crc8(header[:at]) != header[at]:
        return None
    is_variable = header[1] & 1
    return Frame(number if is_variable else number * info.largest_block, length)


def coded_number(header: bytes) -> tuple[int, int]:
    """The frame or sample number, coded like UTF-8 from the fifth byte, and where it ends (0: damaged)."""
    first = header[4]
    if first < 0x80:
        return first, 5
    ones = 8 - (first ^ 0xFF).bit_length()
    if ones < 2 or ones > 7 or len(header) < 4 + ones:
        return 0, 0
    number = first & (0x7F >> ones)
    for byte in header[5 : 4 + ones]:
        if byte & 0xC0 != 0x80:
            return 0, 0
        number = number << 6 | byte & 0x3F
    return number, 4 + ones


def _fault_of_tail(window: Window, first: int, lead: bytes, info: StreamInfo) -> str:
    """Why the last frame does not prove the claimed length; empty where it does."""
    reach = min(info.largest_frame or _USUAL_FRAME, _LARGEST_FRAME)
    window.tail(reach + TAIL)  # read at once what is looked at piece by piece
    end = before_tail_tags(window)
    _, tail = window.tail(min(reach, end - first), end)
    at = len(tail)
    for _ in range(_MOST_CANDIDATES):
        at = tail.rfind(lead[:2], 0, at)
        if at < 0:
            break
        frame = parse_frame(tail[at : at + 16], info)
        if frame is not None and crc16_divides(tail[at:]):
            if frame.start + frame.length != info.total:
                return "The FLAC's header claims another length than its last frame."
            if not _goes_on(window, first, end, lead, info):
                return "The FLAC's frames do not count upwards: songs stand behind one another."
            return ""
    return "The FLAC ends in the middle of a frame, or with something that is no FLAC."


def _goes_on(window: Window, first: int, end: int, lead: bytes, info: StreamInfo) -> bool:
    """Whether the frame halfway belongs about there, and the file's beginning does not stand there again.

    Songs of one length behind one another pass every other test: the last ends where the first claims.
    """
    if window.at(window.size // 3, 4) == window.at(0, 4):
        return False
    if window.size <= _FOLLOWED_WHOLE and not _counts_up(window.at(first, end - first), lead[:2], info):
        return False
    half = _frame_after(window, first + (end - first) // 2, end, lead, info)
    return half is None or info.total * 0.1 <= half.start <= info.total * 0.9


def _counts_up(frames: bytes, lead: bytes, info: StreamInfo) -> bool:
    """Whether each frame begins where the one before ends: none is missing or stands there twice."""
    at, expected = -1, 0
    while (at := frames.find(lead, at + 1)) >= 0:
        frame = parse_frame(frames[at : at + 16], info)
        if frame is not None:
            if frame.start != expected:
                return False
            expected += frame.length
    return True


def _frame_after(window: Window, offset: int, end: int, lead: bytes, info: StreamInfo) -> Frame | None:
    """The first frame that starts soon behind `offset` and with `lead`; None where there is none."""
    block = window.at(offset, min(_LOOK, end - offset))
    at = -1
    while (at := block.find(lead, at + 1)) >= 0:
        frame = parse_frame(block[at : at + 16], info)
        if frame is not None:
            return frame
    return None
