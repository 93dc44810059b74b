"""Order, tempo and swing of a performance, and which of its seconds are which of another's."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from known_remixes.arrangement import original_plan, perform, remix_plan
from known_remixes.form import Swing, Timing, Turn, form, time_map, with_one_repeat_cut


def order(text: str) -> tuple[Turn, ...]:
    seen: Counter[str] = Counter()
    turns = []
    for letter in text:
        turns.append(Turn("ABCD".index(letter), seen[letter]))
        seen[letter] += 1
    return tuple(turns)


@pytest.mark.parametrize("bpm", [70, 100, 140])
def test_an_original_lasts_as_long_as_a_song_that_the_service_takes(reel, jig, bpm):
    for tune in (reel, jig):
        timing = Timing(tune.strains, form(tune, bpm), tune.metre.beat, tune.metre.bar, bpm)
        assert 30 <= timing.seconds(timing.end) <= 75


@pytest.mark.parametrize(
    ("played", "cut"),
    [
        ("AABB", [0, 1, 1]),
        ("ABB", [0, 1]),
        ("ABCDABCD", [0, 1, 2, 3, 2, 3]),
        ("AAA", [0, 0]),
        ("AA", [0, 0]),
        ("AB", [0, 1]),
    ],
)
def test_one_repeat_is_cut_where_enough_is_left(played, cut):
    assert [turn.strain for turn in with_one_repeat_cut(order(played))] == cut


def test_swing_moves_what_is_between_the_beats_and_leaves_the_beats():
    swing = Swing(1.0, 2 / 3)
    assert [swing.warp(beat) for beat in (0.0, 1.0, 7.0)] == [0.0, 1.0, 7.0]
    assert swing.warp(2.5) == pytest.approx(2 + 2 / 3)


def test_the_tempo_is_that_of_the_beats(reel, jig):
    for tune in (reel, jig):
        timing = Timing(tune.strains, form(tune, 96), tune.metre.beat, tune.metre.bar, 96, Swing(1.0, 0.5))
        beats, _ = timing.beats()
        assert {round(after - before, 6) for before, after in pairwise(beats)} == {60 / 96}


def test_an_upbeat_comes_before_the_first_downbeat(reel):
    timing = Timing(reel.strains, form(reel, 60), reel.metre.beat, reel.metre.bar, 60)
    beats, first_downbeat = timing.beats()
    # The tune begins in the middle of the second of two beats: three crotchets of four are missing.
    assert timing.opening == 2.0
    assert timing.seconds(timing.starts[0]) == pytest.approx(0.5)
    assert (beats[0], first_downbeat) == (0.0, 1)


def test_an_introduction_of_drums_ends_where_the_melody_has_its_first_bar_line(reel):
    timing = Timing(reel.strains, form(reel, 60), reel.metre.beat, reel.metre.bar, 60, intro_bars=3)
    assert timing.starts[0] + 1.0 == 3 * reel.metre.bar
    assert timing.beats()[1] == 0


@pytest.mark.parametrize("level", [1, 2, 3])
def test_each_note_of_the_original_maps_to_where_the_remix_has_it(reel, jig, level):
    for tune in (reel, jig):
        plan = original_plan(tune, seed=5)
        original = perform(tune, plan).timing
        remix = perform(tune, remix_plan(tune, plan, level, seed=5), plan.bpm).timing
        mapped = time_map(original, remix)
        there = dict(zip(remix.order, remix.starts, strict=True))
        for turn, start in zip(original.order, original.starts, strict=True):
            # The last note is left out: where a strain is cut, its end is another's beginning.
            for note in tune.strains[turn.strain].voices[0][1:-1]:
                seconds = mapped.to_remix(original.seconds(start + note.start))
                if turn in there:
                    assert seconds == pytest.approx(remix.seconds(there[turn] + note.start), abs=1e-3)
                    assert mapped.to_original(seconds) == pytest.approx(
                        original.seconds(start + note.start), abs=1e-3
                    )
                else:
                    assert seconds is None


def test_a_cut_repeat_and_an_introduction_map_to_nothing(jig):
    plan = original_plan(jig, seed=5)
    original = perform(jig, plan)
    remix = perform(jig, remix_plan(jig, plan, 3, seed=5), plan.bpm)
    mapped = time_map(original.timing, remix.timing)
    assert len(remix.timing.order) == len(original.timing.order) - 1
    assert any(mapped.to_remix(second) is None for second in range(int(original.seconds) - 3))
    assert mapped.to_original(0.5) is None
