"""How much takes of one prompt differ among themselves: what a difference between prompts is held against."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from soundverse_nb.errors import ConfigurationError


@dataclass(frozen=True)
class RepeatSpread:
    """By column the differences within all pairs of repeats, ascending, in the column's unit.

    A pair of repeats are two takes of one song with the same prompt, lyrics and parameters.

    >>> spread = RepeatSpread.of([("jazz", {"tune_kept": k}) for k in (0.80, 0.82, 0.83)])
    >>> spread.differences["tune_kept"]
    (0.01, 0.02, 0.03)
    >>> spread.verdict("tune_kept", 0.1)
    'bigger than 3 of 3 pairs of repeats'
    """

    differences: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, takes: Iterable[tuple[Hashable, Mapping[str, Any]]]) -> RepeatSpread:
        """From takes, each as what tells one condition from another and its row of measures."""
        conditions: dict[Hashable, list[Mapping[str, Any]]] = defaultdict(list)
        for condition, row in takes:
            conditions[condition].append(row)
        found: dict[str, list[float]] = defaultdict(list)
        for rows in conditions.values():
            for one, other in combinations(rows, 2):
                for column in one:
                    difference = _between(one[column], other.get(column))
                    if difference is not None:
                        found[column].append(difference)
        return cls({column: tuple(sorted(values)) for column, values in found.items()})

    def __bool__(self) -> bool:
        return bool(self.differences)

    def within(self, column: str, share: float = 0.9) -> float:
        """By how much so many of the pairs of repeats differ at most; nan where there is no pair."""
        differences = self.differences.get(column, ())
        if not differences:
            return math.nan
        return differences[max(0, math.ceil(share * len(differences)) - 1)]

    def verdict(self, column: str, difference: float) -> str:
        """What a difference between two conditions means: "bigger than 9 of 10 pairs of repeats"."""
        differences = self.differences.get(column, ())
        if not differences:
            raise ConfigurationError(
                f"There are no two takes of one prompt that have a {column}.",
                hint="Order a prompt twice or more: what takes of one prompt differ by is what counts.",
            )
        smaller = sum(each < abs(difference) for each in differences)
        return f"bigger than {smaller} of {len(differences)} pairs of repeats"


def _between(one: Any, other: Any) -> float | None:
    """By how much two numbers differ; None for what are none."""
    if any(isinstance(each, (bool, str)) or not isinstance(each, (int, float)) for each in (one, other)):
        return None
    difference = round(abs(one - other), 12)
    return difference if math.isfinite(difference) else None
