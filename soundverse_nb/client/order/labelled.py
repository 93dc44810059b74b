"""Orders of a study: each is made when the study lets it, and found again by its label in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from soundverse_nb.cancellation import shielded
from soundverse_nb.client.inputs import RemixInput
from soundverse_nb.client.journal.order import Order, spent_for
from soundverse_nb.client.order.pipeline import as_soundverse_error, make_remix, open_batch
from soundverse_nb.client.order.recover import take_up
from soundverse_nb.client.progress import ProgressReporter, ProgressSlot, StoppedError
from soundverse_nb.client.references import Checked
from soundverse_nb.client.session import Session
from soundverse_nb.displays import Phase
from soundverse_nb.errors import SoundverseError, Spent, bare
from soundverse_nb.remix import Remix
from soundverse_nb.remix.take_names import take_titles

if TYPE_CHECKING:
    from soundverse_nb.reference import Reference


class OrderCallbacks(Protocol):
    """Says of each remix of a study whether it may be ordered, and hears how it ended."""

    async def begin(self, index: int) -> str:
        """Called before anything of it is sent; "" lets it go on, a sentence says why it does not."""

    async def ended(self, index: int, result: Remix | SoundverseError, order: Order | None) -> None:
        """How it ended, and how its order stands; also where it was stopped. Called once for each `begin`."""


async def check_songs(
    session: Session, references: Sequence[Reference], reporter: ProgressReporter
) -> list[Checked | SoundverseError]:
    """Look at every song before anything is ordered; of each the content's hash, or what is wrong with it.

    A song behind a URL is fetched for its content, whatever the client's preflight is.
    """
    async with open_batch(session, [reference.name for reference in references], reporter) as tasks:
        for at, reference in enumerate(references):
            slot = reporter.slot(at)
            tasks.append(asyncio.ensure_future(session.references.check(reference, slot, with_content=True)))
        found: list[Checked | SoundverseError] = []
        for at, task in enumerate(tasks):
            found.append(await _checked(task, reporter.slot(at)))
        return found


async def _checked(task: asyncio.Future[Checked], slot: ProgressSlot) -> Checked | SoundverseError:
    try:
        checked = await asyncio.shield(task)
    except SoundverseError as error:
        slot.report(Phase.FAILED, message=str(error))
        return bare(error)
    slot.report(Phase.FINISHED, progress=100.0)
    return checked


async def make_labelled(
    session: Session,
    inputs: Sequence[RemixInput],
    reporter: ProgressReporter,
    callbacks: OrderCallbacks,
    concurrency: int,
) -> None:
    """Make these remixes in their order, so many at a time, each as the callbacks let it."""
    if not inputs:
        return  # a display of nothing would only puzzle
    places = asyncio.Semaphore(concurrency)
    titles = take_titles([each.asked for each in inputs])
    async with open_batch(session, titles, reporter) as tasks:
        for at, remix_input in enumerate(inputs):
            tasks.append(asyncio.ensure_future(_make(session, remix_input, reporter, callbacks, at, places)))
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()  # a bug, or a store that cannot be written


async def _make(
    session: Session,
    remix_input: RemixInput,
    reporter: ProgressReporter,
    callbacks: OrderCallbacks,
    at: int,
    places: asyncio.Semaphore,
) -> None:
    slot = reporter.slot(at)
    async with places:
        try:
            refusal = await callbacks.begin(at)
        except asyncio.CancelledError:
            await shielded(callbacks.ended(at, _stopped(None), None))
            raise
        if refusal:
            slot.report(Phase.CANCELLED, message=refusal)
            return
        result: Remix | SoundverseError
        try:
            result = await make_remix(session, remix_input, slot)
        except SoundverseError as error:
            result = bare(error)
        except asyncio.CancelledError:
            order = reporter.order(at)
            await shielded(callbacks.ended(at, _stopped(order), order))
            raise
        except Exception as surprise:  # a bug in one must not lose the others
            result = as_soundverse_error(surprise, reporter.order(at))
            slot.report(Phase.FAILED, message=str(result))
        # Its end is written down whatever is interrupted meanwhile.
        await shielded(callbacks.ended(at, result, reporter.order(at)))


def _stopped(order: Order | None) -> StoppedError:
    spent = Spent.NO if order is None else spent_for(order)
    return StoppedError("This remix was stopped.", spent=spent, order_id=order and order.order_id)


async def orders_labelled(session: Session, prefix: str) -> dict[str, list[Order]]:
    """By label the orders of this service's journal whose label begins so, oldest first."""
    await session.open()
    found: dict[str, list[Order]] = {}
    for order in await session.journal.labelled(prefix):
        found.setdefault(order.label or "", []).append(order)
    return found


async def recover_labelled(
    session: Session, prefix: str, reporter: ProgressReporter
) -> list[tuple[Order, SoundverseError]]:
    """Finish what a dead kernel left of these orders; which could not be, and why. Nothing is sent."""
    await session.open()
    _, failed = await take_up(
        session, reporter, lambda order: bool(order.label and order.label.startswith(prefix))
    )
    return failed
