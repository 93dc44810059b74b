"""One time axis for several songs: how wide each is drawn, and where the ticks of the ruler go."""

from __future__ import annotations

import math
from dataclasses import dataclass

from soundverse_nb.render.quantity import clock

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True)
class Tick:
    """A mark of the ruler: its time in seconds, its place in percent of the axis, its label."""

    at: float
    percent: float
    label: str


def axis_length(durations: list[float]) -> float:
    """The axis ends with the longest song (seconds); 0 where nothing has a length."""
    return max((d for d in durations if math.isfinite(d) and d > 0), default=0.0)


def width_percent(duration: float, length: float) -> float:
    """How much of an axis of `length` seconds a song of `duration` seconds covers, 0-100."""
    if not (length > 0 and math.isfinite(duration) and duration > 0):
        return 0.0
    return round(min(100.0, 100.0 * duration / length), 3)


def ticks(length: float, at_most: int = 7) -> list[Tick]:
    """Marks at round times from 0 to `length` seconds, `at_most` + 1 of them at the most."""
    if not (math.isfinite(length) and length > 0):
        return [Tick(0.0, 0.0, "0:00")]
    step = next((s for s in _STEPS if length / s <= at_most), None)
    if length < 2 or step is None:
        power = 10.0 ** math.floor(math.log10(length / at_most))
        step_ = next(power * m for m in (1, 2, 5, 10) if length / (power * m) <= at_most)
    else:
        step_ = float(step)
    count = math.floor(length / step_ + 1e-9)
    times = [i * step_ for i in range(count + 1)]
    return [Tick(at, round(100 * at / length, 3), _label(at, step_)) for at in times]


def _label(at: float, step: float) -> str:
    if step >= 1 or at == 0:
        return clock(at)
    return f"{at:.3g} s" if at >= 0.1 else f"{at * 1000:.3g} ms"
