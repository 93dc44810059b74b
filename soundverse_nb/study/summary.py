"""Summary: what a study found of a metric (verdict, levels, pairs, checks), a value that shows itself."""

from __future__ import annotations

import math
from typing import Any, Literal

from markupsafe import Markup

from soundverse_nb.errors import import_extra
from soundverse_nb.measures.values import Number, Value
from soundverse_nb.render.colours import badge
from soundverse_nb.render.escape import NO_MATH, fill, joined, plain, shortened, text
from soundverse_nb.render.measures import (
    MeasureRow,
    grid_html,
    grid_text,
    measures_html,
    measures_text,
)
from soundverse_nb.render.units import decimal, signed
from soundverse_nb.study.counted import level_name

CLEAR = 0.05
"""A difference whose adjusted p is below is called clear."""

MOST_PAIRS = 60
"""Pairs that are shown, the clearest first; `pairs_frame` has all."""


_MOST_DIGITS = 6


class CellEstimate(Value):
    """One level, or combination of levels, of what is compared.

    Attributes
    ----------
    levels : by factor the name of its level; `name` puts them together.
    estimate, low, high : the mean over songs of each song's mean, and its 95 % interval, in the metric's
        unit; nan where there is none, for `reason`.
    songs, takes : how many count.
    failed, missing, running, unknown : trials without audio, by how they stand.
    without_metric, same_file : finished takes that do not count: no metric; the file of another take.
    """

    levels: dict[str, str]
    estimate: Number
    low: Number
    high: Number
    songs: int
    takes: int
    failed: int = 0
    missing: int = 0
    running: int = 0
    unknown: int = 0
    without_metric: int = 0
    same_file: int = 0
    reason: str = ""

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return level_name(tuple(self.levels.values()))


