"""What a batch gives back: a list whose takes are named, and whose unpaid failures can be ordered again."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import OrderState
from soundverse_nb.client.progress import StoppedError
from soundverse_nb.errors import Spent
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.strict_service import StrictService, stages, stream

MakeClient = Callable[..., sv.Client]
OTHER = "https://songs.example.com/other.mp3"


async def test_every_call_for_many_gives_a_list_that_shows_itself(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        made = await client.remix_all([(SONG, "jazz"), (OTHER, "jazz")])
        started = await client.start_all([(SONG, "dub")])
        assert isinstance(made, sv.RemixList)
        assert isinstance(started, sv.RemixList)
        assert isinstance(await client.recover(), sv.RemixList)
        assert made.titles == ["original · jazz", "other · jazz"]


async def test_song_and_prompt_name_a_take_on_the_board_in_the_journal_and_in_a_recovery(
    make_client: MakeClient,
) -> None:
    async with StrictService() as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        takes = await client.remix_all([(SONG, "jazz"), (OTHER, "jazz"), {"reference": "song.mp3"}])
        assert seen.titles == ["original · jazz", "other · jazz", "song"]
        for shown in (repr(client.orders()), client.orders()._repr_html_()):
            for word in ("song", "prompt", "original", "other", "jazz"):
                assert word in shown
        assert "song='other', prompt='jazz'" in repr(takes[1])
        for remix in takes.remixes:
            remix.audio.path.unlink()
        recovered = await client.recover()
        assert seen.titles == ["original · jazz", "other · jazz"]
        assert sorted(recovered.titles) == ["original · jazz", "other · jazz"]


async def test_what_was_refused_is_ordered_again_and_takes_its_place(make_client: MakeClient) -> None:
    refused = script.refusal(script.NO_BALANCE, 402)
    async with StrictService([refused, refused, refused]) as service:
        client = make_client(service, max_streams=1)
        takes = await client.remix_all([(SONG, "a"), (SONG, "b"), (SONG, "c"), (SONG, "d")])
        before = takes.copy()
        assert [type(take).__name__ for take in takes] == ["InsufficientBalanceError"] * 3 + ["Remix"]
        assert await takes.retry_failed() is takes
        assert [take.request.prompt for take in takes.remixes] == ["a", "b", "c", "d"]
        assert service.charged == 4
        await takes.retry_failed()
        await before.retry_failed()
        await before[:2].retry_failed()
        assert service.charged == 4, "a failure is ordered anew once, whoever holds it"


async def test_what_may_have_been_paid_for_is_named_and_never_sent_again(
    make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = stream(*stages()[:3], {**stages()[2], "status": "failed", "error": "No.", "isComplete": True})
    async with StrictService([script.cut_before_headers(), broken]) as service:
        client = make_client(service, max_streams=1)
        takes = await client.remix_all([(SONG, "a"), (SONG, "b")])
        assert [error.spent for error in takes.failed] == [Spent.MAYBE, Spent.MAYBE]
        capsys.readouterr()
        await takes.retry_failed()
        assert len(service.posts) == 2
        said = capsys.readouterr().err
        assert "may have been paid for: original · a, original · b" in said


async def test_a_stopped_remix_that_was_sent_is_not_ordered_again(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD)]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen, max_streams=1)
        job = client.start_all([(SONG, "sent"), (SONG, "never sent")])
        await seen.until_stage("starting")
        assert seen.cancel is not None
        seen.cancel(None)
        takes = await job
        assert [error.spent for error in takes.failed] == [Spent.MAYBE, Spent.NO]
        assert all(isinstance(error, StoppedError) for error in takes)
        await takes.retry_failed()
        assert [take.request.prompt for take in takes.remixes] == ["never sent"]
        assert [order.prompt for order in client.orders()].count("sent") == 1


async def test_an_interrupted_retry_keeps_what_was_sent_from_being_sent_again(
    make_client: MakeClient,
) -> None:
    refused = script.refusal(script.NO_BALANCE, 402)
    async with StrictService([refused, stream(*stages()[:3], script.HOLD)]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        takes = await client.remix_all([(SONG, "jazz")])
        cell = asyncio.ensure_future(takes.retry_failed())
        await seen.until_stage("starting")
        cell.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cell
        assert isinstance(client.interrupted, sv.RemixList)
        assert takes.failed[0].spent is Spent.MAYBE
        await takes.retry_failed()
        assert len(service.posts) == 2
        assert client.orders()[-1].state is OrderState.ACCEPTED


async def test_a_retry_that_could_not_begin_can_be_tried_again(make_client: MakeClient) -> None:
    async with StrictService([script.refusal(script.NO_BALANCE, 402)]) as service:
        client = make_client(service)
        takes = await client.remix_all([(SONG, "jazz")])
        await client.aclose()
        for _ in range(2):
            with pytest.raises(sv.ConfigurationError, match="closed"):
                await takes.retry_failed()
        assert len(service.posts) == 1


async def test_a_request_that_breaks_a_rule_has_its_row_and_is_left(
    make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StrictService() as service:
        takes = await make_client(service).remix_all([{"reference": "songs/one.mp3"}, ("two.mp3", " "), 7])
        assert takes.titles[:2] == ["one", "two"]
        await takes.retry_failed()
        assert "Correct the request" in capsys.readouterr().err
        assert service.posts == []


async def test_songs_that_fail_together_keep_their_own_names(make_client: MakeClient, tmp_path: Path) -> None:
    async with StrictService() as service:
        missing = str(tmp_path / "missing.mp3")
        takes = await make_client(service).remix_all([(missing, "jazz"), (missing, "dub")])
        assert takes.titles == ["missing · jazz", "missing · dub"]
        assert pickle.loads(pickle.dumps(takes)).titles == takes.titles
