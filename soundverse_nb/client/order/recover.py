"""Recovery of a dead kernel's orders: paid ones are followed and fetched, none is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, SupportsIndex

from markupsafe import Markup

from soundverse_nb.client.background import until_stopped
from soundverse_nb.client.config import is_same_service
from soundverse_nb.client.inputs import RemixInput, recorded_input
from soundverse_nb.client.journal.lease import is_held, is_undecided
from soundverse_nb.client.journal.order import NOT_SENT, Order, OrderState, is_missing, spent_for
from soundverse_nb.client.order.pipeline import (
    as_soundverse_error,
    fetch_remix,
    open_batch,
    report_cancelled,
    with_unwritten,
)
from soundverse_nb.client.order.poll import ask, follow, record_outcome
from soundverse_nb.client.order.tracker import OrderTracker
from soundverse_nb.client.order_table import OrderTable
from soundverse_nb.client.progress import ProgressReporter, ProgressSlot, order_name
from soundverse_nb.client.session import Session
from soundverse_nb.client.simulated import is_left_behind
from soundverse_nb.displays import Phase
from soundverse_nb.errors import (
    APIError,
    ConfigurationError,
    DownloadError,
    GenerationFailedError,
    SoundverseError,
    Spent,
    bare,
    bare_errors,
)
from soundverse_nb.remix import Clip, Remix, RemixList
from soundverse_nb.remix.take_names import take_titles
from soundverse_nb.render.escape import plain
from soundverse_nb.render.summary import recovered_html
from soundverse_nb.urls import quoted

STILL_ASKED = 7 * 86400.0
"""Seconds after which a failed order is no longer asked about: by then the service has made up its mind."""

LEASE_POLL_SECONDS = 1.0
"""Seconds between two looks at the orders of another machine."""


class Recovered(RemixList):
    """The remixes that were finished now. `.unknown` are orders that may have been paid for, in a table;
    `.failed` pairs each order that could not be finished with its error; `.unreadable` are orders whose line
    in the journal cannot be read, in a table.

    >>> import soundverse_nb as sv
    >>> with sv.connect(journal="study.sqlite3", progress=False) as client:
    ...     remix = client.remix_sync(sv.example_song(), prompt="lo-fi hip hop")
    ...     remix.audio.path.unlink()
    ...     len(client.recover_sync())
    soundverse_nb: no API key, ...
    1
    """

    def __init__(
        self,
        remixes: Iterable[Remix],
        unknown: OrderTable,
        failed: list[tuple[Order, SoundverseError]],
        unreadable: OrderTable,
        again: Callable[[], Awaitable[RemixList]] | None = None,
    ) -> None:
        super().__init__(remixes)
        self.unknown = unknown
        self._failed = failed
        self.unreadable = unreadable
        self._recover = again

    @property
    def failed(self) -> list[Any]:
        """Pairs of an order that could not be finished, and its error."""
        return self._failed

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return Recovered, (list(self), self.unknown, self._failed, self.unreadable)

    @bare_errors
    async def retry_failed(self) -> RemixList:
        """Recover again: the same as `client.recover()`. Nothing is ordered."""
        if self._recover is None:
            raise ConfigurationError(
                "These do not know their client any more, as some that were pickled.",
                hint="await client.recover() does the same.",
            )
        return await self._recover()

    @property
    def summary(self) -> str:
        """What was found, one line for each kind."""
        lines = [f"{len(self)} recovered"]
        lines += [f"not recovered: {order_name(order)}: {plain(error, 400)}" for order, error in self.failed]
        if self.unknown:
            lines.append(
                f"{len(self.unknown)} of unknown outcome: sent, never answered, not sent again; "
                "look at the account"
            )
        lines += [
            f"unreadable in the journal and left alone: order {plain(order.order_id, 60)} "
            f"({plain(order.unreadable or '', 200)})"
            for order in self.unreadable
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        shown = [super().__repr__() if self else self.summary]
        return "\n".join([*shown, repr(self.unknown)] if self.unknown else shown)

    def static_html(self, max_bytes: int | None = None) -> str:
        unknown = self.unknown.as_html() if self.unknown else Markup("")
        return str(recovered_html(Markup(super().static_html(max_bytes)), unknown))


async def recover(
    session: Session, reporter: ProgressReporter, again: Callable[[], Awaitable[RemixList]] | None = None
) -> Recovered:
    """Take up every order of this service that nobody looks after.

    First of all what this process has not written to the journal yet is written. Orders of another machine
    are watched for about a minute to see whether it is still there; the others do not wait for that.
    """
    await session.open()
    remixes, failed = await take_up(session, reporter)
    after = await _left_open(session)
    return Recovered(
        remixes,
        OrderTable(
            [each for each in after if each.state is OrderState.UNKNOWN and not each.unreadable],
            session.journal.path,
        ),
        failed,
        OrderTable([each for each in after if each.unreadable], session.journal.path),
        again,
    )


async def take_up(
    session: Session, reporter: ProgressReporter, wanted: Callable[[Order], bool] = lambda order: True
) -> tuple[list[Remix], list[tuple[Order, SoundverseError]]]:
    """Finish the orders of this service that nobody looks after and that are wanted.

    Gives the remixes finished now, and the orders that could not be finished, each with its error.
    """
    # A cell that was interrupted a moment ago may still be giving its orders back.
    await until_stopped()
    failed = [
        (entry.order, _unwritten(entry.order, error, entry.where_saved))
        for entry, error in await session.write_pending()
        if not entry.watched and _is_of(session, entry.order) and wanted(entry.order)
    ]
    unwritten = {order.order_id for order, _ in failed}
    left = [
        order
        for order in [*await _left_open(session), *await _lost(session)]
        if wanted(order) and order.order_id not in unwritten and _may_be_taken_up(session, order)
    ]
    remixes: list[Remix] = []
    if left:
        remixes, not_finished = await _resume_all(session, left, reporter)
        failed += not_finished
    return remixes, failed


async def _left_open(session: Session) -> list[Order]:
    """The orders of this service that are not over, whatever spelling of its address they were noted with."""
    return [order for order in await session.journal.left_open() if _is_of(session, order)]


async def _lost(session: Session) -> list[Order]:
    """The orders of this service that were on disk and are no longer."""
    fetched = await session.journal.orders([OrderState.FETCHED])
    lost = await asyncio.to_thread(lambda: [order for order in fetched if is_missing(order)])
    return [order for order in lost if _is_of(session, order)]


def _is_of(session: Session, order: Order) -> bool:
    """Whether this client's service took an order, or can finish it for another that has ended."""
    return is_same_service(order.service, session.base_url) or _is_inherited(session, order)


