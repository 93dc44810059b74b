"""The state of a batch of remixes while it runs: the bookkeeping behind every progress display.

Updates come in on the client's thread, displays read on their own; all methods may be called from any thread.
The clock is handed in, so the bookkeeping can be tested without waiting.
"""

from __future__ import annotations

import heapq
import math
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.labels import reached_hold, update_label
from soundverse_nb.render.summary import RemixEnd, cancelled_text, counts_label, summary_html, summary_text
from soundverse_nb.render.units import span, whole_span

_MOST_WHILE_ACTIVE = 95.0
"""Percent: a service says 100 when the song is generated; what follows, the fetching too, takes its time."""

_ACCEPTED = (Phase.FOLLOWING, Phase.FETCHING, Phase.FINISHED)


class RemixStatus(NamedTuple):
    """The status of one remix. Times are readings of the batch's clock; `progress` is in percent.

    `place` is its index in the batch, `marks` when it came to each stage since it was sent. `is_over` and
    `is_active` (started and not over) follow from the phase; they are kept because 500 streams are counted
    four times a second.
    """

    place: int
    title: str
    phase: Phase = Phase.WAITING
    label: str = "waiting for a free place"
    progress: float = 0.0
    message: str | None = None
    retry_at: float | None = None
    began: float | None = None
    ended: float | None = None
    accepted: bool = False
    simulated: bool = False
    cancelling: bool = False
    is_over: bool = False
    is_active: bool = False
    may_be_charged: bool = False
    marks: tuple[Mark, ...] = ()

    def seconds(self, now: float) -> float:
        """How long it has been under way, 0 before it began."""
        if self.began is None:
            return 0.0
        return max(0.0, (now if self.ended is None else self.ended) - self.began)

    def label_at(self, now: float) -> str:
        """The stage in words, with the countdown of a retry."""
        if self.cancelling and not self.is_over:
            return "cancelling"
        if self.phase is Phase.RETRYING and self.retry_at is not None:
            left = math.ceil(max(0.0, self.retry_at - now))
            return f"{self.label} in {left} s" if left < 60 else f"{self.label} in {span(left)}"
        return self.label


@dataclass(frozen=True)
class BatchCounts:
    """The counts of a batch at one moment. `fraction` is 0-1; `eta` and `spent` are None where unknown."""

    total: int
    finished: int
    failed: int
    cancelled: int
    active: int
    waiting: int
    fraction: float
    seconds: float
    eta: float | None
    spent: float | None
    simulated: bool

    @property
    def label(self) -> str:
        """ "3 of 10 finished · 1 failed · 4 active · 2 waiting"."""
        return counts_label(self.finished, self.failed, self.cancelled, self.active, self.waiting, self.total)


