"""The background event loop on which every client works, and interrupts that reach who waits for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import selectors
import signal
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, Generic, TypeVar

from soundverse_nb.displays import in_kernel, ipython_shell
from soundverse_nb.errors import ConfigurationError, Spent, bare

T = TypeVar("T")


COALESCE_FROM = 32
"""Connections from which on it pays; with fewer, nothing is ever held back."""

COALESCE_SECONDS = 0.1
"""Seconds between two selects. Displays are redrawn four times a second, and a remix takes minutes."""


class CoalescingSelector(selectors.DefaultSelector):
    """While many connections are open it selects at most ten times a second; else at once.

    Timers keep their time. Where every millisecond counts, `eager()` holds for a block.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selected_at = 0.0
        self._eager = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._eager or len(self.get_map()) < COALESCE_FROM or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        pause = self._selected_at + COALESCE_SECONDS - time.monotonic()
        if pause > 0:
            if timeout is not None and timeout <= pause:
                time.sleep(timeout)
                timeout = 0
            else:
                time.sleep(pause)
                timeout = None if timeout is None else timeout - pause
        ready = super().select(timeout)
        self._selected_at = time.monotonic()
        return ready

    @contextlib.contextmanager
    def eager(self) -> Iterator[None]:
        """Hold nothing back in this block, say for a download, which is as fast as its reads are many."""
        self._eager += 1
        try:
            yield
        finally:
            self._eager -= 1


def eager(loop: Any) -> contextlib.AbstractContextManager[None]:
    """The same for a loop, whatever it selects with."""
    selector = getattr(loop, "_selector", None)
    return selector.eager() if isinstance(selector, CoalescingSelector) else contextlib.nullcontext()


WAIT_STEP = 0.25
"""Seconds a blocking call waits at a stretch before it looks for an interrupt."""

SHUTDOWN_SECONDS = 5.0
"""Seconds an interrupted task may take to note what it leaves behind."""

INTERRUPT_SECONDS = 0.5
"""Seconds of that in which an interrupted cell waits for it."""


def check_can_wait(
    work: Coroutine[Any, Any, Any] | None = None,
    *,
    message: str = "This await does not run in an asyncio event loop, so nothing was begun.",
    spent: Spent = Spent.NO,
    hint: str = "Await it in asyncio, as a notebook does, or use the blocking form, client.remix_sync(...); "
    "under trio: await trio.to_thread.run_sync(client.remix_sync, reference, prompt).",
) -> None:
    """Raise ConfigurationError where the caller is no asyncio task, before anything has begun.

    An `await` that trio or curio runs could not wait for what it has started: the remix would be ordered
    and paid, and the cell would end in a TypeError.
    """
    try:
        # Also where trio is a guest of asyncio: then a loop runs, but this is none of its tasks.
        if asyncio.current_task() is not None:
            return
    except RuntimeError:
        pass
    if work is not None:
        work.close()
    raise ConfigurationError(message, spent=spent, hint=hint)


# What was asked to stop and has not ended: an interrupt is answered before all is written down.
_stopping: set[concurrent.futures.Future[Any]] = set()


async def until_stopped() -> None:
    """Wait until everything that was asked to stop has ended, for some seconds at most; on any loop."""
    waiting = {_waiter(future) for future in list(_stopping)}
    if waiting:
        await asyncio.wait(waiting, timeout=SHUTDOWN_SECONDS)


def block_until_stopped() -> None:
    """The same, blocking; on any thread but that of the background loop, which has to end it."""
    concurrent.futures.wait(list(_stopping), timeout=SHUTDOWN_SECONDS)


async def let_go() -> None:
    """Let the caller's loop close what it has just left: a stream behind a `break` ends in its next turns."""
    check_can_wait()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _waiter(future: concurrent.futures.Future[T]) -> asyncio.Future[T]:
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
    return waiting


