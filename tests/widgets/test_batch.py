from __future__ import annotations

import pytest

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.widgets.batch import Batch, summarise


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


def test_cancelling_is_said_until_it_is_done(clock: Clock) -> None:
    batch = Batch("ab", clock=clock)
    batch.add(ProgressUpdate(0, Phase.STREAMING, "queued"))
    batch.cancelling(None)
    assert batch.statuses()[0].label_at(clock.now) == "cancelling"
    batch.add(ProgressUpdate(0, Phase.CANCELLED))
    assert "the order is kept" in batch.statuses()[0].label_at(clock.now)


def run(batch: Batch, clock: Clock, index: int, **seconds: float) -> None:
    """A remix from being sent to its end, with so many seconds in each stage."""
    batch.add(ProgressUpdate(index, Phase.SENDING))
    for stage, took in seconds.items():
        batch.add(ProgressUpdate(index, Phase.STREAMING, stage))
        clock.now += took
    batch.add(ProgressUpdate(index, Phase.FINISHED))


def test_the_bar_is_the_mean_of_all_remixes_and_full_only_when_all_are_over(clock: Clock) -> None:
    batch = Batch("abcd", clock=clock)
    batch.add(ProgressUpdate(0, Phase.FINISHED))
    batch.add(ProgressUpdate(1, Phase.STREAMING, "streaming", 40.0))
    assert batch.counts().fraction == pytest.approx((100 + 40) / 400)
    for index in (1, 2, 3):
        batch.add(ProgressUpdate(index, Phase.STREAMING, "streaming", 100.0))
        batch.add(ProgressUpdate(index, Phase.FETCHING, progress=100.0))
    assert batch.counts().fraction < 0.97
    for index in (1, 2, 3):
        batch.add(ProgressUpdate(index, Phase.FINISHED))
    assert batch.counts().fraction == 1


def test_nothing_is_said_of_the_time_left_before_one_is_finished(clock: Clock) -> None:
    batch = Batch("ab", clock=clock)
    batch.add(ProgressUpdate(0, Phase.SENDING))
    batch.add(ProgressUpdate(0, Phase.STREAMING, "streaming", 80.0))
    clock.now += 30
    assert batch.counts().eta is None
    batch.add(ProgressUpdate(0, Phase.FAILED))
    assert batch.counts().eta is None, "how long a failure took says nothing"


def test_one_at_work_needs_what_the_finished_needed_from_its_stage_on(clock: Clock) -> None:
    batch = Batch("ab", clock=clock)
    run(batch, clock, 0, queued=10, streaming=20)
    batch.add(ProgressUpdate(1, Phase.SENDING))
    batch.add(ProgressUpdate(1, Phase.STREAMING, "queued"))
    clock.now += 3
    assert batch.counts().eta == pytest.approx(27)
    clock.now += 100  # it waited far longer than the first
    batch.add(ProgressUpdate(1, Phase.STREAMING, "streaming", 10.0))
    assert batch.counts().eta == pytest.approx(20)


def test_those_that_wait_take_the_places_that_become_free(clock: Clock) -> None:
    batch = Batch("abcdef", clock=clock)
    run(batch, clock, 0, streaming=30)
    for index in (1, 2):
        batch.add(ProgressUpdate(index, Phase.SENDING))
        batch.add(ProgressUpdate(index, Phase.STREAMING, "streaming", 0.0))
    clock.now += 10
    assert batch.counts().eta == pytest.approx(20 + 30 + 30), "three more on two places"


def test_one_that_takes_longer_than_any_before_leaves_nothing_to_say(clock: Clock) -> None:
    batch = Batch("ab", clock=clock)
    run(batch, clock, 0, streaming=30)
    batch.add(ProgressUpdate(1, Phase.SENDING))
    batch.add(ProgressUpdate(1, Phase.STREAMING, "streaming", 95.0))
    clock.now += 31
    assert batch.counts().eta is None
    batch.add(ProgressUpdate(1, Phase.FINISHED))
    assert batch.counts().eta == 0


def test_a_cancelled_one_tells_whether_it_was_sent(clock: Clock) -> None:
    batch = Batch("abc", price=0.2, clock=clock)
    batch.add(ProgressUpdate(0, Phase.STREAMING, "queued"))
    batch.add(ProgressUpdate(0, Phase.CANCELLED, may_be_charged=True))
    batch.add(ProgressUpdate(1, Phase.SENDING))
    batch.add(ProgressUpdate(1, Phase.CANCELLED, may_be_charged=True))
    batch.add(ProgressUpdate(2, Phase.CANCELLED))
    summary = summarise(batch)
    for shown in (summary.line, summary.page):
        assert "2 of the cancelled were sent and may be charged (0.40): await client.recover()" in shown
        assert "1 was not sent: nothing is paid for it." in shown
    assert "nothing is paid" in batch.status(2).label


def test_a_notice_stays_until_the_end(clock: Clock) -> None:
    batch = Batch("a", clock=clock)
    batch.add(ProgressUpdate(0, Phase.CHECKING, notice="There is one <b> already."))
    batch.add(ProgressUpdate(0, Phase.FINISHED))
    assert "There is one &lt;b&gt; already." in summarise(batch).page
