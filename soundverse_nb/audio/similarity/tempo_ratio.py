"""How much faster a remix is: the slope of the line that its alignment makes, found more finely along it.

The tempi that a beat tracker gives for either song may be different multiples of the beat; the slope of an
alignment has no such choice. Each knot of the coarse path is moved to where the notes around it agree best in
frames of 93 ms, and one slope is fitted through the knots of all runs, each run with a place of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.similarity.alignment import Seconds
from soundverse_nb.audio.similarity.recurrence import Notes

FINE_SECONDS = 0.093
_AROUND = 14  # fine frames to either side of a knot that must agree: 1.3 s
_FARTHEST = 7  # fine frames by which a knot may be moved: 0.65 s
_ROUNDS = 8
_TUKEY = 4.685  # deviations from which a knot has no weight: 95 % efficient where errors are normal
_LEAST_DEVIATION = 0.01  # seconds; below, the hop of the spectra decides
_WITHIN = 0.01  # the error of a tempo ratio that the confidence is about
_NEIGHBOURS = 3.0  # knots that are near share so much of their surroundings that each counts for a third


@dataclass(frozen=True)
class TempoRatio:
    """`ratio` is the remix's tempo over the original's, 1.1 for a tenth faster; nan where unknown.

    `confidence`, 0 to 1, is how probable it is that the ratio is within 1 %.
    """

    ratio: float
    confidence: float


def moved(
    original: Notes,
    remix: Notes,
    frame_seconds: float,
    knots: tuple[Seconds, Seconds],
    slope: float,
) -> Seconds:
    """Where in the original the knots lie when moved to the best agreement of the notes around them.

    `original` and `remix` are directions of fine profiles, the first of each about half of `frame_seconds`.
    `knots` are seconds of both songs. A knot without a clear best place stays where it is.
    """
    to_frame = 1 / frame_seconds
    at_remix = np.round(knots[1] * to_frame - 0.5).astype(np.intp)
    at_original = knots[0] * to_frame - 0.5 + slope * (at_remix - (knots[1] * to_frame - 0.5))
    around = np.arange(-_AROUND, _AROUND + 1)
    lags = np.arange(-_FARTHEST, _FARTHEST + 1)
    first = np.round(at_original[:, np.newaxis] + slope * around).astype(np.intp)
    # All of the original that a knot may meet against all of the remix around it, in one product; the
    # agreement at a lag lies along a line through it.
    width = int(np.max(first[:, -1] - first[:, 0], initial=0)) + len(lags)
    within = first[:, :1] - _FARTHEST + np.arange(width)
    products = _rows(remix, at_remix[:, np.newaxis] + around) @ _rows(original, within).transpose(0, 2, 1)
    line = (first - first[:, :1])[:, :, np.newaxis] + np.arange(len(lags))
    agreement = np.take_along_axis(products, line, axis=2).sum(axis=1)
    best = np.clip(agreement.argmax(axis=1), 1, len(lags) - 2)
    knot = np.arange(len(best))
    left, middle, right = (agreement[knot, best + step] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    is_top = (bend < 0) & (middle >= left) & (middle >= right) & (middle > 0)
    lag = best - _FARTHEST + 0.5 * (left - right) / np.where(is_top, bend, -1.0)
    return np.asarray(knots[0] + np.where(is_top, lag, 0.0) * frame_seconds, np.float64)


def _rows(notes: Notes, index: NDArray[np.intp]) -> Notes:
    """The rows of an index, zeros where it lies outside."""
    inside = (index >= 0) & (index < len(notes))
    rows: Notes = notes[np.clip(index, 0, len(notes) - 1)]
    rows *= inside[:, :, np.newaxis]
    return rows


def fitted(runs: Sequence[tuple[Seconds, Seconds]]) -> TempoRatio:
    """One slope through the knots of all runs, (original, remix) in seconds, but for those far off it."""
    long = [run for run in runs if len(run[0]) > 2]
    if not long:
        return TempoRatio(math.nan, 0.0)
    original, remix = (np.concatenate([run[side] for run in long]) for side in (0, 1))
    run_of = np.repeat(np.arange(len(long)), [len(run[0]) for run in long])
    slope = _middle_slope(long)
    weights = np.ones(len(remix))
    deviation, spread = math.inf, 0.0
    for _ in range(_ROUNDS):
        off = original - slope * remix
        residual = off - _weighted_medians(off, weights, run_of)[run_of]
        deviation = max(_LEAST_DEVIATION, 1.4826 * _median(np.abs(residual)))
        weights = np.square(np.maximum(0.0, 1 - np.square(residual / (_TUKEY * deviation))))
        total = np.maximum(np.bincount(run_of, weights), 1e-9)
        x = remix - (np.bincount(run_of, weights * remix) / total)[run_of]
        y = original - (np.bincount(run_of, weights * original) / total)[run_of]
        spread = float(weights @ np.square(x))
        if not spread > 0:
            return TempoRatio(math.nan, 0.0)
        slope = float(weights @ (x * y)) / spread
    if not slope > 0:
        return TempoRatio(math.nan, 0.0)
    error = deviation * math.sqrt(_NEIGHBOURS / spread)
    return TempoRatio(slope, math.erf(_WITHIN * slope / (error * math.sqrt(2))))


def _middle_slope(runs: Sequence[tuple[Seconds, Seconds]]) -> float:
    """The median of the slopes between knots half a run apart, long runs counting for more."""
    slopes, weights = [], []
    for original, remix in runs:
        half = max(1, len(original) // 2)
        across = remix[half:] - remix[:-half]
        slopes.append((original[half:] - original[:-half]) / across)
        weights.append(across)
    joined, weight = np.concatenate(slopes), np.concatenate(weights)
    order = np.argsort(joined)
    summed = np.cumsum(weight[order])
    return float(joined[order][np.searchsorted(summed, summed[-1] / 2)])


def _weighted_medians(values: Seconds, weights: Seconds, run_of: NDArray[np.intp]) -> Seconds:
    medians = np.zeros(int(run_of.max()) + 1)
    for run in range(len(medians)):
        here = (run_of == run) & (weights > 0)
        medians[run] = _median(values[here if here.any() else run_of == run])
    return medians


def _median(values: Seconds) -> float:
    """The median of some values, at least one; of the few that runs have, numpy's takes ten times as long."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
