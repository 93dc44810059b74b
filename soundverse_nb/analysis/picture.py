"""A picture of a difference: which second is which, and the notes of both songs above one another."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.analysis.kept import kept_analysis
from soundverse_nb.errors import import_extra
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import TONICS, Features
from soundverse_nb.render.colours import ORIGINAL, REMIX
from soundverse_nb.render.escape import plain
from soundverse_nb.render.units import clock

_COLUMNS = 600  # moments of a chromagram that are drawn


def draw(difference: Difference) -> Any:
    """A matplotlib Figure of the two songs and their alignment, by the remix's own time and notes.

    The notes of each are drawn as far as the measures of both are kept on this machine. The remix's rows are
    turned by its transposition, so that the same degree of the scale is the same row in both.
    """
    plt = import_extra("matplotlib.pyplot", "A plot")
    songs = (difference.reference, difference.remix)
    notes = [_notes(song) for song in songs]
    heights = [1.0, *([0.8] * sum(each is not None for each in notes))]
    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(7.5, 2.3 * sum(heights)),
        layout="constrained",
        height_ratios=heights,
        squeeze=False,
    )
    rows = list(axes[:, 0])
    _draw_alignment(rows.pop(0), difference)
    shift = 0 if math.isnan(difference.transposition) else round(difference.transposition)
    for song, found, turn, colour, word in zip(
        songs, notes, (0, shift), (ORIGINAL, REMIX), ("original", "remix"), strict=True
    ):
        if found is not None:
            _draw_notes(rows.pop(0), song, found, turn, f"{word}: {plain(song.name, 50)}", colour)
    plt.close(figure)  # else a notebook would show it twice: as an open figure, and as the cell's value
    return figure


def _draw_alignment(axes: Any, difference: Difference) -> None:
    for part in difference.alignment.segments:
        axes.plot(part.remix, part.reference, color=REMIX, lw=2)
    _time_axis(axes.xaxis, difference.remix.duration)
    _time_axis(axes.yaxis, difference.reference.duration)
    axes.set_xlim(0, difference.remix.duration)
    axes.set_ylim(0, difference.reference.duration)
    axes.set_xlabel("in the remix")
    axes.set_ylabel("in the original")
    axes.grid(alpha=0.3)
    axes.set_title(difference.verdict, fontsize="medium", loc="left", wrap=True)
    if not difference.alignment:
        axes.text(0.5, 0.5, "no common tune was found", transform=axes.transAxes, ha="center", va="center")


def _draw_notes(
    axes: Any, song: Features, notes: NDArray[np.float32], turn: int, title: str, colour: str
) -> None:
    turned = np.roll(notes, -turn, axis=1)
    names = [TONICS["major"][(row + turn) % 12] for row in range(12)]
    axes.imshow(
        turned.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, song.duration, -0.5, 11.5),
        interpolation="nearest",
    )
    axes.set_yticks(range(12), names, fontsize="x-small")
    axes.set_title(title, fontsize="medium", loc="left", color=colour)
    _time_axis(axes.xaxis, song.duration)


def _time_axis(axis: Any, duration: float) -> None:
    step = next((step for step in (5, 10, 15, 30, 60, 120) if duration / step <= 8), 300)
    times = np.arange(0, duration + 0.001, step)
    axis.set_ticks(times, [clock(float(at)) for at in times])


def _notes(song: Features) -> NDArray[np.float32] | None:
    """The song's pitch classes over time, 0 to 1, in at most _COLUMNS rows; None where not kept."""
    kept = kept_analysis(song.content)
    if kept is None:
        return None
    notes = np.asarray(kept.arrays["pitch_classes"], np.float32)
    if len(notes) > _COLUMNS:
        edges = np.linspace(0, len(notes), _COLUMNS + 1).astype(int)
        notes = np.stack([notes[start:stop].mean(axis=0) for start, stop in pairwise(edges)])
    loudest = float(notes.max(initial=0.0))
    return notes / loudest if loudest > 0 else None
