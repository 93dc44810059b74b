"""What counts as a host, and what a published reference shows."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.errors import ConfigurationError, HostingError, Spent
from soundverse_nb.hosting import Host, ObjectStoreHost, PublishedReference, as_host

SIGNED = "https://songs.example.com/a.mp3?X-Amz-Signature=s3cret"


def test_a_published_reference_shows_where_and_until_when_but_no_signature() -> None:
    until = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
    published = PublishedReference(SIGNED, until, key="a.mp3")
    assert repr(published) == (
        "PublishedReference('https://songs.example.com/a.mp3', expires_at=2026-03-04T05:06:07Z)"
    )
    assert "s3cret" not in f"{published}{published!s}{[published]}{published.shown}"


def test_a_user_name_in_a_url_is_not_shown() -> None:
    assert "s3cret" not in repr(PublishedReference("https://me:s3cret@songs.example.com/a.mp3"))


def test_a_published_reference_crosses_processes() -> None:
    published = PublishedReference(SIGNED)
    assert pickle.loads(pickle.dumps(published)) == published


def test_a_host_stays_what_it_is() -> None:
    host = ObjectStoreHost("s3://my-bucket")
    assert isinstance(host, Host)
    assert as_host(host) is host


async def _answer(path: Path, url: Any = SIGNED) -> Any:
    return url


class Uploader:
    async def __call__(self, path: Path) -> str:
        return SIGNED


@pytest.mark.parametrize(
    "function",
    [_answer, Uploader(), partial(_answer, url=SIGNED), lambda path: _answer(path), lambda path: SIGNED],
    ids=["coroutine function", "callable object", "partial", "lambda", "plain function"],
)
async def test_any_function_from_a_path_to_a_url_is_a_host(function: Any, song: Path) -> None:
    host = as_host(function)
    published = await host.publish(song)
    assert published == PublishedReference(SIGNED)
    await host.withdraw(published)


async def test_a_function_may_say_when_its_url_runs_out(song: Path) -> None:
    given = PublishedReference(SIGNED, datetime.now(timezone.utc))
    assert await as_host(partial(_answer, url=given)).publish(song) is given


@pytest.mark.parametrize("until", [datetime(2026, 3, 4), 3600, "2026-03-04"], ids=["naive", "number", "text"])
async def test_an_end_without_a_time_zone_is_refused(until: Any, song: Path) -> None:
    with pytest.raises(ValueError, match="aware"):
        PublishedReference(SIGNED, until)

    async def upload(path: Path) -> PublishedReference:
        return PublishedReference(SIGNED, until)

    with pytest.raises(HostingError, match="aware"):
        await as_host(upload).publish(song)


async def test_the_function_gets_a_path(tmp_path: Path) -> None:
    got: list[Any] = []

    async def upload(path: Path) -> str:
        got.append(path)
        return SIGNED

    await as_host(upload).publish(str(tmp_path / "song.mp3"))  # type: ignore[arg-type]
    assert got == [tmp_path / "song.mp3"]


@pytest.mark.parametrize(
    "url", [None, 7, "", "song.mp3", "s3://b/song.mp3", "https://", "http://[", b"https://x"]
)
async def test_what_is_no_http_url_is_refused(url: Any, song: Path) -> None:
    with pytest.raises(HostingError, match=r"not an http\(s\) URL") as refused:
        await as_host(partial(_answer, url=url)).publish(song)
    assert refused.value.spent is Spent.NO


async def test_a_failing_function_is_named_with_its_line_and_without_its_secrets(song: Path) -> None:
    async def upload(path: Path) -> str:
        raise OSError(f"max retries with url: /a.mp3?X-Amz-Signature=s3cret, also {SIGNED}")

    with pytest.raises(HostingError, match=r"upload failed with OSError.*test_protocol\.py, line") as failed:
        await as_host(upload).publish(song)
    assert "s3cret" not in str(failed.value)
    assert failed.value.__suppress_context__


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_function_that_exits_has_failed_and_ends_nothing_else(is_async: bool, song: Path) -> None:
    def leave(path: Path) -> str:
        raise SystemExit("no bucket")

    async def leave_later(path: Path) -> str:
        return leave(path)

    with pytest.raises(HostingError, match=r"failed with SystemExit: no bucket \(test_protocol\.py, line"):
        await as_host(leave_later if is_async else leave).publish(song)


async def test_the_packages_own_errors_pass_through_a_function(song: Path) -> None:
    async def upload(path: Path) -> str:
        raise ConfigurationError("No account.")

    with pytest.raises(ConfigurationError, match="No account"):
        await as_host(upload).publish(song)


def test_a_class_instead_of_a_host_is_told_apart() -> None:
    with pytest.raises(ConfigurationError, match="is a class, not a host"):
        as_host(ObjectStoreHost)


def test_what_cannot_publish_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="int, which cannot publish"):
        as_host(7)  # type: ignore[arg-type]
