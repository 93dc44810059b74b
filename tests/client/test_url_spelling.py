"""A URL is checked, ordered and fetched in one spelling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import soundverse_nb as sv
from tests.api.servers import listener
from tests.client.test_proxy import site
from tests.strict_service import MP3, StrictService, completed, stages, stream

MakeClient = Callable[..., sv.Client]

NAMES = {
    "my song.wav": "/my%20song.wav",
    "my%20song.wav": "/my%20song.wav",
    "für dich.wav?t=ü": "/f%C3%BCr%20dich.wav?t=%C3%BC",
    "a+b.wav?q=1+1&s=a%2Fb%3D": "/a+b.wav?q=1+1&s=a%2Fb%3D",
    "a|b[1]{2}.wav": "/a%7Cb[1]%7B2%7D.wav",
    "100% (live).wav": "/100%25%20(live).wav",
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_reference_is_ordered_as_it_was_checked(
    make_client: MakeClient, tmp_path: Path, name: str
) -> None:
    async with StrictService() as service, site(tmp_path, tls=False) as (there, asked):
        await make_client(service, preflight="full").remix(f" {there}/{name}\n", prompt="jazz")
        (post,) = service.posts
        assert post.json["song_reference_url"] == f"{there}{NAMES[name]}"
        assert asked == [NAMES[name]]


@pytest.mark.parametrize("mode", ["off", "quick"])
async def test_in_whatever_mode(make_client: MakeClient, mode: str) -> None:
    async with StrictService() as service:
        await make_client(service, preflight=mode).remix(
            "https://songs.example.com/my song.mp3", prompt="jazz"
        )
        assert service.posts[0].json["song_reference_url"] == "https://songs.example.com/my%20song.mp3"


async def test_a_hosts_url_too(make_client: MakeClient, tmp_path: Path) -> None:
    async def publish(path: Path) -> str:
        return "https://songs.example.com/my song.mp3?X-Sig=a%2Fb"

    song = tmp_path / "song.mp3"
    song.write_bytes(MP3)
    async with StrictService() as service:
        await make_client(service, host=publish).remix(song, prompt="jazz")
        ordered = service.posts[0].json["song_reference_url"]
        assert ordered == "https://songs.example.com/my%20song.mp3?X-Sig=a%2Fb"


@pytest.mark.parametrize(
    ("raw", "asked_for"),
    [
        (b"/caf\xe9.mp3", "/caf%E9.mp3"),
        ("/café.mp3".encode(), "/caf%C3%A9.mp3"),
        (b"/caf%E9.mp3", "/caf%E9.mp3"),
        (b"/a b.mp3?t=\xff", "/a%20b.mp3?t=%FF"),
    ],
)
async def test_a_location_is_followed_byte_by_byte(
    make_client: MakeClient, raw: bytes, asked_for: str
) -> None:
    asked: list[str] = []

    async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split(b" ")[1].decode("ascii"))
        if asked[-1] == "/moved.mp3":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + raw + b"\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(MP3) + MP3)
        await writer.drain()

    async with listener(moved) as port:
        address = f"http://127.0.0.1:{port}/moved.mp3"
        async with StrictService([stream(*stages()[:-1], completed(address))]) as service:
            remix = await make_client(service).remix("https://songs.example.com/a.mp3", prompt="jazz")
            assert remix.audio.path.read_bytes() == MP3
            assert remix.audio_url is not None
            assert urlsplit(remix.audio_url).port == port
    assert asked == ["/moved.mp3", asked_for]
