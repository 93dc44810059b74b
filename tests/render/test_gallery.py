"""Takes of a gallery: what they are called, how their numbers are written, and their static table."""

from __future__ import annotations

import base64
import io
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from soundverse_nb.audio.meters import Envelope
from soundverse_nb.render.gallery import (
    PEAKS,
    GalleryTake,
    NumberColumn,
    distinct_titles,
    level_of,
    number_columns,
    peaks_of,
    peaks_png,
    unique_takes,
    varied_factors,
)
from soundverse_nb.render.gallery_table import gallery_html, gallery_text
from tests.render.sanitiser import Page


def take(number: int, prompt: str = "jazz", song: str = "tune", **more: object) -> GalleryTake:
    known = {"factors": {"prompt": prompt}, "title": prompt, "reference": song, **more}
    return GalleryTake(f"key {number}", number=number, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "label", "text"),
    [
        ("tune_kept", 0.834, "tune kept", "0.83"),
        ("tempo_ratio", 1.2, "tempo ratio", "× 1.20"),
        ("transposition_semitones", -2.0, "transposed", "−2 st"),
        ("loudness_change_lu", 1.26, "loudness", "+1.3 LU"),
        ("duration", 83.0, "length", "1:23"),
        ("seconds", 83.0, "time to make", "1 min 23 s"),
        ("cost", 0.2, "cost", "0.20"),
        ("remix_tempo_bpm", 120.04, "remix tempo", "120.0 BPM"),
        ("my_own", -0.00123, "my own", "−0.00123"),
        ("tune_kept", math.nan, "tune kept", "–"),
        ("tune_kept", None, "tune kept", "–"),
    ],
)
def test_numbers_are_headed_and_written_in_plain_words(
    name: str, value: float | None, label: str, text: str
) -> None:
    column = NumberColumn.of(name)
    assert (column.label, column.text(value)) == (label, text)


def test_only_numbers_that_some_take_has_become_columns() -> None:
    takes = [take(1, numbers={"tune_kept": math.nan, "cost": None}), take(2, numbers={"tempo_ratio": 1.0})]
    assert [column.name for column in number_columns(takes)] == ["tempo_ratio"]


def test_the_song_is_a_factor_too_and_levels_keep_their_order() -> None:
    takes = [take(1, "jazz", "b"), take(2, "dub", "a"), take(3, "jazz", "a")]
    assert varied_factors(takes) == {"song": ["b", "a"], "prompt": ["jazz", "dub"]}
    assert [level_of(takes[0], factor) for factor in ("song", "prompt", "mood")] == ["b", "jazz", ""]


def test_takes_that_are_compared_are_named_by_what_tells_them_apart() -> None:
    assert distinct_titles([take(1, "jazz"), take(2, "dub")]) == ["jazz", "dub"]
    assert distinct_titles([take(1, "jazz", "a"), take(2, "jazz", "b")]) == ["a · jazz", "b · jazz"]
    assert distinct_titles([take(1, "jazz"), take(2, "jazz")]) == ["jazz (take 1)", "jazz (take 2)"]
    assert distinct_titles([GalleryTake("a"), GalleryTake("b")]) == [
        "Take 0 (take 0) #1",
        "Take 0 (take 0) #2",
    ]


def test_a_key_is_shown_once() -> None:
    assert [each.number for each in unique_takes([take(1), take(2), take(1)])] == [1, 2]


def test_a_small_waveform_is_a_small_picture_of_the_peaks() -> None:
    quiet, loud = np.full((2, 500), 0.1, np.float32), np.full((2, 500), 1.0, np.float32)
    high = np.concatenate([quiet, loud], axis=1)
    peaks = peaks_of(Envelope(-high, high, 10.0, 44100))
    assert len(peaks) == PEAKS
    assert (peaks[0], peaks[-1]) == (26, 255)
    picture = peaks_png(peaks)
    assert len(picture) < 500
    drawn = np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))[..., 3] > 0
    assert drawn[:, 0].sum() < 10 < drawn[:, -2].sum() == drawn.shape[0]
    assert Image.open(io.BytesIO(peaks_png(b""))).size == Image.open(io.BytesIO(picture)).size
    empty = Envelope(np.zeros((1, 0), np.float32), np.zeros((1, 0), np.float32), 0.0, 44100)
    assert peaks_of(empty) == bytes(PEAKS)


