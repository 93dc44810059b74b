"""A journal is kept in the way that its file system can hold, and says which."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order
from soundverse_nb.client.journal import database
from soundverse_nb.client.journal import filesystem as storage
from soundverse_nb.client.journal.database import open_database

MOUNTINFO = r"""22 27 0:20 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:38 / /home rw shared:2 - autofs systemd-1 rw
41 40 0:39 / /home/ada rw shared:3 - nfs4 server:/export/ada rw,vers=4.2
42 27 0:40 / /mnt/two\040words rw - fuse.sshfs ada@host: rw
43 27 0:41 / /data rw - ext4 /dev/vdb rw
44 27 0:42 / /data rw - cifs //server/data rw
"""
MAC = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
//ada@server/my on it on /Volumes/my share (smbfs, nodev, nosuid)
"""


def order(name: str) -> Order:
    return Order(name, "https://service")


def mode_of(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def lies_on(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "file_system", lambda path: kind)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite3"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[database.Database]:
    connection = open_database(path)
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/orders", "ext4"),
        ("/home/ada/.local/state/orders", "nfs4"),
        ("/home/adam/orders", "autofs"),
        ("/mnt/two words/orders", "fuse.sshfs"),
        ("/data/orders", "cifs"),  # mounted over the other
        ("/database", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(
    place: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "mounts", lambda: storage.parsed_mountinfo(MOUNTINFO))
    assert storage.file_system(Path(place)) == kind


def test_what_mount_says_on_a_mac_is_understood() -> None:
    assert storage.parsed_mount(MAC) == [
        ("/", "apfs"), ("/System/Volumes/Data/home", "autofs"), ("/Volumes/my share", "smbfs"),
    ]  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux lists its mounts")
def test_the_kernels_own_list_of_mounts_is_understood() -> None:
    assert storage.file_system(Path("/proc/self/stat")) == "proc"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nfs4", "NFS holds no shared memory"),
        ("cifs", "SMB holds no shared memory"),
        ("9p", "9p holds no shared memory"),
        ("lustre", "Lustre holds no shared memory"),
        ("fuse.sshfs", "FUSE (sshfs) holds no shared memory"),
        ("fuseblk", "FUSE holds no shared memory"),
    ],
)
async def test_without_shared_memory_it_is_a_rollback_journal_and_orders_says_why(
    kind: str, said: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lies_on(kind, monkeypatch)
    with sv.Client("a-key-0123456789", "http://127.0.0.1:9", journal=path, progress=False) as client:
        table = client.orders()
        assert f"({path}; rollback journal, since {said})" in repr(table)
        assert f"rollback journal, since {said}" in table._repr_html_()
        assert table[:0].kept == table.where("fetched").kept == table.kept
    assert {file.name for file in path.parent.iterdir()} == {path.name}
    assert mode_of(path) == "delete"


def test_a_commit_without_a_log_outlives_a_power_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lies_on("nfs", monkeypatch)
    with opened(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 3  # EXTRA: the folder too
        assert connection.execute("PRAGMA locking_mode").fetchone()[0] == "normal"


def test_on_a_disk_it_has_a_log_and_says_so(path: Path) -> None:
    with sv.Client("a-key-0123456789", "http://127.0.0.1:9", journal=path, progress=False) as client:
        assert f"({path}; write-ahead log)" in repr(client.orders())
    assert mode_of(path) == "wal"


WRITER = """
import asyncio, os, sys
from soundverse_nb.client import Journal, Order
journal = Journal(sys.argv[1])
asyncio.run(journal.plan(Order("theirs", "https://service")))
print("written", flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextlib.contextmanager
def another_kernel(path: Path) -> Iterator[None]:
    """One that has the journal open, with a log that it leaves behind when it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"written\n"
            yield
        finally:
            process.kill()


async def test_a_log_that_was_left_on_a_networks_disk_is_read_and_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_kernel(path):
        pass
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    lies_on("nfs4", monkeypatch)
    journal = Journal(path)
    assert [each.order_id for each in await journal.orders()] == ["theirs"]
    journal.close()
    assert mode_of(path) == "delete"


async def test_a_log_in_use_on_a_networks_disk_is_refused_and_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with another_kernel(path), monkeypatch.context() as patch:
        lies_on("nfs4", patch)
        journal = Journal(path)
        with pytest.raises(sv.ConfigurationError, match="used by another process with a write-ahead log"):
            await journal.plan(order("mine"))
        journal.close()
    journal = Journal(path)
    assert [each.order_id for each in await journal.orders()] == ["theirs"]
    journal.close()


def test_a_journal_that_came_home_from_a_network_has_a_log_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lies_on("nfs4", patch)
        open_database(path).close()
    with opened(path) as connection:
        assert connection.kept == "write-ahead log"
    assert mode_of(path) == "wal"


def test_where_no_file_can_be_mapped_the_mode_is_not_even_tried(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "maps_shared", lambda folder: False)
    with opened(path) as connection:
        assert connection.kept == "rollback journal, since this file system holds no shared memory"
    assert mode_of(path) == "delete"


async def test_where_shared_memory_fails_in_use_it_is_a_rollback_journal(path: Path) -> None:
    path.with_name(path.name + "-shm").mkdir()
    journal = Journal(path)
    await journal.plan(order("one"))
    assert (await journal.kept()).startswith("rollback journal, since shared memory failed here (")
    journal.close()
    assert mode_of(path) == "delete"


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
async def test_it_can_be_read_elsewhere_while_it_is_written(
    kind: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lies_on(kind, monkeypatch)
    writing, reading = Journal(path), Journal(path)

    async def write(which: int) -> None:
        for number in range(10):
            await writing.plan(order(f"{which}-{number}"))

    writers = [asyncio.ensure_future(write(which)) for which in range(5)]
    seen = 0
    while not all(each.done() for each in writers):
        now = len(await reading.orders())
        assert now >= seen
        seen = now
    await asyncio.gather(*writers)
    assert len(await reading.orders()) == 50
    writing.close()
    reading.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_trying_a_mapping_leaves_nothing_behind(tmp_path: Path) -> None:
    assert storage.maps_shared(tmp_path)
    assert os.listdir(tmp_path) == []
