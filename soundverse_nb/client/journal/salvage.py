"""Salvage of a journal that is lost or damaged: a copy beside it, of all that can be read.

What becomes known later is added to the copy (see entry.py).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from soundverse_nb.client.journal import location

MOST_PROBES = 100_000
"""Row numbers tried one by one in a damaged file: a second or two."""


_numbers = itertools.count(1)


def new_file_beside(journal: Path, folder: Path | None = None) -> Path:
    """An empty file for a copy, private before anything is in it; in another folder, where one is given.

    It is new, so nobody can have it open, and its name was never that of another copy of this process.
    """
    now = time.strftime("%Y%m%d-%H%M%S")
    while True:
        name = f"{journal.stem}.saved-{now}-{os.getpid()}-{next(_numbers)}{journal.suffix}"
        copy = (folder or journal.parent) / name
        if location.create(copy):
            return copy


def copied_whole(connection: sqlite3.Connection, journal: Path) -> Path | None:
    """A copy of all that a connection sees, though its file has no name any more; None where that fails.

    It is beside the journal, or, where that cannot be and an order may be paid for, in the nearest folder
    above that is still there, or in that for temporary files.
    """
    for folder in _folders(connection, journal):
        with contextlib.suppress(OSError, ValueError):
            copy = new_file_beside(journal, folder)
            try:
                with contextlib.closing(sqlite3.connect(copy)) as target:
                    connection.backup(target)
                return copy
            except sqlite3.Error:
                copy.unlink()  # half a copy would be taken for a whole one
    return None


def _folders(connection: sqlite3.Connection, journal: Path) -> Iterator[Path]:
    yield journal.parent
    if underway(connection):
        yield from [folder for folder in journal.parent.parents if folder.is_dir()][:1]
        yield Path(tempfile.gettempdir())


def underway(connection: sqlite3.Connection) -> list[tuple[str, str | None]]:
    """The orders that may be paid for and are not fetched, each with the service's name for it."""
    try:
        return connection.execute(
            "SELECT order_id, message_id FROM orders WHERE state IN ('sending', 'accepted', 'completed')"
        ).fetchall()
    except sqlite3.Error:
        return []


def readable_rows(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """The orders of a damaged file: from both ends as far as each goes, and one by one between."""
    found: dict[int, sqlite3.Row] = {}
    ends = []
    for direction in ("ASC", "DESC"):
        number = 0
        with contextlib.suppress(sqlite3.Error, LookupError):
            for (number,) in connection.execute(f"SELECT rowid FROM orders ORDER BY rowid {direction}"):
                found[number] = _row(connection, number)
        ends.append(number)
    first, last = ends
    for number in range(first, min(last or first + MOST_PROBES, first + MOST_PROBES)):
        if number not in found:
            with contextlib.suppress(sqlite3.Error, LookupError):
                found[number] = _row(connection, number)
    return [found[number] for number in sorted(found)]


def insert(target: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    """Put rows into a new journal, in one transaction."""
    target.execute("BEGIN IMMEDIATE")
    for row in rows:
        names, marks = ", ".join(row.keys()), ", ".join("?" * len(row))
        target.execute(f"INSERT OR IGNORE INTO orders ({names}) VALUES ({marks})", tuple(row))
    target.execute("COMMIT")


def _row(connection: sqlite3.Connection, number: int) -> sqlite3.Row:
    row = connection.execute("SELECT * FROM orders WHERE rowid = ?", (number,)).fetchone()
    if not isinstance(row, sqlite3.Row):
        raise LookupError(number)
    return row
