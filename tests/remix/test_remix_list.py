"""A list of remixes shows itself, names its takes, saves them, and orders again only what was not paid."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import soundverse_nb as sv
from soundverse_nb import displays
from soundverse_nb.errors import Spent
from soundverse_nb.remix import RemixList
from soundverse_nb.remix.take_names import Asked
from soundverse_nb.widgets import gallery as live
from tests.remix.songs import remix_of
from tests.render.sanitiser import Page

NASTY = "<script>alert(1)</script>\x1b[31m"


class Reorder:
    def __init__(self, *, is_free: bool = True) -> None:
        self.is_free = is_free


def failure(prompt: str, *, spent: Spent = Spent.NO, again: Any = None, song: str = "original") -> Any:
    asked = Asked(song, prompt, again=again)
    return sv.SoundverseError(f"{prompt} broke.", spent=spent, hint="Look.", asked=asked)


@pytest.fixture
def takes(original: Path, remixed: Path) -> RemixList:
    return RemixList(
        [
            remix_of(remixed, original, prompt="jazz"),
            failure("dub"),
            remix_of(remixed, original, prompt="ska"),
        ]
    )


def test_it_is_a_list_and_its_parts_are_too(takes: RemixList) -> None:
    assert isinstance(takes, list)
    assert takes == list(takes)
    assert isinstance(takes[1:], RemixList)
    assert isinstance(takes.copy(), RemixList)
    assert [len(takes.remixes), len(takes.failed)] == [2, 1]


def test_its_table_names_every_take_and_says_why_one_failed(takes: RemixList) -> None:
    for shown in (repr(takes), takes.static_html()):
        for words in (
            "2 remixes, 1 failed",
            "jazz",
            "dub",
            "ska",
            "song",
            "dub broke. Nothing was paid. Look.",
        ):
            assert words in shown


def test_every_remix_has_a_player_that_a_saved_notebook_plays(takes: RemixList) -> None:
    page = Page(takes._repr_mimebundle_()["text/html"])
    assert page.problems == []
    players = [player["src"].removeprefix("data:audio/mpeg;base64,") for player in page.all("audio")]
    assert len(players) == 2
    assert all(len(base64.b64decode(player)) > 1000 for player in players)


def test_its_table_stays_within_its_limit_and_says_what_is_left_out(original: Path, remixed: Path) -> None:
    many = RemixList([remix_of(remixed, original, prompt=f"style {at}") for at in range(150)])
    html = many.static_html(max_bytes=200_000)
    assert len(html.encode()) <= 200_000
    assert "<audio" in html
    assert "The first 100 of 150" in html
    assert "have a player; a slice of the list shows others" in html
    assert "50 more" in repr(many)
    assert len(many.static_html(max_bytes=20_000).encode()) <= 20_000


def test_nothing_foreign_gets_into_the_page(remixed: Path) -> None:
    takes = RemixList([remix_of(remixed, prompt=NASTY, song_name=NASTY), failure(NASTY, song=NASTY)])
    for shown in (takes.static_html(), repr(takes)):
        assert "\x1b" not in shown
        assert "SECRET" not in shown
    assert "<script" not in takes.static_html()


def test_a_remix_whose_file_is_gone_says_so_in_its_row(tmp_path: Path, remixed: Path) -> None:
    here = remix_of(remixed, prompt="jazz")
    gone = remix_of(tmp_path / "gone.mp3", prompt="dub")
    shown = RemixList([here, gone]).static_html()
    assert shown.count("<audio") == 1
    assert "Was it moved or deleted?" in shown


def test_an_empty_list_says_so() -> None:
    assert "0 remixes" in repr(RemixList())
    assert "0 remixes" in RemixList().static_html()


def test_it_becomes_a_data_frame_with_a_row_for_every_take(takes: RemixList) -> None:
    frame = takes.to_frame()
    assert list(frame["prompt"]) == ["jazz", "dub", "ska"]
    assert list(frame["state"]) == ["finished", "failed", "finished"]
    assert list(frame["paid"]) == ["no", "no", "no"]
    assert frame["duration"][0] == pytest.approx(6, abs=0.1)
    assert "dub broke" in frame["error"][1]
    assert list(RemixList().to_frame().columns) == list(frame.columns)
    assert not any("SECRET" in str(value) for value in frame.to_numpy().ravel())


def gallery_of(takes: RemixList, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a list hands to the gallery of a front end."""
    given: dict[str, Any] = {}
    monkeypatch.setitem(
        displays._factories, "gallery", lambda rows, **settings: given.update(rows=rows, **settings)
    )
    takes.gallery()
    return given


