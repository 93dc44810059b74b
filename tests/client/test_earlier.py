"""The way back from the journal to remixes, and a word where the same is ordered again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client.earlier import moment
from soundverse_nb.errors import Spent
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.remix.songs import tune, write
from tests.strict_service import StrictService, stages, stream

MakeClient = Callable[..., sv.Client]


async def published(path: Path) -> str:
    return SONG


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write(tmp_path / "song.mp3", tune(2), format="MP3")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return write(tmp_path / "other.mp3", tune(2, seed=3), format="MP3")


async def test_a_fetched_order_gives_its_remix_after_a_restart(make_client: MakeClient, song: Path) -> None:
    async with StrictService() as service:
        client = make_client(service, host=published)
        made = await client.remix(song, "jazz", "la la", {"tempo": 90})
        await client.aclose()
        (order,) = make_client(service).orders()
        found = order.remix()
        assert (found.audio, found.reference) == (made.audio, made.reference)
        assert found.request == made.request
        assert (found.song_name, found.message_id, found.order_id) == (
            made.song_name, made.message_id, made.order_id,
        )  # fmt: skip
        assert found.album_art_path == made.album_art_path
        assert found.album_art_path is not None
        assert found.events == ()
        assert found.seconds is None
        assert found.song == "song"
        assert "<audio" in sv.RemixList([found]).static_html()
        song.unlink()
        assert order.remix().reference is None


async def test_an_order_without_a_remix_says_what_to_do(make_client: MakeClient) -> None:
    broken = {**stages()[2], "status": "failed", "error": "No.", "isComplete": True}
    replies = [
        script.refusal(script.NO_BALANCE, 402), script.cut_before_headers(), stream(*stages()[:3], broken),
    ]  # fmt: skip
    async with StrictService(replies) as service:
        client = make_client(service, max_streams=1)
        await client.remix_all([(SONG, style) for style in ("refused", "unknown", "failed", "fetched")])
        said = {}
        for order in client.orders():
            if order.prompt == "fetched":
                order.remix().audio.path.unlink()
            with pytest.raises(sv.ConfigurationError) as raised:
                order.remix()
            said[order.prompt] = raised.value
        assert "it is refused" in str(said["refused"])
        assert [said[word].spent for word in ("refused", "unknown", "failed", "fetched")] == [
            Spent.NO, Spent.MAYBE, Spent.MAYBE, Spent.YES,
        ]  # fmt: skip
        assert "recover()" in str(said["fetched"])
        with pytest.raises(sv.ConfigurationError, match=r"recover\(\)"):
            client.orders().where("missing")[0].remix()


async def test_remixes_are_found_by_prompt_song_and_time(
    make_client: MakeClient, song: Path, other: Path, tmp_path: Path
) -> None:
    async with StrictService() as service:
        client = make_client(service, host=published, max_streams=1)
        for reference, prompt in [(song, "jazz"), (song, "dub"), (other, "jazz"), (SONG, "jazz")]:
            await client.remix(reference, prompt)
        await client.aclose()
        client = make_client(service)

        def found(**wanted: Any) -> list[str]:
            return client.remixes(**wanted).titles

        assert isinstance(client.remixes(), sv.RemixList)
        assert found() == ["song · jazz", "song · dub", "other · jazz", "original · jazz"]
        assert found(prompt="jazz") == ["song · jazz", "other · jazz", "original · jazz"]
        assert found(prompt="jaz") == []
        assert found(prompt="jazz", reference=song) == ["song · jazz"]
        assert found(reference=SONG + "?X-Signature=new") == ["original · jazz"]
        moved = song.rename(tmp_path / "moved.mp3")
        assert found(reference=moved) == ["song · jazz", "song · dub"]
        assert found(reference=moved.read_bytes()) == ["song · jazz", "song · dub"]
        assert found(reference=str(song)) == ["song · jazz", "song · dub"], "by the path it had"
        assert found(reference="song.mp3") == ["song · jazz", "song · dub"], "by its name alone"
        assert found(reference=client.remixes(prompt="jazz")[1]) == ["other · jazz"]
        other.write_bytes(moved.read_bytes())
        assert found(reference=other) == ["song · jazz", "song · dub"], "the content counts, not the place"
        assert len(found(since=timedelta(minutes=5))) == 4
        assert found(since=datetime.now() + timedelta(minutes=5)) == []


async def test_what_is_gone_from_the_disk_is_counted_and_hides_nothing(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        takes = await client.remix_all([(SONG, "jazz"), (SONG, "dub")])
        takes.remixes[0].audio.path.unlink()
        found = client.remixes()
        assert found.titles == ["original · dub"]
        for shown in (repr(found), found.static_html()):
            assert "1 more is not on disk any more; client.recover()" in shown


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        (datetime.fromisoformat("2026-11-25T10:00:00+00:00"), 1795600800.0),
        ("2026-11-25T10:00:00+00:00", 1795600800.0),
        (12.5, 12.5),
        (datetime(2026, 11, 25).date(), datetime(2026, 11, 25).timestamp()),
    ],
)
def test_a_time_is_taken_in_many_forms(since: Any, seconds: float) -> None:
    assert moment(since) == seconds


@pytest.mark.parametrize("since", ["yesterday", float("nan"), object()])
def test_what_is_no_time_says_which_forms_there_are(since: Any) -> None:
    with pytest.raises(sv.ConfigurationError, match=r"is no time.*timedelta"):
        moment(since)


async def test_ordering_the_same_again_says_how_to_open_what_there_is_and_orders_it(
    make_client: MakeClient, song: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StrictService() as service:
        client = make_client(service, host=published)
        await client.remix_all([(song, "jazz"), (song, "jazz")])
        assert "already" not in capsys.readouterr().err, "repeats within one batch are wanted"
        await client.remix(song, "jazz", parameters={"tempo": 90})
        assert "already" not in capsys.readouterr().err, "other parameters are another remix"
        await client.aclose()
        client = make_client(service, host=published)
        await client.remix(song.read_bytes(), "jazz")
        said = capsys.readouterr().err
        assert "There are 2 remixes" in said
        assert "client.remixes(prompt='jazz'" in said
        assert service.charged == 4


async def test_the_word_points_to_a_call_that_finds_it(
    make_client: MakeClient, song: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(song.parent)
    async with StrictService() as service:
        client = make_client(service, host=published)
        made = await client.remix("song.mp3", "jazz")
        await client.remix("song.mp3", "jazz")
        call = capsys.readouterr().err.partition(": client")[2].partition(" opens it")[0]
        assert call == ".remixes(prompt='jazz', reference='song.mp3')[-1]"
        assert made.audio in [take.audio for take in eval("client" + call.removesuffix("[-1]")).remixes]


async def test_a_display_gets_the_word_instead_of_the_output(
    make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StrictService() as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        await client.remix(SONG, "jazz")
        assert [update.notice for update in seen.updates if update.notice] == []
        await client.remix(SONG, "jazz")
        (notice,) = [update.notice for update in seen.updates if update.notice]
        assert f"reference='{SONG}'" in notice
        assert capsys.readouterr().err == ""


async def test_a_long_batch_of_repeats_is_not_a_long_print(
    make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StrictService() as service:
        client = make_client(service)
        styles = [(SONG, f"style {at}") for at in range(9)]
        await client.remix_all(styles)
        capsys.readouterr()
        await client.remix_all(styles)
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 4
        assert "the same holds of 6 more" in said[-1]


async def test_what_holds_of_many_takes_of_a_batch_is_said_once(
    make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StrictService() as service:
        client = make_client(service)
        await client.remix_all([(SONG, "jazz")] * 2)
        capsys.readouterr()
        await client.remix_all([(SONG, "jazz")] * 3)
        (line,) = capsys.readouterr().err.splitlines()
        assert "There are 2 remixes of original · jazz already, the latest from " in line
