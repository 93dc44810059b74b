"""Where a simulator that other machines can ask goes for a reference, and where not."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from yarl import URL

from soundverse_nb.simulator import Simulator
from soundverse_nb.simulator import access as bounds
from soundverse_nb.simulator.access import OutOfBoundsError, check_bounds
from soundverse_nb.urls import is_out_of_bounds

from .conftest import SPEED, chunks, order, upload

NOT_THERE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255",
    "100.100.100.200", "168.63.129.16", "::1", "::", "fe80::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1",
    "fd00:ec2::254", "64:ff9b:1::1",
]  # fmt: skip
THERE = ["10.1.2.3", "192.168.1.20", "172.16.0.1", "8.8.8.8", "fd12::1", "2606:4700::1", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", NOT_THERE)
def test_this_machine_its_link_and_the_clouds_keys_are_out_of_bounds(address):
    assert is_out_of_bounds(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", THERE)
def test_the_internet_and_the_class_room_s_network_are_not(address):
    assert not is_out_of_bounds(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0x7f.1",
        "127.0.0.1.",
        "127.0.0.1",
        "[::ffff:7f00:1]",
        "0",
    ],
)
def test_every_spelling_of_such_an_address_is_known(host):
    with pytest.raises(OutOfBoundsError):
        check_bounds(URL(f"http://{host}/song.mp3"))


class Diary(BaseHTTPRequestHandler):
    """Notes who came, and leads on where its path says."""

    seen: list[str] = []  # noqa: RUF012 - one for the whole server
    song = b""

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[len("/to/") :])
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.song)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def diary(song_file) -> Iterator[int]:
    Diary.song = song_file
    server = ThreadingHTTPServer(("0.0.0.0", 0), Diary)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def nobody_came() -> None:
    Diary.seen.clear()


@pytest.fixture(scope="module")
def public() -> Iterator[Simulator]:
    with Simulator(speed=SPEED, host="0.0.0.0") as running:
        yield running


@pytest.fixture
def names(monkeypatch) -> dict[str, list[str]]:
    """What a name server would say."""
    table: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **settings: Any) -> Any:
        if host in table:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, int(port or 0))) for each in table[host]
            ]
        return ask(host, port, *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


def said(service: Simulator, url: str) -> str:
    answer = order(service, {"song_reference_url": url, "prompt": "pop"})
    assert answer.status_code == 400
    return str(answer.json()["message"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"],
)
def test_a_service_for_the_network_fetches_nothing_from_its_own_machine(public, diary, host):
    assert "fetches nothing from there" in said(public, f"http://{host}:{diary}/song.flac")
    assert Diary.seen == []


@pytest.mark.parametrize("name", ["songs.example.com", "localhost.", "song.localhost"])
def test_nor_where_a_name_leads_there(public, diary, names, name):
    names[name] = ["127.0.0.1"]
    assert "fetches nothing from there" in said(public, f"http://{name}:{diary}/song.flac")
    assert Diary.seen == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{}/secret", "http://localhost:{}/secret", "//127.1:{}/secret"]
)
def test_nor_where_a_redirect_leads_there(song_file, diary, names, monkeypatch, target):
    # A class-room's web server. Tests have loopback only, so its address is let through, and no other.
    names["songs.lan"] = ["127.0.0.77"]
    allowed = bounds._is_allowed
    monkeypatch.setattr(bounds, "_is_allowed", lambda spelt: spelt == "127.0.0.77" or allowed(spelt))
    with Simulator(speed=SPEED, host="0.0.0.0") as service:
        assert "fetches nothing from there" in said(
            service, f"http://songs.lan:{diary}/to/{target.format(diary)}"
        )
    assert len(Diary.seen) == 1


def test_what_was_handed_to_it_is_taken_all_the_same(public, song_file):
    url = upload(public, song_file)
    assert url.startswith("http://127.0.0.1:")
    told = chunks(order(public, {"song_reference_url": url, "prompt": "pop"}))
    assert told[-1]["status"] == "completed"


def test_but_not_what_only_looks_like_it(public, diary, song_file):
    path = upload(public, song_file).partition("/simulator")[2]
    assert "fetches nothing from there" in said(public, f"http://127.0.0.1:{diary}/simulator{path}")
    assert "HTTP 404" in said(public, f"{public.base_url}/simulator/references/{'0' * 64}/song.flac")


def test_a_service_for_this_machine_alone_fetches_from_it(service, diary):
    told = chunks(
        order(service, {"song_reference_url": f"http://127.0.0.1:{diary}/song.flac", "prompt": "pop"})
    )
    assert told[-1]["status"] == "completed"
    assert Diary.seen == ["/song.flac"]
