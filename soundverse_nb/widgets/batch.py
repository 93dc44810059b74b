"""The state of a batch of remixes while it runs: the bookkeeping behind every progress display.

Updates come in on the client's thread, displays read on their own; all methods may be called from any thread.
The clock is handed in, so the bookkeeping can be tested without waiting.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.labels import reached_hold, update_label
from soundverse_nb.render.summary import RemixEnd, counts_label, summary_html, summary_text
from soundverse_nb.render.units import span

_ACCEPTED = (Phase.FOLLOWING, Phase.FETCHING, Phase.FINISHED)


class RemixStatus(NamedTuple):
    """The status of one remix. Times are readings of the batch's clock; `progress` is in percent.

    `place` is its index in the batch. `is_over` and `is_active` (started and not over) follow from the phase;
    they are kept because 500 streams are counted four times a second.
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

    def counts(self) -> BatchCounts:
        """Counts, time, money."""
        return count_batch(self.statuses(), self._clock() - self._opened, self._price)


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
    return before._replace(
        phase=update.phase,
        label=update_label(update),
        progress=progress,
        message=update.message or (before.message if over else None),
        retry_at=None if update.retry_in is None else now + update.retry_in,
        began=began,
        ended=now if over else None,
        accepted=accepted,
        simulated=before.simulated or update.simulated,
        is_over=over,
        is_active=not over and update.phase is not Phase.WAITING,
    )


def count_batch(statuses: Sequence[RemixStatus], seconds: float, price: float | None) -> BatchCounts:
    """The counts of a batch, `seconds` after it was opened."""
    total = len(statuses)
    phases = [status.phase for status in statuses]
    over = sum(status.is_over for status in statuses)
    active = sum(status.is_active for status in statuses)
    done = sum(1.0 if s.is_over else s.progress / 100 for s in statuses)
    fraction = done / total if total else 1.0
    # At 90 % a remix may stay for minutes; where that is all that is left, nobody can say how long.
    held = over < total and all(s.is_over or (s.is_active and reached_hold(s.progress)) for s in statuses)
    return BatchCounts(
        total=total,
        finished=phases.count(Phase.FINISHED),
        failed=phases.count(Phase.FAILED),
        cancelled=phases.count(Phase.CANCELLED),
        active=active,
        waiting=total - over - active,
        fraction=fraction,
        seconds=seconds,
        eta=None if held else eta(fraction, seconds),
        spent=None if price is None else price * sum(s.accepted for s in statuses),
        simulated=any(s.simulated for s in statuses),
    )


def eta(fraction: float, seconds: float) -> float | None:
    """Seconds still to go if the rest takes as long as what is done; None while too little is done."""
    if fraction >= 1:
        return 0.0
    if fraction < 0.05 or seconds < 1:
        return None
    return seconds * (1 - fraction) / fraction


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
    return Summary(
        summary_text(ends, counts.seconds),
        summary_html(ends, counts.seconds, counts.spent, counts.simulated),
    )


def end_of(status: RemixStatus, now: float = 0.0) -> RemixEnd:
    """One remix's end; whatever is neither finished nor failed is no longer watched, "cancelled"."""
    kind = status.phase.value if status.phase in (Phase.FINISHED, Phase.FAILED) else "cancelled"
    return RemixEnd(status.title, kind, status.seconds(now), status.message or "")


def time_label(counts: BatchCounts) -> str:
    """The time so far, and about how much is still to go."""
    so_far = _whole(counts.seconds)
    if not counts.eta:
        return so_far
    coarse = max(1.0, counts.eta) if counts.eta < 60 else 5 * round(counts.eta / 5)
    return f"{so_far}, about {_whole(coarse)} to go"


def _whole(seconds: float) -> str:
    """Whole seconds: a text that changes four times a second is four messages a second."""
    return f"{int(seconds)} s" if seconds < 10 else span(int(seconds))
