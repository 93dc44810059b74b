"""Events from the client's loop to whichever loop reads them, in order and in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MOST_WAITING = 1000
"""Items kept for a reader that lags; the oldest are given up first, the last one (the terminal) never."""


class Channel(Generic[T]):
    """One writer on the background loop, one reader on any loop. Iterate it; it ends when the writer ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: deque[T] = deque(maxlen=MOST_WAITING)
        self._ended = False
        self._error: BaseException | None = None
        self._bell: _Bell | None = None
        self._woken: asyncio.Event | None = None

    def put(self, item: T) -> None:
        """Hand an item over; never blocks."""
        with self._lock:
            self._items.append(item)
        self._wake()

    async def filled_by(self, work: Coroutine[Any, Any, object]) -> None:
        """Run the writer; its end is the channel's end, its error is raised to the reader."""
        try:
            await work
        except Exception as error:
            self._error = error
        except asyncio.CancelledError:
            self._error = asyncio.CancelledError()
            raise
        finally:
            self._ended = True
            self._wake()

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        if self._woken is None or self._bell is None:
            self._woken = asyncio.Event()
            self._bell = _bell_of(asyncio.get_running_loop())
        while True:
            self._woken.clear()
            ended = self._ended
            with self._lock:
                if self._items:
                    return self._items.popleft()
            if ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._woken.wait()

    def _wake(self) -> None:
        bell, woken = self._bell, self._woken
        if bell is not None and woken is not None and not woken.is_set():
            bell.ring(woken)


class _Bell:
    """Wakes many readers of one loop with one call: each call across threads costs a write to a socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._lock = threading.Lock()
        self._rung: list[asyncio.Event] = []

    def ring(self, woken: asyncio.Event) -> None:
        with self._lock:
            first = not self._rung
            self._rung.append(woken)
        loop = self._loop()
        if first and loop is not None:
            with contextlib.suppress(RuntimeError):  # the reader's loop is gone
                loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        with self._lock:
            rung, self._rung = self._rung, []
        for woken in rung:
            woken.set()


_bells: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = weakref.WeakKeyDictionary()
_bells_lock = threading.Lock()


def _bell_of(loop: asyncio.AbstractEventLoop) -> _Bell:
    with _bells_lock:
        bell = _bells.get(loop)
        if bell is None:
            bell = _bells[loop] = _Bell(loop)
        return bell
