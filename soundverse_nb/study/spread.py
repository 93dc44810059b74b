"""Spread of repeats: the variance inside cells of each level, and whether songs or levels differ in it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.study.counted import Counted, Level
from soundverse_nb.study.intervals import LEAST_DEGREES

WHOLE_LEVEL = 1

_NEARLY_ALIKE = 1.5
"""Up to how many times the fewest takes of a cell the most may be, for one spread of a level."""

_LEAST_CELLS = 3
"""Cells with repeats that a level needs to be told from others."""

UNEVEN = 0.05
"""Below this p value the cells of a level are said to differ in spread."""


@dataclass(frozen=True)
class Variance:
    """The variance of a take inside its cell, and its degrees of freedom; nan where these are 0.

    `kept` is the share of the degrees that is left because cells differ in spread; `degrees` are those left.
    """

    value: float
    degrees: float
    kept: float = 1.0


def pooled_variance(groups: Iterable[Sequence[float]]) -> Variance:
    """The variance inside groups, pooled over them; single values tell nothing."""
    squares, degrees = 0.0, 0
    for group in groups:
        squares += _squares(group)
        degrees += len(group) - 1
    return Variance(squares / degrees if degrees else math.nan, degrees)


def uneven_variance(groups: Iterable[Sequence[float]]) -> Variance:
    """The same of groups that differ in how much they vary, with the degrees of Satterthwaite (1946).

    Where one song varies ten times as much as four others, it alone makes up the variance, and from two
    takes there is one degree of freedom, not five.
    """
    groups = list(groups)
    pooled = pooled_variance(groups)
    total = math.fsum(map(_squares, groups))
    if not total > 0:
        return pooled
    shares = [(_squares(group) / total, len(group) - 1) for group in groups if len(group) > 1]
    left = 1 / math.fsum(share**2 / degrees for share, degrees in shares)
    return Variance(pooled.value, left, left / pooled.degrees)


def _squares(group: Sequence[float]) -> float:
    """The sum of squares about the mean."""
    # That of equal numbers is 0, not what their mean is rounded by.
    if min(group) == max(group):
        return 0.0
    mean = math.fsum(group) / len(group)
    return math.fsum((value - mean) ** 2 for value in group)


@dataclass(frozen=True)
class Spread:
    """How takes vary: over all cells, and at each level; `p` is of "all levels alike", nan where unknown.

    `by_takes` is of the cells of a level that have so many takes; WHOLE_LEVEL stands for all cells,
    where numbers are not told apart. `has_equal_numbers` is whether all cells have as many.
    `uneven` are the levels whose cells are taken to differ in spread, and `p_uneven` is of "no cells and no
    songs do", the least of the tests that there are, adjusted for their number (Bonferroni).
    """

    pooled: Variance
    by_level: dict[Level, Variance]
    by_takes: dict[Level, dict[int, Variance]]
    p: float
    has_equal_numbers: bool
    uneven: frozenset[Level] = frozenset()
    p_uneven: float = math.nan

    def kind_of(self, level: Level, takes: int) -> int:
        """The key in `by_takes` of what tells how much the takes of a cell with so many vary.

        Where all are told apart, a single take is measured by the cells that have the fewest; 0 for none.
        """
        sizes = self.by_takes.get(level, {})
        return takes if takes in sizes else min(sizes, default=0)

    def of(self, level: Level, kind: int) -> Variance:
        """The variance of a take of the cells of a level that have so many takes; see `kind_of`.

        A level has its own, and no test decides whether it is pooled with those of others: few takes cannot
        tell that two levels vary alike, and pooled the noisier one's interval holds the truth in 84 of 100
        studies where it varies 3 times as much. Takes that are all alike are measured by what else there is.
        """
        found = self.by_takes.get(level, {}).get(kind, Variance(math.nan, 0))
        if not found.value > 0:
            found = self.by_level.get(level, found)
        return self.pooled if found.value == 0 else found


def spread_of(counted: Counted) -> Spread:
    """The spread of what counts. Levels are compared by the variances of their cells (Kruskal and Wallis)."""
    groups: dict[Level, list[Sequence[float]]] = defaultdict(list)
    for level, _, group in counted.groups():
        groups[level].append(group)
    variances = [
        [pooled_variance([group]).value for group in found if len(group) > 1] for found in groups.values()
    ]
    sizes: dict[Level, dict[int, list[Sequence[float]]]] = {level: defaultdict(list) for level in groups}
    for level, found in groups.items():
        for group in found:
            if len(group) > 1:
                sizes[level][len(group)].append(group)
    uneven, p_uneven = _uneven_levels(counted, groups)
    variance = {level: uneven_variance if level in uneven else pooled_variance for level in groups}
    return Spread(
        pooled=pooled_variance(group for found in groups.values() for group in found),
        by_level={level: variance[level](found) for level, found in groups.items()},
        by_takes={
            level: {takes: variance[level](found) for takes, found in _told_apart(its).items()}
            for level, its in sizes.items()
        },
        p=kruskal_wallis([found for found in variances if len(found) >= _LEAST_CELLS]),
        has_equal_numbers=len({len(group) for found in groups.values() for group in found}) == 1,
        uneven=uneven,
        p_uneven=p_uneven,
    )


def _uneven_levels(
    counted: Counted, groups: Mapping[Level, Sequence[Sequence[float]]]
) -> tuple[frozenset[Level], float]:
    """The levels whose cells differ in spread, and the adjusted p value of "none do".

    All of them where songs differ over the levels together, which tell it better than any one does. Steps of
    whole numbers differ in spread by where the steps are, and are left alone.
    """
    if counted.is_whole:
        return frozenset(), math.nan
    by_level = {
        level: cochran([(_squares(group), len(group) - 1) for group in found])
        for level, found in groups.items()
    }
    by_song: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    scale = {level: pooled_variance(found).value for level, found in groups.items()}
    for level, song, group in counted.groups():
        if scale[level] > 0:
            by_song[song][0] += _squares(group) / scale[level]
            by_song[song][1] += len(group) - 1
    of_songs = cochran([(squares, degrees) for squares, degrees in by_song.values()])
    tests = [p for p in (*by_level.values(), of_songs) if not math.isnan(p)]
    adjusted = min(1.0, len(tests) * min(tests)) if tests else math.nan
    uneven = [level for level, p in by_level.items() if p < UNEVEN or of_songs < UNEVEN]
    return frozenset(uneven), adjusted


def cochran(sums: Sequence[tuple[float, float]]) -> float:
    """The p value of "all vary alike", of sums of squares with their degrees of freedom, by the largest.

    Cochran's C (1941): each share of the whole is of a beta distribution, and the p values add up to a bound
    (Bonferroni). 0 where some do not vary at all and others do; nan where there are not two, or none varies.
    """
    from scipy.special import betainc

    sums = [(squares, degrees) for squares, degrees in sums if degrees > 0]
    total = math.fsum(squares for squares, _ in sums)
    if len(sums) < 2 or not total > 0:
        return math.nan
    if min(sums)[0] == 0:
        return 0.0
    whole = math.fsum(degrees for _, degrees in sums)
    beyond = [
        1 - float(betainc(degrees / 2, (whole - degrees) / 2, min(1.0, squares / total)))
        for squares, degrees in sums
    ]
    return min(1.0, len(sums) * max(0.0, min(beyond)))


def _told_apart(sizes: Mapping[int, list[Sequence[float]]]) -> dict[int, list[Sequence[float]]]:
    """The cells of a level by their number of takes, as far as it matters.

    A take that was lost here and there shall not cost the interval its degrees of freedom: numbers that are
    nearly alike, and a few odd cells, are measured by the whole level.
    """
    whole = [group for groups in sizes.values() for group in groups]
    if not whole:
        return {}
    if max(sizes) <= _NEARLY_ALIKE * min(sizes):
        return {WHOLE_LEVEL: whole}
    apart = {
        takes: groups
        for takes, groups in sizes.items()
        if 2 * len(groups) >= len(whole) or len(groups) * (takes - 1) >= LEAST_DEGREES
    }
    return apart if len(apart) == len(sizes) else {WHOLE_LEVEL: whole, **apart}


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
