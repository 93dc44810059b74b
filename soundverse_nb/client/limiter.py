"""The limit of concurrent streams: found by trying, not guessed.

Providers of this model allow about ten at once for an account and do not say so. Like TCP's congestion
control (Jacobson 1988; AIMD: Chiu and Jain 1989) the limit starts low, grows while every place is taken
and orders are accepted, and is cut when the service says it is too much. Until the first cut it grows by
two for every accepted order: an order keeps its place for minutes, so each that was accepted lets two others
try, and hundreds of streams are reached in a few round trips. After a cut it grows by one for every full
round of accepted orders.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from soundverse_nb.errors import ConfigurationError, import_extra

START = 2
"""Streams allowed at first, or a sixteenth of the upper bound where that is more: who expects five hundred
reaches them in five round trips, and is still refused little where the service allows ten."""

GROWTH = 2.0
"""Places more for each accepted order, as long as the service has refused none: those in use double in every
round trip, as in TCP's slow start."""

CUT = 0.8
"""What is left of the limit after a rate-limit answer: a fifth is cut off."""

COOL_DOWN = 5.0
"""Seconds after a cut in which the limit neither grows nor is cut again: streams that were refused
together are one sign, not many."""

_MAX_HISTORY = 10_000


@dataclass(frozen=True)
class LimitChange:
    """One step of the history: seconds since the start, the limit then, streams open, and why."""

    at: float
    limit: int
    in_flight: int
    reason: str  # "start", "grown", "cut", "settings"


class ConcurrencyLimiter:
    """Hands out places for streams, at most `limit` at a time; lower `rank` first, then first come.

    For one event loop. `max_streams` is the upper bound; `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        max_streams: int = 8,
        *,
        cool_down: float = COOL_DOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if isinstance(max_streams, bool) or not isinstance(max_streams, int) or max_streams < 1:
            raise ConfigurationError(
                f"max_streams={max_streams!r} is not a number of streams.", hint="Give 1 or more."
            )
        self.max_streams = max_streams
        self._limit = float(min(max(START, max_streams // 16), max_streams))
        self._cool_down = cool_down
        self._clock = clock
        self._began = clock()
        self._cool_until = -math.inf
        self._was_cut = False
        self._in_flight = 0
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()
        self._history: deque[LimitChange] = deque(maxlen=_MAX_HISTORY)
        self._note("start")

    @property
    def limit(self) -> int:
        """How many streams may be open now."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """How many are open now."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        return sum(not future.done() for _, _, future in self._queue)

    @property
    def history(self) -> tuple[LimitChange, ...]:
        """Every change of the limit, oldest first."""
        return tuple(self._history)

    @asynccontextmanager
    async def place(self, rank: int = 0) -> AsyncIterator[None]:
        """Wait for a place and keep it for the block."""
        await self._enter(rank)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._admit()

    def accepted(self) -> None:
        """The service took an order: while every place is taken, try more."""
        if self._clock() < self._cool_until or self._in_flight < self.limit:
            return
        self._change(self._limit + (1.0 / self._limit if self._was_cut else GROWTH), "grown")

    def refused(self, retry_after: float | None = None) -> None:
        """The service said it is too much: cut by a fifth, once for each cool-down."""
        now = self._clock()
        if now < self._cool_until:
            return
        self._was_cut = True
        self._cool_until = now + max(self._cool_down, min(retry_after or 0.0, 60.0))
        # A limit nobody used is no evidence: what was too much is what was open.
        used = min(self._limit, max(self._in_flight, 1))
        self._change(math.floor(used * CUT), "cut")

    def plot(self, ax: Any = None) -> Any:
        """Draw the limit and the open streams over time; returns the matplotlib axes."""
        plt = import_extra("matplotlib.pyplot", "A plot")
        axes = ax if ax is not None else plt.subplots(figsize=(7, 2.4), layout="constrained")[1]
        steps = [*self._history, LimitChange(self._now(), self.limit, self._in_flight, "now")]
        times = [step.at for step in steps]
        axes.step(times, [step.limit for step in steps], where="post", label="streams allowed")
        axes.step(times, [step.in_flight for step in steps], where="post", alpha=0.6, label="streams open")
        cuts = [step for step in steps if step.reason == "cut"]
        axes.plot([s.at for s in cuts], [s.limit for s in cuts], "v", label="rate limit answered")
        axes.set_xlabel("time (s)")
        axes.set_ylabel("streams")
        axes.set_ylim(bottom=0)
        axes.legend(loc="best", frameon=False)
        return axes

    def __repr__(self) -> str:
        return f"ConcurrencyLimiter({self._in_flight} of {self.limit} in use, at most {self.max_streams})"

    async def _enter(self, rank: int) -> None:
        if not self._queue and self._in_flight < self.limit:
            self._in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (rank, next(self._arrivals), turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The place was given in the same moment: hand it on.
                self._in_flight -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._queue and self._in_flight < self.limit:
            turn = heapq.heappop(self._queue)[2]
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)

    def _change(self, limit: float, reason: str) -> None:
        before = self.limit
        self._limit = min(max(limit, 1.0), float(self.max_streams))
        if self.limit != before or reason == "cut":
            self._note(reason)
        with contextlib.suppress(RuntimeError):
            self._admit()

    def _note(self, reason: str) -> None:
        self._history.append(LimitChange(self._now(), self.limit, self._in_flight, reason))

    def _now(self) -> float:
        return self._clock() - self._began
