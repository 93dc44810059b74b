"""Accepted orders: each is its script of stages and the moment it began; the ledger of what was charged."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from soundverse_nb.simulator.faults import Fault
from soundverse_nb.simulator.renderer import RemixSpec
from soundverse_nb.simulator.timeline import Step, position

MAX_JOBS = 100_000


@dataclass(frozen=True)
class Job:
    """One order that was taken; `began` is on the monotonic clock, `speed` divides every wait."""

    message_id: str
    key_digest: str
    spec: RemixSpec
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    began: float
    speed: float

    def due(self, step: Step) -> float:
        """When this step is due, on the monotonic clock."""
        return self.began + step.at / self.speed

    def latest(self, now: float) -> Mapping[str, Any]:
        """The chunk that stands at this moment; from queued on, as nobody knows the id before."""
        due = position(self.steps, max(0.0, now - self.began) * self.speed)
        return self.steps[max(1, due - 1)].chunk

    def is_finished(self, now: float) -> bool:
        return now >= self.due(self.steps[-1])

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
        return next(islice(running, many - 1, None), None) is not None


@dataclass(frozen=True)
class Charge:
    """One remix that was charged, at the moment it was given its message_id.

    `time` is epoch seconds, `amount` in `unit`, `reference` the SHA-256 of the reference song's bytes,
    `request` the SHA-256 of the request's body.
    """

    message_id: str
    time: float
    title: str
    amount: float
    unit: str
    reference: str
    request: str


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
