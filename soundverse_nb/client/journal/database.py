"""Opening a journal's SQLite file: made privately, known again later, and touched through SQLite alone.

Closing any descriptor of a file drops every lock that the process holds on it, SQLite's too, and a child
inherits SQLite's table of locks but not the locks (https://www.sqlite.org/howtocorrupt.html, 2.2 and 2.6).
So nothing here opens a file that may be open already, and what was open at a fork is refused in the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import stat
import threading
from collections import Counter
from pathlib import Path

from soundverse_nb.api.secrets import logger
from soundverse_nb.client.journal import errors, filesystem, location, salvage, schema
from soundverse_nb.client.journal.location import Identity
from soundverse_nb.errors import ConfigurationError

log = logger("soundverse_nb.client")

BUSY_SECONDS = 30.0
"""How long to wait for another kernel's transaction. Theirs take milliseconds."""

Stamps = tuple[object, object]
"""What changes when anybody writes to the file, and to its log."""

# One thread at a time registers a journal, which it may have to make first, or closes one, and none forks
# meanwhile: what is noted below is of files that are open, and of those only. The kernel gives the number
# of a file that is gone to the next one at once.
_lock = threading.RLock()
_open: Counter[Identity] = Counter()
_alive: set[Database] = set()
_inherited: set[Identity] = set()
_stamps: dict[Identity, Stamps] = {}  # of what is open, when it was last found in place here
_logs: dict[Identity, Identity] = {}  # each log that is open here, and the file it belongs to
_spoiled: set[Identity] = set()  # open without their log, of which SQLite would share the remains
_copies: dict[Identity, Path] = {}  # of what is open and was lost, where all that it held is saved


def _forked() -> None:
    """In the child: what the parent had open stays as it is, for ever, and the lock is nobody's."""
    global _lock
    _lock = threading.RLock()
    _inherited.update(_open)
    _open.clear()
    for database in _alive:
        _never_close(database)
    _alive.clear()


