"""What was charged: the embedded service's account book, in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass


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
