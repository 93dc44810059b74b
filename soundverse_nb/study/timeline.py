"""The streams of a study over time: a bar a trial, coloured by stage, so that waits and holds are seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.colours import BAD, QUIET, WARNING, stage_colour
from soundverse_nb.render.escape import shortened
from soundverse_nb.render.labels import STAGES, stage_label
from soundverse_nb.render.units import span
from soundverse_nb.study.counted import columns_of, factors_of
from soundverse_nb.study.frame import STAGE
from soundverse_nb.study.plot import name_rows, name_width, new_axes
from soundverse_nb.study.summary_request import asked_axes

Since = Literal["first", "own"]

_HELD = {f"{STAGE}held_at_90": "held"}

_MOST_NAMED = 30
"""Trials that are named; of more only the order is."""

_MOST_HEIGHT = 9.0  # inches

_PAUSE = 30.0
"""Seconds without any stream, at least, that are cut out of the picture."""

_LEAST_OF_LEVEL = 10  # characters

_OTHER = {"": "before the first stage", "held": "held at 90 %", "completed": "being fetched"}

_BEFORE_HOLD = list(STAGES).index("streaming") + 1
_ORDER = ["", *list(STAGES)[:_BEFORE_HOLD], "held", *list(STAGES)[_BEFORE_HOLD:]]
"""Stages in the order in which they come."""


@dataclass(frozen=True)
class _Bar:
    """One trial: its levels, where it begins and ends, in seconds, and its stages as (stage, from, to)."""

    levels: tuple[str, ...]
    state: str
    start: float
    stages: tuple[tuple[str, float, float], ...]
    simulated: bool

    @property
    def end(self) -> float:
        return self.start + max((to for _, _, to in self.stages), default=0.0)


def plot_timeline(rows: Any, ax: Any = None, *, since: Since | None = None) -> Any:
    """Draw all streams of a study: a bar a trial in the order they began, coloured by stage.

    Parameters
    ----------
    rows : the frame of a study, or a list of mappings with its columns `started` and `finished` (moments, or
        epoch seconds), `seconds`, `seconds_held_at_90` and `s_<stage>` (seconds after the start at which that
        stage began).
    ax : matplotlib axes to draw into; without them a figure is made.
    since : "first" to see what ran beside what, from the start of the first; "own" to compare how long stages
        took, each bar from its own start. Without it "first" up to 30 trials, "own" for more.

    A failed trial ends in a cross, one whose outcome is unknown in a question mark. Pauses between two runs
    are cut out and marked. Trials that never began are not there. Returns the axes; ConfigurationError where
    matplotlib is missing.
    """
    if since not in (None, *get_args(Since)):
        raise ConfigurationError(f"since={since!r} is not known.", hint="It is 'first' or 'own'.")
    bars = _bars(rows)
    named = len(bars) <= _MOST_NAMED
    pauses: list[tuple[float, float]] = []
    if since == "own" or (since is None and not named):
        bars = [replace(bar, start=0.0) for bar in bars]
        origin = "its start"
    else:
        bars, pauses = _without_pauses(bars)
        origin = "the first began"
    unit, word = (60.0, "minutes") if max((bar.end for bar in bars), default=0.0) > 600 else (1.0, "seconds")
    height = 0.3 * len(bars) if named else min(0.12 * len(bars), _MOST_HEIGHT)
    axes = ax if asked_axes(ax) is not None else new_axes(8.0, max(2.2, 1.5 + height))
    _draw(axes, bars, unit)
    _mark_pauses(axes, pauses, unit)
    if named:
        name_rows(axes, _names([bar.levels for bar in bars], name_width(axes)), 1)
    else:
        axes.set_ylabel(f"{len(bars)} trials, in the order they began")
        axes.set_yticks([])
    axes.set_ylim(max(len(bars), 1) - 0.4, -0.6)
    axes.set_xlim(left=0)
    simulated = " (simulated)" if any(bar.simulated for bar in bars) else ""
    axes.set_xlabel(f"{word} since {origin}{simulated}")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not bars:
        axes.text(0.5, 0.5, "no trial has begun", transform=axes.transAxes, ha="center", va="center")
    return axes


def _bars(rows: Any) -> list[_Bar]:
    columns, read = columns_of(rows)
    stages = [column for column in columns if column.startswith(STAGE)]
    factors = [column for column in ("reference", *factors_of(columns), "replicate") if column in columns]
    wanted = ["started", "finished", "seconds", "seconds_held_at_90", "state", "simulated", *stages, *factors]
    bars = []
    for values in read(wanted):
        row = dict(zip(wanted, values, strict=True))
        if row["started"] is None:
            continue
        times = [
            (float(row[stage]), _HELD.get(stage, stage[len(STAGE) :]))
            for stage in stages
            if row[stage] is not None
        ]
        times.sort(key=lambda time: (time[0], _place(time[1])))  # some begin at once: the last one stays
        start = _epoch(row["started"])
        over = 0.0 if row["finished"] is None else _epoch(row["finished"]) - start
        end = max([*(at for at, _ in times), float(row["seconds"] or 0.0), over])
        state = str(getattr(row["state"], "value", row["state"]) or "done")
        levels = tuple("" if row[factor] is None else str(row[factor]) for factor in factors)
        held = 0.0 if "held" in {stage for _, stage in times} else float(row["seconds_held_at_90"] or 0.0)
        bars.append(_Bar(levels, state, start, tuple(_stages(times, end, held)), bool(row["simulated"])))
    return sorted(bars, key=lambda bar: bar.start)


def _names(levels: Sequence[tuple[str, ...]], most: int) -> list[str]:
    """What tells trials apart, "harbour lights, pop, slow, 2": long levels are cut until all names fit.

    A factor of which all have the same level is left out.
    """
    factors = list(zip(*levels, strict=True))
    varied = [factor for factor in factors if len(set(factor)) > 1] or factors
    rows = [[level for level in row if level] for row in zip(*varied, strict=True)]
    names: list[str] = []
    for longest in range(most, _LEAST_OF_LEVEL - 1, -1):
        names = [", ".join(shortened(level, longest) for level in row) for row in rows]
        if all(len(name) <= most for name in names):
            break
    return names


def _place(stage: str) -> int:
    """Where a stage comes; one nobody knows yet comes last."""
    return _ORDER.index(stage) if stage in _ORDER else len(_ORDER)


def _epoch(moment: Any) -> float:
    return float(moment.timestamp()) if hasattr(moment, "timestamp") else float(moment)


def _stages(times: Sequence[tuple[float, str]], end: float, held: float) -> list[tuple[str, float, float]]:
    """What a trial did from when to when; the hold is the last of what comes before it is completed."""
    begins = [(0.0, ""), *times] if not times or times[0][0] > 0 else list(times)
    ends = [*(at for at, _ in begins[1:]), end]
    found: list[tuple[str, float, float]] = []
    for (at, stage), to in zip(begins, ends, strict=True):
        if stage == "streaming" and 0 < held < to - at:
            found += [(stage, at, to - held), ("held", to - held, to)]
        elif to > at:
            found.append((stage, at, to))
    return found


def _without_pauses(bars: Sequence[_Bar]) -> tuple[list[_Bar], list[tuple[float, float]]]:
    """The bars with their starts on the axis, and where on it how many idle seconds were cut out."""
    if not bars:
        return [], []
    active = sum(bar.end - bar.start for bar in bars) / len(bars)
    least = max(_PAUSE, active / 2)
    moved: list[_Bar] = []
    pauses: list[tuple[float, float]] = []
    offset, latest = bars[0].start, bars[0].start
    for bar in bars:
        pause = bar.start - latest
        if moved and pause > least:
            gap = active / 4
            pauses.append((latest - offset + gap / 2, pause))
            offset += pause - gap
        latest = max(latest, bar.end)
        moved.append(replace(bar, start=bar.start - offset))
    return moved, pauses


def _mark_pauses(axes: Any, pauses: Sequence[tuple[float, float]], unit: float) -> None:
    for at, seconds in pauses:
        axes.axvline(at / unit, color=QUIET, ls="--", lw=1)
        axes.annotate(
            f"{span(seconds)} later",
            (at / unit, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            fontsize="x-small",
            va="top",
            color=QUIET,
        )


def _draw(axes: Any, bars: Sequence[_Bar], unit: float) -> None:
    from matplotlib.collections import PolyCollection

    half = 0.4 if len(bars) <= 100 else 0.5  # gaps of less than a point only make stripes
    boxes: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    for place, bar in enumerate(bars):
        top, bottom = place - half, place + half
        for stage, start, end in bar.stages:
            left, right = (bar.start + start) / unit, (bar.start + end) / unit
            boxes[stage].append([(left, top), (right, top), (right, bottom), (left, bottom)])
    for stage, corners in sorted(boxes.items(), key=lambda box: _place(box[0])):
        label = _OTHER.get(stage) or stage_label(stage)
        axes.add_collection(
            PolyCollection(corners, facecolors=stage_colour(stage), linewidths=0, label=label), autolim=True
        )
    axes.autoscale_view()
    for state, marker, colour, label in (
        ("failed", "x", BAD, "failed"),
        ("unknown", "$?$", WARNING, "outcome unknown"),
    ):
        places = [(bar.end / unit, place) for place, bar in enumerate(bars) if bar.state == state]
        if places:
            axes.scatter(
                *zip(*places, strict=True),
                marker=marker,
                s=30,
                color=colour,
                label=label,
                zorder=3,
                clip_on=False,
            )
    if boxes:
        columns = max(2, int(axes.figure.get_figwidth() // 2.2))
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=columns,
            frameon=False,
            fontsize="small" if columns > 2 else "x-small",
            borderaxespad=0.2,
        )
