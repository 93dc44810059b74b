"""A bucket in another region: obstore's error does not say in which, the bucket itself does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.api.proxy import NetworkSettings
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.hosting import ObjectStoreHost
from soundverse_nb.hosting.objectstore import region_header
from tests.api.servers import listener, unserved_port

KEYS: dict[str, Any] = {"access_key_id": "x", "secret_access_key": "y", "region": "us-east-1"}


async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """S3 of the wrong region: a 301 without Location, whose body says what obstore does not pass on."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Authorization" not in head or not head.startswith(b"HEAD /songs HTTP"), (
        "asked without credentials"
    )
    writer.write(
        b"HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n"
        b"Connection: close\r\n\r\n"
    )
    await writer.drain()


async def test_the_region_of_a_bucket_elsewhere_is_asked_for_and_named(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3" + bytes(1000))
    async with listener(elsewhere) as port:
        host = ObjectStoreHost("s3://songs", endpoint=f"http://127.0.0.1:{port}", **KEYS)
        with pytest.raises(ConfigurationError) as refused:
            await host.publish(song)
    assert 'region="eu-west-1"' in refused.value.hint


async def test_who_does_not_say_leaves_it_open() -> None:
    with unserved_port() as port:
        assert await region_header("songs", f"http://127.0.0.1:{port}", NetworkSettings()) == ""
    assert await region_header("songs", "http://[::1", NetworkSettings()) == ""
