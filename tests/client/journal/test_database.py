"""The journal's file: SQLite's alone, in one place, private, and refused where orders would be lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order, OrderState
from soundverse_nb.client.journal.database import open_database
from soundverse_nb.client.journal.order import new_order_id
from tests.client.conftest import SONG
from tests.strict_service import StrictService
from tests.warm_python import run_python

MakeClient = Callable[..., sv.Client]

LOOK = """
import sys
from soundverse_nb.client import Journal
journal = Journal(sys.argv[1])
print(*sorted(order.order_id for order in journal.read()))
journal.close()
"""

WRITE = """
import asyncio, os, sys
from soundverse_nb.client import Journal, Order
asyncio.run(Journal(sys.argv[1]).plan(Order("two", "https://service")))
os._exit(0)
"""


def order(name: str | None = None) -> Order:
    return Order(name or new_order_id(), "https://service", request={"prompt": "jazz"})


def known_elsewhere(path: Path) -> set[str]:
    """What another process reads in the journal; it closes the file when it is done, as a terminal would."""
    return set(python(LOOK, path).split())


def python(program: str, *arguments: object) -> str:
    done = run_python(program, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def locks(path: Path) -> list[str]:
    """The locks this process holds on a journal and its shared memory, as Linux lists them."""
    inodes = {str(file.stat().st_ino) for file in (path, path.with_name(path.name + "-shm"))}
    lines = (line.split() for line in Path("/proc/locks").read_text("ascii").splitlines())
    return sorted(
        " ".join(line[1:]) for line in lines
        if line[4] == str(os.getpid()) and line[5].split(":")[2] in inodes
    )  # fmt: skip


def companions(path: Path) -> set[str]:
    return {file.name.removeprefix(path.name) for file in path.parent.iterdir() if file != path}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite3"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


# One file, many hands


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="Linux lists locks")
async def test_a_second_client_takes_no_lock_from_the_first(journal: Journal, path: Path) -> None:
    await journal.plan(order())
    before = locks(path)
    assert before
    for _ in range(2):
        second = Journal(path)
        await second.orders()
        second.close()
        assert locks(path) == before


def test_two_clients_and_a_look_from_a_terminal_lose_no_order(path: Path) -> None:
    program = f"""
import asyncio, os, subprocess, sys
from soundverse_nb.client import Journal, Order
one, two = Journal(sys.argv[1]), Journal(sys.argv[1])
async def main():
    await one.plan(Order("first", "https://service"))
    await two.orders()
    subprocess.run([sys.executable, "-c", {LOOK!r}, sys.argv[1]], check=True)
    await one.plan(Order("second", "https://service"))
    await two.plan(Order("third", "https://service"))
asyncio.run(main())
os.kill(os.getpid(), 9)
"""
    killed = run_python(program, path)
    assert killed.returncode == -signal.SIGKILL
    assert known_elsewhere(path) == {"first", "second", "third"}


def test_many_threads_that_make_one_journal_at_once_all_keep_their_orders(path: Path) -> None:
    together = threading.Barrier(8)
    journals = [Journal(path) for _ in range(8)]

    def begin(mine: Journal) -> None:
        together.wait(60)
        asyncio.run(mine.plan(order()))

    threads = [threading.Thread(target=begin, args=(mine,)) for mine in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(known_elsewhere(path)) == 8
    assert {"-wal", "-shm"} <= companions(path)  # the foreign close found them in use
    for mine in journals:
        mine.close()


async def test_a_link_to_a_journal_is_that_journal(journal: Journal, path: Path, tmp_path: Path) -> None:
    await journal.plan(order("one"))
    (tmp_path / "link").symlink_to(path)
    other = Journal(tmp_path / "link")
    await other.plan(order("two"))
    other.close()
    assert known_elsewhere(path) == {"one", "two"}
    assert not list(tmp_path.glob("link-*"))


async def test_a_second_hard_name_is_refused_since_each_would_have_a_log_of_its_own(
    journal: Journal, path: Path, tmp_path: Path
) -> None:
    await journal.plan(order())
    os.link(path, tmp_path / "other")
    for name in ("other", path.name):
        alias = Journal(tmp_path / name)
        with pytest.raises(sv.ConfigurationError, match=r"2 names .*hard links"):
            await alias.orders()
        alias.close()
    assert not list(tmp_path.glob("other-*"))


async def test_a_path_stays_where_it_was_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal("orders.sqlite3")
    await journal.plan(order())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await journal.plan(order())
    journal.close()
    assert (tmp_path / "orders.sqlite3").exists()


@pytest.mark.parametrize(
    "name", ["a b#c?d%41.sqlite3", "caf\udce9.sqlite3", ":memory:", "file:x?mode=memory"]
)
async def test_any_name_is_a_file_of_that_name(name: str, tmp_path: Path) -> None:
    journal = Journal(tmp_path / name)
    await journal.plan(order("one"))
    assert name in {file.name for file in tmp_path.iterdir()}
    assert "one" in repr(sv.client.OrderTable(await journal.orders(), journal.path, await journal.kept()))
    journal.close()


# Forks

FORKED = """
import asyncio, os, sys, traceback
import soundverse_nb as sv
from soundverse_nb.client import Journal, Order
path = sys.argv[1]

