"""The K-weighting filter is that of BS.1770-5, at every rate and however the sound is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import sosfilt

from soundverse_nb.audio.k_weighting import KWeightingFilter, k_weighting_sections


def test_at_48_khz_the_coefficients_are_those_of_the_standard() -> None:
    # BS.1770-5, Annex 1, tables 1 and 2.
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    highpass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    assert k_weighting_sections(48_000) == pytest.approx(np.array([shelf, highpass]), abs=1e-11)


def _gain(rate: int, hertz: np.ndarray) -> np.ndarray:
    """In dB, at frequencies."""
    z = np.exp(-2j * np.pi * hertz / rate)
    powers = np.stack([np.ones_like(z), z, z * z])
    sections = k_weighting_sections(rate)
    return 20 * np.log10(np.abs(np.prod([s[:3] @ powers / (s[3:] @ powers) for s in sections], axis=0)))


@pytest.mark.parametrize(
    ("rate", "most"),
    [(8000, 0.51), (16_000, 0.16), (22_050, 0.09), (44_100, 0.006), (96_000, 0.03), (192_000, 0.05)],
)
def test_at_other_rates_the_response_stays_that_at_48_khz(rate: int, most: float) -> None:
    hertz = np.geomspace(20, min(20_000, 0.47 * rate), 300)
    assert np.abs(_gain(rate, hertz) - _gain(48_000, hertz)).max() < most


@pytest.mark.parametrize("rate", [4000, 8000, 11_025, 22_050, 44_100, 96_000, 192_000, 400_000])
def test_pieces_of_any_length_come_out_as_the_recursion_would_have_them(rate: int) -> None:
    chance = np.random.default_rng(1)
    samples = chance.normal(0, 0.1, rate).astype(np.float32)
    weighing, parts, at = KWeightingFilter(rate), [], 0
    while at < len(samples):
        length = int(chance.integers(0, 6000))
        parts.append(weighing.feed(samples[at : at + length]).copy())
        at += length
    weighted = np.concatenate(parts)
    assert len(weighted) == len(samples)
    exact = sosfilt(k_weighting_sections(rate), samples.astype(np.float64))
    # float32 rounds samples of 0.5 to 3e-8.
    assert np.abs(weighted - exact).max() < 3e-7


def test_what_comes_out_may_be_written_to() -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 10_000).astype(np.float32)
    one, other = KWeightingFilter(44_100), KWeightingFilter(44_100)
    one.feed(samples)[:] = 7.0
    other.feed(samples)
    assert np.array_equal(one.feed(samples), other.feed(samples))
