"""Remixes made earlier: found by prompt, song and time; and failed ones that may be ordered anew."""

from __future__ import annotations

import asyncio
import copy
import math
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from soundverse_nb.api.secrets import logger
from soundverse_nb.client.config import is_same_service
from soundverse_nb.client.inputs import RemixInput, reference_of
from soundverse_nb.client.journal.order import Order, OrderState, is_missing, spent_for
from soundverse_nb.errors import ConfigurationError, SoundverseError, Spent
from soundverse_nb.remix import Remix, RemixList
from soundverse_nb.render.escape import plain
from soundverse_nb.urls import shown_url

if TYPE_CHECKING:
    from soundverse_nb.client.progress import ProgressSlot
    from soundverse_nb.client.references import Checked
    from soundverse_nb.client.session import Session

Since = datetime | date | timedelta | str | float

log = logger("soundverse_nb.client")


@dataclass(frozen=True)
class Song:
    """A song that remixes are looked for by: by its content, or where that is not here by its place."""

    sha256: str | None = None
    url: str | None = None
    path: str | None = None
    name: str | None = None

    def is_of(self, order: Order) -> bool:
        """Whether an order is a remix of it."""
        if self.sha256 is not None and order.reference_sha256 is not None:
            return self.sha256 == order.reference_sha256
        places = (order.request.get("song_reference_url"), order.reference_path)
        if self.url is not None:
            return self.url in places
        if self.path is not None and self.path in [os.path.abspath(str(place)) for place in places if place]:
            return True
        return self.name is not None and self.name == order.reference_name


def song_of(given: Any) -> Song:
    """The song that was given in any form that `remix` takes, or as a Remix. Blocks while it is read."""
    if isinstance(given, Remix):
        given = given.reference or given.request.song_reference_url
    reference = reference_of(given)
    if reference.url is not None:
        return Song(url=reference.url.shown)
    try:
        content: str | None = reference.content_hash()
    except (SoundverseError, OSError):  # gone or moved: it may be known by its path, or its bare name
        content = None
    place = reference.place
    if content is None and not place:
        raise ConfigurationError(
            f"{plain(reference.name, 80)} is no song to look for.",
            hint="Give what the remix was ordered with: a path, a URL, bytes, (samples, rate) or a Clip.",
        )
    is_bare = content is None and place is not None and os.path.basename(place) == place
    path = os.path.abspath(os.path.expanduser(place)) if place else None
    return Song(content, path=path, name=reference.name if is_bare else None)


def moment(since: Since) -> float:
    """A time as seconds since 1970: a datetime or date, text in ISO form, seconds, or how long ago."""
    try:
        if isinstance(since, timedelta):
            return time.time() - since.total_seconds()
        if isinstance(since, str):
            since = datetime.fromisoformat(since)
        if isinstance(since, datetime):
            return since.timestamp()
        if isinstance(since, date):
            return datetime(since.year, since.month, since.day).timestamp()
        if math.isfinite(seconds := float(since)):
            return seconds
        raise ValueError(since)
    except (ValueError, TypeError, OverflowError, OSError):
        raise ConfigurationError(
            f"since={plain(since, 60)!r} is no time.",
            hint='Give a datetime, "2026-11-25", seconds since 1970, or timedelta(hours=2) for so long ago.',
        ) from None


async def find_remixes(
    session: Session, prompt: str | None, reference: Any | None, since: Since | None
) -> RemixList:
    """The remixes on disk that the journal knows, oldest first."""
    await session.open()
    after = None if since is None else moment(since)
    orders = await session.journal.orders([OrderState.FETCHED])
    return await asyncio.to_thread(_found, orders, prompt, reference, after)


def _found(
    orders: Sequence[Order], prompt: str | None, reference: Any | None, after: float | None
) -> RemixList:
    song = None if reference is None else song_of(reference)
    chosen = [
        order
        for order in orders
        if not order.unreadable
        and (prompt is None or (order.prompt or "").strip() == prompt.strip())
        and (after is None or order.created_at >= after)
        and (song is None or song.is_of(order))
    ]
    opened = [_opened(order) for order in chosen]
    remixes = [remix for remix in opened if remix is not None]
    notes = []
    if gone := len(opened) - len(remixes):
        what = "1 more is" if gone == 1 else f"{gone} more are"
        notes.append(f"{what} not on disk any more; client.recover() fetches what is gone again.")
    return RemixList(remixes, notes=notes)


