"""Odd takes: those that lie far from the others of their cell, by how takes of their level usually do."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from soundverse_nb.study.counted import Counted, Level

FAR = 6
"""Median absolute deviations beyond which a take is odd: of a level of normal takes one is in 2 to 4 of 100
studies, of exponential ones in 20 to 60 from 20 takes on."""

LEAST_REPEATS = 10
"""Takes of a level, in cells that have several, from which it can be told how far they usually lie apart."""

_PAIR = 2


@dataclass(frozen=True)
class OddTake:
    """A take, or of a cell of two takes the pair, and whether it lies above the others."""

    level: Level
    song: str
    value: float
    is_above: bool
    is_pair: bool


def odd_takes(counted: Counted) -> tuple[list[OddTake], int]:
    """The odd takes, and of how many takes they are; 0 where no level has enough repeats that differ."""
    cells: dict[Level, list[tuple[str, Sequence[float]]]] = defaultdict(list)
    for level, song, group in counted.groups():
        if len(group) > 1:
            cells[level].append((song, group))
    found, looked_at = [], 0
    for level, groups in cells.items():
        takes = sum(len(group) for _, group in groups)
        usual = statistics.median(off for _, group in groups for off in _off_mean(group))
        if takes >= LEAST_REPEATS and usual > 0:
            looked_at += takes
            found += [take for song, group in groups for take in _odd(level, song, group, FAR * usual)]
    return found, looked_at


def _off_mean(group: Sequence[float]) -> list[float]:
    """How far takes lie from their mean, as if they were many: few pull it towards themselves."""
    if min(group) == max(group):
        return [0.0] * len(group)
    mean, few = math.fsum(group) / len(group), math.sqrt(len(group) / (len(group) - 1))
    return [few * abs(value - mean) for value in group]


def _odd(level: Level, song: str, group: Sequence[float], far: float) -> list[OddTake]:
    """Those far from the median, which one odd take hardly moves. Of two takes none tells which it is."""
    if len(group) == _PAIR:
        is_far = max(group) - min(group) > math.sqrt(2) * far
        return [OddTake(level, song, max(group), True, True)] if is_far else []
    middle = statistics.median(group)
    return [
        OddTake(level, song, value, value > middle, False) for value in group if abs(value - middle) > far
    ]
