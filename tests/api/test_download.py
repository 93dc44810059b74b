"""A download ends in a whole, checked file or in a DownloadError and no file; the key never goes along."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.api.transport import Downloaded
from soundverse_nb.errors import DownloadError, Spent
from tests.api.conftest import Connect
from tests.api.packing import whole
from tests.strict_service import HOLD, MP3, PNG, Reply, StrictService, answer, redirect

AUDIO = "/audio/x.mp3"
SIGNED = f"{AUDIO}?X-Amz-Signature=geheim&Expires=1"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def fetched(
    connect: Connect, folder: Path, *replies: Reply, url: str = SIGNED, **settings: Any
) -> Downloaded:
    async with StrictService(files={AUDIO: replies}) as service:
        try:
            target = settings.pop("target", folder / "remix")
            return await connect(service).download(f"{service.storage_url}{url}", target, **settings)
        finally:
            assert service.violations == []


async def refused(connect: Connect, folder: Path, *replies: Reply, **settings: Any) -> str:
    with pytest.raises(DownloadError) as caught:
        await fetched(connect, folder, *replies, **settings)
    assert left(folder) == []
    error = caught.value
    assert error.spent is Spent.YES
    assert error.__context__ is None or error.__suppress_context__
    assert "geheim" not in str(error)
    assert len(str(error)) < 500
    return error.message


async def test_a_file_arrives_whole_with_its_hash_and_kind(
    connect: Connect, tmp_path: Path, waits: list[float]
) -> None:
    got = await fetched(connect, tmp_path, answer(MP3))
    assert got == Downloaded(tmp_path / "remix.mp3", len(MP3), hashlib.sha256(MP3).hexdigest(), "mp3")
    assert got.path.read_bytes() == MP3
    assert left(tmp_path) == ["remix.mp3"]
    assert waits == []


@pytest.mark.parametrize(
    "reply",
    [
        answer(MP3, headers={"Content-Type": "text/html"}),
        answer(MP3).but(framing="chunked"),
        answer(MP3).but(framing="close"),
        answer(MP3).but(compress=True),
        Reply([MP3[i : i + 7] for i in range(0, 700, 7)] + [MP3[700:]]),
        answer(MP3[:2000]).but(drip=True),
    ],
    ids=["wrong_type", "chunked", "close", "gzip", "small_pieces", "drip"],
)
async def test_a_file_arrives_however_it_is_sent(connect: Connect, tmp_path: Path, reply: Reply) -> None:
    got = await fetched(connect, tmp_path, reply)
    assert got.path.read_bytes() == MP3[: got.size_bytes]
    assert got.size_bytes in (len(MP3), 2000)


async def test_a_name_with_a_suffix_is_kept_and_folders_are_made(connect: Connect, tmp_path: Path) -> None:
    got = await fetched(connect, tmp_path, answer(MP3), target=str(tmp_path / "a" / "b" / "song.audio"))
    assert got.path == tmp_path / "a" / "b" / "song.audio"
    assert got.kind == "mp3"


async def test_an_older_file_is_replaced_only_by_a_whole_one(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "remix.mp3").write_bytes(b"older")
    with pytest.raises(DownloadError):
        await fetched(connect, tmp_path, answer(b"<html>"))
    assert (tmp_path / "remix.mp3").read_bytes() == b"older"
    await fetched(connect, tmp_path, answer(MP3))
    assert (tmp_path / "remix.mp3").read_bytes() == MP3


async def test_progress_is_told_in_bytes(connect: Connect, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    await fetched(connect, tmp_path, answer(MP3), progress=lambda *counts: seen.append(counts))
    assert seen[-1] == (len(MP3), len(MP3))
    assert [counts[0] for counts in seen] == sorted({counts[0] for counts in seen})
    seen.clear()
    await fetched(
        connect, tmp_path, answer(MP3).but(framing="chunked"), progress=lambda *counts: seen.append(counts)
    )
    assert seen[-1] == (len(MP3), None)
    seen.clear()
    await fetched(
        connect, tmp_path, answer(MP3).but(compress=True), progress=lambda *counts: seen.append(counts)
    )
    assert seen[-1] == (len(MP3), None)


@pytest.mark.parametrize(
    ("failing", "retry_after"),
    [
        (answer(b"", 503), None),
        (answer(b"", 500), None),
        (answer(b"", 429, {"Retry-After": "11"}), 11.0),
        (answer(b"", 404), None),
        (answer(b"", 408), None),
        (answer(b"<html>Please wait", 200), None),
        (answer({"error": "not yet"}, 200), None),
        (answer(b"", 200), None),
        (answer(b"   \n", 200), None),
        (Reply(silent=True, end="cut"), None),
        (Reply(silent=True, end="reset"), None),
        (answer(MP3[:5000], headers={"Content-Length": str(len(MP3))}), None),
        (Reply([MP3[:5000]], end="cut"), None),
        (Reply([MP3[:5000]], end="reset"), None),
        (answer(b"\x1f\x8bbroken", headers={"Content-Encoding": "gzip"}), None),
    ],
)
async def test_a_flaky_storage_is_tried_again(
    connect: Connect, tmp_path: Path, waits: list[float], failing: Reply, retry_after: float | None
) -> None:
    # A GET that is lost without an answer is asked again by aiohttp itself, unseen and without a wait.
    got = await fetched(connect, tmp_path, failing, failing, failing, answer(MP3))
    assert got.path.read_bytes() == MP3
    assert left(tmp_path) == ["remix.mp3"]
    assert len(waits) == (1 if failing.silent else 3)
    assert all(wait >= (retry_after or 0.5) for wait in waits)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (answer(b"", 404), "404"),
        (answer(b"", 500), "500"),
        (answer(b"<title>Sign in</title>", 200), "Sign in"),
        (answer({"error": "gone"}, 200), "page of text"),
        (answer(b"", 200), "empty"),
        (answer(PNG, 200), "not audio"),
        (answer(bytes(10_000), 200), "not audio"),
        (Reply([MP3[:5000]], end="cut"), "broke off"),
        (Reply(silent=True, end="reset"), ""),
        (redirect("@STORAGE@/audio/x.mp3"), "redirects"),
    ],
)
async def test_what_never_comes_ends_after_a_bounded_number_of_tries(
    connect: Connect, tmp_path: Path, waits: list[float], reply: Reply, says: str
) -> None:
    assert says in await refused(connect, tmp_path, reply)
    assert len(waits) == 4
    assert sum(waits) < 60


@pytest.mark.parametrize("status", [400, 401, 403, 410])
async def test_a_final_no_is_not_asked_again(
    connect: Connect, tmp_path: Path, waits: list[float], status: int
) -> None:
    assert str(status) in await refused(connect, tmp_path, answer(b"", status))
    assert waits == []


# Bounds


@pytest.mark.parametrize(
    "reply",
    [
        answer(MP3),
        answer(MP3).but(framing="chunked"),
        answer(MP3).but(compress=True),
        Reply(itertools.chain([MP3], itertools.repeat(MP3))),
        Reply(itertools.repeat(MP3), framing="close"),
    ],
    ids=["length", "chunked", "gzip", "endless", "endless_close"],
)
async def test_a_body_beyond_the_cap_is_stopped(
    connect: Connect, tmp_path: Path, waits: list[float], reply: Reply
) -> None:
    assert "allowed" in await refused(connect, tmp_path, reply, max_bytes=100_000)
    assert waits == []


async def test_a_body_of_exactly_the_cap_is_kept(connect: Connect, tmp_path: Path) -> None:
    assert (await fetched(connect, tmp_path, answer(MP3), max_bytes=len(MP3))).size_bytes == len(MP3)
    (tmp_path / "remix.mp3").unlink()
    await refused(connect, tmp_path, answer(MP3), max_bytes=len(MP3) - 1)


async def test_an_endless_page_is_not_stored(connect: Connect, tmp_path: Path) -> None:
    endless = [Reply(itertools.repeat(b"<html>" + b"x" * 5000)) for _ in range(5)]
    assert "page of text" in await refused(connect, tmp_path, *endless)


async def test_a_storage_that_falls_silent_is_given_up(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundverse_nb.api.download.SILENCE_TIMEOUT", 0.05)
    assert "in time" in await refused(connect, tmp_path, Reply([MP3[:6000], HOLD]))


async def test_all_tries_together_have_a_deadline(
    connect: Connect, tmp_path: Path, waits: list[float]
) -> None:
    now = iter([0.0, 0.0, 1795.0, 1799.9, 1799.9, 1799.9])
    async with StrictService(files={AUDIO: [answer(b"", 500)]}) as service:
        with pytest.raises(DownloadError):
            await connect(service, clock=lambda: next(now)).download(
                service.storage_url + AUDIO, tmp_path / "x"
            )
    assert len(waits) == 1


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.mp3",
        "/audio/x.mp3",
        "//storage/x.mp3",
        "file:///etc/passwd",
        "ftp://a/x.mp3",
        "data:audio/mpeg;base64,AAAA",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "http://a:99999/x",
        "https://[::1/x",
        "http://a/\r\nX: y",
        "http://a/\0",
        "geheim",
        None,
        5,
    ],
)
async def test_an_address_that_is_not_http_is_refused(
    connect: Connect, tmp_path: Path, url: Any, waits: list[float]
) -> None:
    with pytest.raises(DownloadError, match="not an http"):
        await connect("http://127.0.0.1:9").download(url, tmp_path / "x")
    assert waits == []
    assert left(tmp_path) == []


async def test_redirects_are_followed_a_few_times(connect: Connect, tmp_path: Path) -> None:
    hops: dict[str, list[Reply]] = {f"/hop/{n}": [redirect(f"/hop/{n + 1}", 302 + n % 2)] for n in range(5)}
    hops["/hop/5"] = [answer(MP3)]
    async with StrictService(files=hops) as service:
        got = await connect(service).download(f"{service.storage_url}/hop/0", tmp_path / "x")
        assert got.size_bytes == len(MP3)
        assert service.violations == []
        service.files["/hop/5"] = [redirect("/hop/0")]
        with pytest.raises(DownloadError, match="redirects"):
            await connect(service).download(f"{service.storage_url}/hop/0", tmp_path / "x")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://a/b", "javascript:alert(1)", "https://", "data:,x"]
)
async def test_a_redirect_out_of_http_is_refused(
    connect: Connect, tmp_path: Path, location: str, status: int
) -> None:
    assert "not an http" in await refused(connect, tmp_path, redirect(location, status))


async def test_a_redirect_to_another_host_carries_no_key_and_no_referrer(
    connect: Connect, tmp_path: Path
) -> None:
    async with StrictService(files={AUDIO: [answer(MP3)]}) as other:
        async with StrictService(files={AUDIO: [redirect(f"{other.storage_url}{AUDIO}")]}) as service:
            await connect(service).download(service.storage_url + SIGNED, tmp_path / "x")
            for request in (*service.requests, *other.requests):
                assert "authorization" not in request.headers
                assert "referer" not in request.headers
                assert "cookie" not in request.headers
        assert len(other.requests) == 1


async def test_audio_on_the_services_own_origin_is_fetched_without_the_key(
    connect: Connect, tmp_path: Path
) -> None:
    async with StrictService() as service:
        with pytest.raises(DownloadError):
            await connect(service).download(f"{service.base_url}/audio/x.mp3", tmp_path / "x")
        assert "authorization" not in service.requests[0].headers


async def test_a_signature_is_sent_letter_by_letter(connect: Connect, tmp_path: Path) -> None:
    query = "X-Sig=a%2Fb%2B%3D+c~d'(e)&x=%E4%F6&y="
    async with StrictService() as service:
        await connect(service).download(f"{service.storage_url}/audio/a%20b%2Fc.mp3?{query}", tmp_path / "x")
        assert service.requests[0].path == f"/audio/a%20b%2Fc.mp3?{query}"


async def test_an_address_with_letters_of_its_own_is_quoted(connect: Connect, tmp_path: Path) -> None:
    async with StrictService() as service:
        await connect(service).download(f"{service.storage_url}/audio/für dich.mp3", tmp_path / "x")
        assert service.requests[0].path == "/audio/f%C3%BCr%20dich.mp3"


# Pictures


async def test_a_picture_is_fetched_by_the_same_rules(connect: Connect, tmp_path: Path) -> None:
    got = await fetched(connect, tmp_path, answer(PNG), expect="image")
    assert (got.kind, got.path.name) == ("png", "remix.png")


@pytest.mark.parametrize("body", [MP3, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b""])
async def test_a_picture_must_be_one_and_is_not_waited_for_long(
    connect: Connect, tmp_path: Path, waits: list[float], body: bytes
) -> None:
    await refused(connect, tmp_path, answer(body), expect="image")
    assert len(waits) == 1


async def test_a_picture_has_a_smaller_cap(connect: Connect, tmp_path: Path) -> None:
    assert "5,000,000" in await refused(connect, tmp_path, answer(PNG + bytes(5_000_000)), expect="image")


# Disk


async def test_a_disk_that_cannot_be_written_is_told_and_not_tried_again(
    connect: Connect, tmp_path: Path, waits: list[float]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match="cannot be written"):
        await fetched(connect, tmp_path, answer(MP3), target=tmp_path / "file" / "x.mp3")
    (tmp_path / "folder.mp3").mkdir()
    (tmp_path / "folder.mp3" / "inside").write_bytes(b"")
    with pytest.raises(DownloadError, match="cannot be written"):
        await fetched(connect, tmp_path, answer(MP3), target=tmp_path / "folder.mp3")
    assert left(tmp_path) == ["file", "inside"]
    assert waits == []


async def test_a_full_disk_leaves_no_part(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in await refused(connect, tmp_path, answer(MP3))
    assert waits == []


async def test_a_part_that_is_the_whole_file_is_the_file(connect: Connect, tmp_path: Path) -> None:
    reply = answer(MP3, 206, {"Content-Range": f"bytes 0-{len(MP3) - 1}/{len(MP3)}"})
    got = await fetched(connect, tmp_path, reply)
    assert got.path.read_bytes() == MP3
    assert got.proven


@pytest.mark.parametrize(
    "content_range", ["", "bytes 0-99/200", "bytes 0-99/*", "bytes 1-99/100", "0-99/100"]
)
async def test_a_part_of_a_file_is_not_the_file(connect: Connect, tmp_path: Path, content_range: str) -> None:
    part = answer(MP3, 206, {"Content-Range": content_range})
    assert "HTTP 206" in await refused(connect, tmp_path, part)


async def test_brotli_that_nothing_names_is_unpacked(connect: Connect, tmp_path: Path) -> None:
    song = os.urandom(9) + b"no sound" + os.urandom(100)
    got = await fetched(connect, tmp_path, answer(whole("br", MP3 + song)))
    assert got.path.read_bytes() == MP3 + song
    assert got.kind == "mp3"


async def test_a_cancelled_download_leaves_no_part(connect: Connect, tmp_path: Path) -> None:
    # What is short stays in memory until it is whole.
    song = MP3 + bytes(1 << 20)
    async with StrictService(files={AUDIO: [Reply([song, HOLD])]}) as service:
        begun = asyncio.Event()

        def came(done: int, total: int | None) -> None:
            if done == len(song):
                begun.set()

        task = asyncio.create_task(
            connect(service).download(service.storage_url + AUDIO, tmp_path / "x", progress=came)
        )
        await begun.wait()
        assert len(left(tmp_path)) == 1
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert left(tmp_path) == []


async def test_downloads_to_one_name_do_not_mix(connect: Connect, tmp_path: Path) -> None:
    async with StrictService() as service:
        transport = connect(service)
        url = service.storage_url + AUDIO
        await asyncio.gather(*(transport.download(url, tmp_path / "x.mp3") for _ in range(5)))
    assert (tmp_path / "x.mp3").read_bytes() == MP3
    assert left(tmp_path) == ["x.mp3"]