class Batch:
    """A batch of remixes: fold in updates, ask for statuses and counts.

    `price` is what one accepted order costs; without it nothing is said about money.
    """

    def __init__(
        self, titles: Sequence[str], price: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._opened = clock()
        self._price = price
        self._statuses = [RemixStatus(i, title) for i, title in enumerate(titles)]
        self._notices: list[str] = []
        self._order: list[int] = []  # indices in the order in which they ended

    def now(self) -> float:
        """The batch's clock."""
        return self._clock()

    def add(self, update: ProgressUpdate) -> None:
        """Fold in one update; one about a remix that is over, or unknown, changes nothing."""
        with self._lock:
            if not 0 <= update.index < len(self._statuses):
                return
            before = self._statuses[update.index]
            if before.is_over:
                return
            if update.notice:
                self._notices.append(update.notice)
            after = updated(before, update, self._clock())
            self._statuses[update.index] = after
            if after.is_over:
                self._order.append(update.index)

    def cancelling(self, index: int | None) -> None:
        """Somebody asked to cancel one remix, or all."""
        with self._lock:
            wanted = range(len(self._statuses)) if index is None else [index]
            for i in wanted:
                self._statuses[i] = self._statuses[i]._replace(cancelling=True)

    def statuses(self) -> list[RemixStatus]:
        """Every remix, in the order of the batch."""
        with self._lock:
            return list(self._statuses)

    def status(self, index: int) -> RemixStatus:
        """One remix."""
        with self._lock:
            return self._statuses[index]

    def ended(self) -> list[RemixStatus]:
        """The remixes that are over, in the order in which they ended."""
        with self._lock:
            return [self._statuses[i] for i in self._order]

    @property
    def price(self) -> float | None:
        """What one accepted order costs."""
        return self._price

    def notices(self) -> list[str]:
        """What is worth knowing of the batch, at its end too."""
        with self._lock:
            return list(self._notices)

    def counts(self) -> BatchCounts:
        """Counts, time, money."""
        now = self._clock()
        return count_batch(self.statuses(), now - self._opened, self._price, now)


def updated(before: RemixStatus, update: ProgressUpdate, now: float) -> RemixStatus:
    """The status after an update. Progress never runs backwards on show."""
    began = before.began
    if began is None and update.phase is not Phase.WAITING:
        began = now
    progress = before.progress
    if update.phase in (Phase.STREAMING, Phase.FOLLOWING) and update.progress is not None:
        progress = max(progress, min(100.0, max(0.0, update.progress)))
    if update.phase is Phase.FINISHED:
        progress = 100.0
    accepted = before.accepted or update.phase in _ACCEPTED
    if update.phase is Phase.STREAMING and update.stage not in (None, "validating", "failed"):
        accepted = True
    over = update.phase.is_final
    # A display of an older client says of none that it may be charged; one that was taken may be.
    charged = update.phase is Phase.CANCELLED and (update.may_be_charged or accepted)
    return before._replace(
        phase=update.phase,
        label=update_label(replace(update, may_be_charged=charged)),
        progress=progress,
        message=update.message or (before.message if over else None),
        retry_at=None if update.retry_in is None else now + update.retry_in,
        began=began,
        ended=now if over else None,
        accepted=accepted,
        simulated=before.simulated or update.simulated,
        is_over=over,
        is_active=not over and update.phase is not Phase.WAITING,
        may_be_charged=charged,
        marks=marked(before.marks, update, now),
    )


def count_batch(
    statuses: Sequence[RemixStatus], seconds: float, price: float | None, now: float
) -> BatchCounts:
    """The counts of a batch, `seconds` after it was opened. Its fraction is the mean of all remixes."""
    total = len(statuses)
    phases = [status.phase for status in statuses]
    over = sum(status.is_over for status in statuses)
    active = sum(status.is_active for status in statuses)
    done = sum(1.0 if s.is_over else min(s.progress, _MOST_WHILE_ACTIVE) / 100 for s in statuses)
    fraction = done / total if total else 1.0
    return BatchCounts(
        total=total,
        finished=phases.count(Phase.FINISHED),
        failed=phases.count(Phase.FAILED),
        cancelled=phases.count(Phase.CANCELLED),
        active=active,
        waiting=total - over - active,
        fraction=fraction,
        seconds=seconds,
        eta=seconds_left(statuses, now),
        spent=None if price is None else price * sum(s.accepted for s in statuses),
        simulated=any(s.simulated for s in statuses),
    )


class Summary:
    """The summary in a saved notebook: one line of text, and the same as a small page."""

    def __init__(self, line: str, page: str) -> None:
        self.line, self.page = line, str(page)

    def __repr__(self) -> str:
        return self.line

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.line, "text/html": self.page}


def summarise(batch: Batch) -> Summary:
    """The summary of a batch that is over."""
    counts, now = batch.counts(), batch.now()
    ends = [end_of(status, now) for status in batch.statuses()]
    cancelled = cancelled_text(ends, batch.price, counts.simulated)
    return Summary(
        ". ".join(part for part in (summary_text(ends, counts.seconds), cancelled) if part),
        summary_html(
            ends,
            counts.seconds,
            counts.spent,
            counts.simulated,
            price=batch.price,
            notices=batch.notices(),
        ),
    )


def end_of(status: RemixStatus, now: float = 0.0) -> RemixEnd:
    """One remix's end; whatever is neither finished nor failed is no longer watched, "cancelled"."""
    kind = status.phase.value if status.phase in (Phase.FINISHED, Phase.FAILED) else "cancelled"
    # One that is closed while it was at work is no longer watched either.
    charged = status.may_be_charged or (kind == "cancelled" and status.accepted)
    return RemixEnd(status.title, kind, status.seconds(now), status.message or "", charged)


def time_label(counts: BatchCounts) -> str:
    """The time so far, and about how much is still to go."""
    so_far = whole_span(counts.seconds)
    if not counts.eta:
        return so_far
    coarse = max(1.0, counts.eta) if counts.eta < 60 else 5 * round(counts.eta / 5)
    return f"{so_far}, about {whole_span(coarse)} to go"


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
