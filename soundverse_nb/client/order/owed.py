"""One order's line in the journal as this process keeps it: what is written, and what is still owed to it.

A disk may be full in the very moment in which the service names a paid order. What could not be written is
owed from then on: it is tried again at each beat, by `recover()`, when a client is closed and when the
interpreter ends, and only when it is written is the order given back to others. The lines that owe something
are kept here for the whole process, because the remix, its task and its client may be gone by then.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundverse_nb.api.secrets import logger
from soundverse_nb.client.background import undisturbed
from soundverse_nb.client.journal.journal import Journal, OvertakenError
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.errors import SoundverseError
from soundverse_nb.render.escape import plain

log = logger("soundverse_nb.client")


class Line:
    """One order's line: what this process knows, what the file says, and the states between the two.

    `order` is what is known here, `on_disk` what the journal says. `watched` holds while somebody here looks
    after the order; after that the line is given back as soon as nothing is owed.
    """

    def __init__(self, journal: Journal, order: Order) -> None:
        self.journal = journal
        self.order = self.on_disk = order
        self.watched = True
        self.told = False  # whether the user was told, at a close, that something is owed
        self._owed: list[tuple[OrderState, dict[str, Any]]] = []
        self._writing = asyncio.Lock()

    @property
    def is_even(self) -> bool:
        """Whether the journal has got every state."""
        return not self._owed

    def owe(self, to: OrderState, facts: dict[str, Any]) -> None:
        """A state that is to be written next; known here at once."""
        self._owed.append((to, facts))
        self.order = replace(self.order, state=to, **facts)
        self.told = False
        _owing.add(self)

    async def catch_up(self, journal: Journal | None = None) -> None:
        """Write every state that the journal has not got yet, in order. Raises what the journal raises.

        An interrupt does not come between what the journal says and what is known here.
        """
        if self._owed:
            await undisturbed(self._catch_up(journal or self.journal))

    async def announce_post(self) -> None:
        """Write down that the POST follows now. Raises where that, or what is owed before, cannot be."""
        await undisturbed(self._announce_post())

    async def let_go(self, journal: Journal | None = None) -> None:
        """Nobody here looks after the order any more: give it back, now or when nothing is owed any more."""
        self.watched = False
        _owing.add(self)
        try:
            await self.settle(journal)
        except SoundverseError as error:
            log.info("Order %s is kept by this kernel for now: %s", self.order.order_id, error.message)

    async def settle(self, journal: Journal | None = None) -> None:
        """Write what is owed, and give the order back where nobody looks after it."""
        await undisturbed(self._settle(journal or self.journal))

    async def _settle(self, journal: Journal) -> None:
        await self._catch_up(journal)
        if not self.watched:
            await journal.release(self.on_disk)
        _owing.discard(self)

    async def _announce_post(self) -> None:
        await self._catch_up(self.journal)
        async with self._writing:
            self._keep(await self.journal.sending(self.on_disk))

    async def _catch_up(self, journal: Journal) -> None:
        async with self._writing:
            while self._owed:
                to, facts = self._owed[0]
                try:
                    written = await journal.move(self.on_disk, to, **facts)
                except OvertakenError as error:
                    # Asking again would be answered the same way for ever. Whoever has the order by now
                    # finds out by itself; the one thing it could not, the id, the journal takes from anybody.
                    log.warning("Order %s: %s is not noted. %s", self.order.order_id, to.value, error.message)
                    del self._owed[0]
                    continue
                del self._owed[0]
                self._keep(written)
            if self.watched:
                _owing.discard(self)

    def _keep(self, written: Order) -> None:
        """What the journal says now. What it still lacks is known here all the same."""
        self.on_disk = self.order = written
        for to, facts in self._owed:
            self.order = replace(self.order, state=to, **facts)


_owing: set[Line] = set()
"""The lines of this process that owe the journal a state, or whose order is still to be given back."""

if hasattr(os, "register_at_fork"):
    # A child owes nothing of its parent's: it would write into a journal that the parent has open.
    os.register_at_fork(after_in_child=_owing.clear)


def owing(path: Path | None = None) -> list[Line]:
    """The lines that owe something to one journal, or to any."""
    if path is None:
        return list(_owing)
    place = os.path.realpath(path)
    return [line for line in list(_owing) if os.path.realpath(line.journal.path) == place]


async def settle_all(lines: Iterable[Line], journal: Journal) -> list[tuple[Line, SoundverseError]]:
    """Try to write what each of these lines owes; gives those that still owe it, each with the reason."""
    lines = list(lines)
    ends = await asyncio.gather(*(line.settle(journal) for line in lines), return_exceptions=True)
    for line, end in zip(lines, ends, strict=True):
        if isinstance(end, BaseException) and not isinstance(end, SoundverseError):
            log.error("Order %s met a %s", line.order.order_id, type(end).__name__, exc_info=end)
    return [(line, end) for line, end in zip(lines, ends, strict=True) if isinstance(end, SoundverseError)]


def tell_what_is_owed(lines: Iterable[Line]) -> None:
    """Say on the error stream what no journal knows, so that it can be written down by hand. Once each."""
    for line in lines:
        if line.is_even or line.told:
            continue
        line.told = True
        order = line.order
        # Not through a log: what must be noted must be neither filtered nor shortened.
        name, advice = "", ""
        if order.message_id:
            name = f' with message_id "{plain(order.message_id, 1000)}"'
            advice = " Note the message_id: `await client.status(message_id)` asks the service about it."
        print(
            f"soundverse_nb: order {order.order_id} ({plain(order.title, 80)}) is {order.state.value}{name}, "
            f"but the journal {plain(line.journal.path)} could not be written and still says "
            f"{line.on_disk.state.value}. It is tried again until this process ends.{advice}",
            file=sys.stderr,
        )
