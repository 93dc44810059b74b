"""What the journal could not write is not forgotten: it is written as soon as it can be, or said."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order, OrderState
from soundverse_nb.client.background import LOOP
from soundverse_nb.client.journal.entry import unfinished_entries
from tests import strict_service as script
from tests.client.conftest import SONG, SkippingClock
from tests.client.ordering import an_order
from tests.strict_service import StrictService, answer, stages, stream

MakeClient = Callable[..., sv.Client]
GONE = {"/audio/remix-1.mp3": [answer(b"", 404)]}
FAILED = stream(*stages()[:3], {"message_id": "@ID@", "isComplete": True, "status": "failed", "error": "x"})


class Disk:
    """The disk of a journal: `fill` makes the writing of some states fail, as on a full one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, when: str = "1") -> None:
        self._run(
            f"CREATE TRIGGER full BEFORE UPDATE ON orders WHEN {when} "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )

    def make_room(self) -> None:
        self._run("DROP TRIGGER full")

    def _run(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement)


NEVER_SENDING = "NEW.state NOT IN ('planned', 'sending')"


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "orders.sqlite3")


async def paid_and_not_written(client: sv.Client, disk: Disk) -> sv.DownloadError:
    """An order whose id, end and audio came while the disk was full."""
    await asyncio.to_thread(client.orders)
    disk.fill(NEVER_SENDING)
    with pytest.raises(sv.DownloadError) as failed:
        await client.remix(SONG, prompt="jazz")
    (order,) = client.orders()
    assert order.state is OrderState.SENDING
    return failed.value


async def test_recover_keeps_what_the_error_promised_when_the_disk_was_full(
    make_client: MakeClient, disk: Disk
) -> None:
    async with StrictService(files=GONE) as service:
        client = make_client(service)
        error = await paid_and_not_written(client, disk)
        assert error.message_id == "remix-1"
        assert "keep this kernel" in str(error)
        assert "remix-1" in str(error)
        full = await client.recover()
        assert full == []
        ((order, why),) = full.failed
        assert (order.message_id, why.spent.value) == ("remix-1", "yes")
        assert "remix-1" in str(why)
        assert "disk is full" in str(why)
        disk.make_room()
        service.files.clear()
        (remix,) = await client.recover()
        assert remix.message_id == "remix-1"
        (order,) = client.orders()
        assert (order.state, order.lease) == (OrderState.FETCHED, None)
        assert len(service.posts) == 1


async def test_a_beat_writes_what_is_owed_although_nobody_watches_any_more(
    make_client: MakeClient, disk: Disk
) -> None:
    async with StrictService(files=GONE) as service:
        client = make_client(service)
        await paid_and_not_written(client, disk)
        await LOOP.run(client._session._beat())
        assert client.orders()[0].message_id is None
        assert client.orders()[0].lease is not None, "an order whose states are owed is given to nobody"
        disk.make_room()
        await LOOP.run(client._session._beat())
        (order,) = client.orders()
        assert (order.state, order.message_id, order.lease) == (OrderState.COMPLETED, "remix-1", None)


async def test_closing_writes_what_is_owed(make_client: MakeClient, disk: Disk, tmp_path: Path) -> None:
    async with StrictService(files=GONE) as service:
        client = make_client(service)
        await paid_and_not_written(client, disk)
        disk.make_room()
        await client.aclose()
        (order,) = Journal(tmp_path / "orders.sqlite3").read()
        assert (order.state, order.message_id, order.lease) == (OrderState.COMPLETED, "remix-1", None)


async def test_a_close_that_cannot_write_it_says_so_and_the_next_client_recovers(
    make_client: MakeClient, disk: Disk, capfd: pytest.CaptureFixture[str]
) -> None:
    async with StrictService(files=GONE) as service:
        client = make_client(service)
        error = await paid_and_not_written(client, disk)
        capfd.readouterr()
        await client.aclose()
        said = capfd.readouterr().err
        assert error.order_id is not None
        assert error.order_id in said
        assert "remix-1" in said
        assert service.api_key not in said
        assert "secret-signature" not in said
        disk.make_room()
        service.files.clear()
        (remix,) = await make_client(service).recover()
        assert remix.message_id == "remix-1"
        assert len(service.posts) == 1
        assert unfinished_entries(disk.path) == []


