"""Spread of repeats: the pooled variance inside cells, and whether levels differ in it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.study.counted import Counted, Level

UNEQUAL = 0.05
"""Below this p value levels are taken to differ in spread."""

_LEAST_CELLS = 3
"""Cells with repeats that a level needs to be told from others."""


@dataclass(frozen=True)
class Variance:
    """The variance of a take inside its cell, and its degrees of freedom; nan where these are 0."""

    value: float
    degrees: int


def pooled_variance(groups: Iterable[Sequence[float]]) -> Variance:
    """The variance inside groups, pooled over them; single values tell nothing."""
    squares, degrees = 0.0, 0
    for group in groups:
        if len(group) > 1:
            mean = math.fsum(group) / len(group)
            # The spread of equal numbers is 0, not what their mean is rounded by.
            if min(group) != max(group):
                squares += math.fsum((value - mean) ** 2 for value in group)
            degrees += len(group) - 1
    return Variance(squares / degrees if degrees else math.nan, degrees)


@dataclass(frozen=True)
class Spread:
    """How takes vary: over all cells, and at each level; `p` is of "all levels alike", nan where unknown."""

    pooled: Variance
    by_level: dict[Level, Variance]
    p: float

    @property
    def is_unequal(self) -> bool:
        """Whether some level varies more than another, so that one variance does not fit all."""
        return self.p < UNEQUAL

    def each_its_own(self) -> Spread:
        """The same, but each level that has a spread is measured by that, whether it differs or not."""
        own = {level: found if found.value > 0 else self.pooled for level, found in self.by_level.items()}
        return Spread(self.pooled, own, 0.0)

    def of(self, level: Level) -> Variance:
        """The variance of a take at a level: that of all, or its own where levels differ."""
        return self.by_level.get(level, Variance(math.nan, 0)) if self.is_unequal else self.pooled


def spread_of(counted: Counted) -> Spread:
    """The spread of what counts. Levels are compared by the variances of their cells (Kruskal and Wallis)."""
    groups: dict[Level, list[Sequence[float]]] = defaultdict(list)
    for level, _, group in counted.groups():
        groups[level].append(group)
    variances = [
        [pooled_variance([group]).value for group in found if len(group) > 1] for found in groups.values()
    ]
    return Spread(
        pooled=pooled_variance(group for found in groups.values() for group in found),
        by_level={level: pooled_variance(found) for level, found in groups.items()},
        p=kruskal_wallis([found for found in variances if len(found) >= _LEAST_CELLS]),
    )


def kruskal_wallis(samples: Sequence[Sequence[float]]) -> float:
    """The p value of "all samples are from one distribution", by ranks; nan where they cannot differ."""
    # Loaded here, as is scipy.stats nowhere, which takes a second.
    from scipy.special import chdtrc

    values = np.array([value for sample in samples for value in sample], float)
    if len(samples) < 2 or values.min() == values.max():
        return math.nan
    ranks, ties = _ranks(values)
    ends = np.cumsum([len(sample) for sample in samples])
    sums = [float(part.sum()) for part in np.split(ranks, ends[:-1])]
    count = len(values)
    between = math.fsum(total**2 / len(sample) for total, sample in zip(sums, samples, strict=True))
    statistic = 12 / (count * (count + 1)) * between - 3 * (count + 1)
    statistic /= 1 - float((ties**3 - ties).sum()) / (count**3 - count)
    return float(chdtrc(len(samples) - 1, statistic))


def _ranks(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rank of each value from 1, the mean of them where several are equal; and how many are."""
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    return (last - (ties - 1) / 2)[place], ties.astype(float)
