"""Ranges: intervals stay where a measure can be, and reach further to the side that has room."""

from __future__ import annotations

import math
import random

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import soundverse_nb as sv
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import Features
from soundverse_nb.study.intervals import Interval
from soundverse_nb.study.ranges import Range, range_of
from soundverse_nb.study.summarise import summarise
from tests.study.rows import Row, row, study_rows


def rows_near_one(songs: int, takes: int = 3, metric: str = "tune_kept") -> list[Row]:
    """Takes that are near 1 for jazz and in the middle for waltzes."""
    draw = random.Random(3)
    return [
        {**row(f"song {song}", prompt, take, None), metric: draw.betavariate(40 * mean, 40 * (1 - mean))}
        for song in range(songs)
        for prompt, mean in (("jazz", draw.choice([0.9, 0.99])), ("waltz", 0.6))
        for take in range(takes)
    ]


@pytest.mark.parametrize("scope", ["these songs", "songs like these"])
@pytest.mark.parametrize("songs", [5, 12])
def test_no_interval_of_a_measure_from_0_to_1_leaves_it(scope: str, songs: int) -> None:
    found = summarise(rows_near_one(songs), "tune_kept", scope=scope)  # type: ignore[arg-type]
    for cell in found.cells:
        assert 0 < cell.low < cell.estimate < cell.high < 1
    jazz = found.cells[0]
    assert jazz.estimate - jazz.low > jazz.high - jazz.estimate
    assert "tune_kept lies from 0 to 1" in str(found)


def test_a_level_of_songs_like_these_has_the_t_interval_of_its_log_odds() -> None:
    rows = rows_near_one(12)
    means = [np.mean([each["tune_kept"] for each in rows if each["prompt"] == "jazz"
                      and each["reference"] == f"song {song}"]) for song in range(12)]  # fmt: skip
    mean, error = np.mean(means), stats.sem(means)
    ends = stats.t.interval(0.95, 11, special.logit(mean), error / (mean * (1 - mean)))
    cell = summarise(rows, "tune_kept", scope="songs like these").cells[0]
    assert [cell.estimate, cell.low, cell.high] == pytest.approx([mean, *special.expit(ends)])


def test_a_level_near_an_end_is_not_measured_by_the_spread_of_one_in_the_middle() -> None:
    jazz, waltz = summarise(rows_near_one(2), "tune_kept").cells
    assert jazz.high - jazz.low < (waltz.high - waltz.low) / 2


def test_a_level_whose_takes_are_all_alike_has_the_spread_of_the_others_and_is_cut() -> None:
    rows = rows_near_one(3)
    for each in rows:
        each["tune_kept"] = 1.0 if each["prompt"] == "jazz" else each["tune_kept"]
    jazz = summarise(rows, "tune_kept").cells[0]
    assert jazz.low < jazz.high == jazz.estimate == 1.0


def test_differences_are_cut_where_none_can_be() -> None:
    rows = [row(song, prompt, take, value) for song in "ab" for prompt, values in
            (("x", (0.0, 0.0)), ("y", (1.0, 0.6))) for take, value in enumerate(values)]  # fmt: skip
    assert summarise(rows, "tune_kept").pairs[0].low == -1.0


def test_seconds_are_never_below_0_and_the_summary_says_that_it_cut_them() -> None:
    rows = [{**row(f"song {song}", "jazz", take, None), "seconds_held_at_90": 40.0 * (song == take == 0)}
            for song in range(5) for take in range(2)]  # fmt: skip
    found = summarise(rows, "seconds_held_at_90", scope="songs like these")
    assert found.cells[0].low == 0.0
    assert "Intervals are cut where no seconds_held_at_90 can be." in str(found)


def test_a_column_that_leaves_the_range_of_its_name_is_taken_as_it_is() -> None:
    rows = rows_near_one(5)
    rows[0]["tune_kept"] = 1.7
    assert summarise(rows, "tune_kept").range_note == ""


