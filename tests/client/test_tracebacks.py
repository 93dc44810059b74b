"""No frame of ours in a traceback holds a signed URL, a key or a password: notebooks print them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.errors import SoundverseError, bare_errors
from soundverse_nb.hosting import as_host, check_address, fetch_reference, find_host
from soundverse_nb.hosting.objectstore import ObjectStoreHost
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.strict_service import HOLD, StrictService, answer, completed, redirect, refusal, stages, stream

MakeClient = Callable[..., sv.Client]

SIGNATURE = "c0ffee-signature-of-a-private-song"
PASSWORD = "geheim-geheim-geheim"
SIGNED = f"{SONG}?X-Amz-Signature={SIGNATURE}"
PACKAGE = str(Path(sv.__file__).parent)


def frames(error: BaseException | None) -> list[tuple[str, dict[str, Any]]]:
    """Every frame that a verbose traceback would show, those of causes and contexts too."""
    found = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        at: TracebackType | None = error.__traceback__
        while at is not None:
            found.append((at.tb_frame.f_code.co_filename, at.tb_frame.f_locals))
            at = at.tb_next
        error = error.__cause__ or error.__context__
    return found


def assert_silent(error: BaseException) -> None:
    # The test's own frames hold what the test holds, as a user's cell would.
    ours = [(name, repr(values)) for name, values in frames(error) if name != __file__]
    for name, values in ours:
        for secret in (SIGNATURE, script.API_KEY, PASSWORD):
            assert secret not in values, name
    assert SIGNATURE not in "".join(traceback.format_exception(error))
    assert SIGNATURE not in repr(vars(error))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3" + bytes(1000))
    return path


async def signing(path: Path) -> str:
    return SIGNED


GONE = completed(f"@STORAGE@/gone.mp3?X-Signature={SIGNATURE}")
ENDINGS: dict[str, dict[str, Any]] = {
    "refused": {"script": [refusal({"detail": f"no {SIGNED}"}, 400)]},
    "key refused": {"script": [refusal({"detail": script.API_KEY}, 401)]},
    "balance": {"script": [refusal(script.NO_BALANCE, 402)]},
    "cut": {"script": [script.cut_before_headers()]},
    "nonsense": {"script": [refusal(f"<html>{SIGNED}".encode(), 500)]},
    "failed": {
        "script": [stream(*stages()[:3], {"message_id": "@ID@", "status": "failed", "error": SIGNED})]
    },
    "gone": {"script": [stream(*stages()[:-1], GONE)], "status": [answer(GONE)] * 9},
    "redirected away": {"files": {"/audio/remix-1.mp3": [redirect(f"http://[::1/?X-Signature={SIGNATURE}")]}},
    "a page": {"files": {"/audio/remix-1.mp3": [answer(b"ID3<html>")]}},
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("through", ["a host", "a URL"])
async def test_a_remix_that_fails(make_client: MakeClient, song: Path, ending: str, through: str) -> None:
    async with StrictService(**ENDINGS[ending]) as service:
        client = make_client(service, host=signing)
        with pytest.raises(SoundverseError) as failed:
            await client.remix(song if through == "a host" else SIGNED, prompt="jazz")
        assert_silent(failed.value)
        for _, error in (await client.recover()).failed:
            assert_silent(error)


async def test_every_other_call(make_client: MakeClient, song: Path) -> None:
    refusing = [refusal(script.NO_BALANCE, 402) for _ in range(20)]
    async with StrictService(refusing) as service:
        client = make_client(service, host=signing)
        request = sv.RemixRequest(SIGNED, prompt="jazz")

        async def streamed() -> None:
            async for _ in client.stream(request):
                pass

        async def from_all() -> None:
            (error,) = await client.remix_all([(SIGNED, "jazz")])
            assert isinstance(error, SoundverseError)
            raise error

        async def job() -> None:
            await client.start(song, prompt="jazz")

        calls: list[Callable[[], Any]] = [
            streamed,
            from_all,
            job,
            lambda: asyncio.to_thread(client.start(SIGNED, prompt="jazz").result),
            lambda: asyncio.to_thread(lambda: client.remix_sync(SIGNED, "jazz")),
            lambda: client.status("nobody-knows-it"),
            lambda: client.remix(SIGNED),
            lambda: client.remix(f"file:///{SIGNATURE}?{SIGNATURE}", prompt="jazz"),
            lambda: client.remix(f"http://127.0.0.1:1/x?X-Amz-Signature={SIGNATURE}", prompt="jazz"),
        ]
        for call in calls:
            with pytest.raises(SoundverseError) as failed:
                await call()
            assert_silent(failed.value)


async def test_a_host_that_misbehaves(make_client: MakeClient, song: Path) -> None:
    async def raising(path: Path) -> str:
        raise RuntimeError(f"403 for {SIGNED}")

    def answering(value: Any) -> Any:
        async def publish(path: Path) -> Any:
            return value

        return publish

    hosts = [raising, answering(SIGNED.replace("https", "ftp")), answering(SIGNED.encode())]
    async with StrictService() as service:
        for host in hosts:
            for publish in (
                lambda host=host: make_client(service, host=host).remix(song, prompt="jazz"),
                lambda host=host: as_host(host).publish(song),
            ):
                with pytest.raises(SoundverseError) as failed:
                    await publish()
                assert_silent(failed.value)
    local = find_host(
        answering(f"http://192.168.1.2/x?X-Amz-Signature={SIGNATURE}"), "https://api.soundverse.ai", False
    )
    assert local is not None
    with pytest.raises(SoundverseError) as failed:
        await local.publish(song)
    assert_silent(failed.value)


async def test_what_is_called_by_itself(tmp_path: Path) -> None:
    here = f"http://127.0.0.1:1/x.mp3?X-Amz-Signature={SIGNATURE}"

    async def bucket() -> None:
        ObjectStoreHost("s3://songs", secret_access_key=PASSWORD, regoin="x")

    async def bucket_url() -> None:
        ObjectStoreHost(f"s3://songs?X-Amz-Signature={SIGNATURE}")

    async def fetching() -> None:
        await fetch_reference(here, max_bytes=10, public=False, directory=tmp_path)

    async def request() -> None:
        sv.RemixRequest(SIGNED)

    async def repairing() -> None:
        sv.repair(SIGNED)

    async def proxy() -> None:
        sv.Client("key-0123456789", "https://api.example", proxy=f"socks5://me:{PASSWORD}@p:1")

    async def key() -> None:
        sv.Client(f"{script.API_KEY} é", "https://api.example")

    for call in (lambda: check_address(here), bucket, bucket_url, fetching, request, repairing, proxy, key):
        with pytest.raises(SoundverseError) as failed:
            await call()
        assert_silent(failed.value)


async def test_an_interrupt_too(make_client: MakeClient, song: Path) -> None:
    async with StrictService([stream(*stages()[:3], HOLD)]) as service:
        seen = Notebook()
        client = make_client(service, host=signing, progress=seen)
        cell = asyncio.ensure_future(client.remix(song, prompt="jazz"))
        await seen.until_stage("starting")
        cell.cancel()
        with pytest.raises(asyncio.CancelledError) as stopped:
            await cell
        assert_silent(stopped.value)


async def test_ours_leave_without_their_way_and_foreign_ones_with_it() -> None:
    def raises(error: Exception) -> None:
        raise error

    @bare_errors
    async def awaited(error: Exception) -> None:
        raises(error)

    @bare_errors
    def called(error: Exception) -> None:
        raises(error)

    with pytest.raises(SoundverseError) as bare:
        called(SoundverseError("x"))
    with pytest.raises(SoundverseError) as bare_too:
        await awaited(SoundverseError("x"))
    with pytest.raises(ValueError, match="x") as foreign:
        called(ValueError("x"))
    ways = [
        [f.f_code.co_name for f, _ in traceback.walk_tb(e.value.__traceback__)]
        for e in (bare, bare_too, foreign)
    ]
    assert "raises" not in ways[0] + ways[1]
    assert ways[2][-1] == "raises", "a bug is found by its traceback"


def test_a_preflight_shows_no_signature() -> None:
    report = sv.preflight(SIGNED)
    with pytest.raises(sv.PreflightError) as failed:
        report.raise_if_failed()
    table = sv.preflight_all([SIGNED])
    shown = [
        repr(report),
        str(report),
        report.repair_call,
        str(report._repr_mimebundle_()),
        str(failed.value),
        str(table),
    ]
    assert SIGNATURE not in "".join(shown)
