"""The kernel side of the gallery: what the page is told, what it can ask for, and what is kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.render.gallery import PEAKS, GalleryTake
from soundverse_nb.widgets import gallery as live
from soundverse_nb.widgets.gallery import GalleryWidget, LiveGallery, gallery, table_of

RATE = 22050


@pytest.fixture
def song(tmp_path: Path) -> Path:
    time = np.arange(2 * RATE) / RATE
    path = tmp_path / "song.wav"
    soundfile.write(path, np.sin(2 * np.pi * 220 * time) * 0.5, RATE)
    return path


def take(key: str, prompt: str = "jazz", **more: Any) -> GalleryTake:
    return GalleryTake(key, prompt, int(key, 36), "tune", {"prompt": prompt}, **more)


class _Page:
    """Stands for the page: asks, and keeps what it is answered."""

    def __init__(self, shown: LiveGallery, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(
            GalleryWidget,
            "send",
            lambda _, content, buffers=None: self.answers.append((content, buffers or [])),
        )
        self.widget = shown.widget

    def ask(self, **content: Any) -> tuple[dict[str, Any], list[bytes]]:
        self.widget._answer({"request": "1", **content})
        return self.answers[-1]


@pytest.fixture
def kept() -> dict[str, Any]:
    return {}


@pytest.fixture
def shown(song: Path, kept: dict[str, Any]) -> Iterator[LiveGallery]:
    def keep(key: str, *, stars: int | None, note: str) -> None:
        if note == "refuse":
            raise sv.ConfigurationError("It is read-only.", hint="Open it elsewhere.")
        kept[key] = (stars, note)

    takes = [
        take("1"),
        take("2", "dub", stars=2),
        take("3", "ska", state="failed", reason="It broke."),
        take("1", "twice"),
    ]
    made = gallery(takes, lambda key: song, keep, open_original=lambda key: sv.Clip(song), summary="3 takes")
    yield made
    made.close()


@pytest.fixture
def page(shown: LiveGallery, monkeypatch: pytest.MonkeyPatch) -> _Page:
    return _Page(shown, monkeypatch)


def test_the_page_is_told_of_every_take_in_columns_of_plain_data() -> None:
    takes = [
        take("1", numbers={"tune_kept": 0.5, "cost": float("nan")}, seconds=2.0, peaks=bytes(PEAKS)),
        take("2", "dub", numbers={"tune_kept": None}, is_simulated=True),
        take("3", state="failed", reason="It \x1b[31mbroke."),
    ]
    told = table_of(takes, "3 takes")
    assert len(told.pop("peaks")) == PEAKS
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["keys"] == ["1", "2", "3"]
    assert told["factors"][1] == {"name": "prompt", "levels": ["jazz", "dub"], "of": [0, 1, 0]}
    assert told["numbers"] == [
        {
            "name": "tune_kept",
            "label": "tune kept",
            "values": [0.5, None, None],
            "texts": ["0.50", None, None],
        }
    ]
    assert told["endings"] == {"2": "It  [31mbroke."}
    assert told["badges"] == {"1": ["simulated"]}
    assert told["has_peaks"] == [1, 0, 0]


def test_sound_is_sent_for_a_take_that_has_one_and_a_sentence_for_any_other(page: _Page, song: Path) -> None:
    answer, (data,) = page.ask(want="sound", key="1")
    assert (answer["request"], answer["mime"]) == ("1", "audio/wav")
    assert data == song.read_bytes()
    for content, words in (
        ({"key": "3"}, "It broke."),
        ({"key": "../secret"}, "no such take"),
        ({}, "KeyError"),
    ):
        answer, buffers = page.ask(want="sound", **content)
        assert words in answer["problem"]
        assert not buffers
    song.unlink()
    assert "cannot be read" in page.ask(want="sound", key="2")[0]["problem"]


def test_a_waveform_is_read_from_the_file_when_the_page_asks(page: _Page, song: Path) -> None:
    page.widget._send_peaks("1")
    message, (peaks,) = page.answers[-1]
    assert (message["peaks"], round(message["seconds"])) == ("1", 2)
    assert len(peaks) == PEAKS
    assert 120 < max(peaks) < 135
    song.unlink()
    page.widget._send_peaks("2")
    assert "cannot be read" in page.answers[-1][0]["problem"]


def test_stars_and_notes_are_kept_and_shown_from_then_on(
    page: _Page, shown: LiveGallery, kept: dict[str, Any]
) -> None:
    answer, _ = page.ask(want="rate", key="1", stars=4, note="nice\x1b bass")
    assert answer == {"request": "1", "rated": "1", "stars": 4, "note": "nice bass"}
    assert kept == {"1": (4, "nice bass")}
    assert page.widget.ratings == {"1": [4, "nice bass"], "2": [2, ""]}, (
        "what a page gets that is loaded again"
    )
    assert "★★★★" in shown.static_html()
    page.ask(want="rate", key="2", stars=9, note=None)
    assert kept["2"] == (None, "")


def test_what_could_not_be_kept_is_said_and_all_is_as_it_was(
    page: _Page, shown: LiveGallery, kept: dict[str, Any]
) -> None:
    answer, _ = page.ask(want="rate", key="2", stars=5, note="refuse")
    assert answer["problem"] == "It is read-only. Open it elsewhere."
    assert not kept
    assert shown.takes[1].stars == 2
    assert page.widget.ratings == {"2": [2, ""]}


def test_selected_takes_are_compared_with_their_original_each_by_what_tells_it_apart(page: _Page) -> None:
    answer, _ = page.ask(want="compare", keys=["1", "2"])
    comparison = page.widget._comparison
    assert comparison is not None
    assert comparison.comparison.labels == ("Original", "jazz", "dub")
    assert answer["mark"] == comparison.widget.mark
    assert answer["title"] == "2 takes of tune"
    page.ask(want="compare", keys=["1"])
    assert comparison._widget is None, "the one before is taken down"
    assert "It broke." in page.ask(want="compare", keys=["1", "3"])[0]["problem"]
    assert "10 takes are too many" in page.ask(want="compare", keys=["1"] * 10)[0]["problem"]


def test_one_take_without_its_original_is_not_compared(song: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match="One take alone cannot be compared"):
        gallery([take("1")], lambda key: song).comparison(["1"])


def test_other_takes_take_their_place(shown: LiveGallery, page: _Page) -> None:
    shown.update([take("7", "polka", stars=1)], "1 take")
    assert page.widget.table["titles"] == ["polka"]
    assert page.widget.ratings == {"7": [1, ""]}
    assert "no such take" in page.ask(want="sound", key="1")[0]["problem"]


def test_it_shows_as_a_table_and_is_marked_in_a_kernel_only(
    shown: LiveGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].splitlines()[0] == "3 takes"
    assert shown.mark not in bundle["text/html"]
    assert bundle["text/html"].count("<tr") == 3
    monkeypatch.setattr(live, "in_kernel", lambda: True)
    assert shown._repr_mimebundle_()["text/html"].startswith(f'<div class="{shown.mark} ')


def test_a_file_that_no_browser_plays_is_sent_as_flac(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "a.aiff"
    soundfile.write(other, np.zeros(RATE), RATE)
    answer, (data,) = _Page(gallery([take("1")], lambda key: sv.Clip(other)), monkeypatch).ask(
        want="sound", key="1"
    )
    assert (answer["mime"], soundfile.info(io.BytesIO(data)).format) == ("audio/flac", "FLAC")
