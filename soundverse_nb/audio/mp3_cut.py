"""Cut an MP3 on its frames: no decoding, no encoding, no loss.

The bytes of a frame may begin in earlier frames ("bit reservoir"). So a cut begins with a silent frame that
holds the bytes which its first frame looks back for, and a new Info header tells decoders to skip it.
Sources: ISO/IEC 11172-3 sections 2.4.1.3 and 2.4.2.7; LAME's "Mp3 Info Tag revision 1".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from soundverse_nb.audio.probe.checksum import crc16_arc
from soundverse_nb.audio.probe.mp3 import encoder_header
from soundverse_nb.audio.probe.tags import after_front_tags, end_of_sound
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.mpeg_audio import DECODER_DELAY, FrameKind, frame_kind

_SHORTEST_INFO = 192  # libavformat's checksum covers 190 bytes
_LARGEST_FILE = 1 << 30
_TAGS = (b"ID3", b"APE")


@dataclass(frozen=True)
class Cut:
    """A cut MP3: the file's bytes, and the part of the song that it holds, in seconds."""

    data: bytes
    start: float
    duration: float


def cut_mp3(stream: BinaryIO, size: int, start: float, duration: float) -> Cut | None:
    """About `duration` seconds (never more) of an MP3 from `start`, in whole frames.

    None where the file is not a plain run of equal-rate frames: then only decoding and encoding helps.
    """
    stream.seek(0)
    if size > _LARGEST_FILE or (stream.read(3)[:3] not in _TAGS and not _begins_with_a_frame(stream)):
        return None
    window = Window(stream, size)
    begin, end = after_front_tags(window), end_of_sound(window)
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


def _begins_with_a_frame(stream: BinaryIO) -> bool:
    stream.seek(0)
    return frame_kind(stream.read(4) or b"") is not None


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
    return (int.from_bytes(frame[at + 21 : at + 24], "big") >> 12) + DECODER_DELAY


def _cut(
    data: bytes, offsets: list[int], kind: FrameKind, skipped: int, start: float, duration: float
) -> Cut | None:
    count, rate = len(offsets) - 1, kind.sample_rate
    first = min(max(0, round((start * rate + skipped) / kind.samples)), count - 1)
    # Whole frames within the duration; the first is late by what a decoder needs to start.
    last = min(count, first + int(duration * rate // kind.samples))
    if last <= first:
        return None
    lead = max(0, first - 1)  # the transforms of neighbours overlap
    filler = filler_frame(data, offsets, kind, lead) if lead else b""
    body = filler + data[offsets[lead] : offsets[last]]
    frames = last - lead + bool(filler)
    delay = (first - lead + bool(filler)) * kind.samples if first else max(0, skipped - DECODER_DELAY)
    header = info_frame(data[offsets[lead] : offsets[lead] + 4], kind, frames, len(body), delay)
    if header is None:
        return None
    # Where the sound begins in the old file's samples; the filler stands before its frame `lead`.
    begins = (lead - bool(filler)) * kind.samples + delay + DECODER_DELAY - skipped
    samples = frames * kind.samples - delay - DECODER_DELAY
    return Cut(header + body, max(0.0, begins / rate), samples / rate)


def filler_frame(data: bytes, offsets: list[int], kind: FrameKind, frame: int) -> bytes:
    """A silent frame whose body ends with the bytes that `frame` looks back for; empty if it does not."""
    at = offsets[frame]
    side = at + _overhead(data, at, kind) - (kind.side_info - 4)
    bits = int.from_bytes(data[side : side + 2], "big")
    back = bits >> 7 if kind.samples == 1152 else bits >> 8  # main_data_begin: 9 bits, in MPEG-2 8
    if back == 0:
        return b""
    before = b""
    while len(before) < back and frame > 0:
        frame -= 1
        start = offsets[frame] + _overhead(data, offsets[frame], kind)
        before = data[start : offsets[frame + 1]] + before
    filler = bytearray(_plain_frame(data[at : at + 4], kind, kind.side_info + back) or b"")
    reservoir = before[-back:]
    filler[len(filler) - len(reservoir) :] = reservoir
    return bytes(filler)


def _overhead(data: bytes, at: int, kind: FrameKind) -> int:
    """Bytes of a frame before its main data: header, checksum where there is one, side information."""
    return kind.side_info + 2 * (not data[at + 1] & 1)


def _plain_frame(header: bytes, kind: FrameKind, least: int) -> bytes | None:
    """A frame of zeros, which is silence, in the mode of `header` and of `least` bytes or a few more."""
    for code in range(1, 15):
        third = code << 4 | header[2] & 0x0C
        length = kind.lengths[third]
        if length >= least:
            # The lowest bit of the second byte says that there is no checksum.
            return bytes((0xFF, header[1] | 1, third, header[3])) + bytes(length - 4)
    return None


def info_frame(header: bytes, kind: FrameKind, frames: int, size: int, delay: int) -> bytes | None:
    """A silent frame that carries an Info header: how many frames follow, and how many samples to skip."""
    at = kind.side_info
    plain = _plain_frame(header, kind, max(at + 8 + 8 + 36, _SHORTEST_INFO))
    if plain is None:
        return None
    frame = bytearray(plain)
    frame[at : at + 4] = b"Info"
    frame[at + 4 : at + 8] = (3).to_bytes(4, "big")  # frames and bytes are given
    frame[at + 8 : at + 12] = frames.to_bytes(4, "big")
    frame[at + 12 : at + 16] = (size + len(frame)).to_bytes(4, "big")
    tag = at + 16
    frame[tag : tag + 9] = b"Lavf\0\0\0\0\0"  # decoders heed the delay only behind a name they know
    frame[tag + 21 : tag + 24] = (delay << 12).to_bytes(3, "big")
    frame[tag + 34 : tag + 36] = crc16_arc(bytes(frame[: tag + 34])).to_bytes(2, "big")
    return bytes(frame)