@pytest.mark.parametrize("reach", [1.0, 1e3, 1e300])
def test_log_odds_do_not_overflow(reach: float) -> None:
    found = Range(0, 1).on_log_odds(Interval(0.5, 0.5 - reach, 0.5 + reach))
    assert 0 <= found.low < 0.5 < found.high <= 1
    assert found.low == pytest.approx(1 - found.high)


def test_what_has_no_interval_gets_none() -> None:
    assert math.isnan(Range(0, 1).on_log_odds(Interval(0.5, reason="no repeats")).low)
    assert math.isnan(Range().cut(Interval(0.5)).low)


def test_every_built_in_measure_is_inside_its_range() -> None:
    measured = sv.compare_audio(sv.example_song(), sv.example_song())
    ranged = {name: value for name, value in measured.row.items() if range_of(name) is not None}
    assert len(ranged) > 20
    for name, value in ranged.items():
        limits = range_of(name)
        assert limits is not None
        assert math.isnan(float(value)) or limits.holds([float(value)]), name


def test_all_that_is_called_a_confidence_a_distance_or_unsure_lies_from_0_to_1() -> None:
    names = [*Features.unknown().row, *Difference.unknown().row]
    ends = ("_confidence", "_distance", "_unsure")
    for name in filter(lambda name: name.endswith(ends), names):
        assert range_of(name) == Range(0, 1), name


@pytest.mark.parametrize("as_frame", [True, False])
def test_intervals_of_a_metric_of_ones_own_stay_in_the_range_it_was_given(as_frame: bool) -> None:
    rows = rows_near_one(6, metric="accuracy")
    free = summarise(rows, "accuracy").cells[0]
    if as_frame:
        frame = pd.DataFrame(rows)
        frame.attrs["metric_ranges"] = {"accuracy": [0.0, 1.0]}
        found = summarise(frame, "accuracy")
    else:
        sv.metric("accuracy", lambda song, remix: 1.0, range=(0, 1))
        try:
            found = summarise(rows, "accuracy")
        finally:
            sv.analysis.remove_metric("accuracy")
    jazz = found.cells[0]
    assert jazz.high < 1
    assert jazz.high != free.high
    assert "accuracy lies from 0 to 1" in str(found)


def test_an_interval_is_cut_at_the_one_end_that_a_range_has() -> None:
    rows = [
        row("one", prompt, take, None, debt=debt) for prompt in "ab" for take, debt in enumerate([0, 0, -9.5])
    ]
    frame = pd.DataFrame(rows)
    assert summarise(frame, "debt").cells[0].high > 0
    frame.attrs["metric_ranges"] = {"debt": [None, 0.0]}
    assert summarise(frame, "debt").cells[0].high == 0


def test_takes_of_several_versions_of_a_metric_are_told_of_in_its_summary_alone() -> None:
    rows = [
        {**each, "bass": 1.0 + at, "metric_versions": f'{{"bass": "{1 + at % 2}"}}'}
        for at, each in enumerate(rows_near_one(3))
    ]
    said = {check.name: check.text for check in summarise(rows, "bass").checks}
    assert "bass 1, bass 2. study.measure()" in said["one version"]
    assert (
        "bass" not in {check.name: check.text for check in summarise(rows, "tune_kept").checks}["one version"]
    )


def test_a_measure_beside_a_factor_of_its_name_has_the_range_and_the_words_of_the_measure() -> None:
    assert range_of("measured_tune_kept") == Range(0, 1)
    assert range_of("measured_remix_tempo") == range_of("remix_tempo")
    rows = study_rows(5, step=0.3)
    same = [{**row, "measured_tune_kept": row["tune_kept"]} for row in rows]
    said = summarise(rows, "tune_kept", by="prompt").verdict
    assert "of the tune than" in said
    assert summarise(same, "measured_tune_kept", by="prompt").verdict == said
