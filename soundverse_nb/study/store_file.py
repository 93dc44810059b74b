"""The file of a study's store: its tables, how it is opened, and what is no store of ours."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from soundverse_nb.client.journal import filesystem
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.audio_files import has_kept_audio
from soundverse_nb.study.damage import damaged, emptied
from soundverse_nb.study.stored_trial import paid_of_format_1

SCHEMA = 2
"""Grows with every change of the tables; a store of a newer one is left alone. Format 1 had no `paid`."""

NAME = "study.sqlite3"
_APPLICATION = 0x53564E42  # "SVNB", by which file(1) and we know the file
_BUSY_SECONDS = 30.0

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE plans (hash TEXT PRIMARY KEY, at REAL NOT NULL, description TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE songs (
    content TEXT PRIMARY KEY, name TEXT NOT NULL, file TEXT, seconds REAL
) WITHOUT ROWID;
CREATE TABLE trials (
    identity TEXT PRIMARY KEY, plan TEXT NOT NULL, number INTEGER NOT NULL, reference TEXT NOT NULL,
    content TEXT NOT NULL, factors TEXT NOT NULL, instructions TEXT NOT NULL, replicate INTEGER NOT NULL,
    is_control INTEGER NOT NULL, state TEXT NOT NULL, reserved INTEGER NOT NULL DEFAULT 0,
    charged INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, journal TEXT, order_id TEXT,
    message_id TEXT, simulated INTEGER NOT NULL, started REAL, finished REAL, stages TEXT, error TEXT,
    song_name TEXT,
    audio TEXT, file TEXT, stars INTEGER, note TEXT, adopted TEXT,
    duplicate_of TEXT, paid TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX trials_by_number ON trials (plan, number);
CREATE INDEX trials_by_audio ON trials (audio);
CREATE INDEX trials_by_cost ON trials (simulated, reserved, charged);
CREATE TABLE layouts (number INTEGER PRIMARY KEY, columns TEXT NOT NULL UNIQUE);
CREATE TABLE measures (
    identity TEXT PRIMARY KEY, extractor TEXT NOT NULL, layout INTEGER, numbers BLOB, texts TEXT, reason TEXT,
    difference TEXT -- last, since SQLite reads through all that stands before a column
);
"""

_FROM_1 = """
ALTER TABLE trials ADD COLUMN paid TEXT NOT NULL DEFAULT '{}';
DROP INDEX IF EXISTS trials_by_money;
CREATE INDEX trials_by_cost ON trials (simulated, reserved, charged);
"""
"""What makes a store of format 1 one of format 2. To be read it needs none of it."""


class NotBegunError(ConfigurationError):
    """There is no store yet: no file, or one whose maker has not come to its tables."""


def is_begun(path: Path) -> bool:
    """Whether there is a store at this path; also where it cannot be read."""
    try:
        open_to_read(path)[0].close()
    except NotBegunError:
        return False
    except (ConfigurationError, sqlite3.DatabaseError):
        return True
    return True


def open_to_write(path: Path) -> tuple[sqlite3.Connection, str]:
    """The store at this path, made where it is missing, and in words how SQLite keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_there(path)
    connection = _connect(f"{path.absolute().as_uri()}?mode=rwc")
    try:
        _check(connection, path)
        # A write-ahead log needs shared memory, which network file systems and many FUSE ones have not.
        reason = filesystem.no_shared_memory(path)
        shares = not reason and filesystem.maps_shared(path.parent)
        (mode,) = connection.execute(f"PRAGMA journal_mode = {'WAL' if shares else 'DELETE'}").fetchone()
        connection.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
        kept = "write-ahead log" if mode == "wal" else f"rollback journal{reason and f', since {reason}'}"
        if _version(connection) < SCHEMA:  # new, or its maker was killed before there were tables, or older
            with transaction(connection):
                _make_tables(connection, path)
        return connection, kept
    except BaseException:
        connection.close()
        raise


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    # Whoever else begins this study has its tables in the file before any audio.
    if not version and has_kept_audio(path.parent):
        raise emptied(path)
    if version < SCHEMA:
        for statement in filter(str.strip, (_FROM_1 if version else _TABLES).split(";")):
            connection.execute(statement)
        if version:
            rows = connection.execute("SELECT * FROM trials").fetchall()
            connection.executemany(
                "UPDATE trials SET paid = ? WHERE identity = ?",
                [(paid_of_format_1(row), row["identity"]) for row in rows],
            )
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")


def open_to_read(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The store at this path, to read only, and whether what others write to it is seen."""
    has_audio = _check_there(path)
    try:
        is_there = path.is_file()
    except PermissionError:
        is_there = True
    if not is_there and not os.access(path.parent, os.X_OK) and path.parent.is_dir():
        is_there = True  # for all that can be known
    if not is_there:
        raise NotBegunError(f"There is no study in {path.parent}.", hint="study.run(plan) begins one.")
    # A reader must be able to undo what a killed writer left half done, and writes nothing else.
    if unreadable := unreadable_part(path):
        raise _denied(unreadable)
    can_write = os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)
    is_live = True
    connection = _connect(f"{path.absolute().as_uri()}?mode={'rw' if can_write else 'ro'}")
    if not can_write and not _is_readable(connection):
        # Without its memory beside it a log cannot be followed by who may not write; without a log there is
        # nothing beside the file itself.
        connection.close()
        if any(_size(path.with_name(f"{path.name}{log}")) for log in ("-wal", "-journal")):
            raise ConfigurationError(
                f"The study in {path.parent} cannot be read whole without the right to write there.",
                hint="Copy the folder to a place of yours and open the copy.",
            )
        connection = _connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1")
        is_live = False
    try:
        connection.execute("PRAGMA query_only = ON")
        _check(connection, path)
        if not _version(connection):
            if has_audio:  # which was looked for first, as it is kept last
                raise emptied(path)
            # It is being made at this moment, or its maker was killed then.
            raise NotBegunError(
                f"There is no study in {path.parent} yet.", hint="study.run(plan) begins one."
            )
        connection.execute("SELECT 1 FROM trials LIMIT 1")
    except BaseException:
        connection.close()
        raise
    return connection, is_live


