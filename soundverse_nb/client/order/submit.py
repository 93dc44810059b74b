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
from soundverse_nb.client.order.tracker import Hearing
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
class Again:
    """This attempt cost nothing and another may follow."""

    error: SoundverseError


Body = Callable[[], Awaitable[dict[str, Any]]]
"""Gives the POST's body. Called once, when it is this order's turn, so that a URL it holds is fresh."""


async def place_order(hearing: Hearing, body: Body, rank: int = 0) -> RemixEvent:
    """Order one remix and stay with it to its end; gives the terminal event.

    The order must be in the journal as planned. A refusal that the document calls passing is tried again
    with growing, jittered pauses, at most `patience.resend_attempts` times and `patience.resend_seconds`
    of pauses. When this raises, the journal says how the order stands: refused, unknown, failed or accepted.
    """
    try:
        return await _until_taken(hearing, body, rank)
    except asyncio.CancelledError:
        await undisturbed(_leave(hearing))
        raise
    except SoundverseError as error:
        if hearing.order.state is OrderState.PLANNED:
            with contextlib.suppress(SoundverseError):
                await hearing.note(OrderState.REFUSED, error=error.message)
        raise


async def _until_taken(hearing: Hearing, body: Body, rank: int) -> RemixEvent:
    service, patience = hearing.service, hearing.service.patience
    waited = 0.0
    attempts = 0
    wire: dict[str, Any] | None = None
    while True:
        hearing.seat.tell(Phase.WAITING)
        async with service.limiter.place(rank):
            if wire is None:
                wire = await body()
            outcome = await _attempt(hearing, wire)
        if not isinstance(outcome, Again):
            return outcome
        error = outcome.error
        attempts += 1
        most = CONNECT_ATTEMPTS if isinstance(error, TransportError) else patience.resend_attempts
        pause = backoff(attempts, getattr(error, "retry_after", None), service.rng)
        if not retry.Patience(most, patience.resend_seconds).allows(attempts, waited, pause):
            raise error
        waited += pause
        hearing.seat.tell(Phase.RETRYING, retry_in=pause, message=error.message)
        await service.clock.sleep(pause)


async def _attempt(hearing: Hearing, wire: dict[str, Any]) -> RemixEvent | Again:
    """One POST, announced in the journal first, and everything that follows from it."""
    hearing.begin()
    await hearing.announce_post()
    hearing.seat.tell(Phase.SENDING)
    try:
        event = await listen(hearing, wire)
        if event is not None:
            return event
        error: Exception | None = None
    except UnknownOutcomeError as given_up:
        if hearing.message_id is None:
            await hearing.note(OrderState.UNKNOWN, error=given_up.message)
        raise
    except SoundverseError as answered:
        error = answered
    except Exception as surprise:
        # Whatever it was, the money comes first: it is judged like a lost connection.
        log.warning("Order %s met a %s", hearing.order.order_id, type(surprise).__name__, exc_info=True)
        name = type(surprise).__name__
        error = StreamCut(f"an unexpected {name}", why=f"an unexpected {name}")
    return await _judge(hearing, error)


async def _judge(hearing: Hearing, error: Exception | None) -> RemixEvent | Again:
    if isinstance(error, APIError) and error.message_id is not None and hearing.message_id is None:
        # An error that names an order: then there is one, and it can be asked about.
        hearing.complaint = error.message
        await hearing.name(error.message_id)
    step = decide(
        sent=hearing.sent or hearing.taken, error=error, message_id=hearing.message_id, taken=hearing.taken
    )
    if step is Next.FOLLOW:
        return await follow(hearing)
    if step is Next.RETRY:
        shown = error if isinstance(error, SoundverseError) else _unreached()
        if isinstance(error, RateLimitError):
            hearing.service.limiter.refused(error.retry_after)
        await hearing.note(OrderState.PLANNED, error=shown.message)
        return Again(shown)
    if isinstance(error, GenerationFailedError):
        await hearing.note(OrderState.FAILED, error=error.message)
        raise error
    if step is Next.REFUSED and isinstance(error, SoundverseError):
        await hearing.note(OrderState.REFUSED, error=error.message)
        raise error
    unknown = _unknown(hearing, error)
    await hearing.note(OrderState.UNKNOWN, error=unknown.message)
    raise unknown


async def _leave(hearing: Hearing) -> None:
    """Interrupted: note how the order stands. One that has a name stays as it is and can be picked up."""
    state = hearing.order.state
    if state is OrderState.SENDING and hearing.sent:
        await hearing.note(
            OrderState.UNKNOWN, error="It was interrupted after it was sent and before the service named it."
        )
        return
    if state is OrderState.SENDING:
        await hearing.note(OrderState.PLANNED)
    if hearing.order.state is OrderState.PLANNED:
        await hearing.note(OrderState.REFUSED, error="It was given up before it was sent.")


def _unknown(hearing: Hearing, error: Exception | None) -> UnknownOutcomeError:
    if isinstance(error, APIError):
        if hearing.taken:
            return broken_off(hearing, error.message, error.status_code)
        return unreadable(hearing, error.message, error.status_code)
    if error is None and hearing.skipped and not hearing.events:
        return unreadable(hearing, f"The stream held nothing but what could not be read ({hearing.skipped}).")
    if error is None:
        return nameless(hearing, "the stream ended")
    if isinstance(error, StreamCut) and error.why:
        return nameless(hearing, f"the connection was lost ({error.why})")
    return nameless(hearing, "the connection was lost")


def _unreached() -> TransportError:
    return TransportError("The connection to the service was lost before anything was sent.")


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
