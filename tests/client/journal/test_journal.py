"""The journal of orders: durable, private, in order, and safe for two kernels."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from soundverse_nb.client import Journal, Order, OrderState
from soundverse_nb.client.journal.order import NEXT, new_order_id
from soundverse_nb.client.journal.schema import APPLICATION_ID, VERSION
from soundverse_nb.client.journal.writer import open_database
from soundverse_nb.errors import ConfigurationError

OLD = Path(__file__).parent / "data" / "orders-v1.sql"


def order(**fields: object) -> Order:
    return Order(order_id=new_order_id(), service="https://service", **fields)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "orders.sqlite3"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def test_a_commit_is_on_disk_before_anybody_is_told(path: Path) -> None:
    connection = open_database(path)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    connection.close()


async def test_only_its_user_can_read_it(journal: Journal, path: Path) -> None:
    await journal.plan(order())
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_paths_of_any_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    odd = os.fsdecode(b"/music/caf\xe9.mp3")
    place = tmp_path / os.fsdecode(b"stud\xe9") / "orders.sqlite3"
    journal = Journal(place)
    planned = await journal.plan(
        order(reference_path=odd, reference_name="caf\ufffd.mp3", label="\udce9 \ud800")
    )
    moved = await journal.sending(planned)
    for state, facts in (
        (OrderState.ACCEPTED, {"message_id": "m-1"}),
        (OrderState.COMPLETED, {"song_name": "\ud800 in blue"}),
        (OrderState.FETCHED, {"path": odd, "sha256": "0"}),
    ):
        moved = await journal.move(moved, state, **facts)
    journal.close()
    again = Journal(place)
    (kept,) = again.read()
    again.close()
    assert (kept.reference_path, kept.path, kept.reference_name) == (odd, odd, "caf\ufffd.mp3")


async def test_an_order_keeps_what_became_known_of_it(journal: Journal) -> None:
    planned = await journal.plan(
        order(request={"prompt": "jazz", "parameters": {"seed": 1}}, reference_name="a.mp3", label="trial 3")
    )
    sending = await journal.sending(planned)
    accepted = await journal.move(sending, OrderState.ACCEPTED, message_id="m-1")
    completed = await journal.move(accepted, OrderState.COMPLETED, audio_url="https://x/y?s=1", song_name="S")
    await journal.move(completed, OrderState.FETCHED, path="remixes/a.mp3", sha256="ab", size_bytes=7)
    (found,) = await journal.orders()
    assert (found.state, found.message_id, found.posts, found.path) == (
        OrderState.FETCHED, "m-1", 1, "remixes/a.mp3",
    )  # fmt: skip
    assert (found.prompt, found.parameters, found.label) == ("jazz", {"seed": 1}, "trial 3")
    assert found.created_at <= found.updated_at


@pytest.mark.parametrize("before", OrderState)
@pytest.mark.parametrize("after", OrderState)
async def test_only_the_documented_transitions_happen(
    before: OrderState, after: OrderState, journal: Journal, path: Path
) -> None:
    planned = await journal.plan(order())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE orders SET state = ?", (before.value,))
    if after in NEXT[before]:
        assert (await journal.move(planned, after)).state is after
    else:
        with pytest.raises(ConfigurationError, match="cannot become"):
            await journal.move(planned, after)


async def test_what_the_file_says_counts_and_not_an_older_view_of_it(journal: Journal) -> None:
    sending = await journal.sending(await journal.plan(order()))
    with pytest.raises(ConfigurationError):
        await journal.sending(replace(sending, state=OrderState.PLANNED, posts=0))
    accepted = await journal.move(sending, OrderState.ACCEPTED, message_id="m-1")
    with pytest.raises(ConfigurationError):
        await journal.move(sending, OrderState.PLANNED)
    await journal.move(accepted, OrderState.COMPLETED, audio_url="https://x/1", song_name="S")
    renewed = await journal.move(accepted, OrderState.COMPLETED, audio_url="https://x/2")
    assert (renewed.song_name, renewed.audio_url, renewed.posts) == ("S", "https://x/2", 1)
    assert await journal.get(renewed.order_id) == renewed


def test_nothing_leads_back_to_a_second_post() -> None:
    """From a state that says the POST arrived, sending cannot be reached again."""
    reached = {OrderState.ACCEPTED, OrderState.UNKNOWN, OrderState.COMPLETED, OrderState.FAILED}
    while more := {to for state in reached for to in NEXT[state]} - reached:
        reached |= more
    assert OrderState.SENDING not in reached
    assert OrderState.PLANNED not in reached


async def test_a_running_kernel_keeps_its_orders(journal: Journal, path: Path) -> None:
    mine = await journal.plan(order())
    other = Journal(path)
    try:
        assert await other.claim(mine) is None
        with pytest.raises(ConfigurationError, match="another kernel"):
            await other.sending(replace(mine, lease=None))
        assert (await journal.sending(mine)).state is OrderState.SENDING
    finally:
        other.close()


async def test_what_was_let_go_can_be_taken_up_once(journal: Journal, path: Path) -> None:
    mine = await journal.plan(order())
    await journal.release(mine)
    other = Journal(path)
    try:
        taken = await asyncio.gather(*(each.claim(mine) for each in (journal, other, journal, other)))
        assert sum(claim is not None for claim in taken) == 1
    finally:
        other.close()


def test_the_orders_of_a_dead_kernel_can_be_taken_up(journal: Journal, path: Path) -> None:
    program = (
        "import asyncio, sys; from soundverse_nb.client import Journal, Order\n"
        "asyncio.run(Journal(sys.argv[1]).plan(Order(order_id='dead', service='https://service')))\n"
        "import os; os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    (left,) = journal.read()
    assert left.lease is not None
    assert left.lease.pid != os.getpid()
    assert asyncio.run(journal.claim(left)) is not None


async def test_many_orders_share_their_commits(journal: Journal, path: Path) -> None:
    planned = await asyncio.gather(*(journal.plan(order()) for _ in range(300)))
    assert len({each.order_id for each in planned}) == 300
    wal = path.with_name(path.name + "-wal")
    # One commit for each order would have written each page of the table three hundred times.
    assert wal.stat().st_size < 300 * 4096


async def test_it_is_written_where_no_thread_can_be_started(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the interpreter's end, and where a limit of threads is reached."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        planned = await asyncio.gather(*(journal.plan(order()) for _ in range(3)))
        assert [kept.order_id for kept in journal.read()] == [one.order_id for one in planned]
    planned.append(await journal.plan(order()))
    assert len(Journal(path).read()) == len(planned)


async def test_work_that_fails_takes_nothing_with_it(journal: Journal) -> None:
    first = order()
    results = await asyncio.gather(
        journal.plan(first), journal.get("nobody"), journal.plan(order()), return_exceptions=True
    )
    assert isinstance(results[1], ConfigurationError)
    assert len(await journal.orders()) == 2


def test_it_can_be_read_from_any_thread(journal: Journal) -> None:
    asyncio.run(journal.plan(order()))
    assert len(journal.read()) == 1
    assert journal.read([OrderState.UNKNOWN]) == []


async def test_an_older_file_is_migrated(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD.read_text("utf-8"))
    connection.close()
    journal = Journal(path)
    first, second = await journal.orders()
    assert (first.state, first.message_id, first.song_name) == (OrderState.ACCEPTED, "msg-1", "Old Song")
    assert (second.state, second.lyrics, second.size_bytes) == (OrderState.FETCHED, "la la", 1234)
    assert first.lease is None
    assert await journal.claim(first) is not None
    journal.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    connection.close()


async def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    open_database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    journal = Journal(path)
    with pytest.raises(ConfigurationError, match="newer soundverse_nb"):
        await journal.plan(order())
    journal.close()
    assert path.read_bytes() == before


async def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from soundverse_nb.client.journal import schema

    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD.read_text("utf-8"))
    connection.close()

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE orders ADD COLUMN label TEXT")
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setitem(schema.STEPS, 2, half)
        broken = Journal(path)
        with pytest.raises(ConfigurationError, match="disk I/O error"):
            await broken.orders()
        broken.close()
    restored = Journal(path)
    assert len(await restored.orders()) == 2
    restored.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"this is no database at all, but long enough", "not a SQLite file"), (None, "another program")],
)
async def test_a_file_of_something_else_is_refused(content: bytes | None, said: str, path: Path) -> None:
    path.parent.mkdir()
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.close()
    else:
        path.write_bytes(content)
    journal = Journal(path)
    with pytest.raises(ConfigurationError, match=said):
        await journal.plan(order())
    journal.close()


async def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    journal = Journal(path)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await journal.plan(order())
    journal.close()


async def test_a_closed_journal_says_so(journal: Journal) -> None:
    await journal.plan(order())
    journal.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await journal.orders()


def test_its_files_are_recognisable(path: Path) -> None:
    open_database(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    connection.close()


async def test_an_interrupted_write_is_still_written(journal: Journal) -> None:
    planned = await journal.plan(order())
    writing = asyncio.ensure_future(journal.sending(planned))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert (await journal.get(planned.order_id)).state is OrderState.SENDING


async def test_work_that_cannot_be_done_spoils_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "orders.sqlite3")
    first, second = Order(new_order_id(), "http://service"), Order(new_order_id(), "http://service")
    planned = await journal.plan(first)
    twice, other = await asyncio.gather(journal.plan(first), journal.plan(second), return_exceptions=True)
    assert isinstance(twice, ConfigurationError)
    assert isinstance(other, Order)
    assert {order.order_id for order in await journal.orders()} == {planned.order_id, other.order_id}
    journal.close()
