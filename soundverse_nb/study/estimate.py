"""Time, money and precision of a plan, before anything of it is ordered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.units import money, rough_span
from soundverse_nb.study.intervals import expected_half_width

USUAL_SECONDS = 100.0
"""Of one remix, from order to audio, as with providers of the same model; one may take ten minutes."""


@dataclass(frozen=True)
class Estimate:
    """What a plan takes if all goes well.

    Attributes
    ----------
    trials : remixes that are ordered, controls among them.
    seconds : from the first order to the last audio.
    price : of all of them, in the unit of one remix's price; None where that was not given.
    seconds_per_remix, concurrency : what was reckoned with.
    """

    trials: int
    seconds: float
    price: float | None
    seconds_per_remix: float
    concurrency: int

    def __str__(self) -> str:
        return " · ".join([f"{self.trials:,} trials", self.time, *self.cost])

    @property
    def time(self) -> str:
        """The time in words: "about 40 min, 4 at a time"."""
        at_a_time = "one at a time" if self.concurrency == 1 else f"{self.concurrency} at a time"
        return f"about {rough_span(self.seconds)}, {at_a_time}"

    @property
    def cost(self) -> list[str]:
        """The price in words, where there is one."""
        return [] if self.price is None else [f"price {money(self.price)}"]


def estimate(
    trials: int, price: float | None = None, seconds_per_remix: float | None = None, concurrency: int = 1
) -> Estimate:
    """What so many trials take; `price` and `seconds_per_remix` are of one remix."""
    seconds = USUAL_SECONDS if seconds_per_remix is None else seconds_per_remix
    for word, value in (("price", price), ("seconds_per_remix", seconds)):
        if value is not None and not (_is_number(value) and 0 <= value < math.inf):
            raise ConfigurationError(f"{word}={value!r} is no number of at least 0.")
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigurationError(f"concurrency={concurrency!r} is no whole number of at least 1.")
    rounds = math.ceil(trials / concurrency)
    # In millionths, as it will be charged: a sum of floats is off by a rounding.
    whole = None if price is None else round(price * 1_000_000) * trials / 1_000_000
    return Estimate(trials, rounds * seconds, whole, seconds, concurrency)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class _Taken(Protocol):
    @property
    def factors(self) -> Mapping[str, str]: ...
    @property
    def is_control(self) -> bool: ...


@dataclass(frozen=True)
class HalfWidth:
    """Half of a 95 % interval of the difference between two levels of a factor, over the songs of the plan.

    Attributes
    ----------
    factor : the one with the fewest takes a level; None where nothing is varied but the song.
    spreads : the half-width in units of the repeats' standard deviation; None with one take a cell, which
        says nothing of how repeats differ.
    """

    factor: str | None
    spreads: float | None

    def __str__(self) -> str:
        return "unknown" if self.spreads is None else f"±{self.spreads:.2g} SD"


def half_widths(trials: Sequence[_Taken], times: Sequence[int] = (1,)) -> list[HalfWidth]:
    """What a plan can find, before any trial is made; for each of `times` with so many times the takes.

    t(0.975, df) · sqrt(1/a + 1/b) for the two levels with the fewest takes a and b, each with the spread that
    its own takes show. A level has a degree of freedom less than it has takes for each of its cells; df are
    those that Welch's interval of both then has on average.
    """
    own = [trial.factors for trial in trials if not trial.is_control]
    cells = Counter(tuple(factors.items()) for factors in own)
    levels: dict[str, dict[str, list[int]]] = {}
    for cell, count in cells.items():
        for factor, level in cell:
            if factor != "reference":
                levels.setdefault(factor, {}).setdefault(level, []).append(count)
    compared = {
        factor: sorted(counts.values(), key=sum)[:2] for factor, counts in levels.items() if len(counts) > 1
    }
    fewest = min(compared, key=lambda name: sum(compared[name][0]), default=None)
    takes = [list(cells.values())] if fewest is None else compared[fewest]
    return [HalfWidth(fewest, _in_spreads(takes, more)) for more in times]


def _in_spreads(levels: Sequence[Sequence[int]], times: int) -> float | None:
    """From the takes of each cell of each level; None where there are none, as in a shard without trials."""
    if not all(map(sum, levels)):
        return None
    parts = [(1 / (times * sum(takes)), times * sum(takes) - len(takes)) for takes in levels]
    return expected_half_width(parts) if all(degrees for _, degrees in parts) else None


def more_controls(before: int, after: int, every: int) -> int:
    """How many controls are added where a plan grows from so many trials beside them to so many."""
    return max(0, after - 1) // every - max(0, before - 1) // every
