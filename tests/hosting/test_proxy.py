"""A bucket is asked the way the client goes: through its proxy, and never through one to this machine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from soundverse_nb.api.proxy import NetworkSettings, using_network
from soundverse_nb.hosting.bucket import Bucket
from soundverse_nb.hosting.objectstore import obstore, open_store
from tests.api.servers import listener
from tests.proxy import ForwardProxy

KEYS = {"access_key_id": "x", "secret_access_key": "y", "region": "eu-central-1"}


async def asked_for(network: NetworkSettings, endpoint: str) -> None:
    """One question to a bucket; that there is no such object is the answer."""
    with using_network(network):
        store = await asyncio.to_thread(
            open_store,
            Bucket("s3", "songs"),
            {**KEYS, "endpoint": endpoint, "retry_config": {"max_retries": 0}},
        )
    with pytest.raises(FileNotFoundError):
        await obstore().head_async(store, "x.mp3")


async def nothing_here(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()


async def test_a_bucket_is_asked_through_the_clients_proxy() -> None:
    async with listener(nothing_here) as port, ForwardProxy({"store.test": port}) as proxy:
        await asked_for(NetworkSettings(proxy.url), "http://store.test")
        assert proxy.asked == ["HEAD http://store.test/songs/x.mp3 HTTP/1.1"]


async def test_a_bucket_on_this_machine_is_not_asked_through_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listener(nothing_here) as port, ForwardProxy({}, refuses=502) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await asked_for(NetworkSettings(), f"http://127.0.0.1:{port}")
        await asked_for(NetworkSettings(""), f"http://127.0.0.1:{port}")
        assert proxy.asked == []
