"""Rows of a study that count for a metric, sorted by level, song and other factors; counts of the rest."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.study.own_metrics import RANGES, ranges_in, registered_stamps, version_in
from soundverse_nb.study.ranges import Range
from soundverse_nb.study.summary_request import asked_factors, asked_metric, asked_rows, finite_number

Level = tuple[str, ...]
"""The name of the level of each factor that is compared; "" where it has none."""

Rest = tuple[str, ...]
"""The same of the factors that are averaged over."""

STAMPS = ("extractor", "reference_extractor", "remix_extractor")
"""Columns that say which version of the measures a row has."""

_FIXED = ("reference", "state", "is_control", "in_plan", "identity", "same_audio_as", "simulated", "number",
          *STAMPS, "metric_versions")  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """The rows of one metric.

    Attributes
    ----------
    metric : the column.
    by, rest : the factors that are compared, and those that are averaged over.
    values : by level, song and rest the numbers of all takes; only finished ones that have the metric, that
        are no control, in the plan, and not the same file as another one that counts.
    states : by level how many trials are "done", "failed", "missing", "running", "unknown", done "without"
        the metric, or done and the "same" file as another.
    drift : of the plan's control trials that have the metric, their numbers in the order and their values.
    last : the highest number in the order of a trial that was run, control or not; 0 for none.
    stamps : versions of the measures, by column.
    simulated : how many of the takes that count are of the embedded service.
    orphans, unlevelled : rows of earlier plans, controls too; rows that have no level of any factor in `by`.
    planned : by level the cells (song and rest) that the plan has, whether a take of theirs counts or not.
    references : the songs of the takes that count, also where they are what is compared.
    is_flag : whether all values are true or false by their type; in `values` they are 1 and 0.
    own_range : of a metric of one's own, as it was registered; None where nothing was said.
    """

    metric: str
    by: tuple[str, ...]
    rest: tuple[str, ...]
    values: Mapping[Level, Mapping[str, Mapping[Rest, Sequence[float]]]]
    states: Mapping[Level, Counter[str]]
    drift: Sequence[tuple[float, float]]
    last: float
    stamps: Mapping[str, frozenset[str]]
    simulated: int
    orphans: int
    unlevelled: int
    planned: Mapping[Level, Mapping[tuple[str, Rest], None]]
    references: frozenset[str]
    is_flag: bool
    own_range: Range | None = None

    @property
    def levels(self) -> list[Level]:
        """In the order of the column's categories, else of the rows; with those of which no take counts."""
        return list(self.states)

    @cached_property
    def songs(self) -> list[str]:
        """Songs that have a take that counts, in the order of their names, "song 10" behind "song 9"."""
        return sorted({song for songs in self.values.values() for song in songs}, key=_by_number)

    @property
    def takes(self) -> int:
        """How many takes count."""
        return sum(len(group) for _, _, group in self.groups())

    @cached_property
    def is_whole(self) -> bool:
        """Whether all values are whole numbers, as stars, counts and 0 or 1 are."""
        return all(float(value).is_integer() for _, _, group in self.groups() for value in group)

    @cached_property
    def has_several(self) -> bool:
        """Whether not all values are the same."""
        return len({value for _, _, group in self.groups() for value in group}) > 1

    def values_at(self, level: Level) -> list[float]:
        """All values of a level."""
        cells = (group for songs in self.values.get(level, {}).values() for group in songs.values())
        return [value for group in cells for value in group]

    def groups(self) -> Iterator[tuple[Level, str, Sequence[float]]]:
        """The repeats of each cell: its level, its song, its values."""
        for level, songs in self.values.items():
            for song, cells in songs.items():
                for group in cells.values():
                    yield level, song, group


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def count(rows: Any, metric: str, by: str | Sequence[str] | None = None) -> Counted:
    """Sort the rows of a frame, or of a list of mappings with its columns, by what they say of a metric.

    `by` is a factor or several; without it those that vary, apart from the song. Factors are the columns
    between `reference` and `replicate`. ConfigurationError where there is no such column, where it holds no
    numbers, and where no take has one.
    """
    metric, by = asked_metric(metric), asked_factors(by)
    columns, read = columns_of(rows)
    if metric not in columns:
        raise _no_column(metric, columns)
    factors = factors_of(columns, by)
    wanted = [*_FIXED, *factors, metric]
    records = [dict(zip(wanted, values, strict=True)) for values in read(wanted)]
    chosen = _chosen(factors, by, records)
    counted = _sorted(records, metric, chosen, tuple(factor for factor in factors if factor not in chosen))
    orders = [_categories(rows, factor) for factor in chosen]
    states = {level: counted.states[level] for level in _ordered(counted, orders)}
    return replace(counted, states=states, own_range=_own_range(rows, metric))


