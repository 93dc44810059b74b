"""Silence, clipping, dynamic range and stereo width of songs in which they are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from soundverse_nb.audio.features.levels import LevelMeter, Levels

RATE = 44_100


def levels(samples: np.ndarray, rate: int = RATE, piece: int = 110_000) -> Levels:
    """The levels of float32 (channels, frames), fed in pieces."""
    meter = LevelMeter(rate, len(samples))
    for start in range(0, samples.shape[1], piece):
        meter.feed(list(np.ascontiguousarray(samples[:, start : start + piece], np.float32)))
    return meter.levels()


def sine(seconds: float, level: float = 0.5, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_silence_is_told_at_both_ends_and_in_all() -> None:
    quiet = np.zeros(RATE)
    song = np.concatenate([quiet, sine(1), quiet[: RATE // 2], sine(1), quiet, quiet])
    measured = levels(np.stack([song, song]))
    assert measured.silence_lead == pytest.approx(1.0, abs=0.02)
    assert measured.silence_trail == pytest.approx(2.0, abs=0.02)
    assert measured.silence_total == pytest.approx(3.5, abs=0.04)


@pytest.mark.parametrize(("decibels", "seconds"), [(-61.0, 2.0), (-59.0, 0.0)])
def test_silence_is_what_stays_below_minus_sixty_dbfs(decibels: float, seconds: float) -> None:
    measured = levels(sine(2, 10 ** (decibels / 20))[np.newaxis])
    assert measured.silence_total == pytest.approx(seconds, abs=0.02)


def test_sound_in_one_channel_is_no_silence() -> None:
    assert levels(np.stack([np.zeros(2 * RATE), sine(2)])).silence_total == 0.0


@pytest.mark.parametrize("piece", [7, 1000, 110_000])
def test_runs_at_full_scale_are_counted_through_the_seams_of_pieces(piece: int) -> None:
    song = np.full((2, 2000), 0.1)
    song[0, 100:102] = 1.0  # two samples are no run
    song[0, 500:503] = 1.0
    song[0, 503:510] = -1.0  # another sign, another run
    song[1, 990:1010] = 1.2  # lossy formats exceed full scale
    song[1, 1997:] = -1.0  # up to the very end
    measured = levels(song, piece=piece)
    assert (measured.clipped_runs, measured.clipped_samples) == (4, 3 + 7 + 20 + 3)


def test_a_loud_song_that_only_touches_full_scale_is_not_clipped() -> None:
    assert levels(sine(3, 1.0, 5000.0)[np.newaxis]).clipped_runs == 0


def test_stereo_width_goes_from_mono_to_one_channel_upside_down() -> None:
    left, other = np.random.default_rng(1).normal(0, 0.1, (2, 3 * RATE))
    assert levels(left[np.newaxis]).stereo_width == 0.0
    assert levels(np.stack([left, left])).stereo_width == pytest.approx(0.0, abs=1e-6)
    assert levels(np.stack([left, other])).stereo_width == pytest.approx(0.5, abs=0.01)
    assert levels(np.stack([left, -left])).stereo_width == pytest.approx(1.0, abs=1e-6)
    assert levels(np.stack([left, 0 * left])).stereo_width == pytest.approx(0.5, abs=1e-6)


def test_a_steady_sine_has_no_dynamic_range_and_sparse_peaks_have_much() -> None:
    steady = levels(sine(12)[np.newaxis])
    assert steady.dynamic_range == pytest.approx(0.0, abs=0.05)
    assert steady.crest_factor == pytest.approx(3.01, abs=0.05)
    song = sine(12, 0.05)
    song[::RATE] = 0.5  # ten times the sine's peak: 20 dB
    assert levels(song[np.newaxis]).dynamic_range == pytest.approx(20.0, abs=0.1)


def test_samples_that_are_no_numbers_count_as_silence_and_are_counted() -> None:
    song = np.stack([sine(4), sine(4)])
    song[0, 100], song[1, 200], song[1, 300] = math.nan, math.inf, -math.inf
    measured = levels(song)
    assert measured.not_finite == 3
    assert measured.dynamic_range == pytest.approx(0.0, abs=0.05)
    assert measured.peak == pytest.approx(0.5, abs=0.001)


def test_what_cannot_be_told_is_nan_with_a_reason() -> None:
    silent = levels(np.zeros((2, 5 * RATE)))
    assert silent.silence_lead == silent.silence_trail == silent.silence_total == 5.0
    for name in ("dynamic_range", "crest_factor", "stereo_width"):
        assert math.isnan(getattr(silent, name))
        assert silent.reasons[name] == "There is no sound."
    short = levels(sine(0.5)[np.newaxis])
    assert math.isnan(short.dynamic_range)
    assert short.reasons == {"dynamic_range": "The song is shorter than 3 s."}
