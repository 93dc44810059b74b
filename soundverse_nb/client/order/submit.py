"""Sending an order's POST and reading its stream: once, and again only if it certainly did not arrive.

What may be done after a failure is decided in `api.retry`, which knows no network; this file does it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.retry import Next, backoff, decide
from soundverse_nb.api.secrets import logger
from soundverse_nb.api.transport import SkippedChunk, StreamCut
from soundverse_nb.cancellation import shielded
from soundverse_nb.client.journal.order import GIVEN_UP, OrderState
from soundverse_nb.client.order.poll import broken_off, follow, nameless, unreadable, watch_silence
from soundverse_nb.client.order.tracker import OrderTracker
from soundverse_nb.displays import Phase
from soundverse_nb.errors import (
    APIError,
    GenerationFailedError,
    RateLimitError,
    SoundverseError,
    TransportError,
    UnknownOutcomeError,
)

log = logger("soundverse_nb.client")


@dataclass(frozen=True)
class Retry:
    """This attempt cost nothing and another may follow."""

    error: SoundverseError


Body = Callable[[], Awaitable[dict[str, Any]]]
"""Gives the POST's body. Called once, when it is this order's turn, so that a URL it holds is fresh."""


async def place_order(tracker: OrderTracker, body: Body, rank: int = 0) -> RemixEvent:
    """Order one remix and stay with it to its end; gives the terminal event.

    The order must be in the journal as planned. A refusal that the document calls passing is tried again
    with growing, jittered pauses, within the bounds of `Timeouts`. When this raises, the journal
    says how the order stands: refused, unknown, failed or accepted.
    """
    try:
        return await _send_until_accepted(tracker, body, rank)
    except asyncio.CancelledError:
        await shielded(_note_interruption(tracker))
        raise
    except SoundverseError as error:
        if tracker.order.state is OrderState.PLANNED:
            with contextlib.suppress(SoundverseError):
                await tracker.move_to(OrderState.REFUSED, error=error.message)
        raise


async def _send_until_accepted(tracker: OrderTracker, body: Body, rank: int) -> RemixEvent:
    session = tracker.session
    waited = 0.0
    attempts = 0
    wire: dict[str, Any] | None = None
    while True:
        tracker.slot.report(Phase.WAITING)
        async with session.limiter.place(rank):
            if wire is None:
                wire = await body()
            outcome = await _attempt(tracker, wire)
        if not isinstance(outcome, Retry):
            return outcome
        error = outcome.error
        attempts += 1
        pause = backoff(attempts, getattr(error, "retry_after", None), session.rng)
        reached = not isinstance(error, TransportError)
        if not session.timeouts.allow_retry(attempts, waited, pause, reached=reached):
            raise error
        waited += pause
        tracker.slot.report(Phase.RETRYING, retry_in=pause, message=error.message)
        await session.clock.sleep(pause)


async def _attempt(tracker: OrderTracker, wire: dict[str, Any]) -> RemixEvent | Retry:
    """One POST, announced in the journal first, and everything that follows from it."""
    tracker.reset()
    await tracker.entry.announce_post()
    tracker.slot.report(Phase.SENDING)
    try:
        event = await read_order(tracker, wire)
        if event is not None:
            return event
        error: Exception | None = None
    except UnknownOutcomeError as given_up:
        if tracker.message_id is None:
            await tracker.move_to(OrderState.UNKNOWN, error=given_up.message)
        raise
    except SoundverseError as answered:
        error = answered
    except Exception as surprise:
        # Whatever it was, the money comes first: it is treated like a lost connection.
        log.warning("Order %s met a %s", tracker.order.order_id, type(surprise).__name__, exc_info=True)
        name = type(surprise).__name__
        error = StreamCut(f"an unexpected {name}", why=f"an unexpected {name}")
    return await _decide(tracker, error)


async def _decide(tracker: OrderTracker, error: Exception | None) -> RemixEvent | Retry:
    if isinstance(error, (APIError, StreamCut)) and error.message_id and tracker.message_id is None:
        # An error that names an order: then there is one, and it can be asked about.
        tracker.last_error = error.message
        await tracker.set_message_id(error.message_id)
    step = decide(
        sent=tracker.sent or tracker.taken, error=error, message_id=tracker.message_id, taken=tracker.taken
    )
    if step is Next.FOLLOW:
        return await follow(tracker)
    if step is Next.RETRY:
        reason = error if isinstance(error, SoundverseError) else _unreached()
        if isinstance(error, RateLimitError):
            tracker.session.limiter.refused(error.retry_after)
        await tracker.move_to(OrderState.PLANNED, error=reason.message)
        return Retry(reason)
    if isinstance(error, GenerationFailedError):
        await tracker.move_to(OrderState.FAILED, error=error.message)
        raise error
    if step is Next.REFUSED and isinstance(error, SoundverseError):
        await tracker.move_to(OrderState.REFUSED, error=error.message)
        raise error
    unknown = _unknown(tracker, error)
    await tracker.move_to(OrderState.UNKNOWN, error=unknown.message)
    raise unknown


async def _note_interruption(tracker: OrderTracker) -> None:
    """Interrupted: note how the order stands. One that has a name stays as it is and can be picked up."""
    state = tracker.order.state
    if state is OrderState.SENDING and tracker.sent:
        await tracker.move_to(
            OrderState.UNKNOWN, error="It was interrupted after it was sent and before the service named it."
        )
        return
    if state is OrderState.SENDING:
        await tracker.move_to(OrderState.PLANNED)
    if tracker.order.state is OrderState.PLANNED:
        await tracker.move_to(OrderState.REFUSED, error=GIVEN_UP)


def _unknown(tracker: OrderTracker, error: Exception | None) -> UnknownOutcomeError:
    if isinstance(error, APIError):
        if tracker.taken:
            return broken_off(tracker, error.message, error.status_code)
        return unreadable(tracker, error.message, error.status_code)
    if error is None and tracker.skipped and not tracker.events:
        return unreadable(tracker, f"The stream held nothing but what could not be read ({tracker.skipped}).")
    if error is None:
        return nameless(tracker, "the stream ended")
    if isinstance(error, StreamCut) and error.why:
        return nameless(tracker, f"the connection was lost ({error.why})")
    return nameless(tracker, "the connection was lost")


def _unreached() -> TransportError:
    return TransportError("The connection to the service was lost before anything was sent.")


async def read_order(tracker: OrderTracker, wire: dict[str, Any]) -> RemixEvent | None:
    """Send the POST and read its stream until the order is over; None where it ends before that.

    The stream and, when it falls silent, the status endpoint are read side by side: whichever ends first
    wins. Raises what the transport raises. Interrupted after the POST was sent, it still waits a moment for
    the order's name, because an order without one cannot be picked up again.
    """
    stream = asyncio.ensure_future(_read_stream(tracker, wire))
    silence = asyncio.ensure_future(watch_silence(tracker))
    try:
        await asyncio.wait({stream, silence}, return_when=asyncio.FIRST_COMPLETED)
        # The stream's own end counts where both ended in the same moment.
        return stream.result() if stream.done() else silence.result()
    except asyncio.CancelledError:
        # Also when Stop is pressed twice.
        await shielded(_wait_for_name(tracker, stream))
        raise
    finally:
        await _cancel_all(stream, silence)


async def _read_stream(tracker: OrderTracker, wire: dict[str, Any]) -> RemixEvent | None:
    async with tracker.session.transport.open_remix(wire, tracker.mark_sent) as stream:
        tracker.idle_seconds = stream.idle_seconds
        try:
            async for item in stream:
                tracker.mark_received()
                if isinstance(item, SkippedChunk):
                    tracker.skipped = f'{item.reason}: "{item.excerpt}"'
                    tracker.slot.report(
                        Phase.STREAMING, message=f"A chunk could not be read and was skipped ({item.reason})."
                    )
                    if item.message_id:
                        await tracker.set_message_id(item.message_id)
                    continue
                await tracker.record(item)
                if item.is_terminal:
                    return item
        finally:
            tracker.taken = tracker.taken or stream.taken
    return None


async def _wait_for_name(tracker: OrderTracker, stream: asyncio.Future[Any]) -> None:
    if not tracker.sent or tracker.message_id is not None or stream.done():
        return
    named = asyncio.ensure_future(tracker.identified.wait())
    try:
        await asyncio.wait(
            {named, stream},
            timeout=tracker.session.timeouts.cancel_grace,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        named.cancel()


async def _cancel_all(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
