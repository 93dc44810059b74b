"""References that are URLs: refused where the service cannot see them, fetched within limits otherwise."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from soundverse_nb.api.connection import MAX_REDIRECTS
from soundverse_nb.errors import ConfigurationError, PreflightError, SoundverseError, Spent
from soundverse_nb.hosting import check_address, fetch_reference, must_be_public
from soundverse_nb.hosting.remote import check_url
from tests.api.packing import whole as packed
from tests.api.servers import unserved_port

LIMIT = 200_000
SONG = b"ID3" + b"\x00" * 99_997
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """A web server on loopback whose every path is answered by one function; counts what it sent."""

    def __init__(self) -> None:
        self.answer: Answer = whole
        self.requests: list[web.Request] = []
        self.sent = 0
        self.gone = asyncio.Event()

    async def start(self) -> None:
        server = web.Server(self._handle)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self.gone.set()
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)  # type: ignore[arg-type]
        return await self.answer(request)  # type: ignore[arg-type]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    server = Site()
    await server.start()
    yield server
    await server.stop()


async def whole(request: web.Request) -> web.StreamResponse:
    return web.Response(body=SONG, content_type="audio/mpeg")


async def fetch(url: str, directory: Path, **settings: Any) -> Any:
    return await fetch_reference(url, max_bytes=LIMIT, public=False, directory=directory, **settings)


def test_the_real_service_needs_public_references_and_the_simulator_does_not() -> None:
    assert must_be_public("https://api.soundverse.ai")
    assert not must_be_public("http://127.0.0.1:8080")
    assert not must_be_public("http://localhost:8080")
    assert not must_be_public("http://simulator:8080")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///home/anna/song.mp3", "visible on this machine only"),
        ("FILE:///C:/song.mp3", "visible on this machine only"),
        ("http://localhost:8888/files/song.mp3", "localhost is this machine itself"),
        ("http://127.0.0.1/song.mp3", "127.0.0.1 is this machine itself"),
        ("http://2130706433/song.mp3", "127.0.0.1 is this machine itself"),
        ("http://[::1]/song.mp3", "::1 is this machine itself"),
        ("https://nas.local/song.mp3", "name of the local network"),
        ("https://10.0.0.7/song.mp3", "private network"),
        ("ftp://example.com/song.mp3", "not an http"),
        ("s3://bucket/song.mp3", "not an http"),
        ("data:audio/mpeg;base64,AAAA", "not an http"),
        ("javascript:alert(1)", "not an http"),
        ("//example.com/song.mp3", "not an http"),
        ("https:///song.mp3", "not an http"),
        ("https://exa mple.com/song.mp3", "not an http"),
        ("https://example.com/song.mp3\r\nX: y", "not an http"),
        ("http://[::1/song.mp3", "not an http"),
        # Clients disagree about whose host this is; some read 127.0.0.1.
        ("http://127.0.0.1\\@example.com/song.mp3", "not an http"),
        ("http://evil.example.com%2elocalhost/song.mp3", "not an http"),
        ("https://songs.example..com/song.mp3", "not an http"),
        ("https://example.com:99999/song.mp3", "not an http"),
        ("https://example.com:0/song.mp3", "not an http"),
        ("https://example.com:port/song.mp3", "not an http"),
        ("http://256.256.256.256/song.mp3", "not an http"),
        ("http://1.2.3.4.5/song.mp3", "not an http"),
    ],
)
async def test_what_the_service_cannot_fetch_is_refused_before_paying(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        await check_address(url, public=True)
    assert refused.value.spent is Spent.NO


async def test_a_local_address_is_fine_for_a_local_service() -> None:
    await check_address("http://127.0.0.1:8080/song.mp3", public=False)


@pytest.mark.parametrize("url", ["file:///song.mp3", "ftp://127.0.0.1/song.mp3", "gopher://x/"])
async def test_other_schemes_are_refused_for_a_local_service_too(url: str) -> None:
    with pytest.raises(ConfigurationError):
        await check_address(url, public=False)


def leading_to(monkeypatch: pytest.MonkeyPatch, **addresses: str) -> None:
    """Let names lead to these addresses, as a name server would say."""

    def look_up(host: Any, port: Any = 0, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else str(host)
        address = addresses.get(name.replace(".", "_"), name)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00::1"])
async def test_a_public_name_that_leads_to_a_local_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    leading_to(monkeypatch, songs_example_com=address)
    with pytest.raises(ConfigurationError, match=r"songs\.example\.com leads to"):
        await check_address("https://songs.example.com/song.mp3", public=True)


async def test_a_name_that_leads_nowhere_from_here_is_left_to_the_service() -> None:
    await check_address("https://songs.example.com/song.mp3", public=True)


async def test_fetching_connects_to_no_local_address_a_public_name_leads_to(
    monkeypatch: pytest.MonkeyPatch, site: Site, tmp_path: Path
) -> None:
    leading_to(monkeypatch, songs_example_com="127.0.0.1")
    port = site.url.rsplit(":", 1)[1]
    with pytest.raises(ConfigurationError, match=r"leads to 127\.0\.0\.1, which is this machine"):
        await fetch_reference(
            f"http://songs.example.com:{port}/song.mp3", max_bytes=LIMIT, public=True, directory=tmp_path
        )
    assert site.requests == []


async def test_a_song_is_fetched_as_it_is(site: Site, tmp_path: Path) -> None:
    remote = await fetch(f"{site.url}/music/My%20Song.mp3?sig=secret", tmp_path)
    assert remote.path.read_bytes() == SONG
    assert remote.path.suffix == ".mp3"
    assert (remote.name, remote.size_bytes, remote.is_whole) == ("My Song.mp3", len(SONG), True)
    assert remote.content_type == "audio/mpeg"
    assert remote.path.parent == tmp_path


async def test_no_key_no_cookie_and_no_compression_is_asked_for(site: Site, tmp_path: Path) -> None:
    await fetch(f"{site.url}/song.mp3", tmp_path)
    headers = site.requests[0].headers
    assert "Authorization" not in headers
    assert "Cookie" not in headers
    assert headers["Accept-Encoding"] == "identity"


async def test_a_signed_url_is_asked_for_letter_by_letter(site: Site, tmp_path: Path) -> None:
    target = "/a%2Fb/song.mp3?X-Amz-Credential=me%40x%2F20260101&X-Amz-Signature=a%3D%3D"
    await fetch(site.url + target, tmp_path)
    assert site.requests[0].raw_path == target


async def test_a_url_with_letters_beyond_ascii_is_encoded(site: Site, tmp_path: Path) -> None:
    remote = await fetch(f"{site.url}/Grüße aus Köln.mp3", tmp_path)
    assert remote.name == "Grüße aus Köln.mp3"


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "audio/mpeg"
    await response.prepare(request)
    while True:
        await response.write(b"\x00" * 65536)


async def test_an_endless_body_is_read_to_the_limit_plus_one_byte(site: Site, tmp_path: Path) -> None:
    site.answer = endless
    remote = await fetch(f"{site.url}/song.mp3", tmp_path)
    assert remote.path.stat().st_size == remote.size_bytes == LIMIT + 1
    assert not remote.is_whole


@pytest.mark.parametrize(
    ("size", "kept", "is_whole"), [(-1, -1, True), (0, 0, True), (1, 1, False), (9, 1, False)]
)
async def test_the_limit_is_exact_to_the_byte(
    site: Site, tmp_path: Path, size: int, kept: int, is_whole: bool
) -> None:
    async def sized(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x01" * (LIMIT + size))

    site.answer = sized
    remote = await fetch(f"{site.url}/song.mp3", tmp_path)
    assert (remote.size_bytes, remote.is_whole) == (LIMIT + kept, is_whole)


async def test_a_body_shorter_than_it_said_is_refused(site: Site, tmp_path: Path) -> None:
    async def lying(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100000"})
        await response.prepare(request)
        await response.write(b"\x00" * 5000)
        assert request.transport is not None
        request.transport.close()
        return response

    site.answer = lying
    with pytest.raises(PreflightError, match="broke off before its end"):
        await fetch(f"{site.url}/song.mp3", tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_slow_body_is_given_up_in_time(site: Site, tmp_path: Path) -> None:
    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"ID3" + b"\x00" * 70_000)
        await site.gone.wait()
        return response

    site.answer = dripping
    with pytest.raises(PreflightError, match=r"did not arrive within 0\.3 seconds"):
        await fetch(f"{site.url}/song.mp3", tmp_path, max_seconds=0.3)
    assert list(tmp_path.iterdir()) == []


async def test_a_server_that_never_answers_is_given_up_in_time(site: Site, tmp_path: Path) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await site.gone.wait()
        return web.Response()

    site.answer = silent
    with pytest.raises(PreflightError, match="did not arrive"):
        await fetch(f"{site.url}/song.mp3", tmp_path, max_seconds=0.3)


def redirecting(times: int, status: int = 302) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        done = int(request.query.get("hop", "0"))
        if done >= times:
            return web.Response(body=SONG)
        return web.Response(status=status, headers={"Location": f"/song.mp3?hop={done + 1}"})

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_few_redirects_are_followed(site: Site, tmp_path: Path, status: int) -> None:
    site.answer = redirecting(MAX_REDIRECTS, status)
    remote = await fetch(f"{site.url}/song.mp3", tmp_path)
    assert remote.size_bytes == len(SONG)


async def test_endless_redirects_are_refused(site: Site, tmp_path: Path) -> None:
    site.answer = redirecting(1000)
    with pytest.raises(PreflightError, match="redirected more than 5 times"):
        await fetch(f"{site.url}/song.mp3", tmp_path)
    assert len(site.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/song.mp3", "data:audio/mpeg,AAAA"])
async def test_a_redirect_out_of_http_is_refused(site: Site, tmp_path: Path, target: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    site.answer = answer
    with pytest.raises(ConfigurationError):
        await fetch(f"{site.url}/song.mp3", tmp_path)


@pytest.mark.parametrize("target", ["http://127.0.0.1/song.mp3", "http://169.254.169.254/x", "//nas.local/x"])
async def test_a_redirect_from_outside_into_the_local_network_is_refused(
    monkeypatch: pytest.MonkeyPatch, site: Site, tmp_path: Path, target: str
) -> None:
    # The first hop stands for a public server: its name passes, so that the second is what is judged.
    port = site.url.rsplit(":", 1)[1]
    leading_to(monkeypatch, songs_example_com="127.0.0.1")
    monkeypatch.setattr("soundverse_nb.hosting.remote.why_resolved_local", lambda host, address: None)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    site.answer = answer
    with pytest.raises(ConfigurationError, match="cannot fetch"):
        await fetch_reference(
            f"http://songs.example.com:{port}/song.mp3", max_bytes=LIMIT, public=True, directory=tmp_path
        )
    assert len(site.requests) == 1


async def test_a_share_page_is_told_from_a_song(site: Site, tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<!DOCTYPE html><title>song.mp3 - shared</title>", content_type="text/html")

    site.answer = page
    with pytest.raises(PreflightError, match="is a web page, not audio") as refused:
        await fetch(f"{site.url}/song.mp3", tmp_path)
    assert refused.value.spent is Spent.NO


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500, 204, 304])
async def test_an_answer_without_a_song_is_told_by_its_status(
    site: Site, tmp_path: Path, status: int
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    site.answer = answer
    with pytest.raises(PreflightError, match=f"HTTP {status}"):
        await fetch(f"{site.url}/song.mp3", tmp_path)


def labelled(body: bytes, label: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Encoding": label})

    return answer


@pytest.mark.parametrize("label", ["gzip", "br", "identity", "utf-8"])
@pytest.mark.parametrize("body", [SONG, b"\x1f\x8b" + b"\x00" * 100], ids=["song", "no_gzip"])
async def test_what_is_not_packed_as_its_label_says_is_kept_as_it_came(
    site: Site, tmp_path: Path, label: str, body: bytes
) -> None:
    site.answer = labelled(body, label)
    remote = await fetch(f"{site.url}/song.mp3", tmp_path)
    assert remote.path.read_bytes() == body


@pytest.mark.parametrize("label", ["gzip", "br", "zstd", "deflate"])
async def test_a_packed_song_is_unpacked_and_only_up_to_the_limit(
    site: Site, tmp_path: Path, label: str
) -> None:
    site.answer = labelled(packed(label, SONG), label)
    assert (await fetch(f"{site.url}/song.mp3", tmp_path)).path.read_bytes() == SONG
    site.answer = labelled(packed(label, bytes(20_000_000)), label)
    bomb = await fetch(f"{site.url}/song.mp3", tmp_path)
    assert not bomb.is_whole
    assert bomb.path.stat().st_size == bomb.size_bytes < 11_000_000


async def test_a_closed_port_is_told_as_unreachable(tmp_path: Path) -> None:
    with unserved_port() as port, pytest.raises(PreflightError, match="could not be reached"):
        await fetch(f"http://127.0.0.1:{port}/song.mp3", tmp_path)


async def test_cancelling_leaves_no_file(site: Site, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"ID3" + b"\x00" * 70_000)
        begun.set()
        await site.gone.wait()
        return response

    site.answer = slow
    fetching = asyncio.ensure_future(fetch(f"{site.url}/song.mp3", tmp_path))
    await begun.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/song.mp3?X-Amz-Signature=s3cret",
        "http://user:s3cret@127.0.0.1:1/song.mp3",
        "ftp://user:s3cret@example.com/song.mp3?token=s3cret",
        "s3cret",
    ],
)
async def test_a_signature_in_a_url_shows_in_no_error(url: str, tmp_path: Path) -> None:
    for public in (True, False):
        with pytest.raises(SoundverseError) as refused:
            await fetch_reference(url, max_bytes=LIMIT, public=public, directory=tmp_path)
        assert "s3cret" not in "".join(traceback.format_exception(refused.value))


async def test_a_fetched_reference_shows_no_signature(site: Site, tmp_path: Path) -> None:
    remote = await fetch(f"{site.url}/song.mp3?X-Amz-Signature=s3cret", tmp_path)
    assert "s3cret" not in repr(remote)


def test_the_spelling_is_checked_without_a_network() -> None:
    check_url("https://songs.example.com/song.mp3")
    with pytest.raises(ConfigurationError):
        check_url("https://192.168.1.2/song.mp3")
