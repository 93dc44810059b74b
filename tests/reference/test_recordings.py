"""A recording that announces no length, as browsers write it, and whose end was never filled in."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

import soundverse_nb as sv


class _Pipe:
    """Where a browser's recorder writes: nothing can be put right afterwards, so no length is announced."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


@pytest.mark.parametrize("container", ["webm", "matroska"])
def test_a_recording_without_a_length_whose_tail_was_never_filled_in_is_damaged(container: str) -> None:
    noise = np.random.default_rng(5).uniform(-0.3, 0.3, (2, 48_000)).astype(np.float32)
    pipe = _Pipe()
    with av.open(pipe, "w", format=container) as out:
        stream = out.add_stream("libopus", rate=48_000, layout="stereo")
        for second in range(30):
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, second * 48_000
            frame.time_base = Fraction(1, 48_000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    whole = bytes(pipe.written)
    assert sv.preflight(whole).ok
    kept = len(whole) * 6 // 10
    cut = sv.preflight(whole[:kept] + bytes(len(whole) - kept))
    assert "damaged" in {problem.code for problem in cut.problems}
