"""The song that ships with the package: real, small, and made by the project's own code."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

import soundverse_nb as sv
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.loudness import integrated_loudness
from soundverse_nb.examples import TITLE, example_song
from tools.example_song import compose, instruments, score

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def shipped() -> tuple[Samples, int]:
    with decode(example_song()) as sound:
        return np.concatenate(list(sound)).T, sound.sample_rate


def test_the_song_is_a_stereo_mp3_of_about_half_a_minute_under_600_kilobytes(shipped):
    samples, rate = shipped
    assert example_song().suffix == ".mp3"
    assert example_song().stat().st_size < 600_000
    assert rate == 44_100
    assert samples.shape[0] == 2
    # To the sample: a player that cuts seconds off would call 30.99998 s 0:30, and everything else 31 s.
    assert samples.shape[1] == 31 * rate


def test_the_package_calls_the_song_what_its_score_calls_it():
    assert TITLE == score.TITLE


def test_the_song_passes_preflight():
    assert sv.preflight(sv.example_song()).ok


def test_the_song_is_level_and_does_not_clip(shipped):
    samples, rate = shipped
    assert np.abs(samples).max() < 1.0
    assert -16.5 < integrated_loudness([np.ascontiguousarray(samples.T)], rate) < -13.5


def test_composing_again_gives_the_music_that_ships(shipped):
    samples, rate = shipped
    again = compose.compose()
    length = min(samples.shape[1], again.shape[1])
    assert abs(samples.shape[1] - again.shape[1]) < 0.1 * rate
    for side in range(2):
        assert np.corrcoef(samples[side, :length], again[side, :length])[0, 1] > 0.99


def test_the_form_is_filled_with_melody_chords_bass_and_drums():
    beats = 4 * score.BARS
    chords = list(score.changes())
    assert sum(change.length for change in chords) == beats
    assert all(after.beat == before.beat + before.length for before, after in pairwise(chords))
    assert {int(note.beat // 4) for note in score.bass_line()} == set(range(score.BARS))
    assert {int(note.beat // 4) for note in score.tune()} == set(range(score.VERSE.start, score.BARS))
    assert {drum for drum, _, _ in score.drum_hits()} == {"kick", "brush", "swish", "hat", "ride", "cymbal"}
    assert all(0 <= note.beat < beats for note in (*score.tune(), *score.bass_line(), *score.comping()))


def test_the_tune_stays_in_f_major_but_for_the_leading_note_of_one_chord():
    f_major = {5, 7, 9, 10, 0, 2, 4}
    outside = Counter(note.pitch % 12 for note in score.tune() if note.pitch % 12 not in f_major)
    assert outside == Counter({6: 1})  # F sharp, the third of D7


@pytest.mark.parametrize(
    ("beat", "seconds"), [(0.0, 0.0), (0.5, 0.6 * score.SWING), (1.0, 0.6), (4.5, 2.4 + 0.6 * score.SWING)]
)
def test_second_eighths_come_late_by_the_swing(beat, seconds):
    assert compose.seconds_at(beat) == pytest.approx(seconds)


@pytest.mark.parametrize("pitch", [45, 57, 64, 72])
def test_the_instruments_are_in_tune(pitch):
    chance = np.random.default_rng(3)
    band = {
        "piano": instruments.electric_piano(pitch, 1.5, 0.7),
        "string": instruments.plucked_string(pitch, 1.5, 0.7, chance),
        "bass": instruments.upright_bass(pitch, 1.5, 0.7, chance),
        "vibraphone": instruments.vibraphone(pitch, 1.5, 0.7),
        "clarinet": instruments.clarinet(pitch, 1.5, 0.7, chance),
    }
    for name, sound in band.items():
        assert abs(_cents_off(sound, instruments.hertz(pitch))) < 8, name


def _cents_off(sound: Samples, expected: float) -> float:
    """How far the strongest partial near the expected frequency lies from it."""
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    f = np.fft.rfftfreq(size, 1 / instruments.RATE)
    near = (f > expected * 0.94) & (f < expected * 1.06)
    return float(1200 * np.log2(f[near][spectrum[near].argmax()] / expected))
