"""The liberties of a take: none in the first, others in each further one, and the bones stay."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.simulator.music.beats import Beats
from soundverse_nb.simulator.music.drums import BASS, CHORDS, DRUMS
from soundverse_nb.simulator.music.form import lay_grid
from soundverse_nb.simulator.music.prompt import read_prompt
from soundverse_nb.simulator.music.styles import STYLES
from soundverse_nb.simulator.music.variation import FIRST, variation

GRIDS = [
    *(grid for rows in DRUMS.values() for grid in rows.values()),
    *BASS.values(),
    *(grid for grid, _ in CHORDS.values()),
]


def test_the_first_take_is_played_as_it_is_written() -> None:
    assert variation(5, 1) == FIRST
    assert all(FIRST.style(style) == style for style in STYLES)
    assert all(FIRST.grid("any", grid) == grid for grid in GRIDS)
    assert FIRST.level("Drums") == 1.0


def test_a_take_is_the_same_each_time_and_unlike_every_other() -> None:
    assert variation(5, 2) == variation(5, 2)
    found = [variation(seed, take) for seed in (5, 6) for take in range(2, 12)]
    assert len({repr(one) for one in found}) == 20


@pytest.mark.parametrize("take", range(2, 8))
def test_strong_strokes_and_the_first_one_stay(take: int) -> None:
    vary = variation(9, take)
    changed = 0
    for name, grid in enumerate(GRIDS):
        before, after = grid.replace(" ", ""), vary.grid(str(name), grid).replace(" ", "")
        assert len(after) == len(before)
        strokes = [place for place, sign in enumerate(before) if sign != "."]
        kept = [place for place in strokes if before[place] >= "6" or place == strokes[0]]
        assert [after[place] for place in kept] == [before[place] for place in kept]
        changed += after != before
    assert changed > len(GRIDS) / 4


def test_the_style_stays_itself() -> None:
    for style in STYLES:
        for take in range(2, 8):
            other = variation(3, take).style(style)
            assert (other.name, other.bpm, other.semitones) == (style.name, style.bpm, style.semitones)
            assert abs(other.song - style.song) < 2
            assert (other.swing == 0.5) == (style.swing == 0.5)


@pytest.mark.parametrize("take", range(2, 12))
@pytest.mark.parametrize("prompt", ["house", "ambient", "bossa nova", "pop"])
def test_a_take_has_a_tempo_of_its_own_but_never_the_songs(take: int, prompt: str) -> None:
    beats = Beats(0.5 * np.arange(33), 120.0)
    reading = read_prompt(prompt)
    first, other = lay_grid(beats, 16.0, reading), lay_grid(beats, 16.0, reading, variation(1, take).tempo)
    assert 0.005 < abs(other.bpm / first.bpm - 1) < 0.025
    assert abs(other.bpm / 120 - 1) >= 0.029


def test_a_tempo_that_was_asked_for_is_kept() -> None:
    beats = Beats(0.5 * np.arange(33), 120.0)
    reading = read_prompt("house 128 bpm")
    assert lay_grid(beats, 16.0, reading, variation(1, 2).tempo).bpm == pytest.approx(128)
