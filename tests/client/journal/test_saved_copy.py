"""The copy of a journal that was lost while it was open: it holds what became known afterwards, too."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order, OrderState
from soundverse_nb.client.background import LOOP
from soundverse_nb.client.journal import location
from soundverse_nb.client.journal.entry import unfinished_entries
from soundverse_nb.client.journal.order import new_order_id
from tests import strict_service as script
from tests.client.conftest import SONG, SkippingClock
from tests.client.journal.test_database import LOSSES, delete, delete_all, delete_the_log, move
from tests.client.ordering import an_order
from tests.strict_service import StrictService, answer, stages, stream

MakeClient = Callable[..., sv.Client]
GONE = {f"/audio/remix-{number}.mp3": [answer(b"", 404)] for number in (1, 2)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite3"


def copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob("orders.saved-*.sqlite3"))


def read(path: Path) -> list[Order]:
    journal = Journal(path)
    try:
        return journal.read()
    finally:
        journal.close()


@contextlib.asynccontextmanager
async def held_before_the_id(orders: int = 1) -> AsyncIterator[StrictService]:
    """A service that has taken so many orders and names none of them before it is released."""
    first, *rest = stages()
    async with StrictService([stream(first, script.HOLD, *rest)] * orders, files=GONE) as service:
        yield service


async def paid_after_the_loss(
    service: StrictService, client: sv.Client, lose: Callable[[], None]
) -> sv.DownloadError:
    """An order that is named, finished and cannot be fetched, all after its journal was lost."""
    job = client.start(SONG, prompt="jazz")
    await service.until(lambda: len(service.posts) == 1)
    lose()
    service.release()
    with pytest.raises(sv.DownloadError) as failed:
        await job
    return failed.value


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
async def test_an_id_that_comes_after_the_loss_is_in_the_copy_and_recovered_from_it(
    lose: Callable[[Path], None], make_client: MakeClient, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with held_before_the_id() as service:
        client = make_client(service)
        error = await paid_after_the_loss(service, client, lambda: lose(path))
        await client.aclose()
        said = capfd.readouterr().err
        if "log" in LOSSES[lose]:  # closed, it is whole again, and what was owed is in its place
            assert [order.message_id for order in read(path)] == ["remix-1"]
        else:
            (saved,) = copies(path)
            assert str(saved) in str(error)
            assert str(saved) in said
            (order,) = read(saved)
            assert (order.state, order.message_id, order.lease) == (OrderState.COMPLETED, "remix-1", None)
            service.files.clear()
            (remix,) = await make_client(service, journal=saved).recover()
            assert remix.message_id == "remix-1"
        assert len(service.posts) == 1


async def test_what_is_followed_is_ours_in_the_copy_and_each_state_is_there_at_once(
    path: Path, clock: SkippingClock
) -> None:
    async with StrictService() as service, an_order(service, path.parent, clock) as (tracker, _):
        lost = tracker.session.journal.path
        await tracker.entry.announce_post()
        tracker.mark_sent()
        move(lost)
        for state, facts in (
            (OrderState.ACCEPTED, {"message_id": "m-1"}),
            (OrderState.COMPLETED, {"audio_url": "https://x/y"}),
        ):
            await tracker.move_to(state, **facts)
            (order,) = read(copies(lost)[0])
            assert (order.state, order.message_id, order.posts) == (state, "m-1", 1)
            assert order.lease == tracker.order.lease
        await tracker.entry.release()
        (order,) = read(copies(lost)[0])
        assert (order.audio_url, order.lease) == ("https://x/y", None)
        lost.with_name("moved").rename(lost)
        await tracker.entry.finish()
        (order,) = read(lost)
        assert (order.state, order.audio_url, order.lease) == (OrderState.COMPLETED, "https://x/y", None)


async def test_two_clients_of_one_process_have_one_copy_and_both_their_ids_in_it(
    make_client: MakeClient, path: Path
) -> None:
    async with held_before_the_id(2) as service:
        jobs = [make_client(service).start(SONG, prompt=prompt) for prompt in ("jazz", "funk")]
        await service.until(lambda: len(service.posts) == 2)
        path.unlink()
        service.release()
        ends = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(end) for end in ends] == [sv.DownloadError] * 2
        (saved,) = copies(path)
        assert {order.message_id for order in read(saved)} == {"remix-1", "remix-2"}


async def test_a_copy_that_is_lost_too_is_made_again_with_all_that_is_known(
    make_client: MakeClient, path: Path
) -> None:
    async with held_before_the_id() as service:
        client = make_client(service)
        await paid_after_the_loss(service, client, path.unlink)
        copies(path)[0].rename(path.with_name("elsewhere"))
        await LOOP.run(client._session._beat())
        (saved,) = copies(path)
        (order,) = read(saved)
        assert (order.state, order.message_id) == (OrderState.COMPLETED, "remix-1")


async def test_the_file_that_is_put_back_gets_all_and_a_second_loss_a_copy_of_its_own(
    make_client: MakeClient, path: Path
) -> None:
    async with held_before_the_id() as service:
        client = make_client(service)
        await paid_after_the_loss(service, client, lambda: move(path))
        path.with_name("moved").rename(path)
        await LOOP.run(client._session._beat())
        assert [(order.state, order.message_id) for order in read(path)] == [
            (OrderState.COMPLETED, "remix-1")
        ]
        service.files.clear()
        await client.recover()
        delete(path)
        with pytest.raises(sv.ConfigurationError):
            await client.remix(SONG, prompt="funk")
        first, second = copies(path)
        assert {order.state for each in (first, second) for order in read(each)} == {
            OrderState.COMPLETED,
            OrderState.FETCHED,
        }
        assert len(service.posts) == 1


async def test_a_journal_that_lost_its_log_amid_other_clients_is_copied_likewise(
    make_client: MakeClient, path: Path
) -> None:
    async with held_before_the_id() as service:
        client, other = make_client(service), Journal(path)
        await other.orders()
        error = await paid_after_the_loss(service, client, lambda: delete_the_log(path))
        (saved,) = copies(path)
        assert str(saved) in str(error)
        assert [order.message_id for order in read(saved)] == ["remix-1"]
        other.close()


def move_away(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


@pytest.mark.parametrize("lose", [shutil.rmtree, move_away], ids=["deleted", "moved"])
async def test_where_its_whole_folder_goes_the_copy_is_in_the_nearest_that_is_left(
    lose: Callable[[Path], None], make_client: MakeClient, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study" / "first" / "orders.sqlite3"
    async with held_before_the_id() as service:
        client = make_client(service, journal=path)
        error = await paid_after_the_loss(service, client, lambda: lose(path.parent.parent))
        (saved,) = copies(tmp_path / path.name)
        assert str(saved) in str(error)
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        await client.aclose()
        assert str(saved) in capfd.readouterr().err
        service.files.clear()
        (remix,) = await make_client(service, journal=saved).recover()
        assert remix.message_id == "remix-1"


async def test_a_folder_that_goes_with_nothing_under_way_leaves_no_copy_elsewhere(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = tmp_path / "temporary"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    path = tmp_path / "study" / "orders.sqlite3"
    async with StrictService() as service:
        client = make_client(service, journal=path)
        await client.remix(SONG, prompt="jazz")
        shutil.rmtree(path.parent)
        await client.aclose()
    assert copies(tmp_path / path.name) == copies(spare / path.name) == []


async def test_where_nothing_can_be_written_beside_it_the_copy_is_among_the_temporary_files(
    make_client: MakeClient, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = tmp_path / "temporary"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    create = location.create

    def refuse_elsewhere(file: Path) -> bool:
        if file.parent != spare:
            raise PermissionError(13, "Permission denied", str(file))
        return create(file)

    async with held_before_the_id() as service:
        client = make_client(service)
        await asyncio.to_thread(client.orders)
        monkeypatch.setattr(location, "create", refuse_elsewhere)
        error = await paid_after_the_loss(service, client, path.unlink)
        (saved,) = copies(spare / path.name)
        assert str(saved) in str(error)
        assert [order.message_id for order in read(saved)] == ["remix-1"]


async def test_recover_names_the_copy_while_the_journal_is_lost(make_client: MakeClient, path: Path) -> None:
    async with held_before_the_id() as service:
        client = make_client(service)
        await paid_after_the_loss(service, client, path.unlink)
        with pytest.raises(sv.ConfigurationError) as caught:
            await client.recover()
        assert str(copies(path)[0]) in str(caught.value)


async def test_a_new_journal_in_its_place_gets_what_is_owed_too_and_recovers_it(
    make_client: MakeClient, path: Path
) -> None:
    async with held_before_the_id() as service:
        old = make_client(service)
        await paid_after_the_loss(service, old, lambda: delete_all(path))
        service.files.clear()
        (remix,) = await make_client(service).recover()
        assert remix.message_id == "remix-1"
        assert [(order.state, order.message_id) for order in read(path)] == [(OrderState.FETCHED, "remix-1")]
        assert unfinished_entries(path) == []
        assert len(service.posts) == 1


async def test_the_copy_of_a_damaged_journal_gets_what_becomes_known_and_what_could_not_be_read(
    make_client: MakeClient, path: Path
) -> None:
    def damage() -> None:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            (page,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'orders'"
            ).fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            with path.open("r+b") as file:
                file.seek((page - 1) * size)
                file.write(b"\xff" * size)
            # What others change makes the client read the file again.
            connection.execute("PRAGMA user_version = 2")

    async with held_before_the_id() as service:
        client = make_client(service)
        error = await paid_after_the_loss(service, client, damage)
        (saved,) = copies(path)
        assert str(saved) in str(error)
        (order,) = read(saved)
        assert (order.prompt, order.state, order.message_id) == ("jazz", OrderState.COMPLETED, "remix-1")


async def test_what_another_kernel_has_done_with_the_copy_is_left_to_it(path: Path) -> None:
    def planned() -> Order:
        return Order(new_order_id(), "https://service", request={"prompt": "jazz"})

    journal = Journal(path)
    done, lacks = [await journal.sending(await journal.plan(planned())) for _ in range(2)]
    named = await journal.move(done, OrderState.ACCEPTED, message_id="m-1")
    await journal._do(lambda c: c.execute("UPDATE orders SET owner_token = 'of another'"))
    for order, message_id in ((named, "m-other"), (lacks, "m-2")):
        accepted = Order(**{**vars(order), "state": OrderState.ACCEPTED, "message_id": message_id})
        await journal.keep(accepted, watched=False)
    kept = {order.order_id: order for order in await journal.orders()}
    assert kept[done.order_id].message_id == "m-1"
    assert (kept[lacks.order_id].state, kept[lacks.order_id].message_id) == (OrderState.ACCEPTED, "m-2")
    assert {order.lease and order.lease.token for order in kept.values()} == {"of another"}
    journal.close()
