"""Songs handed to the simulator: from whom they are taken, how many, and as what they come back."""

from __future__ import annotations

import socket

import aiohttp
import pytest
import requests

from soundverse_nb.errors import HostingError
from soundverse_nb.hosting import EmbeddedHost
from soundverse_nb.running_simulators import PASS_HEADER, pass_for
from soundverse_nb.simulator import Simulator, uploads
from soundverse_nb.simulator.refusals import Refusal

from .conftest import KEY, SPEED, upload

SCRIPT = b"<!DOCTYPE html><script>document.title = 'ran'</script>"


def hand_over(service: Simulator, method: str = "POST", path: str = "", **headers: str) -> requests.Response:
    url = f"{service.base_url}/simulator/references{path}"
    return requests.request(method, url, data=SCRIPT, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def locked() -> Simulator:
    with Simulator(speed=SPEED, api_key="right") as running:
        yield running


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {PASS_HEADER: "guessed"}])
def test_a_service_with_a_key_takes_songs_from_nobody_without_it(locked, headers):
    assert hand_over(locked, **headers).status_code == 401
    url = upload(locked, b"a song", Authorization="Bearer right")
    path = url.partition("/references")[2]
    assert hand_over(locked, "DELETE", path, **headers).status_code == 401
    assert requests.get(url, timeout=10).content == b"a song"


async def test_a_service_with_a_key_takes_songs_from_its_own_process(locked, tmp_path):
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3 of this process")
    url = (await EmbeddedHost(locked.base_url).publish(song)).url
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == song.read_bytes()


async def test_elsewhere_the_host_needs_the_key_and_a_client_lends_its_own(locked, tmp_path, monkeypatch):
    from pydantic import SecretStr

    from soundverse_nb.hosting import find_host

    monkeypatch.setattr("soundverse_nb.hosting.embedded.pass_for", lambda port: None)
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3 of another process")
    with pytest.raises(HostingError, match=r"HTTP 401.*Not authenticated"):
        await EmbeddedHost(locked.base_url).publish(song)
    for setting in (None, EmbeddedHost(locked.base_url)):
        host = find_host(setting, locked.base_url, True, api_key=SecretStr("right"))
        assert host is not None
        assert (await host.publish(song)).url.startswith(locked.base_url)
    assert (await EmbeddedHost(locked.base_url, "right").publish(song)).url.startswith(locked.base_url)


def test_the_pass_is_this_process_s_and_ends_with_the_service():
    with Simulator() as service:
        port = int(service.base_url.rpartition(":")[2])
        assert pass_for(port)
        assert pass_for(port) not in repr(vars(service)["_settings"])
    assert pass_for(port) is None


WEB_PAGES = [
    {"Origin": "https://evil.example.com"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8888"},
    {"Origin": "http://localhost:8888", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Referer": "https://evil.example.com/page"},
    {"Referer": "http://[broken"},
]


@pytest.mark.parametrize("page", WEB_PAGES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/octet-stream"]
)
def test_a_web_page_of_another_origin_hands_nothing_over(service, page, kind):
    answer = hand_over(service, **page, **{"Content-Type": kind, "X-Filename": "song.mp3"})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    url = upload(service, b"a song to keep")
    assert hand_over(service, "DELETE", url.partition("/references")[2], **page).status_code == 403


@pytest.mark.parametrize("page", WEB_PAGES[:2])
def test_the_key_does_not_help_a_web_page(locked, page):
    assert hand_over(locked, Authorization="Bearer right", **page).status_code == 403


def test_no_preflight_of_a_browser_is_granted(service):
    asked = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}
    for path in ("/simulator/references", "/v7/generate/remix"):
        answer = requests.options(service.base_url + path, headers=asked, timeout=10)
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "name", ["evil.example.com", "evil.example.com:80", "127.0.0.1.evil.net", "localhost.evil.net"]
)
@pytest.mark.parametrize(
    "path", ["/simulator", "/simulator/references", "/v7/generate/remix", "/status/generation/x"]
)
def test_a_name_that_was_given_this_machine_s_address_is_not_answered(service, name, path):
    method = "POST" if path.endswith(("references", "remix")) else "GET"
    answer = requests.request(method, service.base_url + path, headers={**KEY, "Host": name}, timeout=10)
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "name",
    ["localhost", "LOCALHOST:80", "song.localhost", "127.0.0.1", "[::1]:80", "host.docker.internal:8080", ""],
)
def test_this_machine_s_own_names_are_answered(service, name):
    answer = requests.get(
        f"{service.base_url}/simulator", headers={"Host": name or socket.gethostname()}, timeout=10
    )
    assert answer.status_code == 200


