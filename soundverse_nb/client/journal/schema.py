"""The journal's tables, and how a file of an older schema becomes one of today's."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from soundverse_nb.errors import ConfigurationError

APPLICATION_ID = 0x53564E42  # "SVNB": tells a journal from any other SQLite file
VERSION = 3

_V1 = """
CREATE TABLE orders (
    order_id       TEXT PRIMARY KEY,
    state          TEXT NOT NULL,
    service        TEXT NOT NULL,
    simulated      INTEGER NOT NULL DEFAULT 0,
    request        TEXT NOT NULL,
    reference_name TEXT,
    reference_path TEXT,
    message_id     TEXT,
    audio_url      TEXT,
    album_art      TEXT,
    song_name      TEXT,
    path           TEXT,
    sha256         TEXT,
    size_bytes     INTEGER,
    error          TEXT,
    posts          INTEGER NOT NULL DEFAULT 0,
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL
)
"""

# Version 2 knows which running kernel looks after an order, and a study's name for it.
_V2 = (
    "ALTER TABLE orders ADD COLUMN label TEXT",
    "ALTER TABLE orders ADD COLUMN owner_host TEXT",
    "ALTER TABLE orders ADD COLUMN owner_pid INTEGER",
    "ALTER TABLE orders ADD COLUMN owner_started TEXT",
    "ALTER TABLE orders ADD COLUMN owner_token TEXT",
    "ALTER TABLE orders ADD COLUMN beat_at REAL",
    "CREATE INDEX orders_by_state ON orders (state)",
    "CREATE INDEX orders_by_label ON orders (label)",
)

# Version 3 knows a song by its content, wherever it lies by now.
_V3 = (
    "ALTER TABLE orders ADD COLUMN reference_sha256 TEXT",
    "CREATE INDEX orders_by_reference ON orders (reference_sha256)",
)


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(_V1)


def _add_leases(connection: sqlite3.Connection) -> None:
    for statement in _V2:
        connection.execute(statement)


def _add_content(connection: sqlite3.Connection) -> None:
    for statement in _V3:
        connection.execute(statement)


# Version reached -> the step that reaches it from the one before.
STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _create, 2: _add_leases, 3: _add_content}


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to today's schema, in one transaction: all of it or nothing.

    Raises ConfigurationError for a file of a newer version, and for a SQLite file that is no journal.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection, path)
        for version in range(found + 1, VERSION + 1):
            STEPS[version](connection)
        if found < VERSION or not _number(connection, "application_id"):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:  # half a schema must not stay, whatever stopped it
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Only read: raise ConfigurationError for a file that `prepare` would refuse."""
    _version(connection, path)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version, application = (_number(connection, name) for name in ("user_version", "application_id"))
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and application == 0:
        version = _recognised(connection) if tables else 0
        if version or not tables:
            return version
    if application != APPLICATION_ID:
        raise ConfigurationError(
            f"{path} is a database of another program, not a journal of orders.",
            hint="Give another path: Client(journal=...).",
        )
    if version > VERSION:
        raise ConfigurationError(
            f"The journal {path} was written by a newer soundverse_nb "
            f"(schema {version}; this one reads up to {VERSION}).",
            hint="Update soundverse_nb, or give another path: Client(journal=...).",
        )
    return version


def _recognised(connection: sqlite3.Connection) -> int:
    """The version of a journal whose numbers `.dump` or `.recover` forgot; 0 for any other database."""
    columns = _columns(connection)
    version = 0
    with contextlib.closing(sqlite3.connect(":memory:")) as pattern:
        for later, step in STEPS.items():
            step(pattern)
            if _columns(pattern) <= columns:
                version = later
    return version


def _columns(connection: sqlite3.Connection) -> set[str]:
    return {name for _, name, *_ in connection.execute("PRAGMA table_info(orders)")}


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