def _check_there(path: Path) -> bool:
    """Whether audio is there. DamagedStoreError where the store is not."""
    # Before SQLite makes one or deletes a log. Whoever begins a study has a store before any audio, which is
    # looked for first.
    has_audio = has_kept_audio(path.parent)
    if has_audio and not _size(path):
        raise emptied(path)
    return has_audio


def unreadable_part(path: Path) -> Path | None:
    """What of a store this user may not read: its folder, its file or its log; None where it may read all."""
    if path.parent.is_dir() and not os.access(path.parent, os.X_OK):
        return path.parent
    # Without its shared memory a log is read all the same.
    parts = [path.with_name(f"{path.name}{log}") for log in ("", "-wal", "-journal")]
    return next((part for part in parts if part.exists() and not os.access(part, os.R_OK)), None)


def _denied(part: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{part} cannot be read by this user, so the study cannot.",
        hint="Ask its owner for the right to read the whole folder, or for a zip: study.save. Delete nothing "
        "there: a log holds what was written last.",
    )


def stamp_of(path: Path) -> tuple[object, ...]:
    """What changes when anybody writes to a store."""
    return tuple(_facts(path.with_name(f"{path.name}{log}")) for log in ("", "-wal", "-journal"))


def _facts(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _is_readable(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file a path names, whatever it is called; None where it names none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (version or tables) and application != _APPLICATION:
        raise ConfigurationError(
            f"{path} is no study of soundverse_nb, and was left as it is.",
            hint="Choose another folder.",
        )
    if version > SCHEMA:
        raise ConfigurationError(
            f"The study in {path.parent} was written by a newer soundverse_nb "
            f"(format {version}; this one knows {SCHEMA}), and was left as it is.",
            hint="Update soundverse_nb: pip install -U soundverse_nb.",
        )


def unusable(path: Path, error: sqlite3.DatabaseError) -> ConfigurationError:
    """What SQLite complained of, as a sentence."""
    if "locked" in str(error) or "busy" in str(error):
        return ConfigurationError(
            f"The study in {path.parent} is being written by another process.", hint="Try again."
        )
    if "unable to open" in str(error) and (unreadable := unreadable_part(path)):
        return _denied(unreadable)
    is_refused = "unable to open" in str(error) and not os.access(path.parent, os.W_OK)
    if is_refused or "readonly" in str(error):
        return ConfigurationError(
            f"The study in {path.parent} cannot be changed by this user, who may only read it.",
            hint="Ask its owner for the right to write there, or copy the folder to a place of yours and go "
            "on with that copy.",
        )
    if "full" in str(error):
        return ConfigurationError(
            f"There is no room for the study's store {path}: the disk is full.",
            hint="Make room and try again; what was there is as it was.",
        )
    if "malformed" in str(error):
        return damaged(path, f"SQLite says {plain(error, 120)!r}")
    return ConfigurationError(
        f"The study's store {path} cannot be read ({error}). It was left as it is.",
        hint="Paid remixes are in the journal too: client.recover() and client.remixes() find them.",
    )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT work")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
        raise
    connection.execute("RELEASE work")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
