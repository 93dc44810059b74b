"""One order's journal entry as this process holds it: what is written, and the states still to be written.

A disk may be full in the very moment in which the service names a paid order. A state that could not be
written stays pending: it is tried again at each heartbeat, by `recover()`, when a client is closed and when
the interpreter ends, and only when it is written is the order's lease released. Entries with pending states
are kept here for the whole process, because the remix, its task and its client may be gone by then. Where the
journal itself is lost, what is known is added to the copy that was saved of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundverse_nb.api.secrets import logger
from soundverse_nb.cancellation import shielded
from soundverse_nb.client.journal.errors import JournalLostError, OvertakenError, UnknownOrderError
from soundverse_nb.client.journal.journal import Journal
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.displays import notice
from soundverse_nb.errors import SoundverseError
from soundverse_nb.render.escape import plain

log = logger("soundverse_nb.client")


class JournalEntry:
    """One order's entry: what this process knows, what the file says, and the states between the two.

    `order` is what is known here, `on_disk` what the journal says. `watched` holds while somebody here
    follows the order; after that its lease is released as soon as nothing is pending. `saved_in` is the
    copy of a lost journal that all of this is in.
    """

    def __init__(self, journal: Journal, order: Order) -> None:
        self.journal = journal
        self.order = self.on_disk = order
        self.watched = True
        self.reported = False  # whether it was printed, at a close, that something is not written
        self.saved_in: Path | None = None
        self._saved: tuple[Path, Order, bool] | None = None  # where, and what of it
        self._pending: list[tuple[OrderState, dict[str, Any]]] = []
        self._writing = asyncio.Lock()

    @property
    def is_written(self) -> bool:
        """Whether the journal has got every state."""
        return not self._pending

    @property
    def where_saved(self) -> str:
        """A sentence on the copy that has it; empty without one."""
        if self.saved_in is None:
            return ""
        return f" It is noted in {plain(self.saved_in)}: Client(journal=...) with that file recovers it."

    def add(self, to: OrderState, facts: dict[str, Any]) -> None:
        """A state that is to be written next; known here at once."""
        self._pending.append((to, facts))
        self.order = replace(self.order, state=to, **facts)
        self.reported = False
        _unfinished.add(self)

    async def write(self, journal: Journal | None = None) -> None:
        """Write every pending state, in order. Raises what the journal raises.

        A cancellation does not come between what the journal says and what is known here.
        """
        if self._pending:
            await shielded(self._write_or_save(journal or self.journal))

    async def announce_post(self) -> None:
        """Write down that the POST follows now. Raises where that, or what is pending before, cannot be."""
        await shielded(self._announce_post())

    async def release(self, journal: Journal | None = None) -> None:
        """Nobody here follows the order any more: release its lease, now or once everything is written."""
        self.watched = False
        _unfinished.add(self)
        try:
            await self.finish(journal)
        except SoundverseError as error:
            log.info("Order %s is kept by this kernel for now: %s", self.order.order_id, error.message)

    async def finish(self, journal: Journal | None = None) -> None:
        """Write what is pending, and release the lease where nobody follows the order."""
        await shielded(self._finish(journal or self.journal))

    async def _finish(self, journal: Journal) -> None:
        async with self._saving_where_lost(journal):
            await self._write(journal)
            if not self.watched:
                await journal.release(self.on_disk)
        _unfinished.discard(self)

    async def _write_or_save(self, journal: Journal) -> None:
        async with self._saving_where_lost(journal):
            await self._write(journal)

    @asynccontextmanager
    async def _saving_where_lost(self, journal: Journal) -> AsyncIterator[None]:
        """What a lost journal does not take goes into the copy that was saved of it, and stays pending."""
        try:
            yield
        except JournalLostError as lost:
            if lost.saved is not None:
                await self._save(journal, lost.saved)
            raise

    async def _save(self, journal: Journal, path: Path) -> None:
        order, watched = self.order, self.watched
        if self._saved == (path, order, watched):
            return
        try:
            async with journal.copy(path) as copy:
                await copy.keep(order, watched=watched)
        except SoundverseError as error:
            log.warning("Order %s is not in %s: %s", self.order.order_id, path, error.message)
            self.saved_in = self._saved = None
        else:
            self.saved_in, self._saved = path, (path, order, watched)

    async def _announce_post(self) -> None:
        await self._write(self.journal)
        async with self._writing:
            self._set_on_disk(await self.journal.sending(self.on_disk))

    async def _write(self, journal: Journal) -> None:
        async with self._writing:
            while self._pending:
                to, facts = self._pending[0]
                try:
                    written = await journal.move(self.on_disk, to, **facts)
                except OvertakenError as error:
                    # Asking again would be answered the same way for ever. Whoever has the order by now
                    # finds out by itself; the one thing it could not, the id, the journal takes from anybody.
                    log.warning("Order %s: %s is not noted. %s", self.order.order_id, to.value, error.message)
                    del self._pending[0]
                    continue
                except UnknownOrderError:
                    # Another file is in its place, or somebody cleared it: without this line nobody would
                    # ever find the remix, which may be paid for.
                    count = len(self._pending)
                    written = await journal.keep(self.order, watched=True)
                    del self._pending[:count]
                    self._set_on_disk(written)
                    continue
                del self._pending[0]
                self._set_on_disk(written)
            if self.watched:
                _unfinished.discard(self)

    def _set_on_disk(self, written: Order) -> None:
        """What the journal says now. What it still lacks is known here all the same."""
        self.on_disk = self.order = written
        for to, facts in self._pending:
            self.order = replace(self.order, state=to, **facts)


_unfinished: set[JournalEntry] = set()
"""The entries of this process with states to write, or whose lease is still to be released."""

if hasattr(os, "register_at_fork"):
    # A child writes nothing of its parent's: the parent has that journal open.
    os.register_at_fork(after_in_child=_unfinished.clear)


def unfinished_entries(path: Path | None = None) -> list[JournalEntry]:
    """The entries with something still to be written, or released, in one journal or in any."""
    if path is None:
        return list(_unfinished)
    place = os.path.realpath(path)
    return [entry for entry in list(_unfinished) if os.path.realpath(entry.journal.path) == place]


async def finish_all(
    entries: Iterable[JournalEntry], journal: Journal
) -> list[tuple[JournalEntry, SoundverseError]]:
    """Try to finish each of these entries; gives those that could not be, each with the reason."""
    entries = list(entries)
    ends = await asyncio.gather(*(entry.finish(journal) for entry in entries), return_exceptions=True)
    for entry, end in zip(entries, ends, strict=True):
        if isinstance(end, BaseException) and not isinstance(end, SoundverseError):
            log.error("Order %s met a %s", entry.order.order_id, type(end).__name__, exc_info=end)
    return [
        (entry, end) for entry, end in zip(entries, ends, strict=True) if isinstance(end, SoundverseError)
    ]


def report_unwritten(entries: Iterable[JournalEntry]) -> None:
    """Print on the error stream what no journal knows, so that it can be written down by hand. Once each."""
    for entry in entries:
        if entry.is_written or entry.reported:
            continue
        entry.reported = True
        order = entry.order
        # Not through a log: what must be noted must be neither filtered nor shortened.
        name, advice = "", ""
        if order.message_id:
            name = f' with message_id "{plain(order.message_id, 1000)}"'
            advice = " Note the message_id: `await client.status(message_id)` asks the service about it."
        advice += entry.where_saved
        notice(
            f"order {order.order_id} ({plain(order.title, 80)}) is {order.state.value}{name}, "
            f"but the journal {plain(entry.journal.path)} could not be written and still says "
            f"{entry.on_disk.state.value}. It is tried again until this process ends.{advice}"
        )