def _never_close(database: Database) -> None:
    """Keep it as it is for as long as the process lives: neither the collector nor the exit closes it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(database))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_forked
    )


class Database(sqlite3.Connection):
    """A journal that is open, and what its path stood for when it was opened."""

    path: Path
    real: Path
    identity: Identity
    kept: str
    """How SQLite keeps it, in words for the reader of `orders()`."""
    _wal: Path
    _log: dict[Path, Identity | None]
    _gone: bool
    _salvaged: tuple[Path, int] | None
    _counted: bool
    _ready: bool

    def check_in_place(self) -> None:
        """Raise ConfigurationError unless the path still names the files that are open here.

        A file that was deleted or replaced takes every commit without a word, and nobody else sees one.
        """
        self._note_log()
        gone = self._missing_part()
        if not gone:
            self._gone = False
            _copies.pop(self.identity, None)
            _stamps[self.identity] = self._stamps_now()
            return
        if self.in_transaction:
            self.rollback()
        if self.is_spoiled:
            _spoiled.add(self.identity)
        self._gone = True
        raise errors.gone(self.path, gone, self._copy(), salvage.underway(self))

    def close(self) -> None:
        """Close it, unless closing would write where somebody else may write now. Harmless again."""
        if not self._counted:
            return
        self._counted = False
        if self._ready and not self._gone:
            try:
                self.check_in_place()
            except (ConfigurationError, sqlite3.Error) as error:
                log.warning("%s", error)  # the last chance to say where its orders are
        if self.is_spoiled and not self._is_untouched():
            # SQLite's last word would be to copy the lost log over what others have written since, and to
            # unlink theirs.
            _never_close(self)
            return
        with _lock:
            super().close()
            _alive.discard(self)
            _unregister(self.identity)

    @property
    def is_spoiled(self) -> bool:
        """Whether the file is in place without the log that is open: closing it is all that can be done."""
        gone = any(location.identity_of(file) != known for file, known in self._log.items())
        return gone and location.identity_of(self.path) == self.identity

    def _note_log(self) -> None:
        """Remember which files the write-ahead log is in, as soon as there is one."""
        if not self._log and _mode(self, "") == "wal":
            files = [location.beside(self.real, name) for name in location.LOG]
            with _lock:
                self._log = {file: location.identity_of(file) for file in files}
                _logs.update({log: self.identity for log in self._log.values() if log})

    def _missing_part(self) -> str:
        try:
            found = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return "was deleted or moved"
        except OSError as error:
            return f"cannot be found any more ({error.strerror})"
        if (found.st_dev, found.st_ino) != self.identity:
            return "was replaced by another file"
        return (
            "has lost its write-ahead log (-wal, -shm), which was deleted or moved" if self.is_spoiled else ""
        )

    def _stamps_now(self) -> Stamps:
        return location.stamp(self.real), location.stamp(self._wal)

    def _is_untouched(self) -> bool:
        """Whether nobody has written since everything was last found in place here."""
        known = _stamps.get(self.identity, (None, None))
        file, wal = self._stamps_now()
        return file == known[0] and wal in (None, known[1])

    def _copy(self) -> Path | None:
        """Where all that it held is saved. One copy for all of this process, which states are added to."""
        with _lock:
            copy = _copies.get(self.identity)
            if copy is None or not copy.exists():
                copy = salvage.copied_whole(self, self.real)
                if copy is not None:
                    _copies[self.identity] = copy
                    self._move_the_old_log_away(copy)
            return copy

    def _move_the_old_log_away(self, copy: Path) -> None:
        """Once all is saved, the old file's log goes from beside a new file: SQLite would mix them."""
        if location.identity_of(self.path) in (None, self.identity):
            return
        for file, log in self._log.items():
            if log and location.identity_of(file) == log:
                with contextlib.suppress(OSError):
                    file.rename(f"{copy}.replaced{file.name.removeprefix(self.real.name)}")

    def save_what_can_be_read(self) -> tuple[Path, int] | None:
        """A new journal beside this one, which is damaged, and how many of its orders are in it."""
        if self._salvaged is None or not self._salvaged[0].exists():
            with contextlib.suppress(OSError, sqlite3.Error, ConfigurationError):
                rows = salvage.readable_rows(self)
                copy = salvage.new_file_beside(self.real)
                with contextlib.closing(open_database(copy)) as target:
                    salvage.insert(target, rows)
                self._salvaged = copy, len(rows)
        return self._salvaged


def open_database(path: Path) -> Database:
    """Open a journal durably, private to its user, at today's schema.

    Raises ConfigurationError for what cannot be a journal, before anything is opened or changed, and
    sqlite3.Error for what SQLite finds wrong with the file.
    """
    try:
        path = path.absolute()
        reason = filesystem.no_shared_memory(path)
        if reason:
            return _rolling_back(path, reason)
        try:
            return _write_ahead(path)
        except sqlite3.OperationalError as first:
            if errors.says(first, "locked", "full"):
                raise
            try:
                return _rolling_back(path, f"shared memory failed here ({first})")
            except (sqlite3.Error, ConfigurationError):
                raise first from None
    except (OSError, ValueError) as error:
        raise errors.unopened(path, getattr(error, "strerror", None) or str(error)) from None


def _write_ahead(path: Path) -> Database:
    """With a write-ahead log, where SQLite can really use one."""
    database = _connect(path)
    try:
        schema.check(database, path)
        mode = _mode(database, "")
        database.kept = "write-ahead log"
        if mode != "wal" and not filesystem.maps_shared(location.real_path(path).parent):
            database.kept = "rollback journal, since this file system holds no shared memory"
        elif mode != "wal":
            try:
                mode = _mode(database, " = WAL")
            except sqlite3.OperationalError as error:
                if not errors.says(error, "locked"):
                    raise
                database.kept = "rollback journal, since another process is using it"
        # Without a log it takes a synced folder too until a commit outlives a power cut.
        database.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
        # The mode is a wish until somebody has locked and read through the shared memory.
        database.execute("BEGIN IMMEDIATE")
        schema.check(database, path)
        database.execute("ROLLBACK")
        return _made_ready(database)
    except BaseException:  # a file that cannot be used is not held open
        database.close()
        raise


