"""The last step: level to -14 LUFS, as streaming services do, and let no peak past -1 dBFS."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LOUDNESS = -14.0
CEILING = 0.89
_STRIDE = 64
_MAX_GAIN = 60.0


def master(mix: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Level and limit a mix (2, frames)."""
    from soundverse_nb.audio.loudness import integrated_loudness

    loudness = integrated_loudness([np.ascontiguousarray(mix.T)], rate)
    if math.isfinite(loudness):
        # Limiting takes a little away, so aim a little above.
        gain = min(_MAX_GAIN, 10 ** ((LOUDNESS + 0.3 - loudness) / 20))
        mix = mix * np.float32(gain)
    return limit(mix, rate)


def limit(mix: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Turn down, smoothly and a little before, what would pass the ceiling."""
    length = mix.shape[1]
    count = -(-length // _STRIDE)
    peaks = np.zeros(count * _STRIDE, dtype=np.float32)
    np.maximum(np.abs(mix[0]), np.abs(mix[1]), out=peaks[:length])
    # The gain of a stride holds at its start; a line to the next stays below what both allow.
    wanted = np.minimum(1.0, CEILING / np.maximum(peaks.reshape(count, _STRIDE).max(axis=1), 1e-9))
    reach = max(1, int(0.004 * rate / _STRIDE))
    held = wanted.copy()
    for shift in range(1, 2 * reach + 1):
        held[:-shift] = np.minimum(held[:-shift], wanted[shift:])
        held[shift:] = np.minimum(held[shift:], wanted[:-shift])
    window = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(held, reach, mode="edge")
    smooth = np.minimum(np.convolve(padded, window / window.sum(), "valid"), 1.0)
    gain = ramps(smooth.astype(np.float32), _STRIDE)[:length]
    return np.asarray(np.clip(mix * gain, -CEILING, CEILING), dtype=np.float32)


def ramps(values: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """A value every `stride` frames, joined by straight lines: float32 (len(values) * stride,)."""
    rise = np.diff(values, append=values[-1:])
    slope = np.arange(stride, dtype=np.float32) / np.float32(stride)
    return np.asarray((values[:, None] + rise[:, None] * slope).ravel(), dtype=np.float32)
