"""Tempo and beats of songs that are made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from soundverse_nb.audio.features.beats import fit_line, track_beats
from soundverse_nb.audio.features.extract import Extracted, extract
from soundverse_nb.audio.features.spectra import FRAME_RATE
from tests.audio.features.songs import RATE, chords, clicks, noise


def of(samples: np.ndarray, rate: int = RATE) -> Extracted:
    return extract((samples, rate))


@pytest.mark.parametrize("bpm", [84.0, 90.5, 120.0, 127.3])
def test_clicks_read_their_tempo_to_a_twentieth_of_a_beat_a_minute(bpm: float) -> None:
    tempo = of(clicks(bpm)).tempo
    assert tempo.bpm == pytest.approx(bpm, abs=0.05)
    assert tempo.bpm_error < 0.05
    assert tempo.is_sure


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_the_sample_rate_of_the_song_changes_no_tempo(rate: int) -> None:
    assert of(clicks(120, rate=rate), rate).tempo.bpm == pytest.approx(120.0, abs=0.05)


def test_beats_are_where_the_clicks_are() -> None:
    beats = of(clicks(100, first=0.73)).tempo.beats
    clicked = np.arange(0.73, 29.9, 0.6)
    assert len(beats) == pytest.approx(len(clicked), abs=2)
    away = np.abs(beats[:, np.newaxis] - clicked).min(axis=1)
    assert away.max() < 0.02


@pytest.mark.parametrize("bpm", [50.0, 60.0, 180.0, 200.0])
def test_a_tempo_few_people_tap_is_found_or_is_an_alternative_with_its_weight(bpm: float) -> None:
    tempo = of(clicks(bpm)).tempo
    tappable = [tempo.bpm, *(other.bpm for other in tempo.alternatives)]
    assert min(abs(other / bpm - 1) for other in tappable) < 0.001


def test_alternatives_are_ratios_of_the_tempo_and_weights_add_up_to_one() -> None:
    tempo = of(clicks(150)).tempo
    assert tempo.alternatives
    for other in tempo.alternatives:
        assert other.bpm == pytest.approx(other.ratio * tempo.bpm)
    weights = [other.weight for other in tempo.alternatives]
    assert weights == sorted(weights, reverse=True)
    assert tempo.weight + sum(weights) == pytest.approx(1.0)


def test_a_beat_that_is_missing_or_late_moves_the_line_little() -> None:
    song = clicks(120)
    rest = song[:, round(10.2 * RATE) : round(12.2 * RATE)]
    rest[:] = 0  # four beats
    late = round(0.05 * RATE)
    song[:, round(20.4 * RATE) :] = np.roll(song[:, round(20.4 * RATE) :], late, axis=1)
    song[:, round(21.4 * RATE) :] = np.roll(song[:, round(21.4 * RATE) :], -late, axis=1)
    assert of(song).tempo.bpm == pytest.approx(120.0, abs=0.2)


def test_a_song_that_gets_faster_reads_its_mean_tempo_and_says_how_uneven_it_is() -> None:
    steady = of(clicks(120)).tempo
    beats = np.cumsum(np.linspace(0.53, 0.47, 60)) + 0.5
    song = np.zeros((1, round((beats[-1] + 1) * RATE)), np.float32)
    burst = clicks(60, 1.0, first=0.1)[0, round(0.1 * RATE) : round(0.15 * RATE)]
    for beat in beats:
        song[0, round(beat * RATE) : round(beat * RATE) + len(burst)] += burst
    tempo = of(song).tempo
    assert tempo.bpm == pytest.approx(120, rel=0.02)
    assert tempo.unevenness > 10 * steady.unevenness


@pytest.mark.parametrize(
    ("song", "seconds"),
    [(np.zeros((1, 5 * RATE)), 5), (np.full((2, 5 * RATE), 0.5), 5), (clicks(40, 2.0), 2)],
    ids=["silence", "a constant", "two clicks"],
)
def test_without_beats_the_tempo_is_nan_with_a_reason(song: np.ndarray, seconds: float) -> None:
    song = of(song)
    assert math.isnan(song.tempo.bpm)
    assert song.reasons["tempo"] == "Fewer than 4 notes begin."
    assert not len(song.tempo.beats)
    assert not song.tempo.is_sure


def test_noise_has_no_tempo_to_rely_on() -> None:
    assert not of(noise(30)).tempo.is_sure


def test_notes_at_random_times_have_no_tempo_to_rely_on() -> None:
    rng = np.random.default_rng(3)
    song = clicks(60, 1.0, first=0.1)[0, round(0.1 * RATE) : round(0.15 * RATE)]
    scattered = np.zeros((1, 30 * RATE), np.float32)
    for start in (rng.uniform(0, 29.5, 90) * RATE).astype(int):
        scattered[0, start : start + len(song)] += song
    assert not of(scattered).tempo.is_sure


def test_chords_on_every_beat_have_a_tempo_too() -> None:
    beat = 60 / 96
    song = chords([[60, 64, 67], [65, 69, 72], [67, 71, 74], [60, 64, 67]] * 8, beat)
    assert of(song).tempo.bpm == pytest.approx(96.0, abs=0.1)


def test_the_line_leaves_out_beats_that_are_far_off_and_counts_over_gaps() -> None:
    beats = np.arange(40) * 0.5 + 1.0
    beats[7] += 0.2
    line = fit_line(np.delete(beats, [20, 21, 22]), 0.52)
    assert line is not None
    assert line.period == pytest.approx(0.5, abs=1e-9)
    assert line.start == pytest.approx(1.0, abs=1e-9)
    assert fit_line(beats[:2], 0.5) is None


def test_beats_begin_with_the_music_and_end_with_it() -> None:
    strength = np.zeros(round(30 * FRAME_RATE), np.float32)
    strength[np.round(np.arange(10, 20, 0.5) * FRAME_RATE).astype(int)] = 1
    beats = track_beats(strength, 0.5 * FRAME_RATE)
    assert beats[0] == pytest.approx(10, abs=0.05)
    assert beats[-1] == pytest.approx(19.5, abs=0.05)
