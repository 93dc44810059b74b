"""Ranges of measures, and intervals of their means that stay inside: from 0 to 1, or never below 0."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from soundverse_nb.study.intervals import Interval


@dataclass(frozen=True)
class Range:
    """The lowest and the highest value that a measure can have; infinite where it has none."""

    low: float = 0.0
    high: float = math.inf

    @property
    def is_closed(self) -> bool:
        """Whether it has both ends."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def holds(self, values: Iterable[float]) -> bool:
        """Whether all values are in it, but for rounding."""
        return all(self.low - 1e-9 <= value <= self.high + 1e-9 for value in values)

    def of_differences(self) -> Range:
        """The range of one value less another."""
        reach = self.high - self.low
        return Range(-reach, reach)

    def cut(self, interval: Interval) -> Interval:
        """The interval without what lies outside.

        The truth cannot lie there, so what is left holds it just as often.
        """
        if math.isnan(interval.low):
            return interval
        return replace(interval, low=max(self.low, interval.low), high=min(self.high, interval.high))

    def on_log_odds(self, interval: Interval) -> Interval:
        """A t interval of a mean in a closed range, taken on the scale of the log odds and back.

        The standard error goes over by the derivative (delta method), as survey statistics do for proportions
        (Korn and Graubard, "Confidence intervals for proportions with small expected number of positive
        counts", 1998). Near an end values have a long tail to the other side: there the t interval reaches
        beyond the end and holds the truth in 88 of 100 studies, this one in 94.
        """
        span = self.high - self.low
        share = (interval.estimate - self.low) / span
        if math.isnan(interval.low) or not 0.0 < share < 1.0:
            return self.cut(interval)
        half = (interval.high - interval.low) / 2 / span / (share * (1 - share))
        middle = math.log(share / (1 - share))
        low, high = (self.low + span * _share_of(middle + side * half) for side in (-1, 1))
        return replace(interval, low=low, high=high)


def _share_of(log_odds: float) -> float:
    """The share that has these log odds, without overflow on either side."""
    if log_odds < 0:
        odds = math.exp(log_odds)
        return odds / (1 + odds)
    return 1 / (1 + math.exp(-log_odds))


_SHARES = frozenset({
    "tune_kept", "timbre_distance", "rhythm_distance", "transposition_confidence", "transposition_unsure",
    "tempo_ratio_confidence", "tempo_ratio_unsure", "tempo_confidence", "tempo_unsure", "tempo_second_weight",
    "bars_confidence", "bars_unsure", "key_confidence", "key_unsure", "stereo_width",
})  # fmt: skip

_NEVER_NEGATIVE = frozenset({
    "tempo_ratio", "seconds", "seconds_to_streaming", "seconds_held_at_90", "attempts", "cost", "reserved",
    "duration_s", "loudness_range_lu", "tempo_bpm", "tempo_second_bpm", "beats", "bars",
    "onset_density_per_s", "centroid_hz", "silence_s", "silence_start_s", "silence_end_s", "clipped_runs",
    "clipped_samples",
})  # fmt: skip


_OTHERS = {"stars": Range(1.0, 5.0), "beats_per_bar": Range(1.0)}


def range_of(metric: str) -> Range | None:
    """The range of a column of a study's frame; None where it has no ends, or nobody knows of any."""
    measure = metric.removeprefix("measured_")  # beside a factor of its name
    name = measure.removeprefix("reference_").removeprefix("remix_")
    if name in _OTHERS:
        return _OTHERS[name]
    if name in _SHARES:
        return Range(0.0, 1.0)
    return Range() if name in _NEVER_NEGATIVE else None
