"""Whatever way a recovery, a remix or a batch ends: its orders are given back, and nothing is stuck."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order, OrderState
from soundverse_nb.client.background import LOOP
from soundverse_nb.client.journal import lease
from soundverse_nb.client.order import recover as recovery
from soundverse_nb.client.progress import ProgressReporter
from tests import strict_service as script
from tests.client.conftest import SONG, WATCHFUL, Notebook
from tests.client.order.test_recover import left_by_a_dead_kernel, send
from tests.strict_service import StrictService, stages, stream

MakeClient = Callable[..., sv.Client]
MANY = 20


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


async def many_left(path: Path, service: StrictService) -> None:
    await left_by_a_dead_kernel(
        path, service,
        *({"order_id": f"o{at}", "state": "accepted", "message_id": f"remix-{at + 1}", "posts": 1}
          for at in range(MANY)),
    )  # fmt: skip


async def nothing_is_stuck(client: sv.Client, service: StrictService) -> None:
    assert [order.lease for order in client.orders()] == [None] * MANY
    found = await client.recover()
    done = sum(order.state is OrderState.FETCHED for order in client.orders())
    assert done == MANY
    assert found.failed == []
    assert service.posts == []


@pytest.mark.parametrize("stops", [1, 3])
@pytest.mark.parametrize("at", [1, 2, 10, MANY])
async def test_an_interrupted_recover_gives_its_claims_back(
    at: int, stops: int, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped once or again and again, while the n-th of its orders is being claimed."""
    async with StrictService() as service:
        await many_left(tmp_path / "orders.sqlite3", service)
        client = make_client(service)
        await send(service, client, MANY)
        await asyncio.to_thread(client.orders)
        claim, count, works = Journal.claim, 0, []

        async def claim_and_stop(journal: Journal, order: Order) -> Order | None:
            nonlocal count
            count += 1
            if count == at:
                for _ in range(stops):
                    works[0].cancel()
            return await claim(journal, order)

        monkeypatch.setattr(Journal, "claim", claim_and_stop)
        works.append(LOOP.submit(client._recover(ProgressReporter(None))))
        ended = await asyncio.gather(asyncio.wrap_future(works[0].future), return_exceptions=True)
        assert isinstance(ended[0], BaseException)
        monkeypatch.undo()
        await nothing_is_stuck(client, service)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34])
async def test_a_recover_stopped_at_any_moment_leaves_nothing_stuck(
    turns: int, make_client: MakeClient, tmp_path: Path
) -> None:
    async with StrictService() as service:
        await many_left(tmp_path / "orders.sqlite3", service)
        client = make_client(service)
        await send(service, client, MANY)

        async def stop_again_and_again() -> None:
            task = asyncio.ensure_future(client._recover(ProgressReporter(None)))
            for _ in range(turns):
                await asyncio.sleep(0)
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait({task})

        await LOOP.run(stop_again_and_again())
        await nothing_is_stuck(client, service)


async def test_a_remix_stopped_again_and_again_is_given_back(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD)]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        job = client.start(SONG, prompt="jazz")
        await seen.until_stage("starting")
        for _ in range(5):
            job.cancel()
        await asyncio.wait({asyncio.wrap_future(job._work.future)})
        (order,) = client.orders()
        assert (order.state, order.lease) == (OrderState.ACCEPTED, None)
        assert seen.closed == 1


async def test_stop_pressed_twice_still_waits_for_the_id(make_client: MakeClient) -> None:
    async with StrictService([stream(stages()[0], script.HOLD, *stages()[1:])]) as service:
        seen = Notebook()
        timeouts = replace(WATCHFUL, cancel_grace=30.0)
        client = make_client(service, progress=seen, timeouts=timeouts)
        job = client.start(SONG, prompt="jazz")
        await seen.until_stage("validating")

        async def stop_twice() -> None:
            for _ in range(2):
                job._work._cancel()
                await asyncio.sleep(0)

        await LOOP.run(stop_twice())
        service.release()
        await asyncio.wait({asyncio.wrap_future(job._work.future)})
        (order,) = client.orders()
        assert (order.message_id, order.lease) == ("remix-1", None)