def _is_inherited(session: Session, order: Order) -> bool:
    same = is_same_service(order.service, session.base_url)
    return session.is_embedded and not same and is_left_behind(order.service, order.simulated)


def _may_be_taken_up(session: Session, order: Order) -> bool:
    if order.unreadable:
        return False
    now = session.clock.time()
    if order.state is OrderState.FAILED:
        # A service may say "error" of a remix that it then makes after all. Once for each client is enough.
        recent = now - order.updated_at < STILL_ASKED
        over = order.message_id is None or not recent or order.order_id in session.asked_again
        if over or _is_inherited(session, order):
            return False
        session.asked_again.add(order.order_id)
    elif not (order.state.is_unfinished or order.state is OrderState.FETCHED):
        return False
    return not is_held(order.lease, now) or is_undecided(order.lease)


async def _resume_all(
    session: Session, orders: list[Order], reporter: ProgressReporter
) -> tuple[list[Remix], list[tuple[Order, SoundverseError]]]:
    async with open_batch(session, take_titles([order.asked for order in orders]), reporter) as tasks:
        tasks += [
            asyncio.ensure_future(_resume(session, order, reporter.slot(at)))
            for at, order in enumerate(orders)
        ]
        reporter.results = lambda: RemixList(end for end in _ends(tasks) if isinstance(end, Remix))
        await asyncio.wait(tasks)
        ends = _ends(tasks)
    return [end for end in ends if isinstance(end, Remix)], [end for end in ends if isinstance(end, tuple)]


def _ends(
    tasks: list[asyncio.Future[Remix | tuple[Order, SoundverseError] | None]],
) -> list[Remix | tuple[Order, SoundverseError] | None]:
    return [task.result() for task in tasks if task.done() and not task.cancelled()]


async def _resume(
    session: Session, order: Order, slot: ProgressSlot
) -> Remix | tuple[Order, SoundverseError] | None:
    """Claim one order and finish it. Nothing lies between the claim and the watching that releases it."""
    try:
        claimed = await _claim(session, order, slot)
        if claimed is None:
            slot.report(Phase.CANCELLED, message="Another kernel looks after it.")
            return None
        tracker = OrderTracker(session, claimed, slot)
        try:
            async with tracker.watching():
                return await _finish(session, tracker)
        except Exception as surprise:  # a bug too must say what was paid
            error = with_unwritten(as_soundverse_error(surprise, tracker.order), tracker)
            slot.report(Phase.FAILED, message=str(error))
            return tracker.order, bare(error)
    except SoundverseError as failed:  # the journal could not be read or written
        error = _unwritten(order, failed)
        slot.report(Phase.FAILED, message=str(error))
        return order, bare(error)
    except asyncio.CancelledError:
        report_cancelled(slot)
        raise


