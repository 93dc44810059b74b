"""The simulator's effects on a whole signal at once, from the parts it feeds block by block."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from soundverse_nb.audio.loudness import integrated_loudness
from soundverse_nb.simulator.music import effects, mix
from soundverse_nb.simulator.music.mix import Signal


def reverberate(send: Signal, rate: int, size: float, chance: Generator) -> Signal:
    """The room's answer to a whole send; (2, frames)."""
    room = mix.Room(rate, size, chance)
    starts = range(0, len(send), mix.BLOCK)
    return np.concatenate([room.feed(send[start : start + mix.BLOCK]) for start in starts], axis=1)


def master(sound: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Level and limit a mix (2, frames)."""
    loudness = integrated_loudness([np.ascontiguousarray(sound.T)], rate)
    return limit(sound * np.float32(mix.master_gain(loudness)), rate)


def limit(sound: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Turn down, smoothly and a little before, what would pass the ceiling."""
    return mix.limited(sound, mix.gain_curve(mix.stride_peaks(sound), rate))


def equalise(
    stereo: NDArray[np.float32], rate: int, low_cut: float, high_cut: float, tilt: float
) -> NDArray[np.float32]:
    """Cut below and above (12 dB an octave, Hz) and tilt (dB an octave around 1 kHz), linear in phase."""
    return effects.filtered(
        np.pad(stereo, ((0, 0), (effects.MARGIN, effects.MARGIN))),
        effects.tone(rate, low_cut, high_cut, tilt),
    )


def echoes(send: Signal, delay: int, feedback: float) -> Signal:
    """The tape echo of a whole send; (2, frames)."""
    return mix.Echoes(delay, feedback).feed(send)