async def test_an_order_whose_giving_back_was_lost_is_recovered_by_any_client_of_the_process(
    make_client: MakeClient, tmp_path: Path
) -> None:
    path = tmp_path / "orders.sqlite3"
    async with StrictService() as service:
        await left_by_a_dead_kernel(
            path, service, {"order_id": "o", "state": "accepted", "message_id": "remix-1", "posts": 1}
        )
        client = make_client(service)
        await send(service, client, 1)
        stuck = lease.new_lease(0.0)
        lease.drop(stuck)
        change(
            path,
            f"UPDATE orders SET owner_host = '{stuck.host}', owner_pid = {stuck.pid}, "
            f"owner_started = '{stuck.started}', owner_token = '{stuck.token}', beat_at = 0",
        )
        (remix,) = await client.recover()
        assert remix.order_id == "o"


SEEMS_ELSEWHERE = "UPDATE orders SET owner_host = 'elsewhere', beat_at = beat_at - 600"


async def test_a_machine_whose_clock_is_ten_minutes_off_keeps_its_order(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LEASE_POLL_SECONDS", 0.01)
    path = tmp_path / "orders.sqlite3"
    async with StrictService([stream(stages()[0], script.HOLD, *stages()[1:])]) as service:
        seen, display = Notebook(), Notebook()
        there, here = make_client(service, progress=seen), make_client(service, progress=display)
        job = there.start(SONG, prompt="jazz")
        await seen.until_stage("validating")
        change(path, SEEMS_ELSEWHERE)
        recovering = asyncio.ensure_future(here.recover())
        await display.until(lambda: any("another machine" in (n.message or "") for n in display.updates))
        await LOOP.run(there._session._beat())
        assert await recovering == []
        service.release()
        remix = await job
        (order,) = here.orders()
        assert (order.state, order.message_id) == (OrderState.FETCHED, remix.message_id)
        assert service.asked == 0


async def test_the_order_of_a_machine_that_stays_silent_is_taken_up(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LEASE_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "SILENT_AFTER", 0.05)
    path = tmp_path / "orders.sqlite3"
    async with StrictService() as service:
        await many_left(path, service)
        change(
            path,
            "UPDATE orders SET owner_host = 'elsewhere', owner_pid = 1, owner_started = '', "
            "owner_token = 'token of ' || order_id, beat_at = 4000000000",
        )
        client = make_client(service)
        await send(service, client, MANY)
        assert len(await client.recover()) == MANY


# What another machine may have made of an order while its kernel had it in flight.
TAKEN = {
    "given up as unknown": "state = 'unknown', owner_token = NULL, owner_host = NULL",
    "given up as unknown and still held": "state = 'unknown', owner_token = 'of another'",
    "held, and nothing done yet": "owner_token = 'of another', owner_host = 'elsewhere', owner_pid = 1",
    "given back as it was": "owner_token = NULL, owner_host = NULL",
}


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
async def test_the_id_is_noted_although_the_order_was_taken_over_meanwhile(
    taken: str, make_client: MakeClient, tmp_path: Path
) -> None:
    async with StrictService([stream(stages()[0], script.HOLD, *stages()[1:])]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        job = client.start(SONG, prompt="jazz")
        await seen.until_stage("validating")
        change(tmp_path / "orders.sqlite3", f"UPDATE orders SET {taken}")
        service.release()
        assert isinstance(await job, sv.Remix)
        (order,) = client.orders()
        assert order.message_id == "remix-1"
        kept = "of another" in taken
        assert order.state is (OrderState.ACCEPTED if kept else OrderState.FETCHED)
        assert (order.lease.token if order.lease else None) == ("of another" if kept else None)
        assert len(service.posts) == 1


async def test_an_order_taken_over_before_it_was_sent_is_not_sent(
    make_client: MakeClient, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "orders.sqlite3")
    mine = await journal.plan(Order("o", "https://service"))
    change(journal.path, "UPDATE orders SET owner_token = 'of another'")
    with pytest.raises(sv.ConfigurationError, match="another kernel"):
        await journal.sending(mine)
    change(journal.path, "UPDATE orders SET state = 'refused', owner_token = NULL")
    with pytest.raises(sv.ConfigurationError, match="refused"):
        await journal.sending(mine)
    journal.close()
