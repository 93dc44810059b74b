"""Which second of the original is which second of the remix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Seconds = NDArray[np.float64]

_LEAST_STEP = 1e-3  # seconds between the knots of a segment
_STRAY = 0.2  # seconds by which a knot may lie off the line between those beside it; tempi do not change so
_SOFT_ENDS = 1e-6  # seconds by which a time may lie beyond a knot for rounding


@dataclass(frozen=True)
class Segment:
    """A stretch that both songs play through: knots of a line, in seconds, rising in both.

    `original` and `remix` (knots,) are the same moments in either song; in between, the line is straight.
    """

    original: Seconds
    remix: Seconds


@dataclass(frozen=True)
class Alignment:
    """The stretches that two songs have in common, in the order of the remix.

    From one to the next the original may be anywhere: a part was cut, repeated, or put in.
    """

    segments: tuple[Segment, ...] = ()

    def to_original(self, remix: ArrayLike) -> Seconds:
        """Seconds of the original for seconds of the remix, in the same shape; nan where unknown.

        >>> steady = Segment(np.array([0.0, 30.0]), np.array([4.0, 29.0]))
        >>> Alignment((steady,)).to_original([2.0, 4.0, 9.0])
        array([nan,  0.,  6.])
        """
        return self._mapped(remix, lambda segment: (segment.remix, segment.original))

    def to_remix(self, original: ArrayLike) -> Seconds:
        """Seconds of the remix for seconds of the original: the first time it plays them; nan for never."""
        return self._mapped(original, lambda segment: (segment.original, segment.remix))

    def _mapped(self, times: ArrayLike, ends: Callable[[Segment], tuple[Seconds, Seconds]]) -> Seconds:
        given = np.asarray(times, np.float64)
        found = np.full(given.shape, np.nan)
        for segment in self.segments:
            here, there = ends(segment)
            inside = (given >= here[0] - _SOFT_ENDS) & (given <= here[-1] + _SOFT_ENDS) & np.isnan(found)
            found[inside] = np.interp(given[inside], here, there)
        return found

    @property
    def remix_seconds(self) -> float:
        """How much of the remix is known in the original."""
        return float(sum(segment.remix[-1] - segment.remix[0] for segment in self.segments))


def segment_between(
    original: Seconds, remix: Seconds, reach: float, slope: float, ends: tuple[float, float]
) -> Segment | None:
    """A segment through knots that may not rise throughout, drawn on to either side, as far as songs last.

    `reach` is by how many seconds of the remix it goes on, at `slope` seconds of the original for each;
    `ends` the durations of original and remix. None where fewer than two knots are left.
    """
    original, remix = _without_strays(original, remix)
    rising = _rising(original) & _rising(remix)
    original, remix = original[rising], remix[rising]
    if len(original) < 2:
        return None
    before = min(reach, remix[0], original[0] / slope)
    after = min(reach, ends[1] - remix[-1], (ends[0] - original[-1]) / slope)
    if before > _LEAST_STEP:
        original = np.concatenate([[original[0] - slope * before], original])
        remix = np.concatenate([[remix[0] - before], remix])
    if after > _LEAST_STEP:
        original = np.concatenate([original, [original[-1] + slope * after]])
        remix = np.concatenate([remix, [remix[-1] + after]])
    return Segment(original, remix)


def _without_strays(original: Seconds, remix: Seconds) -> tuple[Seconds, Seconds]:
    """Without knots that lie off the line through both beside them: a moment that was mistaken for another.

    The one farthest off goes first, for it draws the line beside its neighbours away as well.
    """
    while len(original) > 2:
        across = np.maximum(remix[2:] - remix[:-2], _LEAST_STEP)
        share = (remix[1:-1] - remix[:-2]) / across
        off = np.abs(original[1:-1] - original[:-2] - share * (original[2:] - original[:-2]))
        worst = int(off.argmax())
        if off[worst] <= _STRAY:
            break
        others = np.arange(len(original)) != worst + 1
        original, remix = original[others], remix[others]
    return original, remix


def _rising(times: Seconds) -> NDArray[np.bool_]:
    """Which times are later than all before them."""
    latest = np.maximum.accumulate(times)
    rising = np.ones(len(times), bool)
    rising[1:] = times[1:] > latest[:-1] + _LEAST_STEP
    return rising


def without_overlap(segments: list[Segment]) -> tuple[Segment, ...]:
    """The segments, in the order of the remix; where two claim the same seconds of it, each has half."""
    limits = [(segment.remix[0], segment.remix[-1]) for segment in segments]
    for index, ((_, end), (start, _)) in enumerate(pairwise(limits)):
        if end > start:
            middle = (end + start) / 2
            limits[index] = (limits[index][0], middle)
            limits[index + 1] = (middle, limits[index + 1][1])
    cut = [_cut(segment, *limit) for segment, limit in zip(segments, limits, strict=True)]
    return tuple(segment for segment in cut if len(segment.remix) > 1)


def _cut(segment: Segment, start: float, end: float) -> Segment:
    if start <= segment.remix[0] and end >= segment.remix[-1]:
        return segment
    inner = segment.remix[(segment.remix > start + _LEAST_STEP) & (segment.remix < end - _LEAST_STEP)]
    remix = np.concatenate([[start], inner, [end]]) if end > start + _LEAST_STEP else inner
    return Segment(np.interp(remix, segment.remix, segment.original), remix)
