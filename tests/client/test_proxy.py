"""A client's TLS and proxy settings hold in all requests: order, audio, references by URL, a host's check."""

from __future__ import annotations

import asyncio
import io
import ssl
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.errors import Spent
from soundverse_nb.hosting.objectstore import ObjectStoreHost
from soundverse_nb.hosting.protocol import PublishedReference
from tests.api.servers import make_certificate, unserved_port
from tests.client.conftest import SONG
from tests.proxy import ForwardProxy
from tests.strict_service import StrictService

MakeClient = Callable[..., sv.Client]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def song() -> bytes:
    """Eleven seconds that preflight takes."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        tone = np.sin(2 * np.pi * 330 * np.arange(11 * 8000) / 8000)
        sound.writeframes((tone * 20000).astype("<i2").tobytes())
    return file.getvalue()


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@asynccontextmanager
async def site(folder: Path, *, tls: bool) -> AsyncIterator[tuple[str, list[str]]]:
    """A place that has the song at every path; gives its URL and the paths it was asked for."""
    asked: list[str] = []
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*make_certificate(folder))
    content = song()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head.split(b" ")[1].decode("latin-1"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def test_a_reference_is_fetched_with_the_clients_tls(make_client: MakeClient, tmp_path: Path) -> None:
    async with StrictService() as service, site(tmp_path, tls=True) as (there, asked):
        mine = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        for setting in (mine, False):
            client = make_client(service, ssl=setting, preflight="full")
            remix = await client.remix(f"{there}/song.wav", prompt=f"jazz {setting is False}")
            assert remix.reference is not None
        assert len(asked) == 2
        with pytest.raises(sv.PreflightError) as refused:
            await make_client(service, preflight="full").remix(f"{there}/song.wav", prompt="jazz")
        assert "certificate" in str(refused.value)
        assert "Client(ssl=" in str(refused.value)
        assert "could not fetch it either" not in str(refused.value)
        assert service.charged == 2


async def test_a_hosts_url_is_checked_with_the_clients_tls(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the bucket's own check does, behind a bucket that is not there."""
    path = tmp_path / "song.wav"
    path.write_bytes(song())

    async with StrictService() as service, site(tmp_path, tls=True) as (there, asked):

        class Bucket(ObjectStoreHost):
            async def publish(self, path: Path) -> PublishedReference:
                published = PublishedReference(f"{there}/song.wav?X-Amz-Signature=c0ffee")
                await self._check(published)
                return published

        mine = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        host = Bucket("s3://songs", access_key_id="x", secret_access_key="y")
        await make_client(service, ssl=mine, host=host).remix(path, prompt="jazz")
        assert len(asked) == 1
        with pytest.raises(sv.HostingError, match=r"certificate.*Client\(ssl="):
            await make_client(service, host=host).remix(path, prompt="dub")
        assert service.charged == 1


async def test_everything_goes_through_the_environments_proxy(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with StrictService() as service, site(tmp_path, tls=False) as (there, _):
        service.storage_url, storage = "http://storage.test", port_of(service.storage_url)
        places = {
            "api.test": port_of(service.base_url),
            "storage.test": storage,
            "songs.test": port_of(there),
        }
        async with ForwardProxy(places) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            client = make_client(
                base_url="http://api.test", api_key=service.api_key, allow_insecure=True, preflight="full"
            )
            remix = await client.remix("http://songs.test/song.wav", prompt="jazz")
            assert remix.album_art_path is not None
            hosts = {urlsplit(line.split(" ")[1]).hostname for line in proxy.asked}
            assert hosts == {"api.test", "storage.test", "songs.test"}
        assert service.violations == []


async def test_nothing_on_this_machine_does(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with StrictService() as service, site(tmp_path, tls=False) as (there, _), ForwardProxy({}) as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        client = make_client(service, preflight="full")
        remix = await client.remix(f"{there}/song.wav", prompt="jazz")
        assert remix.album_art_path is not None
        assert proxy.asked == []


async def test_the_embedded_service_is_behind_nobodys_proxy(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ForwardProxy({}) as proxy:
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
        monkeypatch.delenv("SOUNDVERSE_HOST", raising=False)
        client = make_client(proxy=proxy.url)
        remix = await client.remix(sv.example_song(), prompt="jazz")
        assert remix.simulated
        assert proxy.asked == []


async def test_a_reference_that_the_proxy_refuses_is_the_proxys_fault(
    make_client: MakeClient, tmp_path: Path
) -> None:
    async with StrictService() as service, site(tmp_path, tls=False) as (there, _):
        for status in (403, 407, 502):
            async with ForwardProxy({}, refuses=status) as proxy:
                client = make_client(service, proxy=proxy.url.replace("//", "//me:geheim@"), preflight="full")
                with pytest.raises(sv.PreflightError) as refused:
                    await client.remix(f"{there}/song.wav", prompt="jazz")
                assert f"the proxy 127.0.0.1:{proxy.port}" in str(refused.value)
                assert "could not fetch it either" not in str(refused.value)
                assert "geheim" not in str(refused.value)
        assert service.posts == []


@pytest.mark.parametrize("name", ["proxy=", *PROXIES[1:]])
async def test_a_socks_proxy_is_refused_before_anything_is_sent(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    url = "socks5://me:geheim@127.0.0.1:9"
    settings = {"api_key": "key-0123456789", "base_url": "https://api.soundverse.ai"}
    if name == "proxy=":
        settings["proxy"] = url
    else:
        monkeypatch.setenv(name, url)
    with pytest.raises(sv.ConfigurationError, match="SOCKS") as refused:
        make_client(**settings)
    assert refused.value.spent is Spent.NO
    assert "geheim" not in str(refused.value)
    make_client(**{**settings, "proxy": ""})


async def test_a_proxy_that_is_gone_once_the_remix_is_paid_loses_nothing(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with StrictService() as service:
        service.storage_url, storage = "http://storage.test", port_of(service.storage_url)
        client = make_client(service)
        with unserved_port() as port:
            monkeypatch.setenv("HTTP_PROXY", f"http://me:geheim@127.0.0.1:{port}")
            with pytest.raises(sv.DownloadError, match="the proxy") as failed:
                await client.remix(SONG, prompt="jazz")
        assert failed.value.spent is Spent.YES
        assert "geheim" not in str(failed.value)
        async with ForwardProxy({"storage.test": storage}) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            assert len(await client.recover()) == 1
