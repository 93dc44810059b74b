"""The embedded service as its own host, against the real simulator and against what only looks like it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from soundverse_nb.errors import ConfigurationError, HostingError
from soundverse_nb.hosting import EmbeddedHost
from soundverse_nb.simulator import Simulator
from tests.api.servers import unserved_port


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(speed=1000.0) as running:
        yield running


async def test_a_file_gets_a_url_that_gives_it_back(
    simulator: Simulator, song: Path, plain: aiohttp.ClientSession
) -> None:
    published = await EmbeddedHost(simulator.base_url).publish(song)
    assert published.url.startswith(simulator.base_url)
    async with plain.get(published.url) as answer:
        assert answer.status == 200
        assert await answer.read() == song.read_bytes()


@pytest.mark.parametrize(
    "name", ["Grüße aus Köln.mp3", "a b?c#d%20e.mp3", "名前.mp3", "' OR 1=1.mp3", "caf\udce9.mp3"]
)
async def test_any_file_name_arrives(
    simulator: Simulator, tmp_path: Path, plain: aiohttp.ClientSession, name: str
) -> None:
    spelt = name.encode("utf-8", "surrogateescape")
    path = tmp_path / os.fsdecode(spelt)  # the same bytes in any locale
    path.write_bytes(b"ID3 " + spelt)
    published = await EmbeddedHost(simulator.base_url).publish(path)
    async with plain.get(published.url) as answer:
        assert await answer.read() == path.read_bytes()


async def test_withdrawing_does_not_disturb_another_remix_of_the_same_song(
    simulator: Simulator, song: Path, plain: aiohttp.ClientSession
) -> None:
    host = EmbeddedHost(simulator.base_url)
    first, second = await host.publish(song), await host.publish(song)
    await host.withdraw(first)
    async with plain.get(second.url) as answer:
        assert answer.status == 200


@pytest.fixture
async def impostor() -> Iterator[tuple[str, list[str]]]:
    """A server that is not the simulator and would take anything."""
    seen: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        seen.append(f"{request.method} {request.path}")
        return web.json_response({"url": "https://songs.example.com/a.mp3"}, status=201)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


async def test_no_file_is_handed_to_what_is_not_the_simulator(
    impostor: tuple[str, list[str]], song: Path
) -> None:
    url, seen = impostor
    with pytest.raises(ConfigurationError, match="is not the embedded service"):
        await EmbeddedHost(url).publish(song)
    assert seen == ["GET /simulator"]


async def test_a_simulator_that_stopped_is_told(song: Path) -> None:
    told = pytest.raises(HostingError, match="could not be handed to the simulator")
    with unserved_port() as port, told:
        await EmbeddedHost(f"http://127.0.0.1:{port}").publish(song)


async def test_a_missing_file_is_told(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(HostingError, match=r"gone\.mp3"):
        await EmbeddedHost(simulator.base_url).publish(tmp_path / "gone.mp3")