def _no_column(metric: str, columns: Sequence[str]) -> ConfigurationError:
    near = difflib.get_close_matches(metric, columns, 3)
    if metric in registered_stamps():
        hint = "study.measure() measures it; it was registered since the takes were measured."
    elif near:
        hint = f"Did you mean {' or '.join(map(repr, near))}?"
    else:
        hint = "study.to_frame() has them all."
    return ConfigurationError(f"There is no column {metric!r} in this study.", hint=hint)


def _own_range(rows: Any, metric: str) -> Range | None:
    """The range of a metric of one's own: as it is registered now, else as the rows bring it."""
    brought = getattr(rows, "attrs", {}).get(RANGES, {})
    ends = {**brought, **ranges_in(())}.get(metric)
    if ends is None:
        return None
    low, high = ends
    return Range(-math.inf if low is None else low, math.inf if high is None else high)


def _categories(rows: Any, factor: str) -> dict[str, int]:
    """The order of levels that a frame's categorical column brings; none else."""
    categories = (
        getattr(getattr(rows[factor], "cat", None), "categories", ()) if hasattr(rows, "columns") else ()
    )
    return {str(name): place for place, name in enumerate(categories)}


def _ordered(counted: Counted, orders: Sequence[Mapping[str, int]]) -> list[Level]:
    """Levels by the order of their categories, and as they come where there is none."""
    return sorted(
        counted.levels,
        key=lambda level: [order.get(name, len(order)) for name, order in zip(level, orders, strict=True)],
    )


def columns_of(rows: Any) -> tuple[list[str], Any]:
    """The names of the columns, and what reads some of them row by row, None for what is empty."""
    if hasattr(rows, "columns") and hasattr(rows, "notna"):
        have = list(rows.columns)

        def from_frame(wanted: Sequence[str]) -> Iterable[tuple[Any, ...]]:
            def column(name: str) -> list[Any]:
                if name not in have:
                    return [None] * len(rows)
                found = rows[name]
                return found.astype(object).where(found.notna(), None).tolist()  # type: ignore[no-any-return]

            return zip(*(column(name) for name in wanted), strict=True)

        return have, from_frame
    mappings = asked_rows(rows)
    have = list(dict.fromkeys(name for row in mappings for name in row))

    def from_mappings(wanted: Sequence[str]) -> Iterable[tuple[Any, ...]]:
        def column(name: str) -> list[Any]:
            return [_known(row.get(name)) for row in mappings] if name in have else [None] * len(mappings)

        return zip(*(column(name) for name in wanted), strict=True)

    return have, from_mappings


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def factors_of(columns: Sequence[str], by: str | Sequence[str] | None = None) -> list[str]:
    """All factors but the song, in the order of the frame. ConfigurationError where `by` names another."""
    given = [by] if isinstance(by, str) else list(by or [])
    if "reference" in columns and "replicate" in columns[columns.index("reference") :]:
        found = list(columns[columns.index("reference") + 1 : columns.index("replicate")])
    else:
        found = [factor for factor in given if factor != "reference"]
    for factor in given:
        if factor not in (*found, "reference") or factor not in columns:
            near = difflib.get_close_matches(factor, found, 3) or found
            raise ConfigurationError(
                f"{factor!r} is no factor of this study.",
                hint=f"by= takes {' or '.join(map(repr, near))}." if near else "It varies none but the song.",
            )
    return found


