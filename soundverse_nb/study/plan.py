"""Plan: which remixes a study orders, in which order, and what that costs; a factorial design."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from soundverse_nb.api.request import RemixInstructions
from soundverse_nb.errors import ConfigurationError, InvalidRequestError, import_extra
from soundverse_nb.study.axes import (
    Levels,
    filled,
    parameter_levels,
    partial_cell,
    reference_levels,
    repeats_of,
    slot_levels,
    slots_of,
    text_levels,
    whole_number,
)
from soundverse_nb.study.dealing import part_of
from soundverse_nb.study.estimate import Estimate, estimate
from soundverse_nb.study.plan_display import plan_html, plan_text
from soundverse_nb.study.plan_file import read_plan, write_plan
from soundverse_nb.study.plan_table import read_table
from soundverse_nb.study.trial import Trial

Cell = tuple[tuple[str, str], ...]
"""One combination of levels: the name of the level of each factor, in the order of the factors."""

MICRO = 1_000_000
"""Money is kept in millionths: a sum of floats could overshoot a budget by a rounding."""

MOST_BUDGET = 1e9
"""More than this is no budget for remixes; millionths of it still fit into the store."""

MOST_TRIALS = 100_000
"""More than this is a slip: at a tenth of a currency unit it would cost ten thousand."""


class Plan:
    """Which remixes to order: every combination of the levels of every axis, each so many times.

    Parameters
    ----------
    references : the songs; each axis is a list, or a mapping of names to levels.
    prompts, lyrics, parameters : what to make of them. A prompt may hold slots, "a {mood} remix", whose
        values in `slots` are factors too.
    repeats : takes of each cell; or a list of (cell, number), where a cell names only the factors it is
        about and the last that fits counts: [({}, 2), ({"prompt": "jazz"}, 5)].
    seed : of the order. Trials are blocked by song, first takes before second ones, shuffled inside.
    slots : by slot of a prompt its values.
    extra : further cells, each with the name of a level of every factor.
    excluded : cells, or parts of cells, that are not ordered.
    control : a cell that is ordered again after every `control_every` trials, whatever their song, to see
        whether the service drifts. Controls are takes beside the cell's own: they stay controls when
        `repeats` grow, and no summary counts them.

    Raises ConfigurationError for what cannot be a plan, InvalidRequestError for what the service would
    refuse. Nothing is read or ordered.

    >>> moods = {"mood": ["sad", "merry"]}
    >>> plan = Plan(["one.mp3", "two.mp3"], ["jazz", "a {mood} waltz"], slots=moods, repeats=2)
    >>> len(plan)
    12
    >>> plan.trials[0].reference, sorted({trial.instructions.prompt for trial in plan})
    ('one', ['a merry waltz', 'a sad waltz', 'jazz'])
    """

    def __init__(
        self,
        references: Any,
        prompts: Any = None,
        lyrics: Any = None,
        parameters: Any = None,
        repeats: int | Sequence[tuple[Mapping[str, str], int]] = 1,
        seed: int = 0,
        *,
        slots: Mapping[str, Any] | None = None,
        extra: Iterable[Mapping[str, str]] = (),
        excluded: Iterable[Mapping[str, str]] = (),
        control: Mapping[str, str] | None = None,
        control_every: int = 10,
    ) -> None:
        if references is None:
            raise ConfigurationError("A plan needs songs.", hint="Give references=[...].")
        self.references: Levels = reference_levels(references)
        self.prompts: Levels = text_levels("prompts", prompts)
        self.lyrics: Levels = text_levels("lyrics", lyrics)
        self.parameters: Levels = parameter_levels(parameters)
        self.slots: dict[str, Levels] = slot_levels(self.prompts, slots)
        self.seed = whole_number("seed", seed, -(2**63))
        axes = self.axes
        self.excluded = [partial_cell(cell, axes, "excluded") for cell in excluded]
        self.extra = [self._whole_cell(cell, "extra") for cell in extra]
        self.control = None if control is None else self._whole_cell(control, "control")
        self.control_every = whole_number("control_every", control_every, 1)
        self.repeats = repeats_of(repeats, axes)
        self._part: tuple[int, int] = (0, 1)
        self.budget: float | None = None
        """What a shard may spend; `study.run` takes it where it is given none."""
        if not self.cells:
            raise ConfigurationError(
                "This plan has no cell: everything is excluded.", hint="Leave out some of excluded=[...]."
            )
        # Counted before they are made: a slip in repeats would fill the memory.
        if (count := sum(self._counts.values())) > MOST_TRIALS or (count := len(self)) > MOST_TRIALS:
            raise _too_many(f"{count:,}")

    @property
    def axes(self) -> dict[str, Levels]:
        """By factor its levels; of axes that were not given there is none."""
        axes = {"reference": self.references, "prompt": self.prompts, **self.slots}
        axes |= {"lyrics": self.lyrics, "parameters": self.parameters}
        return {factor: found for factor, found in axes.items() if found}

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every combination that is ordered, extra ones included, in the order of the levels."""
        found: dict[Cell, None] = {}
        # Where everything is excluded, as for a table of cells, there may be billions of combinations.
        axes = [] if {} in self.excluded else [list(axis) for axis in self.axes.values()]
        for combination in itertools.product(*axes) if axes else ():
            cell = self._without_idle_slots(dict(zip(self.axes, combination, strict=True)))
            if not any(_fits(part, cell) for part in self.excluded):
                found[tuple(cell.items())] = None
                if len(found) > MOST_TRIALS:  # a slip in slots would take minutes and gigabytes
                    raise _too_many(f"More than {MOST_TRIALS:,}")
        for cell in self.extra:
            found[tuple(cell.items())] = None
        return tuple(found)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """What is ordered, in this order."""
        part, parts = self._part
        return tuple(trial for trial in self._ordered() if self._part_of(trial, parts) == part)

    def _part_of(self, trial: Trial, parts: int) -> int:
        if trial.is_control:
            return trial.control % parts
        places = [places.get(trial.factors.get(factor, ""), 0) for factor, places in self._places.items()]
        return part_of([*places, trial.replicate - 1], parts)

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {factor: {name: at for at, name in enumerate(axis)} for factor, axis in self.axes.items()}

    def _ordered(self) -> Iterator[Trial]:
        number = itertools.count(1)
        blocks: dict[str, list[Cell]] = {reference: [] for reference in self.references}
        for cell in self.cells:
            blocks[cell[0][1]].append(cell)
        taken = self._count(tuple(self.control.items())) if self.control else 0
        between = 0  # trials so far that are no control, of all songs: a service drifts whatever song it is
        for block in blocks.values():
            ordered = [
                (cell, replicate)
                for replicate in range(1, max((self._count(cell) for cell in block), default=0) + 1)
                for cell in sorted(
                    (cell for cell in block if replicate <= self._count(cell)),
                    key=lambda cell, replicate=replicate: self._rank(cell, replicate),  # type: ignore[misc]
                )
            ]
            for cell, replicate in ordered:
                if self.control and between and between % self.control_every == 0:
                    nth = between // self.control_every
                    yield self._trial(next(number), self.control, taken + nth, nth)
                yield self._trial(next(number), dict(cell), replicate)
                between += 1

    def _rank(self, cell: Cell, replicate: int) -> str:
        # By hash, so that a cell that is added later leaves the others in their order, on every Python.
        return hashlib.sha256(json.dumps([self.seed, replicate, cell]).encode()).hexdigest()

    def _count(self, cell: Cell) -> int:
        """How many takes of a cell are ordered; the control cell may be none of the plan's own."""
        return self._counts.get(cell, 0)

    @cached_property
    def _counts(self) -> dict[Cell, int]:
        counts = dict.fromkeys(self.cells, 1)
        for part, count in self.repeats:
            whole = tuple((factor, part[factor]) for factor in self.axes if factor in part)
            fitting = [whole] if whole in counts else [cell for cell in counts if _fits(part, dict(cell))]
            counts |= dict.fromkeys(fitting, count)
        return counts

    def _trial(self, number: int, cell: Mapping[str, str], replicate: int, control: int = 0) -> Trial:
        asked = self._instructions(cell)
        return Trial(number, cell["reference"], dict(cell), asked, replicate, control > 0, control)

    def _instructions(self, cell: Mapping[str, str]) -> RemixInstructions:
        key = tuple((factor, name) for factor, name in cell.items() if factor != "reference")
        if key not in self._made:
            values = {slot: axis[cell[slot]] for slot, axis in self.slots.items() if slot in cell}
            prompt = filled(self.prompts[cell["prompt"]], values) if self.prompts else None
            lyrics = self.lyrics[cell["lyrics"]] if self.lyrics else None
            parameters = self.parameters[cell["parameters"]] if self.parameters else None
            try:
                self._made[key] = RemixInstructions(prompt, lyrics, parameters)
            except InvalidRequestError as error:
                named = ", ".join(f"{factor}={name!r}" for factor, name in key)
                raise InvalidRequestError(f"The cell {named}: {error.message}", hint=error.hint) from None
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[tuple[str, str], ...], RemixInstructions]:
        return {}

    def _without_idle_slots(self, cell: dict[str, str]) -> dict[str, str]:
        """Without slots that its prompt does not have: else its cell would be there once a value."""
        slots = slots_of(self.prompts[cell["prompt"]]) if self.prompts else []
        return {factor: name for factor, name in cell.items() if factor not in self.slots or factor in slots}

    def _whole_cell(self, given: Mapping[str, str], what: str) -> dict[str, str]:
        cell = partial_cell(given, self.axes, what)
        needed = (
            self._without_idle_slots(dict.fromkeys(self.axes, "") | cell) if "prompt" in cell else self.axes
        )
        missing = [factor for factor in needed if factor not in cell]
        if missing:
            raise ConfigurationError(
                f"A cell of {what} does not say its {missing[0]}.",
                hint=f"It names a level of every factor: {', '.join(needed)}.",
            )
        return {factor: cell[factor] for factor in self.axes if factor in needed}

    def shard(self, index: int, of: int, budget: float | None = None) -> Plan:
        """Part `index` (from 0) of `of` parts, for one machine of many; together they are this plan.

        Parts are of about one size. A trial stays in its part when repeats grow and where levels are added
        behind those of an axis: what was paid is not paid again. Of a `budget` for the whole plan each part
        gets its share, rounded down, as its own `budget`: so many machines cannot overshoot it together,
        whatever they know of each other.
        """
        of, index = whole_number("of", of, 1), whole_number("index", index, 0)
        if index >= of:
            raise ConfigurationError(
                f"There is no part {index} of {of}.", hint=f"Parts go from 0 to {of - 1}."
            )
        if self._part != (0, 1):
            raise ConfigurationError(
                "This plan is a part already.", hint="Cut the whole plan into as many parts as are needed."
            )
        other = self._copy()
        other._part = (index, of)
        given = self.budget if budget is None else budget
        other.budget = None
        if given is not None and given != math.inf:
            if (
                isinstance(given, bool)
                or not isinstance(given, (int, float))
                or not 0 <= given <= MOST_BUDGET
            ):
                raise ConfigurationError(f"budget={given!r} is no amount of money.", hint="Give a number.")
            other.budget = round(given * MICRO) * len(other) // max(1, len(self)) / MICRO
        return other

    @property
    def part(self) -> tuple[int, int]:
        """Which part of how many this is; (0, 1) for a plan that is no shard."""
        return self._part

    @property
    def share(self) -> float:
        """Which part of the whole plan's trials this is, 0 to 1; 1 for a plan that is no shard."""
        if self._part == (0, 1):
            return 1.0
        whole = self._copy()
        whole._part = (0, 1)
        return len(self) / len(whole) if len(whole) else 0.0

    def _copy(self) -> Plan:
        other = object.__new__(Plan)
        other.__dict__.update(
            {name: value for name, value in self.__dict__.items() if name not in ("trials", "hash")}
        )
        return other

    @cached_property
    def hash(self) -> str:
        """A hash of the design: equal for equal levels, repeats, seed and part, whatever songs are called.

        Songs count by the names of their levels here; a trial's identity has their content.
        """
        said = {**self.description(), "part": list(self._part)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def description(self) -> dict[str, Any]:
        """The plan as plain data, without the songs themselves: what a file of it holds."""
        return {
            "references": list(self.references),
            "prompts": dict(self.prompts),
            "lyrics": dict(self.lyrics),
            "parameters": {
                name: None if level is None else dict(level) for name, level in self.parameters.items()
            },
            "slots": {slot: dict(axis) for slot, axis in self.slots.items()},
            "repeats": [[dict(part), count] for part, count in self.repeats],
            "seed": self.seed,
            "extra": [dict(cell) for cell in self.extra],
            "excluded": [dict(cell) for cell in self.excluded],
            "control": None if self.control is None else dict(self.control),
            "control_every": self.control_every,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any], references: Mapping[str, Any]) -> Plan:
        """The plan that `description()` describes, with these songs by the names of their levels."""
        given = {name: references.get(name) for name in description["references"]}
        words = {
            name: description[name] or None
            for name in ("prompts", "lyrics", "slots", "extra", "excluded", "control")
        }
        plan = cls(
            given,
            words["prompts"],
            words["lyrics"],
            description["parameters"] or None,
            [(part, count) for part, count in description["repeats"]],
            seed=description["seed"],
            slots=words["slots"],
            extra=words["extra"] or (),
            excluded=words["excluded"] or (),
            control=words["control"],
            control_every=description["control_every"],
        )
        part, parts = description.get("part", (0, 1))
        plan = plan if parts == 1 else plan._as_part(part, parts)
        plan.budget = description.get("budget")
        return plan

    def _as_part(self, part: int, parts: int) -> Plan:
        other = self._copy()
        other._part = (part, parts)
        return other

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plan to a YAML file that people can read and change; gives its path back.

        Songs below the file's folder are named relative to it. Raises ConfigurationError for songs that are
        no files or URLs, for signed URLs, which are secrets and soon out of date, and where a file is that is
        no plan, as a song of the plan.
        """
        return write_plan(
            path, {**self.description(), "part": list(self._part), "budget": self.budget}, self.references
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """The plan in a YAML file, whose keys are the parameters of Plan; paths in it begin where it lies.

        A prompt is the text that stands there, `no` and `12:30` too; only an empty place is None. Raises
        ConfigurationError with the line for what is wrong, InvalidRequestError for what the service would
        refuse.
        """
        arguments = read_plan(path)
        shard, budget = arguments.pop("shard"), arguments.pop("budget")
        try:
            plan = cls(**arguments)
        except (ConfigurationError, InvalidRequestError) as error:
            raise type(error)(f"{Path(path).name}: {error.message}", hint=error.hint) from None
        plan = plan.shard(*shard) if shard else plan
        plan.budget = budget
        return plan

    @classmethod
    def from_frame(
        cls,
        table: Any,
        *,
        seed: int = 0,
        control: Mapping[str, str] | None = None,
        control_every: int = 10,
    ) -> Plan:
        """A plan of exactly the cells in a table: a data frame, a list of mappings, or a CSV file's path.

        Each row is a cell. Columns are `reference`, `prompt`, `lyrics`, `parameters` as JSON or
        `parameter.<name>` for each, `repeats`, and the slots of the prompts. Two rows of one cell are
        refused.

        >>> plan = Plan.from_frame([{"reference": "one.mp3", "prompt": "jazz", "repeats": 2}])
        >>> len(plan)
        2
        """
        return cls(**read_table(table), seed=seed, control=control, control_every=control_every)

    def estimate(
        self, price: float | None = None, seconds_per_remix: float | None = None, concurrency: int = 1
    ) -> Estimate:
        """What the plan takes in time and money, with the price of one remix and how long one usually takes.

        >>> print(Plan("one.mp3", ["jazz", "rock"], repeats=3).estimate(price=0.1))
        6 trials · about 10 min, one at a time · price 0.60
        """
        return estimate(len(self), price, seconds_per_remix, concurrency)

    def to_frame(self) -> Any:
        """The trials in their order as a pandas DataFrame: number, factors, replicate, and what is sent.

        Factor columns hold the names of levels. ConfigurationError without pandas.
        """
        rows = [
            {
                "number": trial.number,
                **{factor: trial.factors.get(factor) for factor in self.axes},
                "replicate": trial.replicate,
                "is_control": trial.is_control,
                "prompt_sent": trial.instructions.prompt,
                "lyrics_sent": trial.instructions.lyrics,
                "parameters_sent": trial.instructions.parameters,
            }
            for trial in self
        ]
        return import_extra("pandas", "A data frame").DataFrame(rows)

    def __repr__(self) -> str:
        return plan_text(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": str(plan_html(self))}

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)


def _too_many(trials: str) -> ConfigurationError:
    return ConfigurationError(f"{trials} trials are more than a study can hold ({MOST_TRIALS:,}).")


def _fits(part: Mapping[str, str], cell: Mapping[str, str]) -> bool:
    return all(cell.get(factor) == name for factor, name in part.items())
