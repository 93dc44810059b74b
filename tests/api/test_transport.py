"""What goes out: to the byte what the document says, and nothing that redirects it or ends it early."""

from __future__ import annotations

import asyncio
import socket

import pytest

from soundverse_nb.errors import (
    APIError,
)
from tests.api.conftest import Connect
from tests.api.servers import WIRE, drain
from tests.strict_service import (
    HOLD,
    StrictService,
    redirect,
    remix,
    stages,
    stream,
)


async def test_the_order_is_what_the_document_says_to_the_byte(connect: Connect) -> None:
    async with StrictService() as service:
        await drain(connect(service))
        assert service.violations == []
        (post,) = service.posts
        assert post.path == "/v7/generate/remix"
        assert post.json == {
            "song_reference_url": "https://storage.example/song.mp3",
            "prompt": "jazz",
            "parameters": {"seed": 1},
        }
        sent = {
            name: post.headers.get(name)
            for name in ("authorization", "content-type", "accept", "accept-encoding")
        }
        assert sent == {
            "authorization": f"Bearer {service.api_key}",
            "content-type": "application/json",
            "accept": "text/event-stream",
            "accept-encoding": "identity",
        }
        assert post.headers["content-length"] == str(len(post.body))


async def test_a_path_in_front_of_the_service_is_kept(connect: Connect) -> None:
    async with StrictService() as service:
        with pytest.raises(APIError) as caught:
            await drain(connect(f"{service.base_url}/proxy"))
        assert service.posts[0].path == "/proxy/v7/generate/remix"
        assert caught.value.status_code == 404


async def test_every_order_has_a_connection_of_its_own(connect: Connect) -> None:
    """An order on a kept-alive connection that the server is just closing would have an unknown outcome."""
    async with StrictService() as service:
        transport = connect(service)
        await drain(transport)
        await drain(transport, {**WIRE, "prompt": "swing"})
        assert [post.headers["connection"] for post in service.posts] == ["close", "close"]


async def test_no_redirect_of_an_order_is_followed(connect: Connect) -> None:
    for status in (301, 302, 303, 307, 308):
        async with StrictService([redirect("@BASE@/v7/generate/remix", status)]) as service:
            with pytest.raises(APIError, match="redirect"):
                await drain(connect(service))
            assert len(service.requests) == 1
        async with StrictService([redirect("@STORAGE@/catch", status)]) as service:
            with pytest.raises(APIError, match="redirect"):
                await drain(connect(service))
            assert len(service.requests) == 1
            assert service.violations == []


async def test_a_redirect_of_the_status_is_not_followed(connect: Connect) -> None:
    async with StrictService([remix()], status=[redirect("@STORAGE@/status", 302)]) as service:
        transport = connect(service)
        await drain(transport)
        with pytest.raises(APIError):
            await transport.status("remix-1")
        assert service.violations == []


async def test_a_hundred_and_fifty_streams_run_at_once(connect: Connect) -> None:
    """aiohttp stops at 100 unless told otherwise."""
    number = 150
    held = stream(*stages()[:2], HOLD, *stages()[2:])
    async with StrictService([held] * number) as service:
        transport = connect(service)
        running = [asyncio.create_task(drain(transport, {**WIRE, "prompt": f"p{i}"})) for i in range(number)]
        await service.until(lambda: len(service.posts) == number)
        service.release()
        await asyncio.gather(*running)
        assert service.charged == number
        assert service.violations == []


async def test_a_connection_that_is_quiet_for_long_is_probed(connect: Connect) -> None:
    async with (
        StrictService([stream(*stages()[:1], HOLD)]) as service,
        connect(service).open_remix(WIRE) as opened,
    ):
        connection = opened._response.connection
        assert connection is not None
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


async def test_a_stream_has_no_time_out_of_any_kind(connect: Connect) -> None:
    async with StrictService([stream(*stages()[:1], HOLD)]) as service:
        transport = connect(service)
        async with transport.open_remix(WIRE):
            timeout = transport._connections.session().timeout
            assert (timeout.total, timeout.sock_read) == (None, None)


async def test_a_closed_transport_opens_again(connect: Connect) -> None:
    async with StrictService() as service:
        transport = connect(service)
        await drain(transport)
        await transport.close()
        await transport.close()
        await drain(transport, {**WIRE, "prompt": "swing"})
        assert service.charged == 2
