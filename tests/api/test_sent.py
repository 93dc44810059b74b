"""What certainly did not go out, and what may have."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import aiohttp
import pytest

from soundverse_nb.api.stream import StreamCut
from soundverse_nb.errors import (
    AuthenticationError,
    SoundverseError,
    Spent,
    TransportError,
)
from tests.api.conftest import KEY, Connect
from tests.api.servers import count_sent, drain, listener, tls_server, unserved_port
from tests.strict_service import (
    HOLD,
    RATE_LIMITED,
    Reply,
    StrictService,
    cut_before_headers,
    redirect,
    refusal,
    remix,
)


async def test_nothing_was_sent_where_nobody_listens(connect: Connect) -> None:
    with unserved_port() as port:
        sent, error = await count_sent(connect(f"http://127.0.0.1:{port}"))
    assert sent == 0
    assert type(error) is TransportError
    assert error.spent is Spent.NO
    assert "refused" in str(error)


async def test_nothing_was_sent_where_the_name_is_unknown(connect: Connect) -> None:
    sent, error = await count_sent(connect("http://no-such-host.invalid"))
    assert sent == 0
    assert type(error) is TransportError
    assert "no-such-host.invalid" in str(error)


async def test_nothing_was_sent_where_tls_fails(connect: Connect) -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listener(speak_http) as port:
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}"))
    assert sent == 0
    assert type(error) is TransportError


async def test_nothing_was_sent_where_the_certificate_is_not_trusted(connect: Connect, tmp_path: Any) -> None:
    async with tls_server(tmp_path) as port:
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}"))
        assert sent == 0
        assert type(error) is TransportError
        assert "certificate" in str(error)


async def test_nothing_was_sent_where_the_proxy_is_missing(connect: Connect) -> None:
    async with StrictService() as service:
        for base in (service.base_url, "https://api.example"):
            with unserved_port() as port:
                proxy = f"http://user:geheim@127.0.0.1:{port}"
                sent, error = await count_sent(connect(base, proxy=proxy))
            assert sent == 0
            assert type(error) is TransportError
            assert "proxy" in str(error)
            assert "geheim" not in str(error)


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_nothing_was_sent_where_the_proxy_refuses_the_tunnel(connect: Connect, status: int) -> None:
    seen: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()

    async with listener(refuse) as port:
        sent, error = await count_sent(connect("https://api.example", proxy=f"http://127.0.0.1:{port}"))
    assert sent == 0
    assert type(error) is TransportError
    assert seen[0].startswith(b"CONNECT api.example:443")
    assert KEY.encode() not in seen[0]


async def test_nothing_was_sent_where_the_server_never_speaks_tls(connect: Connect) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listener(silence) as port:
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}", connect_timeout=0.2))
    assert sent == 0
    assert type(error) is TransportError
    assert "in time" in str(error)


@pytest.mark.parametrize(
    "reply", [cut_before_headers(), cut_before_headers("reset"), Reply([HOLD], silent=True)]
)
async def test_a_lost_answer_is_not_an_order_that_was_not_sent(connect: Connect, reply: Reply) -> None:
    async with StrictService([reply]) as service:
        sent, error = await count_sent(connect(service, connect_timeout=2, answer_timeout=0.2))
        assert sent == 1
        assert type(error) is StreamCut
        assert error.spent is Spent.MAYBE
        await service.until(lambda: service.charged == 1)


@pytest.mark.parametrize("reply", [remix(), refusal(RATE_LIMITED), refusal(b"", 500), redirect("@BASE@/x")])
async def test_sending_is_told_once_and_before_the_service_sees_it(connect: Connect, reply: Reply) -> None:
    order: list[str] = []

    class Listening(StrictService):
        def _decide(self, request: Any) -> Any:
            order.append("arrived")
            return super()._decide(request)

    async with Listening([reply]) as service:
        with contextlib.suppress(SoundverseError):
            await drain(connect(service), on_sent=lambda: order.append("sent"))
    assert order == ["sent", "arrived"]


async def test_a_proxy_carries_the_order(connect: Connect) -> None:
    async with StrictService() as service:

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(f"POST {service.base_url}/v7/generate/remix ".encode())
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", int(service.base_url[-5:]))
            upstream.write(head.replace(service.base_url.encode(), b"", 1) + await reader.read(65536))
            writer.write(await upstream_reader.read())
            await writer.drain()
            upstream.close()

        async with listener(forward) as port:
            await drain(connect(service, proxy=f"http://127.0.0.1:{port}"))
        assert service.violations == []
        assert service.charged == 1


async def test_a_tls_context_of_ones_own_is_used(connect: Connect, tmp_path: Any) -> None:
    async with tls_server(tmp_path) as port:
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        for setting in (context, False):
            sent, error = await count_sent(connect(f"https://127.0.0.1:{port}", ssl=setting))
            assert sent == 1
            assert isinstance(error, AuthenticationError)


async def test_an_aiohttp_that_fails_in_a_new_way_is_still_ours(connect: Connect, monkeypatch: Any) -> None:
    class NovelError(aiohttp.ClientError):
        def __str__(self) -> str:
            return f"Bearer {KEY}"

    def fail(*arguments: Any, **settings: Any) -> Any:
        raise NovelError

    monkeypatch.setattr(aiohttp.ClientSession, "post", fail)
    sent, error = await count_sent(connect("http://127.0.0.1:9"))
    assert sent == 0
    assert type(error) is TransportError
    assert KEY not in repr(error)
