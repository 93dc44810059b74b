"""Nothing stays open, and no loop is left behind with a session of another."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import warnings
from typing import Any

import pytest
from pydantic import SecretStr

from soundverse_nb.api.transport import Transport
from soundverse_nb.errors import (
    SoundverseError,
)
from tests.api.conftest import Connect
from tests.api.servers import WIRE, drain, listener, unserved_port
from tests.strict_service import (
    HOLD,
    RATE_LIMITED,
    StrictService,
    cut_before_headers,
    refusal,
    stages,
    stream,
)


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("happening", ["whole", "left_early", "cancelled", "cut", "refused", "unreached"])
def test_nothing_is_left_unclosed(happening: str, close: bool) -> None:
    complaints: list[Any] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        replies = {"cut": [cut_before_headers()], "refused": [refusal(RATE_LIMITED)]}
        held = [stream(*stages()[:2], HOLD)] if happening in ("left_early", "cancelled") else []
        async with StrictService(replies.get(happening, held)) as service:
            url = f"http://127.0.0.1:{port}" if happening == "unreached" else service.base_url
            transport = Transport(url, SecretStr(service.api_key))
            with contextlib.suppress(SoundverseError):
                if happening == "left_early":
                    async with transport.open_remix(WIRE) as opened:
                        await opened.__anext__()
                elif happening == "cancelled":
                    task = asyncio.create_task(drain(transport))
                    await service.until(lambda: bool(service.posts))
                    task.cancel()
                    await asyncio.wait({task})
                else:
                    await drain(transport)
            if close:
                await transport.close()
            del transport

    with unserved_port() as port, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gc.freeze()
        asyncio.run(run())
        gc.collect()
        gc.unfreeze()
    assert [w.message for w in warned if issubclass(w.category, ResourceWarning)] == []
    assert complaints == []


async def test_a_cancelled_order_closes_its_connection(connect: Connect) -> None:
    gone = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        gone.set()

    arrived = asyncio.Event()
    async with listener(watch) as port:
        task = asyncio.create_task(drain(connect(f"http://127.0.0.1:{port}")))
        await arrived.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await gone.wait()


def test_one_transport_serves_one_loop_after_another() -> None:
    transports: list[Transport] = []

    async def run() -> None:
        async with StrictService() as service:
            if not transports:
                transports.append(Transport(service.base_url, SecretStr(service.api_key)))
            transport = transports[0]
            transport.base_url = service.base_url
            await drain(transport)
            assert service.violations == []

    asyncio.run(run())
    asyncio.run(run())
    asyncio.run(transports[0].close())


def test_two_loops_share_a_transport() -> None:
    """A notebook's own loop and the background thread of the blocking calls use one client."""

    async def other(base_url: str, key: str) -> None:
        await drain(transport, {**WIRE, "prompt": "other"})

    async def run() -> None:
        nonlocal transport
        async with StrictService() as service:
            transport = Transport(service.base_url, SecretStr(service.api_key))
            thread = threading.Thread(target=lambda: asyncio.run(other(service.base_url, service.api_key)))
            thread.start()
            await drain(transport)
            await asyncio.to_thread(thread.join)
            assert service.charged == 2
            await transport.close()

    transport: Transport
    asyncio.run(run())
