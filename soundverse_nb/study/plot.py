"""A metric by factor as a picture: every take a dot, coloured by its song, the interval beside them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from soundverse_nb.errors import import_extra
from soundverse_nb.render.colours import QUIET, song_colour
from soundverse_nb.render.escape import plain, shortened
from soundverse_nb.study.counted import Counted, count, level_name
from soundverse_nb.study.estimates import Method, Scope, cell, level_estimator, refuse_unknown
from soundverse_nb.study.spread import spread_of
from soundverse_nb.study.summary_request import asked_axes, asked_seed

_WIDTH = 8.0
_ROW = 0.62  # inches of a level with its dots and its interval
_MOST_NAMED = 12
"""Songs that a legend names; more would be longer than the picture."""

_MARKERS = "os^Dv"
_COLOURS = 6  # of songs, before they repeat with another marker


def plot_metric(
    rows: Any,
    metric: str,
    by: str | Sequence[str] | None = None,
    ax: Any = None,
    *,
    scope: Scope = "these songs",
    method: Method = "t",
    seed: int = 0,
) -> Any:
    """Draw a metric by factor: a dot a take, coloured by its song, and below the dots mean and 95 % interval.

    Parameters
    ----------
    rows, metric, by, scope, method : as in `summarise`, and the same takes count.
    ax : matplotlib axes to draw into; without them a figure is made.
    seed : of how the dots are spread, so that they do not hide each other, and of the bootstrap.

    Returns the axes. Raises ConfigurationError as `summarise` does, and where matplotlib is missing.
    """
    refuse_unknown(scope, method)
    ax, seed = asked_axes(ax), asked_seed(seed)
    counted = count(rows, metric, by)
    estimate = level_estimator(counted, spread_of(counted), scope, method, seed)
    levels = [level for level in counted.levels if level in counted.values]
    axes = ax if ax is not None else new_axes(_WIDTH, 1.1 + _ROW * len(levels) + 0.2 * _legend_rows(counted))
    _draw_takes(axes, counted, levels, seed)
    reasons = []
    for place, level in enumerate(levels):
        found = cell(counted, level, estimate).interval
        _draw_interval(axes, place + 0.33, found.estimate, found.low, found.high)
        reasons.append(found.reason)
    name_rows(axes, [level_name(level) for level in levels], 3)
    axes.set_ylim(len(levels) - 0.45, -0.45)
    note = f"● mean; {reasons[0]}" if all(reasons) else f"● mean with 95 % interval, {scope}"
    axes.set_xlabel(f"{plain(metric, 60)}\n{note}", parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _name_songs(axes, counted)
    if counted.simulated:
        axes.set_title("simulated", loc="right", fontsize="small", color=QUIET)
    return axes


def new_axes(width: float, height: float) -> Any:
    """Axes of a figure of their own, so many inches wide and high, opaque whatever is behind it."""
    plt = import_extra("matplotlib.pyplot", "A plot")
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    # Some notebooks make it transparent, and dark text is unreadable on a dark page.
    figure.patch.set_alpha(1.0)
    return axes


def name_rows(axes: Any, names: Sequence[str], lines: int) -> None:
    """Names at the left of rows 0, 1, ..., wrapped so that they take at most some third of the width."""
    characters = name_width(axes)
    most = characters if lines == 1 else lines * characters - 6  # some are lost where words are wrapped
    labels = ["\n".join(textwrap.wrap(shortened(name, most), characters)) for name in names]
    # A prompt may hold $, which would begin a formula.
    axes.set_yticks(range(len(names)), labels, fontsize="small", parse_math=False)


def name_width(axes: Any) -> int:
    """How many characters a line of a row's name may have."""
    return max(12, round(float(axes.figure.get_figwidth()) * 4))


def _draw_takes(axes: Any, counted: Counted, levels: Sequence[tuple[str, ...]], seed: int) -> None:
    jitter = np.random.default_rng(seed)
    for at, song in enumerate(counted.songs):
        values: list[float] = []
        places: list[float] = []
        for place, level in enumerate(levels):
            for group in counted.values[level].get(song, {}).values():
                values += group
                places += list(place - 0.08 + jitter.uniform(-0.24, 0.24, len(group)))
        axes.scatter(
            values,
            places,
            s=26 if counted.takes < 300 else 12,
            color=song_colour(at % _COLOURS),
            marker=_MARKERS[at // _COLOURS % len(_MARKERS)],
            alpha=0.8,
            linewidths=0,
            label=plain(song, 30) or None,
            zorder=2,
        )


def _draw_interval(axes: Any, place: float, middle: float, low: float, high: float) -> None:
    import matplotlib as mpl

    colour = mpl.rcParams["text.color"]  # readable on whatever background the style in force has
    if not math.isnan(low):
        axes.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt", zorder=3)
        axes.plot([low, high], [place, place], color=colour, ls="", marker="|", ms=8, mew=1.5, zorder=3)
    axes.plot([middle], [place], color=colour, marker="o", ms=6, zorder=4)


def _legend_rows(counted: Counted) -> int:
    songs = len(counted.songs)
    return 0 if not 1 < songs <= _MOST_NAMED else math.ceil(songs / 3)


def _name_songs(axes: Any, counted: Counted) -> None:
    songs = [song for song in counted.songs if song]
    if not 1 < len(songs) <= _MOST_NAMED:
        if len(songs) > _MOST_NAMED:
            axes.set_title(f"{len(songs)} songs, each in its colour and shape", loc="left", fontsize="small")
        return
    columns = max(1, min(len(songs), int(axes.figure.get_figwidth() // 2.4)))
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize="small",
        handletextpad=0.2,
        borderaxespad=0.2,
        columnspacing=1.2,
    )
    for entry in legend.get_texts():
        entry.set_parse_math(False)
