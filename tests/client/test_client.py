"""One remix through the whole client, against a service that follows the document and nothing else."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from IPython.lib.pretty import pretty

import soundverse_nb as sv
from soundverse_nb.client import Journal, OrderState
from tests import strict_service as script
from tests.client.conftest import SONG
from tests.strict_service import StrictService

MakeClient = Callable[..., sv.Client]


async def test_a_remix_is_ordered_followed_and_fetched(make_client: MakeClient) -> None:
    async with StrictService() as service, make_client(service) as client:
        remix = await client.remix(SONG, prompt="jazz", parameters={"seed": 3, "deep": {"list": [1, None]}})
    assert remix.audio.path.read_bytes() == script.MP3
    assert remix.message_id == "remix-1"
    assert remix.song_name == "Remix Title"
    assert [event.stage.value for event in remix.events] == [
        "validating", "queued", "starting", "initializing", "uploading",
        "streaming", "streaming", "streaming", "completed",
    ]  # fmt: skip
    assert remix.album_art_path is not None
    assert remix.album_art_path.read_bytes() == script.PNG
    assert not remix.simulated
    assert service.posts[0].json == {
        "song_reference_url": SONG, "prompt": "jazz", "parameters": {"seed": 3, "deep": {"list": [1, None]}},
    }  # fmt: skip
    assert service.violations == []
    assert service.charged == 1


async def test_the_journal_says_sending_before_the_post_arrives(
    make_client: MakeClient, tmp_path: Any
) -> None:
    first, *rest = script.stages()
    async with StrictService([script.stream(first, script.HOLD, *rest)]) as service:
        client = make_client(service)
        job = client.start(SONG, prompt="jazz")
        await service.until(lambda: len(service.posts) == 1)

        other = Journal(tmp_path / "orders.sqlite3")
        (order,) = await other.orders()
        other.close()
        assert order.state.value == "sending"
        assert order.posts == 1
        service.release()
        await job
    assert [order.state.value for order in client.orders()] == ["fetched"]


async def test_a_batch_keeps_its_order_and_one_failure_stops_no_other(make_client: MakeClient) -> None:
    replies = [script.remix(), script.refusal(script.NO_BALANCE, 402), script.remix()]
    async with StrictService(replies) as service:
        client = make_client(service, max_streams=1)
        results = await client.remix_all(
            [
                (SONG, "first"),
                {"reference": SONG, "prompt": "second"},
                {"reference": SONG},
                sv.RemixRequest(SONG, lyrics="fourth"),
                ("/nowhere/song.mp3", "fifth"),
            ]
        )
    kinds = [sv.Remix, sv.InsufficientBalanceError, sv.InvalidRequestError, sv.Remix, sv.PreflightError]
    assert all(isinstance(result, kind) for result, kind in zip(results, kinds, strict=True))  # fmt: skip
    assert isinstance(results[0], sv.Remix)
    assert results[0].request.prompt == "first"
    assert isinstance(results[3], sv.Remix)
    assert results[3].request.lyrics == "fourth"
    assert len(service.posts) == 3
    assert len(client.orders()) == 3


async def test_an_empty_batch_is_an_empty_list(make_client: MakeClient) -> None:
    async with StrictService() as service:
        assert await make_client(service).remix_all([]) == []


@pytest.mark.parametrize("words", [{}, {"prompt": None}, {"prompt": "  "}, {"lyrics": ""}])
async def test_without_prompt_and_lyrics_nothing_is_sent_or_uploaded(
    words: dict[str, Any], make_client: MakeClient
) -> None:
    async def host(path: Any) -> str:
        raise AssertionError("uploaded")

    async with StrictService() as service:
        client = make_client(service, host=host)
        for reference in (SONG, "song.mp3", b"ID3"):
            with pytest.raises(sv.InvalidRequestError, match="prompt or lyrics"):
                await client.remix(reference, **words)
        assert service.requests == []


async def test_a_wrong_key_is_an_authentication_error(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service, api_key="wrong-key-0123456789")
        with pytest.raises(sv.AuthenticationError) as refused:
            await client.remix(SONG, prompt="jazz")
        assert "wrong-key" not in str(refused.value)
        assert client.orders()[0].state is OrderState.REFUSED


async def test_the_status_can_be_asked_by_name(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        await client.remix(SONG, prompt="jazz")
        event = await client.status("remix-1")
        assert event.stage is sv.Stage.COMPLETED
        with pytest.raises(sv.InvalidRequestError):
            await client.status(" ")


async def test_a_failing_event_of_a_bare_stream_is_given_like_any_other(make_client: MakeClient) -> None:
    failed = {"message_id": "@ID@", "isComplete": True, "status": "failed", "error": "no"}
    async with StrictService([script.stream(*script.stages()[:3], failed)]) as service:
        client = make_client(service)
        seen = [event async for event in client.stream({"reference": SONG, "prompt": "jazz"})]
        assert seen[-1].is_failure
        assert client.orders()[0].state is OrderState.FAILED


async def test_a_bare_stream_is_followed_and_refused_like_a_remix(make_client: MakeClient) -> None:
    async with StrictService([script.cut_after(3), script.refusal(script.NO_BALANCE, 402)]) as service:
        client = make_client(service)
        seen = [event async for event in client.stream((SONG, "jazz"))]
        assert seen[-1].audio_url
        with pytest.raises(sv.InsufficientBalanceError):
            async for _ in client.stream((SONG, "jazz")):
                pass


async def test_leaving_a_bare_stream_keeps_the_order(
    make_client: MakeClient, capfd: pytest.CaptureFixture[str]
) -> None:
    async with StrictService([script.stream(*script.stages()[:4], script.HOLD)]) as service:
        client = make_client(service)
        events = client.stream((SONG, "jazz"))
        async for event in events:
            if event.message_id:
                break
        await events.aclose()  # type: ignore[attr-defined]
        assert client.orders()[0].state is OrderState.ACCEPTED
        assert "recover()" in capfd.readouterr().err


async def test_a_cancelled_reader_of_a_bare_stream_keeps_the_order(
    make_client: MakeClient, capfd: pytest.CaptureFixture[str]
) -> None:
    async with StrictService([script.stream(*script.stages()[:4], script.HOLD)]) as service:
        client = make_client(service)
        named = asyncio.Event()

        async def read() -> None:
            async for event in client.stream((SONG, "jazz")):
                if event.message_id:
                    named.set()

        reading = asyncio.ensure_future(read())
        await named.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert client.orders()[0].state is OrderState.ACCEPTED
        assert "recover()" in capfd.readouterr().err


async def test_a_local_file_goes_through_the_host_and_is_taken_back(
    make_client: MakeClient, tmp_path: Any
) -> None:
    from soundverse_nb.hosting import PublishedReference

    happened: list[str] = []

    class Host:
        async def publish(self, path: Any) -> PublishedReference:
            happened.append(f"publish {path.name}")
            return PublishedReference(f"{SONG}?X-Signature=secret")

        async def withdraw(self, published: PublishedReference) -> None:
            happened.append("withdraw")

    song = tmp_path / "mine.mp3"
    song.write_bytes(script.MP3)
    async with StrictService() as service:
        client = make_client(service, host=Host())
        results = await client.remix_all([(song, f"style {at}") for at in range(4)])
        assert all(isinstance(result, sv.Remix) for result in results)
        assert happened == ["publish mine.mp3", "withdraw"], "one song is published once for a batch"
        assert {post.json["song_reference_url"] for post in service.posts} == {f"{SONG}?X-Signature=secret"}
        (remix, *_) = results
        assert isinstance(remix, sv.Remix)
        assert remix.reference == sv.Clip(song)
        assert "secret" not in repr(client.orders()) + repr(client.orders()[0]) + repr(remix)


async def test_a_host_that_fails_costs_nothing(make_client: MakeClient, tmp_path: Any) -> None:
    async def host(path: Any) -> str:
        raise OSError("bucket on fire")

    song = tmp_path / "mine.mp3"
    song.write_bytes(script.MP3)
    async with StrictService() as service:
        client = make_client(service, host=host)
        with pytest.raises(sv.HostingError):
            await client.remix(song, prompt="jazz")
        assert service.posts == []
        assert client.orders()[0].state is OrderState.REFUSED


async def test_a_local_file_without_a_host_says_which_lines_to_add(
    make_client: MakeClient, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOUNDVERSE_HOST", raising=False)
    song = tmp_path / "mine.mp3"
    song.write_bytes(script.MP3)
    async with StrictService() as service:
        with pytest.raises(sv.ConfigurationError, match="host"):
            await make_client(service).remix(song, prompt="jazz")


@pytest.mark.parametrize("form", ["bytes", "file", "samples"])
async def test_sound_without_a_file_becomes_one(form: str, make_client: MakeClient, tmp_path: Any) -> None:
    import io

    import numpy as np

    published: list[Any] = []

    async def host(path: Any) -> str:
        published.append(path)
        return SONG

    given: Any = {
        "bytes": script.MP3,
        "file": io.BytesIO(script.MP3),
        "samples": (np.zeros((2, 44100 * 12), dtype=np.float32), 44100),
    }[form]
    async with StrictService() as service:
        remix = await make_client(service, host=host).remix(given, prompt="jazz")
    assert remix.reference is not None
    assert remix.reference.path == published[0]
    assert remix.reference.path.suffix == ".mp3"
    assert (form == "samples") or remix.reference.path.read_bytes() == script.MP3


async def test_a_wild_title_makes_a_tame_file_name(make_client: MakeClient) -> None:
    titles = ["../../etc/passwd", 'a/b\\c:d*?"<>|', "\x00\x1b[31mred", "x" * 5000, "Ünïcödé ♫", "", ".."]
    for title in titles:
        chunks = [
            {**stage, "song_name": title} if "song_name" in stage else stage for stage in script.stages()
        ]
        async with StrictService([script.stream(*chunks)]) as service:
            client = make_client(service)
            remix = await client.remix(SONG, prompt="jazz")
            path = remix.audio.path
            assert path.parent == client._session.folder
            assert path.name.isascii()
            assert len(path.name) < 80
            assert set(path.stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_connect_takes_every_setting_of_a_client_by_its_name() -> None:
    """Completion and type checkers see what there is, and a typing error is one."""
    of_client = dict(inspect.signature(sv.Client).parameters)
    assert dict(inspect.signature(sv.connect).parameters) == of_client


@pytest.mark.parametrize("host", ["s4://bucket", "my-bucket", 3])
def test_a_host_that_is_none_is_told_when_the_client_is_made(host: object) -> None:
    with pytest.raises(sv.ConfigurationError, match=r"host|bucket"):
        sv.Client("a-key-0123456789", "https://api.example.org", host=host)


@pytest.mark.parametrize("requests", [None, 3, object()])
def test_what_is_no_list_of_requests_is_told(requests: Any) -> None:
    with (
        sv.Client("a-key-0123456789", "http://127.0.0.1:9") as client,
        pytest.raises(sv.InvalidRequestError, match="takes a list of requests"),
    ):
        client.remix_all_sync(requests)


async def test_a_call_that_nobody_awaits_says_that_it_has_not_begun() -> None:
    client = sv.Client("a-key-0123456789", "http://127.0.0.1:9")
    call = client.remix("song.mp3", prompt="jazz")
    assert repr(call) == "remix(...) has not begun: write `await` before it."
    assert pretty(call) == repr(call), "what a cell shows"
    with pytest.raises(AttributeError, match="has not begun: write `await` before it"):
        call.compare()  # type: ignore[attr-defined]
    assert asyncio.iscoroutine(call)
    assert asyncio.iscoroutinefunction(client.remix)
    with pytest.raises(sv.PreflightError):
        await asyncio.create_task(call)  # what a coroutine is good for, it is good for


def test_python_warns_of_a_remix_that_was_never_awaited_by_its_name() -> None:
    client = sv.Client("a-key-0123456789", "http://127.0.0.1:9")

    def forget_the_await() -> None:
        client.remix("song.mp3", prompt="jazz")
        gc.collect()

    with pytest.warns(RuntimeWarning, match=r"coroutine '.*remix' was never awaited"):
        forget_the_await()