class BackgroundTask(Generic[T]):
    """A coroutine at work on the background loop.

    `future` resolves when the task has really ended, its clean-up included; asking it to cancel does nothing,
    `cancel()` does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> None:
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.future.set_running_or_notify_cancel()
        self._loop = loop
        self._coroutine: Coroutine[Any, Any, T] | None = coroutine
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        """Let it begin, from any thread."""
        self._loop.call_soon_threadsafe(self.begin)

    def begin(self) -> None:
        if self._coroutine is None:
            return
        self._task = self._loop.create_task(self._coroutine)
        self._coroutine = None
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Ask it to stop. From any thread; harmless when it is over."""
        if not self.future.done():
            _stopping.add(self.future)
            self.future.add_done_callback(_stopping.discard)
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is gone, and the task with it
            _stopping.discard(self.future)

    async def cancel_and_wait(self) -> None:
        """Cancel it and wait a moment, on any loop; what it has not noted by then it goes on to note."""
        self.cancel()
        await asyncio.wait({self.waiter()}, timeout=INTERRUPT_SECONDS)

    def waiter(self) -> asyncio.Future[T]:
        """A future of the running loop that resolves with it. Nobody need look at its error."""
        return _waiter(self.future)

    @property
    def has_result(self) -> bool:
        return self.future.done() and self.future.exception() is None

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._coroutine is not None:
            # Interrupted between being made and being begun.
            self._coroutine.close()
            self._coroutine = None
            self.future.set_exception(concurrent.futures.CancelledError())

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.future.set_exception(concurrent.futures.CancelledError())
            return
        error = task.exception()
        if error is not None:
            self.future.set_exception(bare(error))
        else:
            self.future.set_result(task.result())


class BackgroundLoop:
    """An event loop on a daemon thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop. After a fork the child has no thread of its parent's and gets a new one."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._start()
            assert self._loop is not None
            return self._loop

    @property
    def is_running(self) -> bool:
        return self._loop is not None and self._pid == os.getpid()

    def is_current(self) -> bool:
        """Whether the caller is running on this loop."""
        return self.is_running and self._thread is threading.current_thread()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> BackgroundTask[T]:
        """Start a coroutine there, in the caller's context (so that a display lands in its cell)."""
        work = self.prepare(coroutine)
        work.start()
        return work

    def prepare(self, coroutine: Coroutine[Any, Any, T]) -> BackgroundTask[T]:
        """The same, to be started by `work.start()`: an interrupt may come at any moment from there on."""
        return BackgroundTask(self.loop, coroutine)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine there, from any loop.

        Cancelling it gives the result that was there already, or waits a moment until the work has noted
        where it stopped and raises CancelledError.
        """
        check_can_wait(coroutine)
        if self.is_current():
            return await coroutine
        work = self.prepare(coroutine)
        try:
            work.start()
            with interruptible():
                return await asyncio.shield(work.waiter())
        except asyncio.CancelledError:
            if not work.future.done():
                await work.cancel_and_wait()
            if work.has_result:
                # It was finished before the interrupt was seen, and paid for.
                return work.future.result()
            raise
        except BaseException:
            # Whoever waited is gone, and nobody would see what the work brings.
            if not work.future.done():
                work.cancel()
            raise

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and block for its result. An interrupt cancels it and is raised here."""
        self.check_may_block()
        work = self.prepare(coroutine)
        try:
            work.start()
            return self.result(work)
        except KeyboardInterrupt:
            # Also one that came before the waiting began.
            work.cancel()
            concurrent.futures.wait([work.future], timeout=SHUTDOWN_SECONDS)
            raise

    def check_may_block(self) -> None:
        """Raise ConfigurationError where a blocking call would wait for itself: on this very loop."""
        if self.is_current():
            raise ConfigurationError(
                "A blocking call was made on the client's own event loop, where it would wait for itself.",
                hint="Use the awaitable form there: await client.remix(...).",
            )

    def result(self, work: BackgroundTask[T], timeout: float | None = None) -> T:
        """Block for a result. An interrupt cancels the work; a time-out leaves it running."""
        self.until_over(work, timeout)
        return work.future.result()

    def until_over(self, work: BackgroundTask[Any], timeout: float | None = None) -> None:
        """Block until it has ended, well or badly, in slices; the same of interrupts and time-outs."""
        if not work.future.done():
            self.check_may_block()
        left = timeout
        try:
            while True:
                step = WAIT_STEP if left is None else min(WAIT_STEP, max(left, 0.0))
                if concurrent.futures.wait([work.future], timeout=step).done:
                    return
                if left is not None:
                    left -= step
                    if left <= 0:
                        raise TimeoutError(f"It is not finished after {timeout:g} s; it goes on.")
        except KeyboardInterrupt:
            work.cancel()
            concurrent.futures.wait([work.future], timeout=SHUTDOWN_SECONDS)
            raise

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Call something there, from any thread; nothing happens where no loop runs."""
        loop = self._loop
        if loop is not None and self.is_running:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(callback)

    def close(self) -> None:
        """Cancel every task and end the thread. At interpreter exit; a later use starts anew."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        _ending.add(loop)
        if thread is not threading.current_thread():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(SHUTDOWN_SECONDS)

    def _start(self) -> None:
        loop = _new_loop()
        thread = threading.Thread(target=_run_loop, args=(loop,), name="soundverse-loop", daemon=True)
        thread.start()
        self._loop, self._thread, self._pid = loop, thread, os.getpid()


