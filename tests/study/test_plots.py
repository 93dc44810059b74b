"""Plots of a study: every take is a dot, every trial a bar, and names can be read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.colours import stage_colour
from soundverse_nb.study.plot import plot_metric
from soundverse_nb.study.summarise import summarise
from soundverse_nb.study.timeline import plot_timeline
from tests.study.rows import Row, study_rows

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def dots(axes: Any) -> list[tuple[float, float]]:
    return [tuple(point) for found in axes.collections for point in found.get_offsets().tolist()]


def names(axes: Any) -> list[str]:
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def test_every_take_that_counts_is_a_dot_in_the_row_of_its_level() -> None:
    rows = study_rows(3)
    rows[0]["state"] = "failed"
    axes = plot_metric(rows, "tune_kept")
    assert sorted(x for x, _ in dots(axes)) == pytest.approx(sorted(row["tune_kept"] for row in rows[1:]))
    jazz = [row["tune_kept"] for row in rows[1:] if row["prompt"] == "jazz"]
    assert sorted(x for x, y in dots(axes) if abs(y) < 0.5) == pytest.approx(sorted(jazz))
    assert names(axes) == ["jazz", "waltz"]


def test_the_dots_lie_the_same_each_time() -> None:
    assert dots(plot_metric(study_rows(), "tune_kept")) == dots(plot_metric(study_rows(), "tune_kept"))


def test_the_interval_is_beside_the_dots_and_the_axis_says_of_which_songs() -> None:
    axes = plot_metric(study_rows(6), "tune_kept", scope="songs like these")
    assert axes.get_xlabel() == "tune_kept\n● mean with 95 % interval, songs like these"
    low, high = axes.lines[0].get_xdata()
    assert low < axes.lines[2].get_xdata()[0] < high
    assert not any(abs(y - axes.lines[0].get_ydata()[0]) < 0.005 for _, y in dots(axes))


@pytest.mark.parametrize("scope", ["these songs", "songs like these"])
def test_the_interval_that_is_drawn_is_the_one_of_the_summary_and_stays_in_the_range(scope: Any) -> None:
    rows = [{**each, "tune_kept": 1 - each["tune_kept"] / 40} for each in study_rows(6)]
    rows[0]["tune_kept"] = 0.3
    axes = plot_metric(rows, "tune_kept", scope=scope)
    cells = summarise(rows, "tune_kept", scope=scope).cells
    drawn = [float(end) for at in (0, 3) for end in axes.lines[at].get_xdata()]
    assert drawn == pytest.approx([end for cell in cells for end in (cell.low, cell.high)])
    assert max(drawn) < 1


def test_single_takes_have_a_mean_and_the_reason_why_no_interval() -> None:
    axes = plot_metric(study_rows(repeats=1), "tune_kept")
    assert "no cell has two takes" in axes.get_xlabel()
    assert len(axes.lines) == 2


def test_it_draws_into_axes_that_are_given() -> None:
    figure, axes = plt.subplots()
    assert plot_metric(study_rows(), "tune_kept", ax=axes) is axes
    assert plot_timeline([], ax=axes).figure is figure


@pytest.mark.parametrize("width", [3.6, 8.0])
def test_many_levels_with_long_names_do_not_overlap(width: float) -> None:
    prompts = tuple(
        f"a $remix$ number {at} of a song, " + "slow and sad and " * 4 + f"end {at}" for at in range(9)
    )
    figure, axes = plt.subplots(figsize=(width, 6), layout="constrained")
    plot_metric(study_rows(3, prompts), "tune_kept", ax=axes)
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.x0 >= 0 for box in boxes)
    assert len(set(names(axes))) == 9


def test_songs_are_named_as_far_as_a_legend_can() -> None:
    axes = plot_metric(study_rows(10), "tune_kept")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"song {at + 1}" for at in range(10)
    ]
    assert plot_metric(study_rows(30), "tune_kept").get_legend() is None


def test_what_is_simulated_is_marked_in_the_picture() -> None:
    axes = plot_metric([{**row, "simulated": True} for row in study_rows()], "tune_kept")
    assert axes.get_title("right") == "simulated"


# The timeline


def streams(count: int, pause: float = 0.0) -> list[Row]:
    """Trials a second apart: streaming from 5 s on, held at 90 % from 15 to 20 s, fetched by 22 s."""
    hold = {"seconds_held_at_90": 5.0, "s_queued": 0.0, "s_streaming": 5.0}
    times = {"seconds": 20.0, "s_completed": 20.0, **hold}
    starts = [1.7e9 + at + (pause if at >= count // 2 else 0.0) for at in range(count)]
    return [
        {
            "reference": f"song {at}",
            "prompt": "jazz",
            "replicate": 1,
            "state": "done",
            "started": start,
            "finished": start + 22.0,
            **times,
        }
        for at, start in enumerate(starts)
    ]


def spans(axes: Any, colour: str) -> list[tuple[float, float]]:
    """From where to where bars of a colour are."""
    for found in axes.collections:
        colours = {mpl.colors.to_hex(each) for each in found.get_facecolor()}
        if colours == {colour}:
            return [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in found.get_paths()]
    return []


def test_each_stage_is_where_it_was_and_the_hold_before_the_end_of_generating() -> None:
    axes = plot_timeline(streams(2))
    assert spans(axes, stage_colour("queued")) == [(0, 5), (1, 6)]
    assert spans(axes, stage_colour("streaming")) == [(5, 15), (6, 16)]
    assert spans(axes, stage_colour("held")) == [(15, 20), (16, 21)]
    assert spans(axes, stage_colour("completed")) == [(20, 22), (21, 23)]
    assert names(axes) == ["song 0", "song 1"], "what all have in common tells nothing"


def test_streams_are_told_apart_by_all_that_varies_however_long_the_levels_are() -> None:
    songs = ["harbour lights at night, as they played it live", "a waltz of strings and a choir"]
    prompts = ["a slow song with strings and a choir", "a fast song with drums and a bass"]
    rows = [
        {**row, "reference": songs[at % 2], "prompt": prompts[at // 2 % 2], "replicate": at // 4 + 1}
        for at, row in enumerate(streams(8))
    ]
    shown = names(plot_timeline(rows))
    assert len(set(shown)) == 8
    assert max(map(len, shown)) <= 32


def test_the_legend_has_the_stages_in_the_order_in_which_they_come_each_in_its_colour() -> None:
    rows = [{**row, "s_validating": 1.0, "s_queued": 2.0} for row in streams(2)]
    rows[0] = {**rows[0], "seconds_held_at_90": 0.0, "s_streaming": None}
    axes = plot_timeline(rows)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [
        "before the first stage", "request being checked", "in the service's queue", "generating",
        "held at 90 %", "being fetched",
    ]  # fmt: skip
    colours = {mpl.colors.to_hex(found.get_facecolor()[0]) for found in axes.collections}
    assert len(colours) == len(labels)


def test_of_stages_that_begin_at_once_the_later_one_is_drawn() -> None:
    axes = plot_timeline([{**row, "s_validating": 0.0} for row in streams(2)])
    assert spans(axes, stage_colour("queued")) == [(0, 5), (1, 6)]
    assert spans(axes, stage_colour("validating")) == []


def test_a_frame_with_moments_and_a_stage_for_the_hold_is_drawn_the_same() -> None:
    frame = pd.DataFrame([{**row, "s_held_at_90": 15.0} for row in streams(2)])
    for column in ("started", "finished"):
        frame[column] = pd.to_datetime(frame[column], unit="s", utc=True)
    axes = plot_timeline(frame)
    assert spans(axes, stage_colour("held")) == [(15, 20), (16, 21)]
    assert spans(axes, stage_colour("completed")) == [(20, 22), (21, 23)]
    assert len(axes.get_legend().get_texts()) == 4


def test_many_streams_are_drawn_from_their_own_start() -> None:
    axes = plot_timeline(streams(100))
    assert set(spans(axes, stage_colour("streaming"))) == {(5, 15)}
    assert axes.get_xlabel() == "seconds since its start"
    together = plot_timeline(streams(100), since="first")
    assert together.get_xlabel() == "seconds since the first began"
    assert spans(together, stage_colour("completed"))[-1] == (119, 121)


def test_the_night_between_two_runs_is_cut_out_and_marked() -> None:
    axes = plot_timeline(streams(4, pause=36_000.0))
    assert max(right for _, right in spans(axes, stage_colour("completed"))) < 100
    assert [text.get_text() for text in axes.texts] == ["9 h 59 min later"]


def test_trials_that_never_began_are_not_there_and_an_empty_study_says_so() -> None:
    assert names(plot_timeline([*streams(1), {"reference": "x", "state": "missing", "started": None}])) == [
        "song 0, jazz, 1"
    ]
    assert plot_timeline([]).texts[0].get_text() == "no trial has begun"


def test_failed_and_unknown_trials_are_marked_at_their_end() -> None:
    rows = streams(3)
    rows[1]["state"], rows[2]["state"] = "failed", "unknown"
    said = [text.get_text() for text in plot_timeline(rows).get_legend().get_texts()]
    assert said[-2:] == ["failed", "outcome unknown"]


def test_a_trial_without_stages_is_one_bar() -> None:
    row = {"reference": "x", "replicate": 1, "state": "failed", "started": 1.7e9, "finished": 1.7e9 + 3}
    assert spans(plot_timeline([row]), stage_colour("")) == [(0, 3)]


def test_simulated_streams_say_so() -> None:
    assert plot_timeline([{**row, "simulated": True} for row in streams(2)]).get_xlabel() == (
        "seconds since the first began (simulated)"
    )


def test_since_is_one_of_two_words() -> None:
    with pytest.raises(ConfigurationError, match="'first' or 'own'"):
        plot_timeline([], since="noon")  # type: ignore[arg-type]
