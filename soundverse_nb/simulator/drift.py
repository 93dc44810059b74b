"""Drift: how far a service that changes as orders go on has moved when it makes a remix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from soundverse_nb.simulator.counts import Counts
from soundverse_nb.simulator.faults import Fault, Where

# Beyond these a remix is none any more.
_MOST_LOUDNESS, _MOST_BRIGHTNESS, _MOST_TEMPO = 24.0, 6.0, 25.0
_USUAL_AFTER: Mapping[str, int] = {"drift": 1, "shift": 10}


@dataclass(frozen=True)
class Drift:
    """By how much a remix is louder (dB), brighter (dB an octave) and faster (percent) than it should be."""

    loudness: float = 0.0
    brightness: float = 0.0
    tempo: float = 0.0

    def __add__(self, other: Drift) -> Drift:
        return Drift(
            self.loudness + other.loudness, self.brightness + other.brightness, self.tempo + other.tempo
        )

    def times(self, count: int) -> Drift:
        return Drift(self.loudness * count, self.brightness * count, self.tempo * count)

    def bounded(self) -> Drift:
        """No further than a remix can bear."""
        return Drift(
            _within(self.loudness, _MOST_LOUDNESS),
            _within(self.brightness, _MOST_BRIGHTNESS),
            _within(self.tempo, _MOST_TEMPO),
        )


NO_DRIFT = Drift()
_USUAL: Mapping[str, Drift] = {"drift": Drift(0.1, 0.05, 0.05), "shift": Drift(2.0, 1.0, 2.0)}


def drift_of(asked: Iterable[tuple[str, Fault]], counts: Counts) -> Drift:
    """How far the faults that this order has make it drift; each order that has them is counted here.

    With each fault stands the key under which it is counted.
    """
    total = NO_DRIFT
    for key, fault in asked:
        if fault.where is Where.SOUND:
            number = counts.count(f"{fault.name}\n{key}\n{fault!r}")
            total += _amount(fault).times(_steps(fault, number))
    return total.bounded()


def _amount(fault: Fault) -> Drift:
    given = (fault.loudness, fault.brightness, fault.tempo)
    if all(one is None for one in given):
        return _USUAL[fault.name]
    return Drift(*(one or 0.0 for one in given))


def _steps(fault: Fault, number: int) -> int:
    """How many times its amount a fault adds to the order of this number, counted from 1."""
    after = _USUAL_AFTER[fault.name] if fault.after is None else fault.after
    beyond = max(0, number - after)
    return beyond if fault.name == "drift" else min(1, beyond)


def _within(value: float, most: float) -> float:
    return max(-most, min(most, value))
