"""A remix counts as fetched when it decodes: what only looks like one is kept beside and fetched again."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.api.secrets import remember_key
from soundverse_nb.client import OrderState
from soundverse_nb.client.order.download import (
    SETTLED_AFTER,
    DecodeCheck,
    Playback,
    check_file,
    file_stem,
    is_acceptable,
)
from soundverse_nb.errors import Spent
from tests import strict_service as script
from tests.audio.adts import aac
from tests.client.conftest import SONG
from tests.strict_service import (
    HOLD,
    MP3,
    MP3_FRAME,
    Reply,
    StrictService,
    answer,
    completed,
    redirect,
    stages,
    stream,
)

MakeClient = Callable[..., sv.Client]

AUDIO = "/audio/remix-1.mp3"


def tone(seconds: float = 3.0, rate: int = 44100) -> Any:
    time = np.arange(int(seconds * rate)) / rate
    rng = np.random.default_rng(3)
    return (0.3 * np.sin(2 * np.pi * 330 * time) + 0.02 * rng.standard_normal(len(time))).astype(np.float32)


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(44100)
        sound.writeframes((tone() * 32767).astype("<i2").tobytes())
    return file.getvalue()


def piped(sound: bytes) -> bytes:
    return sound[:4] + b"\xff" * 4 + sound[8:40] + b"\xff" * 4 + sound[44:]


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(), 44100, format=kind)
    return file.getvalue()


PAGE = b"<html><body>This file is being prepared</body></html>" * 90
ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
M4A_WITHOUT_INDEX = b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom" + b"\0\0\x27\x18mdat" + bytes(range(250)) * 40

NO_SOUND: dict[str, bytes] = {
    "a page behind three letters": b"ID3" + PAGE,
    "a page behind a tag": ID3 + PAGE,
    "a tag and nothing else": ID3,
    "an M4A without its index": M4A_WITHOUT_INDEX,
    "a WAV without samples": wav()[:40] + bytes(4),
    "a FLAC's head": encoded("FLAC")[:4200],
    "an Ogg's head": encoded("OGG")[:3000],
    "noise behind a sync word": b"\xff\xf1" + bytes((7 * n * n + 3 * n) % 251 for n in range(9000)),
}
CUT: dict[str, bytes] = {
    "WAV": wav()[:100_000],
    "FLAC": encoded("FLAC")[:100_000],
    "Ogg": encoded("OGG")[: len(encoded("OGG")) * 3 // 4],
    "MP3": MP3[: 200 * len(MP3_FRAME) + 150],
    "ADTS": b"".join(aac(3.0))[:-7],
    "WAV that was written to a pipe": piped(wav())[:100_001],
}


def close_framed(body: bytes) -> Reply:
    """A body whose end is the connection's end: cut short, it ends just so."""
    return Reply([body], framing="close")


async def rejected(client: sv.Client, service: StrictService) -> sv.DownloadError:
    with pytest.raises(sv.DownloadError) as failed:
        await client.remix(SONG, prompt="jazz")
    error = failed.value
    (order,) = client.orders()
    assert order.state is OrderState.COMPLETED
    assert (error.order_id, error.message_id) == (order.order_id, order.message_id)
    assert error.spent is Spent.YES
    assert "client.recover()" in str(error)
    return error


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.rejected"))


@pytest.mark.parametrize("name", NO_SOUND)
async def test_what_holds_no_sound_is_no_remix(make_client: MakeClient, tmp_path: Path, name: str) -> None:
    async with StrictService(files={AUDIO: [answer(NO_SOUND[name])]}) as service:
        client = make_client(service)
        error = await rejected(client, service)
        (aside,) = kept(tmp_path)
        assert aside.read_bytes() == NO_SOUND[name]
        assert str(aside) in error.message
        service.files.clear()
        (remix,) = await client.recover()
        assert remix.audio.path.read_bytes() == MP3
        assert remix.audio.duration == pytest.approx(12.0, abs=0.1)
        assert service.charged == 1
    assert kept(tmp_path) == [], "what was kept in its place goes with it"
    assert sorted(path.name for path in (tmp_path / "remixes").iterdir()) == sorted(
        [remix.audio.name, remix.album_art_path.name if remix.album_art_path else ""]
    )


@pytest.mark.parametrize("name", CUT)
async def test_a_body_that_ends_too_soon_is_no_remix_however_quietly(
    make_client: MakeClient, tmp_path: Path, name: str
) -> None:
    async with StrictService(files={AUDIO: [close_framed(CUT[name])]}) as service:
        client = make_client(service)
        await rejected(client, service)
        assert [path.read_bytes() for path in kept(tmp_path)] == [CUT[name]]
        assert len((await client.recover()).failed) == 1
        service.files[AUDIO] = [close_framed(MP3)]
        (remix,) = await client.recover()
        assert remix.audio.path.read_bytes() == MP3


