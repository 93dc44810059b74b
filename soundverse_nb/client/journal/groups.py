"""Groups of orders: those whose labels begin alike, which other groups they share orders with, and where.

A study's orders are one group. One that was merged of others stands for the same trials as they do, and
neither it nor they can know who is run first: so the journal is told which groups are parts of which, and
looks at all of them in the transaction that notes an order.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable

from soundverse_nb.client.journal.errors import ordered_already
from soundverse_nb.client.journal.order import Once, OrderState
from soundverse_nb.client.journal.schema import order_rows, read_order

_TABLES = (
    "CREATE TABLE IF NOT EXISTS parts (whole TEXT NOT NULL, part TEXT NOT NULL, PRIMARY KEY (part, whole))",
    "CREATE TABLE IF NOT EXISTS places (place TEXT NOT NULL, label_group TEXT NOT NULL, at REAL NOT NULL,"
    " PRIMARY KEY (place, label_group))",
)


def note_group(
    connection: sqlite3.Connection, group: str, parts: Iterable[str], place: str, now: float
) -> None:
    """Note that orders of this group are also those of its parts, and where it is at work."""
    _make_tables(connection)
    connection.executemany(
        "INSERT OR IGNORE INTO parts VALUES (?, ?)", [(group, part) for part in parts if part != group]
    )
    connection.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (place, group, now))


def related_groups(connection: sqlite3.Connection, groups: Iterable[str]) -> list[str]:
    """The groups that have one of these as a part; of several with one part in common each has the others.

    Groups that are parts of the same one have nothing to do with each other by that.
    """
    _make_tables(connection)
    found: dict[str, None] = {}
    for group in groups:
        rows = connection.execute("SELECT whole FROM parts WHERE part = ? ORDER BY whole", (group,))
        found.update(dict.fromkeys(str(row[0]) for row in rows))
    return list(found)


def parts_of(connection: sqlite3.Connection, group: str) -> list[str]:
    """The groups that are parts of this one."""
    _make_tables(connection)
    rows = connection.execute("SELECT part FROM parts WHERE whole = ? ORDER BY part", (group,))
    return [str(row[0]) for row in rows]


def groups_at(connection: sqlite3.Connection, place: str) -> list[str]:
    """The groups that were at work in this place, the last one first."""
    _make_tables(connection)
    rows = connection.execute(
        "SELECT label_group FROM places WHERE place = ? ORDER BY at DESC, label_group", (place,)
    )
    return [str(row[0]) for row in rows]


def check_once(connection: sqlite3.Connection, once: Once) -> None:
    """Raise OrderedAlreadyError where a group of `once`, or one related to it, has an order of its name."""
    if not once.groups:
        return
    groups = dict.fromkeys([*once.groups, *related_groups(connection, once.groups)])
    labels = [f"{group}{once.name}" for group in groups]
    condition = f"WHERE label IN ({', '.join('?' * len(labels))}) AND state != ?"
    for row in order_rows(connection, condition, (*labels, OrderState.REFUSED.value)):
        other = read_order(row)
        if other.order_id not in once.settled:
            raise ordered_already(other)


def journal_identity(connection: sqlite3.Connection) -> str:
    """A name that a journal is given once, and keeps."""
    connection.execute("CREATE TABLE IF NOT EXISTS identity (name TEXT NOT NULL)")
    row = connection.execute("SELECT name FROM identity").fetchone()
    if row is None:
        name = secrets.token_hex(8)
        connection.execute("INSERT INTO identity VALUES (?)", (name,))
        return name
    return str(row[0])


def _make_tables(connection: sqlite3.Connection) -> None:
    # Nothing where they are there already; a journal that was made before them gets them now.
    for table in _TABLES:
        connection.execute(table)
