"""Decorated melodies: what is added, and what stays."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from known_remixes.ornaments import displaced, ornamented, step
from known_remixes.tune import Key, Note

KEY = Key(2, "major")
MELODY = tuple(Note(float(at), 1.0, pitch) for at, pitch in enumerate([62, 66, 69, 74, 73, 69, 66, 62] * 4))


def test_the_same_seed_decorates_the_same_way_and_another_differently():
    first, second, other = (ornamented(MELODY, KEY, random.Random(seed)) for seed in (1, 1, 2))
    assert first == second
    assert first != other
    assert len(first) > len(MELODY)


@pytest.mark.parametrize("seed", range(20))
def test_each_main_note_still_sounds_where_it_was_within_a_grace_note(seed):
    decorated = ornamented(MELODY, KEY, random.Random(seed))
    for note in MELODY:
        assert any(
            played.pitch == note.pitch and 0 <= played.start - note.start < 0.1 for played in decorated
        )


@pytest.mark.parametrize("seed", range(20))
def test_a_decorated_melody_is_as_long_as_it_was_and_one_note_at_a_time(seed):
    decorated = ornamented(MELODY, KEY, random.Random(seed))
    assert sum(note.length for note in decorated) == pytest.approx(32.0)
    assert all(
        after.start == pytest.approx(before.start + before.length) for before, after in pairwise(decorated)
    )


def test_what_is_added_belongs_to_the_key():
    decorated = ornamented(MELODY, KEY, random.Random(3))
    assert {note.pitch % 12 for note in decorated} <= set(KEY.scale)


def test_a_step_from_a_tone_outside_the_key_goes_to_the_next_inside():
    assert step(65, KEY, 1) == 66
    assert step(65, KEY, -1) == 64
    assert (step(66, KEY, 1), step(66, KEY, -1)) == (67, 64)


def test_phrases_move_by_octaves_as_wholes():
    moved = displaced(MELODY, 8.0, random.Random(4))
    shifts = [after.pitch - before.pitch for before, after in zip(MELODY, moved, strict=True)]
    assert set(shifts) <= {-12, 0, 12}
    assert {len(set(shifts[start : start + 8])) for start in range(0, 32, 8)} == {1}
    assert set(shifts) != {0}
