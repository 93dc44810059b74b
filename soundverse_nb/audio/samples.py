"""Samples as a user has them: any orientation, any number type.

Everything else in the package sees float32 of shape (channels, frames), full scale +-1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CHANNELS = 1024


@dataclass(frozen=True)
class Samples:
    """An array with its rate; `values` keeps the user's own numbers, shape (channels, frames)."""

    values: NDArray[Any]
    sample_rate: int

    @property
    def channels(self) -> int:
        return int(self.values.shape[0])

    @property
    def frames(self) -> int:
        return int(self.values.shape[1])

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Frames start..stop as float32 (frames, channels), integers scaled to full scale +-1."""
        return scaled(self.values[:, start:stop]).T


def as_samples(values: Any, rate: Any) -> Samples:
    """Take an array of samples in, whichever way round it lies. Raises ValueError with a sentence.

    1-D is mono. In 2-D the shorter side is the channels: (2, 441000) and (441000, 2) are the same song.
    scipy's order, (rate, samples), is understood too.
    """
    if _is_one_number(values) and not _is_one_number(rate):
        values, rate = rate, values
    try:
        if isinstance(rate, (bool, np.bool_, str, bytes)):
            raise TypeError
        hertz = float(rate)
    except Exception:  # a foreign __float__ may raise anything
        raise ValueError("The sample rate is not a number.") from None
    if not math.isfinite(hertz) or not 1 <= hertz < 2**31:
        raise ValueError(f"A sample rate of {hertz:g} Hz is not possible.")
    try:
        # What is masked out of an array is nothing to hear.
        array = values.filled(0) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    except Exception:  # a foreign __array__ may raise anything
        raise ValueError("The samples are not an array of numbers.") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"Samples of type {array.dtype} are not numbers of a sound.")
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise ValueError(f"Samples must be 1-D or 2-D, not {array.ndim}-D.")
    if not array.size:
        return Samples(np.zeros((1, 0), np.float32), round(hertz))
    if array.shape[0] > array.shape[1]:
        array = array.T
    if array.shape[0] > MOST_CHANNELS:
        raise ValueError(f"{array.shape[0]} channels are too many.")
    return Samples(array, round(hertz))


def _is_one_number(value: Any) -> bool:
    """Whether this may be a rate: whatever else it is, it has no length."""
    try:
        return np.ndim(value) == 0
    except Exception:  # a foreign __array__ may raise anything
        return False


def scaled(values: NDArray[Any]) -> NDArray[np.float32]:
    """Samples of any number type as float32 with full scale +-1 (unsigned types are centred)."""
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(values, dtype=np.float32)
    full = 2.0 ** (bits - 1)
    offset = full if kind == "u" else 0.0
    if bits <= 16:
        return (values.astype(np.float32) - np.float32(offset)) * np.float32(1 / full)
    return ((values.astype(np.float64) - offset) / full).astype(np.float32)