def filled_up(sound: bytes, page: bytes) -> bytes:
    """Half of a song, and a page in place of the rest, up to the length that was announced."""
    half = sound[: len(sound) // 2]
    return half + (page * (len(sound) // len(page) + 1))[: len(sound) - len(half)]


PAGES = {
    "a page": PAGE,
    "a short page": b"<!DOCTYPE html><title>502</title>",
    "JSON": b'{"message": "Internal server error", "requestId": "b1"}',
    "a list of JSON": b'[ {"code": 5, "message": "gone"} ]',
    "XML": b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code></Error>\n',
    "XML without a prologue": b"<Error><Code>SlowDown</Code></Error>",
    "a page in another language": "<html><body>Serviço indisponível</body></html>".encode(),
}
SOUNDS = {
    "MP3": MP3, "MP3 with a count": encoded("MP3"), "ADTS": b"".join(aac(3.0)), "WAV": wav(),
    "WAV of a pipe": piped(wav()), "AIFF": encoded("AIFF"), "FLAC": encoded("FLAC"), "Ogg": encoded("OGG"),
}  # fmt: skip
TEXT_BEHIND = {
    **{f"{name} and {text}": MP3 + PAGES[text] for name, text in (("MP3", text) for text in PAGES)},
    **{f"{name}, filled up": filled_up(SOUNDS[name], PAGE) for name in SOUNDS},
}


@pytest.mark.parametrize("body", TEXT_BEHIND.values(), ids=TEXT_BEHIND)
def test_text_in_the_place_of_sound_is_a_cut_though_every_byte_came(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "song").write_bytes(body)
    check = check_file(str(tmp_path / "song"), True)
    assert check is not None
    assert check.playback is Playback.CUT


async def test_one_look_that_fails_is_followed_by_another(make_client: MakeClient, tmp_path: Path) -> None:
    whole = wav()
    files = {AUDIO: [close_framed(whole[:50_000]), answer(whole)]}
    async with StrictService(files=files) as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.audio.path.read_bytes() == whole
        assert remix.audio.path.suffix == ".wav"
    assert kept(tmp_path) == []


async def test_what_does_not_play_is_asked_for_at_a_fresh_address(make_client: MakeClient) -> None:
    fresh = completed("@STORAGE@/fresh.mp3")
    files = {AUDIO: [answer(ID3 + PAGE)], "/fresh.mp3": [answer(MP3)]}
    async with StrictService(files=files, status=[answer(fresh)]) as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.audio_url is not None
        assert remix.audio_url.endswith("/fresh.mp3")


async def test_a_cut_song_that_stays_what_the_service_has_is_taken_in_the_end(
    make_client: MakeClient, tmp_path: Path
) -> None:
    cut = CUT["WAV"]
    async with StrictService(files={AUDIO: [answer(cut)]}) as service:
        client = make_client(service)
        await rejected(client, service)
        assert len((await client.recover()).failed) == 1
        (aside,) = kept(tmp_path)
        before = aside.stat().st_mtime - SETTLED_AFTER - 1
        os.utime(aside, (before, before))
        (remix,) = await client.recover()
        assert remix.audio.path.read_bytes() == cut
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("playback", "second_try", "rejected_seconds", "accepted"),
    [
        (Playback.WHOLE, False, None, True),
        (Playback.FLAWED, False, None, False),
        (Playback.FLAWED, True, None, True),
        (Playback.CUT, False, None, False),
        (Playback.CUT, True, None, False),
        (Playback.CUT, True, SETTLED_AFTER / 2, False),
        (Playback.CUT, False, SETTLED_AFTER, True),
        (Playback.NO_SOUND, True, 10 * SETTLED_AFTER, False),
    ],
)
def test_what_counts_as_the_remix(
    playback: Playback, second_try: bool, rejected_seconds: float | None, accepted: bool
) -> None:
    check = DecodeCheck(playback)
    assert is_acceptable(check, second_try=second_try, rejected_seconds=rejected_seconds) is accepted


async def test_a_song_with_a_flaw_is_worth_having(make_client: MakeClient, tmp_path: Path) -> None:
    flawed = bytearray(encoded("FLAC"))
    flawed[60_000:60_400] = bytes(400)
    path = tmp_path / "flawed"
    path.write_bytes(flawed)
    check = check_file(str(path), True)
    assert check is not None
    assert check.playback is Playback.FLAWED
    async with StrictService(files={AUDIO: [answer(bytes(flawed))]}) as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.audio.path.read_bytes() == flawed
        assert [request.path for request in service.requests if "/audio/" in request.path][1:], (
            "after a second look"
        )


@pytest.mark.parametrize(
    "body",
    [MP3, MP3 + b"bye bye, said the drive", encoded("MP3") + PAGE, wav() + PAGE, wav() + bytes(900),
     encoded("FLAC") + b"x" * 90, encoded("FLAC") + PAGE, encoded("OGG") + PAGE],
)  # fmt: skip
async def test_silence_and_odd_bytes_behind_the_sound_are_no_fault(
    make_client: MakeClient, body: bytes
) -> None:
    async with StrictService(files={AUDIO: [answer(body)]}) as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.audio.path.read_bytes() == body
        assert sum("/audio/" in request.path for request in service.requests) == 1


def test_no_title_makes_the_key_the_name_of_a_file() -> None:
    remember_key("title-key-0123456789")
    for between in ("", "\u200b", "\u00ad", " "):
        assert file_stem(f"A {between.join('title-key-0123456789')}", "o1") == "remix-o1"
    assert file_stem("A title key", "o1") == "a-title-key-o1"


def test_a_decoder_that_raises_loses_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError("30 channels")

    monkeypatch.setattr("soundverse_nb.reference.check_playback", broken)
    (tmp_path / "x").write_bytes(MP3)
    check = check_file(str(tmp_path / "x"), True)
    assert check is not None
    assert check.playback is Playback.FLAWED


# Where it is decoded


class Counting(ThreadPoolExecutor):
    def __init__(self) -> None:
        super().__init__(1)
        self.names: list[str] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.names.append(fn.__name__)
        return super().submit(fn, *args, **kwargs)


async def test_it_is_checked_on_the_users_executor(make_client: MakeClient) -> None:
    with Counting() as executor:
        async with StrictService() as service:
            await make_client(service, executor=executor).remix(SONG, prompt="jazz")
        assert executor.names == ["check_file"]


class Gone(Executor):
    """A pool of another machine, that knows no such file."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(None)
        return future


class Closed(Executor):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise RuntimeError("cannot schedule new futures after shutdown")


@pytest.mark.parametrize("executor", [Gone(), Closed()])
async def test_an_executor_that_fails_costs_no_paid_remix(
    make_client: MakeClient, executor: Executor
) -> None:
    async with StrictService() as service:
        remix = await make_client(service, executor=executor).remix(SONG, prompt="jazz")
        assert remix.audio.path.read_bytes() == MP3


async def test_the_event_loop_goes_on_while_a_remix_is_checked(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundverse_nb.client.background import LOOP

    checked_on: list[bool] = []

    def look(path: str, proven: bool) -> DecodeCheck:
        checked_on.append(LOOP.is_current())
        return DecodeCheck(Playback.WHOLE)

    monkeypatch.setattr("soundverse_nb.client.order.download.check_file", look)
    async with StrictService() as service:
        await make_client(service).remix(SONG, prompt="jazz")
    assert checked_on == [False]


# Addresses that are none

BROKEN = [
    "http://[::1",
    "http://[::1]:x/",
    "//[",
    "http://a:99999/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://\ud800/",
    "http://a..b/",
    "http://" + "a" * 300 + ".example/x",
]


@pytest.mark.parametrize("location", [address for address in BROKEN if address.isprintable()])
async def test_a_redirect_to_no_address_is_a_download_that_failed(
    make_client: MakeClient, location: str
) -> None:
    async with StrictService(files={AUDIO: [redirect(location)]}) as service:
        client = make_client(service)
        await rejected(client, service)
        service.files.clear()
        assert len(await client.recover()) == 1


@pytest.mark.parametrize("address", [address for address in BROKEN if address.isprintable()])
async def test_an_audio_url_that_is_none_is_a_download_that_failed(
    make_client: MakeClient, address: str
) -> None:
    odd = stream(*stages()[:-1], completed(address))
    async with StrictService([odd], status=[answer(completed(address))]) as service:
        client = make_client(service)
        await rejected(client, service)
        assert len(await client.recover()) == 1, "the status endpoint names a better one by now"


@pytest.mark.parametrize("address", BROKEN)
async def test_a_picture_never_fails_a_remix(make_client: MakeClient, address: str) -> None:
    chunks = [{**chunk, "album_art": address} if "album_art" in chunk else chunk for chunk in stages()]
    async with StrictService([stream(*chunks)]) as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.album_art_path is None
        assert remix.audio.path.read_bytes() == MP3


@pytest.mark.parametrize("location", ["http://[::1", "/caf\xe9.png", "//"])
async def test_nor_does_one_that_leads_nowhere(make_client: MakeClient, location: str) -> None:
    async with StrictService(files={"/art/remix-1.png": [redirect(location)]}) as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.album_art_path is None


async def test_nor_does_a_bug_met_on_its_way(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundverse_nb.api.transport import Transport

    usual = Transport.download

    async def download(self: Transport, *given: Any, **settings: Any) -> Any:
        if settings.get("expect") == "image":
            raise TypeError("a picture")
        return await usual(self, *given, **settings)

    monkeypatch.setattr(Transport, "download", download)
    async with StrictService() as service:
        remix = await make_client(service).remix(SONG, prompt="jazz")
        assert remix.album_art_path is None


async def test_a_remix_that_is_there_does_not_wait_long_for_its_picture(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundverse_nb.client.order.download.PICTURE_SECONDS", 0.01)
    async with StrictService(files={"/art/remix-1.png": [Reply([script.PNG, HOLD])]}) as service:
        client = make_client(service)
        remix = await client.remix(SONG, prompt="jazz")
        assert remix.album_art_path is None
        assert client.orders()[0].state is OrderState.FETCHED
        assert [path.name for path in remix.audio.path.parent.iterdir()] == [remix.audio.name]
