"""Frame headers of MPEG audio, layer III: what the four bytes in front of every MP3 frame say.

ISO/IEC 11172-3 (MPEG-1), ISO/IEC 13818-3 (MPEG-2), and the unofficial MPEG-2.5 for low rates.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from soundverse_nb.audio.probe.checksum import mirrored_crc16_divides

_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


class FrameKind(NamedTuple):
    """What all frames of one MP3 share, and the length in bytes of each by its third byte (0: not a frame).

    `side_info` is the distance in bytes from a frame's start to where an encoder's Xing header stands.
    """

    sample_rate: int
    channels: int
    samples: int
    side_info: int
    second_byte: int
    lengths: tuple[int, ...]
    kbps: tuple[int, ...]


def frame_kind(header: bytes) -> FrameKind | None:
    """The kind of the layer III frame that begins with these four bytes, None where they are none.

    A free-format frame (bitrate 0) is none: its length stands nowhere.
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    kind = _kind(header[1] | 1, header[2] >> 2 & 3, header[3] >> 6 == 3)
    if kind is None or not kind.lengths[header[2]]:
        return None
    return kind


@lru_cache(maxsize=64)
def _kind(second_byte: int, rate_code: int, is_mono: bool) -> FrameKind | None:
    version = second_byte >> 3 & 3
    if version == 1 or rate_code == 3:
        return None
    rate = _RATES[version][rate_code]
    is_first = version == 3
    slots = 144_000 if is_first else 72_000
    kbps = [0] * 256
    lengths = [0] * 256
    for third in range(256):
        code = third >> 4
        if third >> 2 & 3 == rate_code and 0 < code < 15:
            kbps[third] = (_KBPS_1 if is_first else _KBPS_2)[code]
            lengths[third] = slots * kbps[third] // rate + (third >> 1 & 1)
    side = (17, 32) if is_first else (9, 17)
    return FrameKind(
        sample_rate=rate,
        channels=1 if is_mono else 2,
        samples=1152 if is_first else 576,
        side_info=4 + side[not is_mono],
        second_byte=second_byte,
        lengths=tuple(lengths),
        kbps=tuple(kbps),
    )


def count_frames(data: bytes, kind: FrameKind, offset: int = 0) -> tuple[int, int]:
    """How many whole frames follow one another in `data` from `offset`, and where the last ends."""
    lengths, second = kind.lengths, kind.second_byte
    last = len(data) - 4
    count = 0
    while offset <= last:
        length = lengths[data[offset + 2]]
        if not length or data[offset] != 0xFF or data[offset + 1] | 1 != second:
            break
        if offset + length > last + 4:
            break
        offset += length
        count += 1
    return count, offset


# A decoder's own delay in samples (layer III): it is cut off at the start beside the encoder's, and
# so much of the encoder's padding is sound that comes late and stays.
_DECODER_DELAY = 529
_HAS_FRAMES, _HAS_BYTES, _HAS_TABLE, _HAS_QUALITY = 1, 2, 4, 8
_ENCODERS = (b"LAME", b"Lavf", b"Lavc")


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
    trimmed = delay + (_DECODER_DELAY if frames is None else max(padding, _DECODER_DELAY))
    return EncoderHeader(frames, size, trimmed, _is_intact(frame, at + 34))


def _is_intact(frame: bytes, at: int) -> bool:
    """Whether the checksum at `at` holds: LAME sums what stands before it, libavformat always 190 bytes."""
    crc = frame[at : at + 2]
    if mirrored_crc16_divides(frame[:at], crc):
        return True
    return at + 2 <= 190 and mirrored_crc16_divides(frame[:at] + b"\0\0" + frame[at + 2 : 190], crc)
