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
from soundverse_nb.render.labels import HOLD_FROM, update_label
from soundverse_nb.render.units import span

_ACCEPTED = (Phase.FOLLOWING, Phase.FETCHING, Phase.FINISHED)


class Standing(NamedTuple):
    """Where one remix stands. Times are readings of the batch's clock; `progress` is in percent.

    `place` is its index in the batch. `is_over` and `is_active` (started and not over) follow from the phase;
    they are kept because 500 streams are counted four times a second.
    """

    place: int
    title: str
    phase: Phase = Phase.WAITING
    words: str = "waiting for a free place"
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

    def said(self, now: float) -> str:
        """The stage in words, with the countdown of a retry."""
        if self.cancelling and not self.is_over:
            return "cancelling"
        if self.phase is Phase.RETRYING and self.retry_at is not None:
            left = math.ceil(max(0.0, self.retry_at - now))
            return f"{self.words} in {left} s" if left < 60 else f"{self.words} in {span(left)}"
        return self.words


@dataclass(frozen=True)
class Tally:
    """The batch at one moment. `fraction` is 0-1; `eta` and `spent` are None where they cannot be told."""

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


class Batch:
    """A batch of remixes: fold in news, ask for standings and the tally.

    `price` is what one accepted order costs; without it nothing is said about money.
    """

    def __init__(
        self, titles: Sequence[str], price: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._opened = clock()
        self._price = price
        self._standings = [Standing(i, title) for i, title in enumerate(titles)]
        self._order: list[int] = []  # indices in the order in which they ended

    def now(self) -> float:
        """The batch's clock."""
        return self._clock()

    def add(self, update: ProgressUpdate) -> None:
        """Fold in one piece of news; one about a remix that is over, or unknown, changes nothing."""
        with self._lock:
            if not 0 <= update.index < len(self._standings):
                return
            before = self._standings[update.index]
            if before.is_over:
                return
            after = moved(before, update, self._clock())
            self._standings[update.index] = after
            if after.is_over:
                self._order.append(update.index)

    def cancelling(self, index: int | None) -> None:
        """Somebody asked to cancel one remix, or all."""
        with self._lock:
            wanted = range(len(self._standings)) if index is None else [index]
            for i in wanted:
                self._standings[i] = self._standings[i]._replace(cancelling=True)

    def standings(self) -> list[Standing]:
        """Every remix, in the order of the batch."""
        with self._lock:
            return list(self._standings)

    def standing(self, index: int) -> Standing:
        """One remix."""
        with self._lock:
            return self._standings[index]

    def ended(self) -> list[Standing]:
        """The remixes that are over, in the order in which they ended."""
        with self._lock:
            return [self._standings[i] for i in self._order]

    def tally(self) -> Tally:
        """Counts, time, money."""
        return tallied(self.standings(), self._clock() - self._opened, self._price)


def moved(before: Standing, update: ProgressUpdate, now: float) -> Standing:
    """The standing after the news. Progress never runs backwards on show."""
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
        words=update_label(update),
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


def tallied(standings: Sequence[Standing], seconds: float, price: float | None) -> Tally:
    """The counts of a batch, `seconds` after it was opened."""
    total = len(standings)
    phases = [standing.phase for standing in standings]
    over = sum(standing.is_over for standing in standings)
    active = sum(standing.is_active for standing in standings)
    done = sum(1.0 if s.is_over else s.progress / 100 for s in standings)
    fraction = done / total if total else 1.0
    # At 90 % a remix may stay for minutes; where that is all that is left, nobody can say how long.
    held = over < total and all(s.is_over or (s.is_active and s.progress >= HOLD_FROM) for s in standings)
    return Tally(
        total=total,
        finished=phases.count(Phase.FINISHED),
        failed=phases.count(Phase.FAILED),
        cancelled=phases.count(Phase.CANCELLED),
        active=active,
        waiting=total - over - active,
        fraction=fraction,
        seconds=seconds,
        eta=None if held else eta(fraction, seconds),
        spent=None if price is None else price * sum(s.accepted for s in standings),
        simulated=any(s.simulated for s in standings),
    )


def eta(fraction: float, seconds: float) -> float | None:
    """Seconds still to go if the rest takes as long as what is done; None while too little is done."""
    if fraction >= 1:
        return 0.0
    if fraction < 0.05 or seconds < 1:
        return None
    return seconds * (1 - fraction) / fraction
