"""MP3: the length is a number of frames, taken from the encoder's header where that proves itself.

An MP3 has no header of its own. Where the encoder's (Xing, Info, VBRI) is intact and fits the file it is
believed; where there is none, a constant bitrate is proven by looks into the file, and anything else is
walked frame by frame, which costs a look at every header and no decoding.
"""

from __future__ import annotations

from typing import NamedTuple

from soundverse_nb.audio.probe.checksum import crc16_arc
from soundverse_nb.audio.probe.tags import after_front_tags, before_tail_tags
from soundverse_nb.audio.probe.window import Probed, Untrusted, Window
from soundverse_nb.mpeg_audio import DECODER_DELAY, FrameKind, count_frames, frame_kind

_LONGEST_FRAME = 1441
_MOST_WALKED = 1 << 26
_LOOKS = 8
_BLOCK = 1 << 20
_MOST_ZEROS = 1 << 16
_HAS_FRAMES, _HAS_BYTES, _HAS_TABLE, _HAS_QUALITY = 1, 2, 4, 8
_ENCODERS = (b"LAME", b"Lavf", b"Lavc")
_BROKEN = Untrusted("The MP3's frames do not follow one another: something else stands between.", "mp3")


def probe_mp3(window: Window, offset: int) -> Probed | Untrusted:
    """Frames times samples a frame, less the encoder's delay and padding. `offset` is behind the tags."""
    start = _skip_zeros(window, offset)
    lead = window.at(start, 2 * _LONGEST_FRAME)
    kind = frame_kind(lead)
    if kind is None:
        return Untrusted("The file does not begin with an MP3 frame whose length is known.", "mp3")
    length = kind.lengths[lead[2]]
    end = before_tail_tags(window)
    header = encoder_header(lead[:length], kind.side_info)
    if header is None:
        frames = _constant_rate_frames(window, kind, start, end)
        if frames is None:
            frames = _walk(window, kind, start, end)
        return _BROKEN if frames is None else _answer(kind, frames, 0)
    is_filled = any(window.tail(_LONGEST_FRAME, end)[1])  # no frame is all zeros
    if header.is_intact and header.frames and is_filled and _fits(header, end - start, length):
        return _answer(kind, header.frames, header.trimmed)
    frames = _walk(window, kind, start + length, end)
    if frames is None:
        return _BROKEN
    if header.frames is not None and header.frames != frames:
        return Untrusted("The MP3's header claims another number of frames than the file holds.", "mp3")
    return _answer(kind, frames, header.trimmed)


def _answer(kind: FrameKind, frames: int, trimmed: int) -> Probed | Untrusted:
    samples = frames * kind.samples - trimmed
    if samples <= 0:
        return Untrusted("The MP3 holds no whole frame.", "mp3")
    return Probed("mp3", "mp3", kind.sample_rate, kind.channels, samples / kind.sample_rate)


def _skip_zeros(window: Window, offset: int) -> int:
    """Taggers leave zeros behind the tag they shorten; at most one block of them is passed over."""
    lead = window.at(offset, 4)
    if lead[:1] != b"\0":
        return offset
    block = window.at(offset, _MOST_ZEROS)
    return offset + len(block) - len(block.lstrip(b"\0"))


def _fits(header: EncoderHeader, size: int, frame_bytes: int) -> bool:
    """Whether the header's byte count is the file's, with or without the header's own frame."""
    return header.size is not None and header.size in (size, size - frame_bytes)


def _constant_rate_frames(window: Window, kind: FrameKind, start: int, end: int) -> int | None:
    """How many frames fill [start, end) where all have one bitrate, None where that is not proven.

    Frame k of a constant bitrate starts at k times the (fractional) mean length, a padding byte early or
    late. Looks all over the file must find frames of that bitrate on that grid; a part of another bitrate
    would shift the grid behind it. The last frame is found by walking the last few.
    """
    lead = window.at(start, 4)
    number = at = 0
    kbps = kind.kbps[lead[2]]
    mean = kind.samples * kbps * 125 / kind.sample_rate
    total = round((end - start) / mean)
    if total < 4 * _LOOKS:
        return None
    for look in range(1, _LOOKS + 1):
        number = total * look // _LOOKS - 8 if look == _LOOKS else total * look // _LOOKS
        found = _frame_near(window, kind, kbps, start + int(number * mean))
        if found is None:
            return None
        at = found
    count, length = count_frames(window.at(at, end - at), kind)
    return number + count if at + length == end else None


