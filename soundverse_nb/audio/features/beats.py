"""Where the beats of a song are, once its tempo is about known, and the straight line through them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.features.onsets import top_offset
from soundverse_nb.audio.features.spectra import FRAME_RATE

# How much an interval that is not the expected one costs, in standard deviations of onset strength (Ellis,
# "Beat tracking by dynamic programming", 2007, whose own value this is).
_TIGHTNESS = 100.0
_SHORTEST, _LONGEST = 0.6, 1.6  # intervals that are looked at, in expected ones
_FIT_ROUNDS = 4
_OUTLIER = 3.0  # times the median deviation


def track_beats(strength: NDArray[np.floating], period: float) -> NDArray[np.float64]:
    """Beat times in seconds: the row of onsets that is strongest and most even, `period` frames apart.

    Beats go on through rests, from the first onset to the last.
    """
    score = _smoothed(strength, period)
    spread = float(score.std())
    if not spread > 0 or len(score) < 2 * period:
        return np.zeros(0)
    score /= spread
    lags = np.arange(max(1, round(_SHORTEST * period)), round(_LONGEST * period) + 1)
    cost = _TIGHTNESS * np.square(np.log(lags / period))
    best = np.concatenate([np.full(lags[-1], 0.0), score.astype(np.float64)])
    before = np.full(len(score), -1)
    # So many frames have no predecessor among themselves, and are worked out together.
    step = int(lags[0])
    for start in range(0, len(score), step):
        rows = np.arange(start, min(start + step, len(score)))
        reached = best[rows[:, np.newaxis] + lags[-1] - lags] - cost
        chosen = reached.argmax(axis=1)
        gain = reached[np.arange(len(rows)), chosen]
        best[rows + lags[-1]] += gain
        before[rows] = rows - lags[chosen]
    total = best[lags[-1] :]
    at = len(score) - 1 - int(total[::-1][: math.ceil(period)].argmax())
    places = []
    while at >= 0:
        places.append(at)
        at = int(before[at])
    beats = np.array(places[::-1], dtype=np.intp)
    beats = _within_the_music(beats, score)
    return (beats + top_offset(score, beats)) / FRAME_RATE


def _smoothed(strength: NDArray[np.floating], period: float) -> NDArray[np.float64]:
    """A beat may be struck a little early or late: by a 32nd of its length."""
    width = period / 32
    reach = max(1, math.ceil(3 * width))
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / width))
    return np.convolve(strength.astype(np.float64), kernel / kernel.sum(), "same")


def _within_the_music(beats: NDArray[np.intp], score: NDArray[np.float64]) -> NDArray[np.intp]:
    """Without the beats before the first onset and after the last: such have next to none of the strength."""
    if not len(beats):
        return beats
    heard = np.flatnonzero(score[beats] > 0.2 * np.sqrt(np.mean(np.square(score[beats]))))
    return beats[heard[0] : heard[-1] + 1] if len(heard) else beats[:0]


@dataclass(frozen=True)
class Line:
    """The straight line `start + number * period` through beat times, in seconds.

    `deviation` is the median distance of the beats from it in seconds, `error` the standard error of the
    period in seconds.
    """

    start: float
    period: float
    deviation: float
    error: float


def fit_line(beats: NDArray[np.float64], period: float) -> Line | None:
    """The line through beats about `period` seconds apart, by least squares; None for less than three.

    A beat that was missed or found twice shifts no number: numbers follow from the times. Beats far from the
    line are left out.
    """
    if len(beats) < 3:
        return None
    steps = np.maximum(np.rint(np.diff(beats) / period), 1)
    numbers = np.concatenate([[0.0], np.cumsum(steps)])
    keep = np.ones(len(beats), bool)
    slope, start = period, float(beats[0])
    for _ in range(_FIT_ROUNDS):
        slope, start = _least_squares(numbers[keep], beats[keep])
        away = np.abs(beats - start - slope * numbers)
        limit = max(_OUTLIER * 1.4826 * float(np.median(away)), 0.5 / FRAME_RATE)
        if keep.sum() == (inside := away <= limit).sum() or inside.sum() < 3:
            break
        keep = inside
    away = np.abs(beats - start - slope * numbers)
    spread = float(np.square(numbers[keep] - numbers[keep].mean()).sum())
    noise = math.sqrt(float(np.square(away[keep]).sum()) / max(1, keep.sum() - 2))
    return Line(start, slope, float(np.median(away)), noise / math.sqrt(spread) if spread > 0 else math.inf)


def _least_squares(numbers: NDArray[np.float64], times: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and start of the line through times by their numbers."""
    middle, away = float(times.mean()), numbers - numbers.mean()
    slope = float((away * (times - middle)).sum() / np.square(away).sum())
    return slope, middle - slope * float(numbers.mean())
