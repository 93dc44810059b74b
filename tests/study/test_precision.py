"""Precision: the half-width that is promised is the one a study of that size then has."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence

import pytest

import soundverse_nb as sv
from soundverse_nb.study.precision import (
    PilotSpread,
    Precision,
    half_width,
    pilot_spread,
    plan_precision,
    precision,
)
from soundverse_nb.study.summarise import summarise
from soundverse_nb.study.summary import PairDifference
from tests.study.rows import Row, row, study_rows


@pytest.mark.parametrize("scope", ["these songs", "songs like these"])
def test_the_promised_half_width_is_what_studies_of_that_size_have(scope: str) -> None:
    draw = random.Random(1)
    widths = []
    for _ in range(60):
        rows = []
        for song in range(12):
            own = draw.gauss(0, 0.06)  # the true difference of this song
            for prompt, level in (("jazz", 0.5), ("waltz", 0.6 + own)):
                rows += [row(f"{song}", prompt, take, level + draw.gauss(0, 0.05)) for take in range(3)]
        pair = summarise(rows, "tune_kept", scope=scope).pairs[0]  # type: ignore[arg-type]
        widths.append((pair.high - pair.low) / 2)
    promised = half_width(3, 12, PilotSpread(repeats=0.05, songs=0.06), scope)  # type: ignore[arg-type]
    assert promised == pytest.approx(statistics.fmean(widths), rel=0.08)


def drawn(songs: int, repeats: int, spreads: dict[str, float], between: float, seed: int) -> list[Row]:
    """Takes of prompts that vary by so much; songs differ by `between` in what a prompt makes of them."""
    draw = random.Random(seed)
    return [
        {**row(f"{song}", prompt, take, None), "own": level + draw.gauss(0, spread)}
        for song in range(songs)
        for prompt, spread in spreads.items()
        for level in [draw.gauss(0, between)]
        for take in range(repeats)
    ]


def half_of(pairs: Sequence[PairDifference]) -> float:
    """Half the width of intervals: the root mean square over all pairs."""
    return math.sqrt(statistics.fmean(((pair.high - pair.low) / 2) ** 2 for pair in pairs))


@pytest.mark.filterwarnings("ignore:.* songs are few")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("between", [0.0, 0.1])
@pytest.mark.parametrize("spreads", [(1, 1), (1, 5), (1, 1, 1), (1, 2, 9)])
@pytest.mark.parametrize(("songs", "repeats"), [(1, 2), (2, 2), (1, 10), (6, 2), (8, 3)])
def test_of_the_plan_that_was_run_the_half_width_is_that_of_its_summary(
    songs: int, repeats: int, spreads: tuple[int, ...], between: float, seed: int
) -> None:
    rows = drawn(songs, repeats, {f"prompt {at}": its / 10 for at, its in enumerate(spreads)}, between, seed)
    spread = pilot_spread(rows, "own")
    assert spread is not None
    found = summarise(rows, "own").pairs
    assert half_width(repeats, songs, spread) == pytest.approx(half_of(found), rel=1e-9)
    if songs >= 5:
        found = summarise(rows, "own", scope="songs like these").pairs
        assert half_width(repeats, songs, spread, "songs like these") == pytest.approx(half_of(found))
    names = [f"{song}.mp3" for song in range(songs)]
    plan = sv.Plan(names, [f"prompt {at}" for at in range(len(spreads))], repeats=repeats)
    assert plan_precision(plan, spread).rows[0].these_songs == half_width(repeats, songs, spread)


def test_of_what_passes_or_fails_too_and_of_songs_like_these_it_says_that_it_does_not() -> None:
    rows = [{**each, "own": each["own"] > 0} for each in drawn(6, 4, {"jazz": 0.1, "waltz": 0.1}, 0.1, 1)]
    spread = pilot_spread(rows, "own")
    assert spread is not None
    assert half_width(4, 6, spread) == pytest.approx(half_of(summarise(rows, "own").pairs))
    assert "wider where few takes have 1" in str(precision(6, 2, 4, spread))
    assert math.isnan(half_width(1, 6, spread))
    assert "these songs take 10 takes of a level" in str(precision(6, 2, 1, spread))


def test_songs_that_differ_less_than_repeats_make_them_are_no_worse_known_with_more_takes() -> None:
    spread = pilot_spread(drawn(6, 2, {"jazz": 0.1, "waltz": 0.1}, 0.0, 0), "own")
    assert spread is not None
    halves = [half_width(takes, 6, spread, "songs like these") for takes in (2, 4, 8)]
    assert halves == sorted(halves, reverse=True)


def test_pilot_trials_tell_the_spread_of_repeats_and_of_songs() -> None:
    draw = random.Random(2)
    rows = []
    for song in range(200):
        own = draw.gauss(0, 0.08)
        for prompt, level in (("jazz", 0.5), ("waltz", 0.5 + own)):
            rows += [row(f"{song}", prompt, take, level + draw.gauss(0, 0.05)) for take in range(3)]
    found = pilot_spread(rows, "tune_kept")
    assert found is not None
    assert found.takes == 1200
    assert found.repeats == pytest.approx(0.05, rel=0.1)
    assert found.songs == pytest.approx(0.08, rel=0.15)


def test_without_two_takes_of_a_cell_there_is_no_pilot() -> None:
    assert pilot_spread(study_rows(3, repeats=1), "tune_kept") is None
    assert pilot_spread([], "tune_kept") is None


def test_one_pilot_song_does_not_tell_how_songs_differ() -> None:
    found = pilot_spread(study_rows(1), "tune_kept")
    assert found is not None
    assert math.isnan(found.songs)


def test_one_take_tells_nothing_of_these_songs_and_four_songs_nothing_of_others() -> None:
    assert math.isnan(half_width(1, 8, PilotSpread()))
    assert math.isfinite(half_width(1, 8, PilotSpread(), "songs like these"))
    assert math.isnan(half_width(9, 4, PilotSpread(), "songs like these"))


def test_more_repeats_do_not_make_up_for_few_songs() -> None:
    spread = PilotSpread(repeats=0.05, songs=0.1, takes=30)
    many_takes = half_width(40, 6, spread, "songs like these")
    many_songs = half_width(2, 24, spread, "songs like these")
    assert many_songs < many_takes / 2


def test_a_finer_plan_says_what_it_costs() -> None:
    found = precision(8, 4, 3, PilotSpread(repeats=0.1, songs=0.0, takes=24), price=0.5, metric="tune_kept")
    assert [(row.references, row.repeats, row.trials, row.price) for row in found.rows] == [
        (8, 3, 96, 48.0), (8, 6, 192, 96.0), (8, 12, 384, 192.0), (16, 3, 192, 96.0), (32, 3, 384, 192.0),
    ]  # fmt: skip
    assert "a difference in tune_kept" in str(found)
    assert "From 24 pilot takes." in str(found)
    assert "96.00" in str(found)
    assert len(found.to_frame()) == 5
    assert Precision.from_json(found.to_json()) == found


def test_without_pilots_half_widths_are_in_spreads_of_repeats_and_say_so() -> None:
    said = str(precision(2, 4, 3))
    assert "In units of the standard deviation of repeats" in said
    assert "price" not in said
    assert "songs like these takes 5 songs" in said
    assert set(precision(2, 4, 3)._repr_mimebundle_()) == {"text/plain", "text/html"}


@pytest.mark.parametrize("every", [3, 4, 10])
@pytest.mark.parametrize("repeats", [1, 3])
def test_a_finer_plan_has_the_trials_and_the_price_of_its_controls_too(repeats: int, every: int) -> None:
    def plan(songs: int, takes: int) -> sv.Plan:
        names = [f"{number}.mp3" for number in range(songs)]
        return sv.Plan(names, ["jazz", "waltz", "dub", "folk"], repeats=takes,
                       control={"reference": "0", "prompt": "jazz"}, control_every=every)  # fmt: skip

    rows = plan_precision(plan(2, repeats), price=0.5).rows
    assert [row.repeats for row in rows[:3]] == [repeats, 2 * repeats, 4 * repeats]
    assert [row.trials for row in rows] == [len(plan(row.references, row.repeats)) for row in rows]
    assert [row.price for row in rows] == [row.trials * 0.5 for row in rows]


def test_a_shard_says_what_the_shard_can_find_and_costs() -> None:
    whole = sv.Plan([f"{n}.mp3" for n in range(4)], ["jazz", "waltz"], repeats=4,
                    control={"reference": "0", "prompt": "jazz"}, control_every=2)  # fmt: skip
    for at in range(4):
        part = whole.shard(at, 4)
        row = plan_precision(part, price=1.0).rows[0]
        assert row.trials == len(part)
        assert row.price == len(part)


def test_of_takes_that_do_not_vary_no_width_is_expected() -> None:
    assert math.isnan(half_width(2, 5, PilotSpread(repeats=0.0, takes=4)))
