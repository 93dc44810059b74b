"""Zeros at the end of a file: padding, or what is left of a download that was never filled in.

Programs and disks round files up, so zeros behind whole frames show nothing unless they are many. Where they
begin inside a frame, sound was there.
"""

from __future__ import annotations

from typing import BinaryIO

from soundverse_nb.audio.probe.mp3 import stops_inside_a_frame
from soundverse_nb.audio.probe.mpeg import frame_kind
from soundverse_nb.audio.probe.tags import after_front_tags, before_tail_tags
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.audio.probe.xing import encoder_header

_BLOCK = 1 << 16
# The block of a usual disk, and the largest of any.
_LEAST, _MOST_PADDING = 1 << 12, 1 << 16
_LEAST_SECONDS = 1.0
# What an encoder puts in front and behind, which is counted and may be cut off.
_PADDED_SECONDS = 0.15
_MOST_FRAMES = 1_000_000


def blank_end(stream: BinaryIO, size: int, seconds: float) -> int:
    """Bytes of zeros in the place of sound at the end of a file that decodes to so many seconds; 0 for none.

    An MP3 that counts its frames, and holds as many, is whole whatever stands behind.
    """
    window = Window(stream, size)
    zeros = _zeros_at_end(window)
    begins = size - zeros
    if zeros <= _LEAST or zeros * seconds < _LEAST_SECONDS * begins:
        return 0
    counted = _counted_seconds(window)
    if counted and counted - seconds <= _PADDED_SECONDS:
        return 0
    return zeros if zeros > _MOST_PADDING or _stops_inside(Window(stream, begins)) else 0


def _zeros_at_end(window: Window) -> int:
    end = at = before_tail_tags(window)
    while at > 0:
        at, block = window.tail(_BLOCK, at)
        kept = len(block.rstrip(b"\0"))
        if kept:
            return end - at - kept
    return end


def _counted_seconds(window: Window) -> float:
    """The length by the frames that an MP3's header counts, 0 where it has none."""
    lead = window.at(after_front_tags(window), _LEAST)
    kind = frame_kind(lead)
    header = encoder_header(lead[: kind.lengths[lead[2]]], kind.side_info) if kind is not None else None
    return (header.frames or 0) * kind.samples / kind.sample_rate if kind and header else 0.0


def _stops_inside(window: Window) -> bool:
    return stops_inside_a_frame(window) or _stops_inside_adts(window)


def _stops_inside_adts(window: Window) -> bool:
    """Whether the last ADTS frame is incomplete (ISO/IEC 13818-7, 6.2.1), and all before are whole."""
    at = after_front_tags(window)
    for _ in range(_MOST_FRAMES):
        head = window.at(at, 6)
        if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            return 0 < len(head) < 6
        at += max(7, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5)
        if at > window.size:
            return True
    return False
