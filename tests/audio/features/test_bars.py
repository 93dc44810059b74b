"""How many beats a bar has and where it begins, of songs that are made so."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from soundverse_nb.audio.features.bars import Bars, find_bars
from soundverse_nb.audio.features.extract import extract
from soundverse_nb.audio.features.onsets import Onsets
from soundverse_nb.audio.features.tempo import find_tempo
from tests.audio.features.songs import RATE, clicks, noise, note

pytestmark = pytest.mark.filterwarnings("error")

ROOTS = (60, 65, 67, 60, 57, 62, 67, 60)


def song(strokes: Sequence[str], stroke: float, bars: int = 16, pickup: int = 0) -> tuple[np.ndarray, int]:
    """Bars with a chord each, one letter a stroke of so many seconds.

    B is the bass and the chord, c the chord alone, softer, m one note of a melody, . nothing.
    """
    total = np.zeros(round((bars * len(strokes) + pickup + 2) * stroke * RATE), np.float32)
    rng = np.random.default_rng(5)
    for number in range(bars):
        root = ROOTS[number % len(ROOTS)]
        for place, kind in enumerate(strokes):
            at = round((pickup + number * len(strokes) + place) * stroke * RATE)
            pitches = {
                "B": [root - 24, root, root + 4, root + 7],
                "c": [root, root + 4, root + 7],
                "m": [root + 12 + int(rng.choice([0, 4, 7]))],
                ".": [],
            }[kind]
            for pitch in pitches:
                sound = note(pitch, 2 * stroke) * (1.0 if kind == "B" else 0.6)
                total[at : at + len(sound)] += sound[: len(total) - at]
    return total[np.newaxis], RATE


def bars_of(given: tuple[np.ndarray, int]) -> Bars:
    return extract(given).bars


@pytest.mark.parametrize(
    ("strokes", "stroke", "beats"),
    [("Bcc", 0.5, 3), ("Bmcmcm", 0.22, 3), ("Bccc", 0.5, 4), ("Bmcmcmcm", 0.26, 4), ("Bmmcmm", 0.2, 2)],
)
@pytest.mark.parametrize("pickup", [0, 1])
def test_bars_have_the_beats_and_begin_where_the_song_has_them(
    strokes: str, stroke: float, beats: int, pickup: int
) -> None:
    bars = bars_of(song(strokes, stroke, pickup=pickup))
    assert bars.beats_per_bar == beats
    first = pickup * stroke
    downbeats = first + np.arange(16) * len(strokes) * stroke
    found = bars.downbeats[(bars.downbeats > first - 0.1) & (bars.downbeats < downbeats[-1] + 0.1)]
    assert len(found) >= 15
    assert np.abs(found[:, np.newaxis] - downbeats).min(axis=1).max() < 0.07
    assert bars.is_sure
    assert bars.reason is None


@pytest.mark.parametrize("given", [(clicks(120), RATE), (noise(20), RATE), (clicks(90, 6), RATE)])
def test_where_beats_are_all_alike_bars_of_four_from_the_first_are_assumed(
    given: tuple[np.ndarray, int],
) -> None:
    measured = extract(given)
    bars = measured.bars
    assert not bars.is_sure
    assert bars.beats_per_bar == 4
    assert bars.downbeats.tolist() == measured.tempo.beats[::4].tolist()
    assert bars.reason == "Bars of four beats are assumed."
    assert measured.reasons["bars"] == bars.reason


def test_without_beats_there_are_no_bars() -> None:
    measured = extract((np.zeros((1, 3 * RATE)), RATE))
    assert (measured.bars.beats_per_bar, len(measured.bars.downbeats)) == (0, 0)
    assert measured.reasons["bars"] == "There are no beats."


def test_beats_that_go_on_beyond_the_last_row_are_no_trouble() -> None:
    rows = 40
    onsets = Onsets(np.zeros(rows, np.float32), np.zeros((rows, 8), np.float32), np.zeros(0))
    tempo = dataclasses.replace(find_tempo(onsets), beats=np.arange(0, 20, 0.5), bpm=120.0, confidence=1.0)
    bars = find_bars(tempo, onsets, np.zeros((rows, 12), np.float32), np.zeros((rows, 12), np.float32))
    assert bars.reason == "Bars of four beats are assumed."
