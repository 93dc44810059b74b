"""The session of one client: connection, journal, limit and references, on the background loop.

Opened when it is first needed, closed in every case: by the client, when nobody holds the client nor its
work any more, or at the interpreter's exit.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import os
import random
import weakref
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from soundverse_nb.api.secrets import logger
from soundverse_nb.api.transport import Transport
from soundverse_nb.cancellation import shielded
from soundverse_nb.client.background import LOOP, SHUTDOWN_SECONDS
from soundverse_nb.client.config import (
    PLACE_FOR_ORDERS,
    PLACE_FOR_REMIXES,
    Settings,
    journal_file,
    results_folder,
    writable,
)
from soundverse_nb.client.journal.entry import (
    JournalEntry,
    finish_all,
    report_unwritten,
    unfinished_entries,
)
from soundverse_nb.client.journal.journal import Journal
from soundverse_nb.client.journal.lease import BEAT_EVERY
from soundverse_nb.client.limiter import ConcurrencyLimiter
from soundverse_nb.client.references import References
from soundverse_nb.client.simulated import is_simulator
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.worker_count import worker_count

T = TypeVar("T")

MAX_DOWNLOADS = 8
"""Files fetched at a time: a storage that makes a hundred wait leaves some without an answer for long."""

log = logger("soundverse_nb.client")


class Session:
    """Everything that the orders of one client share. Lives on the background loop.

    `transport`, `journal` and `simulated` are there once it is open; `limiter`, `downloads`, `timeouts`,
    `clock` and `rng` always.
    """

    transport: Transport
    journal: Journal
    simulated: bool

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.base_url = settings.base_url
        self.timeouts = settings.timeouts
        self.clock = settings.clock
        self.rng = random.Random()
        self.limiter = ConcurrencyLimiter(settings.max_streams, clock=settings.clock.monotonic)
        self.downloads = asyncio.Semaphore(MAX_DOWNLOADS)
        self.max_bytes = settings.max_bytes
        self.executor = settings.executor
        self.closed = False
        self._pid = os.getpid()
        self._opening: asyncio.Future[None] | None = None
        self._is_open = False
        self._ranks = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watched: set[JournalEntry] = set()
        self.asked_again: set[str] = set()
        self._heartbeat: asyncio.Task[None] | None = None
        _sessions.add(self)

    @property
    def is_embedded(self) -> bool:
        """Whether the service is the simulator inside this process."""
        return bool(self.settings.simulated)

    @property
    def folder(self) -> Path:
        """Where finished remixes go. Looked for when it is needed: a look at the orders needs none."""
        return results_folder(self.settings.directory)

    @cached_property
    def references(self) -> References:
        """Every order begins here, so a folder that no remix can be put into is found before it is paid."""
        settings = self.settings
        writable(self.folder, PLACE_FOR_REMIXES)
        return References(
            mode=settings.preflight,
            host=settings.host,
            base_url=settings.base_url,
            simulated=self.simulated,
            folder=self.folder / "references",
            executor=settings.executor,
            network=settings.network,
            api_key=settings.api_key,
        )

    @cached_property
    def decoders(self) -> ThreadPoolExecutor:
        """The threads in which fetched remixes are decoded: one processor is left to the streams.

        More would not decode more, and each of them takes the interpreter from the others at every frame.
        """
        return ThreadPoolExecutor(max(1, worker_count() - 1), thread_name_prefix="soundverse-decode")

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something of this client's; closing the client cancels it."""
        task = asyncio.current_task()
        assert task is not None
        fresh = task not in self._tasks
        self._tasks.add(task)
        try:
            if self.closed:
                work.close()
                raise ConfigurationError("This client is closed.", hint="Make a new one: sv.connect().")
            return await work
        finally:
            if fresh:
                self._tasks.discard(task)

    @property
    def is_ours(self) -> bool:
        """Whether it was made in this very process, and not in the one that this was forked from."""
        return os.getpid() == self._pid

    def check_process(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        """Raise ConfigurationError in a forked child; `work` is closed then."""
        if self.is_ours:
            return
        if work is not None:
            work.close()
        raise ConfigurationError(
            "This client was made before the process was forked; its connections and its journal belong to "
            "the parent.",
            hint="Start the process by spawn and make a client there, or make one here with another journal: "
            "Client(journal=...).",
        )

    def next_rank(self) -> int:
        """First come, first served, also after a refusal."""
        return next(self._ranks)

    @asynccontextmanager
    async def watching(self, entry: JournalEntry) -> AsyncIterator[None]:
        """While an order is followed: other kernels see that it is ours. Its lease is released at the end."""
        self._watched.add(entry)
        try:
            yield
        finally:
            self._watched.discard(entry)
            await entry.release()

    async def write_pending(self) -> list[tuple[JournalEntry, SoundverseError]]:
        """Write what this process still has to write to the journal; gives what stays unwritten, and why."""
        return await finish_all(unfinished_entries(self.journal.path), self.journal)

    async def aclose(self) -> None:
        """Stop what is running (orders are kept), close the connections and the journal. Harmless again."""
        self.closed = True
        mine = asyncio.current_task()
        running = {task for task in self._tasks if task is not mine and not task.done()}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=SHUTDOWN_SECONDS)
        await shielded(self._close())

    async def _close(self) -> None:
        if self._opening is not None:
            await asyncio.wait({self._opening})
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None
        if "decoders" in self.__dict__:
            self.decoders.shutdown(wait=False)
        if self._is_open:
            self._is_open = False
            try:
                # Not all that is unfinished: another client's may be in the midst of being written.
                report_unwritten(entry for entry, _ in await self.write_pending())
                await self.transport.close()
            finally:
                self.journal.close()

    async def open(self) -> None:
        """Find out what service this is, and open its journal. Every call begins with it; once is enough."""
        if self._is_open:
            return
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        try:
            await asyncio.shield(self._opening)
        finally:
            if self._opening is not None and self._opening.done():
                self._opening = None

    async def _open(self) -> None:
        settings = self.settings
        simulated = settings.simulated
        self.simulated = is_simulator(settings.base_url) if simulated is None else simulated
        self.transport = Transport(
            settings.base_url,
            settings.api_key,
            status_path=settings.status_path,
            # What is embedded in this process is not behind anybody's proxy.
            proxy="" if settings.simulated else settings.network.proxy,
            ssl=settings.network.ssl,
            clock=settings.clock.monotonic,
            sleep=settings.clock.sleep,
        )
        self.journal = Journal(self._journal_file(), now=settings.clock.time)
        self._heartbeat = asyncio.ensure_future(self._beat_forever())
        self._is_open = True

    def _journal_file(self) -> Path:
        path = journal_file(self.settings.journal, self.simulated)
        if self.settings.journal is None and not path.exists():
            writable(path.parent, PLACE_FOR_ORDERS)
        return path

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            await self._beat()

    async def _beat(self) -> None:
        """Renew the leases of our orders, and try what is pending. What fails stops nothing else."""
        entries = self._watched | set(unfinished_entries(self.journal.path))
        try:
            await self.write_pending()
            await self.journal.beat([entry.on_disk for entry in entries])
        except SoundverseError as error:
            log.debug("No heartbeat could be written: %s", error.message)
        except Exception as surprise:  # a bug in one beat must not stop the next
            log.error("A heartbeat met a %s", type(surprise).__name__, exc_info=surprise)


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    # What was open at a fork is the parent's: the child closes none of it, neither at its end nor before.
    os.register_at_fork(after_in_child=_sessions.clear)


def abandon(session: Session) -> None:
    """Nobody holds the client any more: close what it owned, from whichever thread noticed."""
    if session not in _sessions:
        return
    LOOP.call_soon(lambda: LOOP.submit(session.aclose()))


async def _close_all() -> None:
    await asyncio.gather(*(session.aclose() for session in list(_sessions)), return_exceptions=True)
    # What clients left unwritten that were closed while the journal could not be written.
    for path in {entry.journal.path for entry in unfinished_entries()}:
        await _write_at_last(path)


async def _write_at_last(path: Path) -> None:
    if os.path.isfile(path):  # noqa: ASYNC240 - a look at the very end, when nothing else runs
        journal = Journal(path)
        try:
            await finish_all(unfinished_entries(path), journal)
        finally:
            journal.close()
    report_unwritten(unfinished_entries(path))


def _at_exit() -> None:
    """The interpreter ends: orders are noted and kept, sessions closed, the thread ended."""
    if not LOOP.is_running or LOOP.is_current():
        return
    with contextlib.suppress(Exception):
        LOOP.result(LOOP.submit(_close_all()), timeout=2 * SHUTDOWN_SECONDS)
    report_unwritten(unfinished_entries())
    LOOP.close()


atexit.register(_at_exit)
