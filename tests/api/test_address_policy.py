"""Where a service may send this machine for a finished file, and that it is not into its own house."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.api.address_policy import AddressPolicy, LocalAddressError
from soundverse_nb.errors import DownloadError, Spent
from soundverse_nb.urls import WebURL
from tests.api.conftest import Connect
from tests.strict_service import MP3, PNG, StrictService, answer, redirect

PUBLIC = "https://api.soundverse.ai"
SONG = "/audio/x.mp3"
KEY = "key-0123456789"

ONLY_HERE = [
    "http://127.0.0.1:8888/x.mp3",
    "http://LOCALHOST/x.mp3",
    "http://localhost./x.mp3",
    "http://song.localhost/x.mp3",
    "http://127.1/x.mp3",
    "http://0x7f000001/x.mp3",
    "http://2130706433/x.mp3",
    "http://017700000001/x.mp3",
    "http://0/x.mp3",
    "http://[::1]/x.mp3",
    "http://[::ffff:127.0.0.1]/x.mp3",
    "http://[fe80::1%25eth0]/x.mp3",
    "http://[64:ff9b::7f00:1]/x.mp3",
    "http://user:word@127.0.0.1/x.mp3",
    "https://169.254.169.254/latest/meta-data/",
    "http://192.168.1.1/x.mp3",
    "http://router.lan/x.mp3",
    "http://１２７.0.0.1/x.mp3",
]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a name server would say, and that it is asked for each connection."""
    table: dict[str, str] = {}
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **settings: Any) -> Any:
        if host in table:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (table[host], int(port or 0)))]
        return ask(host, port, *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


@pytest.mark.parametrize("url", ONLY_HERE)
async def test_a_public_service_cannot_send_the_client_to_its_own_machine_or_network(
    connect: Connect, tmp_path: Path, url: str, waits: list[float]
) -> None:
    with pytest.raises(DownloadError, match="Nothing is fetched from") as refused:
        await connect(PUBLIC).download(url, tmp_path / "remix")
    assert refused.value.spent is Spent.YES
    assert "word" not in str(refused.value)
    assert waits == [], "asking again would change nothing"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["audio", "image"])
async def test_nor_by_a_name_that_leads_there(
    connect: Connect, tmp_path: Path, names: dict[str, str], kind: Any, waits: list[float]
) -> None:
    names["files.remixes.net"] = "127.0.0.1"
    async with StrictService(files={SONG: (answer(MP3 if kind == "audio" else PNG),)}) as service:
        url = service.storage_url.replace("127.0.0.1", "files.remixes.net") + SONG
        with pytest.raises(DownloadError, match=r"files\.remixes\.net leads to 127\.0\.0\.1"):
            await connect(PUBLIC).download(url, tmp_path / "remix", expect=kind)
        assert waits == []


async def test_nor_by_a_redirect(connect: Connect, tmp_path: Path, names: dict[str, str]) -> None:
    names["api.remixes.net"] = "127.0.0.1"
    async with StrictService(files={SONG: (redirect("/there"),), "/there": (answer(MP3),)}) as service:
        # The service's own name and port are what the user named: an address of the office, as it happens.
        own = service.storage_url.replace("127.0.0.1", "api.remixes.net")
        got = await connect(own, api_key=KEY).download(own + SONG, tmp_path / "remix")
        assert got.path.read_bytes() == MP3
    async with StrictService(files={SONG: (redirect("http://127.0.0.1:9/x"),)}) as service:
        own = service.storage_url.replace("127.0.0.1", "api.remixes.net")
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1 is this machine itself"):
            await connect(own, api_key=KEY).download(own + SONG, tmp_path / "other")


async def test_a_service_of_this_machine_may(connect: Connect, tmp_path: Path) -> None:
    async with StrictService(files={SONG: (answer(MP3),)}) as service:
        got = await connect("http://127.0.0.1:9").download(service.storage_url + SONG, tmp_path / "remix")
        assert got.path.read_bytes() == MP3


def test_another_port_of_the_service_is_looked_at_like_any_other_place() -> None:
    policy = AddressPolicy("https://api.remixes.net")
    policy.check(WebURL.parse("https://api.remixes.net/x.mp3"))
    assert policy.why_refused("api.remixes.net", 443, "10.0.0.1") is None
    policy.check(WebURL.parse("http://api.remixes.net:8888/x.mp3"))
    assert policy.why_refused("api.remixes.net", 8888, "127.0.0.1")


def test_the_name_of_a_proxy_may_lead_anywhere() -> None:
    policy = AddressPolicy(PUBLIC)
    policy.check(WebURL.parse("https://files.remixes.net/x.mp3"))
    assert policy.why_refused("proxy.office.net", 3128, "10.0.0.1") is None
    assert policy.why_refused("files.remixes.net", 443, "10.0.0.1")


def test_a_name_with_an_umlaut_is_known_in_both_spellings() -> None:
    policy = AddressPolicy(PUBLIC)
    policy.check(WebURL.parse("https://töne.example.com/x.mp3".replace("example", "remixes")))
    assert policy.why_refused("xn--tne-sna.remixes.com", 443, "127.0.0.1")


def test_a_public_address_is_nobody_s_business() -> None:
    policy = AddressPolicy(PUBLIC)
    policy.check(WebURL.parse("https://storage.remixes.net/x.mp3"))
    assert policy.why_refused("storage.remixes.net", 443, "93.184.216.34") is None
    with pytest.raises(LocalAddressError):
        policy.check(WebURL.parse("http://10.0.0.1/x.mp3"))
