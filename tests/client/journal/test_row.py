"""A row of the journal that cannot be read is shown as that, and hides no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from tests.client.conftest import SONG
from tests.client.order.test_recover import left_by_a_dead_kernel, send
from tests.strict_service import StrictService

MakeClient = Callable[..., sv.Client]

# What a newer version, another program or a bad disk may leave in one row.
UNREADABLE = {
    "a state of a newer version": "state = 'archived'",
    "a state of bytes": "state = x'ff'",
    "a request that is no JSON": "request = '{oops'",
    "a request of another kind": "request = '[1, 2]'",
    "a request nested without end": "request = '" + "[" * 100_000 + "'",
    "a request of bytes": "request = x'ff00'",
    "a text that is not UTF-8": "message_id = CAST(x'6d2dff' AS TEXT)",
    "an address of bytes": "audio_url = x'00ff'",
    "a number for a name": "message_id = CAST(7 AS BLOB)",
    "a time without end": "created_at = 9e999",
    "a time before all times": "updated_at = -1e300",
    "a time of words": "created_at = 'yesterday'",
    "fewer than no posts": "posts = -1",
    "a size of words": "size_bytes = 'large'",
    "a negative size": "size_bytes = -9223372036854775808",
    "an owner of bytes": "owner_token = x'ff', owner_host = x'ff'",
    "an owner without a machine": "owner_token = 'x', owner_host = NULL",
    "a sign of life of words": "owner_token = 'x', owner_host = 'h', owner_pid = 'pid', beat_at = 'now'",
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_one_unreadable_row_hides_no_other(
    change: str, make_client: MakeClient, tmp_path: Path
) -> None:
    path = tmp_path / "orders.sqlite3"
    async with StrictService() as service:
        await left_by_a_dead_kernel(
            path, service,
            {"order_id": "bad", "state": "accepted", "message_id": "remix-2", "posts": 1},
            {"order_id": "good", "state": "accepted", "message_id": "remix-1", "posts": 1},
        )  # fmt: skip
        with sqlite3.connect(path) as connection:
            connection.execute(f"UPDATE orders SET {change} WHERE order_id = 'bad'")
        connection.close()
        client = make_client(service)
        await send(service, client, 1)
        orders = client.orders()
        assert {order.order_id for order in orders} == {"bad", "good"}
        assert [order.order_id for order in orders.where("unreadable")] == ["bad"]
        for shown in (repr(orders), orders._repr_html_(), orders.summary):
            assert "unreadable" in shown
            shown.encode("utf-8")
        assert sorted(orders.to_frame()["order_id"]) == ["bad", "good"]
        remixes = await client.recover()
        assert [remix.order_id for remix in remixes] == ["good"]
        assert [order.order_id for order in remixes.unreadable] == ["bad"]
        assert "bad" in repr(remixes)
        assert "bad" in remixes._repr_html_()
        assert remixes.failed == []
        assert isinstance(await client.remix(SONG, prompt="jazz"), sv.Remix), "and new ones can be ordered"


async def test_what_can_be_read_of_an_unreadable_row_is_shown(
    make_client: MakeClient, tmp_path: Path
) -> None:
    path = tmp_path / "orders.sqlite3"
    async with StrictService() as service:
        await left_by_a_dead_kernel(
            path, service, {"order_id": "new", "state": "archived", "message_id": "remix-7", "posts": 1}
        )
        shown = repr(make_client(service).orders())
        assert "remix-7" in shown
        assert "prompt of new" in shown
