from __future__ import annotations

from soundverse_nb.api.event import RemixEvent, Stage
from soundverse_nb.remix import StageSpan, TimedEvent
from soundverse_nb.remix.remix import timeline
from tests.remix.songs import events


def test_repeated_events_of_a_stage_are_one_span_and_the_hold_stands_apart() -> None:
    assert timeline(events(), 10.0) == [
        StageSpan(Stage.VALIDATING, 0.1, 0.3 - 0.1),
        StageSpan(Stage.QUEUED, 0.3, 0.7),
        StageSpan(Stage.STREAMING, 1.0, 2.0),
        StageSpan(Stage.STREAMING, 3.0, 6.0, held=True),
        StageSpan(Stage.COMPLETED, 9.0, 1.0),
    ]


def test_without_an_end_the_last_span_ends_with_the_last_event() -> None:
    assert timeline(events())[-1] == StageSpan(Stage.COMPLETED, 9.0, 0.0)


def test_times_that_run_backwards_give_no_negative_span() -> None:
    jumping = [
        TimedEvent(at, RemixEvent.parse({"status": s}))
        for at, s in [(5, "queued"), (1, "starting"), (6, "x")]
    ]
    assert [span.seconds for span in timeline(jumping, 2.0)] == [0.0, 1.0, 0.0]


def test_no_events_no_spans() -> None:
    assert timeline([], 3.0) == []
