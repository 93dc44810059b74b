"""The encoder's own frame in front of an MP3: Xing or Info with LAME's extension, or VBRI.

Xing's VBR header (Xing Technologies), the LAME tag (LAME, Mp3 Info Tag rev 1), VBRI (Fraunhofer).
"""

from __future__ import annotations

from typing import NamedTuple

from soundverse_nb.audio.probe.checksum import mirrored_crc16_divides

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
