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
from soundverse_nb.study.counted import Counted, count
from soundverse_nb.study.estimate import more_controls
from soundverse_nb.study.estimates import Scope, song_differences
from soundverse_nb.study.intervals import LEAST_SONGS, t_quantile
from soundverse_nb.study.spread import pooled_variance


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
    """

    repeats: Number = 1.0
    songs: Number = math.nan
    takes: int = 0


class PrecisionRow(Value):
    """One size of a plan. Half-widths are of a 95 % interval of the difference between two levels, or nan."""

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
        if math.isnan(spread.songs):
            notes.append(
                "Songs like these: as if levels did the same to every song; it is wider where they do not."
            )
        if any(row.repeats == 1 for row in self.rows):
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
    try:
        counted = count(rows, metric, by)
    except ConfigurationError:
        return None
    variance = pooled_variance(group for _, _, group in counted.groups())
    if not variance.degrees:
        return None
    return PilotSpread(
        repeats=math.sqrt(variance.value), songs=_between_songs(counted, variance.value), takes=counted.takes
    )


def _between_songs(counted: Counted, variance: float) -> float:
    """The spread of true differences over songs: that of measured ones, less what repeats add."""
    found = []
    for first, second in itertools.combinations(counted.values, 2):
        means = song_differences(counted, first, second)
        if len(means) > 1:
            between = pooled_variance([[song.mean for song in means]]).value
            found.append(
                between - variance * math.fsum(sum(song.shares.values()) for song in means) / len(means)
            )
    return math.sqrt(max(0.0, math.fsum(found) / len(found))) if found else math.nan


def half_width(
    repeats: int, references: int, spread: PilotSpread, scope: Scope = "these songs", levels: int = 2
) -> float:
    """Half the width of the 95 % t interval of a difference between two levels; nan where there is none.

    A plan of `repeats` takes of each of `levels` levels of each of `references` songs. Songs like these take
    five and more, these songs two repeats.

    >>> round(half_width(2, 5, PilotSpread(repeats=0.1)), 3)
    0.1
    """
    if scope == "these songs":
        degrees = references * levels * (repeats - 1)
        if degrees < 1:
            return math.nan
        return t_quantile(degrees) * math.sqrt(2 * spread.repeats**2 / (references * repeats))
    if references < LEAST_SONGS:
        return math.nan
    between = 0.0 if math.isnan(spread.songs) else spread.songs**2
    return t_quantile(references - 1) * math.sqrt((between + 2 * spread.repeats**2 / repeats) / references)


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
                these_songs=half_width(takes, songs, known, "these songs", levels),
                songs_like_these=half_width(takes, songs, known, "songs like these", levels),
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
    own = [trial for trial in plan.trials if not trial.is_control]
    cells = {(trial.reference, tuple(trial.factors.items())) for trial in own}
    songs = max(1, len({trial.reference for trial in own}))
    levels, repeats = max(1, round(len(cells) / songs)), max(1, round(len(own) / max(1, len(cells))))
    every = plan.control_every if plan.control is not None else None
    controls = len(plan.trials) - len(own)
    return precision(
        songs, levels, repeats, spread, price, metric, own=len(own), controls=controls, control_every=every
    )
