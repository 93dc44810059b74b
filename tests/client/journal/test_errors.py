"""What SQLite complains of is named as what it is, with what saves the orders."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order
from soundverse_nb.client.journal import database
from soundverse_nb.client.journal import errors as complaint
from soundverse_nb.client.journal import filesystem as storage
from soundverse_nb.client.journal.database import open_database
from soundverse_nb.client.journal.errors import translated
from tests.warm_python import run_python

posix = pytest.mark.skipif(os.name != "posix", reason="users and modes of POSIX")


def order(name: str) -> Order:
    return Order(name, "https://service", request={"prompt": "jazz " * 50})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite3"


WORDS = [
    "database is locked",
    "locking protocol",
    "database disk image is malformed",
    "unable to open database file",
    "attempt to write a readonly database",
    "disk I/O error",
    "database or disk is full",
    "file is not a database",
    "no such table: orders",
]


@pytest.mark.parametrize("words", WORDS)
def test_every_complaint_says_that_nothing_is_ordered_and_where(words: str, path: Path) -> None:
    open_database(path).close()
    caught = translated(sqlite3.OperationalError(words), path)
    assert isinstance(caught, sv.ConfigurationError)
    assert str(path) in caught.message
    assert "othing is ordered" in str(caught)
    assert caught.hint


def test_only_a_full_disk_is_called_full(path: Path) -> None:
    open_database(path).close()
    full = {
        words
        for words in WORDS
        if "the disk is full" in str(translated(sqlite3.OperationalError(words), path))
    }
    assert full == {"database or disk is full"}
    assert " free" in str(translated(sqlite3.OperationalError("database or disk is full"), path))


def test_a_failing_file_system_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(path).close()
    monkeypatch.setattr(storage, "file_system", lambda path: "nfs4")
    assert "the file system (NFS) failed (disk I/O error)" in str(
        translated(sqlite3.OperationalError("disk I/O error"), path)
    )
    assert "On NFS a lock service that does not answer" in str(
        translated(sqlite3.OperationalError("database is locked"), path)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="locks of another kind")
@pytest.mark.parametrize("words", ["database is locked", "locking protocol", "disk I/O error"])
def test_a_file_system_without_locks_is_told_as_that_and_not_as_another_process(
    words: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(path).close()
    monkeypatch.setattr(storage, "file_system", lambda path: "nfs4")
    said = str(translated(sqlite3.OperationalError(words), path))
    assert "gives no locks" not in said

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.lockf", refuse)
    said = str(translated(sqlite3.OperationalError(words), path))
    assert f"the file system (NFS) gives no locks ({os.strerror(errno.ENOLCK)})" in said
    assert "another process" not in said
    assert "Nothing was paid" in said
    assert "Client(journal=...)" in said
    assert [file.name for file in path.parent.iterdir()] == [path.name]


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="Linux lists who holds a lock")
@pytest.mark.parametrize("kind", ["ext4", "nfs"])
def test_who_holds_the_lock_is_named(kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(storage, "file_system", lambda path: kind)
    journal = Journal(path)
    asyncio.run(journal.plan(order("one")))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(sv.ConfigurationError, match=rf"held by process {holder.pid} \(") as caught:
            asyncio.run(journal.plan(order("two")))
        assert "another process has kept a transaction open" in caught.value.message
        holder.communicate()
    asyncio.run(journal.plan(order("three")))
    assert [each.order_id for each in journal.read()] == ["one", "three"]
    journal.close()


def test_a_damaged_journal_is_told_with_what_saves_its_orders(path: Path) -> None:
    journal = Journal(path)

    async def fill() -> None:
        await asyncio.gather(*(journal.plan(order(f"order-{at}")) for at in range(300)))

    asyncio.run(fill())
    journal.close()
    content = bytearray(path.read_bytes())
    leaf = 13  # the format's number for a page of table rows
    leaves = [at for at in range(4096, len(content), 4096) if content[at] == leaf]
    for at in leaves[1:-1:4]:
        content[at : at + 200] = b"\xee" * 200
    path.write_bytes(content)
    damaged = Journal(path)
    with pytest.raises(sv.ConfigurationError, match="is damaged") as caught:
        damaged.read()
    with pytest.raises(sv.ConfigurationError, match="is damaged"):
        damaged.read()
    damaged.close()
    (saved,) = path.parent.glob("orders.saved-*.sqlite3")
    assert str(saved) in caught.value.message
    for words in ("together with orders.sqlite3-wal", ".recover", "client.status(message_id)"):
        assert words in str(caught.value)
    assert "delete" not in str(caught.value)
    journal = Journal(saved)
    found = {each.order_id for each in journal.read()}
    journal.close()
    # The orders of the other pages, also of those between two damaged ones.
    assert found < {f"order-{at}" for at in range(300)}
    assert len(found) > 300 * (1 - 2 * len(leaves[1:-1:4]) / len(leaves))
    assert f"{len(found)} of its orders could be read" in caught.value.message


def test_what_was_recovered_by_sqlite_is_a_journal_again(path: Path, tmp_path: Path) -> None:
    """`.dump` and older shells' `.recover` forget the numbers that tell a journal from another database."""
    journal = Journal(path)
    asyncio.run(journal.plan(order("one")))
    journal.close()
    saved = tmp_path / "saved.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as old, contextlib.closing(sqlite3.connect(saved)) as new:
        new.executescript("\n".join(old.iterdump()))
    journal = Journal(saved)
    assert [each.order_id for each in journal.read()] == ["one"]
    asyncio.run(journal.plan(order("two")))
    journal.close()


