"""Which notes a spectrum holds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from soundverse_nb.audio.features.pitch_classes import NAMES, PitchClassMeter, pitch_classes

RATE = 22_050
HZ = np.fft.rfftfreq(4096, 1 / RATE)
A, C_SHARP, E = (NAMES.index(name) for name in ("A", "C#", "E"))


def magnitudes(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), 4096)[::512]
    return np.abs(np.fft.rfft(frames * np.hanning(4096), axis=1)).astype(np.float32)


def tones(*hz: float, seconds: float = 1.0, harmonics: int = 6) -> NDArray[np.float64]:
    time = np.arange(int(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * f * h * time) / h for f in hz for h in range(1, harmonics + 1)) * 0.1


def noise(seconds: float = 1.0) -> NDArray[np.float64]:
    return np.random.default_rng(1).standard_normal(int(seconds * RATE)) * 0.1


def test_a_chord_has_its_notes() -> None:
    profile = pitch_classes(magnitudes(tones(220.0, 277.18, 329.63)), HZ).mean(axis=0)
    assert set(np.argsort(profile)[-3:]) == {A, C_SHARP, E}


def test_a_song_in_another_tuning_has_the_same_notes() -> None:
    meter = PitchClassMeter(HZ)
    meter.feed(magnitudes(tones(*(f * 2 ** (30 / 1200) for f in (220.0, 277.18, 329.63)))))
    result = meter.result()
    assert result.tuning == pytest.approx(30, abs=5)
    assert set(np.argsort(result.profiles.mean(axis=0))[-3:]) == {A, C_SHARP, E}


def test_level_changes_nothing() -> None:
    loud = magnitudes(tones(220.0))
    np.testing.assert_allclose(pitch_classes(loud, HZ), pitch_classes(loud * 0.01, HZ), rtol=1e-3, atol=1e-3)


def test_noise_is_no_note_beside_a_tone() -> None:
    of_noise = pitch_classes(magnitudes(noise()), HZ).mean(axis=0).max()
    of_tone = pitch_classes(magnitudes(tones(440.0)), HZ).mean(axis=0).max()
    assert of_noise < 0.15 * of_tone


def test_blocks_give_what_the_whole_gives() -> None:
    whole = magnitudes(tones(220.0, 330.0, seconds=2.0) + noise(2.0))
    meter = PitchClassMeter(HZ)
    for start in range(0, len(whole), 17):
        meter.feed(whole[start : start + 17])
    np.testing.assert_allclose(meter.result().profiles, pitch_classes(whole, HZ), rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, 1e-30, 1e30])
def test_a_constant_spectrum_is_no_note_and_no_warning(value: float) -> None:
    assert not pitch_classes(np.full((5, 2049), value), HZ).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [100, 1000, 8000, 192_000])
def test_any_sample_rate_is_measured_without_a_warning(rate: int) -> None:
    profile = pitch_classes(magnitudes(noise()), np.fft.rfftfreq(4096, 1 / rate))
    assert np.isfinite(profile).all()
    assert pitch_classes(np.zeros((0, 2049)), HZ).shape == (0, 12)
