"""The true peak is that of the wave the samples stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from soundverse_nb.audio.true_peak import TruePeakMeter


def _true_peak(samples: Any, length: int = 110_000) -> float:
    meter = TruePeakMeter()
    for start in range(0, len(samples), length):
        meter.feed(np.asarray(samples[start : start + length], np.float32))
    return meter.peak()


def _sine(cycles: float, degrees: float, frames: int = 8000) -> Any:
    """A sine of `cycles` a sample, which begins and ends softly."""
    fade = np.minimum(1.0, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / 1000)
    return fade * np.sin(2 * np.pi * cycles * np.arange(frames) + np.deg2rad(degrees))


def _resampled_peak(samples: Any, times: int = 64) -> float:
    """The greatest value of the same wave at 64 times the rate, by its spectrum."""
    padded = np.pad(np.asarray(samples, float), 1000)
    spectrum = np.zeros(len(padded) * times // 2 + 1, complex)
    found = np.fft.rfft(padded)
    spectrum[: len(found)] = found
    return float(np.abs(np.fft.irfft(spectrum)).max() * times)


@pytest.mark.parametrize("cycles", [0.001, 0.1, 1 / 6, 0.2371, 0.25, 1 / 3, 0.4])
@pytest.mark.parametrize("degrees", [0, 30, 45, 60, 67.5])
def test_a_sine_peaks_at_its_amplitude_wherever_its_samples_lie(cycles: float, degrees: float) -> None:
    level = 20 * np.log10(_true_peak(_sine(cycles, degrees)))
    assert -0.11 < level < 0.02


@pytest.mark.parametrize("seed", range(8))
def test_the_peak_of_a_wave_without_form_is_found(seed: int) -> None:
    # Noise up to 0.4 of the sample rate: the highest that an interpolator can do much about.
    chance = np.random.default_rng(seed)
    spectrum = np.fft.rfft(chance.normal(size=20_000))
    spectrum[8000:] = 0
    wave = np.fft.irfft(spectrum)
    wave[:500] *= np.linspace(0, 1, 500)
    wave[-500:] *= np.linspace(1, 0, 500)
    difference = 20 * np.log10(_true_peak(wave) / _resampled_peak(wave))
    assert -0.15 < difference < 0.03


@pytest.mark.parametrize("length", [1, 7, 31, 32, 33, 1000, 4096])
def test_it_is_the_same_however_the_sound_is_cut_into_pieces(length: int) -> None:
    samples = np.random.default_rng(2).normal(size=3000)
    assert _true_peak(samples, length) == pytest.approx(_true_peak(samples), rel=1e-5)


def test_a_peak_before_quieter_sound_is_kept() -> None:
    loud, quiet = _sine(0.25, 45), 0.3 * _sine(0.25, 0)
    assert _true_peak(np.concatenate([loud, quiet])) == _true_peak(loud)
    assert _true_peak(np.concatenate([quiet, loud])) == pytest.approx(_true_peak(loud), rel=1e-6)


def test_the_last_samples_count_before_anything_follows_them() -> None:
    samples = np.zeros(1000)
    samples[-2:] = 1.0  # the wave between them is higher
    meter = TruePeakMeter()
    meter.feed(samples.astype(np.float32))
    assert meter.peak() > 1.2
    assert meter.peak() == meter.peak()


def test_no_sound_has_no_peak() -> None:
    meter = TruePeakMeter()
    assert meter.peak() == 0.0
    meter.feed(np.zeros(0, np.float32))
    meter.feed(np.zeros(100, np.float32))
    assert meter.peak() == 0.0


def test_one_sample_is_its_own_peak() -> None:
    assert _true_peak([-0.5]) == 0.5
