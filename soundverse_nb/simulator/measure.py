"""Measuring a reference song: its length, and its samples block by block, by decoding a bounded stretch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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


def sound_of(path: Path, stop_seconds: float) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples, float32 of shape (2, frames), at 44.1 kHz. What is not a number is silence."""
    import numpy as np

    blocks = 0
    try:
        with decode(path, stop_seconds=stop_seconds) as sound:
            convert = _resampling(sound.sample_rate) if sound.sample_rate != RATE else _unchanged
            for stereo in convert(np.ascontiguousarray(downmixed(block, 2).T) for block in sound):
                yield np.nan_to_num(stereo, copy=False, posinf=0.0, neginf=0.0)
                blocks += 1
    except SoundverseError:
        raise UndecodableError from None
    if not blocks:
        raise UndecodableError


def _unchanged(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    yield from blocks


def _resampling(rate: int) -> Callable[[Iterable[NDArray[np.float32]]], Iterator[NDArray[np.float32]]]:
    def resampled(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        import av
        import numpy as np

        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        for block in blocks:
            if not block.shape[1]:
                continue
            # One that is not a number would spoil its neighbours, too.
            whole = np.nan_to_num(block, copy=False, posinf=0.0, neginf=0.0)
            frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout="stereo")
            frame.sample_rate = rate
            for piece in resampler.resample(frame):
                yield piece.to_ndarray().astype(np.float32, copy=False)
        for piece in resampler.resample(None):
            yield piece.to_ndarray().astype(np.float32, copy=False)

    return resampled
