"""The journal's tables, and how a file of an older schema becomes one of today's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from soundverse_nb.errors import ConfigurationError

APPLICATION_ID = 0x53564E42  # "SVNB": tells a journal from any other SQLite file
VERSION = 2

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


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(_V1)


def _add_leases(connection: sqlite3.Connection) -> None:
    for statement in _V2:
        connection.execute(statement)


# Version reached -> the step that reaches it from the one before.
STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _create, 2: _add_leases}


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to today's schema, in one transaction: all of it or nothing.

    Raises ConfigurationError for a file of a newer version, and for a SQLite file that is no journal.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection, path)
        for version in range(found + 1, VERSION + 1):
            STEPS[version](connection)
        if found < VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:  # half a schema must not stay, whatever stopped it
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and application == 0 and tables == 0:
        return 0
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
    return int(version)