async def test_what_another_client_is_about_to_write_is_not_called_unwritten_at_a_close(
    make_client: MakeClient,
    tmp_path: Path,
    clock: SkippingClock,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with StrictService() as service, an_order(service, tmp_path, clock) as (tracker, _):
        entry = tracker.entry
        await entry.announce_post()
        tracker.mark_sent()
        entry.add(OrderState.ACCEPTED, {"message_id": "remix-1"})
        finish = entry.finish

        async def finish_and_hear_more(journal: Journal | None = None) -> None:
            await finish(journal)
            entry.add(OrderState.COMPLETED, {"audio_url": "https://x/y"})

        monkeypatch.setattr(entry, "finish", finish_and_hear_more)
        other = make_client(service)
        await asyncio.to_thread(other.orders)
        await other.aclose()
        assert not entry.is_written
        assert "could not be written" not in capfd.readouterr().err
        await entry.write()
        assert entry.is_written


PROGRAM = """
import sqlite3, sys
import soundverse_nb as sv
folder, ends_full = sys.argv[1], sys.argv[2] == "full"
service = sv.simulator.Simulator(speed=1000).start()
journal = folder + "/orders.sqlite3"
client = sv.Client("a-key-0123456789", service.base_url, directory=folder, journal=journal, progress=False)
client.orders()
def run(statement):
    connection = sqlite3.connect(journal)
    connection.execute(statement)
    connection.commit()
    connection.close()
run("CREATE TRIGGER full BEFORE UPDATE ON orders WHEN NEW.state NOT IN ('planned', 'sending')"
    " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
remix = client.remix_sync(sv.example_song(), prompt="jazz")
print(remix.message_id, client.orders()[0].state.value)
client.close()
if not ends_full:
    run("DROP TRIGGER full")
"""


@pytest.mark.parametrize("ends", ["full", "with room"])
def test_the_interpreters_end_is_the_last_try(ends: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), ends],
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    message_id, state = done.stdout.split()
    assert state == "sending"
    assert message_id in done.stderr
    assert done.stderr.count("could not be written and still says") == 1
    (order,) = Journal(tmp_path / "orders.sqlite3").read()
    assert order.message_id == (None if ends == "full" else message_id)
    assert order.state.value == ("sending" if ends == "full" else "fetched")


ENDS: dict[str, tuple[Any, str, str, str]] = {
    # reply, what cannot be written, what the journal says then, what it says in the end
    "the id": (script.remix(), "NEW.state = 'accepted'", "sending", "fetched"),
    "that it is finished": (script.remix(), "NEW.state = 'completed'", "accepted", "fetched"),
    "that it is on disk": (script.remix(), "NEW.state = 'fetched'", "completed", "fetched"),
    "that nobody knows": (script.cut_after(1), "NEW.state = 'unknown'", "sending", "unknown"),
    "that it failed": (FAILED, "NEW.state = 'failed'", "accepted", "failed"),
    "that it was refused": (script.refusal(script.NO_BALANCE), "NEW.state = 'refused'", "sending", "refused"),
    "that it may be sent again": (
        script.refusal(script.RATE_LIMITED, 429), "NEW.state IN ('planned', 'refused')", "sending", "refused",
    ),
    "that it is given back": (script.remix(), "NEW.owner_token IS NULL", "fetched", "fetched"),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "full", "then", "in_the_end"), ENDS.values(), ids=ENDS)
async def test_whatever_could_not_be_written_is_written_in_the_end(
    reply: Any, full: str, then: str, in_the_end: str, make_client: MakeClient, disk: Disk
) -> None:
    async with StrictService([reply]) as service:
        client = make_client(service)
        await asyncio.to_thread(client.orders)
        disk.fill(full)
        ended = await asyncio.gather(client.remix(SONG, prompt="jazz"), return_exceptions=True)
        assert isinstance(ended[0], (sv.Remix, sv.SoundverseError))
        (order,) = client.orders()
        assert order.state.value == then
        assert order.lease is not None
        disk.make_room()
        await LOOP.run(client._session._beat())
        (order,) = client.orders()
        assert order.state.value == in_the_end
        assert order.lease is None
        assert len(service.posts) == 1
        assert unfinished_entries(disk.path) == []


async def test_one_that_cannot_be_written_stops_no_other(make_client: MakeClient, disk: Disk) -> None:
    async with StrictService() as service:
        client = make_client(service)
        await asyncio.to_thread(client.orders)
        disk.fill(NEVER_SENDING)
        await client.remix_all([(SONG, "first"), (SONG, "second"), (SONG, "third")])
        disk.make_room()
        first = client.orders()[0].order_id
        disk.fill(f"OLD.order_id = '{first}'")
        await LOOP.run(client._session._beat())
        states = [order.state.value for order in client.orders()]
        assert states == ["sending", "fetched", "fetched"]
        disk.make_room()


async def test_what_another_kernel_has_taken_is_not_owed_for_ever(
    tmp_path: Path, clock: SkippingClock, disk: Disk
) -> None:
    async with StrictService() as service, an_order(service, tmp_path, clock) as (tracker, _):
        await tracker.entry.announce_post()
        tracker.mark_sent()
        disk._run("UPDATE orders SET owner_token = 'of another', owner_host = 'elsewhere', owner_pid = 1")
        await tracker.move_to(OrderState.ACCEPTED, message_id="remix-1")
        await tracker.move_to(OrderState.COMPLETED, audio_url="https://x/y")
        assert tracker.entry.is_written
        await tracker.entry.release()
        assert unfinished_entries(tracker.session.journal.path) == []
        kept: Order = await tracker.session.journal.get(tracker.order.order_id)
        assert (kept.state, kept.message_id) == (OrderState.ACCEPTED, "remix-1")
        assert kept.lease is not None
        assert kept.lease.token == "of another"
