"""The remix's own time: bars of four beats at one tempo, with the style's swing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.simulator.music.beats import Beats
from soundverse_nb.simulator.music.patterns import STEPS
from soundverse_nb.simulator.music.prompt import Reading

_LEAST, _MOST = 0.8, 1.26  # how much slower or faster a song may go and still be itself


@dataclass(frozen=True)
class Grid:
    """`bpm`, `bars`, `swing`; `offset` is the time (s, at most 0) of the first bar; `half` for half-time drums."""

    bpm: float
    bars: int
    offset: float
    swing: float
    half: bool

    def seconds(self, bar: int, step: float) -> float:
        """When a sixteenth (0-16, fractions allowed) of a bar sounds."""
        beats, rest = divmod(step, STEPS / 4)
        return self.offset + (4 * bar + beats + swung(rest / (STEPS / 4), self.swing)) * 60 / self.bpm

    @property
    def step(self) -> float:
        """Seconds a sixteenth lasts, swing apart."""
        return 15 / self.bpm


def swung(place: float, swing: float) -> float:
    """Where a place in the beat (0-1) falls when the second eighth comes at `swing`."""
    if place <= 0.5:
        return 2 * place * swing
    return swing + (2 * place - 1) * (1 - swing)


def remix_tempo(song_bpm: float, reading: Reading) -> tuple[float, bool]:
    """The remix's tempo, and whether the style's drums go half as fast as it.

    The song moves towards the style's tempo (or twice, or half of it) as far as it can without losing itself.
    """
    if reading.bpm is not None:
        asked = min((reading.bpm * 2.0**octave for octave in (-1, 0, 1)), key=lambda b: abs(np.log2(b / song_bpm)))
        return float(np.clip(asked, 0.62 * song_bpm, 1.6 * song_bpm)), asked > 1.5 * reading.style.bpm
    target = reading.style.bpm * reading.pace
    near = min((target * 2.0**octave for octave in (-1, 0, 1)), key=lambda b: abs(np.log2(b / song_bpm)))
    bpm = float(np.clip(near, _LEAST * song_bpm, _MOST * song_bpm))
    # Always audibly another pace than the song's own.
    if abs(bpm / song_bpm - 1) < 0.03:
        bpm = song_bpm * (1.04 if target >= song_bpm else 0.96)
    return bpm, bpm > 1.45 * target


def lay_grid(beats: Beats, duration: float, reading: Reading) -> Grid:
    bpm, half = remix_tempo(beats.bpm, reading)
    first = beats.times[0] * beats.bpm / bpm
    bars = int(np.ceil((len(beats.times) - 1) / 4))
    return Grid(bpm, bars, float(first), reading.style.swing, half)


def time_map(beats: Beats, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in the song, and when they sound in the remix: beat on beat, off-beats swung."""
    times = beats.times
    count = len(times)
    between = np.append((times[:-1] + times[1:]) / 2, times[-1] + (times[-1] - times[-2]) / 2)
    source = np.stack([times, between], axis=1).ravel()
    beat = np.arange(count)
    target = grid.offset + np.stack([beat, beat + grid.swing], axis=1).ravel() * 60 / grid.bpm
    return source, target
