"""What a dead kernel left: paid orders are followed and fetched, doubtful ones shown, none sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.api.request import RemixRequest
from soundverse_nb.client.batch import stage
from soundverse_nb.client.follow import follow
from soundverse_nb.client.hearing import Hearing
from soundverse_nb.client.making import bring_home, told
from soundverse_nb.client.order import Order, OrderState
from soundverse_nb.client.orders import OrderTable
from soundverse_nb.client.settle import settle
from soundverse_nb.client.wanted import Wanted
from soundverse_nb.client.watching import Audience, Seat
from soundverse_nb.displays import Phase
from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix import Clip, Remix
from soundverse_nb.render.escape import plain, text

if TYPE_CHECKING:
    from soundverse_nb.client.engine import Engine

_MAY_BE_TAKEN_UP = [state for state in OrderState if state.is_unfinished]


class Recovered(list[Remix]):
    """The remixes that were finished now. `.unknown` are orders that may have been paid for, in a table;
    `.failed` pairs each order that could not be finished with its error."""

    def __init__(
        self,
        remixes: Iterable[Remix],
        unknown: OrderTable,
        failed: list[tuple[Order, SoundverseError]],
    ) -> None:
        super().__init__(remixes)
        self.unknown = unknown
        self.failed = failed

    @property
    def summary(self) -> str:
        """What was found, one line for each kind."""
        lines = [f"{len(self)} recovered"]
        lines += [
            f"not recovered: {plain(order.title, 60)}: {plain(error, 400)}" for order, error in self.failed
        ]
        if self.unknown:
            lines.append(
                f"{len(self.unknown)} of unknown outcome: sent, never answered, not sent again; "
                "look at the account"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        shown = [self.summary, *(repr(remix) for remix in self)]
        return "\n".join([*shown, repr(self.unknown)] if self.unknown else shown)

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{text(line, 600)}</li>" for line in self.summary.splitlines())
        songs = "".join(f"<li>{text(remix.title)} &middot; {text(remix.audio.name)}</li>" for remix in self)
        table = self.unknown._repr_html_() if self.unknown else ""
        return f"<div><ul>{lines}</ul><ul>{songs}</ul>{table}</div>"


async def recover(engine: Engine, audience: Audience) -> Recovered:
    """Take up every order of this service that nobody looks after."""
    await engine.open()
    service = engine.service
    left = [
        claimed
        for order in await service.journal.orders(_MAY_BE_TAKEN_UP)
        if order.service == service.base_url and (claimed := await service.journal.claim(order)) is not None
    ]
    remixes, failed = await _take_up_all(engine, left, audience) if left else ([], [])
    unknown = [
        order
        for order in await service.journal.orders([OrderState.UNKNOWN])
        if order.service == service.base_url
    ]
    return Recovered(remixes, OrderTable(unknown, service.journal.path), failed)


async def _take_up_all(
    engine: Engine, orders: list[Order], audience: Audience
) -> tuple[list[Remix], list[tuple[Order, SoundverseError]]]:
    hearings = [Hearing(engine.service, order, audience.seat(at)) for at, order in enumerate(orders)]
    async with stage(engine, [order.title for order in orders], audience) as tasks:
        tasks += [asyncio.ensure_future(_take_up(engine, hearing)) for hearing in hearings]
        await asyncio.wait(tasks)
        ended = [(hearing.order, task.result()) for hearing, task in zip(hearings, tasks, strict=True)
                 if not task.cancelled()]  # fmt: skip
    remixes = [outcome for _, outcome in ended if isinstance(outcome, Remix)]
    failed = [(order, outcome) for order, outcome in ended if isinstance(outcome, SoundverseError)]
    return remixes, failed


async def _take_up(engine: Engine, hearing: Hearing) -> Remix | SoundverseError | None:
    seat = hearing.seat
    try:
        async with engine.watching(hearing):
            try:
                return await _finish(engine, hearing)
            except Exception as surprise:  # a bug too must say what was paid
                raise told(surprise, hearing.order) from None
    except SoundverseError as error:
        seat.tell(Phase.FAILED, message=str(error))
        return error
    except asyncio.CancelledError:
        seat.tell(Phase.CANCELLED, message=seat.audience.words_for(seat.index))
        raise


async def _finish(engine: Engine, hearing: Hearing) -> Remix | None:
    """One order from wherever its kernel died. Nothing here can send a POST."""
    state = hearing.order.state
    if state is OrderState.PLANNED:
        await hearing.note(OrderState.REFUSED, error="Its kernel ended before it was sent.")
        _told(hearing.seat, "It was never sent, so nothing was paid.")
        return None
    if state is OrderState.SENDING:
        await hearing.note(OrderState.UNKNOWN, error="Its kernel ended while it was being sent.")
        _told(hearing.seat, "It may have been paid for; it is not sent again. See client.orders().")
        return None
    if state is OrderState.ACCEPTED:
        if hearing.message_id is None:
            await hearing.note(OrderState.FAILED, error="It was finished without a name or an address.")
            return None
        await settle(hearing, await follow(hearing))
    return await bring_home(engine, hearing, _reference(hearing.order), asked(hearing.order))


def _reference(order: Order) -> Clip | None:
    path = order.reference_path
    return Clip(path) if path and Path(path).is_file() else None


def _told(seat: Seat, message: str) -> None:
    seat.tell(Phase.FAILED, message=message)


def asked(order: Order) -> Wanted:
    """What the journal knows of the request."""
    fields = order.request
    given = fields.get("song_reference_url")
    reference = str(given or order.reference_path or order.reference_name or "unknown")
    # A request of an older or foreign journal may lack both; the remix is there all the same.
    prompt = order.prompt or (None if order.lyrics else "(unknown)")
    return Wanted(reference, RemixRequest(reference, prompt, order.lyrics, order.parameters), order.label)
