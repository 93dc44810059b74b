"""Hearing a reference song: how long it lasts, and its samples, both by decoding a bounded stretch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class UndecodableError(Exception):
    """These bytes are no audio that can be decoded."""


@dataclass(frozen=True)
class Measured:
    """Length in seconds by counting decoded frames; `cut_off` where counting stopped before the end."""

    seconds: float
    cut_off: bool


def measure(path: Path, stop_seconds: float) -> Measured:
    """Decode until the end or until `stop_seconds` have been heard, whichever is first."""
    import av

    frames = 0
    rate = 0
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(container.streams.audio[0]):
                rate = rate or frame.sample_rate
                frames += frame.samples
                if frames > stop_seconds * rate:
                    return Measured(frames / rate, cut_off=True)
    except (av.FFmpegError, IndexError, ValueError):
        if not frames:
            raise UndecodableError from None
    if not frames:
        raise UndecodableError
    return Measured(frames / rate, cut_off=False)


def load(path: Path, stop_seconds: float) -> tuple[NDArray[np.float32], int]:
    """Samples, float32 of shape (2, frames), and the sample rate."""
    import av
    import numpy as np

    blocks: list[NDArray[Any]] = []
    rate = 44_100
    try:
        with av.open(str(path)) as container:
            to_stereo = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
            heard = 0
            for frame in container.decode(container.streams.audio[0]):
                for piece in to_stereo.resample(frame):
                    blocks.append(piece.to_ndarray())
                    heard += piece.samples
                if heard > stop_seconds * rate:
                    break
    except (av.FFmpegError, IndexError, ValueError):
        if not blocks:
            raise UndecodableError from None
    if not blocks:
        raise UndecodableError
    return np.concatenate(blocks, axis=1).astype(np.float32, copy=False), rate
