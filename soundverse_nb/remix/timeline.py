"""The timeline of a remix: when each stage began and how long it lasted, from its events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundverse_nb.render.labels import StageSpan, reached_hold

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent, Stage


@dataclass(frozen=True)
class TimedEvent:
    """An event of the stream and when it arrived, in seconds since the order was started."""

    at: float
    event: RemixEvent


def timeline(events: Sequence[TimedEvent], finished: float | None = None) -> list[StageSpan]:
    """The stages in the order they came; repeated events of one stage are one span.

    `finished` is when the whole remix was done (seconds since the start) and ends the last span; without
    it the last span ends with the last event. Arrival times that run backwards are taken as "at once".
    """
    marks: list[tuple[float, Stage, bool]] = []
    latest = 0.0
    for timed in events:
        latest = max(latest, timed.at)
        stage = timed.event.stage
        held = stage.value == "streaming" and reached_hold(timed.event.progress)
        if not marks or marks[-1][1:] != (stage, held):
            marks.append((latest, stage, held))
    if finished is not None:
        latest = max(latest, finished)
    ends = [*(mark[0] for mark in marks[1:]), latest]
    return [
        StageSpan(stage, started, ends[place] - started, held)
        for place, (started, stage, held) in enumerate(marks)
    ]
