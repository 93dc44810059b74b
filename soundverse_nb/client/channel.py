"""A channel of items from the background loop to whichever loop reads them, in order and in bounds."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from soundverse_nb.client.background import interruptible
from soundverse_nb.errors import bare

T = TypeVar("T")

MAX_WAITING = 1000
"""Items kept for a reader that lags; the oldest are given up first, the last one (the terminal) never."""


class Channel(Generic[T]):
    """One writer on the background loop, one reader on any loop. Iterate it; it ends when the writer ends."""

    def __init__(self) -> None:
        # Appending and popping are atomic, and there is one of each side.
        self._items: deque[T] = deque(maxlen=MAX_WAITING)
        self._ended = False
        self._error: BaseException | None = None
        self._wakeup: _Wakeup | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: T) -> None:
        """Hand an item over; never blocks."""
        self._items.append(item)
        self._wake()

    async def filled_by(self, work: Coroutine[Any, Any, object]) -> None:
        """Run the writer; its end is the channel's end, its error is raised to the reader."""
        try:
            await work
        except Exception as error:  # the reader gets it, whatever it is
            self._error = bare(error)
        except asyncio.CancelledError:
            self._error = asyncio.CancelledError()
            raise
        finally:
            self._ended = True
            self._wake()

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        loop = asyncio.get_running_loop()
        while True:
            ended = self._ended
            if self._items:
                return self._items.popleft()
            if ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._wakeup is None:
                self._wakeup = _wakeup_of(loop)
            waiter = self._waiter = loop.create_future()
            # Looked at again: what came before the waiter was there did not wake it.
            if not self._items and not self._ended:
                with interruptible():
                    await waiter
            self._waiter = None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and self._wakeup is not None:
            self._wakeup.wake(waiter)


class _Wakeup:
    """Wakes many readers of one loop with one call: each call across threads costs a write to a socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._lock = threading.Lock()
        self._waiters: list[asyncio.Future[None]] = []

    def wake(self, waiter: asyncio.Future[None]) -> None:
        with self._lock:
            first = not self._waiters
            self._waiters.append(waiter)
        if not first:
            return
        try:
            # Once everything else that came in this moment has been handed over too.
            asyncio.get_running_loop().call_soon(self._schedule)
        except RuntimeError:
            self._schedule()

    def _schedule(self) -> None:
        loop = self._loop()
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the reader's loop is gone
                loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


_wakeups: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Wakeup] = weakref.WeakKeyDictionary()
_wakeups_lock = threading.Lock()


def _wakeup_of(loop: asyncio.AbstractEventLoop) -> _Wakeup:
    with _wakeups_lock:
        wakeup = _wakeups.get(loop)
        if wakeup is None:
            wakeup = _wakeups[loop] = _Wakeup(loop)
        return wakeup
