"""The pipeline of one remix, or of many: check, publish, plan, order, follow, fetch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.secrets import logger
from soundverse_nb.cancellation import shielded
from soundverse_nb.client.earlier import note_earlier, with_asked
from soundverse_nb.client.inputs import ParsedInput, RemixInput
from soundverse_nb.client.journal.errors import OrderedAlreadyError
from soundverse_nb.client.journal.order import GIVEN_UP, PICK_UP, Order, OrderState, new_order_id, spent_for
from soundverse_nb.client.order.download import fetch, fetch_art, wait_for_art
from soundverse_nb.client.order.poll import record_outcome
from soundverse_nb.client.order.submit import place_order
from soundverse_nb.client.order.tracker import OrderTracker
from soundverse_nb.client.progress import ProgressReporter, ProgressSlot, StoppedError
from soundverse_nb.client.references import Checked
from soundverse_nb.client.session import Session
from soundverse_nb.displays import Phase
from soundverse_nb.errors import GenerationFailedError, SoundverseError, Spent, bare, raise_alone
from soundverse_nb.remix import Clip, Remix, RemixList
from soundverse_nb.remix.remix_list import Again
from soundverse_nb.remix.take_names import asked_of, take_titles
from soundverse_nb.render.escape import plain

log = logger("soundverse_nb.client")


async def make_remix(session: Session, remix_input: RemixInput, slot: ProgressSlot) -> Remix:
    """Check, publish, order, follow and fetch one remix. Its end is reported whatever happens."""
    try:
        checked = await session.references.check(remix_input.reference, slot)
        if remix_input.label is None:  # a study knows by itself what it has
            await note_earlier(session, remix_input, checked, slot)
        tracker = await plan(session, remix_input, checked, slot)
        async with tracker.watching():
            try:
                await order_to_end(session, tracker, remix_input, checked)
                return await fetch_remix(session, tracker, reference_of(checked), remix_input)
            except Exception as surprise:  # a bug too must say what was paid
                raise with_unwritten(as_soundverse_error(surprise, tracker.order), tracker) from None
    except SoundverseError as error:
        is_made_elsewhere = isinstance(error, OrderedAlreadyError)
        slot.report(Phase.CANCELLED if is_made_elsewhere else Phase.FAILED, message=str(error))
        raise
    except asyncio.CancelledError:
        report_cancelled(slot)
        raise


def report_cancelled(slot: ProgressSlot) -> None:
    """It is no longer watched: the display says what was sent, and may be charged, or that nothing was."""
    order = slot.reporter.order(slot.index)
    sent = order is not None and spent_for(order) is not Spent.NO
    slot.report(
        Phase.CANCELLED,
        message=slot.reporter.kept_message(slot.index)
        or ("" if sent else "Nothing was sent, nothing is paid."),
        may_be_charged=sent,
    )


def as_soundverse_error(error: Exception, order: Order | None) -> SoundverseError:
    """The error, if it is one of ours; for a bug, one that knows what was paid by how far the order came.

    `order` is None where nothing was ordered yet.
    """
    if isinstance(error, SoundverseError):
        return error
    state = OrderState.PLANNED if order is None else order.state
    log.error("A remix that was %s met a %s", state.value, type(error).__name__, exc_info=error)
    pick_up = order is not None and state in (OrderState.ACCEPTED, OrderState.COMPLETED)
    return SoundverseError(
        f"This remix failed unexpectedly ({type(error).__name__}: {excerpt(str(error))}).",
        spent=Spent.NO if order is None else spent_for(order),
        hint=f"{PICK_UP} Please report this." if pick_up else "Please report this.",
        order_id=order and order.order_id,
    )


def with_unwritten(error: SoundverseError, tracker: OrderTracker) -> SoundverseError:
    """The error; it says so where the journal lacks what a new kernel would need."""
    if not tracker.entry.is_written:
        noted = f" Note its message_id down: {plain(tracker.message_id, 1000)}" if tracker.message_id else ""
        kept = "The journal could not be written yet: keep this kernel until it can be."
        error.hint = f"{error.hint} {kept}{tracker.entry.where_saved}{noted}".strip()
    return error


async def plan(
    session: Session,
    remix_input: RemixInput,
    checked: Checked,
    slot: ProgressSlot,
    on_event: Callable[[RemixEvent], object] | None = None,
) -> OrderTracker:
    """Write the order down before anything else happens."""
    order = Order(
        order_id=new_order_id(),
        service=session.base_url,
        simulated=session.simulated,
        request=remix_input.journal_fields(checked.path),
        reference_name=checked.name,
        reference_path=str(checked.path) if checked.path else None,
        reference_sha256=checked.sha256,
        label=remix_input.label,
    )
    writing = asyncio.ensure_future(session.journal.plan(order, remix_input.once))
    try:
        planned = await asyncio.shield(writing)
    except asyncio.CancelledError:
        await shielded(_give_up(session, writing, slot))
        raise
    return OrderTracker(session, planned, slot, on_event)


async def _give_up(session: Session, writing: asyncio.Future[Order], slot: ProgressSlot) -> None:
    """Note that an order whose first line is being written is not sent, and release it."""
    await asyncio.wait({writing})
    if writing.exception() is None:
        given_up = OrderTracker(session, writing.result(), slot)
        with contextlib.suppress(SoundverseError):
            await given_up.move_to(OrderState.REFUSED, error=GIVEN_UP)
        await given_up.entry.release()


async def order_to_end(
    session: Session, tracker: OrderTracker, remix_input: RemixInput, checked: Checked
) -> None:
    """From planned to completed in the journal; the reference is withdrawn once nobody needs it."""
    published = False

    async def body() -> dict[str, Any]:
        nonlocal published
        url = await session.references.publish(checked, tracker.slot)
        published = True
        return remix_input.instructions.request(url.full).to_wire()

    try:
        event = await place_order(tracker, body, session.next_rank())
        await record_outcome(tracker, event)
    finally:
        if published:
            open_ended = tracker.order.state in (OrderState.ACCEPTED, OrderState.UNKNOWN)
            await session.references.release(checked, settled=not open_ended)


async def fetch_remix(
    session: Session, tracker: OrderTracker, reference: Clip | None, remix_input: RemixInput
) -> Remix:
    """Fetch a completed order and make it a Remix."""
    if remix_input.label is None:
        path, picture = await _fetch_with_picture(session, tracker)
    else:  # a study shows no covers, and has hundreds
        path, picture = await fetch(tracker, session.folder, session.max_bytes, session.executor), None
    order = tracker.order
    remix = Remix(
        audio=Clip(path),
        reference=reference,
        request=remix_input.request(None if reference is None else reference.path),
        events=tracker.events,
        song_name=order.song_name,
        album_art=order.album_art,
        album_art_path=picture,
        audio_url=order.audio_url,
        message_id=order.message_id,
        order_id=order.order_id,
        simulated=order.simulated,
        started_at=tracker.started_at,
        finished_at=tracker.session.clock.time(),
    )
    tracker.slot.report(Phase.FINISHED, progress=100.0, song_name=order.song_name)
    return remix


async def _fetch_with_picture(session: Session, tracker: OrderTracker) -> tuple[Path, Path | None]:
    art = asyncio.ensure_future(fetch_art(session, tracker.order, session.folder))
    try:
        path = await fetch(tracker, session.folder, session.max_bytes, session.executor)
        return path, await wait_for_art(art)
    finally:
        art.cancel()


def reference_of(checked: Checked) -> Clip | None:
    return Clip(checked.path) if checked.path is not None else None


async def stream_remix(
    session: Session,
    remix_input: RemixInput,
    reporter: ProgressReporter,
    on_event: Callable[[RemixEvent], object],
) -> None:
    """Order one remix and hand its events on; it ends as completed in the journal, its audio not fetched."""
    tracker: OrderTracker | None = None
    try:
        await session.open()
        slot = reporter.slot(0)
        checked = await session.references.check(remix_input.reference, slot)
        tracker = await plan(session, remix_input, checked, slot, on_event)
        async with tracker.watching():
            # The failing event was handed on, and says it all.
            with contextlib.suppress(GenerationFailedError):
                await order_to_end(session, tracker, remix_input, checked)
    except Exception as surprise:  # a bug too must say what was paid
        raise_alone(as_soundverse_error(surprise, tracker.order if tracker else None))


async def make_one(session: Session, remix_input: RemixInput, reporter: ProgressReporter) -> Remix:
    """One remix with its display. Raises what went wrong, or that it was stopped from the display."""
    (result,) = await make_all(session, [remix_input], reporter)
    if isinstance(result, SoundverseError):
        raise result
    return result


async def make_all(
    session: Session, inputs: Sequence[ParsedInput], reporter: ProgressReporter, again: Again | None = None
) -> RemixList:
    """All of them with one display. One that is stopped from there counts as an error; the rest goes on.

    `again` is how the list orders anew what failed.
    """
    titles = take_titles([each.asked if isinstance(each, RemixInput) else asked_of(each) for each in inputs])
    async with open_batch(session, titles, reporter) as tasks:
        reporter.results = lambda: RemixList(
            [_result(reporter, at, inputs[at], task) for at, task in enumerate(tasks)], again=again
        )
        for at, parsed in enumerate(inputs):
            tasks.append(asyncio.ensure_future(_outcome(session, parsed, reporter, at)))
        if tasks:
            await asyncio.wait(tasks)
        return reporter.results()


@asynccontextmanager
async def open_batch(
    session: Session, titles: Sequence[str], reporter: ProgressReporter
) -> AsyncIterator[list[asyncio.Future[Any]]]:
    """A display, and the tasks its buttons stop: up before anything else happens, down when all is over."""
    tasks: list[asyncio.Future[Any]] = []
    whole = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def cancel(index: int | None) -> None:
        loop.call_soon_threadsafe(cancel_here, index)

    def cancel_here(index: int | None) -> None:
        reporter.is_stopped = reporter.is_stopped or index is None
        for task in tasks if index is None else tasks[index : index + 1]:
            task.cancel()
        if not tasks and whole is not None:
            whole.cancel()

    reporter.open(list(titles), cancel)
    try:
        await session.open()
        reporter.simulated = session.simulated
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await shielded(asyncio.wait(tasks))
        finally:
            reporter.close()


async def _outcome(
    session: Session, parsed: ParsedInput, reporter: ProgressReporter, index: int
) -> Remix | SoundverseError:
    if isinstance(parsed, SoundverseError):
        reporter.report(index, Phase.FAILED, {"message": str(parsed)})
        return parsed
    try:
        return await make_remix(session, parsed, reporter.slot(index))
    except SoundverseError as error:
        return bare(error)
    except Exception as surprise:
        # A bug in one of a hundred must not lose the other ninety-nine. Once planned, `make_remix` reports.
        failed = as_soundverse_error(surprise, None)
        reporter.report(index, Phase.FAILED, {"message": str(failed)})
        return failed


def _result(
    reporter: ProgressReporter,
    index: int,
    parsed: ParsedInput,
    task: asyncio.Future[Remix | SoundverseError],
) -> Remix | SoundverseError:
    """How one ended; for one that did not, how it can be picked up. An error knows what was asked."""
    order = reporter.order(index)
    if task.done() and not task.cancelled():
        result = task.result()
    else:
        result = StoppedError(
            "This remix was stopped.",
            spent=Spent.NO if order is None else spent_for(order),
            hint=reporter.kept_message(index) or "",
            order_id=order and order.order_id,
        )
    if not isinstance(result, SoundverseError) or not isinstance(parsed, RemixInput):
        return result
    return with_asked(result, parsed, lambda: reporter.order(index))
