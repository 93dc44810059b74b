"""Which tunes are set beside a tune to mislead a measure."""

from __future__ import annotations

from collections import Counter

import pytest
from known_remixes.arrangement import original_plan, perform, remix_plan
from known_remixes.negatives import hard_negatives
from known_remixes.tune import Key, Metre

from .conftest import made_up


@pytest.fixture
def tunes():
    metres, modes = (Metre(6, 8), Metre(4, 4)), ("major", "minor")
    return [
        made_up(
            f"tune {number}", metres[number % 2], Key(number % 12, modes[number // 2 % 2]), contour=number
        )
        for number in range(24)
    ]


def test_a_tune_is_never_its_own_negative_and_each_has_as_many(tunes):
    found = hard_negatives(tunes, 2, seed=1)
    assert Counter(negative.reference.name for negative in found) == {tune.name: 2 for tune in tunes}
    assert all(negative.reference.name != negative.other.name for negative in found)
    assert len({(negative.reference.name, negative.other.name) for negative in found}) == 48


def test_negatives_have_the_metre_and_mode_of_the_tune_where_there_are_such(tunes):
    for negative in hard_negatives(tunes, 2, seed=1):
        assert negative.other.metre == negative.reference.metre
        assert negative.other.key.mode == negative.reference.key.mode


def test_negatives_are_played_in_the_key_tempo_and_instruments_of_the_remix(tunes):
    for negative in hard_negatives(tunes, 1, seed=1):
        reference = negative.reference
        plan = original_plan(reference, seed=1)
        for level in (1, 2, 3):
            remix = remix_plan(reference, plan, level, seed=1)
            played = negative.plan(remix)
            heard = negative.other.key.transposed(played.transposition)
            assert heard == reference.key.transposed(remix.transposition)
            assert (played.bpm, played.melody, played.drum_style) == (
                remix.bpm,
                remix.melody,
                remix.drum_style,
            )
            assert -6 <= played.transposition <= 5


def test_no_tune_is_taken_much_more_often_than_others(tunes):
    taken = Counter(negative.other.name for negative in hard_negatives(tunes, 2, seed=1))
    assert max(taken.values()) <= 4


def test_the_same_seed_takes_the_same_negatives(tunes):
    assert hard_negatives(tunes, 2, seed=1) == hard_negatives(tunes, 2, seed=1)
    assert hard_negatives(tunes, 2, seed=1) != hard_negatives(tunes, 2, seed=2)


def test_a_negative_can_be_played_in_full(tunes):
    negative = hard_negatives(tunes, 1, seed=1)[0]
    plan = original_plan(negative.reference, seed=1)
    played = perform(negative.other, negative.plan(remix_plan(negative.reference, plan, 2, seed=1)), plan.bpm)
    assert 25 <= played.seconds <= 90
