"""The key of songs that are in one, and of sounds that are in none."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.audio.features.extract import extract
from soundverse_nb.audio.features.key import Key, KeyEstimate, find_key
from tests.audio.features.songs import RATE, chords, noise

MAJOR = [
    [60, 64, 67],
    [65, 69, 72],
    [67, 71, 74],
    [60, 64, 67],
    [69, 72, 76],
    [62, 65, 69],
    [67, 71, 74],
    [60, 64, 67],
]
MINOR = [
    [57, 60, 64],
    [62, 65, 69],
    [64, 68, 71],
    [57, 60, 64],
    [65, 69, 72],
    [62, 65, 69],
    [64, 68, 71],
    [57, 60, 64],
]


def of(samples: np.ndarray, rate: int = RATE) -> KeyEstimate:
    return extract((samples, rate)).key


def transposed(progression: list[list[int]], semitones: int) -> list[list[int]]:
    return [[pitch + semitones for pitch in chord] for chord in progression]


@pytest.mark.parametrize("semitones", range(12))
def test_cadences_are_in_their_key_whatever_it_is(semitones: int) -> None:
    major = of(chords(transposed(MAJOR, semitones) * 2))
    assert major.key == Key(semitones, "major")
    assert major.is_sure
    minor = of(chords(transposed(MINOR, semitones) * 2))
    assert minor.key == Key((9 + semitones) % 12, "minor")


def test_a_scale_has_a_key_and_a_related_second_one() -> None:
    scale = [[pitch] for pitch in (60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60)]
    found = of(chords(scale))
    assert found.key == Key(0, "major")
    assert str(found.second) in ("G major", "A minor", "F major", "C minor", "E minor")
    assert found.correlation > found.second_correlation


@pytest.mark.parametrize("cents", [-40, 30])
def test_an_orchestra_that_tunes_higher_or_lower_plays_in_the_same_key(cents: int) -> None:
    song = extract((chords(transposed(MAJOR * 2, 0)), round(RATE * 2 ** (cents / 1200))))
    assert song.key.key == Key(0, "major")
    assert song.tuning == pytest.approx(cents, abs=5)


def test_an_old_telephone_keeps_the_key() -> None:
    assert of(chords(MAJOR * 2, rate=8000), 8000).key == Key(0, "major")


@pytest.mark.parametrize(
    "song",
    [noise(10), chords([[60, 64, 67]], 10.0), chords([[69]], 10.0)],
    ids=["noise", "one chord", "one note"],
)
def test_what_is_in_no_key_is_unsure(song: np.ndarray) -> None:
    assert not of(song).is_sure


@pytest.mark.parametrize("song", [np.zeros((2, 5 * RATE)), np.full((1, 5 * RATE), 0.5)])
def test_without_notes_there_is_no_key_and_a_reason(song: np.ndarray) -> None:
    found = of(song)
    assert (found.key, found.second, found.confidence) == (None, None, 0.0)
    assert found.reason == "The song has no notes."


def test_no_rows_have_no_key() -> None:
    assert find_key(np.zeros((0, 12))).key is None


def test_a_key_says_its_name() -> None:
    assert [str(key) for key in (Key(0, "major"), Key(6, "minor"))] == ["C major", "F# minor"]
