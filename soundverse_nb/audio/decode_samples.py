"""Samples that are in memory already, in the shape of a decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from soundverse_nb.audio.decoding import Block, Decoding, End, Plane, block_length
from soundverse_nb.audio.samples import Samples, scaled


class SamplesDecoding(Decoding):
    """Yields an array block by block, converted to float32 on the way."""

    format = "samples"

    def __init__(
        self, samples: Samples, block_frames: int, stop_seconds: float | None, time_limit: float | None
    ) -> None:
        super().__init__(stop_seconds, time_limit)
        self.sample_rate, self.channels = samples.sample_rate, samples.channels
        self.codec = str(samples.values.dtype)
        self._samples = samples
        self.block_frames = block_length(block_frames, self.channels)

    def _pieces(self) -> Iterator[tuple[int, tuple[int, int]]]:
        frames = self._samples.frames
        for start in range(0, frames, self.block_frames):
            stop = min(start + self.block_frames, frames)
            yield stop - start, (start, stop)
            if self.out_of_time():
                self.end = End.OUT_OF_TIME
                return

    def block(self, piece: tuple[int, int]) -> Block:
        return self._samples.block(*piece)

    def planes(self, piece: tuple[int, int]) -> Sequence[Plane]:
        return [np.ascontiguousarray(scaled(values)) for values in self._samples.values[:, slice(*piece)]]

    def skim(self) -> float:
        return self._samples.frames / self.sample_rate

    def close(self) -> None:
        pass
