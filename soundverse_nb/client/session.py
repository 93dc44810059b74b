"""The session of a client on the background loop: opened when first needed, closed in every case."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import itertools
import os
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from soundverse_nb.api.proxy import NetworkSettings
from soundverse_nb.api.secrets import logger
from soundverse_nb.api.transport import STATUS_PATH, Transport
from soundverse_nb.client.backend import Service
from soundverse_nb.client.background import LOOP, SHUTDOWN_SECONDS, check_can_wait, undisturbed
from soundverse_nb.client.channel import Channel
from soundverse_nb.client.config import (
    PLACE_FOR_ORDERS,
    PLACE_FOR_REMIXES,
    Clock,
    SystemClock,
    Timeouts,
    journal_file,
    results_folder,
    writable,
)
from soundverse_nb.client.job import RemixJob
from soundverse_nb.client.journal.journal import Journal
from soundverse_nb.client.journal.lease import BEAT_EVERY
from soundverse_nb.client.limiter import ConcurrencyLimiter
from soundverse_nb.client.order.owed import Line, owing, settle_all, tell_what_is_owed
from soundverse_nb.client.order.tracker import OrderTracker
from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.client.references import References
from soundverse_nb.client.simulated import is_simulator
from soundverse_nb.errors import ConfigurationError, SoundverseError

T = TypeVar("T")

log = logger("soundverse_nb.client")


@dataclass(frozen=True)
class Settings:
    """Everything a client was told, checked."""

    base_url: str
    api_key: SecretStr
    directory: str | os.PathLike[str] | None = None
    journal: str | os.PathLike[str] | None = None
    simulated: bool | None = None
    host: Any = None
    max_streams: int = 8
    status_path: str = STATUS_PATH
    network: NetworkSettings = field(default_factory=NetworkSettings)
    preflight: str = "full"
    executor: Executor | None = None
    max_bytes: int | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    clock: Clock = field(default_factory=SystemClock)

    @property
    def folder(self) -> Path:
        """Where finished remixes go. Looked for when it is needed: a look at the orders needs none."""
        return results_folder(self.directory)


class Session:
    """The session, the journal, the limit and the references of one client. Lives on the background loop."""

    service: Service

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.limiter = ConcurrencyLimiter(settings.max_streams, clock=settings.clock.monotonic)
        self.max_bytes = settings.max_bytes
        self.executor = settings.executor
        self.closed = False
        self._opening: asyncio.Future[None] | None = None
        self._is_open = False
        self._ranks = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watched: dict[str, OrderTracker] = {}
        self.asked_again: set[str] = set()
        self._beating: asyncio.Task[None] | None = None
        _sessions.add(self)

    @property
    def folder(self) -> Path:
        """Where finished remixes go."""
        return self.settings.folder

    @cached_property
    def references(self) -> References:
        """Every order begins here, so a folder that no remix can be put into is found before it is paid."""
        settings = self.settings
        writable(self.folder, PLACE_FOR_REMIXES)
        return References(
            mode=settings.preflight,
            host=settings.host,
            base_url=settings.base_url,
            simulated=self.service.simulated,
            folder=self.folder / "references",
            executor=settings.executor,
            network=settings.network,
            api_key=settings.api_key,
        )

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
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

    def next_rank(self) -> int:
        """First come, first served, also after a refusal."""
        return next(self._ranks)

    @asynccontextmanager
    async def watching(self, tracker: OrderTracker) -> AsyncIterator[None]:
        """While an order is looked after: it is shown to other kernels as ours, and given back at the end."""
        self._watched[tracker.order.order_id] = tracker
        try:
            yield
        finally:
            del self._watched[tracker.order.order_id]
            tracker.slot.reporter.left(tracker.slot.index, tracker.order)
            await tracker.line.let_go()

    async def settle_up(self) -> list[tuple[Line, SoundverseError]]:
        """Write what this process owes to the journal, whoever owes it; gives what is still owed, and why."""
        journal = self.service.journal
        return await settle_all(owing(journal.path), journal)

    async def aclose(self) -> None:
        """Stop what is running (orders are kept), close the session and the journal. Harmless again."""
        self.closed = True
        mine = asyncio.current_task()
        running = {task for task in self._tasks if task is not mine and not task.done()}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=SHUTDOWN_SECONDS)
        await undisturbed(self._shut())

    async def _shut(self) -> None:
        if self._opening is not None:
            await asyncio.wait({self._opening})
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        if self._is_open:
            self._is_open = False
            try:
                await self.settle_up()
                tell_what_is_owed(owing(self.service.journal.path))
                await self.service.transport.close()
            finally:
                self.service.journal.close()

    async def open(self) -> None:
        """Find out what service this is, and open its journal. Every door begins with it; once is enough."""
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
        if simulated is None:
            simulated = is_simulator(settings.base_url)
        transport = Transport(
            settings.base_url,
            settings.api_key,
            status_path=settings.status_path,
            # What is embedded in this process is not behind anybody's proxy.
            proxy="" if settings.simulated else settings.network.proxy,
            ssl=settings.network.ssl,
            clock=settings.clock.monotonic,
            sleep=settings.clock.sleep,
        )
        self.service = Service(
            base_url=settings.base_url,
            transport=transport,
            journal=Journal(self._journal_file(simulated), now=settings.clock.time),
            limiter=self.limiter,
            simulated=simulated,
            timeouts=settings.timeouts,
            clock=settings.clock,
        )
        self._beating = asyncio.ensure_future(self._beat())
        self._is_open = True

    def _journal_file(self, simulated: bool) -> Path:
        path = journal_file(self.settings.journal, simulated)
        if self.settings.journal is None and not path.exists():
            writable(path.parent, PLACE_FOR_ORDERS)
        return path

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            await self._give_a_sign()

    async def _give_a_sign(self) -> None:
        """Say that the watched orders are ours, and try what is owed. What fails stops nothing else."""
        journal = self.service.journal
        lines = {tracker.line for tracker in self._watched.values()} | set(owing(journal.path))
        try:
            await self.settle_up()
            await journal.beat([line.on_disk for line in lines])
        except SoundverseError as error:
            log.debug("No sign of life could be given: %s", error.message)
        except Exception as surprise:  # a bug in one beat must not stop the next
            log.error("A sign of life met a %s", type(surprise).__name__, exc_info=surprise)


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
    # What clients owed that were closed while the journal could not be written.
    for path in {line.journal.path for line in owing()}:
        await _settle_at_last(path)


async def _settle_at_last(path: Path) -> None:
    if os.path.isfile(path):  # noqa: ASYNC240 - a look at the very end, when nothing else runs
        journal = Journal(path)
        try:
            await settle_all(owing(path), journal)
        finally:
            journal.close()
    tell_what_is_owed(owing(path))


def _at_exit() -> None:
    """The interpreter ends: orders are noted and kept, sessions closed, the thread ended."""
    if not LOOP.is_running or LOOP.is_current():
        return
    with contextlib.suppress(Exception):
        LOOP.result(LOOP.submit(_close_all()), timeout=2 * SHUTDOWN_SECONDS)
    tell_what_is_owed(owing())
    LOOP.close()


atexit.register(_at_exit)


DISPLAY_SECONDS = 2.0
"""How long `start` waits for its display to be up; usually that takes milliseconds."""


class Door:
    """The way to one engine. When nobody holds the door any more, neither a client nor its work, it closes.

    An interrupted caller is told how the orders that were sent can be picked up again.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pid = os.getpid()
        # The exit of the interpreter closes every engine at once; see engine.py.
        weakref.finalize(self, abandon, session).atexit = False

    async def run(self, work: Coroutine[Any, Any, T], reporter: ProgressReporter | None = None) -> T:
        """Await some work, from any asyncio loop."""
        check_can_wait(work)
        self._check_usable(work)
        try:
            return await LOOP.run(self._held(work))
        except asyncio.CancelledError:
            _say_what_is_kept(reporter)
            raise

    def wait(self, work: Coroutine[Any, Any, T], reporter: ProgressReporter | None = None) -> T:
        """Block for some work, from any thread but the loop's own."""
        self._check_usable(work)
        try:
            LOOP.check_may_block()
        except ConfigurationError:
            work.close()
            raise
        try:
            return LOOP.wait(self._held(work))
        except KeyboardInterrupt:
            _say_what_is_kept(reporter)
            raise

    def start(self, work: Coroutine[Any, Any, T], reporter: ProgressReporter, title: str) -> RemixJob[T]:
        """Begin some work and return as soon as its display is up."""
        self._check_usable(work)
        running = LOOP.prepare(self._held(work))
        try:
            running.start()
            if not LOOP.is_current():
                # A display that comes up after its cell has ended lands nowhere in some front ends.
                reporter.opened.wait(DISPLAY_SECONDS)
        except KeyboardInterrupt:
            # The caller never gets the job, so nobody could wait for it.
            running.cancel()
            concurrent.futures.wait([running.future], timeout=SHUTDOWN_SECONDS)
            _say_what_is_kept(reporter)
            raise
        return RemixJob(running, title)

    async def stream(
        self, work: Callable[[Callable[[T], object]], Coroutine[Any, Any, None]], reporter: ProgressReporter
    ) -> AsyncIterator[T]:
        """Give what some work hands over, as it comes; leaving the loop stops the work."""
        check_can_wait()
        self._check_usable()
        channel: Channel[T] = Channel()
        running = LOOP.prepare(channel.filled_by(self._held(work(channel.put))))
        try:
            running.start()
            async for item in channel:
                yield item
        except (asyncio.CancelledError, GeneratorExit):
            await running.stopped()
            _say_what_is_kept(reporter)
            raise
        except BaseException:
            running.cancel()  # nobody would hear of it any more; harmless where it is over
            raise

    def close(self) -> None:
        if self._is_ours():
            LOOP.wait(self._session.aclose())

    async def aclose(self) -> None:
        self.check_can_close()
        if self._is_ours():
            await LOOP.run(self._session.aclose())

    def check_can_close(self) -> None:
        """Raise ConfigurationError where `aclose` could not be awaited."""
        check_can_wait(hint="Use `with client:` and client.close(), or asyncio.")

    async def _held(self, work: Coroutine[Any, Any, T]) -> T:
        """Keeps the door, and so the engine, open while work runs, also where nobody holds the client."""
        return await self._session.do(work)

    def _is_ours(self) -> bool:
        return os.getpid() == self._pid

    def _check_usable(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        if self._is_ours():
            return
        if work is not None:
            work.close()
        raise ConfigurationError(
            "This client was made before the process was forked; its connections and its journal belong to "
            "the parent.",
            hint="Start the process by spawn and make a client there, or make one here with another journal: "
            "Client(journal=...).",
        )


def _say_what_is_kept(reporter: ProgressReporter | None) -> None:
    """An interrupted cell says how its orders can be picked up again."""
    for words in reporter.kept_orders() if reporter is not None else ():
        print(words, file=sys.stderr)
