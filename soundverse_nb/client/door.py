"""How callers of every kind get onto the background loop: awaiting, blocking, or going on at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from soundverse_nb.client.bridge import GOODBYE, LOOP, check_can_wait
from soundverse_nb.client.channel import Channel
from soundverse_nb.client.engine import Engine, abandon
from soundverse_nb.client.jobs import RemixJob
from soundverse_nb.client.watching import Audience
from soundverse_nb.errors import ConfigurationError

T = TypeVar("T")

DISPLAY_SECONDS = 2.0
"""How long `start` waits for its display to be up; usually that takes milliseconds."""


class Door:
    """The way to one engine. When nobody holds the door any more, neither a client nor its work, it closes.

    An interrupted caller is told how the orders that were sent can be picked up again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pid = os.getpid()
        # The exit of the interpreter closes every engine at once; see engine.py.
        weakref.finalize(self, abandon, engine).atexit = False

    async def run(self, work: Coroutine[Any, Any, T], audience: Audience | None = None) -> T:
        """Await some work, from any asyncio loop."""
        check_can_wait(work)
        self._check_usable(work)
        try:
            return await LOOP.run(self._held(work))
        except asyncio.CancelledError:
            _say_what_is_kept(audience)
            raise

    def wait(self, work: Coroutine[Any, Any, T], audience: Audience | None = None) -> T:
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
            _say_what_is_kept(audience)
            raise

    def start(self, work: Coroutine[Any, Any, T], audience: Audience, title: str) -> RemixJob[T]:
        """Begin some work and return as soon as its display is up."""
        self._check_usable(work)
        running = LOOP.prepare(self._held(work))
        try:
            running.start()
            if not LOOP.is_current():
                # A display that comes up after its cell has ended lands nowhere in some front ends.
                audience.opened.wait(DISPLAY_SECONDS)
        except KeyboardInterrupt:
            # The caller never gets the job, so nobody could wait for it.
            running.cancel()
            concurrent.futures.wait([running.future], timeout=GOODBYE)
            _say_what_is_kept(audience)
            raise
        return RemixJob(running, title)

    async def stream(
        self, work: Callable[[Callable[[T], object]], Coroutine[Any, Any, None]], audience: Audience
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
            _say_what_is_kept(audience)
            raise
        except BaseException:
            running.cancel()  # nobody would hear of it any more; harmless where it is over
            raise

    def close(self) -> None:
        if self._is_ours():
            LOOP.wait(self._engine.aclose())

    async def aclose(self) -> None:
        self.check_can_close()
        if self._is_ours():
            await LOOP.run(self._engine.aclose())

    def check_can_close(self) -> None:
        """Raise ConfigurationError where `aclose` could not be awaited."""
        check_can_wait(hint="Use `with client:` and client.close(), or asyncio.")

    async def _held(self, work: Coroutine[Any, Any, T]) -> T:
        """Keeps the door, and so the engine, open while work runs, also where nobody holds the client."""
        return await self._engine.do(work)

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


def _say_what_is_kept(audience: Audience | None) -> None:
    """An interrupted cell says how its orders can be picked up again."""
    for words in audience.left_behind() if audience is not None else ():
        print(words, file=sys.stderr)
