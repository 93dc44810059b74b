"""Measuring a reference song: its length, and its samples, both by decoding a bounded stretch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import downmixed
from soundverse_nb.errors import SoundverseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 44_100


class UndecodableError(Exception):
    """These bytes are no audio that can be decoded."""


@dataclass(frozen=True)
class Measured:
    """Length in seconds by counting decoded frames; `cut_off` where counting stopped before the end."""

    seconds: float
    cut_off: bool


def measure(path: Path, stop_seconds: float) -> Measured:
    """Decode until the end or until `stop_seconds` have been heard, whichever is first."""
    frames = 0
    try:
        with decode(path, stop_seconds=stop_seconds) as sound:
            for block in sound:
                frames += len(block)
            seconds = frames / sound.sample_rate
    except SoundverseError:
        raise UndecodableError from None
    if not frames:
        raise UndecodableError
    return Measured(seconds, cut_off=seconds >= stop_seconds)


def load(path: Path, stop_seconds: float) -> tuple[NDArray[np.float32], int]:
    """Samples, float32 of shape (2, frames), at 44.1 kHz, and that rate. What is not a number is silence."""
    import numpy as np

    try:
        with decode(path, stop_seconds=stop_seconds) as sound:
            blocks = [downmixed(block, 2) for block in sound]
            rate = sound.sample_rate
    except SoundverseError:
        raise UndecodableError from None
    if not blocks:
        raise UndecodableError
    stereo = np.ascontiguousarray(np.concatenate(blocks).T)
    np.nan_to_num(stereo, copy=False, posinf=0.0, neginf=0.0)
    return (stereo, rate) if rate == RATE else (_resampled(stereo, rate), RATE)


def _resampled(stereo: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    import av
    import numpy as np

    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
    parts: list[NDArray[Any]] = []
    for start in range(0, stereo.shape[1], 1 << 16):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(stereo[:, start : start + (1 << 16)]), format="fltp", layout="stereo"
        )
        frame.sample_rate = rate
        parts += [piece.to_ndarray() for piece in resampler.resample(frame)]
    parts += [piece.to_ndarray() for piece in resampler.resample(None)]
    return np.concatenate(parts, axis=1).astype(np.float32, copy=False)
