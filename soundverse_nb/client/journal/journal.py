"""The journal of orders: what was ordered, how far it came, written before each act it announces.

A paid remix takes minutes and a kernel may die in any of them. What this file says is enough to finish
every order without ever sending one twice: an order that is `sending` was perhaps sent, one that has a
`message_id` can be followed, one that is `completed` can be fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from soundverse_nb.cancellation import shielded
from soundverse_nb.client.journal.database import Database
from soundverse_nb.client.journal.errors import OvertakenError, UnknownOrderError
from soundverse_nb.client.journal.groups import (
    check_once,
    groups_at,
    journal_identity,
    note_group,
    parts_of,
    related_groups,
)
from soundverse_nb.client.journal.lease import drop, is_held, new_lease
from soundverse_nb.client.journal.order import ANY, Lease, Once, Order, OrderState, request_text, sources
from soundverse_nb.client.journal.schema import order_rows, read_order
from soundverse_nb.client.journal.writer import Writer
from soundverse_nb.errors import SoundverseError

T = TypeVar("T")

_FACTS = frozenset(
    {
        "message_id", "audio_url", "album_art", "song_name", "path", "sha256", "size_bytes", "error",
        "reference_path", "simulated",
    }
)  # fmt: skip

_KEPT = (
    "order_id", "service", "request", "reference_name", "label", "state", "posts", "created_at",
)  # fmt: skip
"""What else the row of an order holds, but for its lease and the time of its latest change."""

# Halves of characters that no byte of a name stands for.
_HIGH = re.compile("[\ud800-\udc7f\udd00-\udfff]")


_AS_KNOWN = "state = ? AND updated_at = ? AND posts = ? AND owner_token IS ?"


class Journal:
    """The orders of one client or one study, in one SQLite file. Safe for several kernels at once.

    Every coroutine returns after the change is on disk, in the file that the path names, and may be awaited
    on any event loop; `read` blocks and may be called from any thread. Raises ConfigurationError where the
    file cannot be used, or is no longer the one that was opened.
    """

    def __init__(self, path: Path | str, *, now: Callable[[], float] = time.time) -> None:
        self.path = Path(path).expanduser()
        with contextlib.suppress(OSError):  # no working directory: opening says so
            self.path = self.path.absolute()
        self._now = now
        self._writer = Writer(self.path)
        self._copy: Journal | None = None
        self._uses = 0  # of this one, where it is a copy

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    async def plan(self, order: Order, once: Once = ANY) -> Order:
        """Note a new order, claimed by this process. Nothing may be sent before this returns.

        Raises OrderedAlreadyError, and notes nothing, where `once` finds another one.
        """
        now = self._now()
        lease = new_lease(now)

        request = request_text(order.request)
        planned = replace(
            order, state=OrderState.PLANNED, request=json.loads(request), posts=0, created_at=now,
            updated_at=now, lease=lease,
        )  # fmt: skip

        def work(connection: sqlite3.Connection) -> Order:
            check_once(connection, once)  # in the transaction of the line itself: nobody comes between
            connection.execute(
                "INSERT INTO orders (order_id, state, service, simulated, request, reference_name,"
                " reference_path, reference_sha256, label, created_at, updated_at, owner_host, owner_pid,"
                " owner_started, owner_token, beat_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    order.order_id, OrderState.PLANNED.value, order.service, int(order.simulated),
                    request, order.reference_name, _storable(order.reference_path), order.reference_sha256,
                    _storable(order.label), now, now, lease.host, lease.pid, lease.started, lease.token,
                    lease.beat_at,
                ),
            )  # fmt: skip
            return planned

        try:
            return await self._do(work)
        except SoundverseError:
            drop(lease)  # there is no such order
            raise

    async def sending(self, order: Order) -> Order:
        """Announce a POST: from here on the order may have reached the service."""
        return await self._do(lambda c: _move(c, order, OrderState.SENDING, {}, self._now(), posts=1))

    async def move(self, order: Order, to: OrderState, **facts: Any) -> Order:
        """Take an order to its next state and note what became known with it, in one transaction."""
        unknown = set(facts) - _FACTS
        if unknown:
            raise TypeError(f"no such facts of an order: {sorted(unknown)}")
        return await self._do(lambda c: _move(c, order, to, facts, self._now()))

    async def claim(self, order: Order) -> Order | None:
        """Take over an order nobody looks after; None where a running kernel does, or has been faster.

        Interrupted, it gives back what it has claimed: nobody would ever know of that claim.
        """
        now = self._now()
        lease = new_lease(now)

        def work(connection: sqlite3.Connection) -> Order | None:
            found = _get(connection, order.order_id)
            # Between the reading of a list and this claim another kernel may have finished it.
            if found.unreadable or found.state is not order.state or is_held(found.lease, now):
                return None
            _set_lease(connection, order.order_id, lease)
            return _get(connection, order.order_id)

        claiming = asyncio.ensure_future(self._do(work))
        claimed: Order | None = None
        try:
            claimed = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await shielded(self._give_back(claiming))
            raise
        finally:
            if claimed is None:
                drop(lease)
        return claimed

    async def _give_back(self, claiming: asyncio.Future[Order | None]) -> None:
        await asyncio.wait({claiming})
        if not claiming.cancelled() and claiming.exception() is None and (claimed := claiming.result()):
            # Where this fails too, the lease is one that nobody stands by: `recover()` here takes it over.
            with contextlib.suppress(SoundverseError):
                await self.release(claimed)

    async def release(self, order: Order) -> None:
        """Stop looking after an order, so that any kernel may pick it up."""
        if order.lease is not None:
            await self._do(lambda c: _clear_lease(c, order))
            drop(order.lease)

    async def beat(self, orders: Iterable[Order]) -> None:
        """Say that this process still looks after these orders."""
        now = self._now()
        tokens = [(now, order.order_id, order.lease.token) for order in orders if order.lease]
        if tokens:
            # It always changes, also where a clock stands still or was put back: other machines, whose
            # clocks say something else anyway, watch for nothing but the change.
            statement = (
                "UPDATE orders SET beat_at = max(?, coalesce(beat_at, 0) + 0.001)"
                " WHERE order_id = ? AND owner_token = ?"
            )
            await self._do(lambda c: c.executemany(statement, tokens).rowcount)

    @asynccontextmanager
    async def copy(self, path: Path) -> AsyncIterator[Journal]:
        """The copy of this journal at a path, open while anybody uses it."""
        if self._copy is None or self._copy.path != path:
            self._copy = Journal(path, now=self._now)
        copy = self._copy
        copy._uses += 1
        try:
            yield copy
        finally:
            copy._uses -= 1
            if not copy._uses:
                self._copy = None if self._copy is copy else self._copy
                copy.close()

    async def keep(self, order: Order, *, watched: bool) -> Order:
        """Note an order whole, as it is known here: where a journal was lost, in its copy or its successor.

        Nobody here knows how far that one is. What another kernel has taken over there is its own by now;
        it gets the message_id where it has none.
        """
        return await self._do(lambda c: _keep(c, order, watched, self._now()))

    async def get(self, order_id: str) -> Order:
        return await self._do(lambda c: _get(c, order_id))

    async def orders(self, states: Sequence[OrderState] | None = None) -> list[Order]:
        """The orders, oldest first, all or those in some states."""
        return await self._do(lambda c: _select(c, states))

    async def fetched(self, reference_sha256: str | None, url: str = "") -> list[Order]:
        """The fetched orders of a song, oldest first; one whose content is not known goes by its URL."""
        condition, value = "reference_sha256 = ?", reference_sha256
        if reference_sha256 is None:
            condition, value = (
                "reference_sha256 IS NULL AND instr(request, ?)",
                json.dumps(url, ensure_ascii=False),
            )
        values = (OrderState.FETCHED.value, value)
        return await self._do(
            lambda c: [read_order(row) for row in order_rows(c, f"WHERE state = ? AND {condition}", values)]
        )

    async def labelled(self, prefix: str) -> list[Order]:
        """The orders whose label begins so, oldest first."""
        # A range, and not LIKE, so that the index is used.
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        where = "WHERE label >= ? AND label < ?"
        return await self._do(lambda c: [read_order(row) for row in order_rows(c, where, (prefix, after))])

    async def identity(self) -> str:
        """A name that this journal keeps wherever it is moved, and that no other one has."""
        return await self._do(journal_identity)

    async def note_group(self, group: str, parts: Sequence[str], place: str) -> None:
        """Note that this group (a label's beginning) shares the orders of its parts, and where it is."""
        now = self._now()
        await self._do(lambda c: note_group(c, group, parts, place, now))

    async def related_groups(self, groups: Sequence[str]) -> list[str]:
        """The groups that have one of these as a part."""
        return await self._do(lambda c: related_groups(c, groups))

    async def groups_at(self, place: str) -> dict[str, list[str]]:
        """The groups that were at work in this place, the last one first, each with its parts."""
        return await self._do(lambda c: {group: parts_of(c, group) for group in groups_at(c, place)})

    async def left_open(self) -> list[Order]:
        """The orders that may still need something, oldest first: all but those that are known to be over.

        Among them are the failed ones, and those in a state that only a newer version knows (`unreadable`).
        """
        return await self._do(_select_open)

    def read(self, states: Sequence[OrderState] | None = None) -> list[Order]:
        """The same, blocking; for any thread."""
        return self._writer.submit(lambda c: _select(c, states)).result()

    async def kept(self) -> str:
        """How SQLite keeps the file: "write-ahead log", or "rollback journal, since ..."."""
        return await self._do(lambda c: c.kept)

    def close(self) -> None:
        """Finish what is being written and close the file."""
        self._writer.close()

    async def _do(self, work: Callable[[Database], T]) -> T:
        # A cell that is interrupted stops waiting; what it wanted written is written all the same.
        return await self._writer.submit_here(work)


def _move(
    connection: sqlite3.Connection,
    order: Order,
    to: OrderState,
    facts: dict[str, Any],
    now: float,
    posts: int = 0,
) -> Order:
    token = order.lease and order.lease.token
    if order.state in sources(to):
        columns = {**facts, "state": to.value, "updated_at": now, "posts": order.posts + posts}
        # Nearly always the journal knows what we know, and one statement checks that and goes on from it.
        # Where it knows something else, what follows reads it and says why not.
        known = (order.state.value, order.updated_at, order.posts, token)
        if _update(connection, order, columns, _AS_KNOWN, known):
            return replace(order, **{**columns, "state": to})
    found = _get(connection, order.order_id)
    if not posts and _is_made(found, order, to, facts):
        return found
    another = found.lease is not None and found.lease.token != token
    lost = another or found.unreadable or found.state not in sources(to)
    if lost and facts.get("message_id") and found.message_id is None:
        return _name(connection, order, found, facts, now)
    if found.unreadable:
        raise OvertakenError(
            f"Order {order.order_id} is unreadable: {found.unreadable}.", hint="See client.orders()."
        )
    if found.state not in sources(to):
        raise OvertakenError(
            f"Order {order.order_id} is {found.state.value}, so it cannot become {to.value}.",
            hint="Another kernel looks after it: see client.orders().",
        )
    if another:
        raise OvertakenError(
            f"Order {order.order_id} is looked after by another kernel.", hint="See client.orders()."
        )
    columns = {**facts, "state": to.value, "updated_at": now, "posts": found.posts + posts}
    _update(connection, order, columns, "1", ())
    _take_back(connection, order, found)
    return _get(connection, order.order_id)


def _name(
    connection: sqlite3.Connection, order: Order, found: Order, facts: dict[str, Any], now: float
) -> Order:
    """Note the message_id of an order that another kernel has taken over, or given up, meanwhile.

    No lease stands above it: without the id a paid remix cannot be found by anybody.
    """
    columns = {**facts, "updated_at": now}
    if found.state in (OrderState.SENDING, OrderState.UNKNOWN) and not found.unreadable:
        columns["state"] = OrderState.ACCEPTED.value
    _update(connection, order, columns, "message_id IS NULL", ())
    _take_back(connection, order, found)
    # Ours is the lease that the order is known by here, whoever has it in the journal.
    return replace(_get(connection, order.order_id), lease=order.lease)


def _keep(connection: sqlite3.Connection, order: Order, watched: bool, now: float) -> Order:
    lease = order.lease
    columns: dict[str, Any] = {name: getattr(order, name) for name in (*_KEPT, *sorted(_FACTS))}
    columns |= {
        "state": order.state.value, "request": request_text(order.request), "updated_at": now,
        "simulated": int(order.simulated),
    }  # fmt: skip
    if lease is not None:
        columns |= {f"owner_{name}": getattr(lease, name) for name in ("host", "pid", "started", "token")}
        columns["beat_at"] = lease.beat_at
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    values = ", ".join(f"{name} = excluded.{name}" for name in columns)
    kept = connection.execute(
        f"INSERT INTO orders ({names}) VALUES ({marks}) ON CONFLICT (order_id) DO UPDATE SET {values}"
        " WHERE owner_token IS ?",
        (*map(_storable, columns.values()), lease and lease.token),
    ).rowcount
    if not kept and order.message_id:
        found = _get(connection, order.order_id)
        if found.message_id is None:
            _name(connection, replace(order, lease=None), found, {"message_id": order.message_id}, now)
    if not watched:
        _clear_lease(connection, order)
    return _get(connection, order.order_id)


def _clear_lease(connection: sqlite3.Connection, order: Order) -> None:
    connection.execute(
        "UPDATE orders SET owner_host = NULL, owner_pid = NULL, owner_started = NULL,"
        " owner_token = NULL, beat_at = NULL WHERE order_id = ? AND owner_token = ?",
        (order.order_id, order.lease and order.lease.token),
    )


def _take_back(connection: sqlite3.Connection, order: Order, found: Order) -> None:
    """Whoever had taken over an order has given it back: it is ours again."""
    if found.lease is None and order.lease is not None:
        _set_lease(connection, order.order_id, order.lease)


def _is_made(found: Order, order: Order, to: OrderState, facts: dict[str, Any]) -> bool:
    """Whether this very move was made before, by a commit that could not be vouched for when it was made."""
    same = (found.state, found.posts, found.lease and found.lease.token)
    return (
        same == (to, order.posts, order.lease and order.lease.token)
        and found.updated_at > order.updated_at
        and all(getattr(found, name) == value for name, value in facts.items())
    )


def _update(
    connection: sqlite3.Connection,
    order: Order,
    columns: dict[str, Any],
    condition: str,
    values: tuple[Any, ...],
) -> bool:
    """Change an order's line where the condition holds; whether it did."""
    assignments = ", ".join(f"{name} = ?" for name in columns)
    statement = f"UPDATE orders SET {assignments} WHERE order_id = ? AND {condition}"
    facts = map(_storable, columns.values())
    return connection.execute(statement, (*facts, order.order_id, *values)).rowcount == 1


def _storable(value: Any) -> Any:
    """A path that is not UTF-8 is kept as the bytes it is made of: SQLite's text does not hold it."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape" if _HIGH.search(value) is None else "replace")
    return value


def _set_lease(connection: sqlite3.Connection, order_id: str, lease: Lease) -> None:
    connection.execute(
        "UPDATE orders SET owner_host = ?, owner_pid = ?, owner_started = ?, owner_token = ?, beat_at = ?"
        " WHERE order_id = ?",
        (lease.host, lease.pid, lease.started, lease.token, lease.beat_at, order_id),
    )


def _get(connection: sqlite3.Connection, order_id: str) -> Order:
    rows = order_rows(connection, "WHERE order_id = ?", (order_id,))
    if not rows:
        raise UnknownOrderError(
            f"The journal knows no order {order_id}.", hint="client.orders() lists those it knows."
        )
    return read_order(rows[0])


def _select(connection: sqlite3.Connection, states: Sequence[OrderState] | None) -> list[Order]:
    if states is None:
        return [read_order(row) for row in order_rows(connection, "", ())]
    marks = ", ".join("?" * len(states))
    condition = f"WHERE state IN ({marks})"
    values = tuple(state.value for state in states)
    return [read_order(row) for row in order_rows(connection, condition, values)]


def _select_open(connection: sqlite3.Connection) -> list[Order]:
    over = (OrderState.FETCHED.value, OrderState.REFUSED.value)
    return [read_order(row) for row in order_rows(connection, "WHERE state NOT IN (?, ?)", over)]