def plan(journal, name):
    asyncio.run(journal.plan(Order(name, "https://service")))

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        except SystemExit:   # of a grandchild
            raise
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.exit(0)   # as politely as a child may end: collected, and its exit handlers run
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

def refused(journal):
    try:
        journal.read()
    except sv.ConfigurationError as error:
        assert "spawn" in str(error) and "another journal" in str(error), error
    else:
        raise AssertionError("not refused")

parent = Journal(path)
"""


def forking(program: str, path: Path) -> None:
    """Run what goes on with FORKED; in an interpreter of its own, since how its children end is the point."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED + program, str(path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_forked_child_is_refused_the_journal_it_inherited_under_any_name(path: Path) -> None:
    forking(
        """
import gc
plan(parent, "before")
os.symlink(path, path + ".link")
def work():
    refused(parent)
    gc.collect()
    os.chdir(os.path.dirname(path))
    for name in (path, path + ".link", os.path.basename(path)):
        refused(Journal(name))
    plan(Journal(path + ".another"), "child")
in_child(work)
plan(parent, "after")
os._exit(0)
""",
        path,
    )
    assert known_elsewhere(path) == {"before", "after"}
    assert known_elsewhere(path.with_name(path.name + ".another")) == {"child"}


def test_a_grandchild_is_refused_too_and_a_journal_that_was_closed_before_is_not(path: Path) -> None:
    forking(
        """
plan(parent, "parent")
in_child(lambda: in_child(lambda: refused(Journal(path))))
parent.close()
in_child(lambda: plan(Journal(path), "child"))
""",
        path,
    )
    assert known_elsewhere(path) == {"parent", "child"}


def test_a_child_that_ends_takes_nothing_from_its_parent(path: Path) -> None:
    forking(
        """
import gc
client = sv.Client("a-key-0123456789", "http://127.0.0.1:9", journal=path, progress=False)
client.orders()
def work():
    global client
    mine = sv.Client("a-key-0123456789", "http://127.0.0.1:9", journal=path + ".another", progress=False)
    mine.orders()
    client = None
    gc.collect()
in_child(work)
plan(parent, "after")
os._exit(0)
""",
        path,
    )
    assert known_elsewhere(path) == {"after"}


# The open file and the path's


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for file in path.parent.glob(path.name + "*"):
        file.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def replace_by_another(path: Path) -> None:
    elsewhere = path.with_name("new")
    open_database(elsewhere).close()
    elsewhere.replace(path)


def delete_the_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def delete_the_shared_memory(path: Path) -> None:
    path.with_name(path.name + "-shm").unlink()