def test_a_service_for_the_network_answers_to_whatever_it_is_called():
    with Simulator(host="0.0.0.0") as service:
        answer = requests.get(
            f"{service.base_url}/simulator", headers={"Host": "sim.lab.example.edu"}, timeout=10
        )
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "name", ["page.html", "page.svg", "page.xhtml", "page", "page.mp3.html", "page.js", "page.pdf"]
)
def test_what_was_handed_over_comes_back_as_sound_whatever_it_is(service, name):
    answer = requests.get(upload(service, SCRIPT, name), timeout=10)
    assert answer.content == SCRIPT
    assert answer.headers["Content-Type"].startswith("audio/")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "sandbox"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.FLAC", "audio/flac"), ("a.m4a", "audio/mp4"), ("a.mp4", "audio/mp4"), ("a.wav", "audio/wav")],
)
def test_a_song_has_its_own_type_on_every_machine(name, kind):
    assert uploads.sound_type(name) == kind


def test_no_answer_of_the_service_may_be_taken_for_a_script(service):
    for path in ("/simulator", "/nothing", "/simulator/references/x/y.html"):
        assert (
            requests.get(service.base_url + path, timeout=10).headers["X-Content-Type-Options"] == "nosniff"
        )


def test_a_flood_ends_with_a_refusal_that_says_why(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", 2 << 20)
    with Simulator(speed=SPEED) as service:
        for number in range(2):
            upload(service, bytes([number]) * 1_000_000)
        answer = requests.post(f"{service.base_url}/simulator/references", data=b"2" * 1_000_000, timeout=30)
        assert answer.status_code == 507
        assert "at most 2 MB" in answer.json()["detail"]
        upload(service, b"a song that still has room")


async def test_the_host_tells_why_a_song_was_not_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", 1 << 20)
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3" + bytes(2 << 20))
    with Simulator(speed=SPEED) as service, pytest.raises(HostingError, match=r"HTTP 507.*at most 1 MB"):
        await EmbeddedHost(service.base_url).publish(song)


async def blocks(content: bytes):
    yield content


async def test_the_oldest_song_goes_for_a_new_one_but_not_a_young_one(monkeypatch, tmp_path):
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", 10 * 4096)
    now = 0.0
    shelf = uploads.Uploads(tmp_path, clock=lambda: now)
    first, _ = await shelf.take(blocks(b"1" * 16_384), "here")
    now = uploads.YOUNG - 1
    second, _ = await shelf.take(blocks(b"2" * 16_384), "here")
    now += 2
    third, _ = await shelf.take(blocks(b"3" * 16_384), "here")
    assert [shelf.find(digest) is not None for digest in (first, second, third)] == [False, True, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 2 * 16_384
    with pytest.raises(Refusal) as refused:
        await shelf.take(blocks(b"4" * 16_384), "here")
    assert refused.value.status == 507
    assert len(list(tmp_path.iterdir())) == 2


async def test_songs_on_their_way_count_and_empty_ones_too(monkeypatch, tmp_path):
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", 10 * 4096)
    shelf = uploads.Uploads(tmp_path, clock=lambda: 0.0)

    async def slow():
        yield bytes(9 * 4096)
        with pytest.raises(Refusal):
            await shelf.take(blocks(bytes(2 * 4096)), "here")
        yield b""

    kept, _ = await shelf.take(slow(), "here")
    shelf.drop(kept)
    for number in range(10):
        await shelf.take(blocks(b"%d" % number), "here")
    with pytest.raises(Refusal):
        await shelf.take(blocks(b"one more"), "here")


async def test_a_browser_s_player_still_plays_what_comes_as_an_attachment(service, song_file):
    # What a player asks for: the sound in ranges.
    url = upload(service, song_file)
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Range": "bytes=0-99"}) as answer,
    ):
        assert answer.status == 206
        assert await answer.read() == song_file[:100]
