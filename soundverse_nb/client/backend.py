"""What the steps of an order work with: the wire, the journal, the limit, and the clock."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundverse_nb.client.config import Clock, SystemClock, Timeouts
from soundverse_nb.client.journal.journal import Journal
from soundverse_nb.client.limiter import ConcurrencyLimiter

if TYPE_CHECKING:
    from soundverse_nb.api.transport import Transport

MOST_DOWNLOADS = 8
"""Files fetched at a time: a storage that makes a hundred wait leaves some without an answer for long."""


@dataclass(frozen=True)
class Service:
    """One service as one client sees it; everything here belongs to the background loop."""

    base_url: str
    transport: Transport
    journal: Journal
    limiter: ConcurrencyLimiter
    simulated: bool = False
    downloads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_DOWNLOADS))
    timeouts: Timeouts = field(default_factory=Timeouts)
    clock: Clock = field(default_factory=SystemClock)
    rng: random.Random = field(default_factory=random.Random)
