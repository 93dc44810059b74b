"""A summary: its figures agree with scipy and statsmodels, it counts what counts, and says what it lacks."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import soundverse_nb as sv
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.study.mixed import mixed_model
from soundverse_nb.study.plot import plot_metric
from soundverse_nb.study.precision import pilot_spread, plan_precision
from soundverse_nb.study.summarise import summarise
from soundverse_nb.study.summary import Summary, digits_for
from soundverse_nb.study.timeline import plot_timeline
from tests.render.sanitiser import Page
from tests.study.rows import Row, row, study_rows


def song_means(rows: list[Row], prompt: str) -> dict[str, float]:
    """By song the mean of its takes."""
    found: dict[str, list[float]] = {}
    for each in rows:
        if each["prompt"] == prompt:
            found.setdefault(each["reference"], []).append(each["tune_kept"])
    return {song: statistics.fmean(values) for song, values in found.items()}


def check(summary: Summary, name: str) -> tuple[str, str]:
    found = next(check for check in summary.checks if check.name == name)
    return found.state, found.text


# Figures


def test_songs_like_these_agree_with_scipys_paired_t_test() -> None:
    rows = study_rows(12)
    found = summarise(rows, "tune_kept", scope="songs like these")
    jazz, waltz = (list(song_means(rows, prompt).values()) for prompt in ("jazz", "waltz"))
    test = stats.ttest_rel(jazz, waltz)
    low, high = test.confidence_interval(0.95)
    pair = found.pairs[0]
    assert (pair.first, pair.second, pair.songs) == ("jazz", "waltz", 12)
    assert [pair.difference, pair.low, pair.high, pair.p] == pytest.approx(
        [statistics.fmean(jazz) - statistics.fmean(waltz), low, high, test.pvalue]
    )


def as_loudness(rows: list[Row]) -> list[Row]:
    """The same numbers as those of a measure without ends."""
    return [{**each, "loudness_change_lu": each["tune_kept"]} for each in rows]


def test_a_level_of_songs_like_these_agrees_with_scipys_t_interval() -> None:
    rows = study_rows(12)
    values = list(song_means(rows, "jazz").values())
    low, high = stats.t.interval(0.95, 11, np.mean(values), stats.sem(values))
    cell = summarise(as_loudness(rows), "loudness_change_lu", scope="songs like these").cells[0]
    assert [cell.estimate, cell.low, cell.high] == pytest.approx([np.mean(values), low, high])
    assert (cell.name, cell.songs, cell.takes) == ("jazz", 12, 36)


@pytest.mark.parametrize("repeats", [2, 3])
def test_these_songs_agree_with_a_linear_model_of_the_cells_of_each_level(repeats: int) -> None:
    import statsmodels.api as sm

    rows = study_rows(4, ("jazz", "rock", "waltz"), repeats)
    models = {}
    for cell in summarise(as_loudness(rows), "loudness_change_lu", "prompt").cells:
        own = [each for each in rows if each["prompt"] == cell.name]
        songs = sorted({each["reference"] for each in own})
        design = [[float(each["reference"] == song) for song in songs] for each in own]
        model = sm.OLS([each["tune_kept"] for each in own], np.array(design)).fit()
        contrast = model.t_test(np.full(4, 1 / 4))
        assert [cell.estimate, cell.low, cell.high] == pytest.approx(
            [contrast.effect[0], *contrast.conf_int()[0]]
        )
        models[cell.name] = (float(contrast.effect[0]), float(contrast.sd[0, 0]), 4 * (repeats - 1))
    for pair in summarise(rows, "tune_kept", "prompt").pairs:
        (one, its, degrees), (other, others, _) = models[pair.first], models[pair.second]
        error = math.hypot(its, others)
        welch = degrees * error**4 / (its**4 + others**4)
        ends = stats.t.interval(0.95, welch, one - other, error)
        p = 2 * stats.t.sf(abs(one - other) / error, welch)
        assert [pair.difference, pair.low, pair.high, pair.p] == pytest.approx([one - other, *ends, p])


@pytest.mark.parametrize("repeats", [2, 3, 8])
@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_one_song_has_the_interval_of_welch_as_scipy_and_statsmodels_have_it(
    repeats: int, spread: float
) -> None:
    import statsmodels.stats.weightstats as weights

    draw = random.Random(repeats)
    takes = {"jazz": [draw.gauss(0.5, 0.02) for _ in range(repeats)],
             "waltz": [draw.gauss(0.6, spread) for _ in range(repeats)]}  # fmt: skip
    rows = [row("one", prompt, at, value) for prompt, its in takes.items() for at, value in enumerate(its)]
    pair = summarise(rows, "tune_kept").pairs[0]
    found = [pair.difference, pair.low, pair.high, pair.p]
    test = stats.ttest_ind(*takes.values(), equal_var=False)
    difference = statistics.fmean(takes["jazz"]) - statistics.fmean(takes["waltz"])
    assert found == pytest.approx([difference, *test.confidence_interval(0.95), test.pvalue])
    both = weights.CompareMeans(*map(weights.DescrStatsW, takes.values()))
    assert found[1:3] == pytest.approx(both.tconfint_diff(usevar="unequal"))
    assert found[3] == pytest.approx(both.ttest_ind(usevar="unequal")[1])
    loud = summarise(as_loudness(rows), "loudness_change_lu").cells
    for cell, its in zip(loud, takes.values(), strict=True):
        assert [cell.low, cell.high] == pytest.approx(weights.DescrStatsW(its).tconfint_mean())


def test_p_values_of_pairs_are_adjusted_as_statsmodels_does_by_holm() -> None:
    import statsmodels.stats.multitest as multitest

    rows = study_rows(8, ("a", "b", "c", "d"), 2, step=0.02)
    pairs = summarise(rows, "tune_kept", scope="these songs").pairs
    expected = multitest.multipletests([pair.p for pair in pairs], method="holm")[1]
    assert [pair.p_holm for pair in pairs] == pytest.approx(expected)
    assert len(pairs) == 6


def test_a_mixed_model_is_the_one_statsmodels_fits_to_the_means_of_songs() -> None:
    import statsmodels.formula.api as formulas

    rows = study_rows(8)
    ours = mixed_model(rows, "tune_kept")
    means = pd.DataFrame(rows).groupby(["reference", "prompt"], as_index=False)["tune_kept"].mean()
    theirs = formulas.mixedlm("tune_kept ~ prompt", means, groups="reference").fit()
    assert list(ours.fe_params) == pytest.approx(list(theirs.fe_params), rel=1e-4)
    assert list(ours.bse_fe) == pytest.approx(list(theirs.bse_fe), rel=1e-3)
    assert list(ours.fe_params.index) == ["jazz", "waltz − jazz"]


def test_many_repeats_of_few_songs_do_not_make_a_mixed_model_sure() -> None:
    rows = study_rows(8, repeats=20)
    jazz, waltz = (list(song_means(rows, prompt).values()) for prompt in ("jazz", "waltz"))
    apart = [other - one for one, other in zip(jazz, waltz, strict=True)]
    error = statistics.stdev(apart) / math.sqrt(8)
    assert mixed_model(rows, "tune_kept").bse_fe.iloc[1] == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize(("songs", "prompts"), [(2, ("jazz", "waltz")), (6, ("jazz",))])
def test_a_mixed_model_of_too_little_is_refused(songs: int, prompts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"2 songs at 2 levels are too few|levels, and there is one"):
        mixed_model(study_rows(songs, prompts), "tune_kept", "prompt")


def test_a_mixed_model_says_how_to_get_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    with pytest.raises(ConfigurationError, match=r"statsmodels.*soundverse-nb\[stats\]"):
        mixed_model(study_rows(), "tune_kept")


@pytest.mark.parametrize(("songs", "by"), [(1, None), (6, "reference")])
def test_a_mixed_model_takes_songs_as_the_random_effect(songs: int, by: str | None) -> None:
    with pytest.raises(ConfigurationError, match="random effect"):
        mixed_model(study_rows(songs), "tune_kept", by)


def test_the_order_of_the_rows_changes_no_figure() -> None:
    rows = study_rows(6)
    shuffled = random.Random(3).sample(rows, len(rows))
    one, other = summarise(rows, "tune_kept", "prompt"), summarise(shuffled, "tune_kept", "prompt")
    assert {(c.name, round(c.estimate, 9), round(c.low, 9)) for c in one.cells} == {
        (c.name, round(c.estimate, 9), round(c.low, 9)) for c in other.cells
    }


def test_a_frame_and_its_rows_say_the_same() -> None:
    rows = study_rows(6)
    rows[0]["tune_kept"] = None
    assert summarise(pd.DataFrame(rows), "tune_kept") == summarise(rows, "tune_kept")


def test_every_song_weighs_the_same_however_many_takes_it_has() -> None:
    rows = [row("one", "jazz", take, 0.0) for take in (1, 2, 3, 4, 5)] + [row("two", "jazz", 1, 1.0)]
    assert summarise(rows, "tune_kept", "prompt").cells[0].estimate == 0.5


def test_the_other_factors_are_averaged_over_where_both_levels_have_them() -> None:
    def take(prompt: str, mood: str, value: float) -> Row:
        return {"reference": "one", "prompt": prompt, "mood": mood, "replicate": 1, "tune_kept": value}

    rows = [take("jazz", "sad", 0.1), take("jazz", "merry", 0.5), take("waltz", "sad", 0.3)]
    pair = summarise(rows, "tune_kept", "prompt").pairs[0]
    assert pair.difference == pytest.approx(-0.2), "merry waltzes are not there to be compared with"


def test_repeats_of_other_levels_of_a_factor_are_no_repeats() -> None:
    rows = [
        {"reference": "one", "prompt": prompt, "mood": mood, "replicate": 1, "tune_kept": 0.5}
        for prompt, mood in itertools.product(("jazz", "waltz"), ("sad", "merry"))
    ]
    assert math.isnan(summarise(rows, "tune_kept", "prompt").pairs[0].p)


def test_without_by_the_factors_that_vary_are_compared() -> None:
    frame = pd.DataFrame(study_rows(3))
    frame.insert(list(frame.columns).index("replicate"), "lyrics", "none")
    found = summarise(frame, "tune_kept")
    assert found.by == ("prompt",)


def test_several_factors_are_compared_by_their_combinations() -> None:
    rows = [
        {"reference": song, "prompt": prompt, "mood": mood, "replicate": take, "tune_kept": 0.1 * take}
        for song, prompt, mood, take in itertools.product("ab", ("jazz", "waltz"), ("sad", "merry"), (1, 2))
    ]
    found = summarise(rows, "tune_kept", ("prompt", "mood"))
    assert [cell.name for cell in found.cells] == ["jazz, sad", "jazz, merry", "waltz, sad", "waltz, merry"]
    assert len(found.pairs) == 6


def test_a_prompt_without_the_slot_is_a_level_of_its_own() -> None:
    rows = [
        {"reference": song, "prompt": prompt, "mood": mood, "replicate": take, "tune_kept": 0.1 * take}
        for song, (prompt, mood), take in itertools.product(
            "ab", (("jazz", None), ("waltz", "sad"), ("waltz", "merry")), (1, 2)
        )
    ]
    found = summarise(rows, "tune_kept")
    assert [cell.name for cell in found.cells] == ["jazz", "waltz, sad", "waltz, merry"]
    assert check(summarise(rows, "tune_kept", "mood"), "left out") == (
        "look",
        "Left out: 4 rows without a level of mood.",
    )


def test_levels_are_in_the_order_of_the_columns_categories() -> None:
    frame = pd.DataFrame(study_rows(3, ("waltz", "jazz", "rock")))
    assert [cell.name for cell in summarise(frame, "tune_kept").cells] == ["waltz", "jazz", "rock"]
    frame["prompt"] = pd.Categorical(frame["prompt"], ["rock", "jazz", "waltz", "polka"])
    assert [cell.name for cell in summarise(frame, "tune_kept").cells] == ["rock", "jazz", "waltz"]


def test_songs_can_be_compared_with_one_another() -> None:
    found = summarise(study_rows(3), "tune_kept", "reference")
    assert [cell.name for cell in found.cells] == ["song 1", "song 2", "song 3"]
    assert all(math.isfinite(pair.p) for pair in found.pairs)


@pytest.mark.filterwarnings("ignore:. songs are few")
def test_a_song_without_one_of_a_pair_drops_out_of_that_pair() -> None:
    rows = [each for each in study_rows(7) if (each["reference"], each["prompt"]) != ("song 3", "waltz")]
    found = summarise(rows, "tune_kept", scope="songs like these")
    assert (found.pairs[0].songs, [cell.songs for cell in found.cells]) == (6, [7, 6])
    assert check(found, "equal numbers") == (
        "look",
        "Not every level has every song: song 3 has no waltz. Pairs take what both have.",
    )


# What counts


def test_only_finished_measured_planned_first_takes_count() -> None:
    rows = study_rows(2, repeats=2)
    others: list[tuple[str, dict[str, Any]]] = [
        ("failed", {"state": "failed", "tune_kept": None}),
        ("missing", {"state": "missing", "tune_kept": None}),
        ("running", {"state": "running", "tune_kept": None}),
        ("unknown", {"state": "unknown", "tune_kept": None}),
        ("without_metric", {"tune_kept": math.nan}),
        ("same_file", {"same_audio_as": "abc"}),
    ]
    rows += [{**row("song 1", "jazz", 9, 5.0), **change} for _, change in others]
    rows += [row("song 1", "jazz", 3, 5.0, in_plan=False), row("song 1", "jazz", 3, 5.0, is_control=True)]
    cell = summarise(rows, "tune_kept").cells[0]
    assert cell.takes == 4
    assert {name: getattr(cell, name) for name, _ in others} == {name: 1 for name, _ in others}
    assert cell.estimate < 1


@pytest.mark.parametrize("change", [
    {"tune_kept": None}, {"tune_kept": math.nan}, {"in_plan": False}, {"is_control": True},
])  # fmt: skip
def test_of_takes_that_are_one_file_one_counts_also_where_the_first_does_not(change: dict[str, Any]) -> None:
    first = row("song 1", "jazz", 1, 0.5, identity="a", number=1)
    others = [row("song 1", "jazz", take, 0.5, identity=f"{take}", number=take, same_audio_as="a")
              for take in (3, 2)]  # fmt: skip
    rest = [row("song 1", "jazz", 4, 0.7, identity="4", number=4)]
    for rows in ([first, *others, *rest], [{**first, **change}, *others, *rest], [*others, *rest]):
        cell = summarise(rows, "tune_kept", "prompt").cells[0]
        assert (cell.takes, cell.estimate) == (2, pytest.approx(0.6))
    assert (cell.same_file, cell.without_metric) == (1, 0)


@pytest.mark.filterwarnings("ignore:. songs are few")
def test_a_level_that_lost_everything_is_still_there() -> None:
    rows = [
        {**each, "state": "failed"} if each["prompt"] == "waltz" else each
        for each in study_rows(6, repeats=1)
    ]
    found = summarise(rows, "tune_kept", scope="songs like these")
    assert (found.cells[1].name, found.cells[1].failed, found.cells[1].reason) == (
        "waltz",
        6,
        "no take counts",
    )
    assert found.pairs[0].reason == "no song has both"
    assert "no song has both" in found.verdict


# Refusals and warnings


@pytest.mark.parametrize(("asked", "said"), [
    ({"metric": ["tune_kept"]}, r"A metric is the name of a column, not \['tune_kept'\]"),
    ({"metric": None}, "A metric is the name of a column, not None"),
    ({"by": 3}, "by= takes the name of a factor, or several, not 3"),
    ({"by": [None]}, "by= takes the name of a factor, or several, not None"),
    ({"rows": None}, "Rows are a data frame, or a list of mappings with its columns, not None"),
    ({"rows": [1]}, "Rows are a data frame, or a list of mappings with its columns, not 1"),
])  # fmt: skip
def test_what_is_no_metric_no_factor_and_no_row_is_refused_in_a_sentence(
    asked: dict[str, Any], said: str
) -> None:
    for ask in (summarise, plot_metric, mixed_model):
        with pytest.raises(ConfigurationError, match=said):
            ask(**{"rows": study_rows(3), "metric": "tune_kept", **asked})  # type: ignore[operator]


def test_a_plan_has_no_precision_of_what_is_no_metric() -> None:
    with pytest.raises(ConfigurationError, match="name of a column, not 3"):
        pilot_spread(study_rows(3), 3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="name of a column, not 3"):
        plan_precision(sv.Plan(["one.mp3"], ["jazz"]), metric=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, None, 1.5, "x"])
def test_a_seed_that_is_no_whole_number_from_0_is_refused(seed: Any) -> None:
    for ask in (summarise, plot_metric):
        with pytest.raises(ConfigurationError, match="seed= takes a whole number from 0"):
            ask(study_rows(3), "tune_kept", seed=seed)


def test_a_plot_refuses_what_are_no_axes_and_a_scope_that_there_is_not() -> None:
    for axes in (3, "x", [1]):
        with pytest.raises(ConfigurationError, match="ax= takes the axes of one matplotlib plot"):
            plot_metric(study_rows(3), "tune_kept", ax=axes)
        with pytest.raises(ConfigurationError, match="ax= takes the axes of one matplotlib plot"):
            plot_timeline(study_rows(3), axes)
    with pytest.raises(ConfigurationError, match="scope='all songs' is not known"):
        plot_metric(study_rows(3), "tune_kept", scope="all songs")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="A bootstrap draws songs anew"):
        plot_metric(study_rows(3), "tune_kept", method="bootstrap")


@pytest.mark.parametrize("value", [1e300, -1e101, 10**400], ids=["float", "negative", "whole"])
def test_numbers_too_large_to_be_squared_are_refused(value: float) -> None:
    rows = [{**each, "own": value if each["replicate"] == 1 else 0.5} for each in study_rows(3)]
    with pytest.raises(ConfigurationError, match=r"'own' holds numbers beyond 1e\+100"):
        summarise(rows, "own")


@pytest.mark.parametrize("times", [1e99, 1e-99])
def test_numbers_of_any_size_below_have_the_same_summary(times: float) -> None:
    sized, usual = (
        summarise([{**each, "own": each["tune_kept"] * by} for each in study_rows(3)], "own")
        for by in (times, 1.0)
    )
    assert sized.pairs[0].low == pytest.approx(usual.pairs[0].low * times)
    assert sized.pairs[0].p == pytest.approx(usual.pairs[0].p)


def test_fewer_than_five_songs_do_not_speak_for_songs_like_these() -> None:
    with pytest.raises(ConfigurationError, match="4 songs cannot speak for songs like these") as error:
        summarise(study_rows(4), "tune_kept", scope="songs like these")
    assert 'scope="these songs"' in error.value.hint


def test_fewer_than_twelve_songs_warn_and_twelve_do_not(recwarn: pytest.WarningsRecorder) -> None:
    found = summarise(study_rows(11), "tune_kept", scope="songs like these")
    assert str(recwarn.pop(UserWarning).message).startswith("11 songs are few")
    assert check(found, "songs")[0] == "look"
    recwarn.clear()
    assert check(summarise(study_rows(12), "tune_kept", scope="songs like these"), "songs")[0] == "fine"
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore:. songs are few")
def test_a_pair_that_is_left_with_too_few_songs_has_no_interval() -> None:
    rows = [
        each
        for each in study_rows(6)
        if each["prompt"] == "jazz" or each["reference"] in ("song 1", "song 2", "song 3", "song 4")
    ]
    pair = summarise(rows, "tune_kept", scope="songs like these").pairs[0]
    assert math.isnan(pair.low)
    assert pair.reason == "4 songs, fewer than the 5 it takes"


def test_single_takes_give_no_interval_for_these_songs_and_say_why() -> None:
    found = summarise(study_rows(6, repeats=1), "tune_kept")
    assert math.isnan(found.cells[0].low)
    assert math.isfinite(found.cells[0].estimate)
    assert "no cell has two takes" in found.verdict
    assert check(found, "repeats")[0] == "look"


def test_a_bootstrap_takes_twenty_songs_and_songs_like_these() -> None:
    with pytest.raises(ConfigurationError, match="it takes 20"):
        summarise(study_rows(19), "tune_kept", scope="songs like these", method="bootstrap")
    with pytest.raises(ConfigurationError, match="songs like these"):
        summarise(study_rows(20), "tune_kept", method="bootstrap")
    found = summarise(study_rows(20), "tune_kept", scope="songs like these", method="bootstrap", seed=4)
    assert found == summarise(
        study_rows(20), "tune_kept", scope="songs like these", method="bootstrap", seed=4
    )
    by_t = summarise(study_rows(20), "tune_kept", scope="songs like these")
    assert found.pairs[0].low == pytest.approx(by_t.pairs[0].low, abs=0.01)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metric": "tune_keep"}, "There is no column 'tune_keep'.*'tune_kept'"),
        ({"metric": "extractor"}, "holds no numbers, but for example 'difference/1'"),
        ({"by": "promt"}, "'promt' is no factor of this study.*'prompt'"),
        ({"by": "tune_kept"}, "is no factor"),
        ({"scope": "all songs"}, "scope='all songs' is not known"),
        ({"method": "bayes"}, "method='bayes' is not known"),
        ({"scope": "songs like these", "by": "reference"}, "reference out of by="),
    ],
)
def test_what_cannot_be_summed_up_is_refused_with_the_way_out(change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"metric": "tune_kept", **change}
    with pytest.raises(ConfigurationError, match=said):
        summarise(study_rows(6), **given)


def test_a_study_without_a_finished_take_says_how_it_stands() -> None:
    rows = [{**each, "state": "missing", "tune_kept": None} for each in study_rows(2, repeats=1)]
    rows[0]["state"] = "failed"
    with pytest.raises(
        ConfigurationError, match="No take of this study has a tune_kept yet: 1 failed, 3 not run"
    ):
        summarise(rows, "tune_kept")
    with pytest.raises(ConfigurationError, match="no column"):
        summarise([], "tune_kept")


# Checks


def test_a_clean_study_states_every_check_as_fine() -> None:
    rows = study_rows(12)
    rows += [row("song 1", "jazz", 9, 0.5 + at % 2 / 50, is_control=True, number=10 * at) for at in range(8)]
    assert summarise(rows, "tune_kept").warnings == []
    found = {each.name for each in summarise(rows, "tune_kept").checks}
    assert found >= {"songs", "equal numbers", "repeats", "failures", "measured", "same files", "one version",
                     "drift", "service"}  # fmt: skip


def test_failures_that_hit_one_level_more_than_another_are_said() -> None:
    rows = study_rows(6)
    for each in [each for each in rows if each["prompt"] == "waltz"][:6]:
        each["state"] = "failed"
    assert check(summarise(rows, "tune_kept"), "failures") == (
        "look",
        "Losses are unequal: waltz 6 of 18, jazz 0 of 18. "
        "The takes that came back may be unlike those that did not.",
    )


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        ({"same_audio_as": "abc"}, "same files", "1 repeat is the very file of another take"),
        ({"extractor": "difference/2"}, "one version", "difference/1, difference/2"),
        ({"simulated": True}, "service", "1 of 18 takes are simulated"),
        ({"tune_kept": None}, "measured", "1 finished take without a number"),
        ({"state": "failed"}, "equal numbers", "2 to 3 takes"),
        ({"in_plan": False}, "left out", "1 row of earlier plans"),
        ({"state": "missing"}, "left out", "1 trial not run"),
        ({"prompt": None}, "left out", "1 row without a level of prompt"),
    ],
)
def test_each_thing_that_could_mislead_is_said(change: Row, name: str, said: str) -> None:
    rows = study_rows(3)
    rows[4].update(change)
    state, text = check(summarise(rows, "tune_kept"), name)
    assert state == "look"
    assert said in text


def test_drift_of_the_controls_is_the_slope_that_scipy_finds() -> None:
    draw = random.Random(2)
    controls = [row("song 1", "jazz", 9, draw.gauss(0.6, 0.01) - at / 100, is_control=True, number=7 * at)
                for at in range(10)]  # fmt: skip
    line = stats.linregress([c["number"] for c in controls], [c["tune_kept"] for c in controls])
    state, text = check(summarise(study_rows(3) + controls, "tune_kept"), "drift")
    assert state == "look"
    assert "10 control takes, orders 0 to 63 of 63, p < 0.001" in text
    assert f"−{-10 * line.slope:.4f} per 10 orders" in text


def test_drift_is_not_said_to_be_absent_where_controls_did_not_look() -> None:
    # The service gets worse after the first song, and all later controls failed.
    plan = sv.Plan(["a.mp3", "b.mp3", "c.mp3"], ["jazz", "waltz", "dub", "folk"], repeats=5,
                   control={"reference": "a", "prompt": "jazz"}, control_every=3)  # fmt: skip
    rows = [
        row(trial.reference, trial.factors["prompt"], trial.replicate,
            (0.8 if trial.number <= 26 else 0.2) + trial.number * 7 % 10 / 1000,
            number=trial.number, is_control=trial.is_control,
            **({"state": "failed"} if trial.is_control and trial.number > 26 else {}))
        for trial in plan
    ]  # fmt: skip
    state, text = check(summarise(rows, "tune_kept"), "drift")
    assert state == "look"
    assert "over 6 control takes, orders 4 to 24 of 79" in text
    assert "55 orders are beyond the controls" in text


def test_controls_of_an_earlier_plan_do_not_count_in_the_drift_of_this_one() -> None:
    # In the order of the earlier plan they come all over; as takes of this one they would show a steep line.
    earlier = [row("song 1", "jazz", 9, 0.9 - at / 10, is_control=True, in_plan=False, number=at)
               for at in range(8)]  # fmt: skip
    own = [row("song 1", "jazz", 9, 0.5 + at % 2 / 50, is_control=True, number=3 * at) for at in range(6)]
    found = summarise(study_rows(3) + own + earlier, "tune_kept")
    state, text = check(found, "drift")
    assert state == "fine"
    assert "over 6 control takes" in text
    assert check(found, "left out")[1] == "Left out: 8 rows of earlier plans."
    assert check(summarise(study_rows(3) + earlier, "tune_kept"), "drift")[0] == "unknown"


def test_without_controls_drift_is_unknown() -> None:
    state, text = check(summarise(study_rows(3), "tune_kept"), "drift")
    assert state == "unknown"
    assert text.startswith("No control takes")


def noisy_rows(songs: int = 8, seed: int = 5) -> list[Row]:
    """Waltzes whose takes vary twenty times as much as those of jazz and rock."""
    draw = random.Random(seed)
    return [
        row(f"song {song}", prompt, take, draw.gauss(0.5, spread))
        for song in range(songs)
        for prompt, spread in (("jazz", 0.01), ("rock", 0.01), ("waltz", 0.2))
        for take in range(4)
    ]


def test_levels_whose_takes_vary_more_than_others_are_measured_by_their_own_spread() -> None:
    found = summarise(noisy_rows(), "tune_kept")
    state, text = check(found, "equal spread")
    assert state == "look"
    assert text.startswith("Each level is measured by its own spread: levels differ in it (Kruskal-Wallis p ")
    jazz, _, waltz = found.cells
    assert waltz.high - waltz.low > 10 * (jazz.high - jazz.low)


def test_for_one_song_a_pair_of_unequal_spread_has_welchs_interval() -> None:
    # Six cells a level: one song in six moods.
    rows = [{**each, "reference": "one", "mood": each["reference"]} for each in noisy_rows(6, seed=6)]
    frame = pd.DataFrame(rows)
    frame.insert(list(frame.columns).index("replicate"), "mood", frame.pop("mood"))
    pair = summarise(frame, "tune_kept", "prompt").pairs[1]
    groups = {prompt: [np.var(part["tune_kept"], ddof=1) for _, part in found.groupby("mood")]
              for prompt, found in frame.groupby("prompt")}  # fmt: skip
    parts = [statistics.fmean(groups[prompt]) / 24 for prompt in ("jazz", "waltz")]
    degrees = sum(parts) ** 2 / sum(part**2 / 18 for part in parts)
    half = stats.t.ppf(0.975, degrees) * math.sqrt(sum(parts))
    assert (pair.first, pair.second) == ("jazz", "waltz")
    assert (pair.high - pair.low) / 2 == pytest.approx(half)


def odd_song(times: float, songs: int = 5, repeats: int = 3, prompts: str = "ab") -> list[Row]:
    """Songs of which one varies so many times as much as the others."""
    draw = random.Random(8)
    return [{**row(f"song {song}", prompt, take, None), "own": draw.gauss(0, 1 if song else times)}
            for song in range(songs) for prompt in prompts for take in range(repeats)]  # fmt: skip


@pytest.mark.parametrize("prompts", ["ab", "a"])
def test_songs_that_differ_in_spread_are_worth_a_look_and_have_wider_intervals(prompts: str) -> None:
    rows = odd_song(20, prompts=prompts)
    found = summarise(rows, "own", by="prompt")
    state, text = check(found, "equal spread")
    assert state == "look"
    assert (
        "Takes of some songs, or of other cells, vary more than those of others (Cochran's C, p < 0.001)"
        in text
    )
    values = [each["own"] for each in rows if each["prompt"] == "a"]
    variances = [statistics.variance(values[at : at + 3]) for at in range(0, 15, 3)]
    degrees = sum(variances) ** 2 / sum(its**2 / 2 for its in variances)
    half = stats.t.ppf(0.975, degrees) * math.sqrt(sum(variances) / 3) / 5
    assert (found.cells[0].high - found.cells[0].low) / 2 == pytest.approx(half)


def test_songs_that_vary_alike_are_said_to_and_are_pooled() -> None:
    found = summarise(odd_song(1), "own")
    state, text = check(found, "equal spread")
    assert state == "fine"
    assert "hardly differ in spread (Cochran's C, p = " in text


def test_songs_that_do_not_vary_at_all_beside_others_that_do_are_seen() -> None:
    rows = [{**each, "own": 0.5 if each["reference"] in ("song 3", "song 4") else each["own"]}
            for each in odd_song(1)]  # fmt: skip
    assert check(summarise(rows, "own"), "equal spread")[0] == "look"


def test_a_take_far_from_the_others_of_its_cell_is_named() -> None:
    rows = odd_song(1)
    state, text = check(summarise(rows, "own"), "odd takes")
    assert (state, text) == (
        "fine",
        "None of 30 takes lies more than 6 median absolute deviations from the others of their cell.",
    )
    odd = [{**each, "own": -12.5} if at == 4 else each for at, each in enumerate(rows)]
    state, text = check(summarise(odd, "own"), "odd takes")
    assert state == "look"
    assert text.startswith("1 of 30 takes lies more than 6 median absolute deviations from the others of ")
    assert "cell: song 0 b −12.500. Intervals take" in text


def test_of_two_takes_that_lie_far_apart_none_is_said_to_be_the_odd_one() -> None:
    rows = odd_song(1, repeats=2)
    rows[0] = {**rows[0], "own": 30.0}
    state, text = check(summarise(rows, "own"), "odd takes")
    assert state == "look"
    assert "song 0 a 30.000 or the other of the two." in text


def test_values_with_a_long_tail_are_worth_a_look_and_say_to_which_side() -> None:
    draw = random.Random(1)
    rows = [{**row(f"song {song}", prompt, take, None), "own": draw.lognormvariate(0, 1.5)}
            for song in range(8) for prompt in "ab" for take in range(5)]  # fmt: skip
    state, text = check(summarise(rows, "own"), "odd takes")
    assert state == "look"
    assert " above, 0 below." in text


def test_too_few_repeats_tell_no_odd_take_and_whole_numbers_are_not_asked() -> None:
    state, text = check(summarise(odd_song(1, songs=3), "own"), "odd takes")
    assert (state, text) == (
        "unknown", "Too few repeats that differ to tell odd takes: it takes 10 of a level.",
    )  # fmt: skip
    whole = [{**each, "own": float(round(each["own"]))} for each in odd_song(1)]
    assert all(found.name != "odd takes" for found in summarise(whole, "own").checks)


# The verdict, and how it shows


def test_the_verdict_comes_first_and_names_the_difference() -> None:
    found = summarise(study_rows(8), "tune_kept", scope="these songs")
    pair = found.pairs[0]
    assert found.verdict.startswith("'jazz' keeps less of the tune than 'waltz': −0.")
    assert found.verdict.endswith(", p < 0.001, 8 songs.")
    assert f"{pair.low:.3f}".replace("-", "−") in found.verdict
    assert str(found).splitlines()[1] == found.verdict


def test_of_many_pairs_the_verdict_says_how_many_differ_and_which_most() -> None:
    found = summarise(study_rows(8, ("a", "b", "c")), "tune_kept")
    assert found.verdict.startswith("3 of 3 pairs differ clearly. 'a' keeps less of the tune than 'c': ")
    assert "p < 0.001 after Holm" in found.verdict


def test_what_is_within_chance_is_not_called_a_difference() -> None:
    found = summarise(study_rows(5, ("a", "b", "c"), 2, step=0.0, seed=11), "tune_kept")
    assert not any(pair.is_clear for pair in found.pairs)
    assert found.verdict.startswith("None of 3 pairs differs clearly in tune_kept; the clearest is ")
    two = summarise(study_rows(5, repeats=2, step=0.0, seed=11), "tune_kept")
    assert two.verdict.startswith("Whether 'jazz' and 'waltz' differ in tune_kept cannot be told: ")


def test_one_level_gets_its_estimate_in_words() -> None:
    found = summarise(study_rows(5, ("jazz",)), "tune_kept")
    assert found.by == ()
    assert found.verdict.startswith("All takes together have a tune_kept of 0.")


def test_of_takes_that_do_not_differ_at_all_nothing_is_said_of_chance() -> None:
    rows = [row(song, prompt, take, value) for song in "ab" for prompt, value in (("x", 0.1), ("y", 0.3))
            for take in (1, 2)]  # fmt: skip
    found = summarise(rows, "tune_kept")
    pair = found.pairs[0]
    assert pair.difference == pytest.approx(-0.2)
    assert math.isnan(pair.low)
    assert math.isnan(pair.p)
    assert not pair.is_clear
    assert "the values do not vary, so nothing can be said of chance" in found.verdict
    assert "p <" not in str(found)


def test_controls_that_do_not_differ_show_no_drift() -> None:
    controls = [row("song 1", "jazz", 9, 0.5, is_control=True, number=2 * at) for at in range(8)]
    assert check(summarise(study_rows(3) + controls, "tune_kept"), "drift")[0] == "fine"


def test_where_numbers_of_takes_differ_it_is_said_and_one_take_gets_no_interval() -> None:
    rows = study_rows(3, repeats=4, seed=1)
    two = [each for each in rows if each["prompt"] == "jazz" or each["replicate"] <= 2]
    state, text = check(summarise(two, "tune_kept"), "equal spread")
    assert state == "look"
    assert text.startswith(
        "Cells differ in their number of takes. Each level is measured by its own spread, "
    )
    assert "One more take of each cell makes it some 37 % narrower." in text
    one = summarise([each for each in two if each["prompt"] == "jazz" or each["replicate"] == 1], "tune_kept")
    assert not math.isnan(one.cells[0].low)
    assert math.isnan(one.cells[1].low)
    assert "has no two takes of a cell" in one.pairs[0].reason


def test_it_shows_itself_untrusted_and_hides_no_markup() -> None:
    found = summarise(study_rows(6, ("<b>jazz</b>", "a\x1b[31m waltz")), "tune_kept")
    bundle = found._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    page = Page(bundle["text/html"])
    known = ("<th> is dropped", "<thead> is dropped")  # kept by JupyterLab
    harmless = ("overflow-x", "font-variant-numeric")
    assert [
        said for said in page.problems if said not in known and not any(h in said for h in harmless)
    ] == []
    assert "<b>jazz</b>" in page.text
    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]


def test_what_is_simulated_says_so() -> None:
    found = summarise([{**each, "simulated": True} for each in study_rows(3)], "tune_kept")
    assert "(simulated)" in str(found).splitlines()[0]
    assert "simulated" in Page(found._repr_mimebundle_()["text/html"]).text


def test_a_summary_of_many_levels_stays_short() -> None:
    rows = study_rows(2, tuple(f"prompt {at}" for at in range(40)), 2)
    found = summarise(rows, "tune_kept")
    assert len(found.pairs) == 780
    assert len(found._repr_mimebundle_()["text/html"]) < 100_000
    assert "The clearest 60 of 780." in str(found)


def test_it_goes_to_frames_and_to_json_and_back() -> None:
    found = summarise(study_rows(6, repeats=1), "tune_kept")
    assert Summary.from_json(found.to_json()) == found
    frame, pairs = found.to_frame(), found.pairs_frame()
    assert list(frame["prompt"]) == ["jazz", "waltz"]
    assert math.isnan(frame["low"][0])
    assert list(pairs.columns) == [
        "first",
        "second",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "songs",
        "reason",
    ]
    with pytest.raises(ConfigurationError, match="holds no Summary"):
        Summary.from_json("[]")


@pytest.mark.parametrize(
    ("low", "high", "digits"),
    [
        (-0.17, -0.07, 2),
        (0.58, 0.60, 3),
        (-30.0, 60.0, 0),
        (0.0, 0.0, 2),
        (-0.09, -0.003, 3),
        (-0.09, 0.003, 2),
    ],
)
def test_figures_have_the_digits_that_their_interval_allows(low: float, high: float, digits: int) -> None:
    assert digits_for(low, high, (low + high) / 2) == digits


# Whole numbers


def stars(values: dict[str, tuple[int, ...]], songs: int = 1) -> list[Row]:
    """Takes of so many stars by prompt, the same of every song."""
    return [{**row(f"song {song}", prompt, take, None), "stars": star} for song in range(songs)
            for prompt, given in values.items() for take, star in enumerate(given, 1)]  # fmt: skip


@pytest.mark.parametrize("given", [
    {"jazz": (4, 4), "waltz": (5, 5)},
    {"jazz": (4, 4, 5), "waltz": (5, 5, 5)},
    {"jazz": (0, 0), "waltz": (1, 0)},
])  # fmt: skip
def test_a_few_stars_that_are_nearly_alike_are_never_called_clear(given: dict[str, tuple[int, ...]]) -> None:
    found = summarise(stars(given), "stars")
    assert not any(pair.is_clear for pair in found.pairs)
    assert all(math.isnan(pair.low) for pair in found.pairs)
    assert "p <" not in str(found)
    assert found.verdict.startswith("Nothing can be said for sure of differences in stars: ")
    state, text = check(found, "whole numbers")
    assert state == "look"
    assert "rough" in text


def test_many_stars_have_an_interval_inside_of_1_to_5() -> None:
    found = summarise(stars({"jazz": (4, 5, 5, 5), "waltz": (1, 2, 1, 1)}, songs=5), "stars")
    assert found.pairs[0].is_clear
    for cell in found.cells:
        assert 1 <= cell.low < cell.estimate < cell.high <= 5
    assert check(found, "whole numbers")[0] == "fine"


def test_figures_with_decimals_are_not_taken_for_whole_numbers() -> None:
    assert "whole numbers" not in {each.name for each in summarise(study_rows(3), "tune_kept").checks}


# Cells without a take


def tempo_rows(lost: tuple[tuple[str, str], ...]) -> list[Row]:
    """Two songs, two prompts and two tempi, of which the slow one keeps more; what is lost was not run."""
    return [
        {"reference": song, "prompt": prompt, "tempo": tempo, "replicate": take,
         "state": "missing" if (prompt, tempo) in lost else "done",
         "tune_kept": None if (prompt, tempo) in lost else (0.8 if tempo == "slow" else 0.2) + take / 100}
        for song in "ab" for prompt in ("jazz", "waltz") for tempo in ("slow", "fast") for take in (1, 2)
    ]  # fmt: skip


def test_cells_without_a_take_are_not_said_to_have_equal_numbers() -> None:
    found = summarise(tempo_rows((("jazz", "fast"),)), "tune_kept", by="prompt")
    assert check(found, "equal numbers") == (
        "look", "2 cells without a take that counts: a has no jazz, fast; b has no jazz, fast.",
    )  # fmt: skip
    state, text = check(found, "same cells")
    assert state == "look"
    assert "jazz and waltz are means over different levels of tempo" in text


def test_levels_that_share_no_cell_are_said_to_differ_in_that_too() -> None:
    found = summarise(tempo_rows((("jazz", "fast"), ("waltz", "slow"))), "tune_kept", by="prompt")
    state, text = check(found, "same cells")
    assert state == "look"
    assert "no level of tempo in common: their difference may be that of tempo" in text


def test_a_whole_design_and_a_prompt_without_the_slot_have_the_same_cells() -> None:
    rows = tempo_rows(())
    assert check(summarise(rows, "tune_kept", by="prompt"), "same cells")[0] == "fine"
    rows = [each for each in rows if (each["prompt"], each["tempo"]) != ("jazz", "fast")]
    for each in rows:
        each["tempo"] = None if each["prompt"] == "jazz" else each["tempo"]
    found = summarise(rows, "tune_kept", by="prompt")
    assert check(found, "same cells")[0] == check(found, "equal numbers")[0] == "fine"


def test_compared_by_song_the_summary_speaks_of_all_of_them() -> None:
    found = summarise(study_rows(3), "tune_kept", by="reference")
    assert check(found, "songs") == ("fine", "It speaks of 3 songs, and not of others.")
    assert "1 song" not in found.verdict
    assert [pair.songs for pair in found.pairs] == [2, 2, 2]
    both = summarise(study_rows(2), "tune_kept", by=["reference", "prompt"])
    assert [pair.songs for pair in both.pairs] == [1, 2, 2, 2, 2, 1]


def test_where_only_takes_without_the_slot_have_a_metric_the_refusal_is_true_and_leads_on() -> None:
    rows = tempo_rows((("waltz", "slow"), ("waltz", "fast")))
    for each in rows:
        each["tempo"] = None if each["prompt"] == "jazz" else each["tempo"]
        each["state"] = "done"
    with pytest.raises(ConfigurationError) as raised:
        summarise(rows, "tune_kept", by="tempo")
    assert raised.value.message == "No take with a tempo has a tune_kept: 8 done without it."
    assert 'by="prompt" compares the 8 that have one' in raised.value.hint
    assert "orders" not in raised.value.hint


def test_prompts_that_differ_in_how_they_end_are_told_apart() -> None:
    start = "a warm and slightly nostalgic lo-fi hip hop remix with dusty drums and "
    prompts = (f"{start}a slow waltz", f"{start}a fast polka")
    said = repr(summarise(study_rows(3, prompts), "tune_kept", by="prompt"))
    levels, pairs = said.index("\nlevels"), said.index("\npairs")
    for part in (said[:levels], said[levels:pairs], said[pairs:]):
        assert "waltz" in part
        assert "polka" in part