def _chosen(
    factors: Sequence[str], by: str | Sequence[str] | None, records: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    if by is not None:
        return (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    planned = [row for row in records if not row["is_control"] and not _is_orphan(row)]
    return tuple(factor for factor in factors if len({_name(row[factor]) for row in planned}) > 1)


def _is_orphan(row: Mapping[str, Any]) -> bool:
    return row["in_plan"] is not None and not row["in_plan"]


def level_name(level: Level) -> str:
    """What a level is called in a sentence, a table and a plot."""
    return ", ".join(filter(None, level)) or "all takes"


def _name(level: Any) -> str:
    return "" if level is None else str(level)


def _sorted(
    records: Sequence[Mapping[str, Any]], metric: str, by: tuple[str, ...], rest: tuple[str, ...]
) -> Counted:
    values: dict[Level, dict[str, dict[Rest, list[float]]]] = {}
    states: dict[Level, Counter[str]] = defaultdict(Counter)
    stamps: dict[str, set[str]] = defaultdict(set)
    drift: list[tuple[float, float]] = []
    planned: dict[Level, dict[tuple[str, Rest], None]] = defaultdict(dict)
    references: set[str] = set()
    simulated = orphans = unlevelled = elsewhere = 0
    last, is_flag = 0.0, True
    again = _copies(records, metric)
    for place, row in enumerate(records):
        value = finite_number(row[metric], metric)
        state = getattr(row["state"], "value", row["state"]) or "done"
        order = float(place + 1 if row["number"] is None else row["number"])
        if _is_orphan(row):
            orphans += 1  # a control too: its number in the order is that of another plan
            continue
        if state != "missing":
            last = max(last, order)
        if row["is_control"]:
            if state == "done" and value is not None:
                drift.append((order, value))
            continue
        level = tuple(_name(row[factor]) for factor in by)
        if by and not any(level):
            unlevelled += 1
            elsewhere += state == "done" and value is not None
            continue
        number = states[level]
        # Compared by song, a song is a level, and no block to average over.
        song = "" if "reference" in by else _name(row["reference"])
        others = tuple(_name(row[factor]) for factor in rest)
        planned[level][song, others] = None
        if state != "done":
            number[state] += 1
        elif value is None:
            number["without"] += 1
        elif place in again:
            number["same"] += 1
        else:
            number["done"] += 1
            simulated += bool(row["simulated"])
            for column in STAMPS:
                if row[column] is not None:
                    stamps[column].add(str(row[column]))
            if (version := version_in(row["metric_versions"], metric)) is not None:
                stamps["metric_versions"].add(f"{metric} {version}")
            references.add(_name(row["reference"]))
            is_flag = is_flag and isinstance(row[metric], (bool, np.bool_))
            values.setdefault(level, {}).setdefault(song, {}).setdefault(others, []).append(value)
    if not values:
        raise _nothing(metric, by, rest, states.values(), elsewhere)
    return Counted(
        metric,
        by,
        rest,
        values,
        dict(states),
        drift,
        last,
        {column: frozenset(found) for column, found in stamps.items()},
        simulated,
        orphans,
        unlevelled,
        planned,
        frozenset(references),
        is_flag,
    )


def _copies(records: Sequence[Mapping[str, Any]], metric: str) -> frozenset[int]:
    """The rows whose audio counts already, by their places: of takes that are one file one counts.

    It is the one that the others name, or where that has no number, is of an earlier plan or not among the
    rows, the first in the order that does. Rows without identities do not tell, and are taken at their word.
    """
    named = {row["same_audio_as"] for row in records if row["same_audio_as"]}
    if not named:
        return frozenset()
    if all(row["identity"] is None for row in records):
        return frozenset(place for place, row in enumerate(records) if row["same_audio_as"])
    alike: dict[Any, list[tuple[bool, float, int]]] = defaultdict(list)
    for place, row in enumerate(records):
        name = row["same_audio_as"] or row["identity"]
        is_done = (getattr(row["state"], "value", row["state"]) or "done") == "done"
        may_count = is_done and not row["is_control"] and not _is_orphan(row)
        if name in named and may_count and finite_number(row[metric], metric) is not None:
            order = float(place if row["number"] is None else row["number"])
            alike[name].append((bool(row["same_audio_as"]), order, place))
    return frozenset(place for takes in alike.values() for _, _, place in sorted(takes)[1:])


def _nothing(
    metric: str, by: tuple[str, ...], rest: tuple[str, ...], states: Iterable[Counter[str]], elsewhere: int
) -> ConfigurationError:
    """That no take counts; `elsewhere` are the takes without a level of `by` that have the metric."""
    states = list(states)
    which = f"with a {' or '.join(by)}" if elsewhere else "of this study"
    other = next((factor for factor in rest if factor not in by), "reference")
    total: Counter[str] = sum(states, Counter())
    hints = [f'by="{other}" compares the {elsewhere} that have one.'] if elsewhere else []
    if metric == "stars":
        hints.append("study.gallery() and study.mark() give stars.")
    elif total["without"]:
        hints.append("study.measure() measures what lacks; not_measured in study.to_frame() says why it did.")
    elif not states or total["missing"] or total["running"]:
        hints.append("study.run(plan) orders what is missing.")
    elif total["failed"]:
        hints.append(
            "study.run(plan) orders what is missing (retry_failed=True tries those that failed again)."
        )
    return ConfigurationError(
        f"No take {which} has a {metric}{'' if elsewhere else ' yet'}{_instead(states)}.",
        hint=" ".join(hints) or "study.to_frame() has all takes.",
    )


def _instead(states: Iterable[Counter[str]]) -> str:
    total: Counter[str] = sum(states, Counter())
    words = {"missing": "not run", "without": "done without it", "same": "the same file as another"}
    said = [f"{number} {words.get(state, state)}" for state, number in total.items() if number]
    return f": {', '.join(said)}" if said else ""
