"""Events from the client's loop to whichever loop reads them, in order and in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from soundverse_nb.client.bridge import BackgroundLoop

T = TypeVar("T")

MOST_WAITING = 1000
"""Items kept for a reader that lags; the oldest are given up first, the last one (the terminal) never."""


class Channel(Generic[T]):
    """One writer on the background loop, one reader on any loop. Iterate it; it ends when the writer ends."""

    def __init__(self, loop: BackgroundLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._items: deque[T] = deque(maxlen=MOST_WAITING)
        self._ended = False
        self._error: BaseException | None = None
        self._reader: asyncio.AbstractEventLoop | None = None
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
        if self._woken is None:
            self._reader, self._woken = asyncio.get_running_loop(), asyncio.Event()
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
        reader, woken = self._reader, self._woken
        if reader is not None and woken is not None:
            with contextlib.suppress(RuntimeError):  # the reader's loop is gone
                reader.call_soon_threadsafe(woken.set)
