"""The thread that writes to a journal's SQLite file, so that no event loop waits for a disk.

Work that arrives while the disk is busy is committed together: five hundred orders at once cost a
handful of fsyncs, and each caller still gets its answer only after the one that covers its own work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from soundverse_nb.client.journal import errors
from soundverse_nb.client.journal.database import Database, open_database
from soundverse_nb.client.journal.errors import closed_by_fork, translated
from soundverse_nb.errors import ConfigurationError, SoundverseError

T = TypeVar("T")
Transaction = Callable[[Database], Any]

_LARGEST_GROUP = 256

_Task = tuple[Transaction, Future[Any] | asyncio.Future[Any]]
_Answer = tuple[Any, SoundverseError | None]


class Writer:
    """Runs functions of a connection, in order, on a thread of its own; each is durable when it answers.

    Where no thread can be started, at the interpreter's end for one, whoever asks does the work.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pid = os.getpid()

    def submit(self, work: Callable[[Database], T]) -> Future[T]:
        """Queue some work; its future resolves after the commit that makes it durable."""
        future: Future[T] = Future()
        self._put((work, future))
        return future

    def submit_here(self, work: Callable[[Database], T]) -> asyncio.Future[T]:
        """The same with a future of the running loop. Cancelling that stops the waiting, not the work."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put((work, future))
        return future

    def _put(self, task: _Task) -> None:
        if self._pid != os.getpid():
            raise closed_by_fork(self.path)  # its thread stayed behind, and its lock may be held for ever
        with self._lock:
            if self._closed:
                raise ConfigurationError(f"The journal {self.path} is closed.", hint="Make a new Client.")
            self._queue.put(task)
            if self._thread is not None or self._start():
                return
        self._queue.put(None)  # ends the run below
        self._run()

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, name="soundverse-journal", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # none to be had, or the interpreter ends: CPython 3.12 starts none then
            return False
        self._thread = thread
        return True

    def close(self) -> None:
        """Finish what is queued and close the file. Harmless to call again, and in a forked child."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        connection: Database | None = None
        try:
            open_ = True
            while open_:
                group, open_ = self._next_group()
                if not group:
                    continue
                try:
                    connection = connection or open_database(self.path)
                    answers = _commit(connection, group)
                except BaseException as error:  # those who wait get it, and the thread lives on
                    answers = [(None, error)] * len(group)
                    if connection is not None and connection.is_spoiled:
                        connection.close()
                        connection = None
                _resolve_all(group, answers, self.path)
        finally:
            if connection is not None:
                connection.close()

    def _next_group(self) -> tuple[list[_Task], bool]:
        group: list[_Task] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) >= _LARGEST_GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False


def _commit(connection: Database, group: list[_Task]) -> list[tuple[Any, BaseException | None]]:
    """Do a group in one transaction; work that fails is undone alone.

    The path is looked at before the commit, so that a lost file takes nothing on, and once more after
    it: only what is then in the path's own file may be acted upon.
    """
    try:
        answers = _done(connection, group)
        connection.check_in_place()
        connection.execute("COMMIT")
        connection.check_in_place()
    except BaseException as error:  # the next group must not begin inside this one
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            connection.check_in_place()  # a file that is gone is the true cause of many a complaint
            if errors.says(error, "malformed"):
                raise errors.damaged(error, connection.path, connection.save_what_can_be_read()) from None
        raise
    return answers


def _done(connection: Database, group: list[_Task]) -> list[tuple[Any, BaseException | None]]:
    answers: list[tuple[Any, BaseException | None]] = []
    connection.execute("BEGIN IMMEDIATE")
    for work, _ in group:
        connection.execute("SAVEPOINT work")
        try:
            answers.append((work(connection), None))
        except sqlite3.OperationalError:
            raise  # a full disk or a lock: nobody's work can be done
        except Exception as problem:  # this work's own: undone alone, raised to who asked for it
            if type(problem) is sqlite3.DatabaseError:
                raise  # the file is damaged
            connection.execute("ROLLBACK TO work")
            answers.append((None, problem))
        connection.execute("RELEASE work")
    return answers


def _resolve_all(group: list[_Task], answers: list[tuple[Any, BaseException | None]], path: Path) -> None:
    """Answer everybody: blocked threads one by one, each event loop in one call, as each call wakes it."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Answer]]] = {}
    for (_, future), (value, problem) in zip(group, answers, strict=True):
        answer = value, None if problem is None else translated(problem, path)
        if isinstance(future, Future):
            _resolve(future, answer)
        else:
            loops.setdefault(future.get_loop(), []).append((future, answer))
    for loop, resolved in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is gone, and whoever waited with it
            loop.call_soon_threadsafe(_resolve_here, resolved)


def _resolve_here(answers: list[tuple[asyncio.Future[Any], _Answer]]) -> None:
    for future, answer in answers:
        if not future.done():
            _resolve(future, answer)


def _resolve(future: Future[Any] | asyncio.Future[Any], answer: _Answer) -> None:
    value, problem = answer
    if problem is not None:
        future.set_exception(problem)
    else:
        future.set_result(value)
