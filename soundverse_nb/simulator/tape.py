"""The tape: a mix on disk while it is made, since its level is known only when all of it has been heard."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.loudness import LoudnessMeter
from soundverse_nb.simulator.music.mix import (
    BLOCK,
    STRIDE,
    gain_curve,
    limited,
    master_gain,
    stride_peaks,
)


class Tape:
    """Records a mix (2, frames) block by block, and gives it back mastered. Use as a context manager.

    The file lies in `folder`, or where temporary files do, and is gone afterwards, however that comes.
    All blocks but the last have BLOCK frames.
    """

    def __init__(self, folder: Path | None, rate: int) -> None:
        assert BLOCK % STRIDE == 0, "a stride lies in one block"
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._rate = rate
        self._meter = LoudnessMeter(rate, 2)
        self._peaks: list[NDArray[np.float32]] = []
        self._lock = threading.Lock()
        self.frames = 0

    def __enter__(self) -> Tape:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def record(self, block: NDArray[np.float32]) -> None:
        """The next frames, kept in half precision: far finer than what the encoder leaves of them."""
        interleaved = np.ascontiguousarray(block.T)
        self._meter.feed(interleaved)
        self._peaks.append(stride_peaks(block))
        self._file.write(interleaved.astype(np.float16).tobytes())
        self.frames += block.shape[1]

    def mastered(self) -> Callable[[int, int], NDArray[np.float32]]:
        """What gives the frames (2, n) from one to another, levelled and limited; on any thread."""
        gain = np.float32(master_gain(self._meter.integrated()))
        peaks = np.concatenate([*self._peaks, np.zeros(1, np.float32)])
        curve = gain_curve(peaks * gain, self._rate)

        def read(start: int, stop: int) -> NDArray[np.float32]:
            with self._lock:
                self._file.seek(4 * start)
                raw = self._file.read(4 * (stop - start))
            part = np.frombuffer(raw, np.float16).reshape(-1, 2).T.astype(np.float32)
            return limited(part * gain, curve, start)

        return read
