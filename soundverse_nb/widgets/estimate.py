"""Time that is left for a batch, from what its finished remixes took in each stage."""

from __future__ import annotations

import heapq
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.labels import reached_hold

Mark = tuple[str, float]
"""A stage, and when a remix came to it: a reading of the batch's clock."""

_SENT, _HELD = "sending", "held"


class Timed(Protocol):
    """What is asked of a remix's status."""

    @property
    def phase(self) -> Phase: ...
    @property
    def ended(self) -> float | None: ...
    @property
    def is_over(self) -> bool: ...
    @property
    def marks(self) -> tuple[Mark, ...]: ...


def marked(marks: tuple[Mark, ...], update: ProgressUpdate, now: float) -> tuple[Mark, ...]:
    """The marks after an update; one that is sent once more starts anew."""
    stage = _stage(update)
    if stage is None or (marks and marks[-1][0] == stage):
        return marks
    if stage == _SENT:
        return ((stage, now),)
    return marks if any(stage == known for known, _ in marks) else (*marks, (stage, now))


def _stage(update: ProgressUpdate) -> str | None:
    if update.phase is Phase.SENDING:
        return _SENT
    if update.phase is Phase.FETCHING:
        return "fetching"
    if update.phase in (Phase.STREAMING, Phase.FOLLOWING) and update.stage:
        held = update.stage == "streaming" and reached_hold(update.progress)
        return _HELD if held else update.stage
    return None


def seconds_left(statuses: Sequence[Timed], now: float) -> float | None:
    """Seconds until the last is over, None while there is nothing to go by.

    An active remix needs what the finished ones needed from its stage on; one that waits needs their whole
    time once a place is free. One that takes longer than any before it leaves nothing to say.
    """
    open_ = [status for status in statuses if not status.is_over]
    if not open_:
        return 0.0
    rest: dict[str, list[float]] = defaultdict(list)
    whole = []
    for status in statuses:
        if status.phase is Phase.FINISHED and status.marks and status.ended is not None:
            whole.append(status.ended - status.marks[0][1])
            for stage, at in status.marks:
                rest[stage].append(status.ended - at)
    if not whole:
        return None
    places = []
    for status in open_:
        if status.marks:
            left = _left(status, rest, whole, now)
            if left is None:
                return None
            places.append(left)
    return _last_end(places, len(open_) - len(places), statistics.median(whole))


def _left(status: Timed, rest: dict[str, list[float]], whole: list[float], now: float) -> float | None:
    stage, at = status.marks[-1]
    # A stage that no finished one came to is measured from the beginning.
    measured, since = (rest[stage], at) if stage in rest else (whole, status.marks[0][1])
    for expected in (statistics.median(measured), max(measured)):
        if expected > now - since:
            return expected - (now - since)
    return None


def _last_end(places: list[float], waiting: int, each: float) -> float:
    """When the last ends, where each that waits takes the place that is free first."""
    ends = places or [0.0]
    heapq.heapify(ends)
    for _ in range(waiting):
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)
