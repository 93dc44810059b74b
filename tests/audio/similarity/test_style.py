"""How far two songs are apart in timbre and rhythm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from soundverse_nb.audio.similarity.style import rhythm_distance, timbre_distance
from tests.audio.features.songs import RATE, clicks, noise
from tests.audio.similarity.melodies import original, phrases, played, rows

pytestmark = pytest.mark.filterwarnings("error")


def pattern(steps: str, bpm: float, seconds: float = 20.0) -> np.ndarray:
    """A burst of noise at each x of a bar of sixteenths."""
    burst = noise(0.04)[0] * np.linspace(1, 0, round(0.04 * RATE))
    samples = np.zeros(round((seconds + 1) * RATE), np.float32)
    for number in range(int(seconds * bpm / 15)):
        if steps[number % len(steps)] == "x":
            start = round(number * 15 / bpm * RATE)
            samples[start : start + len(burst)] += burst
    return samples


def test_a_song_has_its_own_timbre_and_rhythm() -> None:
    assert timbre_distance(original(), original()) == 0
    assert rhythm_distance(original(), original()) == pytest.approx(0, abs=1e-6)


def test_level_is_no_timbre() -> None:
    assert timbre_distance(original(), rows(played(phrases(1)) * 0.1)) < 0.1


def test_another_sound_is_farther_than_other_notes() -> None:
    samples = played(phrases(1))
    buzzing = rows(np.clip(samples * 20, -0.3, 0.3))
    other_notes = rows(played(phrases(2)))
    assert timbre_distance(original(), buzzing) > 2 * timbre_distance(original(), other_notes)


def test_a_pattern_is_itself_at_another_tempo_and_another_pattern_is_not() -> None:
    here = rows(pattern("x--x--x---x-x---", 100))
    faster = rows(pattern("x--x--x---x-x---", 125))
    other = rows(pattern("x-x-x-x-xxxxx-x-", 100))
    assert rhythm_distance(here, faster) < 0.2
    assert rhythm_distance(here, other) > 2 * rhythm_distance(here, faster)


@pytest.mark.parametrize("samples", [np.zeros(RATE * 3), np.full(RATE * 3, np.nan), np.zeros(10)])
def test_silence_has_no_style(samples: np.ndarray) -> None:
    assert math.isnan(timbre_distance(original(), rows(samples)))
    assert math.isnan(rhythm_distance(rows(samples), original()))


def test_distances_are_between_0_and_1_and_the_same_both_ways() -> None:
    songs = [original(), rows(noise(5.0)[0]), rows(clicks(120, 10.0)[0]), rows(played(phrases(3)))]
    for distance in (timbre_distance, rhythm_distance):
        for one in songs:
            for other in songs:
                value = distance(one, other)
                assert 0 <= value <= 1
                assert value == pytest.approx(distance(other, one))