def _opened(order: Order) -> Remix | None:
    try:
        return order.remix()
    except SoundverseError:  # gone; or a line that another program wrote, which must not hide the others
        return None


async def note_earlier(
    session: Session, remix_input: RemixInput, checked: Checked, slot: ProgressSlot
) -> None:
    """Say so where there is a remix of the same song, prompt and parameters; it is ordered all the same.

    Repeats within one batch are not spoken of: what counts was there when the batch began.
    """
    place = None if checked.url is None else checked.url.shown
    if checked.sha256 is None and place is None:
        return
    journal, content = session.journal, checked.sha256
    try:
        known = await slot.reporter.once((content, place), lambda: journal.fetched(content, place or ""))
    except SoundverseError as error:
        # What is wrong with the journal is said once, to whoever asks it first: before anything is sent.
        raise copy.copy(error) from None
    same = [order for order in known if _is_same(session, order, remix_input, content, place)]
    same = [order for order in same if not is_missing(order)]
    if same:
        slot.reporter.notice(slot.index, _already_there(same, remix_input))


def _is_same(
    session: Session, order: Order, remix_input: RemixInput, content: str | None, place: str | None
) -> bool:
    if content is None and (place is None or order.request.get("song_reference_url") != place):
        return False
    if order.unreadable or order.simulated != session.simulated:
        return False
    # The embedded service has another address in every process.
    if not order.simulated and not is_same_service(order.service, session.base_url):
        return False
    asked = remix_input.instructions
    return (order.prompt, order.lyrics, order.parameters or None) == (
        asked.prompt, asked.lyrics, asked.parameters or None,
    )  # fmt: skip


_LONGEST = 60  # characters of a prompt or a path that is written out to be copied


def _already_there(same: Sequence[Order], remix_input: RemixInput) -> str:
    latest = same[-1]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(latest.created_at))
    is_one = len(same) == 1
    count = "There is a remix" if is_one else f"There are {len(same)} remixes"
    asked = remix_input.asked
    arguments = []
    if asked.prompt is not None:
        arguments.append(f"prompt={_written(asked.prompt)}")
    if remix_input.reference.place is not None:
        arguments.append(
            f"reference={_written(shown_url(asked.place) if '://' in asked.place else asked.place)}"
        )
    return (
        f"{count} of {asked.song} · {plain(asked.words, 60)} already, "
        f"{'' if is_one else 'the latest '}from {when}: "
        f"client.remixes({', '.join(arguments)})[-1] opens it. It is ordered again all the same."
    )


def _written(value: str) -> str:
    return repr(value) if len(value) <= _LONGEST and value.isprintable() else "..."


class Reorder:
    """What it takes to order a failed remix anew.

    `order` says how the failed order stands by now, None where there was none. Whoever holds the same failure
    in another list, or asks twice, does not order twice.
    """

    def __init__(self, remix_input: RemixInput, order: Callable[[], Order | None]) -> None:
        self._input = remix_input
        self._order = order
        self._is_used = False

    @property
    def is_free(self) -> bool:
        """Whether it may be ordered: it was not ordered anew yet, and nothing can have been paid."""
        order = self._order()
        return not self._is_used and (order is None or spent_for(order) is Spent.NO)

    def use(self) -> RemixInput:
        """What to order; from here on it is not free any more."""
        self._is_used = True
        return self._input

    def give_back(self) -> None:
        """It was not ordered after all."""
        self._is_used = False


async def using(
    takes: Sequence[Reorder], order: Callable[[list[RemixInput]], Awaitable[RemixList]]
) -> RemixList:
    """Order these anew. Where that could not even begin they stay free."""
    inputs = [take.use() for take in takes]
    try:
        return await order(inputs)
    except SoundverseError:  # what fails once it has begun is in the list
        for take in takes:
            take.give_back()
        raise


def with_asked(
    error: SoundverseError, remix_input: RemixInput, order: Callable[[], Order | None]
) -> SoundverseError:
    """The error, which now knows what was asked and how to order it anew.

    A copy: remixes of one song that fail together may have one error between them.
    """
    if getattr(error, "asked", None) is not None:
        return error
    asked = replace(remix_input.asked, again=Reorder(remix_input, order))
    details = {**error._details, "asked": asked}
    return type(error)(error.message, spent=error.spent, hint=error.hint, **details)
