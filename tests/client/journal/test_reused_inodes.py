"""The number of a file that is gone is another file's at once, and what was noted of the one is not of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from soundverse_nb.client import Journal
from soundverse_nb.client.journal import database
from soundverse_nb.client.journal.database import Database, Identity, open_database


class ReportingLock:
    """A lock that says when somebody has to wait for it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.somebody_waits = threading.Event()

    def acquire(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.somebody_waits.set()
            self._lock.acquire()

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class AtClose:
    """In the midst of the next close, SQLite's part done, another thread does `work` as far as it can."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock = ReportingLock()
        self._pool = ThreadPoolExecutor(1)
        self._unregister = database._unregister
        self._work: Callable[[], None] | None = None
        self._done: Future[None] = Future()
        monkeypatch.setattr(database, "_lock", self._lock)
        monkeypatch.setattr(database, "_unregister", self._in_between)

    def close(self, opened: Database, work: Callable[[], None]) -> None:
        self._work = work
        opened.close()
        assert self._work is None
        self._done.result(60)

    def _in_between(self, identity: Identity) -> None:
        work, self._work = self._work, None
        if work is not None:
            self._done = self._pool.submit(work)
            self._done.add_done_callback(lambda _: self._lock.somebody_waits.set())
            assert self._lock.somebody_waits.wait(60)
        self._unregister(identity)

    def end(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def at_close(monkeypatch: pytest.MonkeyPatch) -> Iterator[AtClose]:
    between = AtClose(monkeypatch)
    yield between
    between.end()


def beside(path: Path, name: str) -> Path:
    return path.with_name(path.name + name)


@pytest.mark.parametrize("ours", ["-wal", "-shm"])
@pytest.mark.parametrize("theirs", ["-wal", "-shm"])
def test_a_log_that_was_a_closed_journals_file_is_not_called_that_journals(
    ours: str, theirs: str, at_close: AtClose, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.sqlite3", tmp_path / "two.sqlite3"
    open_database(two).close()
    opened = open_database(one)
    # A second name keeps the file, and its number, when SQLite unlinks the first.
    os.link(beside(one, ours), beside(two, theirs))

    def open_the_other() -> None:
        assert not beside(one, ours).exists()
        os.truncate(beside(two, theirs), 0)
        open_database(two).close()

    at_close.close(opened, open_the_other)


def test_a_journal_that_was_a_closed_one_without_its_log_is_not_refused_as_that(
    at_close: AtClose, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.sqlite3", tmp_path / "two.sqlite3"
    opened = open_database(one)
    beside(one, "-wal").unlink()

    def open_it_as_another() -> None:
        one.rename(two)
        open_database(two).close()

    at_close.close(opened, open_it_as_another)


def test_a_log_is_known_as_long_as_anybody_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite3"
    first, second = open_database(path), open_database(path)
    first.close()
    assert [log for log, file in database._logs.items() if file == second.identity]
    second.close()
    assert not [log for log, file in database._logs.items() if file == second.identity]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child uses the forking thread alone
def test_a_child_forked_during_a_close_is_not_refused_what_was_closed(
    at_close: AtClose, tmp_path: Path
) -> None:
    path, ends = tmp_path / "orders.sqlite3", []

    def fork() -> None:
        child = os.fork()
        if child == 0:
            try:
                Journal(path).read()
                os._exit(0)
            finally:
                os._exit(1)
        ends.append(os.waitpid(child, 0)[1])

    at_close.close(open_database(path), fork)
    assert ends == [0]
