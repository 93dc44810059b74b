"""Plans shown: factors with their levels, cells and takes, time and price, and what the plan can find."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from markupsafe import Markup

from soundverse_nb.render.escape import fill, plain, text
from soundverse_nb.render.measures import MeasureRow, grid_html, grid_text, measures_html, measures_text
from soundverse_nb.render.units import money
from soundverse_nb.study.estimate import estimate, half_widths, more_controls


class Precision(Protocol):
    """What a plan can find, known better than from the plan alone: as text and as HTML."""

    def html(self) -> Markup: ...


_SHOWN_LEVELS = 8
_LEVEL, _TITLE = 48, 1500  # characters of a level as shown, and of its full text
_TIMES = {1: "as planned", 2: "twice as many", 4: "four times as many"}


class Design(Protocol):
    """What is shown of a plan."""

    seed: int
    control: dict[str, str] | None
    control_every: int
    extra: list[dict[str, str]]
    excluded: list[dict[str, str]]

    @property
    def axes(self) -> dict[str, dict[str, Any]]: ...
    @property
    def cells(self) -> Sequence[Sequence[tuple[str, str]]]: ...
    @property
    def trials(self) -> Sequence[Any]: ...
    @property
    def share(self) -> float: ...


def plan_text(
    plan: Design,
    precision: Precision | None = None,
    price: float | None = None,
    to_order: int | None = None,
) -> str:
    """The plan for a terminal; `precision` from pilot trials takes the place of what the plan alone tells.

    `to_order` says how many of its trials a study has not run yet.
    """
    rows = [
        MeasureRow(factor, _count(axis), ", ".join(_shown(name) for name in _first(axis)) + _rest(axis))
        for factor, axis in plan.axes.items()
    ]
    facts = measures_text(_title(plan), [*rows, *_facts(plan, price, to_order)])
    return f"{facts}\n{grid_text(*_finds(plan, price)) if precision is None else precision}"


def plan_html(
    plan: Design,
    precision: Precision | None = None,
    price: float | None = None,
    to_order: int | None = None,
) -> Markup:
    """The plan for a notebook, with the full text of a level where the pointer rests on it."""
    rows = [MeasureRow(name, _count(axis), _levels_html(name, axis)) for name, axis in plan.axes.items()]
    facts = measures_html(_title(plan), [*rows, *_facts(plan, price, to_order)])
    return facts + (grid_html(*_finds(plan, price)) if precision is None else precision.html())


class Changes(Protocol):
    """What a plan changes of a study, as text and as HTML, and how many trials that leaves to order."""

    @property
    def to_order(self) -> int: ...
    def html(self) -> Markup: ...


@dataclass(frozen=True)
class PlanPreview:
    """A plan before it is run in a study: what it changes there, what it takes, and what it can find."""

    plan: Design
    changes: Changes | None = None
    precision: Precision | None = None
    price: float | None = None

    @property
    def _to_order(self) -> int | None:
        return None if self.changes is None else self.changes.to_order

    def __repr__(self) -> str:
        changed = [] if self.changes is None else [repr(self.changes)]
        return "\n".join([*changed, plan_text(self.plan, self.precision, self.price, self._to_order)])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        changed = Markup("") if self.changes is None else self.changes.html()
        html = changed + plan_html(self.plan, self.precision, self.price, self._to_order)
        return {"text/plain": repr(self), "text/html": str(html)}


def _title(plan: Design) -> str:
    part = "" if plan.share == 1 else f", {100 * plan.share:.0f} % of the whole plan"
    counts = [(len(plan.trials), "trial"), (len(plan.cells), "cell"), (len(plan.axes["reference"]), "song")]
    trials, cells, songs = (f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)
    return f"Plan of {trials}: {cells}, {songs}{part}"


def _count(axis: Mapping[str, Any]) -> str:
    return "1 level" if len(axis) == 1 else f"{len(axis):,} levels"


def _first(axis: Mapping[str, Any]) -> list[str]:
    return list(axis)[:_SHOWN_LEVELS]


def _rest(axis: Mapping[str, Any]) -> str:
    return ", …" if len(axis) > _SHOWN_LEVELS else ""


def _shown(name: str) -> str:
    return plain(name, _LEVEL)


def _levels_html(factor: str, axis: Mapping[str, Any]) -> Markup:
    shown = [_level_html(name, name if factor == "reference" else axis[name]) for name in _first(axis)]
    return Markup(", ").join(shown) + _rest(axis)


def _level_html(name: str, level: Any) -> Markup:
    whole = json.dumps(level, ensure_ascii=False) if isinstance(level, Mapping) else str(level or name)
    if whole == _shown(name):
        return text(_shown(name))
    return fill('<span title="{}">{}</span>', text(whole, _TITLE), _shown(name))


def _facts(plan: Design, price: float | None, to_order: int | None) -> list[MeasureRow]:
    """What is said of the plan below its factors."""
    own = [trial for trial in plan.trials if not trial.is_control]
    takes = Counter(Counter(tuple(trial.factors.items()) for trial in own).values())
    rows = [MeasureRow("cells", f"{len(plan.cells):,}", _limits(plan))]
    if len(takes) == 1:
        rows.append(MeasureRow("takes", str(next(iter(takes))), "of each cell"))
    elif takes:
        said = ", ".join(f"{count} of {cells} cells" for count, cells in sorted(takes.items()))
        rows.append(MeasureRow("takes", f"{min(takes)} to {max(takes)}", said))
    if plan.control is not None:
        cell = ", ".join(f"{factor}: {_shown(name)}" for factor, name in plan.control.items())
        remark = f"{cell}; after every {plan.control_every} trials"
        rows.append(MeasureRow("controls", str(len(plan.trials) - len(own)), remark))
    rows.append(MeasureRow("order", "by song", f"first takes first, shuffled inside, seed {plan.seed}"))
    guess = estimate(len(plan.trials), price)
    remark = f"at {guess.seconds_per_remix:g} s a remix, one at a time"
    rows.append(MeasureRow("time", guess.time.partition(",")[0], remark))
    if guess.price is not None and price is not None:
        rows.append(MeasureRow("price", money(guess.price), f"at {money(price)} a remix"))
    else:  # a plan knows of no service
        rows.append(MeasureRow("price", "not given", "study.preview(plan, price=...) tells what it costs"))
    if to_order is not None:
        left = f"{money(to_order * price)} of it" if price is not None and to_order else ""
        rows.append(MeasureRow("to order", f"{to_order:,}", left or "of these trials"))
    return rows


def _limits(plan: Design) -> str:
    if {} in plan.excluded:
        return "those of a table, not every combination"
    extra = f", and {len(plan.extra)} extra" if plan.extra else ""
    return f"every combination{' that is not excluded' if plan.excluded else ''}{extra}"


def _finds(plan: Design, price: float | None) -> tuple[str, list[str], list[list[str]], list[str]]:
    """The half-widths that the takes give, and what finer ones cost."""
    controls = sum(trial.is_control for trial in plan.trials)
    own = len(plan.trials) - controls
    widths = half_widths(plan.trials, list(_TIMES))
    rows = []
    for (times, takes), width in zip(_TIMES.items(), widths, strict=True):
        trials = own * times + controls
        if plan.control is not None:
            trials += more_controls(own, own * times, plan.control_every)
        cost = [] if price is None else [money(estimate(trials, price).price or 0.0)]
        rows.append([takes, f"{trials:,}", *cost, str(width)])
    factor = widths[0].factor
    what = f"A difference between two levels of {factor}" if factor else "The mean over these songs"
    notes = ["Over these songs. SD: the standard deviation of takes of one cell, which a pilot study tells."]
    if widths[0].spreads is None:
        notes.append("One take a cell says nothing of how takes differ, so no interval can be given.")
    headings = ["takes", "trials", *([] if price is None else ["price"]), "half-width (95 %)"]
    return f"{what} is known to", headings, rows, notes