class PairDifference(Value):
    """`first` less `second`, over the `songs` that have both, with its 95 % interval.

    Compared by song, `songs` is of how many songs the two are.

    `p` is of "there is no difference", `p_holm` the same adjusted for the number of pairs; nan where there is
    none, for `reason`.
    """

    first: str
    second: str
    difference: Number
    low: Number
    high: Number
    p: Number
    p_holm: Number
    songs: int
    reason: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether it is beyond chance after adjustment."""
        return self.p_holm < CLEAR


class Check(Value):
    """One thing that could make a summary mislead: "fine", worth a "look", or "unknown", and why."""

    name: str
    state: Literal["fine", "look", "unknown"]
    text: str


class Summary(Value):
    """What a study found of a metric. It shows itself: the verdict first, then levels, pairs and checks.

    Attributes
    ----------
    metric, by : the column, and the factors whose levels are compared.
    scope : "these songs" speaks of the songs of this study, "songs like these" of those they were drawn from.
    method : "t" or "bootstrap".
    verdict : the answer in words.
    cells, pairs, checks : every level; every two of them; what was looked at, whichever way it came out.
    simulated : whether any take is of the embedded service.
    range_note : how intervals stay where the metric can be; "" where it has no ends, or none was near.

    `to_frame` and `pairs_frame` give levels and pairs as pandas frames, `to_json` and `from_json` all of it.
    """

    metric: str
    by: tuple[str, ...]
    scope: Literal["these songs", "songs like these"]
    method: Literal["t", "bootstrap"] = "t"
    verdict: str
    cells: tuple[CellEstimate, ...]
    pairs: tuple[PairDifference, ...] = ()
    checks: tuple[Check, ...] = ()
    simulated: bool = False
    range_note: str = ""

    @property
    def warnings(self) -> list[str]:
        """What the checks found worth a look."""
        return [check.text for check in self.checks if check.state == "look"]

    def to_frame(self) -> Any:
        """One row a level: a column a factor, then estimate, low, high and the counts."""
        pd = import_extra("pandas", "A data frame")
        return pd.DataFrame([{**cell.levels, **cell.model_dump(exclude={"levels"})} for cell in self.cells])

    def pairs_frame(self) -> Any:
        """One row a pair: first, second, difference, low, high, p, p_holm, songs, reason."""
        pd = import_extra("pandas", "A data frame")
        columns = list(PairDifference.model_fields)
        return pd.DataFrame([pair.model_dump() for pair in self.pairs], columns=columns)

    def __str__(self) -> str:
        tables = [grid_text(*self._cells())]
        if self.pairs:
            tables.append(grid_text(*self._pairs()))
        tables.append(measures_text("checks", self._checks()))
        return "\n\n".join([f"{self._title}\n{plain(self.verdict, 2000)}", *tables])

    __repr__ = __str__

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": str(self._html())}

    def _html(self) -> Markup:
        mark = badge("simulated") if self.simulated else Markup("")
        parts = [
            fill(
                '<div><b>{}</b> {}</div><div style="margin:4px 0">{}</div>',
                self._heading,
                mark,
                text(self.verdict, 2000),
            ),
            self.tables_html(),
        ]
        return fill(
            f'<div class="soundverse-summary {NO_MATH}" style="line-height:1.4;margin:4px 0">{{}}</div>',
            joined(parts),
        )

    def tables_html(self) -> Markup:
        """Levels, pairs and checks as HTML, for a page that says the verdict itself."""
        pairs = grid_html(*self._pairs()) if self.pairs else Markup("")
        return grid_html(*self._cells()) + pairs + measures_html("checks", self._checks())

    @property
    def _heading(self) -> str:
        by = f" by {', '.join(self.by)}" if self.by else ""
        return f"{plain(f'{self.metric}{by}', 200)}, {self.scope}"

    @property
    def _title(self) -> str:
        return f"{self._heading}{' (simulated)' if self.simulated else ''}"

    def _cells(self) -> tuple[str, list[str], list[list[str]], list[str]]:
        counts = {
            "failed": "failed",
            "missing": "not run",
            "running": "running",
            "unknown": "unknown",
            "without_metric": "no number",
            "same_file": "same file",
        }
        shown = [field for field in counts if field == "failed" or any(getattr(c, field) for c in self.cells)]
        headings = [
            *self.by,
            "estimate",
            "95 % interval",
            "songs",
            "takes",
            *(counts[field] for field in shown),
        ]
        rows = []
        for cell in self.cells:
            digits = digits_for(cell.low, cell.high, cell.estimate)
            said = [decimal(cell.estimate, digits), interval_text(cell.low, cell.high, digits)]
            numbers = [cell.songs, cell.takes, *(getattr(cell, field) for field in shown)]
            rows.append(
                [*(shortened(level, 60) for level in cell.levels.values()), *said, *map(str, numbers)]
            )
        reasons = dict.fromkeys(cell.reason for cell in self.cells if cell.reason)
        notes = [f"No interval: {reason}." for reason in reasons]
        return "levels", headings, rows, [*notes, *([self.range_note] if self.range_note else [])]

    def _pairs(self) -> tuple[str, list[str], list[list[str]], list[str]]:
        clearest = sorted(self.pairs, key=lambda pair: (math.isnan(pair.p), pair.p))[:MOST_PAIRS]
        headings = ["pair", "difference", "95 % interval", "p", "p (Holm)", "songs"]
        rows = []
        for pair in clearest:
            digits = digits_for(pair.low, pair.high, pair.difference)
            rows.append(
                [
                    f"{shortened(pair.first, 28)} − {shortened(pair.second, 28)}",
                    decimal(pair.difference, digits),
                    interval_text(pair.low, pair.high, digits),
                    p_text(pair.p),
                    p_text(pair.p_holm),
                    str(pair.songs),
                ]
            )
        notes = [f"The clearest {MOST_PAIRS} of {len(self.pairs)}."] if len(self.pairs) > MOST_PAIRS else []
        notes += [f"No interval: {why}." for why in dict.fromkeys(p.reason for p in self.pairs if p.reason)]
        if len(self.pairs) > 1:
            notes.append("An interval is of one pair; p (Holm) is adjusted for looking at all of them.")
        return "pairs", headings, rows, notes

    def _checks(self) -> list[MeasureRow]:
        return [MeasureRow(check.name, check.state, check.text) for check in self.checks]


def digits_for(low: float, high: float, estimate: float) -> int:
    """How many decimals an interval lets be said: one digit of half its width, two where that begins low.

    More where an interval that has no 0 in it would else be said to end there.
    """
    half = (high - low) / 2
    size = half if math.isfinite(half) and half > 0 else abs(estimate) / 10
    if not math.isfinite(size) or size == 0:
        return 2
    place = math.floor(math.log10(size))
    digits = min(_MOST_DIGITS, max(0, -place + int(size < 3.0 * 10.0**place)))
    nearest = min(abs(low), abs(high)) if low * high > 0 else 0.0
    while nearest and not round(nearest, digits) and digits < _MOST_DIGITS:
        digits += 1
    return digits


def interval_text(low: float, high: float, digits: int) -> str:
    """ "−0.17 to −0.07"; "–" where there is none."""
    return "–" if math.isnan(low) else f"{signed(low, digits)} to {signed(high, digits)}"


def p_text(p: float) -> str:
    """ "0.003", "< 0.001"; "–" where there is none."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_equals(p: float) -> str:
    """ "= 0.003", "< 0.001": behind a "p"."""
    said = p_text(p)
    return said if said.startswith("<") else f"= {said}"
