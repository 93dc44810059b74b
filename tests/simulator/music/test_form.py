"""Tempo, grid and form of a remix."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.simulator.music.beats import Beats
from soundverse_nb.simulator.music.form import arrange, lay_grid, remix_tempo, swung, time_map
from soundverse_nb.simulator.music.prompt import read_prompt


@pytest.mark.parametrize("song", [62.0, 80.0, 100.0, 120.0, 140.0, 174.0])
@pytest.mark.parametrize("prompt", ["house", "lo-fi", "drum and bass", "ambient", "pop"])
def test_a_remix_never_has_the_songs_own_pace_nor_one_far_from_it(song, prompt):
    bpm, feel = remix_tempo(song, read_prompt(prompt))
    assert 0.79 <= bpm / song <= 1.27
    assert abs(bpm / song - 1) >= 0.029
    assert feel in (0.5, 1.0, 2.0)


def test_slow_styles_slow_down_and_quick_ones_quicken():
    assert remix_tempo(100.0, read_prompt("ambient"))[0] < 100 < remix_tempo(100.0, read_prompt("house"))[0]


@pytest.mark.parametrize(("asked", "song", "bpm"), [(128, 100, 128), (128, 70, 64), (90, 100, 90)])
def test_a_tempo_that_is_asked_for_is_met_or_met_by_half(asked, song, bpm):
    assert remix_tempo(song, read_prompt(f"house {asked} bpm"))[0] == pytest.approx(bpm)


@pytest.mark.parametrize(("place", "at"), [(0.0, 0.0), (0.25, 0.31), (0.5, 0.62), (0.75, 0.81), (1.0, 1.0)])
def test_swing_delays_the_second_eighth_and_keeps_the_beat(place, at):
    assert swung(place, 0.62) == pytest.approx(at)


def test_the_songs_beats_fall_on_the_remixs_beats_and_its_off_beats_swing():
    beats = Beats(-0.3 + 0.5 * np.arange(33), 120.0)
    grid = lay_grid(beats, 15.0, read_prompt("jazz"))
    source, target = time_map(beats, grid)
    assert np.allclose(source[::2], beats.times)
    assert np.allclose(np.diff(target[::2]), 60 / grid.bpm)
    assert np.allclose((target[1::2] - target[::2]) * grid.bpm / 60, grid.swing)
    assert np.all(np.diff(target) > 0)


@pytest.mark.parametrize("bars", [0, 1, 3, 4, 5, 8, 13, 24, 60, 200])
def test_every_bar_has_its_place_in_the_form(bars):
    form = arrange(bars)
    assert len(form) == bars
    assert all(0 <= bar.open <= 1 for bar in form)
    if bars >= 4:
        assert form[0].section == "intro"
        assert form[-1].section == "outro"
        assert any(bar.kick for bar in form)
    if bars >= 24:
        assert "break" in {bar.section for bar in form}
