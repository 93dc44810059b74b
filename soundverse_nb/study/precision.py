"""Precision: how wide an interval so many repeats of so many songs give, and what a finer one costs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Protocol

from markupsafe import Markup

from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.measures.values import Number, Value
from soundverse_nb.render.measures import grid_html, grid_text
from soundverse_nb.render.units import decimal, money
from soundverse_nb.study.counted import Counted, Level, count
from soundverse_nb.study.estimate import more_controls
from soundverse_nb.study.estimates import LEAST_WHOLE, Scope, SongMean, cell, limits_of, song_differences
from soundverse_nb.study.intervals import (
    LEAST_SONGS,
    Interval,
    expected_half_width,
    of_parts,
    t_quantile,
)
from soundverse_nb.study.pass_or_fail import is_pass_or_fail, of_two_shares
from soundverse_nb.study.spread import pooled_variance, spread_of
from soundverse_nb.study.summary_request import asked_factors, asked_metric


class Design(Protocol):
    """What is asked of a plan."""

    control: dict[str, str] | None
    control_every: int

    @property
    def trials(self) -> Sequence[Any]: ...


class PilotSpread(Value):
    """How much a metric varies, from pilot trials, in its unit.

    Attributes
    ----------
    repeats : standard deviation of takes of one cell.
    songs : standard deviation, over songs, of the difference that two levels truly make; nan where pilots do
        not tell, then only what repeats add is known.
    takes : pilot takes that this is from; 0 for none: then half-widths are in units of `repeats`.
    levels : the same as `repeats` of each level; empty for two that vary alike.
    differences : standard deviation of the difference of two takes of a song; nan for that of `repeats`.
    kept : of each level the share of its degrees of freedom that is left because songs differ in how much
        their takes vary; empty, as 1 each.
    passes : of a metric that is 0 or 1 the share of 1 at each level; empty for others.
    """

    repeats: Number = 1.0
    songs: Number = math.nan
    takes: int = 0
    levels: tuple[Number, ...] = ()
    differences: Number = math.nan
    passes: tuple[Number, ...] = ()
    kept: tuple[Number, ...] = ()


class PrecisionRow(Value):
    """One size of a plan. Half-widths are of a 95 % interval of the difference between two levels, or nan.

    Of several levels they are the root mean square over all pairs.
    """

    references: int
    repeats: int
    trials: int
    price: Number
    these_songs: Number
    songs_like_these: Number


class Precision(Value):
    """What plans of several sizes can find. It shows itself as a table."""

    metric: str
    spread: PilotSpread
    rows: tuple[PrecisionRow, ...]

    def to_frame(self) -> Any:
        """A row a size, as a pandas DataFrame."""
        return import_extra("pandas", "A data frame").DataFrame([row.model_dump() for row in self.rows])

    def __str__(self) -> str:
        return grid_text(*self._shown())

    __repr__ = __str__

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": str(self.html())}

    def html(self) -> Markup:
        """The table, for a page that holds more."""
        return grid_html(*self._shown())

    def _shown(self) -> tuple[str, list[str], list[list[str]], list[str]]:
        is_priced = any(math.isfinite(row.price) for row in self.rows)
        headings = ["songs", "repeats", "trials", *(["price"] * is_priced), "these songs", "songs like these"]
        rows = []
        for row in self.rows:
            price = [money(row.price) if math.isfinite(row.price) else "–"] * is_priced
            halves = [_half(row.these_songs), _half(row.songs_like_these)]
            rows.append([str(row.references), str(row.repeats), str(row.trials), *price, *halves])
        of = f" in {self.metric}" if self.metric else ""
        title = f"How finely a difference{of} is known: half the width of its 95 % interval"
        return title, headings, rows, self._notes()

    def _notes(self) -> list[str]:
        spread = self.spread
        if not spread.takes:
            notes = ["In units of the standard deviation of repeats, which pilot trials would tell."]
        else:
            notes = [f"From {spread.takes} pilot takes."]
        if len(spread.levels) > 2:
            notes.append(f"Of {len(spread.levels)} levels: on average over all pairs (root mean square).")
        if math.isnan(spread.songs):
            notes.append(
                "Songs like these: as if levels did the same to every song; it is wider where they do not."
            )
        if spread.passes:
            notes.append(
                "Songs like these: by Student's t; it is wider where few takes have 1, or few have 0."
            )
            if any(row.references * row.repeats < LEAST_WHOLE for row in self.rows):
                notes.append(f"Of what is 0 or 1, these songs take {LEAST_WHOLE} takes of a level.")
        elif any(row.repeats == 1 for row in self.rows):
            notes.append("One take of each cell tells nothing of these songs: it takes two.")
        if any(row.references < LEAST_SONGS for row in self.rows):
            notes.append(f"To speak of songs like these takes {LEAST_SONGS} songs or more.")
        return notes


def _half(width: float) -> str:
    """With two digits: sizes of a plan are compared by it."""
    if not math.isfinite(width):
        return "–"
    return f"±{decimal(width, min(6, max(0, 1 - math.floor(math.log10(width)))) if width > 0 else 2)}"


def pilot_spread(rows: Any, metric: str, by: str | Sequence[str] | None = None) -> PilotSpread | None:
    """How much a metric varies, from the trials that a study has; None where no cell has two takes.

    `rows`, `metric` and `by` are as in `summarise`.
    """
    metric, by = asked_metric(metric), asked_factors(by)
    try:
        counted = count(rows, metric, by)
    except ConfigurationError:
        return None
    spread = spread_of(counted)
    if not spread.pooled.degrees:
        return None
    songs, differences = _of_differences(counted, spread.pooled.value)
    levels = [level for level in counted.levels if level in counted.values]
    own = [spread.by_level[level] for level in levels]
    shares = is_pass_or_fail(counted, limits_of(counted))
    return PilotSpread(
        repeats=math.sqrt(spread.pooled.value),
        songs=songs,
        takes=counted.takes,
        levels=tuple(math.sqrt(its.value or spread.pooled.value) for its in own if its.degrees),
        differences=differences,
        kept=tuple((its if its.value else spread.pooled).kept for its in own if its.degrees),
        passes=tuple(cell(counted, level, _mean).interval.estimate for level in levels) if shares else (),
    )


def _mean(means: Sequence[SongMean], levels: Sequence[Level]) -> Interval:
    """The estimate alone."""
    return Interval(math.fsum(song.mean for song in means) / len(means))


def _of_differences(counted: Counted, variance: float) -> tuple[float, float]:
    """The spread of true differences over songs, and that of the difference of two takes of one song.

    The first is that of measured differences less what repeats add. Where they vary less than repeats alone
    would make them, it is 0, and the second is as small as they show it.
    """
    measured, repeats = [], []
    for first, second in itertools.combinations(counted.values, 2):
        means = song_differences(counted, first, second)
        if len(means) > 1:
            measured.append(pooled_variance([[song.mean for song in means]]).value)
            shares = math.fsum(math.fsum(song.shares.values()) for song in means) / len(means)
            repeats.append(variance * shares)
    if not measured:
        return math.nan, math.nan
    songs, noise = (math.fsum(its) / len(its) for its in (measured, repeats))
    usual = math.sqrt(2 * variance)
    if songs >= noise:
        return math.sqrt(songs - noise), usual
    return 0.0, usual * math.sqrt(songs / noise)


def half_width(repeats: int, references: int, spread: PilotSpread, scope: Scope = "these songs") -> float:
    """Half the width of the 95 % interval of a difference between two levels; nan where there is none.

    A plan of `repeats` takes of each level of each of `references` songs. Songs like these take five and
    more, these songs two repeats. Of the plan that the pilots are of it is that of their summary, but for
    songs like these of a metric that is 0 or 1.

    >>> round(half_width(2, 5, PilotSpread(repeats=0.1)), 3)
    0.102
    """
    if scope == "these songs":
        return _of_these_songs(repeats, references, spread)
    if references < LEAST_SONGS:
        return math.nan
    between = 0.0 if math.isnan(spread.songs) else spread.songs**2
    noise = 2 * spread.repeats**2 if math.isnan(spread.differences) else spread.differences**2
    return t_quantile(references - 1) * math.sqrt((between + noise / repeats) / references)


def _of_these_songs(repeats: int, references: int, spread: PilotSpread) -> float:
    takes, degrees = references * repeats, references * (repeats - 1)
    if len(spread.passes) > 1:
        if takes < LEAST_WHOLE:
            return math.nan
        found = [of_two_shares(both, [takes, takes]) for both in itertools.combinations(spread.passes, 2)]
        return _root_mean_square([(pair.high - pair.low) / 2 for pair in found])
    if degrees < 1:
        return math.nan
    if len(spread.levels) < 2:
        return expected_half_width([(spread.repeats**2 / takes, degrees)] * 2)
    kept = spread.kept or (1.0,) * len(spread.levels)
    levels = [
        ((deviation**2 / takes, degrees * share), share)
        for deviation, share in zip(spread.levels, kept, strict=True)
    ]
    return _root_mean_square(
        [
            of_parts(0.0, [part for part, _ in both], [share for _, share in both]).high
            for both in itertools.combinations(levels, 2)
        ]
    )


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))


def precision(
    references: int,
    levels: int,
    repeats: int,
    spread: PilotSpread | None = None,
    price: float | None = None,
    metric: str = "",
    *,
    own: int | None = None,
    controls: int = 0,
    control_every: int | None = None,
) -> Precision:
    """What a plan of this size can find, and what a finer one costs: with more repeats, or with more songs.

    `levels` is the number of cells of one song, `price` that of a trial, `spread` what pilot trials say of
    `metric`; without it half-widths are in units of the standard deviation of repeats. `own` is the number of
    trials that are no controls, where cells are not all repeated alike; `controls` those that come on top,
    after every `control_every` trials.
    """
    known = spread or PilotSpread()
    planned = references * levels * repeats if own is None else own

    def trials(songs: int, takes: int) -> int:
        ordinary = round(planned * songs * takes / references / repeats)
        if not control_every:
            return ordinary
        return ordinary + controls + more_controls(planned, ordinary, control_every)

    sizes = [(references, repeats), (references, 2 * repeats), (references, 4 * repeats)]
    sizes += [(2 * references, repeats), (4 * references, repeats)]
    return Precision(
        metric=metric,
        spread=known,
        rows=tuple(
            PrecisionRow(
                references=songs,
                repeats=takes,
                trials=trials(songs, takes),
                price=math.nan if price is None else price * trials(songs, takes),
                these_songs=half_width(takes, songs, known, "these songs"),
                songs_like_these=half_width(takes, songs, known, "songs like these"),
            )
            for songs, takes in sizes
        ),
    )


def plan_precision(
    plan: Design, spread: PilotSpread | None = None, price: float | None = None, metric: str = ""
) -> Precision:
    """The same of a plan as it is, of a shard too, with the price of its controls.

    Controls cost, but are no repeats of their cell.
    """
    metric = asked_metric(metric)
    own = [trial for trial in plan.trials if not trial.is_control]
    cells = {(trial.reference, tuple(trial.factors.items())) for trial in own}
    songs = max(1, len({trial.reference for trial in own}))
    levels, repeats = max(1, round(len(cells) / songs)), max(1, round(len(own) / max(1, len(cells))))
    every = plan.control_every if plan.control is not None else None
    controls = len(plan.trials) - len(own)
    return precision(
        songs, levels, repeats, spread, price, metric, own=len(own), controls=controls, control_every=every
    )
