"""The spread of repeats: what a difference between two prompts has to be bigger than."""

from __future__ import annotations

import math

import pytest

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.measures.repeats import RepeatSpread


def spread(*values: float) -> RepeatSpread:
    return RepeatSpread.of([("jazz", {"tune_kept": value}) for value in values])


def test_every_pair_of_takes_of_one_condition_counts() -> None:
    assert spread(0.5, 0.6, 0.8).differences["tune_kept"] == (0.1, 0.2, 0.3)


def test_takes_of_different_conditions_are_no_repeats() -> None:
    found = RepeatSpread.of([("jazz", {"tune_kept": 0.5}), ("rock", {"tune_kept": 0.9})])
    assert not found
    assert math.isnan(found.within("tune_kept"))


def test_a_difference_is_held_against_the_pairs() -> None:
    five = spread(0.50, 0.51, 0.52, 0.53, 0.60)
    assert five.verdict("tune_kept", 0.085) == "bigger than 8 of 10 pairs of repeats"
    assert five.verdict("tune_kept", -0.2) == "bigger than 10 of 10 pairs of repeats"


def test_nine_of_ten_pairs_differ_by_no_more() -> None:
    assert spread(0.50, 0.51, 0.52, 0.53, 0.60).within("tune_kept") == pytest.approx(0.09)


def test_what_is_no_number_and_what_is_unknown_is_left_out() -> None:
    rows = [{"key": "A minor", "unsure": True, "tempo_bpm": value} for value in (120.0, math.nan, 121.0)]
    assert dict(RepeatSpread.of([("jazz", row) for row in rows]).differences) == {"tempo_bpm": (1.0,)}


def test_without_repeats_there_is_no_verdict() -> None:
    with pytest.raises(ConfigurationError, match="no two takes"):
        spread(0.5).verdict("tune_kept", 0.1)
