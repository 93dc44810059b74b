"""Beats of click tracks and of the example song, whose tempo is known."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.simulator.music.beats import track_beats
from tools.example_song import score

RATE = 22_050


def clicks(bpm: float, offset: float, seconds: float = 20.0) -> np.ndarray:
    """A low stroke on each first beat of four, higher ones between, in faint noise."""
    sound = 0.001 * np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)
    t = np.arange(1000) / RATE
    for number in range(round(seconds * bpm / 60)):
        start = round((offset + number * 60 / bpm) * RATE)
        pitch = 60 if number % 4 == 0 else 400
        part = sound[start : start + 1000]
        part += (np.sin(2 * np.pi * pitch * t) * np.exp(-t / 0.01))[: len(part)]
    return sound


@pytest.mark.parametrize(("bpm", "offset"), [(120, 0.3), (97.3, 0.11), (140, 0.2), (84, 0.5)])
def test_beats_of_clicks_are_found_to_a_few_milliseconds(bpm, offset):
    beats = track_beats(clicks(bpm, offset), RATE)
    assert beats.bpm == pytest.approx(bpm, rel=0.002)
    off = (beats.times - offset) * bpm / 60
    assert np.abs(off - np.round(off)).max() * 60 / bpm < 0.006


def test_the_example_songs_tempo_is_what_the_score_says(song):
    samples, rate = song
    beats = track_beats(samples.mean(axis=0).reshape(-1, 2).mean(axis=1), rate // 2)
    assert beats.bpm == pytest.approx(score.BPM, rel=0.01)


def test_beats_cover_the_song_and_rise():
    beats = track_beats(clicks(110, 0.4), RATE)
    assert beats.times[0] <= 0
    assert beats.times[-1] >= 20.0
    assert np.all(np.diff(beats.times) > 0)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(12 * RATE, np.float32), np.full(12 * RATE, 0.5, np.float32), np.zeros(500, np.float32),
     np.random.default_rng(1).standard_normal(12 * RATE).astype(np.float32)],
    ids=["silence", "constant", "very short", "noise"],
)  # fmt: skip
def test_what_has_no_beat_gets_a_usable_one(sound):
    beats = track_beats(sound, RATE)
    assert 60 <= beats.bpm <= 200
    assert np.all(np.diff(beats.times) > 0)
    assert beats.times[-1] >= len(sound) / RATE
