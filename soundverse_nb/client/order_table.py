"""The orders of a journal as a table, each with what the disk says of its file."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, overload

from markupsafe import Markup

from soundverse_nb.api.body import shown_id
from soundverse_nb.client.journal.order import DiskState, Order, OrderState, is_missing
from soundverse_nb.client.session import Session
from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.render.columns import terminal_width
from soundverse_nb.render.escape import plain
from soundverse_nb.render.summary import OrderRow, orders_html, orders_in_columns, orders_lines


def as_found(orders: Iterable[Order]) -> list[Order]:
    """The orders of the journal, those whose file is gone as missing."""
    return [replace(order, state=DiskState.MISSING) if is_missing(order) else order for order in orders]


async def read_orders(session: Session) -> OrderTable:
    """The journal of a client, with what the disk says of each remix."""
    await session.open()
    journal = session.journal
    found = await asyncio.to_thread(as_found, await journal.orders())
    return OrderTable(found, journal.path, await journal.kept())


MAX_ROWS = 200
"""Rows shown: a saved notebook keeps them all its life. The sequence itself holds every order."""

MEANING: dict[OrderState | DiskState, str] = {
    OrderState.PLANNED: "nothing was sent",
    OrderState.SENDING: "being sent",
    OrderState.ACCEPTED: "being made",
    OrderState.COMPLETED: "paid, not fetched yet",
    OrderState.FETCHED: "on disk",
    OrderState.REFUSED: "not paid",
    OrderState.FAILED: "failed at the service",
    OrderState.UNKNOWN: "may have been paid for",
    DiskState.MISSING: "paid; its file is gone or changed, client.recover() fetches it again",
}

_IN_FULL = 10_000
"""Characters of one text in a table that is written to a file: all there is, but no megabytes."""

UNREADABLE = "unreadable"
"""Shown in place of a state where a line of the journal holds what no order has."""

_STATES = (*(state.value for state in (*OrderState, *DiskState)), UNREADABLE)


class OrderTable(Sequence[Order]):
    """The orders of a journal, oldest first. Shows itself newest first, without any link's signature.

    `kept` says how the file is kept: with a write-ahead log, or with a rollback journal and why.

    >>> import soundverse_nb as sv
    >>> with sv.connect(journal="study.sqlite3", progress=False) as client:
    ...     remix = client.remix_sync(sv.example_song(), prompt="lo-fi hip hop")
    ...     [(order.prompt, order.state.value) for order in client.orders()]
    soundverse_nb: no API key, ...
    [('lo-fi hip hop', 'fetched')]
    """

    def __init__(self, orders: Sequence[Order], path: Path, kept: str = "") -> None:
        self._orders = tuple(orders)
        self.path = path
        self.kept = kept

    @overload
    def __getitem__(self, index: int) -> Order: ...
    @overload
    def __getitem__(self, index: slice) -> OrderTable: ...
    def __getitem__(self, index: int | slice) -> Order | OrderTable:
        if isinstance(index, slice):
            return OrderTable(self._orders[index], self.path, self.kept)
        return self._orders[index]

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders)

    def where(self, *states: OrderState | DiskState | str) -> OrderTable:
        """Only the orders in these states, for example where("unknown"); "unreadable" is one here too."""
        wanted = {state.value if isinstance(state, Enum) else state for state in states}
        if not wanted <= set(_STATES):
            raise ConfigurationError(
                f"{states!r} names a state no order has.", hint=f"States are {', '.join(_STATES)}."
            )
        chosen = [order for order in self._orders if _state(order) in wanted]
        return OrderTable(chosen, self.path, self.kept)

    def to_frame(self) -> Any:
        """The orders as a pandas DataFrame, one row an order, newest last."""
        pd = import_extra("pandas", "A data frame")
        rows = [
            {
                "order_id": order.order_id, "state": _state(order), "title": order.title, "song": order.song,
                "prompt": order.prompt, "lyrics": order.lyrics, "reference": order.reference_name,
                "message_id": order.message_id, "path": order.path, "sha256": order.sha256,
                "size_bytes": order.size_bytes, "posts": order.posts, "simulated": order.simulated,
                "label": order.label, "error": order.error,
                "created": pd.Timestamp(order.created_at, unit="s", tz="UTC"),
                "updated": pd.Timestamp(order.updated_at, unit="s", tz="UTC"),
            }
            for order in self._orders
        ]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def summary(self) -> str:
        """One line: how many orders, in which states."""
        if not self._orders:
            return "no orders yet"
        counts = Counter(_state(order) for order in self._orders)
        parts = [f"{counts[word]} {word}" for word in _STATES if counts[word]]
        noun = "order" if len(self) == 1 else "orders"
        return f"{len(self)} {noun}: {', '.join(parts)}"

    def __repr__(self) -> str:
        rows = [_row(order) for order in self._newest()]
        width = terminal_width()
        lines = orders_lines(rows) if width is None else orders_in_columns(rows, width)
        head = f"{self.summary} ({self._place})"
        heads = [head] if width is None else textwrap.wrap(head, width, break_on_hyphens=False)
        return "\n".join([*heads, *lines, *self._rest()])

    def in_full(self) -> str:
        """Every order on a line of its own, however many and however long: for a file or another program."""
        rows = [_row(order, _IN_FULL) for order in reversed(self._orders)]
        return "\n".join([f"{self.summary} ({self._place})", *orders_lines(rows)])

    def _repr_html_(self) -> str:
        return str(self.as_html())

    def as_html(self) -> Markup:
        """The table as HTML, for a page that holds more than it."""
        return orders_html(self.summary, self._place, [_row(order) for order in self._newest()], self._rest())

    @property
    def _place(self) -> str:
        return "; ".join(part for part in (plain(self.path), plain(self.kept)) if part)

    def _newest(self) -> list[Order]:
        return list(reversed(self._orders[-MAX_ROWS:]))

    def _rest(self) -> list[str]:
        more = len(self) - MAX_ROWS
        return [f"... and {more} older ones; orders()[:{more}] shows them."] if more > 0 else []


def _state(order: Order) -> str:
    return UNREADABLE if order.unreadable else order.state.value


def _row(order: Order, most: int = 120) -> OrderRow:
    """An order in words, each of at most so many characters."""
    return OrderRow(
        order=plain(order.order_id, 60),
        when=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(order.created_at)),
        state=_state(order),
        song=plain(order.song, most),
        prompt=plain(order.asked.words, most),
        title=plain(order.song_name or "", most),
        message_id=plain(shown_id(order.message_id) or "", 60),
        file=plain(Path(order.path).name if order.path else "", most),
        remark=_remark(order, most),
    )


def _remark(order: Order, most: int) -> str:
    parts = [MEANING[order.state]] if not order.unreadable else []
    if order.unreadable:
        parts.append(f"left alone: {plain(order.unreadable, max(300, most))}")
    if order.simulated:
        parts.insert(0, "simulated")
    if order.error and order.state not in (OrderState.FETCHED, DiskState.MISSING):
        parts.append(plain(order.error, max(160, most)))
    return "; ".join(parts)