def test_stars_and_notes_of_its_gallery_land_in_the_frame_of_the_list_its_slices_and_its_pickles(
    original: Path, remixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = RemixList(
        [
            remix_of(remixed, original, prompt="jazz"),
            failure("dub"),
            remix_of(remixed, original, prompt="ska", order_id="o2"),
        ]
    )
    given = gallery_of(takes[1:], monkeypatch)
    dub, ska = given["rows"]
    assert (dub.state, ska.title, ska.factors) == ("failed", "ska", {"prompt": "ska"})
    assert ska.peaks
    given["on_change"](ska.key, stars=4, note="fat bass")
    given["on_change"](dub.key, stars=None, note="again")
    assert given["open_sound"](ska.key).path == remixed
    assert given["open_original"](ska.key).path == original
    frame = takes.to_frame()
    assert [None if value is pd.NA else value for value in frame["stars"]] == [None, None, 4]
    assert list(frame["note"]) == ["", "again", "fat bass"]
    assert "★★★★" in takes.static_html()
    assert "fat bass" in repr(takes.copy())
    assert pickle.loads(pickle.dumps(takes)).to_frame()["note"][2] == "fat bass"


def test_a_remix_that_is_twice_in_a_list_has_two_rows_and_one_rating(
    remixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remix = remix_of(remixed)
    takes = RemixList([remix, remix])
    given = gallery_of(takes, monkeypatch)
    first, second = given["rows"]
    assert first.key != second.key
    given["on_change"](second.key, stars=2, note="")
    assert list(takes.to_frame()["stars"]) == [2, 2]


def test_a_long_list_opens_its_gallery_without_reading_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone.mp3"
    takes = RemixList([remix_of(gone, prompt=str(at), order_id=str(at)) for at in range(101)])
    rows = gallery_of(takes, monkeypatch)["rows"]
    assert len(rows) == 101
    assert all(row.is_audible and not row.peaks for row in rows)


def test_without_a_front_end_there_is_no_gallery(takes: RemixList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displays, "_factories", {})
    with pytest.raises(sv.ConfigurationError, match="no gallery"):
        takes.gallery()


def test_without_pandas_it_says_what_to_install(takes: RemixList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(sv.ConfigurationError, match=r"pip install 'soundverse-nb\[lab\]'"):
        takes.to_frame()


def test_it_saves_under_names_that_tell_and_overwrites_nothing(takes: RemixList, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    first = takes.save(folder)
    assert [path.name for path in first] == ["song - jazz - 1.mp3", "song - ska - 1.mp3"]
    second = takes.save(folder)
    assert [path.name for path in second] == ["song - jazz - 2.mp3", "song - ska - 2.mp3"]
    assert all(path.stat().st_size for path in (*first, *second))


def test_what_cannot_be_saved_stops_nothing_else(tmp_path: Path, remixed: Path) -> None:
    takes = RemixList([remix_of(tmp_path / "gone.mp3", prompt="dub"), remix_of(remixed, prompt="jazz")])
    with pytest.raises(sv.ConfigurationError, match=r"1 of 2 remixes are in .*gone\.mp3"):
        takes.save(tmp_path / "saved")
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["song - jazz - 1.mp3"]
    (tmp_path / "a file").write_bytes(b"")
    with pytest.raises(sv.ConfigurationError, match="cannot be made"):
        takes.save(tmp_path / "a file")


def test_it_fits_a_narrow_terminal(takes: RemixList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = repr(takes).splitlines()
    assert max(map(len, lines)) <= 40
    assert any(line.startswith("0  song  jazz") for line in lines)


def test_it_compares_with_the_original_each_take_by_its_name(
    takes: RemixList, remixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(displays._factories, "player", lambda *clips, **settings: (clips, settings["labels"]))
    clips, labels = takes.compare()
    assert labels == ["Original", "jazz", "ska"], "the original names the song"
    assert [clip.path for clip in clips[1:]] == [remixed, remixed]
    with pytest.raises(sv.ConfigurationError, match="no remix"):
        RemixList([failure("dub")]).compare()


def test_the_player_names_remixes_by_song_and_prompt(takes: RemixList) -> None:
    assert "song · jazz, song · ska" in repr(sv.compare(takes))
    assert "song · jazz, song · ska" in repr(sv.compare(*takes.remixes))


async def test_only_what_was_certainly_not_paid_for_is_ordered_again(
    remixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free, unclear, taken = Reorder(), Reorder(), Reorder(is_free=False)
    new = remix_of(remixed, prompt="dub")
    asked: list[Any] = []

    async def again(takes: Sequence[Any]) -> RemixList:
        asked.extend(takes)
        return RemixList([new])

    kept = remix_of(remixed, prompt="jazz")
    takes = RemixList(
        [
            kept, failure("dub", again=free), failure("ska", spent=Spent.MAYBE, again=unclear),
            failure("funk", spent=Spent.YES, again=unclear), failure("polka", again=taken), failure("rock"),
        ],
        again=again,
    )  # fmt: skip
    result = await takes.retry_failed()
    assert result is takes
    assert asked == [free]
    assert takes[:2] == [kept, new]
    assert len(takes.failed) == 4
    said = capsys.readouterr().err
    assert "may have been paid for: original · ska, original · funk" in said
    assert "recover()" in said
    assert "original · polka, original · rock" in said


async def test_an_interrupted_retry_leaves_what_there_is_by_then(remixed: Path) -> None:
    new, stopped = remix_of(remixed, prompt="dub"), failure("ska", spent=Spent.MAYBE)

    async def again(takes: Sequence[Any]) -> RemixList:
        error = KeyboardInterrupt()
        error.results = RemixList([new, stopped])  # type: ignore[attr-defined]
        raise error

    takes = RemixList([failure("dub", again=Reorder()), failure("ska", again=Reorder())], again=again)
    with pytest.raises(KeyboardInterrupt):
        await takes.retry_failed()
    assert takes == [new, stopped]


async def test_it_survives_pickling_and_then_says_that_it_cannot_order(takes: RemixList) -> None:
    again = pickle.loads(pickle.dumps(takes))
    assert isinstance(again, RemixList)
    assert again.titles == takes.titles
    assert await again.retry_failed() is again, "what it no longer knows how to order is named, not ordered"


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (displays, live):
        monkeypatch.setattr(module, "in_kernel", lambda: True)


@pytest.mark.usefixtures("kernel")
def test_in_a_kernel_it_is_a_gallery_that_is_saved_as_a_table_with_players(takes: RemixList) -> None:
    html = takes._repr_mimebundle_()["text/html"]
    gallery = takes._live
    assert html.startswith(f'<div class="{gallery.mark} ')
    assert html.count("<audio") == 2
    gallery.rate(gallery.takes[0].key, 5, "fat bass")
    assert takes.to_frame()["note"][0] == "fat bass"
    takes.append(failure("polka"))
    assert f'class="{gallery.mark} ' in takes._repr_mimebundle_()["text/html"], "no second one"
    assert gallery.widget.table["titles"] == ["jazz", "dub", "ska", "polka"]
    with pytest.raises(sv.ConfigurationError, match="polka broke"):
        gallery.clip(gallery.takes[3].key)
    gallery.close()
    assert pickle.loads(pickle.dumps(takes))._live is None


@pytest.mark.usefixtures("kernel")
def test_a_thousand_takes_and_their_gallery_stay_below_two_million_bytes(
    original: Path, remixed: Path
) -> None:
    prompt = "a merry bossa nova remix with brushes and upright bass"
    takes = RemixList(
        [remix_of(remixed, original, prompt=f"{prompt} {at}", order_id=str(at)) for at in range(1000)]
    )
    sent = len(takes._repr_mimebundle_()["text/html"])
    told = dict(takes._live.widget.table)
    takes._live.close()
    assert sent + len(told.pop("peaks")) + len(json.dumps(told)) < 2_000_000


def test_a_list_is_a_table_alone_without_a_kernel_and_where_it_is_empty(
    takes: RemixList, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "svgal-" not in takes._repr_mimebundle_()["text/html"]
    monkeypatch.setattr(displays, "in_kernel", lambda: True)
    assert "svgal-" not in RemixList()._repr_mimebundle_()["text/html"]
