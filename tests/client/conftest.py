"""What the client's tests share: clocks that do not wait, and a client for a scripted service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Timeouts
from soundverse_nb.displays import Phase, ProgressUpdate
from tests.strict_service import StrictService

NEVER = 1e9


class SkippingClock:
    """Every wait is over at once, and the clock says it was not; a wait without end never ends."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self.waits: list[float] = []

    def time(self) -> float:
        return time.time() + self.skipped

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    async def sleep(self, seconds: float) -> None:
        if seconds > NEVER / 10:
            await asyncio.get_running_loop().create_future()
        self.waits.append(seconds)
        self.skipped += seconds
        await asyncio.sleep(0)


class StepClock:
    """Time stands still until `advance` moves it; for tests on one loop."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._fell_asleep = asyncio.Event()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        self._fell_asleep.set()
        await woken

    async def skip(self) -> None:
        """Wait until somebody sleeps, and move on to the first awakening."""
        while not (pending := [at for at, woken in self._sleepers if not woken.done()]):
            self._fell_asleep.clear()
            await self._fell_asleep.wait()
        await self.advance(min(pending) - self.now)

    async def run(self) -> None:
        """Skip every sleep, until cancelled."""
        while True:
            await self.skip()

    async def advance(self, seconds: float) -> None:
        """Move on, stopping at each sleeper on the way; real I/O gets room after each."""
        end = self.now + seconds
        while True:
            self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= end]
            if not due:
                self.now = end
                return
            at, woken = min(due, key=lambda sleeper: sleeper[0])
            self.now = max(self.now, at)
            woken.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)


class Notebook:
    """A display that records its updates, from whichever thread, and can be waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._written = asyncio.Event()
        self.updates: list[ProgressUpdate] = []
        self.titles: list[str] = []
        self.cancel: Callable[[int | None], None] | None = None
        self.closed = 0

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        self.titles, self.cancel = titles, cancel

    def close(self) -> None:
        self.closed += 1

    def update(self, update: ProgressUpdate) -> None:
        self.updates.append(update)
        self._loop.call_soon_threadsafe(self._written.set)

    def phases(self, index: int = 0) -> list[Phase]:
        """Phases of one remix in order, repetitions left out."""
        found: list[Phase] = []
        for update in self.updates:
            if update.index == index and (not found or found[-1] is not update.phase):
                found.append(update.phase)
        return found

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until news have brought this about."""
        while not happened():
            self._written.clear()
            await self._written.wait()

    async def until_stage(self, stage: str, index: int = 0) -> None:
        await self.until(lambda: any(n.stage == stage and n.index == index for n in self.updates))


WATCHFUL = Timeouts(silence=NEVER, no_message_id=NEVER, total=NEVER, cancel_grace=0.0)
"""No silence counts: with a clock that skips every wait, a stream would seem silent at once."""


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.fixture
def make_client(tmp_path: Path, clock: SkippingClock) -> Iterator[Callable[..., sv.Client]]:
    """A client for a scripted service, with its files in the test's folder; closed afterwards."""
    made: list[sv.Client] = []

    def make(service: StrictService | None = None, **settings: Any) -> sv.Client:
        if service is not None:
            settings = {"api_key": service.api_key, "base_url": service.base_url, **settings}
        client = sv.Client(
            **{
                "directory": tmp_path / "remixes",
                "journal": tmp_path / "orders.sqlite3",
                "preflight": "off",
                "progress": False,
                "timeouts": WATCHFUL,
                "clock": clock,
                **settings,
            }
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


SONG = "https://songs.example.com/original.mp3"