FULL = take(
    3,
    "lo-fi",
    numbers={"tune_kept": 0.83},
    seconds=83.0,
    peaks=bytes(range(PEAKS)),
    detail="Copper",
    stars=4,
    note="nice <bass>",
    is_simulated=True,
    is_control=True,
    in_plan=False,
    same_as="take 1",
)


def test_the_table_says_all_of_a_take_and_passes_a_sanitiser() -> None:
    page = Page(gallery_html([FULL], "1 take", ["A note."], players={"key 3": b"mp3"}))
    assert page.problems == []
    for words in (
        "1 take", "3", "lo-fi", "tune", "1:23", "Copper", "simulated", "control", "not in the plan",
        "same audio as take 1", "tune kept", "0.83", "★★★★", "nice <bass>", "A note.",
    ):  # fmt: skip
        assert words in page.text
    (picture,) = page.all("img")
    assert Image.open(io.BytesIO(base64.b64decode(picture["src"].partition(",")[2]))).width == 2 * PEAKS
    assert page.all("audio")[0]["src"].startswith("data:audio/mpeg;base64,")


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("failed", "It broke. Nothing was paid.", "It broke. Nothing was paid."),
        ("missing", "", "Not run."),
        ("running", "", "Being made."),
        ("unknown", "", "Outcome unknown."),
        ("done", "The file is gone.", "The file is gone."),
    ],
)
def test_a_take_that_is_not_there_says_why_in_place_of_its_numbers(
    state: str, reason: str, words: str
) -> None:
    gone = take(2, "dub", state=state, reason=reason, numbers={"tune_kept": 0.5})
    for shown in (Page(gallery_html([FULL, gone])).text, gallery_text([FULL, gone])):
        assert words in shown
        assert "0.50" not in shown


def test_its_text_has_a_line_a_take_in_columns() -> None:
    lines = gallery_text([take(1, numbers={"tune_kept": 0.5}), FULL], "2 takes", ["A note."]).splitlines()
    assert lines[0] == "2 takes"
    assert lines[1].split() == ["song", "take", "tune", "kept"]
    assert lines[2].index("0.50") == lines[3].index("0.83") == lines[1].index("tune kept")
    assert lines[3].endswith("★★★★  nice <bass>")
    assert lines[4] == "A note."
    assert gallery_text([]) == ""


def many(count: int) -> list[GalleryTake]:
    rng = random.Random(0)
    names = ("tune_kept", "tempo_ratio", "timbre_distance", "loudness_change_lu")
    return [
        take(
            at,
            "a merry bossa nova remix with brushes and upright bass",
            numbers={name: rng.random() for name in names},
            seconds=200.0,
            detail="Midnight Brass",
            is_simulated=True,
            peaks=rng.randbytes(PEAKS),
        )
        for at in range(count)
    ]


def test_a_table_stays_within_its_bytes_and_says_what_it_leaves_out() -> None:
    html = gallery_html(many(200), max_bytes=100_000)
    assert len(html.encode()) < 100_000
    assert f"The first {html.count('<tr')} of 200 takes are shown." in html


def test_a_long_table_has_a_line_a_take() -> None:
    gone = [take(1001, "dub", state="failed", reason="It <b>broke.")]
    html = gallery_html([*many(1000), *gone, replace(FULL, key="last")], "1,002 takes")
    assert len(html.encode()) < 400_000
    page = Page(html)
    assert page.problems == []
    assert not page.all("img")
    for words in (
        "999 a merry bossa nova remix with brushes and upright bass tune · 3:20 · Midnight Brass · simulated",
        "dub tune · It <b>broke.",
        "tune kept 0.83",
        "★★★★ · nice <bass>",
    ):
        assert words in " ".join(page.text.split())


def test_a_note_stands_apart_from_the_stars_before_it() -> None:
    assert "★★★★★  =1+1" in Page(gallery_html([take(1, "jazz", stars=5, note="=1+1")])).text
