"""References before they cost anything: which are refused, and how long a published one stays up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.client.references import References
from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError, Spent
from soundverse_nb.hosting import PublishedReference
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.urls import WebURL
from tests.strict_service import StrictService, refusal

REAL = "https://api.soundverse.ai"
MakeReferences = Callable[..., References]


@pytest.fixture
def references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeReferences:
    monkeypatch.delenv("SOUNDVERSE_HOST", raising=False)

    def make(host: Any = None, mode: str = "off", base_url: str = REAL) -> References:
        return References(
            mode=mode, host=host, base_url=base_url, simulated=False, folder=tmp_path / "references"
        )

    return make


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3" + bytes(1000))
    return path


NOBODY = ProgressReporter(None).slot(0)


class Shelf:
    """A host that counts: what is up, and what it was asked for."""

    def __init__(self, lifetime: timedelta | None = None) -> None:
        self.lifetime = lifetime
        self.published = 0
        self.up: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.began = asyncio.Event()
        self.uploads: list[asyncio.Task[Any]] = []

    async def publish(self, path: Path) -> PublishedReference:
        self.published += 1
        upload = asyncio.current_task()
        assert upload is not None
        self.uploads.append(upload)
        self.began.set()
        await self.open.wait()
        key = str(self.published)
        self.up.append(key)
        until = None if self.lifetime is None else datetime.now(timezone.utc) + self.lifetime
        return PublishedReference(f"https://songs.example.com/{key}.mp3?sig=s3cret", until, key)

    async def withdraw(self, published: PublishedReference) -> None:
        assert published.key is not None
        self.up.remove(published.key)


@pytest.mark.parametrize("mode", ["quick", "off", "full"])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8888/song.mp3?sig=s3cret",
        "https://192.168.1.5/song.mp3?sig=s3cret",
        "http://169.254.169.254/song.mp3?sig=s3cret",
        "http://2130706433/song.mp3?sig=s3cret",
        "http://[::1]/song.mp3?sig=s3cret",
        "file:///home/anna/song.mp3",
        "file:/home/anna/song.mp3",
        "ftp://songs.example.com/song.mp3?sig=s3cret",
    ],
)
async def test_an_address_the_service_cannot_fetch_is_refused_whatever_the_mode(
    references: MakeReferences, url: str, mode: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await references(mode=mode).check(as_reference(url), NOBODY)
    assert refused.value.spent is Spent.NO
    assert "s3cret" not in str(refused.value)


async def test_without_preflight_a_public_url_is_taken_unfetched(references: MakeReferences) -> None:
    url = "https://songs.example.com/song.mp3?sig=s3cret"
    checked = await references().check(as_reference(url), NOBODY)
    assert (checked.name, checked.path, checked.url) == ("song.mp3", None, WebURL.parse(url))


@pytest.mark.parametrize("mode", ["quick", "off"])
async def test_a_missing_host_is_told_before_an_order_is_planned(
    references: MakeReferences, song: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundverse_nb.client.references._preflight", lambda *_: None)
    with pytest.raises(ConfigurationError, match=r'sv\.Client\(host="s3://my-bucket/remixes"\)'):
        await references(mode=mode).check(as_reference(song), NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@songs.example.com/",
        "https://me:s3cret@songs.example.com",
        "https://songs.example.com/song.mp3#s3cret",
        "https://songs.example.com/song.mp3?sig=s3cret",
    ],
)
async def test_the_name_of_a_url_has_no_secret_in_it(references: MakeReferences, url: str) -> None:
    assert "s3cret" not in (await references().check(as_reference(url), NOBODY)).name
    assert "s3cret" not in as_reference(url).name


def test_a_file_keeps_the_signs_in_its_name() -> None:
    assert as_reference("songs/what? #1.mp3").name == "what? #1.mp3"


async def test_one_publication_serves_many_orders_and_goes_with_the_last(
    references: MakeReferences, song: Path
) -> None:
    shelf = Shelf(timedelta(hours=1))
    those = references(shelf)
    checked = await those.check(as_reference(song), NOBODY)
    urls = [await those.publish(checked, NOBODY) for _ in range(3)]
    assert len(set(urls)) == shelf.published == 1
    for _ in range(2):
        await those.release(checked, settled=True)
        assert shelf.up
    await those.release(checked, settled=True)
    assert not shelf.up


async def test_a_short_life_is_used_to_its_half(references: MakeReferences, song: Path) -> None:
    shelf = Shelf(timedelta(seconds=300))
    those = references(shelf)
    checked = await those.check(as_reference(song), NOBODY)
    for _ in range(3):
        await those.publish(checked, NOBODY)
    assert shelf.published == 1


async def test_a_url_about_to_run_out_is_followed_by_a_fresh_one_and_both_are_withdrawn(
    references: MakeReferences, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            return super().now(tz) + timedelta(seconds=200)

    shelf = Shelf(timedelta(seconds=300))
    those = references(shelf)
    checked = await those.check(as_reference(song), NOBODY)
    first = await those.publish(checked, NOBODY)
    monkeypatch.setattr("soundverse_nb.client.references.datetime", Later)
    second = await those.publish(checked, NOBODY)
    assert first != second
    # Which of the two orders ends first is not known, so neither URL goes while one of them runs.
    await those.release(checked, settled=True)
    assert shelf.up == ["1", "2"]
    await those.release(checked, settled=True)
    assert shelf.up == []


async def test_an_order_left_open_keeps_its_reference_up(references: MakeReferences, song: Path) -> None:
    shelf = Shelf()
    those = references(shelf)
    checked = await those.check(as_reference(song), NOBODY)
    await those.publish(checked, NOBODY)
    await those.release(checked, settled=False)
    assert shelf.up == ["1"]


async def test_one_that_is_cancelled_leaves_the_upload_to_the_others(
    references: MakeReferences, song: Path
) -> None:
    shelf = Shelf()
    shelf.open.clear()
    those = references(shelf)
    checked = await those.check(as_reference(song), NOBODY)
    one, other = (asyncio.ensure_future(those.publish(checked, NOBODY)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    shelf.open.set()
    assert (await other).scheme == "https"
    await those.release(checked, settled=True)
    assert (shelf.published, shelf.up) == (1, [])


async def test_an_upload_that_nobody_waits_for_any_longer_is_stopped(
    references: MakeReferences, song: Path
) -> None:
    shelf = Shelf()
    shelf.open.clear()
    those = references(shelf)
    checked = await those.check(as_reference(song), NOBODY)
    only = asyncio.ensure_future(those.publish(checked, NOBODY))
    await shelf.began.wait()
    only.cancel()
    await asyncio.wait([only])
    shelf.open.set()
    await asyncio.wait(shelf.uploads)
    assert shelf.up == []
    await those.publish(checked, NOBODY)
    assert shelf.up == ["2"]


async def test_after_a_failed_upload_the_next_order_tries_anew(
    references: MakeReferences, song: Path
) -> None:
    tried = 0

    async def publish(path: Path) -> str:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise OSError("https://songs.example.com/song.mp3?sig=s3cret")
        return "https://songs.example.com/song.mp3"

    those = references(publish)
    checked = await those.check(as_reference(song), NOBODY)
    both = await asyncio.gather(*(those.publish(checked, NOBODY) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in both] == [HostingError, HostingError]
    assert "s3cret" not in str(both)
    assert (await those.publish(checked, NOBODY)).name == "song.mp3"
    assert tried == 2


SIGNATURE = "c0ffee-signature-of-a-private-song"


@pytest.mark.parametrize("through", ["a URL", "a host"])
@pytest.mark.parametrize(
    "words",
    [
        f"cannot fetch https://songs.example.com/song.mp3?sig={SIGNATURE}",
        f"GET /song.mp3?sig={SIGNATURE} gave 403",
        f"cannot fetch https%3A%2F%2Fsongs.example.com%2Fsong.mp3%3Fsig%3D{SIGNATURE}",
        f"cannot fetch https:\\/\\/songs.example.com\\/song.mp3?sig={SIGNATURE}",
    ],
    ids=["whole", "without its host", "encoded", "escaped"],
)
async def test_a_signature_that_the_service_repeats_is_kept_nowhere(
    make_client: Callable[..., Any], song: Path, tmp_path: Path, words: str, through: str
) -> None:
    url = f"https://songs.example.com/song.mp3?sig={SIGNATURE}"

    async def publish(path: Path) -> str:
        return url

    async with StrictService(script=[refusal({"detail": words}, 400)]) as service:
        client = make_client(service, host=publish, preflight="off")
        with pytest.raises(SoundverseError) as refused:
            await client.remix(url if through == "a URL" else song, prompt="jazz")
        assert service.posts[0].json["song_reference_url"] == url
        assert SIGNATURE not in f"{refused.value}{refused.value!r}{vars(refused.value)}"
        client.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SIGNATURE.encode() not in path.read_bytes(), path.name


async def test_a_withdrawal_that_fails_is_logged_without_its_words(
    references: MakeReferences, song: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(Shelf):
        async def withdraw(self, published: PublishedReference) -> None:
            raise RuntimeError(published.url)

    those = references(Stuck())
    checked = await those.check(as_reference(song), NOBODY)
    await those.publish(checked, NOBODY)
    await those.release(checked, settled=True)
    assert "song.mp3 could not be withdrawn: RuntimeError" in caplog.text
    assert "s3cret" not in caplog.text
