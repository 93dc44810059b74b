"""Changes of a plan: trials that are added, kept, and asked for no longer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from soundverse_nb.render.escape import plain
from soundverse_nb.render.measures import MeasureRow, measures_html, measures_text

_CELLS = 8
_LEVEL = 40  # characters


class OfCell(Protocol):
    """A trial, planned or stored."""

    @property
    def factors(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class PlanChanges:
    """By identity the trials of a new plan and of the one before, in the order of their plans.

    `added` are to be run, `kept` are in both, whatever has become of them, and `orphaned` are asked for no
    longer: they stay in the study and its frame, marked. It shows itself with the cells and their takes.
    """

    added: Mapping[str, OfCell]
    kept: Mapping[str, OfCell]
    orphaned: Mapping[str, OfCell]

    def __bool__(self) -> bool:
        """Whether anything is another."""
        return bool(self.added or self.orphaned)

    @property
    def to_order(self) -> int:
        """How many trials a run orders: those that are added, and those of before that were never run."""
        return len(self.added) + sum(_name(_state(trial)) == "missing" for trial in self.kept.values())

    def __repr__(self) -> str:
        return measures_text(self._title(), self._rows())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": str(self.html())}

    def html(self) -> Markup:
        """The same for a notebook."""
        return measures_html(self._title(), self._rows())

    def _title(self) -> str:
        if not self:
            return f"The plan is as it was: {_trials(len(self.kept))}"
        counts = [(self.added, "added"), (self.kept, "kept"), (self.orphaned, "orphaned")]
        return f"Changes to the plan: {', '.join(f'{len(part):,} {word}' for part, word in counts)}"

    def _rows(self) -> list[MeasureRow]:
        kept = _states(self.kept.values())
        left = _states(self.orphaned.values())
        rows = [
            MeasureRow("added", f"{len(self.added):,}", _cells(self.added.values())),
            MeasureRow("kept", f"{len(self.kept):,}", kept or _cells(self.kept.values())),
        ]
        if self.orphaned:
            said = f"{_cells(self.orphaned.values())}{f' ({left})' if left else ''}. They stay in the frame."
            rows.append(MeasureRow("orphaned", f"{len(self.orphaned):,}", said))
        return rows


def plan_changes(before: Mapping[str, OfCell], after: Mapping[str, OfCell]) -> PlanChanges:
    """What changes where the trials `before` give way to those `after`, both by identity.

    Of what is kept the entries of `before` are given, which know how far their trials came.
    """
    return PlanChanges(
        added={identity: trial for identity, trial in after.items() if identity not in before},
        kept={identity: before[identity] for identity in after if identity in before},
        orphaned={identity: trial for identity, trial in before.items() if identity not in after},
    )


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count:,} trials"


def _cells(trials: Iterable[OfCell]) -> str:
    """The cells by the names of their levels, with their takes: "one, jazz (3 takes); ..."."""
    takes = Counter(tuple(trial.factors.values()) for trial in trials)
    said = [
        f"{', '.join(plain(level, _LEVEL) for level in cell)}{f' ({count} takes)' if count > 1 else ''}"
        for cell, count in list(takes.items())[:_CELLS]
    ]
    more = [f"and {len(takes) - _CELLS:,} more cells"] if len(takes) > _CELLS else []
    return "; ".join([*said, *more])


def _states(trials: Iterable[OfCell]) -> str:
    """How trials stand, of those that know it: "12 done, 2 failed"."""
    states = Counter(_name(state) for trial in trials if (state := _state(trial)))
    return ", ".join(f"{count:,} {state}" for state, count in states.most_common())


def _state(trial: OfCell) -> object:
    return getattr(trial, "state", None)


def _name(state: object) -> str:
    return str(getattr(state, "value", state))