def point_elsewhere(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("new")
    open_database(path.with_name("new")).close()


LOSSES = {
    delete: "deleted or moved",
    delete_all: "deleted or moved",
    move: "deleted or moved",
    replace_by_another: "replaced",
    point_elsewhere: "replaced",
    delete_the_log: "lost its write-ahead log",
    delete_the_shared_memory: "lost its write-ahead log",
}


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
async def test_nothing_is_sent_once_the_path_names_another_file(
    lose: Callable[[Path], None], make_client: MakeClient, path: Path
) -> None:
    async with StrictService() as service:
        client = make_client(service)
        await client.remix(SONG, prompt="jazz")
        lose(path)
        with pytest.raises(sv.ConfigurationError, match=LOSSES[lose]) as caught:
            await client.remix(SONG, prompt="funk")
        assert "nothing is sent" in caught.value.message
        assert len(service.posts) == 1
    assert service.charged == 1


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
async def test_what_a_lost_journal_held_is_saved_beside_it_and_named(
    lose: Callable[[Path], None], path: Path
) -> None:
    journal = Journal(path)
    sending = await journal.sending(await journal.plan(order("paid")))
    await journal.move(sending, OrderState.ACCEPTED, message_id="m-77")
    lose(path)
    with pytest.raises(sv.ConfigurationError) as caught:
        await journal.plan(order("never"))
    (saved,) = path.parent.glob("orders.saved-*.sqlite3")
    assert str(saved) in str(caught.value)
    assert "paid (m-77)" in str(caught.value)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert known_elsewhere(saved) == {"paid"}
    journal.close()
    if path.exists():  # what is there now is whole: another journal, or this one, healed
        assert known_elsewhere(path) == ({"paid"} if "log" in LOSSES[lose] else set())


async def test_a_new_file_is_not_mixed_with_the_log_of_the_old_one(path: Path) -> None:
    old = Journal(path)
    await old.plan(order("old"))
    replace_by_another(path)
    new = Journal(path)
    with pytest.raises(sv.ConfigurationError, match="Close that client first"):
        await new.plan(order("new"))
    old.close()
    await new.plan(order("new"))
    assert known_elsewhere(path) == {"new"}
    (saved,) = path.parent.glob("orders.saved-*.sqlite3")
    assert known_elsewhere(saved) == {"old"}
    new.close()


@pytest.mark.parametrize("lose", [delete_the_log, delete_the_shared_memory], ids=lambda lose: lose.__name__)
async def test_a_journal_that_lost_its_log_is_whole_again_once_it_was_closed(
    lose: Callable[[Path], None], path: Path
) -> None:
    journal, other = Journal(path), Journal(path)
    await journal.plan(order("one"))
    await other.plan(order("two"))
    lose(path)
    with pytest.raises(sv.ConfigurationError, match="lost its write-ahead log"):
        await journal.plan(order("three"))
    with pytest.raises(sv.ConfigurationError, match="Close every client of this process"):
        await journal.plan(order("three"))
    other.close()
    await journal.plan(order("four"))
    assert known_elsewhere(path) == {"one", "two", "four"}
    journal.close()


async def test_what_others_wrote_after_the_log_was_lost_is_not_written_over(path: Path) -> None:
    program = f"""
import asyncio, glob, os, subprocess, sys
import soundverse_nb as sv
from soundverse_nb.client import Journal, Order
path = sys.argv[1]
mine = Journal(path)
asyncio.run(mine.plan(Order("one", "https://service")))
os.unlink(path + "-wal")
os.unlink(path + "-shm")
theirs = {WRITE!r}
subprocess.run([sys.executable, "-c", theirs, path], check=True)
try:
    asyncio.run(mine.plan(Order("three", "https://service")))
except sv.ConfigurationError as error:
    print(error)
mine.close()
"""
    said = python(program, path)
    assert "lost its write-ahead log" in said
    (saved,) = path.parent.glob("orders.saved-*.sqlite3")
    assert known_elsewhere(saved) == {"one"}
    assert "two" in known_elsewhere(path)


async def test_what_becomes_known_meanwhile_is_written_when_the_file_is_back(
    journal: Journal, path: Path
) -> None:
    sending = await journal.sending(await journal.plan(order("one")))
    path.rename(path.with_name("moved"))
    with pytest.raises(sv.ConfigurationError):
        await journal.move(sending, OrderState.ACCEPTED, message_id="m-1")
    path.with_name("moved").rename(path)
    accepted = await journal.move(sending, OrderState.ACCEPTED, message_id="m-1")
    assert accepted.message_id == "m-1"
    assert (await journal.get("one")).message_id == "m-1"


async def test_a_file_that_goes_during_the_commit_is_noticed_and_its_move_can_be_made_again(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundverse_nb.client.journal import writer

    sending = await journal.sending(await journal.plan(order("one")))
    done = writer._done

    def done_and_moved(connection: Any, group: Any) -> Any:
        answers = done(connection, group)
        check = connection.check_in_place

        def last_look_before() -> None:
            check()
            del connection.check_in_place
            path.rename(path.with_name("moved"))

        connection.check_in_place = last_look_before
        return answers

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_done", done_and_moved)
        with pytest.raises(sv.ConfigurationError, match="deleted or moved"):
            await journal.move(sending, OrderState.ACCEPTED, message_id="m-1")
    path.with_name("moved").rename(path)
    accepted = await journal.move(sending, OrderState.ACCEPTED, message_id="m-1")
    assert accepted.state is OrderState.ACCEPTED
    with pytest.raises(sv.ConfigurationError, match="cannot become"):
        await journal.move(sending, OrderState.ACCEPTED, message_id="m-2")


async def test_an_order_on_its_way_is_finished_though_its_journal_is_deleted(
    make_client: MakeClient, path: Path
) -> None:
    from tests import strict_service as script

    first, *rest = script.stages()
    async with StrictService([script.stream(first, script.HOLD, *rest)]) as service:
        client = make_client(service)
        job = client.start(SONG, prompt="jazz")
        await service.until(lambda: len(service.posts) == 1)
        path.unlink()
        service.release()
        remix = await job
    assert remix.audio.path.read_bytes() == script.MP3


async def test_what_was_left_of_a_journal_is_not_erased_by_a_new_one(path: Path) -> None:
    program = """
import asyncio, os, sys
from soundverse_nb.client import Journal, Order
asyncio.run(Journal(sys.argv[1]).plan(Order("paid", "https://service")))
os._exit(0)
"""
    python(program, path)
    for lost in (lambda: path.rename(path.with_name("moved")), lambda: path.write_bytes(b"")):
        lost()
        journal = Journal(path)
        with pytest.raises(sv.ConfigurationError, match=r"orders\.sqlite3-wal was left of one"):
            await journal.plan(order())
        journal.close()
    path.with_name("moved").replace(path)
    assert known_elsewhere(path) == {"paid"}


# What can never be a journal


def a_device(path: Path) -> Path:
    return Path("/dev/null")


def a_link_to_a_device(path: Path) -> Path:
    path.symlink_to("/dev/full")
    return path


def a_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def a_socket(path: Path) -> Path:
    before = Path.cwd()
    os.chdir(path.parent)  # such a name has 107 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)
    return path


def a_folder(path: Path) -> Path:
    path.mkdir()
    return path


def a_switch_of_the_kernel(path: Path) -> Path:
    return Path("/proc/self/oom_score_adj")


NO_JOURNALS = [a_device, a_link_to_a_device, a_pipe, a_socket, a_folder]


@pytest.mark.skipif(os.name != "posix", reason="devices and pipes")
@pytest.mark.parametrize("make", [*NO_JOURNALS, a_switch_of_the_kernel], ids=lambda make: make.__name__)
async def test_what_is_no_file_is_refused_before_it_is_touched(
    make: Callable[[Path], Path], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make(path)
    before = place.stat()
    monkeypatch.setattr(os, "open", lambda *a, **k: pytest.fail(f"opened {a}"))
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: pytest.fail(f"opened {a}"))
    monkeypatch.setattr(os, "chmod", lambda *a, **k: pytest.fail(f"changed {a}"))
    journal = Journal(place)
    with pytest.raises(sv.ConfigurationError, match=r"cannot be opened: .*Nothing is ordered"):
        await journal.plan(order())
    journal.close()
    assert place.stat().st_mode == before.st_mode


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("content", ["a database", "a text"])
async def test_a_file_of_another_program_is_left_as_it_was(content: str, mode: str, path: Path) -> None:
    if content == "a text":
        path.write_text("my shopping list, and more of it" * 40)
    else:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode = {mode}")
            connection.execute("CREATE TABLE bookmarks (url TEXT)")
    path.chmod(0o644)
    before = path.read_bytes()
    journal = Journal(path)
    with pytest.raises(sv.ConfigurationError, match=r"another program|not a SQLite file"):
        await journal.plan(order())
    journal.close()
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert companions(path) == set()


async def test_a_journal_that_others_could_read_is_made_private(path: Path) -> None:
    open_database(path).close()
    path.chmod(0o644)
    journal = Journal(path)
    await journal.plan(order())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    journal.close()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "x" * 250])
async def test_a_name_that_no_file_can_have_is_refused_in_words(name: str, tmp_path: Path) -> None:
    journal = Journal(tmp_path / name)
    with pytest.raises(sv.ConfigurationError, match="cannot be opened"):
        await journal.plan(order())
    journal.close()
    assert list(tmp_path.iterdir()) == []


async def test_its_place_can_be_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a" / "b" / "orders.sqlite3")
    await journal.plan(order("one"))
    journal.close()
    assert known_elsewhere(journal.path) == {"one"}
    shutil.rmtree(tmp_path / "a")
