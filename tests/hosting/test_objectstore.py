"""A bucket as a host, against a real S3 server that checks signatures and their time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import traceback
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError, Spent
from soundverse_nb.hosting import ObjectStoreHost
from tests.api.servers import unserved_port
from tests.hosting.storage import BUCKET, KEY, S3rver, Wire

PREFIX = "studies/a"


def host_at(url: str, *, bucket: str = BUCKET, **settings: Any) -> ObjectStoreHost:
    return ObjectStoreHost(f"s3://{bucket}/{PREFIX}", endpoint=url, region="us-east-1", **{**KEY, **settings})


def key_of(song: Path) -> str:
    return f"{PREFIX}/{hashlib.sha256(song.read_bytes()).hexdigest()}.mp3"


async def test_a_plain_client_without_credentials_fetches_the_song_by_its_url(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession
) -> None:
    published = await host_at(s3.url).publish(song)
    async with plain.get(published.url) as answer:
        assert answer.status == 200
        assert answer.content_type == "audio/mpeg"
        assert await answer.read() == song.read_bytes()


async def test_the_object_is_named_by_its_content_alone(s3: S3rver, song: Path) -> None:
    published = await host_at(s3.url).publish(song)
    assert list(s3.objects()) == [key_of(song)]
    assert "Anna" not in published.url


async def test_a_song_of_many_parts_arrives_whole(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession
) -> None:
    song.write_bytes(os.urandom(11_000_000))  # obstore sends parts of 5 MB
    published = await host_at(s3.url).publish(song)
    async with plain.get(published.url) as answer:
        assert hashlib.sha256(await answer.read()).hexdigest() in published.url
        assert answer.content_type == "audio/mpeg"


async def test_the_same_song_is_uploaded_once(s3: S3rver, wire: Wire, song: Path, tmp_path: Path) -> None:
    host = host_at(wire.url)
    first = await host.publish(song)
    again = tmp_path / "the same song.mp3"
    again.write_bytes(song.read_bytes())
    second = await host.publish(again)
    from_a_new_kernel = await host_at(wire.url).publish(song)
    assert first.key == second.key == from_a_new_kernel.key
    assert wire.count("PUT") == 1


async def test_the_same_song_ordered_many_times_at_once_is_uploaded_once(wire: Wire, song: Path) -> None:
    host = host_at(wire.url)
    published = await asyncio.gather(*(host.publish(song) for _ in range(10)))
    assert len({one.key for one in published}) == 1
    assert wire.count("PUT") == 1


async def test_many_songs_at_once_all_arrive(s3: S3rver, tmp_path: Path) -> None:
    songs = [tmp_path / f"{number}.mp3" for number in range(30)]
    for number, path in enumerate(songs):
        path.write_bytes(b"ID3" + bytes([number]) * 1000)
    host = host_at(s3.url)
    published = await asyncio.gather(*map(host.publish, songs))
    assert {f"{PREFIX}/{one.key}" for one in published} == set(s3.objects()) == set(map(key_of, songs))


async def test_half_a_song_left_behind_under_its_name_is_uploaded_anew(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession
) -> None:
    await host_at(s3.url).publish(song)
    s3.plant(key_of(song), song.read_bytes()[:1000])
    published = await host_at(s3.url).publish(song)
    async with plain.get(published.url) as answer:
        assert await answer.read() == song.read_bytes()


async def test_a_url_says_when_it_runs_out_and_then_is_refused(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession
) -> None:
    published = await host_at(s3.url, expires=3600).publish(song)
    left = published.expires_at - datetime.now(timezone.utc)
    assert timedelta(seconds=3300) < left <= timedelta(seconds=3600)
    s3.move_clock(3300)
    async with plain.get(published.url) as answer:
        assert answer.status == 200
    s3.move_clock(3602)
    async with plain.get(published.url) as answer:
        assert answer.status == 403
        assert "expired" in await answer.text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=600", "X-Amz-Expires=6000"),
        (".mp3?", ".mp4?"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        (f"/{PREFIX}/", "/studies/b/"),
    ],
    ids=["longer", "another object", "another signature", "another folder"],
)
async def test_an_altered_url_is_refused(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession, old: str, new: str
) -> None:
    published = await host_at(s3.url, expires=600).publish(song)
    assert old in published.url
    async with plain.get(published.url.replace(old, new)) as answer:
        assert answer.status == 403
        assert "SignatureDoesNotMatch" in await answer.text()


async def test_a_signed_url_does_not_allow_writing(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession
) -> None:
    published = await host_at(s3.url).publish(song)
    async with plain.put(published.url, data=b"other") as answer:
        assert answer.status == 403
    async with plain.delete(published.url) as answer:
        assert answer.status == 403
    assert s3.objects() == {key_of(song): song.stat().st_size}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"access_key_id": "NOBODY"}, "does not accept the credentials"),
        ({"secret_access_key": "wrong-secret"}, "does not accept the credentials"),
    ],
)
async def test_wrong_credentials_are_named_as_such(
    s3: S3rver, song: Path, settings: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        await host_at(s3.url, **settings).publish(song)
    assert caught.value.spent is Spent.NO
    assert s3.objects() == {}
    assert_tells_no_secret(caught.value)


async def test_a_missing_bucket_is_named(s3: S3rver, song: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no bucket nowhere at S3") as caught:
        await host_at(s3.url, bucket="nowhere").publish(song)
    assert caught.value.spent is Spent.NO


@pytest.mark.parametrize(("shift", "says"), [(3600, "60 minutes behind"), (-7200, "120 minutes ahead")])
async def test_a_wrong_clock_is_told_with_its_difference(
    s3: S3rver, song: Path, shift: int, says: str
) -> None:
    s3.move_clock(shift)
    with pytest.raises(ConfigurationError, match=f"clock differs too much from S3's: it is {says}"):
        await host_at(s3.url).publish(song)


@pytest.mark.parametrize("size", [3_000_000, 12_000_000], ids=["in one request", "in parts"])
async def test_an_upload_cut_in_the_middle_publishes_nothing(wire: Wire, song: Path, size: int) -> None:
    song.write_bytes(os.urandom(size))
    wire.cut_after = 1_000_000
    with pytest.raises(HostingError, match="connection to S3 broke") as caught:
        await host_at(wire.url).publish(song)
    assert caught.value.spent is Spent.NO
    assert_tells_no_secret(caught.value)


async def test_after_a_cut_upload_the_next_try_delivers_the_whole_song(
    s3: S3rver, wire: Wire, song: Path, plain: aiohttp.ClientSession
) -> None:
    song.write_bytes(os.urandom(3_000_000))
    host = host_at(wire.url)
    wire.cut_after = 1_000_000
    with pytest.raises(HostingError):
        await host.publish(song)
    wire.cut_after = None
    published = await host.publish(song)
    async with plain.get(published.url) as answer:
        assert await answer.read() == song.read_bytes()


async def test_a_stopped_server_is_told_as_unreachable(
    s3rver_module: Path, tmp_path: Path, song: Path
) -> None:
    server = S3rver(s3rver_module, tmp_path / "stopped")
    host = host_at(server.url)
    await host.publish(song)
    server.stop()
    with pytest.raises(HostingError, match="S3 could not be reached") as caught:
        await host.publish(song)
    assert caught.value.spent is Spent.NO


async def test_a_server_that_never_was_is_told_as_unreachable(song: Path) -> None:
    with unserved_port() as port, pytest.raises(HostingError, match="could not be reached"):
        await host_at(f"http://127.0.0.1:{port}").publish(song)


async def test_by_default_a_withdrawn_song_stays_for_the_next_remix(s3: S3rver, song: Path) -> None:
    host = host_at(s3.url)
    await host.withdraw(await host.publish(song))
    assert list(s3.objects()) == [key_of(song)]


async def test_with_delete_a_withdrawn_song_is_gone(
    s3: S3rver, song: Path, plain: aiohttp.ClientSession
) -> None:
    host = host_at(s3.url, delete=True)
    published = await host.publish(song)
    await host.withdraw(published)
    assert s3.objects() == {}
    async with plain.get(published.url) as answer:
        assert answer.status == 404


async def test_a_song_that_another_remix_still_needs_is_not_deleted(s3: S3rver, song: Path) -> None:
    host = host_at(s3.url, delete=True)
    first, second = await asyncio.gather(host.publish(song), host.publish(song))
    await host.withdraw(first)
    await host.withdraw(first)  # twice by mistake counts once
    assert list(s3.objects()) == [key_of(song)]
    await host.withdraw(second)
    assert s3.objects() == {}


async def test_a_song_deleted_by_somebody_else_is_withdrawn_all_the_same(s3: S3rver, song: Path) -> None:
    host = host_at(s3.url, delete=True)
    published = await host.publish(song)
    s3.empty()
    await host.withdraw(published)


async def test_a_publication_abandoned_midway_leaves_nothing_with_delete(
    s3: S3rver, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = host_at(s3.url, delete=True)
    uploaded = asyncio.Event()

    async def never(*_: Any) -> None:
        uploaded.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(host, "_check", never)
    publishing = asyncio.ensure_future(host.publish(song))
    await uploaded.wait()
    assert s3.objects()
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    assert s3.objects() == {}


async def test_a_file_that_changes_during_its_upload_is_not_published(
    s3: S3rver, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = host_at(s3.url)
    look = host._size_of

    async def while_it_grows(*arguments: Any) -> int | None:
        with song.open("ab") as file:
            file.write(b"more")
        return await look(*arguments)

    monkeypatch.setattr(host, "_size_of", while_it_grows)
    with pytest.raises(HostingError, match="changed while it was uploaded"):
        await host.publish(song)
    assert s3.objects() == {}


async def test_what_is_no_file_is_refused_before_anything_is_sent(wire: Wire, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.mp3"):
        with pytest.raises(HostingError, match="is not a file"):
            await host_at(wire.url).publish(path)
    assert wire.requests == []


def test_one_host_serves_several_loops(s3: S3rver, song: Path) -> None:
    host = host_at(s3.url)
    first = asyncio.run(host.publish(song))
    second = asyncio.run(host.publish(song))
    assert first.key == second.key


async def test_a_signature_shows_nowhere(
    s3: S3rver, song: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    host = host_at(s3.url)
    published = await host.publish(song)
    shown = [repr(published), str(published), f"{published}", repr(host), str(vars(host)["bucket"])]
    shown += [repr(published.shown), *capfd.readouterr(), caplog.text]
    for text in shown:
        assert "X-Amz" not in text
        assert KEY["secret_access_key"] not in text
    assert "127.0.0.1" in repr(published)


def assert_tells_no_secret(error: SoundverseError) -> None:
    """Neither the error nor its traceback, as a notebook or a log shows it, holds a secret or a query."""
    shown = "".join(traceback.format_exception(error))
    for secret in ("wrong-secret", "Signature=", "StringToSign", "uploadId", "Debug source", "NOBODY"):
        assert secret not in shown
