"""Cancellation: work that is awaited to its end, however often whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


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
