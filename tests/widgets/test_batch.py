from __future__ import annotations

import pytest

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.widgets.batch import Batch, eta


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_counts_follow_the_updates(clock: Clock) -> None:
    batch = Batch("abcde", clock=clock)
    for update in (
        ProgressUpdate(0, Phase.FINISHED),
        ProgressUpdate(1, Phase.FAILED, message="It broke."),
        ProgressUpdate(2, Phase.CANCELLED),
        ProgressUpdate(3, Phase.STREAMING, "streaming", 50.0),
    ):
        batch.add(update)
    counts = batch.counts()
    assert (counts.finished, counts.failed, counts.cancelled, counts.active, counts.waiting) == (
        1,
        1,
        1,
        1,
        1,
    )
    assert counts.fraction == pytest.approx(3.5 / 5)


def test_what_is_over_stays_over(clock: Clock) -> None:
    batch = Batch(["a"], clock=clock)
    batch.add(ProgressUpdate(0, Phase.FAILED, message="It broke."))
    batch.add(ProgressUpdate(0, Phase.STREAMING, "streaming", 10.0))
    assert batch.statuses()[0].phase is Phase.FAILED
    assert batch.statuses()[0].message == "It broke."
    assert [status.place for status in batch.ended()] == [0]


@pytest.mark.parametrize("index", [-1, 1, 99])
def test_an_update_of_nobody_changes_nothing(clock: Clock, index: int) -> None:
    batch = Batch(["a"], clock=clock)
    batch.add(ProgressUpdate(index, Phase.FINISHED))
    assert batch.counts().finished == 0


def test_progress_never_runs_backwards_and_stays_a_percentage(clock: Clock) -> None:
    batch = Batch(["a"], clock=clock)
    seen = []
    for progress in (50.0, 10.0, 900.0, -5.0, None):
        batch.add(ProgressUpdate(0, Phase.STREAMING, "streaming", progress))
        seen.append(batch.statuses()[0].progress)
    assert seen == [50, 50, 100, 100, 100]


def test_time_runs_from_the_first_sign_of_work_to_the_end(clock: Clock) -> None:
    batch = Batch(["a"], clock=clock)
    clock.now += 60
    batch.add(ProgressUpdate(0, Phase.WAITING))
    assert batch.statuses()[0].seconds(clock.now) == 0
    batch.add(ProgressUpdate(0, Phase.CHECKING))
    clock.now += 5
    assert batch.statuses()[0].seconds(clock.now) == 5
    batch.add(ProgressUpdate(0, Phase.FINISHED))
    clock.now += 100
    assert batch.statuses()[0].seconds(clock.now) == 5


def test_a_retry_counts_down(clock: Clock) -> None:
    batch = Batch(["a"], clock=clock)
    batch.add(ProgressUpdate(0, Phase.RETRYING, retry_in=12.0))
    said = []
    for _ in range(3):
        said.append(batch.statuses()[0].label_at(clock.now))
        clock.now += 7.5
    assert [text.rpartition(" in ")[2] for text in said] == ["12 s", "5 s", "0 s"]


def test_money_counts_what_was_accepted_and_nothing_else(clock: Clock) -> None:
    batch = Batch("abcdef", price=0.2, clock=clock)
    batch.add(ProgressUpdate(0, Phase.FINISHED))
    batch.add(ProgressUpdate(1, Phase.STREAMING, "queued"))
    batch.add(ProgressUpdate(1, Phase.FAILED, message="after it was accepted"))
    batch.add(ProgressUpdate(2, Phase.STREAMING, "validating"))
    batch.add(ProgressUpdate(3, Phase.FAILED, message="refused"))
    batch.add(ProgressUpdate(4, Phase.RETRYING, retry_in=1.0))
    assert batch.counts().spent == pytest.approx(0.4)
    assert Batch("ab").counts().spent is None


@pytest.mark.parametrize(
    ("fraction", "seconds", "left"),
    [(0.5, 60, 60), (0.9, 90, 10), (1.0, 5, 0), (0.01, 60, None), (0.5, 0.2, None)],
)
def test_eta(fraction: float, seconds: float, left: float | None) -> None:
    assert eta(fraction, seconds) == (left if left is None else pytest.approx(left))


def test_cancelling_is_said_until_it_is_done(clock: Clock) -> None:
    batch = Batch("ab", clock=clock)
    batch.add(ProgressUpdate(0, Phase.STREAMING, "queued"))
    batch.cancelling(None)
    assert batch.statuses()[0].label_at(clock.now) == "cancelling"
    batch.add(ProgressUpdate(0, Phase.CANCELLED))
    assert "the order is kept" in batch.statuses()[0].label_at(clock.now)


def test_where_only_the_hold_is_left_nobody_says_how_long(clock: Clock) -> None:
    batch = Batch("ab", clock=clock)
    clock.now += 10
    batch.add(ProgressUpdate(0, Phase.FINISHED))
    batch.add(ProgressUpdate(1, Phase.STREAMING, "streaming", 80.0))
    assert batch.counts().eta is not None
    batch.add(ProgressUpdate(1, Phase.STREAMING, "streaming", 90.0))
    assert batch.counts().eta is None
    batch.add(ProgressUpdate(1, Phase.FINISHED))
    assert batch.counts().eta == 0
