"""After a kernel died at any point, every paid remix is finished, and no order is ever sent again."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order, OrderState
from soundverse_nb.client.journal.entry import JournalEntry
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.strict_service import StrictService, answer, completed, stages, stream

MakeClient = Callable[..., sv.Client]


async def left_by_a_dead_kernel(path: Path, service: StrictService, *orders: dict[str, object]) -> None:
    """Orders in a journal whose owner is gone."""
    journal = Journal(path)
    for facts in orders:
        order = await journal.plan(
            Order(
                order_id=str(facts["order_id"]), service=str(facts.get("service", service.base_url)),
                request={"prompt": f"prompt of {facts['order_id']}", "song_reference_url": SONG},
            )
        )  # fmt: skip
        await journal.release(order)
    journal.close()
    with sqlite3.connect(path) as connection:
        for facts in orders:
            for name, value in facts.items():
                change = f"UPDATE orders SET {name} = ? WHERE order_id = ?"
                connection.execute(change, (value, facts["order_id"]))
    connection.close()


async def send(service: StrictService, client: sv.Client, count: int) -> None:
    """Let the service know some orders, as if a kernel had sent them."""
    for at in range(count):
        service._ids.append(f"remix-{at + 1}")


async def test_each_order_is_taken_up_where_its_kernel_died(make_client: MakeClient, tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite3"
    async with StrictService() as service:
        await left_by_a_dead_kernel(
            path, service,
            {"order_id": "planned"},
            {"order_id": "sending", "state": "sending", "posts": 1},
            {"order_id": "accepted", "state": "accepted", "message_id": "remix-1", "posts": 1},
            {"order_id": "completed", "state": "completed", "message_id": "remix-2", "posts": 1,
             "audio_url": f"{service.storage_url}/audio/remix-2.mp3"},
            {"order_id": "elsewhere", "state": "accepted", "message_id": "m", "service": "https://other"},
        )  # fmt: skip
        client = make_client(service)
        await send(service, client, 2)
        remixes = await client.recover()
        assert {remix.order_id for remix in remixes} == {"accepted", "completed"}
        assert all(remix.audio.path.read_bytes() == script.MP3 for remix in remixes)
        assert {remix.request.prompt for remix in remixes} == {"prompt of accepted", "prompt of completed"}
        assert [order.order_id for order in remixes.unknown] == ["sending"]
        assert remixes.failed == []
        assert {order.order_id: order.state.value for order in client.orders()} == {
            "planned": "refused", "sending": "unknown", "accepted": "fetched", "completed": "fetched",
            "elsewhere": "accepted",
        }  # fmt: skip
        assert "of unknown outcome" in repr(remixes)
        assert await client.recover() == [], "a second time there is nothing left to do"
        assert service.posts == []
        assert service.violations == []


async def test_what_cannot_be_finished_yet_stays_to_be_finished_later(
    make_client: MakeClient, tmp_path: Path
) -> None:
    path = tmp_path / "orders.sqlite3"
    async with StrictService(files={"/audio/remix-1.mp3": [answer(b"", 404)]}) as service:
        await left_by_a_dead_kernel(
            path, service, {"order_id": "a", "state": "accepted", "message_id": "remix-1", "posts": 1}
        )
        client = make_client(service)
        await send(service, client, 1)
        remixes = await client.recover()
        assert remixes == []
        ((order, error),) = remixes.failed
        assert order.order_id == "a"
        assert isinstance(error, sv.DownloadError)
        assert "not recovered" in repr(remixes)
        assert client.orders()[0].state is OrderState.COMPLETED
        service.files.clear()
        (remix,) = await client.recover()
        assert remix.audio.path.read_bytes() == script.MP3


async def test_an_order_that_a_running_kernel_looks_after_is_left_to_it(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD, *stages()[3:])]) as service:
        seen = Notebook()
        first, second = make_client(service, progress=seen), make_client(service)
        job = first.start(SONG, prompt="jazz")
        await seen.until_stage("starting")
        assert await second.recover() == []
        assert await first.recover() == []
        service.release()
        assert isinstance(await job, sv.Remix)
        assert service.asked == 0


async def test_two_kernels_that_recover_at_once_share_the_work(
    make_client: MakeClient, tmp_path: Path
) -> None:
    async with StrictService() as service:
        await left_by_a_dead_kernel(
            tmp_path / "orders.sqlite3", service,
            *({"order_id": f"o{at}", "state": "accepted", "message_id": f"remix-{at + 1}", "posts": 1}
              for at in range(12)),
        )  # fmt: skip
        first, second = make_client(service), make_client(service)
        await send(service, first, 12)
        found = await asyncio.gather(first.recover(), second.recover())
        ids = sorted(remix.order_id or "" for remixes in found for remix in remixes)
        assert ids == sorted(f"o{at}" for at in range(12)), "each of them exactly once"


async def interrupted(make_client: MakeClient, service: StrictService) -> sv.Client:
    """A client whose only cell was interrupted while its remix was being made."""
    seen = Notebook()
    client = make_client(service, progress=seen)
    cell = asyncio.ensure_future(client.remix(SONG, prompt="jazz"))
    await seen.until_stage("starting")
    cell.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cell
    return client


async def test_an_interrupted_cell_says_how_to_go_on_and_recover_does(
    make_client: MakeClient, capfd: pytest.CaptureFixture[str]
) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD)], status=[answer(completed())]) as service:
        client = await interrupted(make_client, service)
        assert "client.recover()" in capfd.readouterr().err
        (remix,) = await client.recover()
        assert remix.message_id == "remix-1"
        assert len(service.posts) == 1


async def test_what_was_interrupted_a_moment_ago_is_recovered_once_it_is_given_back(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slow disk: the interrupt is answered while the order is still being written down.
    written, release = threading.Event(), JournalEntry.release

    async def release_late(entry: JournalEntry) -> None:
        await asyncio.to_thread(written.wait, 20)
        await release(entry)

    monkeypatch.setattr("soundverse_nb.client.background.INTERRUPT_SECONDS", 0)
    monkeypatch.setattr(JournalEntry, "release", release_late)
    async with StrictService([stream(*stages()[:3], script.HOLD)], status=[answer(completed())]) as service:
        client = await interrupted(make_client, service)
        asyncio.get_running_loop().call_later(0.3, written.set)
        (remix,) = await client.recover()
        assert remix.message_id == "remix-1"
        assert len(service.posts) == 1


async def test_a_stream_that_was_left_in_the_middle_is_recovered_in_the_same_cell(
    make_client: MakeClient,
) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD)], status=[answer(completed())]) as service:
        client = make_client(service)
        async for event in client.stream(sv.RemixRequest(SONG, prompt="jazz")):
            if event.message_id:
                break
        (remix,) = await client.recover()
        assert remix.message_id == "remix-1"
        assert len(service.posts) == 1


async def test_a_bare_stream_can_be_fetched_later(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        seen = [event async for event in client.stream(sv.RemixRequest(SONG, prompt="jazz"))]
        assert [event.chunk_index for event in seen] == list(range(9))
        assert client.orders()[0].state is OrderState.COMPLETED
        (remix,) = await client.recover()
        assert remix.audio.path.read_bytes() == script.MP3
        assert service.charged == 1


async def test_a_refresh_of_the_address_rescues_an_expired_link(
    make_client: MakeClient, tmp_path: Path
) -> None:
    async with StrictService() as service:
        await left_by_a_dead_kernel(
            tmp_path / "orders.sqlite3", service,
            {"order_id": "old", "state": "completed", "message_id": "remix-1", "posts": 1,
             "audio_url": f"{service.storage_url}/expired.mp3?X-Signature=old"},
        )  # fmt: skip
        client = make_client(service)
        await send(service, client, 1)
        (remix,) = await client.recover()
        assert remix.audio.path.read_bytes() == script.MP3


def test_recovering_from_plain_code(make_client: MakeClient) -> None:
    client = make_client(api_key="key-0123456789", base_url="http://127.0.0.1:9")
    assert client.recover_sync() == []


@pytest.mark.parametrize("spelled", ["http://LOCALHOST:{}", "http://localhost:{}/", "HTTP://localhost.:{}"])
async def test_orders_noted_under_another_spelling_of_the_address_are_found(
    spelled: str, make_client: MakeClient, tmp_path: Path
) -> None:
    async with StrictService() as service:
        port = service.base_url.rpartition(":")[2]
        await left_by_a_dead_kernel(
            tmp_path / "orders.sqlite3", service,
            {"order_id": "a", "state": "accepted", "message_id": "remix-1", "posts": 1,
             "service": spelled.format(port)},
            {"order_id": "b", "state": "unknown", "posts": 1, "service": spelled.format(port)},
        )  # fmt: skip
        client = make_client(service, base_url=f"http://LocalHost:{port}")
        await send(service, client, 1)
        remixes = await client.recover()
        assert [remix.order_id for remix in remixes] == ["a"]
        assert [order.order_id for order in remixes.unknown] == ["b"]
