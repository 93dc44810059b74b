"""Polling the status endpoint: instead of a stream that was cut, and beside one that is silent.

The POST is never repeated here: nothing in this file can send one.
"""

from __future__ import annotations

import contextlib

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.client.config import Timeouts
from soundverse_nb.client.journal.order import PICK_UP, OrderState
from soundverse_nb.client.order.tracker import OrderTracker
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

GROWTH = 1.5
"""Each status question that learns nothing new makes the next pause so much longer."""

FAILURES_BELIEVED = 5
"""So many answers in a row must say that an order failed, where none says that it is complete: one "error"
may be the status endpoint's own, of a remix that is being made all the same."""

ASKS_FOR_URL = 6
"""Status questions for an audio_url that a finished order came without."""


def next_pause(pause: float, update: bool, timeouts: Timeouts) -> float:
    """Seconds to the next status question: short while things change, longer while they do not."""
    return timeouts.poll_interval if update else min(pause * GROWTH, timeouts.max_poll_interval)


class StatusPoller:
    """Asks the status endpoint about one order; `pause` is how long to wait before the next question.

    It grows while nothing new is learned, and is never shorter than the endpoint asked for.
    """

    def __init__(self, tracker: OrderTracker) -> None:
        self._tracker = tracker
        self._timeouts = tracker.session.timeouts
        self._doubts = 0  # answers in a row that say "failed" and not "complete"
        self.reset()

    def reset(self) -> None:
        """The stream speaks again: the next silence begins with the shortest pause."""
        self.pause = self._timeouts.poll_interval

    async def ask(self) -> RemixEvent | None:
        """One question: the terminal event, or None while the order goes on. Raises what `ask` raises."""
        try:
            event = await ask(self._tracker)
        except SoundverseError as error:
            self.pause = max(next_pause(self.pause, False, self._timeouts), asked_to_wait(error))
            raise
        self._doubts = self._doubts + 1 if is_doubtful(event) else 0
        update = False
        if not 0 < self._doubts < FAILURES_BELIEVED:
            update = await self._tracker.record(event)
            if event.is_terminal:
                return event
        self.pause = next_pause(self.pause, update, self._timeouts)
        return None


async def follow(tracker: OrderTracker) -> RemixEvent:
    """Ask the status endpoint until the order is over; gives its terminal event.

    Ends, with the order kept as accepted, in UnknownOutcomeError once the endpoint has not given one good
    answer for `timeouts.status_failing` seconds or the order took `timeouts.total`, and in
    AuthenticationError where the key is no longer taken.
    """
    clock, failing = tracker.session.clock, tracker.session.timeouts.status_failing
    poller = StatusPoller(tracker)
    last_good = clock.monotonic()
    while True:
        tracker.report_following("Asking the service how far it is.")
        try:
            event = await poller.ask()
        except AuthenticationError as error:
            raise _still_running(tracker, error) from None
        except SoundverseError as error:
            if clock.monotonic() - last_good >= failing:
                last = error.message.rstrip(".")
                raise _given_up(
                    tracker, f"the status endpoint gave no good answer for {failing:.0f} s (last: {last})"
                ) from None
        else:
            if event is not None:
                return event
            last_good = clock.monotonic()
        _check_total(tracker)
        await clock.sleep(poller.pause)


async def watch_silence(tracker: OrderTracker) -> RemixEvent:
    """Beside an open stream: while it is silent, ask the status endpoint; gives a terminal event.

    A service that never names the order is given up after `timeouts.no_message_id` silent seconds, any
    order after `timeouts.total`, both with UnknownOutcomeError.
    """
    clock, timeouts = tracker.session.clock, tracker.session.timeouts
    poller = StatusPoller(tracker)
    while True:
        _check_total(tracker)
        if tracker.message_id is None:
            await clock.sleep(min(timeouts.silence, _seconds_left_to_be_named(tracker)))
            continue
        silent = tracker.silent_seconds
        if silent < timeouts.silence:
            poller.reset()
            await clock.sleep(timeouts.silence - silent)
            continue
        tracker.report_following(
            f"No word for {silent:.0f} s, which is normal near the end; asking the service beside it."
        )
        # The stream is still open, so a status endpoint that fails decides nothing.
        with contextlib.suppress(SoundverseError):
            event = await poller.ask()
            if event is not None:
                return event
        await clock.sleep(poller.pause)


def _seconds_left_to_be_named(tracker: OrderTracker) -> float:
    """How long the service may still say nothing before it has named the order; raises where it is over."""
    limit = tracker.session.timeouts.no_message_id
    left = limit - (tracker.session.clock.monotonic() - tracker.last_received_at)
    if left <= 0:
        raise nameless(tracker, f"the service said nothing for {limit:.0f} s")
    return left


def is_doubtful(event: RemixEvent) -> bool:
    """Whether a status answer says that the order failed, without saying that it is over."""
    return event.is_failure and event.is_complete is not True


async def ask(tracker: OrderTracker) -> RemixEvent:
    """One status question about this order."""
    assert tracker.message_id is not None
    return await tracker.session.transport.status(tracker.message_id)


async def ask_for_url(tracker: OrderTracker) -> RemixEvent | None:
    """A finished order came without its audio_url: ask a few times; None where none is to be had."""
    timeouts = tracker.session.timeouts
    if tracker.message_id is None:
        return None
    pause = timeouts.poll_interval
    for _ in range(ASKS_FOR_URL):
        tracker.report_following("It is finished; asking where its audio is.")
        try:
            event = await ask(tracker)
        except SoundverseError as error:
            pause = max(pause, asked_to_wait(error))
        else:
            if event.audio_url:
                return event
        await tracker.session.clock.sleep(pause)
        pause = next_pause(pause, False, timeouts)
    return None


