"""Cancellation and exits: work that is awaited to its end, and code of others that ends nothing of ours."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class ExitedError(RuntimeError):
    """Code of others called sys.exit(), raised an interrupt of its own, or cancelled what it was asked."""


def is_interrupt(error: BaseException) -> bool:
    """Whether an error is a Ctrl-C: signals reach the main thread alone, and a worker may ignore them."""
    return (
        isinstance(error, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    )


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Call code of others, of which nothing but an Exception comes out, and a Ctrl-C.

    SystemExit and whatever else would end an event loop, or a task of ours, becomes an ExitedError.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise ExitedError(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def contained_await() -> Iterator[None]:
    """The same for code of others that is awaited in the block: our own cancellation passes too."""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        with contained():
            raise error


async def answer_of(begin: Callable[[], asyncio.Future[T]]) -> T:
    """Await what somebody's executor gives; nothing but an Exception comes out, but for our cancellation.

    `begin` hands the work over. Its future is no task: out of one a SystemExit reaches the loop.
    """
    with contained():
        future = begin()
    try:
        await asyncio.wait({future})
    except asyncio.CancelledError:
        future.cancel()
        raise
    with contained():
        return future.result()  # one that was cancelled there raises what is contained here


async def shielded(work: Awaitable[T]) -> T:
    """Await some work to its end. A cancellation that comes meanwhile is raised when the work is over.

    Unlike `asyncio.shield` it does not return before that.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        # A second Ctrl-C comes as often as the first: the clean-up must survive both.
        cancelled = await _was_cancelled(task) or cancelled
    if cancelled:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is warned of it
        raise asyncio.CancelledError()
    return task.result()


async def _was_cancelled(task: asyncio.Future[Any]) -> bool:
    """Wait for a task; whether the waiting was cancelled."""
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        return True
    return False