def _unwritten(order: Order, error: SoundverseError, where_saved: str = "") -> SoundverseError:
    """What the journal refused, said of an order that may be paid for all the same."""
    name = f" (message_id {plain(order.message_id, 1000)})" if order.message_id else ""
    return ConfigurationError(
        f"Order {order.order_id}{name} is {order.state.value}, and could not be taken up. {error.message}",
        spent=spent_for(order),
        hint=f"{error.hint} Then recover again.{where_saved}",
        order_id=order.order_id,
        message_id=order.message_id,
    )


async def _claim(session: Session, order: Order, slot: ProgressSlot) -> Order | None:
    """The order, ours; None where somebody looks after it. An order of another machine is watched first."""
    journal = session.journal
    if is_undecided(order.lease):
        slot.report(Phase.WAITING, message="Looking for up to a minute whether another machine still has it.")
    seen = order
    while is_undecided(seen.lease):
        # Real time, as the other machine's is: a clock that skips would not see it beat.
        await asyncio.sleep(LEASE_POLL_SECONDS)
        seen = await journal.get(order.order_id)
    return await journal.claim(order)


async def _finish(session: Session, tracker: OrderTracker) -> Remix | None:
    """One order from wherever its kernel died. Nothing here can send a POST."""
    state = tracker.order.state
    if state is OrderState.PLANNED:
        await tracker.move_to(OrderState.REFUSED, error=NOT_SENT)
        _report_end(tracker.slot, "It was never sent, so nothing was paid.")
        return None
    if state is OrderState.SENDING:
        await tracker.move_to(OrderState.UNKNOWN, error="Its kernel ended while it was being sent.")
        _report_end(tracker.slot, "It may have been paid for; it is not sent again. See client.orders().")
        return None
    if state is OrderState.FAILED:
        if not await _was_made_after_all(tracker):
            _report_end(tracker.slot, "The service still says that it has failed.")
            return None
        await tracker.move_to(OrderState.ACCEPTED)
        state = OrderState.ACCEPTED
    if tracker.message_id is not None and _is_inherited(session, tracker.order):
        await _take_over(tracker)
        state = tracker.order.state
    if state is OrderState.ACCEPTED:
        if tracker.message_id is None:
            await tracker.move_to(OrderState.FAILED, error="It was finished without a name or an address.")
            return None
        await record_outcome(tracker, await follow(tracker))
    if state is OrderState.FETCHED and not is_missing(tracker.order):
        return None  # another kernel was quicker
    return await fetch_remix(session, tracker, _reference(tracker.order), input_of(tracker.order))


async def _take_over(tracker: OrderTracker) -> None:
    """Learn from the embedded service of this process where the order of another one is to be had now.

    Raises where that one left nothing of it: GenerationFailedError for an order that was being made, which
    ends so; DownloadError for a finished one, whose file is lost.
    """
    try:
        event = await ask(tracker)
    except APIError as error:
        if error.status_code != 404:
            raise
        raise await _gone(tracker) from None
    if tracker.order.state is OrderState.ACCEPTED:
        return  # it is followed like any other
    if not event.audio_url:
        event = await follow(tracker)  # its file was cleared away, and is made again
    if not event.audio_url:
        raise await _gone(tracker)
    art = quoted(event.album_art) if event.album_art else None
    await tracker.move_to(OrderState.COMPLETED, audio_url=quoted(event.audio_url), album_art=art)


async def _gone(tracker: OrderTracker) -> SoundverseError:
    order = tracker.order
    what = f"The embedded service that took order {order.order_id} has ended and has left nothing of it."
    ids = {"order_id": order.order_id, "message_id": order.message_id}
    hint = "Order it again."
    if order.state is not OrderState.ACCEPTED:
        return DownloadError(what, hint=hint, spent=Spent.NO, **ids)
    await tracker.move_to(OrderState.FAILED, error=what)
    return GenerationFailedError(what, hint=hint, spent=Spent.NO, **ids)


async def _was_made_after_all(tracker: OrderTracker) -> bool:
    """Whether the service no longer says that this order has failed; asked once, as it said so before."""
    try:
        event = await ask(tracker)
    except SoundverseError:
        return False
    return not event.is_failure


def _reference(order: Order) -> Clip | None:
    path = order.reference_path
    return Clip(path) if path and Path(path).is_file() else None


def _report_end(slot: ProgressSlot, message: str) -> None:
    slot.report(Phase.FAILED, message=message)


def input_of(order: Order) -> RemixInput:
    """What the journal knows of the request."""
    fields = order.request
    given = fields.get("song_reference_url")
    reference = str(given or order.reference_path or order.reference_name or "unknown")
    # A request of an older or foreign journal may lack both; the remix is there all the same.
    prompt = order.prompt or (None if order.lyrics else "(unknown)")
    return recorded_input(reference, prompt, order.lyrics, order.parameters, order.label)
