"""Songs whose tempo, key and notes are known because they are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RATE = 22_050
Samples = Any  # float32 (channels, frames), as one gives them to analysis


def note(midi: float, seconds: float, rate: int = RATE) -> Samples:
    """A plucked note with some harmonics, that dies away; (frames,)."""
    time = np.arange(round(seconds * rate)) / rate
    hertz = 440 * 2 ** ((midi - 69) / 12)
    harmonics = [number for number in range(1, 7) if number * hertz < rate / 2]
    wave = sum(np.sin(2 * np.pi * number * hertz * time) / number for number in harmonics)
    attack = np.minimum(1, time / 0.005)
    release = np.minimum(1, (seconds - time) / 0.01)
    return (0.15 * wave * attack * release * np.exp(-3 * time)).astype(np.float32)


def chords(progression: Sequence[Sequence[int]], seconds: float = 0.5, rate: int = RATE) -> Samples:
    """Chords, each a list of MIDI pitches, one after the other; (1, frames)."""
    bars = [np.sum([note(pitch, seconds, rate) for pitch in chord], axis=0) for chord in progression]
    return np.concatenate(bars)[np.newaxis].astype(np.float32)


def clicks(bpm: float, seconds: float = 30.0, first: float = 0.5, rate: int = RATE) -> Samples:
    """A short burst of noise on every beat from `first` on, beginning to the sample; (1, frames)."""
    rng = np.random.default_rng(1)
    burst = rng.normal(0, 0.3, rate // 50) * np.exp(-np.arange(rate // 50) / (rate / 250))
    song = np.zeros((1, round(seconds * rate)), np.float32)
    for time in np.arange(first, seconds - 0.1, 60 / bpm):
        start = round(time * rate)
        song[0, start : start + len(burst)] += burst
    return song


def noise(seconds: float, channels: int = 1, level: float = 0.1, rate: int = RATE, seed: int = 2) -> Samples:
    """White noise; (channels, frames)."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, level, (channels, round(seconds * rate))).astype(np.float32)
