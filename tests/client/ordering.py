"""One planned order at a service, on the test's own loop."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from soundverse_nb.api.transport import Transport
from soundverse_nb.client import Journal, Order, Timeouts
from soundverse_nb.client.config import Settings
from soundverse_nb.client.journal.order import new_order_id
from soundverse_nb.client.order.tracker import OrderTracker
from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.client.session import Session
from tests.client.conftest import SONG, WATCHFUL, Notebook
from tests.strict_service import StrictService

WIRE = {"song_reference_url": SONG, "prompt": "jazz"}


async def body() -> dict[str, Any]:
    return WIRE


@asynccontextmanager
async def an_order(
    service: StrictService | Any, path: Path, clock: Any, timeouts: Timeouts = WATCHFUL
) -> AsyncIterator[tuple[OrderTracker, Notebook]]:
    """A planned order at a service, on the test's own loop."""
    if isinstance(service, StrictService):
        transport: Any = Transport(
            service.base_url, SecretStr(service.api_key), clock=clock.monotonic, sleep=clock.sleep
        )
    else:
        transport = service
    journal = Journal(path / "orders.sqlite3")
    display = Notebook()
    session = Session(Settings("http://service", SecretStr("a-key"), timeouts=timeouts, clock=clock))
    session.transport, session.journal, session.simulated = transport, journal, False
    session.rng = random.Random(7)
    order = await journal.plan(Order(new_order_id(), "http://service", request=WIRE))
    try:
        yield OrderTracker(session, order, ProgressReporter(display).slot(0)), display
    finally:
        await transport.close()
        journal.close()


async def state_of(tracker: OrderTracker) -> str:
    return (await tracker.session.journal.get(tracker.order.order_id)).state
