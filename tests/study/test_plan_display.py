"""How a plan shows itself: what is varied, what it takes, and what it can find."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from markupsafe import Markup
from scipy import stats

import soundverse_nb as sv
from soundverse_nb.study.estimate import half_widths
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.plan_display import plan_html, plan_text

SONGS = ["one.mp3", "two.mp3"]


def test_a_plan_says_what_is_varied_and_what_it_takes() -> None:
    plan = Plan(SONGS, ["jazz", "a {mood} waltz"], slots={"mood": ["sad", "merry"]}, repeats=3)
    text = plan_text(plan, price=0.1)
    assert text.splitlines()[0] == "Plan of 18 trials: 6 cells, 2 songs"
    for said in (
        r"reference +2 levels +one, two",
        r"prompt +2 levels +jazz, a \{mood\} waltz",
        r"mood +2 levels +sad, merry",
        r"cells +6 +every combination",
        r"takes +3 +of each cell",
        r"time +about 30 min +at 100 s a remix",
        r"price +1\.80 +at 0\.10 a remix",
        r"twice as many +36 +3\.60",
    ):
        assert re.search(said, text), said


def test_cells_left_out_and_controls_are_said() -> None:
    plan = Plan(
        SONGS,
        ["jazz", "rock"],
        repeats=[({"prompt": "jazz"}, 4)],
        excluded=[{"prompt": "rock", "reference": "two"}],
        control={"reference": "one", "prompt": "jazz"},
        control_every=2,
    )
    text = repr(plan)
    assert "every combination that is not excluded" in text
    assert re.search(r"takes +1 to 4 +1 of 1 cells, 4 of 2 cells", text)
    assert re.search(r"controls +4 +reference: one, prompt: jazz; after every 2 trials", text)
    assert "those of a table" in repr(Plan.from_frame([{"reference": "one.mp3", "prompt": "jazz"}]))
    assert "33 % of the whole plan" in repr(Plan(SONGS, ["a", "b", "c"]).shard(0, 3))


def test_a_hundred_levels_and_long_texts_stay_small() -> None:
    plan = Plan(
        [f"{n}.mp3" for n in range(100)], [f"style {n} " + "of a long text " * 100 for n in range(100)]
    )
    bundle = plan._repr_mimebundle_()
    assert "100 levels" in bundle["text/plain"]
    assert max(map(len, bundle["text/plain"].splitlines())) < 450
    assert len(bundle["text/html"]) < 25_000
    assert 'title="style 0 of a long text of a long text' in bundle["text/html"]


def test_foreign_words_are_escaped_and_no_address_is_shown() -> None:
    plan = Plan(
        {"<b>song": "https://songs.example.org/one.mp3?X-Signature=s3cret"},
        {'"><script>': "<img src=x onerror=alert(1)> " * 4, "\x1b[31mred": "red"},
        parameters={"p": {"<i>": 1}},
    )
    html, text = plan._repr_mimebundle_()["text/html"], repr(plan)
    assert not re.search("<script|<img|<b>song|<i>", html)
    assert "s3cret" not in html + text
    assert "\x1b" not in html + text


def test_the_half_width_is_that_which_welchs_interval_has_on_average() -> None:
    plan = Plan(SONGS, ["jazz", "rock"], repeats=3)
    found = half_widths(plan.trials, (1, 2))
    assert found[0].factor == "prompt"
    draw = np.random.default_rng(1)
    for width, takes in zip(found, (3, 6), strict=True):
        own = draw.standard_normal((4000, 2, 2, takes)).var(axis=-1, ddof=1).mean(axis=1)
        degrees = own.sum(axis=1) ** 2 / (own**2).sum(axis=1) * 2 * (takes - 1)
        halves = stats.t.ppf(0.975, degrees) * np.sqrt(own.sum(axis=1) / (2 * takes))
        assert width.spreads == pytest.approx(np.sqrt(np.mean(halves**2)), rel=0.02)


def test_the_factor_with_the_fewest_takes_a_level_counts() -> None:
    plan = Plan(SONGS, ["jazz", "rock"], parameters=[{"s": n} for n in range(4)], repeats=2)
    assert half_widths(plan.trials)[0].factor == "parameters"


def test_one_take_a_cell_finds_nothing_and_says_so() -> None:
    assert half_widths(Plan(SONGS, ["jazz", "rock"]).trials)[0].spreads is None
    text = repr(Plan(SONGS, ["jazz", "rock"]))
    assert "as planned          4       unknown" in text
    assert "so no interval can be given" in text


class FromPilot:
    def __str__(self) -> str:
        return "songs like these: ±0.02"

    def html(self) -> Markup:
        return Markup("<b>songs like these: ±0.02</b>")


def test_what_a_pilot_tells_takes_the_place_of_units_of_spread() -> None:
    plan = Plan(SONGS, ["jazz", "rock"], repeats=2)
    for shown in (plan_text(plan, FromPilot()), plan_html(plan, FromPilot())):
        assert "songs like these: ±0.02" in shown
        assert "SD" not in shown


def test_an_estimate_counts_rounds_and_money_exactly() -> None:
    plan = Plan(SONGS, ["jazz", "rock", "ska"], repeats=5)
    found = plan.estimate(price=0.1, seconds_per_remix=60, concurrency=4)
    assert (found.trials, found.seconds, found.price) == (30, 8 * 60, 3.0)
    assert str(found) == "30 trials · about 8 min, 4 at a time · price 3.00"
    assert plan.estimate().price is None


@pytest.mark.parametrize(
    "arguments",
    [{"price": -1}, {"price": math.nan}, {"price": "1"}, {"seconds_per_remix": -1}, {"concurrency": 0}],
)
def test_an_estimate_of_nonsense_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(sv.ConfigurationError):
        Plan(SONGS, "jazz").estimate(**arguments)  # type: ignore[arg-type]


def test_the_trials_are_a_data_frame() -> None:
    plan = Plan(
        SONGS, {"w": "a {mood} waltz", "j": "jazz"}, slots={"mood": ["sad"]}, parameters=[{"s": 1}], repeats=2
    )
    frame = plan.to_frame()
    assert list(frame.number) == list(range(1, 9))
    assert list(frame.columns[:6]) == ["number", "reference", "prompt", "mood", "parameters", "replicate"]
    assert set(frame[frame.prompt == "w"].prompt_sent) == {"a sad waltz"}
    assert frame[frame.prompt == "j"].mood.isna().all()


@pytest.mark.parametrize("name", ["number", "state", "cost", "audio", "replicate"])
def test_a_slot_cannot_take_the_name_of_a_column(name: str) -> None:
    with pytest.raises(sv.ConfigurationError, match=f"cannot be called '{name}'"):
        Plan("one.mp3", f"a {{{name}}} waltz", slots={name: ["sad"]})


def test_a_finer_plan_is_said_to_have_the_controls_that_it_would_have() -> None:
    def plan(takes: int) -> Plan:
        return Plan(SONGS, ["jazz", "rock", "dub"], repeats=takes, control_every=4,
                    control={"reference": Path(SONGS[0]).stem, "prompt": "jazz"})  # fmt: skip

    said = str(plan(3))
    for name, times in (("as planned", 1), ("twice as many", 2), ("four times as many", 4)):
        assert re.search(rf"{name} +{len(plan(3 * times))} ", said)
