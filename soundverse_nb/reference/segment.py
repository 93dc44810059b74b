"""Segment of a song that a repair keeps: the one asked for, or the loudest that fits."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference.facts import Limits
from soundverse_nb.reference.rules import PADDABLE_SECONDS
from soundverse_nb.render.units import exactly, in_full

_SNAP_SECONDS = 0.75
"""A cut may move so far to begin where the music is quieter than around it."""


@dataclass(frozen=True)
class Segment:
    """What is kept of a song: seconds from its start, and silence added at the end."""

    start: float
    duration: float
    padding: float = 0.0
    is_whole: bool = False


def longest(limits: Limits) -> float:
    """The longest copy that is not borderline, in seconds."""
    return max(limits.min_seconds, limits.max_seconds - 2 * limits.borderline_seconds)


def shortest(limits: Limits) -> float:
    """The shortest copy that is not borderline, in seconds."""
    return min(limits.max_seconds, limits.min_seconds + 2 * limits.borderline_seconds)


def asked_segment(
    total: float, start: float | None, duration: float | None, limits: Limits
) -> Segment | None:
    """The segment that the user's numbers and the limits leave, None where the loudest is to be found.

    Raises ConfigurationError for numbers that leave nothing the service would take.
    """
    if start is not None and not 0 <= start < total:
        raise ConfigurationError(
            f"start={in_full(start)} is not inside the song, which lasts {exactly(total, start)}."
        )
    if start is None and duration is None and total <= longest(limits):
        return padded(Segment(0.0, total, is_whole=True), limits)
    if start is None:
        length = longest(limits) if duration is None else duration
        return padded(Segment(0.0, total, is_whole=True), limits) if length >= total else None
    room = total - start
    length = min(room, longest(limits) if duration is None else duration)
    if limits.min_seconds - length > PADDABLE_SECONDS:
        raise ConfigurationError(
            f"Only {exactly(length, limits.min_seconds)} of the song are left after start={in_full(start)}; "
            f"the service takes {in_full(limits.min_seconds)} s or more.",
            hint="Start earlier.",
        )
    return padded(Segment(start, length, is_whole=start == 0 and length == total), limits)


def check_numbers(**given: object) -> None:
    """Refuse a start or duration that is no number."""
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise ConfigurationError(
                f"{name} is not a number of seconds, but of type {type(value).__name__}.",
                hint=f"Pass it like {name}=12.5",
            )


def check_duration(duration: float | None, limits: Limits) -> None:
    """Refuse a length that the service would refuse."""
    if duration is not None and not limits.min_seconds <= duration <= limits.max_seconds:
        raise ConfigurationError(
            f"duration={in_full(duration)} would not pass: the service takes "
            f"{in_full(limits.min_seconds)} s to {in_full(limits.max_seconds)} s.",
            hint="Give a duration between.",
        )


def padded(segment: Segment, limits: Limits) -> Segment:
    """The segment with as much silence as a too short one needs."""
    missing = shortest(limits) - segment.duration
    if segment.duration > limits.min_seconds + limits.borderline_seconds or missing <= 0:
        return segment
    return Segment(segment.start, segment.duration, missing, segment.is_whole)


def loudest_segment(hops: NDArray[np.float64], hop_seconds: float, total: float, duration: float) -> Segment:
    """The loudest `duration` seconds of a song, begun at a quiet moment.

    `hops` is the mean square of each `hop_seconds` of it.
    """
    width = max(1, round(duration / hop_seconds))
    latest = max(0.0, total - duration)
    if len(hops) <= width:
        return Segment(0.0, min(duration, total))
    sums = np.concatenate([[0.0], np.cumsum(hops)])
    start = int(np.argmax(sums[width:] - sums[:-width]))
    reach = round(_SNAP_SECONDS / hop_seconds)
    first = max(0, start - reach)
    around = hops[first : start + reach + 1]
    quietest = first + int(np.argmin(around)) if len(around) else start
    begins = min(quietest * hop_seconds, latest)
    # The song's own beginning is the better one if it is near.
    return Segment(0.0 if begins < 2 * _SNAP_SECONDS else begins, min(duration, total))