# What another user left

LEAVE = """
import asyncio, os, sys
from soundverse_nb.client import Journal, Order
asyncio.run(Journal(sys.argv[1]).plan(Order("paid", "https://service")))
os._exit(0)
"""

OPEN = """
import asyncio, os, sys
from soundverse_nb.client import Journal, Order
import soundverse_nb as sv
import soundverse_nb.client.journal.errors, pwd, encodings.ascii
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
journal = Journal(sys.argv[1])
try:
    print(len(journal.read()))
    asyncio.run(journal.plan(Order("another", "https://service")))
except sv.ConfigurationError as error:
    print(error)
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can reach, with a journal and its log in it."""
    folder = Path(tempfile.mkdtemp(prefix="soundverse-nb-", dir="/tmp"))
    folder.chmod(0o777)
    path = folder / "orders.sqlite3"
    run_python(LEAVE, path).check_returncode()
    for file in folder.iterdir():
        if os.geteuid() == 0:
            os.chown(file, 65534, 65534)
    yield path
    folder.chmod(0o777)
    shutil.rmtree(folder)


def opened_as_a_user(path: Path) -> str:
    done = run_python(OPEN, path)
    assert done.stderr == ""
    return done.stdout


@posix
def test_a_log_that_root_left_is_named_with_its_owner_and_not_to_be_deleted(shared: Path) -> None:
    wal = shared.with_name(shared.name + "-wal")
    if os.geteuid() == 0:
        os.chown(wal, 0, 0)
    wal.chmod(0o600 if os.geteuid() == 0 else 0)
    said = opened_as_a_user(shared)
    assert f"{wal} cannot be read by this user" in said
    assert "Do not delete it" in said
    assert "chown" in said
    if os.geteuid() == 0:
        assert "it belongs to root" in said
        os.chown(wal, 65534, 65534)
    wal.chmod(0o600)
    assert opened_as_a_user(shared) == "1\n"


@posix
def test_shared_memory_that_root_left_costs_nothing_but_the_log(shared: Path) -> None:
    shm = shared.with_name(shared.name + "-shm")
    if os.geteuid() == 0:
        os.chown(shm, 0, 0)
    shm.chmod(0)
    assert opened_as_a_user(shared) == "1\n"


@posix
def test_a_file_that_may_only_be_read_is_named(shared: Path) -> None:
    shared.chmod(0o400)
    said = opened_as_a_user(shared)
    assert said.startswith("1\n")  # it can be read
    assert f"{shared} cannot be written by this user" in said
    assert "Nothing is ordered" in said


@posix
def test_a_folder_that_may_not_be_written_is_named(shared: Path) -> None:
    for name in ("-wal", "-shm"):
        shared.with_name(shared.name + name).unlink()
    shared.parent.chmod(0o555)
    said = opened_as_a_user(shared)
    assert f"the folder {shared.parent} cannot be written" in said


@posix
def test_too_many_open_files_are_told_as_that(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(path).close()

    def exhausted(*arguments: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(complaint.os, "open", exhausted)
    caught = translated(sqlite3.OperationalError("unable to open database file"), path)
    assert "too many files open" in caught.message
