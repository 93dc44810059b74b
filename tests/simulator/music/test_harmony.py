"""Chords, tuning and tune of chords that are known."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.simulator.music.harmony import Chord, estimate_harmony

RATE = 22_050
BEATS = np.arange(0, 16.5, 0.5)
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def chord(root: int, kind: tuple[int, ...], seconds: float, cents: float = 0.0) -> np.ndarray:
    """A triad with its bass, each note of four harmonics."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(t))
    for pitch in (36 + root, *(60 + root + step for step in kind)):
        f = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
        sound += sum(np.sin(2 * np.pi * f * n * t) / n**1.5 for n in range(1, 5))
    return (0.1 * sound * np.minimum(1, t / 0.02)).astype(np.float32)


def test_a_progression_is_heard_chord_by_chord():
    told = [(0, MAJOR), (9, MINOR), (5, MAJOR), (7, MAJOR)]
    sound = np.concatenate([chord(root, kind, 4.0) for root, kind in told])
    found = estimate_harmony(sound, RATE, BEATS).chords
    for place, (root, kind) in enumerate(told):
        assert found[4 * place + 1 : 4 * place + 3] == (Chord(root, kind == MINOR),) * 2


@pytest.mark.parametrize("cents", [-35.0, -10.0, 0.0, 22.0])
def test_a_tuning_off_440_hertz_is_measured(cents):
    harmony = estimate_harmony(chord(2, MAJOR, 16.0, cents), RATE, BEATS)
    assert harmony.cents == pytest.approx(cents, abs=4)
    assert harmony.chords[3] == Chord(2, False)


def test_a_lone_tune_is_followed():
    pitches = [69, 71, 72, 74, 76, 74, 72, 71]
    t = np.arange(2 * RATE) / RATE
    turns = [2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t for pitch in pitches]
    tones = [sum(np.sin(n * turn) / n**2 for n in (1, 2, 3)) for turn in turns]
    found = estimate_harmony(0.2 * np.concatenate(tones).astype(np.float32), RATE, BEATS).tune
    middles = [found[8 * place + 4] for place in range(8)]
    assert middles == pitches


def test_silence_has_a_harmony_of_the_right_length():
    harmony = estimate_harmony(np.zeros(16 * RATE, np.float32), RATE, BEATS)
    assert len(harmony.chords) == len(BEATS[::2])
    assert len(harmony.tune) == 2 * len(BEATS) - 1
    assert harmony.cents == 0.0
