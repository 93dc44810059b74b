"""The one place that sends: an order goes out at most once, and again only if it certainly did not arrive.

What may be done after a failure is decided in `api.retry`, which knows no network; this file does it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soundverse_nb.api import retry
from soundverse_nb.api.retry import Next, backoff, decide
from soundverse_nb.api.secrets import logger
from soundverse_nb.api.transport import SkippedChunk, StreamCut
from soundverse_nb.client.background import undisturbed
from soundverse_nb.client.journal.order import OrderState
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

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent

log = logger("soundverse_nb.client")

CONNECT_ATTEMPTS = 4
"""Tries to reach a service that does not answer the door; a refusal may be tried more often."""


@dataclass(frozen=True)
class Retry:
    """This attempt cost nothing and another may follow."""

    error: SoundverseError


Body = Callable[[], Awaitable[dict[str, Any]]]
"""Gives the POST's body. Called once, when it is this order's turn, so that a URL it holds is fresh."""


async def place_order(tracker: OrderTracker, body: Body, rank: int = 0) -> RemixEvent:
    """Order one remix and stay with it to its end; gives the terminal event.

    The order must be in the journal as planned. A refusal that the document calls passing is tried again
    with growing, jittered pauses, at most `patience.resend_attempts` times and `patience.resend_seconds`
    of pauses. When this raises, the journal says how the order stands: refused, unknown, failed or accepted.
    """
    try:
        return await _until_taken(tracker, body, rank)
    except asyncio.CancelledError:
        await undisturbed(_leave(tracker))
        raise
    except SoundverseError as error:
        if tracker.order.state is OrderState.PLANNED:
            with contextlib.suppress(SoundverseError):
                await tracker.note(OrderState.REFUSED, error=error.message)
        raise


async def _until_taken(tracker: OrderTracker, body: Body, rank: int) -> RemixEvent:
    service, timeouts = tracker.service, tracker.service.timeouts
    waited = 0.0
    attempts = 0
    wire: dict[str, Any] | None = None
    while True:
        tracker.slot.tell(Phase.WAITING)
        async with service.limiter.place(rank):
            if wire is None:
                wire = await body()
            outcome = await _attempt(tracker, wire)
        if not isinstance(outcome, Retry):
            return outcome
        error = outcome.error
        attempts += 1
        most = CONNECT_ATTEMPTS if isinstance(error, TransportError) else timeouts.resend_attempts
        pause = backoff(attempts, getattr(error, "retry_after", None), service.rng)
        if not retry.RetryLimits(most, timeouts.resend_seconds).allows(attempts, waited, pause):
            raise error
        waited += pause
        tracker.slot.tell(Phase.RETRYING, retry_in=pause, message=error.message)
        await service.clock.sleep(pause)


async def _attempt(tracker: OrderTracker, wire: dict[str, Any]) -> RemixEvent | Retry:
    """One POST, announced in the journal first, and everything that follows from it."""
    tracker.begin()
    await tracker.announce_post()
    tracker.slot.tell(Phase.SENDING)
    try:
        event = await listen(tracker, wire)
        if event is not None:
            return event
        error: Exception | None = None
    except UnknownOutcomeError as given_up:
        if tracker.message_id is None:
            await tracker.note(OrderState.UNKNOWN, error=given_up.message)
        raise
    except SoundverseError as answered:
        error = answered
    except Exception as surprise:
        # Whatever it was, the money comes first: it is judged like a lost connection.
        log.warning("Order %s met a %s", tracker.order.order_id, type(surprise).__name__, exc_info=True)
        name = type(surprise).__name__
        error = StreamCut(f"an unexpected {name}", why=f"an unexpected {name}")
    return await _judge(tracker, error)


async def _judge(tracker: OrderTracker, error: Exception | None) -> RemixEvent | Retry:
    if isinstance(error, APIError) and error.message_id is not None and tracker.message_id is None:
        # An error that names an order: then there is one, and it can be asked about.
        tracker.complaint = error.message
        await tracker.name(error.message_id)
    step = decide(
        sent=tracker.sent or tracker.taken, error=error, message_id=tracker.message_id, taken=tracker.taken
    )
    if step is Next.FOLLOW:
        return await follow(tracker)
    if step is Next.RETRY:
        shown = error if isinstance(error, SoundverseError) else _unreached()
        if isinstance(error, RateLimitError):
            tracker.service.limiter.refused(error.retry_after)
        await tracker.note(OrderState.PLANNED, error=shown.message)
        return Retry(shown)
    if isinstance(error, GenerationFailedError):
        await tracker.note(OrderState.FAILED, error=error.message)
        raise error
    if step is Next.REFUSED and isinstance(error, SoundverseError):
        await tracker.note(OrderState.REFUSED, error=error.message)
        raise error
    unknown = _unknown(tracker, error)
    await tracker.note(OrderState.UNKNOWN, error=unknown.message)
    raise unknown


async def _leave(tracker: OrderTracker) -> None:
    """Interrupted: note how the order stands. One that has a name stays as it is and can be picked up."""
    state = tracker.order.state
    if state is OrderState.SENDING and tracker.sent:
        await tracker.note(
            OrderState.UNKNOWN, error="It was interrupted after it was sent and before the service named it."
        )
        return
    if state is OrderState.SENDING:
        await tracker.note(OrderState.PLANNED)
    if tracker.order.state is OrderState.PLANNED:
        await tracker.note(OrderState.REFUSED, error="It was given up before it was sent.")


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


async def listen(tracker: OrderTracker, wire: dict[str, Any]) -> RemixEvent | None:
    """Send the POST and listen until the order is over; None where the stream ends before that.

    The stream and, when it falls silent, the status endpoint are heard side by side: whichever ends first
    wins. Raises what the transport raises. Interrupted after the POST was sent, it still waits a moment for
    the order's name, because an order without one cannot be picked up again.
    """
    stream = asyncio.ensure_future(_read(tracker, wire))
    silence = asyncio.ensure_future(watch_silence(tracker))
    try:
        await asyncio.wait({stream, silence}, return_when=asyncio.FIRST_COMPLETED)
        # The stream's own end counts where both ended in the same moment.
        return stream.result() if stream.done() else silence.result()
    except asyncio.CancelledError:
        # Also when Stop is pressed twice.
        await undisturbed(_wait_for_name(tracker, stream))
        raise
    finally:
        await _end(stream, silence)


async def _read(tracker: OrderTracker, wire: dict[str, Any]) -> RemixEvent | None:
    async with tracker.service.transport.open_remix(wire, tracker.mark_sent) as stream:
        tracker.idle = stream.idle_seconds
        try:
            async for item in stream:
                if isinstance(item, SkippedChunk):
                    tracker.touch()
                    tracker.skipped = f'{item.reason}: "{item.excerpt}"'
                    tracker.slot.tell(
                        Phase.STREAMING, message=f"A chunk could not be read and was skipped ({item.reason})."
                    )
                    if item.message_id:
                        await tracker.name(item.message_id)
                    continue
                await tracker.hear(item)
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
            {named, stream}, timeout=tracker.service.timeouts.grace, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        named.cancel()


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
