"""One attempt: the POST, its stream, and whatever it takes to hear the end of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from soundverse_nb.api.transport import SkippedChunk
from soundverse_nb.client.follow import watch_silence
from soundverse_nb.client.hearing import Hearing
from soundverse_nb.client.undisturbed import undisturbed
from soundverse_nb.displays import Phase

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent


async def listen(hearing: Hearing, wire: dict[str, Any]) -> RemixEvent | None:
    """Send the POST and listen until the order is over; None where the stream ends before that.

    The stream and, when it falls silent, the status endpoint are heard side by side: whichever ends first
    wins. Raises what the transport raises. Interrupted after the POST was sent, it still waits a moment for
    the order's name, because an order without one cannot be picked up again.
    """
    stream = asyncio.ensure_future(_read(hearing, wire))
    silence = asyncio.ensure_future(watch_silence(hearing))
    try:
        await asyncio.wait({stream, silence}, return_when=asyncio.FIRST_COMPLETED)
        # The stream's own end counts where both ended in the same moment.
        return stream.result() if stream.done() else silence.result()
    except asyncio.CancelledError:
        # Also when Stop is pressed twice.
        await undisturbed(_wait_for_name(hearing, stream))
        raise
    finally:
        await _end(stream, silence)


async def _read(hearing: Hearing, wire: dict[str, Any]) -> RemixEvent | None:
    async with hearing.service.transport.open_remix(wire, hearing.mark_sent) as stream:
        hearing.idle = stream.idle_seconds
        try:
            async for item in stream:
                if isinstance(item, SkippedChunk):
                    hearing.touch()
                    hearing.skipped = f'{item.reason}: "{item.excerpt}"'
                    hearing.seat.tell(
                        Phase.STREAMING, message=f"A chunk could not be read and was skipped ({item.reason})."
                    )
                    if item.message_id:
                        await hearing.name(item.message_id)
                    continue
                await hearing.hear(item)
                if item.is_terminal:
                    return item
        finally:
            hearing.taken = hearing.taken or stream.taken
    return None


async def _wait_for_name(hearing: Hearing, stream: asyncio.Future[Any]) -> None:
    if not hearing.sent or hearing.message_id is not None or stream.done():
        return
    named = asyncio.ensure_future(hearing.identified.wait())
    try:
        await asyncio.wait(
            {named, stream}, timeout=hearing.service.patience.grace, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        named.cancel()


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
