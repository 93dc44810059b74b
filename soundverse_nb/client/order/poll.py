"""Following an order that has a name: a cut stream by asking, a silent one by asking beside it.

The POST is never repeated here: nothing in this file can send one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundverse_nb.api.body import excerpt
from soundverse_nb.client.journal.order import PICK_UP, OrderState
from soundverse_nb.client.order.tracker import Hearing
from soundverse_nb.displays import Phase
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    DownloadError,
    GenerationFailedError,
    RateLimitError,
    ServiceUnavailableError,
    SoundverseError,
    Spent,
    UnknownOutcomeError,
    UnreadableAnswerError,
)
from soundverse_nb.urls import quoted

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent

GROWTH = 1.5
"""Each status question that learns nothing new makes the next pause so much longer."""

FAILURES_BELIEVED = 5
"""So many answers in a row must say that an order failed, where none says that it is complete: one "error"
may be the status endpoint's own, of a remix that is being made all the same."""

ASKS_FOR_URL = 6
"""Status questions for an audio_url that a finished order came without."""


def next_pause(pause: float, news: bool, first: float, longest: float) -> float:
    """Seconds to the next status question: short while things change, longer while they do not."""
    return first if news else min(pause * GROWTH, longest)


async def follow(hearing: Hearing) -> RemixEvent:
    """Ask the status endpoint until the order is over; gives its terminal event.

    Ends, with the order kept as accepted, in UnknownOutcomeError once the endpoint has not given one good
    answer for `patience.status_failing` seconds or the order took `patience.in_all`, and in
    AuthenticationError where the key is no longer taken.
    """
    service, patience = hearing.service, hearing.service.patience
    pause = patience.first_poll
    last_good = service.clock.monotonic()
    doubts = 0
    while True:
        hearing.seat.tell(
            Phase.FOLLOWING, song_name=hearing.order.song_name, message="Asking the service how far it is."
        )
        try:
            event = await ask(hearing)
        except AuthenticationError as error:
            raise _still_running(hearing, error) from None
        except SoundverseError as error:
            if service.clock.monotonic() - last_good >= patience.status_failing:
                raise _given_up(
                    hearing, f"the status endpoint gave no good answer for {patience.status_failing:.0f} s "
                    f"(last: {error.message.rstrip('.')})"
                ) from None  # fmt: skip
            pause = max(
                next_pause(pause, False, patience.first_poll, patience.longest_poll), asked_to_wait(error)
            )
        else:
            last_good = service.clock.monotonic()
            doubts = doubts + 1 if is_doubtful(event) else 0
            news = False
            if not 0 < doubts < FAILURES_BELIEVED:
                news = await hearing.hear(event)
                if event.is_terminal:
                    return event
            pause = next_pause(pause, news, patience.first_poll, patience.longest_poll)
        _check_total(hearing)
        await service.clock.sleep(pause)


async def watch_silence(hearing: Hearing) -> RemixEvent:
    """Beside an open stream: whenever it falls silent, ask the status endpoint; gives a terminal event.

    A service that never names the order is given up after `patience.without_id` silent seconds, any
    order after `patience.in_all`, both with UnknownOutcomeError.
    """
    service, patience = hearing.service, hearing.service.patience
    pause = patience.first_poll
    doubts = 0
    while True:
        _check_total(hearing)
        quiet = hearing.quiet
        if hearing.message_id is None:
            nameless_for = service.clock.monotonic() - hearing.last_heard
            if nameless_for >= patience.without_id:
                raise nameless(hearing, f"the service said nothing for {patience.without_id:.0f} s")
            await service.clock.sleep(min(patience.silence, patience.without_id - nameless_for))
            continue
        if quiet < patience.silence:
            pause = patience.first_poll
            await service.clock.sleep(patience.silence - quiet)
            continue
        hearing.seat.tell(
            Phase.FOLLOWING,
            song_name=hearing.order.song_name,
            message=f"No word for {quiet:.0f} s, which is normal near the end; asking the service beside it.",
        )
        try:
            event = await ask(hearing)
        except SoundverseError as error:
            # The stream is still open, so a status endpoint that fails decides nothing.
            pause = max(
                next_pause(pause, False, patience.first_poll, patience.longest_poll), asked_to_wait(error)
            )
        else:
            heard = hearing.last_heard
            doubts = doubts + 1 if is_doubtful(event) else 0
            news = False
            if not 0 < doubts < FAILURES_BELIEVED:
                news = await hearing.hear(event)
                if event.is_terminal:
                    return event
            # The stream's silence goes on, whatever the status endpoint says.
            hearing.last_heard = heard
            pause = next_pause(pause, news, patience.first_poll, patience.longest_poll)
        await service.clock.sleep(pause)


def is_doubtful(event: RemixEvent) -> bool:
    """Whether a status answer says that the order failed, without saying that it is over."""
    return event.is_failure and event.is_complete is not True


async def ask(hearing: Hearing) -> RemixEvent:
    """One status question about this order."""
    assert hearing.message_id is not None
    return await hearing.service.transport.status(hearing.message_id)


