"""A record of a fetched remix is not believed without a look: what is gone is shown so and fetched again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import OrderState
from tests.client.conftest import SONG
from tests.strict_service import MP3, StrictService, answer, completed

MakeClient = Callable[..., sv.Client]


def delete(path: Path) -> None:
    path.unlink()


def delete_folder(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("loss", [delete, delete_folder, truncate, empty])
async def test_what_is_no_longer_there_is_missing_and_recover_fetches_it(
    make_client: MakeClient, loss: Callable[[Path], None]
) -> None:
    async with StrictService() as service:
        client = make_client(service)
        remix = await client.remix(SONG, prompt="jazz")
        assert [order.state.value for order in client.orders()] == ["fetched"]
        loss(remix.audio.path)
        orders = client.orders()
        assert [order.state.value for order in orders] == ["missing"]
        assert [order.order_id for order in orders.where("missing")] == [remix.order_id]
        assert list(orders.where("fetched")) == []
        assert "1 missing" in orders.summary
        assert "client.recover()" in orders._repr_html_()
        (again,) = await client.recover()
        assert again.audio.path.read_bytes() == MP3
        assert again.order_id == remix.order_id
        assert client.orders()[0].state is OrderState.FETCHED
        assert await client.recover() == [], "a second time there is nothing left to do"
        assert service.charged == 1


async def test_a_folder_in_its_place_is_no_remix_and_moves_aside(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        remix = await client.remix(SONG, prompt="jazz")
        remix.audio.path.unlink()
        remix.audio.path.mkdir()
        (remix.audio.path / "inside").write_bytes(b"mine")
        assert client.orders()[0].state.value == "missing"
        await client.recover()
        assert remix.audio.path.read_bytes() == MP3
        (aside,) = remix.audio.path.parent.glob("*.changed*")
        assert (aside / "inside").read_bytes() == b"mine"


async def test_a_file_that_somebody_changed_is_kept_beside(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        remix = await client.remix(SONG, prompt="jazz")
        edited = b"ID3 with my own words" + MP3
        remix.audio.path.write_bytes(edited)
        assert client.orders()[0].state.value == "missing"
        await client.recover()
        assert remix.audio.path.read_bytes() == MP3
        (aside,) = remix.audio.path.parent.glob("*.changed*")
        assert aside.read_bytes() == edited


async def test_an_address_that_has_run_out_is_renewed(make_client: MakeClient) -> None:
    async with StrictService(status=[answer(completed("@STORAGE@/fresh.mp3"))]) as service:
        client = make_client(service)
        remix = await client.remix(SONG, prompt="jazz")
        remix.audio.path.unlink()
        service.files = {"/audio/remix-1.mp3": [answer(b"", 403)], "/fresh.mp3": [answer(MP3)]}
        (again,) = await client.recover()
        assert again.audio.path.read_bytes() == MP3


async def test_one_that_cannot_be_fetched_again_stays_missing(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        remix = await client.remix(SONG, prompt="jazz")
        remix.audio.path.unlink()
        service.files = {"/audio/remix-1.mp3": [answer(b"", 410)]}
        ((order, error),) = (await client.recover()).failed
        assert order.order_id == remix.order_id
        assert isinstance(error, sv.DownloadError)
        assert client.orders()[0].state.value == "missing"
        service.files.clear()
        assert len(await client.recover()) == 1


async def test_a_new_kernel_finds_a_relative_folder(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    async with StrictService() as service:
        first = make_client(service, directory="remixes")
        remix = await first.remix(SONG, prompt="jazz")
        assert remix.audio.path.is_absolute()
        first.close()
        monkeypatch.chdir(tmp_path)
        assert make_client(service).orders()[0].state is OrderState.FETCHED


async def test_an_old_journals_relative_path_proves_nothing(make_client: MakeClient, tmp_path: Path) -> None:
    async with StrictService() as service:
        client = make_client(service)
        await client.remix(SONG, prompt="jazz")
        client.close()
        with sqlite3.connect(tmp_path / "orders.sqlite3") as connection:
            connection.execute("UPDATE orders SET path = 'remixes/song.mp3'")
        connection.close()
        assert make_client(service).orders()[0].state is OrderState.FETCHED
