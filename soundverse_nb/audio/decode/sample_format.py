"""FFmpeg's frames and their sample formats as numpy arrays."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import av
import numpy as np
from av.audio.plane import AudioPlane

from soundverse_nb.audio.decode.base import Block

# Sample format -> numpy's type, factor to full scale +-1, value of silence.
_TYPES: dict[str, tuple[str, float, int]] = {
    "u8": ("u1", 2**-7, 128),
    "s16": ("i2", 2**-15, 0),
    "s32": ("i4", 2**-31, 0),
    "s64": ("i8", 2**-63, 0),
    "flt": ("f4", 1.0, 0),
    "dbl": ("f8", 1.0, 0),
}
_ONE_TOO_MANY = 8


def is_planar(name: str) -> bool:
    """Whether each channel has a plane of its own; otherwise their samples take turns in one."""
    return name.endswith("p")


def width(name: str) -> int:
    """Bytes a sample."""
    return np.dtype(_TYPES[name.removesuffix("p")][0]).itemsize


def floats(data: Any, name: str) -> Block:
    """A buffer of samples as float32 with full scale +-1: the buffer itself where it holds these already."""
    dtype, factor, silence = _TYPES[name.removesuffix("p")]
    values = np.frombuffer(data, dtype)
    if dtype == "f4":
        return values
    scaled: Block = np.multiply(values, np.float32(factor), dtype=np.float32, casting="unsafe")
    if silence:
        scaled -= np.float32(silence * factor)
    return scaled


def planes_of_frame(frame: Any, channels: int) -> Sequence[Any]:
    """The planes of a planar frame. PyAV looks for a ninth where there are eight, and from 19 on raises."""
    if channels != _ONE_TOO_MANY:
        planes: Sequence[Any] = frame.planes
        return planes
    return [AudioPlane(frame, channel) for channel in range(channels)]


def joined(frames: Sequence[Any], name: str, channels: int) -> Block:
    """Frames of one sample format as one block, float32 (frames, channels); planar data stays planar."""
    count = sum(frame.samples for frame in frames)
    size = width(name)
    if not is_planar(name):
        parts = [memoryview(frame.planes[0])[: size * channels * frame.samples] for frame in frames]
        return floats(bytearray().join(parts), name).reshape(count, -1)
    planes: list[list[memoryview]] = [[] for _ in range(channels)]
    gather = [plane.append for plane in planes]
    for frame in frames:
        end = size * frame.samples
        for put, part in zip(gather, planes_of_frame(frame, channels)):  # noqa: B905  (strict costs)
            put(memoryview(part)[:end])
    return floats(bytearray().join(chain.from_iterable(planes)), name).reshape(-1, count).T


# FFmpeg's names in the order of its own layouts (libavutil/channel_layout.h).
_IN_ORDER = (
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR",
    "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
)  # fmt: skip
# "5.1(side)", "6 channels" and "ambisonic 1" are FFmpeg's own; "6 channels (FL+FC+...)" may be a table.
_WITHOUT_TABLE = re.compile(r"\S+|\d+ channels|ambisonic \d+")


def release_layout(codec_context: Any) -> tuple[bool, list[int] | None]:
    """Take a layout that has a table from a decoder that is not open yet.

    Returns whether it had one, and the channels' places in FFmpeg's own order, if they are in another.
    """
    layout = codec_context.layout
    name, count = layout.name, layout.nb_channels
    if _WITHOUT_TABLE.fullmatch(name):
        return False, None
    try:
        order = _places([channel.name for channel in layout.channels])
    finally:
        # Whatever happens: once looked at, the table may be freed with `layout`.
        codec_context.layout = av.AudioLayout(f"{count} channels")
    return True, order


def have_tables(frames: Iterable[Any]) -> bool:
    """Whether the decoder itself gave its frames such a layout, which is then never freed by PyAV.

    That loses some bytes a frame; to free them twice would lose the process.
    """
    found = [frame.layout for frame in frames if not _WITHOUT_TABLE.fullmatch(frame.layout.name)]
    for layout in found:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return bool(found)


def _places(names: list[str]) -> list[int] | None:
    if not set(names) <= set(_IN_ORDER) or len(set(names)) < len(names):
        return None
    order = sorted(range(len(names)), key=lambda channel: _IN_ORDER.index(names[channel]))
    return order if order != sorted(order) else None