async def ask_for_url(hearing: Hearing) -> RemixEvent | None:
    """A finished order came without its audio_url: ask a few times; None where none is to be had."""
    patience = hearing.service.patience
    if hearing.message_id is None:
        return None
    pause = patience.first_poll
    for _ in range(ASKS_FOR_URL):
        hearing.seat.tell(Phase.FOLLOWING, message="It is finished; asking where its audio is.")
        try:
            event = await ask(hearing)
        except SoundverseError as error:
            pause = max(pause, asked_to_wait(error))
        else:
            if event.audio_url:
                return event
        await hearing.service.clock.sleep(pause)
        pause = next_pause(pause, False, patience.first_poll, patience.longest_poll)
    return None


def asked_to_wait(error: SoundverseError) -> float:
    """The wait an answer asked for, in seconds, at most a minute: a bound of ours stays one."""
    if isinstance(error, (RateLimitError, ServiceUnavailableError)) and error.retry_after:
        return min(max(float(error.retry_after), 0.0), 60.0)
    return 0.0


def nameless(hearing: Hearing, why: str) -> UnknownOutcomeError:
    """The order was sent and the service never said its name."""
    return UnknownOutcomeError(
        f"Order {hearing.order.order_id} was sent, and {why} before it named the order.",
        order_id=hearing.order.order_id,
        message_id=None,
    )


def unreadable(hearing: Hearing, said: str, status_code: int | None = None) -> UnreadableAnswerError:
    """The order was sent, and nothing in the answer says whether it was taken."""
    return UnreadableAnswerError(
        f"Order {hearing.order.order_id} was sent, and the answer does not say whether it was taken. {said}",
        order_id=hearing.order.order_id,
        status_code=status_code,
        message_id=None,
    )


def broken_off(hearing: Hearing, said: str, status_code: int | None = None) -> UnreadableAnswerError:
    """The service began with the order and then complained, without ever having said its name."""
    return UnreadableAnswerError(
        f"Order {hearing.order.order_id} was sent and taken, and then the service said, without having named "
        f"it: {said}",
        order_id=hearing.order.order_id,
        status_code=status_code,
        message_id=None,
    )


def _check_total(hearing: Hearing) -> None:
    limit = hearing.service.patience.in_all
    if hearing.seconds >= limit:
        if hearing.message_id is None:
            raise nameless(hearing, f"{limit:.0f} s went by")
        raise _given_up(hearing, f"it was not finished after {limit:.0f} s")


def _given_up(hearing: Hearing, why: str) -> UnknownOutcomeError:
    complaint = f" The service had said: {hearing.complaint.rstrip('.')}." if hearing.complaint else ""
    return UnknownOutcomeError(
        f"Order {hearing.order.order_id} (message_id {excerpt(hearing.message_id or '', 80)}) "
        f"is no longer watched: {why}."
        f"{complaint}",
        hint=PICK_UP,
        order_id=hearing.order.order_id,
        message_id=hearing.message_id,
    )


def _still_running(hearing: Hearing, error: APIError) -> AuthenticationError:
    return AuthenticationError(
        f"While order {hearing.order.order_id} was followed: {error.message}",
        spent=Spent.MAYBE,
        hint=f"Set a key that works. {PICK_UP}",
        status_code=error.status_code,
        message_id=hearing.message_id,
        order_id=hearing.order.order_id,
    )


async def settle(hearing: Hearing, event: RemixEvent) -> str:
    """Note how the order ended; gives the audio's URL.

    Raises GenerationFailedError where the service says it failed; DownloadError where it is finished and the
    status endpoint, asked several times, has no audio_url either (the order stays accepted and can be picked
    up later).
    """
    if event.is_failure:
        raise await _failed(hearing, event)
    if not event.audio_url:
        found = await ask_for_url(hearing)
        if found is None:
            raise await _without_address(hearing)
        event = found
        if event.is_failure:
            raise await _failed(hearing, event)
    if hearing.order.state is OrderState.SENDING:
        # Finished in the same breath, without ever being named.
        await hearing.note(OrderState.ACCEPTED)
    art, name = latest(hearing, "album_art"), latest(hearing, "song_name")
    assert event.audio_url is not None
    # Quoted: half a letter, which JSON can hold and no file can, must not keep it from the journal.
    url = quoted(event.audio_url)
    await hearing.note(OrderState.COMPLETED, audio_url=url, album_art=art and quoted(art), song_name=name)
    return url


def latest(hearing: Hearing, field: str) -> str | None:
    """The last word on a field that only some chunks carry."""
    for timed in reversed(hearing.events):
        value = getattr(timed.event, field)
        if value:
            return str(value)
    kept = getattr(hearing.order, field)
    return str(kept) if kept else None


async def _failed(hearing: Hearing, event: RemixEvent) -> GenerationFailedError:
    said = excerpt(event.reason or "no reason was given", 300)
    error = GenerationFailedError(
        f"The service could not make this remix: {said.rstrip('.')}.",
        message_id=hearing.message_id,
        order_id=hearing.order.order_id,
    )
    await hearing.note(OrderState.FAILED, error=error.message)
    return error


async def _without_address(hearing: Hearing) -> DownloadError | UnknownOutcomeError:
    order_id, message_id = hearing.order.order_id, hearing.message_id
    if message_id is None:
        error = UnknownOutcomeError(
            f"Order {order_id} was reported finished, with neither a name nor an address of its audio.",
            order_id=order_id,
        )
        await hearing.note(OrderState.UNKNOWN, error=error.message)
        return error
    return DownloadError(
        f"The remix of order {order_id} is finished, but the service does not say where its audio is.",
        hint=PICK_UP,
        order_id=order_id,
        message_id=message_id,
    )
