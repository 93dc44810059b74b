"""One pass over a song gives every figure, or nan and the reason; whatever the song is."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterator
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile

from soundverse_nb.audio.features.extract import Extracted, extract, features_stamp
from soundverse_nb.audio.features.spectra import SpectrumMeter
from soundverse_nb.audio.reading import AudioError
from tests.audio.features.songs import RATE, chords, clicks, noise

pytestmark = pytest.mark.filterwarnings("error")

SECOND = np.arange(44_100) / 44_100


def talk(seconds: float) -> np.ndarray:
    """Vowels of changing pitch in syllables of uneven length, with hissing and pauses between."""
    rng = np.random.default_rng(4)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        time = np.arange(round(rng.uniform(0.08, 0.3) * RATE)) / RATE
        pitch = rng.uniform(90, 160) * (1 + rng.uniform(-0.4, 0.4) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        formants = rng.uniform((300, 900), (900, 2400))
        vowel = sum(
            np.exp(-np.square((number * pitch - formant) / 200)) * np.sin(number * phase)
            for number in range(1, 25)
            for formant in formants
        )
        parts += [
            0.1 * vowel * np.hanning(len(time)),
            rng.normal(0, 0.02, round(rng.uniform(0.02, 0.1) * RATE)),
        ]
        parts.append(np.zeros(round(rng.uniform(0, 0.4) * RATE)))
    return np.concatenate(parts)[np.newaxis, : round(seconds * RATE)].astype(np.float32)


def with_nan(song: np.ndarray) -> np.ndarray:
    song = song.copy()
    song[0, ::1000], song[0, 5::5000], song[0, 7::7000] = math.nan, math.inf, 1e30
    return song


SONGS: dict[str, tuple[np.ndarray, int]] = {
    "silence": (np.zeros((2, 3 * 44_100)), 44_100),
    "a constant": (np.full((2, 3 * 44_100), 0.7), 44_100),
    "noise": (noise(5, 2), RATE),
    "one sample": (np.full((1, 1), 0.5), 44_100),
    "a hundredth of a second": (0.5 * np.sin(2 * np.pi * 440 * SECOND[np.newaxis, :441]), 44_100),
    "half a second": (0.5 * np.sin(2 * np.pi * 440 * SECOND[np.newaxis, :22_050]), 44_100),
    "8 kHz": (chords([[60, 64, 67]] * 8, rate=8000), 8000),
    "100 Hz": (noise(20, rate=100), 100),
    "192 kHz": (noise(1, 2, rate=192_000), 192_000),
    "mono": (chords([[60, 64, 67], [65, 69, 72]] * 4), RATE),
    "six channels": (noise(2, 6), RATE),
    "one beat": (clicks(40, 1.9), RATE),
    "NaN here and there": (with_nan(chords([[60, 64, 67], [65, 69, 72]] * 4)), RATE),
    "nothing but NaN": (np.full((1, 44_100), math.nan), 44_100),
    "talk": (talk(20), RATE),
    "a whisper": (1e-6 * chords([[60, 64, 67], [65, 69, 72]] * 4), RATE),
    "one loud sample": (np.eye(1, 3 * RATE, RATE), RATE),
    "upside down": (noise(3) * np.array([[1.0], [-1.0]]), RATE),
    "full scale": (np.sign(noise(3)), RATE),
}


def scalars(song: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """All figures of the whole song, by name."""
    for field in dataclasses.fields(song):
        value = getattr(song, field.name)
        if isinstance(value, (int, float)):
            yield prefix + field.name, float(value)
        elif isinstance(value, np.ndarray) and field.name in ("mfcc_mean", "mfcc_std", "contrast"):
            yield from ((prefix + field.name, float(number)) for number in value)
        elif dataclasses.is_dataclass(value) and field.name != "frames":
            yield from scalars(value, f"{prefix}{field.name}.")


@pytest.mark.parametrize("name", SONGS)
def test_every_figure_is_finite_or_nan_with_a_reason(name: str) -> None:
    samples, rate = SONGS[name]
    song = extract((samples, rate))
    for figure, value in scalars(song):
        reason = song.reasons.get(figure) or song.reasons.get(figure.split(".")[0])
        assert math.isfinite(value) or (math.isnan(value) and reason), (figure, value)
    assert all(reason.endswith(".") for reason in song.reasons.values())
    for rows in dataclasses.asdict(song.frames).values():
        if isinstance(rows, np.ndarray):
            assert rows.dtype == np.float32
            assert len(rows) == len(song.frames.rms)


@pytest.mark.parametrize(
    "name", ["silence", "a constant", "noise", "half a second", "one beat", "talk", "100 Hz"]
)
def test_nothing_is_sure_where_there_is_no_music(name: str) -> None:
    samples, rate = SONGS[name]
    song = extract((samples, rate))
    assert not song.tempo.is_sure
    assert not song.key.is_sure


def test_an_empty_song_is_refused_as_everywhere() -> None:
    with pytest.raises(AudioError):
        extract((np.zeros((2, 0)), 44_100))


def test_a_song_ten_times_as_quiet_is_the_same_music() -> None:
    loud = extract((chords([[60, 64, 67], [65, 69, 72]] * 8), RATE))
    quiet = extract((0.1 * chords([[60, 64, 67], [65, 69, 72]] * 8), RATE))
    assert quiet.tempo.bpm == pytest.approx(loud.tempo.bpm, abs=0.01)
    assert quiet.key.key == loud.key.key
    assert quiet.loudness.integrated_lufs == pytest.approx(loud.loudness.integrated_lufs - 20, abs=0.05)
    assert quiet.timbre.mfcc_mean[1:] == pytest.approx(loud.timbre.mfcc_mean[1:], abs=0.5)
    assert quiet.timbre.centroid_mean == pytest.approx(loud.timbre.centroid_mean, rel=0.01)


def test_channels_that_cancel_one_another_out_are_heard_all_the_same() -> None:
    one = chords([[60, 64, 67], [65, 69, 72], [67, 71, 74]] * 4, 1.0)[0]
    both = extract((np.stack([one, one]), RATE))
    opposite = extract((np.stack([one, -one]), RATE))
    assert (opposite.key, opposite.tempo.bpm) == (both.key, both.tempo.bpm)
    assert opposite.levels.stereo_width == pytest.approx(1.0)
    np.testing.assert_array_equal(opposite.frames.pitch_classes, both.frames.pitch_classes)


def test_mfcc_and_centroid_are_those_of_librosa() -> None:
    mono = chords([[60, 64, 67], [65, 69, 72], [67, 71, 74]] * 3)[0] + noise(4.5)[0]
    frames = extract((mono[np.newaxis], RATE)).frames
    mfcc = librosa.feature.mfcc(y=mono, sr=RATE, n_mfcc=20)
    np.testing.assert_allclose(frames.mfcc, mfcc.T, atol=0.01)
    centroid = librosa.feature.spectral_centroid(y=mono, sr=RATE)[0]
    np.testing.assert_allclose(frames.centroid, centroid, rtol=1e-3)


def test_contrast_is_high_for_tones_low_for_noise_and_unknown_above_the_song() -> None:
    tones, hiss = extract((chords([[48, 60, 72]] * 6), RATE)), extract((noise(3), RATE))
    assert (tones.timbre.contrast[:5] > hiss.timbre.contrast[:5] + 5).all()
    telephone = extract((noise(3, rate=8000), 8000))
    assert np.isnan(telephone.timbre.contrast).tolist() == [False] * 6 + [True]
    assert telephone.reasons["timbre.contrast"] == "At 8000 Hz the song has nothing above 4000 Hz."


def test_onsets_are_where_notes_begin() -> None:
    song = extract((chords([[60], [64], [67], [72]] * 8, 0.25), RATE))
    assert song.onset_density == pytest.approx(4.0, abs=0.2)
    away = np.abs(song.onsets[:, np.newaxis] - np.arange(0, 8, 0.25)).min(axis=1)
    assert away.max() < 0.04


def test_a_song_that_is_cut_off_begins_nothing_there() -> None:
    steady = 0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    assert not (extract((steady[np.newaxis], RATE)).onsets > 0.1).any()


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000])
def test_what_an_mp3_encoder_puts_around_the_song_is_neither_length_nor_silence(rate: int) -> None:
    song = 0.3 * np.sin(2 * np.pi * 330 * np.arange(3 * rate) / rate)
    file = io.BytesIO()
    soundfile.write(file, np.stack([song, song], axis=1), rate, format="MP3")
    measured = extract(file.getvalue())
    assert measured.duration == pytest.approx(3.0, abs=0.001)
    assert measured.levels.silence_total == pytest.approx(0.0, abs=0.011)


@pytest.mark.parametrize("pieces", [1, 3, 4096, 100_000])
def test_pieces_of_any_length_give_the_same_rows(pieces: int) -> None:
    mono = chords([[60, 64, 67], [65, 69, 72]])[0][: RATE // (10 if pieces < 100 else 1)]
    whole, parts = SpectrumMeter(RATE), SpectrumMeter(RATE)
    whole.feed(mono)
    for start in range(0, len(mono), pieces):
        parts.feed(mono[start : start + pieces])
    one, other = whole.spectra(), parts.spectra()
    assert one.duration == other.duration == len(mono) / RATE
    np.testing.assert_allclose(one.mel, other.mel, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(one.notes.profiles, other.notes.profiles, atol=1e-3)


def test_a_row_is_about_the_moment_that_its_number_says() -> None:
    song = np.zeros((1, 3 * RATE), np.float32)
    song[0, 2 * RATE : 2 * RATE + 100] = 0.5
    frames = extract((song, RATE)).frames
    assert np.average(frames.times, weights=frames.rms) == pytest.approx(2.0, abs=0.01)
    assert len(frames.times) == 1 + 3 * RATE // 512


def test_the_stamp_names_the_version_and_no_library_whose_code_is_not_in_it() -> None:
    song = extract((noise(1), RATE))
    assert isinstance(song, Extracted)
    assert song.stamp == features_stamp() == "features/1"
