"""Files share connections, for a moment; what comes on one unasked is never read as an answer."""

from __future__ import annotations

import asyncio
import gc
import warnings
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from soundverse_nb.api.transport import Transport
from tests.api.conftest import KEY, Connect
from tests.api.servers import listener
from tests.strict_service import MP3, PNG


class Storage:
    """Answers every request on a connection with the same bytes, and counts what is opened and closed."""

    def __init__(self, reply: bytes, *, answers: int = 100, then: bytes = b"") -> None:
        self.opened = self.open = 0
        self.closed = asyncio.Event()
        self._reply, self._answers, self._then = reply, answers, then

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        try:
            for _ in range(self._answers):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._reply)
            await writer.drain()
            writer.write(self._then)
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.open -= 1
            self.closed.set()


def reply(body: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b%b" % (len(body), body, extra)


async def test_files_that_are_fetched_one_after_the_other_share_a_connection(
    connect: Connect, tmp_path: Path
) -> None:
    storage = Storage(reply(MP3))
    async with listener(storage) as port:
        transport = connect(f"http://127.0.0.1:{port}")
        for number in range(5):
            got = await transport.download(f"http://127.0.0.1:{port}/{number}.mp3", tmp_path / f"{number}")
            assert got.path.read_bytes() == MP3
    assert storage.opened == 1


async def test_a_connection_that_was_closed_meanwhile_costs_no_attempt(
    connect: Connect, tmp_path: Path, waits: list[float]
) -> None:
    storage = Storage(reply(MP3), answers=1)
    async with listener(storage) as port:
        transport = connect(f"http://127.0.0.1:{port}")
        for number in range(3):
            got = await transport.download(f"http://127.0.0.1:{port}/{number}.mp3", tmp_path / f"{number}")
            assert got.path.read_bytes() == MP3
    assert storage.opened == 3
    assert waits == []


@pytest.mark.parametrize("later", [False, True])
async def test_what_comes_unasked_is_not_the_next_answer(
    connect: Connect, tmp_path: Path, later: bool
) -> None:
    stray = reply(MP3[:2000] * 2)
    storage = Storage(reply(MP3), answers=1, then=stray) if later else Storage(reply(MP3, stray))
    async with listener(storage) as port:
        transport = connect(f"http://127.0.0.1:{port}")
        for number in range(3):
            got = await transport.download(f"http://127.0.0.1:{port}/{number}.mp3", tmp_path / f"{number}")
            assert got.path.read_bytes() == MP3
    assert storage.opened == 3


async def test_closing_closes_what_is_kept(connect: Connect, tmp_path: Path) -> None:
    storage = Storage(reply(PNG))
    async with listener(storage) as port:
        transport = connect(f"http://127.0.0.1:{port}")
        await transport.download(f"http://127.0.0.1:{port}/x", tmp_path / "x", expect="image")
        assert storage.open == 1
        await transport.close()
        await storage.closed.wait()
    assert storage.open == 0


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_transport_that_nobody_closes_leaves_nothing_open(tmp_path: Path, elsewhere: bool) -> None:
    """Also where it is let go on another thread than its loop's."""
    complaints: list[Any] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        storage = Storage(reply(MP3))
        async with listener(storage) as port:
            held = [Transport(f"http://127.0.0.1:{port}", SecretStr(KEY))]
            await held[0].download(f"http://127.0.0.1:{port}/x", tmp_path / "x")
            if elsewhere:
                await loop.run_in_executor(None, held.clear)
            else:
                held.clear()
            await storage.closed.wait()

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gc.freeze()
        asyncio.run(run())
        gc.collect()
        gc.unfreeze()
    assert [w.message for w in warned if issubclass(w.category, ResourceWarning)] == []
    assert complaints == []
