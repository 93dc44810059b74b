"""The mel spectrogram: librosa's filters, the right band at the right time, bounded columns."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from soundverse_nb.audio.spectrogram import hz_to_mel, mel_filters, mel_spectrogram, mel_to_hz


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_the_filters_are_librosas(rate: int) -> None:
    ours = mel_filters(rate, 64)
    theirs = librosa.filters.mel(sr=rate, n_fft=2048, n_mels=64)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_hertz_and_mel_are_each_others_inverse() -> None:
    hz = np.array([0.0, 440.0, 999.0, 1000.0, 8000.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, atol=1e-9)


def test_a_rising_step_lights_a_low_band_first_and_a_high_one_after() -> None:
    rate = 22050
    time = np.arange(rate * 2) / rate
    song = np.concatenate([np.sin(2 * np.pi * 220 * time), np.sin(2 * np.pi * 3520 * time)]).astype(
        np.float32
    )
    level = mel_spectrogram((song, rate), columns=40)
    assert level.shape == (96, 40)
    # Promised to the bit, reached but for rounding.
    assert -80 <= level.min() < -79.99
    assert -0.01 < level.max() <= 0
    first, last = level[:, 5].argmax(), level[:, -5].argmax()
    centres = mel_to_hz(np.linspace(0, hz_to_mel(np.array([rate / 2.0]))[0], 98))[1:-1]
    assert abs(centres[first] - 220) < 60
    assert abs(centres[last] - 3520) < 200


def test_silence_and_not_a_number_draw_as_floor() -> None:
    silence = np.zeros((2, 9000), np.float32)
    assert mel_spectrogram((silence, 8000)).max() == -80
    broken = silence.copy()
    broken[0, 100] = np.nan
    assert np.isfinite(mel_spectrogram((broken, 8000))).all()


@pytest.mark.parametrize("loud", [1e-6, 0.3, 0.7, 1.0])
def test_no_level_lies_outside_of_what_is_promised(loud: float) -> None:
    """The logarithm of the floor in float32 is a hair under it on some processors."""
    song = np.zeros(8000 * 4, np.float32)
    song[: 8000 * 2] = loud * np.sin(np.arange(8000 * 2) / 3)
    level = mel_spectrogram((song, 8000), columns=16)
    assert level.dtype == np.float32
    assert ((level >= -80) & (level <= 0)).all()
    assert (level[:, -1] < -79.99).all()


def test_a_long_song_has_no_more_columns_than_the_picture() -> None:
    noise = np.random.default_rng(0).standard_normal(8000 * 60).astype(np.float32)
    assert mel_spectrogram((noise, 8000), columns=120).shape == (96, 120)
