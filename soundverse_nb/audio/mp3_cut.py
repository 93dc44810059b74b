"""Cut an MP3 on its frames: no decoding, no encoding, no loss.

A frame of MP3 may begin with bytes that stand in earlier frames ("bit reservoir"). So a cut keeps as many
frames before its start as the reservoir can reach back, and a new Info header tells decoders to skip them.
Sources: ISO/IEC 11172-3 sections 2.4.1.3 and 2.4.2.7; LAME's "Mp3 Info Tag revision 1".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from soundverse_nb.audio.probe.mpeg import FrameKind, frame_kind
from soundverse_nb.audio.probe.tags import after_id3, before_tail_tags
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.audio.probe.xing import encoder_header

_SEARCH_SECONDS = 1.0  # how far from the wished start a frame is looked for that little stands before
_DECODER_DELAY = 529  # samples a layer III decoder is late; its users skip them with the encoder's delay
_MOST_DELAY = 4095  # the field has 12 bits
_LARGEST_FILE = 1 << 30


@dataclass(frozen=True)
class Cut:
    """A cut MP3: the file's bytes, and what was kept of the song, in seconds."""

    data: bytes
    start: float
    duration: float


def cut_mp3(stream: BinaryIO, size: int, start: float, duration: float) -> Cut | None:
    """About `duration` seconds (never more) of an MP3 from `start`, in whole frames.

    None where the file is not a plain run of equal-rate frames: then only decoding and encoding helps.
    """
    if size > _LARGEST_FILE:
        return None
    window = Window(stream, size)
    begin, end = after_id3(window), before_tail_tags(window)
    stream.seek(begin)
    data = stream.read(end - begin)
    kind = frame_kind(data[:4])
    if kind is None:
        return None
    offsets = frame_offsets(data, kind)
    if offsets is None:
        return None
    skipped = _skipped_at_start(data[: offsets[1]], kind)
    if skipped is None:
        skipped = 0
    else:
        offsets = offsets[1:]
    return _cut(data, offsets, kind, skipped, start, duration)


def frame_offsets(data: bytes, kind: FrameKind) -> list[int] | None:
    """Where each frame begins, and at last where the last one ends; None unless frames fill the data.

    A last frame that is cut short is left out.
    """
    offsets, at = [0], 0
    while at + 4 <= len(data):
        length = kind.lengths[data[at + 2]]
        if not length or data[at] != 0xFF or data[at + 1] | 1 != kind.second_byte:
            return None
        at += length
        if at > len(data):
            break
        offsets.append(at)
    return offsets if len(offsets) > 2 else None


def _skipped_at_start(frame: bytes, kind: FrameKind) -> int | None:
    """Samples decoders skip because of the encoder's header, None where the first frame is no header."""
    header = encoder_header(frame, kind.side_info)
    if header is None:
        return None
    at = max(frame.find(b"LAME"), frame.find(b"Lavf"), frame.find(b"Lavc"))
    if at < 0 or len(frame) < at + 24:
        return 0
    return (int.from_bytes(frame[at + 21 : at + 24], "big") >> 12) + _DECODER_DELAY


def _cut(
    data: bytes, offsets: list[int], kind: FrameKind, skipped: int, start: float, duration: float
) -> Cut | None:
    count, rate = len(offsets) - 1, kind.sample_rate
    found = _start_frame(data, offsets, kind, round((start * rate + skipped) / kind.samples))
    if found is None:
        return None
    first, lead = found
    # Whole frames within the duration; the first is late by what a decoder needs to start.
    last = min(count, first + int(duration * rate // kind.samples))
    if last <= first:
        return None
    delay = (first - lead) * kind.samples if first else max(0, skipped - _DECODER_DELAY)
    body = data[offsets[lead] : offsets[last]]
    header = info_frame(data[offsets[lead] : offsets[lead] + 4], kind, last - lead, len(body), delay)
    if header is None or delay > _MOST_DELAY:
        return None
    samples = (last - lead) * kind.samples - delay - _DECODER_DELAY
    begins = (lead * kind.samples + delay + _DECODER_DELAY - skipped) / rate
    return Cut(header + body, max(0.0, begins), samples / rate)


def _start_frame(data: bytes, offsets: list[int], kind: FrameKind, wished: int) -> tuple[int, int] | None:
    """The frame nearest to `wished` at which a cut may begin, and the first frame it needs."""
    count = len(offsets) - 1
    reach = int(_SEARCH_SECONDS * kind.sample_rate / kind.samples)
    wished = min(max(0, wished), count - 1)
    for distance in range(reach + 1):
        for first in {wished + distance, wished - distance}:
            if not 0 <= first < count:
                continue
            # The frame before must decode, too: the transforms overlap by one frame.
            lead = min(_needs(data, offsets, kind, max(0, first - 1)), _needs(data, offsets, kind, first))
            if (first - lead) * kind.samples <= _MOST_DELAY:
                return first, lead
    return None


def _needs(data: bytes, offsets: list[int], kind: FrameKind, frame: int) -> int:
    """The earliest frame whose bytes this one uses: its main data begins so many bytes back (9 or 8 bits)."""
    at = offsets[frame]
    has_checksum = not data[at + 1] & 1
    side = at + 4 + 2 * has_checksum
    bits = int.from_bytes(data[side : side + 2], "big")
    back = bits >> 7 if kind.samples == 1152 else bits >> 8
    while back > 0 and frame > 0:
        frame -= 1
        overhead = kind.side_info + 2 * (not data[offsets[frame] + 1] & 1)
        back -= offsets[frame + 1] - offsets[frame] - overhead
    return frame


def info_frame(header: bytes, kind: FrameKind, frames: int, size: int, delay: int) -> bytes | None:
    """A silent frame that carries an Info header: how many frames follow, and how many samples to skip."""
    at = kind.side_info
    needed = at + 8 + 8 + 36
    for code in range(1, 15):
        third = code << 4 | header[2] & 0x0C
        length = kind.lengths[third]
        if length >= max(needed, 192):
            break
    else:
        return None
    # No checksum (the bit means its absence), no padding, and the mode of the frames that follow.
    frame = bytearray(length)
    frame[0:4] = bytes((0xFF, header[1] | 1, third, header[3]))
    frame[at : at + 4] = b"Info"
    frame[at + 4 : at + 8] = (3).to_bytes(4, "big")  # frames and bytes are given
    frame[at + 8 : at + 12] = frames.to_bytes(4, "big")
    frame[at + 12 : at + 16] = (size + length).to_bytes(4, "big")
    tag = at + 16
    frame[tag : tag + 9] = b"Lavf\0\0\0\0\0"  # decoders heed the delay only behind a name they know
    frame[tag + 21 : tag + 24] = (delay << 12).to_bytes(3, "big")
    frame[tag + 34 : tag + 36] = crc16(bytes(frame[: tag + 34])).to_bytes(2, "big")
    return bytes(frame)


def crc16(data: bytes) -> int:
    """CRC-16 as LAME sums its header: polynomial x^16 + x^15 + x^2 + 1, bits mirrored."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value
