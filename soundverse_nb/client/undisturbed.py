"""Seeing work to its end although whoever waits for it is told to stop, once or again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


async def undisturbed(work: Awaitable[T]) -> T:
    """Await some work to its end. A stop that comes meanwhile is heard when the work is over."""
    task = asyncio.ensure_future(work)
    stopped = False
    while not task.done():
        # A second Ctrl-C comes as often as the first: the clean-up must survive both.
        stopped = await _was_stopped(task) or stopped
    if stopped:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is warned of it
        raise asyncio.CancelledError()
    return task.result()


async def _was_stopped(task: asyncio.Future[Any]) -> bool:
    """Wait for a task; whether the waiting was stopped."""
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        return True
    return False