def _new_loop() -> asyncio.AbstractEventLoop:
    # On Windows a selector takes 512 sockets at most, so the usual loop is kept there.
    if os.name != "posix":
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(CoalescingSelector())


_ending: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        while loop not in _ending:
            # Asyncio lets these out of the loop, although the task that raised them has them too, and so has
            # whoever waits for it. They are of somebody's own code: no signal comes to this thread.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=SHUTDOWN_SECONDS))
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


LOOP = BackgroundLoop()
"""The one of this process."""

WAKE_SECONDS = 0.1
"""So long an interrupt may stay unseen. A wake costs some ten microseconds."""


class _Waiting:
    """The tasks of one loop that wait for us: while there are any, the loop wakes and Ctrl-C cancels them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._tasks: dict[asyncio.Task[object], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: asyncio.Task[object]) -> None:
        self._tasks[task] = self._tasks.get(task, 0) + 1
        if self._timer is None:
            self._wake_later()
        # Each time: an interrupt has given the signal back while those it ended may still be here.
        if _is_terminal() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._cancel_all)

    def leave(self, task: asyncio.Task[object]) -> None:
        left = self._tasks.pop(task, 0) - 1
        if left > 0:
            self._tasks[task] = left
        if not self._tasks:
            self._release_signal()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _cancel_all(self, number: int, frame: FrameType | None) -> None:
        loop = self._loop()
        # A task that an earlier cell left behind does not run now: the interrupt is for what does.
        if loop is None or not loop.is_running() or not self._tasks:
            signal.default_int_handler(number, frame)
        self._release_signal()  # a second one is Python's
        for task in list(self._tasks):
            task.cancel()

    def _release_signal(self) -> None:
        if signal.getsignal(signal.SIGINT) == self._cancel_all:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _wake_later(self) -> None:
        loop = self._loop()
        self._timer = None if loop is None else loop.call_later(WAKE_SECONDS, self._wake_later)


_waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """While this block awaits something on the caller's loop, an interrupt cancels it within a moment."""
    task = asyncio.current_task()
    # Python hands signals to the main thread; no other loop has to look for them.
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = task.get_loop()
    waiting = _waiting.get(loop)
    if waiting is None:
        waiting = _waiting[loop] = _Waiting(loop)
    try:
        waiting.enter(task)  # in here: an interrupt may come in its midst
        yield
    finally:
        waiting.leave(task)


def _is_terminal() -> bool:
    """Whether IPython runs this in a terminal. Elsewhere the kernel answers Ctrl-C, or `asyncio.run`."""
    return ipython_shell() is not None and not in_kernel()
