"""FFmpeg's sample formats as numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from av.audio.plane import AudioPlane

from soundverse_nb.audio.decoding import Block

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
