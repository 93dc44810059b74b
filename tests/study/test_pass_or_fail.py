"""Metrics that are 0 or 1: intervals of shares hold the truth where hardly a take passes, or every one."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soundverse_nb.study.pass_or_fail import SHARES, of_songs, of_takes, of_two_shares
from soundverse_nb.study.summarise import summarise
from soundverse_nb.study.summary import CellEstimate, PairDifference, Summary
from tests.study.rows import Row, row

pytestmark = pytest.mark.filterwarnings("ignore:.* songs are few")


def passing(shares: dict[str, list[float]], takes: int, draw: random.Random | None = None) -> list[Row]:
    """Of each song of each prompt so many takes, of which this share passes, by chance or exactly."""
    return [
        {
            **row(f"song {song}", prompt, take, None),
            "passes": draw.random() < share if draw else take < round(share * takes),
        }
        for prompt, songs in shares.items()
        for song, share in enumerate(songs)
        for take in range(takes)
    ]


def both(found: Summary) -> list[CellEstimate | PairDifference]:
    return [*found.cells, *found.pairs]


@pytest.mark.parametrize("songs", [5, 12])
@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.parametrize("share", [0.03, 0.2, 0.5])
def test_an_interval_of_songs_like_these_holds_the_truth_in_95_of_100_studies_or_more(
    songs: int, varied: bool, share: float
) -> None:
    """300 studies: 95 % less four standard errors. By Student's t it was in as few as 74 of 100."""
    draw = random.Random(7)

    def of_song() -> float:
        return draw.betavariate(2 * share, 2 * (1 - share)) if varied else share

    held = [0, 0, 0]
    for _ in range(300):
        shares = {prompt: [of_song() for _ in range(songs)] for prompt in ("jazz", "waltz")}
        found = summarise(passing(shares, 3, draw), "passes", scope="songs like these")
        jazz, waltz = found.cells
        pair = found.pairs[0]
        held[0] += jazz.low <= share <= jazz.high
        held[1] += waltz.low <= share <= waltz.high
        held[2] += pair.low <= 0 <= pair.high
    assert min(held) >= 0.9 * 300


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
@pytest.mark.parametrize(("songs", "takes"), [(1, 10), (2, 5), (5, 10)])
def test_an_interval_of_these_songs_holds_the_truth_in_95_of_100_studies_or_more(
    songs: int, takes: int, share: float
) -> None:
    draw = random.Random(8)
    held = [0, 0, 0]
    for _ in range(300):
        shares = {"jazz": [share] * songs, "waltz": [0.5] * songs}
        found = summarise(passing(shares, takes, draw), "passes")
        for at, (each, truth) in enumerate(zip(both(found), (share, 0.5, share - 0.5), strict=True)):
            held[at] += each.low <= truth <= each.high
    assert min(held) >= 0.9 * 300


@pytest.mark.parametrize(("passed", "takes"), [(0, 12), (1, 12), (6, 12), (12, 12)])
def test_a_level_of_these_songs_has_the_interval_of_clopper_and_pearson(passed: int, takes: int) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    found = of_takes(passed / takes, takes)
    exact = stats.binomtest(passed, takes).proportion_ci(0.95, "exact")
    assert [found.low, found.high] == pytest.approx([exact.low, exact.high])
    assert [found.low, found.high] == pytest.approx(
        proportion.proportion_confint(passed, takes, method="beta")
    )


@pytest.mark.parametrize("passed", [(0, 9), (3, 5), (10, 0), (0, 0)])
def test_a_pair_of_these_songs_has_the_interval_of_agresti_and_caffo(passed: tuple[int, int]) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    one, other = passed
    low, high = proportion.confint_proportions_2indep(one, 10, other, 12, "agresti-caffo", "diff")
    found = of_two_shares([one / 10, other / 12], [10, 12])
    assert [found.low, found.high] == pytest.approx([max(-1, low), min(1, high)])
    assert (found.p < 0.05) == (not low <= 0 <= high)
    rows = passing({"jazz": [one / 10]}, 10) + passing({"waltz": [other / 12]}, 12)
    pair = summarise(rows, "passes").pairs[0]
    assert [pair.low, pair.high, pair.p] == pytest.approx([found.low, found.high, found.p])


@pytest.mark.parametrize("passed", [1, 5, 11])
def test_songs_that_pass_or_fail_as_a_whole_have_the_quantiles_of_a_beta_distribution(passed: int) -> None:
    found = of_songs([1.0] * passed + [0.0] * (12 - passed), SHARES, 0)
    low, high = stats.beta(passed, 12 - passed + 0.5), stats.beta(passed + 0.5, 12 - passed)
    assert [found.low, found.high] == pytest.approx([low.ppf(0.025), high.ppf(0.975)], abs=0.02)


def test_where_every_take_passes_the_interval_says_how_many_might_not() -> None:
    rows = passing({"jazz": [1.0] * 6, "waltz": [1.0] * 6}, 3)
    for scope in ("these songs", "songs like these"):
        found = summarise(pd.DataFrame(rows), "passes", scope=scope)  # type: ignore[arg-type]
        for cell in found.cells:
            assert 0.5 < cell.low < cell.estimate == cell.high == 1.0
        pair = found.pairs[0]
        assert -0.5 < pair.low < 0 < pair.high < 0.5
        assert not pair.is_clear
        assert "passes is 0 or 1 in every take" in str(found)
        assert ("More songs make them narrower" in str(found)) == (scope == "songs like these")


def test_a_number_that_is_always_0_or_always_1_is_not_taken_for_a_share() -> None:
    rows = [{**each, "loudness_change_lu": 0.0} for each in passing({"jazz": [1.0] * 6}, 3)]
    found = summarise(rows, "loudness_change_lu", scope="songs like these")
    assert "do not vary" in found.cells[0].reason
    assert "a metric with range=(0, 1), or of True and False, has an interval" in found.cells[0].reason


def test_a_number_that_is_always_1_is_a_share_where_its_metric_says_that_it_lies_from_0_to_1() -> None:
    rows = [{**each, "ok": 1.0} for each in passing({"jazz": [1.0] * 6}, 3)]
    frame = pd.DataFrame(rows)
    frame.attrs["metric_ranges"] = {"ok": [0.0, 1.0]}
    assert 0.5 < summarise(frame, "ok", scope="songs like these").cells[0].low < 1.0


def test_counts_that_are_0_or_1_so_far_are_not_taken_for_shares() -> None:
    rows = [{**each, "clipped_runs": float(each["passes"])} for each in passing({"jazz": [0.5] * 6}, 4)]
    assert "0 or 1 in every take" not in str(summarise(rows, "clipped_runs", scope="songs like these"))


def test_the_order_of_songs_changes_no_interval() -> None:
    values = list(np.random.default_rng(1).integers(0, 4, 9) / 3)
    assert of_songs(values, SHARES, 0) == of_songs(values[::-1], SHARES, 0)


def test_prompts_that_differ_in_every_song_differ_clearly_and_p_agrees_with_the_interval() -> None:
    for high, low, is_clear in ((1.0, 0.0, True), (0.6, 0.4, False)):
        found = summarise(
            passing({"jazz": [high] * 8, "waltz": [low] * 7 + [high]}, 5), "passes", scope="songs like these"
        )
        assert found.pairs[0].is_clear == is_clear
        assert (found.pairs[0].low > 0) == is_clear
