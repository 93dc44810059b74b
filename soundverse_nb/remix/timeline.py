"""When each stage of a remix began and how long it lasted, told from the events and their arrival times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent, Stage

HOLD_FROM = 90.0
"""Percent; the document: "progress may hold at 90 for several minutes"."""


@dataclass(frozen=True)
class TimedEvent:
    """An event of the stream and when it arrived, in seconds since the order was started."""

    at: float
    event: RemixEvent


@dataclass(frozen=True)
class StageSpan:
    """One stage on the way: when it began (seconds since the start) and how long it lasted.

    `held` marks the stretch of STREAMING that stood at 90 % or above.
    """

    stage: Stage
    started: float
    seconds: float
    held: bool = False


def timeline(events: Sequence[TimedEvent], finished: float | None = None) -> list[StageSpan]:
    """The stages in the order they came; repeated events of one stage are one span.

    `finished` is when the whole remix was done (seconds since the start) and ends the last span; without
    it the last span ends with the last event. Arrival times that run backwards are taken as "at once".
    """
    marks: list[tuple[float, Stage, bool]] = []
    latest = 0.0
    for timed in events:
        latest = max(latest, timed.at)
        progress = timed.event.progress
        stage = timed.event.stage
        held = stage.value == "streaming" and progress is not None and progress >= HOLD_FROM
        if not marks or marks[-1][1:] != (stage, held):
            marks.append((latest, stage, held))
    if finished is not None:
        latest = max(latest, finished)
    ends = [*(mark[0] for mark in marks[1:]), latest]
    return [
        StageSpan(stage, started, ends[place] - started, held)
        for place, (started, stage, held) in enumerate(marks)
    ]