def _frame_near(window: Window, kind: FrameKind, kbps: int, offset: int) -> int | None:
    """The frame of this bitrate that starts within two bytes of `offset` and is followed by another."""
    block = window.at(offset - 2, 5 + 2 * _LONGEST_FRAME)
    for at in range(5):
        if _is_frame(block[at : at + 4], kind, kbps):
            following = at + kind.lengths[block[at + 2]]
            if _is_frame(block[following : following + 4], kind, kbps):
                return offset - 2 + at
    return None


def _is_frame(header: bytes, kind: FrameKind, kbps: int) -> bool:
    return (
        len(header) == 4
        and header[0] == 0xFF
        and header[1] | 1 == kind.second_byte
        and kind.kbps[header[2]] == kbps
    )


def _walk(window: Window, kind: FrameKind, start: int, end: int) -> int | None:
    """Count the frames that fill [start, end), None where anything else stands between or behind them."""
    if end - start > _MOST_WALKED:
        return None
    total = 0
    while end - start >= 4:
        block = window.at(start, min(_BLOCK, end - start))
        count, stop = count_frames(block, kind)
        total += count
        start += stop
        if count == 0:
            break
    return total if start == end else None


def stops_inside_a_frame(window: Window) -> bool:
    """Whether the last frame is incomplete, and all before it stand one behind the other."""
    start = _skip_zeros(window, after_front_tags(window))
    lead = window.at(start, 4)
    kind = frame_kind(lead)
    if kind is None or window.size - start > _MOST_WALKED:
        return False
    while start < window.size:
        block = window.at(start, min(_BLOCK, window.size - start))
        count, length = count_frames(block, kind)
        start += length
        if count == 0:
            header = block[:4]
            if len(header) < 4 or header[0] != 0xFF or header[1] | 1 != kind.second_byte:
                return False
            return kind.lengths[header[2]] > len(block)
    return False


class EncoderHeader(NamedTuple):
    """What the header claims: frames behind it, bytes including its own frame (None where unsaid).

    `trimmed` samples are cut off by decoders, in front and behind. `is_intact` says that the header's own
    checksum holds.
    """

    frames: int | None
    size: int | None
    trimmed: int
    is_intact: bool


def encoder_header(frame: bytes, side_info: int) -> EncoderHeader | None:
    """The header inside the first frame, None where that frame is sound."""
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return EncoderHeader(
            int.from_bytes(frame[50:54], "big"), int.from_bytes(frame[46:50], "big"), 0, False
        )
    if frame[side_info : side_info + 4] not in (b"Xing", b"Info"):
        return None
    at = side_info + 8
    flags = int.from_bytes(frame[side_info + 4 : at], "big")
    frames = size = None
    if flags & _HAS_FRAMES:
        frames = int.from_bytes(frame[at : at + 4], "big")
        at += 4
    if flags & _HAS_BYTES:
        size = int.from_bytes(frame[at : at + 4], "big")
        at += 4
    if flags & _HAS_TABLE:
        at += 100
    if flags & _HAS_QUALITY:
        at += 4
    lame = frame[at : at + 36]
    if lame[:4] not in _ENCODERS or len(lame) < 36:
        return EncoderHeader(frames, size, 0, False)
    delays = int.from_bytes(lame[21:24], "big")
    delay, padding = delays >> 12, delays & 0xFFF
    trimmed = delay + (DECODER_DELAY if frames is None else max(padding, DECODER_DELAY))
    return EncoderHeader(frames, size, trimmed, _is_intact(frame, at + 34))


def _is_intact(frame: bytes, at: int) -> bool:
    """Whether the checksum at `at` holds: LAME sums what stands before it, libavformat always 190 bytes."""
    expected = int.from_bytes(frame[at : at + 2], "big")
    before = crc16_arc(frame[:at])
    if before == expected:
        return True
    return at + 2 <= 190 and crc16_arc(b"\0\0" + frame[at + 2 : 190], before) == expected