def _rolling_back(path: Path, reason: str) -> Database:
    """With a rollback journal; a file that has a write-ahead log is converted while nobody else uses it."""
    database = _connect(path)
    try:
        # Locked for this process alone, SQLite reads a log without any shared memory.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            schema.check(database, path)
            mode = _mode(database, " = DELETE")
        except sqlite3.OperationalError as error:
            if errors.says(error, "locked") and location.identity_of(
                location.beside(location.real_path(path), "-wal")
            ):
                raise errors.in_use_with_a_log(path, reason) from None
            raise
        if mode != "delete":
            raise errors.in_use_with_a_log(path, reason)
        # Before anything is written: two that waited for each other's read locks would wait in vain.
        database.execute("PRAGMA locking_mode = NORMAL")
        schema.check(database, path)
        database.execute("PRAGMA synchronous = EXTRA")
        database.kept = f"rollback journal, since {reason}"
        return _made_ready(database)
    except BaseException:
        database.close()
        raise


def _made_ready(database: Database) -> Database:
    schema.prepare(database, database.path)
    database.check_in_place()
    database._ready = True
    for file in (database.path, *(location.beside(database.real, name) for name in location.COMPANIONS)):
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & 0o077:
                file.chmod(mode & 0o700)
    return database


def _mode(database: Database, setting: str) -> str:
    (mode,) = database.execute(f"PRAGMA journal_mode{setting}").fetchone()
    return str(mode)


def _connect(path: Path) -> Database:
    """A connection to what the path names, which is looked at again once SQLite has it open.

    An overlay gives a file of a lower layer another inode when it is first opened for writing.
    """
    for _ in range(3):
        identity = _register(path)
        try:
            real = location.real_path(path)
            database = _opened_by_sqlite(real)
        except BaseException:
            with _lock:
                _unregister(identity)
            raise
        database.path, database.real, database.identity, database.kept = path, real, identity, ""
        database._wal, database._log = location.beside(real, "-wal"), {}
        database._gone, database._salvaged = False, None
        database._counted, database._ready = True, False
        database.row_factory = sqlite3.Row
        _alive.add(database)
        if location.identity_of(path) == identity:
            return database
        database.close()
    raise errors.unopened(path, "it is being replaced by another program")


def _register(path: Path) -> Identity:
    """Look whether a journal can be here, make it if there is none, and count it as open."""
    with _lock:
        found = location.seen(path)
        if found is None:
            location.make_folder(path.parent)
            real = location.real_path(path)
            location.refuse_what_is_left(path, real)
            location.create(real)
            found = path.stat()
        elif found.st_size == 0:
            location.refuse_what_is_left(path, location.real_path(path))
        identity = found.st_dev, found.st_ino
        if identity in _inherited:
            raise errors.inherited(path)
        if identity in _spoiled:
            raise errors.spoiled(path, _copies.get(identity))
        for name in location.LOG:
            companion = location.beside(location.real_path(path), name)
            log = location.identity_of(companion)
            if log is not None and _logs.get(log, identity) != identity:
                raise errors.log_of_another(path, companion)
        _open[identity] += 1
        return identity


def _unregister(identity: Identity) -> None:
    """Forget one that is open. Whoever holds the lock closed it in the same hold."""
    _open[identity] -= 1
    if _open[identity] <= 0:
        del _open[identity]
        _stamps.pop(identity, None)
        for log in [log for log, file in _logs.items() if file == identity]:
            del _logs[log]
        _spoiled.discard(identity)
        _copies.pop(identity, None)


def _opened_by_sqlite(real: Path) -> Database:
    # Only opened, never made: SQLite would make it for everybody to read.
    posix = os.name == "posix"
    address = f"{real.as_uri()}?mode=rw" if posix else str(real)
    return sqlite3.connect(address, uri=posix, timeout=BUSY_SECONDS, isolation_level=None, factory=Database)
