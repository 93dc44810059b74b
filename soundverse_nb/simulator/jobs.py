"""Accepted orders: each is its script of stages and the moment it began; the ledger of what was charged."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from soundverse_nb.simulator.faults import Fault
from soundverse_nb.simulator.renderer import Making, RemixSpec
from soundverse_nb.simulator.timeline import (
    SECONDS_AFTER_HOLD,
    SECONDS_TO_90,
    STARTING_AT,
    STREAMING_AT,
    Step,
    failed_step,
    position,
)

MAX_JOBS = 100_000


@dataclass(frozen=True)
class Job:
    """One order that was taken; `began` is on the monotonic clock, `speed` divides every wait.

    `making` holds the script back where the remix itself is late: it stays queued until a worker is free, its
    progress runs no further than the work, and it is at 90 percent until the file is there. None: nobody
    waits for the file, which is made when it is asked for.
    """

    message_id: str
    key_digest: str
    spec: RemixSpec
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    began: float
    speed: float
    making: Making | None = None

    def elapsed(self, now: float) -> float:
        """How far the script is, in seconds at speed 1."""
        passed = max(0.0, now - self.began) * self.speed
        making = self.making
        if making is None or making.is_put_off or making.begun_at is None:
            return min(passed, self._limit)
        passed -= max(0.0, (making.begun_at - self.began) * self.speed - STARTING_AT)
        if making.made_at is None:
            return min(passed, self._limit)
        # What was held back comes at once; what follows the hold keeps its distance.
        ready = self.steps[-1].at - SECONDS_AFTER_HOLD
        made = passed - (now - making.made_at) * self.speed
        return passed - max(0.0, made - ready)

    def wait_for(self, step: Step, now: float) -> float | None:
        """Seconds until the step is due: infinite while the remix holds it back, None where it never is."""
        if self.is_failed:
            return None
        elapsed = self.elapsed(now)
        if step.at <= elapsed:
            return 0.0
        return math.inf if step.at > self._limit else (step.at - elapsed) / self.speed

    @property
    def _limit(self) -> float:
        """How far the script may run before there is news of the remix."""
        making = self.making
        if making is None or making.is_put_off or making.made_at is not None:
            return math.inf
        if making.begun_at is None:
            return math.nextafter(STARTING_AT, 0.0)
        return STREAMING_AT + SECONDS_TO_90 * making.fraction

    def latest(self, now: float) -> Mapping[str, Any]:
        """The chunk that stands at this moment; from queued on, as nobody knows the id before."""
        if self.is_failed:
            return self.failure(now).chunk
        due = position(self.steps, self.elapsed(now))
        return self.steps[max(1, due - 1)].chunk

    def is_finished(self, now: float) -> bool:
        return self.is_failed or self.elapsed(now) >= self.steps[-1].at

    @property
    def is_failed(self) -> bool:
        """Whether the remix could not be made, though the script says otherwise."""
        return self.making is not None and self.making.failure is not None

    def failure(self, now: float) -> Step:
        """The last step of such a job, with the reason."""
        reason = (self.making and self.making.failure) or "The remix could not be made."
        due = position(self.steps, self.elapsed(now))
        return failed_step(self.message_id, reason, self.steps[due - 1].at, due)

    def fault(self, *names: str) -> Fault | None:
        """The first of the named faults that this job has."""
        return next((fault for fault in self.faults if fault.name in names), None)


class JobBook:
    """All jobs by message_id; the oldest is forgotten when there are a hundred thousand."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def add(self, job: Job) -> None:
        self._jobs[job.message_id] = job
        if len(self._jobs) > MAX_JOBS:
            self._jobs.popitem(last=False)

    def get(self, message_id: str) -> Job | None:
        return self._jobs.get(message_id)

    def running(self, key_digest: str) -> int:
        """How many remixes of one key are not finished yet."""
        now = time.monotonic()
        running = 0
        for job in reversed(self._jobs.values()):
            running += job.key_digest == key_digest and not job.is_finished(now)
        return running

    def are_many_running(self, many: int) -> bool:
        """Whether at least so many are not finished yet, of whichever key."""
        now = time.monotonic()
        running = (job for job in reversed(self._jobs.values()) if not job.is_finished(now))
        return sum(1 for _ in islice(running, many)) >= many


@dataclass(frozen=True)
class Charge:
    """One remix that was charged, at the moment it was given its message_id.

    `time` is epoch seconds, `amount` in `unit`, `reference` the SHA-256 of the reference song's bytes,
    `request` the SHA-256 of the request's body, `take` which remix of the same request it is, from 1.
    """

    message_id: str
    time: float
    title: str
    amount: float
    unit: str
    reference: str
    request: str
    take: int = 1


class Ledger:
    """Every charge in order. Safe to read from any thread while the service runs.

    Examples
    --------
    >>> book = Ledger()
    >>> len(book), book.total
    (0, 0.0)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._charges: list[Charge] = []

    def add(self, charge: Charge) -> None:
        with self._lock:
            self._charges.append(charge)

    @property
    def entries(self) -> tuple[Charge, ...]:
        with self._lock:
            return tuple(self._charges)

    @property
    def total(self) -> float:
        """The sum of all amounts."""
        return float(sum(charge.amount for charge in self.entries))

    def of(self, message_id: str) -> tuple[Charge, ...]:
        """The charges of one remix: one, or none where it was never accepted."""
        return tuple(charge for charge in self.entries if charge.message_id == message_id)

    def __len__(self) -> int:
        with self._lock:
            return len(self._charges)

    def __iter__(self) -> Iterator[Charge]:
        return iter(self.entries)

    def __repr__(self) -> str:
        return f"Ledger({len(self)} charged, total {self.total:g})"

    def __str__(self) -> str:
        """A table for the terminal, one line a charge."""
        entries = self.entries
        if not entries:
            return "Ledger: nothing was charged."
        lines = [f"Ledger: {len(entries)} charged, {self.total:g} {entries[0].unit} (simulated)."]
        for charge in entries:
            clock = time.strftime("%H:%M:%S", time.localtime(charge.time))
            lines.append(f"  {clock}  {charge.message_id}  {charge.amount:g} {charge.unit}  {charge.title}")
        return "\n".join(lines)
