"""Pace without pitch, pitch without pace."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.simulator.music.effects import stretch, transpose

RATE = 44_100


def tone(f: float, seconds: float) -> np.ndarray:
    sound = 0.4 * np.sin(2 * np.pi * f * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([sound, sound]).astype(np.float32)


def frequency(sound: np.ndarray) -> float:
    size = 1 << 18
    return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)).argmax() * RATE / size)


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.0, 1.1, 1.25])
def test_stretching_keeps_pitch_and_level(factor):
    sound = tone(330.0, 4.0)
    frames = round(factor * sound.shape[1])
    out = stretch(sound, np.array([0.0, sound.shape[1]]), np.array([0.0, frames]), frames)
    assert out.shape == (2, frames)
    middle = out[0, RATE // 2 : -RATE // 2]
    assert frequency(middle) == pytest.approx(330.0, rel=0.003)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.05)


def test_places_in_the_song_fall_where_they_are_put():
    sound = np.zeros((2, 6 * RATE), np.float32)
    strokes = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    wanted = np.array([0.9, 2.0, 2.9, 4.2, 5.1])
    click = np.exp(-np.arange(600) / 80.0) * np.sin(np.arange(600) * 0.3)
    for at in strokes:
        sound[:, round(at * RATE) : round(at * RATE) + 600] += click.astype(np.float32)
    source = np.concatenate([[0.0], strokes, [6.0]]) * RATE
    target = np.concatenate([[0.0], wanted, [6.0]]) * RATE
    out = np.abs(stretch(sound, source, target, 6 * RATE)[0])
    for at in wanted:
        near = out[round((at - 0.1) * RATE) : round((at + 0.1) * RATE)]
        assert abs(int(near.argmax()) / RATE - 0.1) < 0.03


@pytest.mark.parametrize("semitones", [-7, -2, 0, 3, 12])
def test_transposing_moves_pitch_and_length_together(semitones):
    out = transpose(tone(220.0, 3.0), RATE, semitones)
    assert frequency(out[0, 4000:-4000]) == pytest.approx(220.0 * 2 ** (semitones / 12), rel=0.002)
    assert out.shape[1] == pytest.approx(3 * RATE * 2 ** (-semitones / 12), rel=0.002)
