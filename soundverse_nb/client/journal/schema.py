"""The journal's tables, how an older schema becomes today's, and a row read as an order."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundverse_nb.client.journal.order import Lease, Order, OrderState
from soundverse_nb.errors import ConfigurationError

_LAST_TIME = 9e9
"""Epoch seconds in the year 2255. What lies behind it no calendar here can show."""

_TEXTS = (
    "order_id", "service", "reference_name", "reference_path", "reference_sha256", "label", "message_id",
    "audio_url", "album_art", "song_name", "path", "sha256", "error",
)  # fmt: skip
_NEEDED = frozenset({"order_id", "service"})
# Kept as the bytes it is made of where it is not UTF-8: a file's name may be any bytes.
_MAY_BE_BYTES = frozenset({"reference_path", "path", "label", "song_name", "error"})
_SURROGATE = re.compile("[\ud800-\udfff]")


def lenient_text(raw: bytes) -> str:
    """Text as SQLite keeps it. Bytes that are not UTF-8 become what UTF-8 never gives: lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def order_rows(connection: sqlite3.Connection, condition: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
    """The rows of orders that meet a condition, oldest first."""
    # One text that is not UTF-8 must not make all the other orders unreadable.
    connection.text_factory = lenient_text
    statement = f"SELECT * FROM orders {condition} ORDER BY created_at, rowid"
    rows: list[sqlite3.Row] = connection.execute(statement, values).fetchall()
    return rows


def read_order(row: sqlite3.Row) -> Order:
    """The order in a row. What cannot be read is named in `unreadable`, and left out."""
    values = dict(zip(row.keys(), row, strict=True))
    bad: list[str] = []
    fields: dict[str, Any] = {}
    for name in _TEXTS:
        value = fields[name] = values[name]
        if isinstance(value, bytes) and name in _MAY_BE_BYTES:
            fields[name] = lenient_text(value)
        elif not _is_text(value, name):
            bad.append(name)
            fields[name] = _shown(value) if name in _NEEDED else None
    for name in ("posts", "size_bytes"):
        value = fields[name] = values[name]
        if not (isinstance(value, int) and value >= 0) and not (value is None and name == "size_bytes"):
            bad.append(name)
            fields[name] = None if name == "size_bytes" else 0
    for name in ("created_at", "updated_at"):
        value = fields[name] = values[name]
        if not (isinstance(value, (int, float)) and 0 <= value <= _LAST_TIME):
            bad.append(name)
            fields[name] = 0.0
    state, request, lease = _state(values["state"]), _request(values["request"]), _lease(values)
    if request is None:
        bad.append("request")
    if lease is None and values["owner_token"] is not None:
        bad.append("owner")
    if state is None:
        bad.append(f'state "{_shown(values["state"])}"')
    order = Order(
        # Nobody knows how far it came, so nobody knows that nothing was paid.
        state=state or OrderState.UNKNOWN,
        simulated=bool(values["simulated"]),
        request=request or {},
        lease=lease,
        **fields,
    )
    return replace(order, unreadable=f"{', '.join(bad)} cannot be read") if bad else order


def _is_text(value: Any, name: str) -> bool:
    if value is None:
        return name not in _NEEDED
    return isinstance(value, str) and not _has_foreign_bytes(value)


def _has_foreign_bytes(text: str) -> bool:
    return not text.isascii() and _SURROGATE.search(text) is not None


def _shown(value: Any) -> str:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "replace")[:200]


_STATES: dict[Any, OrderState] = {state.value: state for state in OrderState}


def _state(value: Any) -> OrderState | None:
    return _STATES.get(value)


def _request(value: Any) -> dict[str, Any] | None:
    try:
        request = json.loads(value) if isinstance(value, str) and not _has_foreign_bytes(value) else None
    except (ValueError, RecursionError):
        return None
    return request if isinstance(request, dict) else None


def _lease(values: dict[str, Any]) -> Lease | None:
    """The lease of a row; None where it has none, or one that cannot be read."""
    token = values["owner_token"]
    host, pid, started = values["owner_host"], values["owner_pid"], values["owner_started"] or ""
    beat_at = values["beat_at"] or 0.0
    texts = all(isinstance(value, str) for value in (host, started, token))
    if not texts or not isinstance(pid, int) or not isinstance(beat_at, (int, float)):
        return None
    return Lease(host, pid, started, token, beat_at)


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