def asked_to_wait(error: SoundverseError) -> float:
    """The wait an answer asked for, in seconds, at most a minute: a bound of ours stays one."""
    if isinstance(error, (RateLimitError, ServiceUnavailableError)) and error.retry_after:
        return min(max(float(error.retry_after), 0.0), 60.0)
    return 0.0


def nameless(tracker: OrderTracker, why: str) -> UnknownOutcomeError:
    """The order was sent and the service never said its name."""
    return UnknownOutcomeError(
        f"Order {tracker.order.order_id} was sent, and {why} before it named the order.",
        order_id=tracker.order.order_id,
        message_id=None,
    )


def unreadable(tracker: OrderTracker, said: str, status_code: int | None = None) -> UnreadableAnswerError:
    """The order was sent, and nothing in the answer says whether it was taken."""
    return UnreadableAnswerError(
        f"Order {tracker.order.order_id} was sent, and the answer does not say whether it was taken. {said}",
        order_id=tracker.order.order_id,
        status_code=status_code,
        message_id=None,
    )


def broken_off(tracker: OrderTracker, said: str, status_code: int | None = None) -> UnreadableAnswerError:
    """The service began with the order and then complained, without ever having said its name."""
    return UnreadableAnswerError(
        f"Order {tracker.order.order_id} was sent and taken, and then the service said, without having named "
        f"it: {said}",
        order_id=tracker.order.order_id,
        status_code=status_code,
        message_id=None,
    )


def _check_total(tracker: OrderTracker) -> None:
    limit = tracker.session.timeouts.total
    if tracker.seconds >= limit:
        if tracker.message_id is None:
            raise nameless(tracker, f"{limit:.0f} s went by")
        raise _given_up(tracker, f"it was not finished after {limit:.0f} s")


def _given_up(tracker: OrderTracker, why: str) -> UnknownOutcomeError:
    complaint = f" The service had said: {tracker.last_error.rstrip('.')}." if tracker.last_error else ""
    return UnknownOutcomeError(
        f"Order {tracker.order.order_id} (message_id {excerpt(tracker.message_id or '', 80)}) "
        f"is no longer watched: {why}."
        f"{complaint}",
        hint=PICK_UP,
        order_id=tracker.order.order_id,
        message_id=tracker.message_id,
    )


def _still_running(tracker: OrderTracker, error: APIError) -> AuthenticationError:
    return AuthenticationError(
        f"While order {tracker.order.order_id} was followed: {error.message}",
        spent=Spent.MAYBE,
        hint=f"Set a key that works. {PICK_UP}",
        status_code=error.status_code,
        message_id=tracker.message_id,
        order_id=tracker.order.order_id,
    )


async def record_outcome(tracker: OrderTracker, event: RemixEvent) -> str:
    """Note how the order ended; gives the audio's URL.

    Raises GenerationFailedError where the service says it failed; DownloadError where it is finished and the
    status endpoint, asked several times, has no audio_url either (the order stays accepted and can be picked
    up later).
    """
    if event.is_failure:
        raise await _failed(tracker, event)
    if not event.audio_url:
        found = await ask_for_url(tracker)
        if found is None:
            raise await _no_audio_url(tracker)
        event = found
        if event.is_failure:
            raise await _failed(tracker, event)
    if tracker.order.state is OrderState.SENDING:
        # Finished in the same breath, without ever being named.
        await tracker.move_to(OrderState.ACCEPTED)
    art, name = latest(tracker, "album_art"), latest(tracker, "song_name")
    assert event.audio_url is not None
    # Quoted: half a letter, which JSON can hold and no file can, must not keep it from the journal.
    url = quoted(event.audio_url)
    await tracker.move_to(OrderState.COMPLETED, audio_url=url, album_art=art and quoted(art), song_name=name)
    return url


def latest(tracker: OrderTracker, field: str) -> str | None:
    """The last word on a field that only some chunks carry."""
    for timed in reversed(tracker.events):
        value = getattr(timed.event, field)
        if value:
            return str(value)
    kept = getattr(tracker.order, field)
    return str(kept) if kept else None


async def _failed(tracker: OrderTracker, event: RemixEvent) -> GenerationFailedError:
    said = excerpt(event.reason or "no reason was given", 300)
    error = GenerationFailedError(
        f"The service could not make this remix: {said.rstrip('.')}.",
        message_id=tracker.message_id,
        order_id=tracker.order.order_id,
    )
    await tracker.move_to(OrderState.FAILED, error=error.message)
    return error


async def _no_audio_url(tracker: OrderTracker) -> DownloadError | UnknownOutcomeError:
    order_id, message_id = tracker.order.order_id, tracker.message_id
    if message_id is None:
        error = UnknownOutcomeError(
            f"Order {order_id} was reported finished, with neither a name nor an address of its audio.",
            order_id=order_id,
        )
        await tracker.move_to(OrderState.UNKNOWN, error=error.message)
        return error
    return DownloadError(
        f"The remix of order {order_id} is finished, but the service does not say where its audio is.",
        hint=PICK_UP,
        order_id=order_id,
        message_id=message_id,
    )
