from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup

import soundverse_nb
from soundverse_nb.render.card import Card, Lane, card_html
from soundverse_nb.render.colours import badge
from soundverse_nb.render.escape import fill, joined, plain, text, verbatim
from soundverse_nb.render.gallery import GalleryTake
from soundverse_nb.render.gallery_table import gallery_html
from soundverse_nb.render.labels import StageSpan, stages_html
from soundverse_nb.render.summary import (
    OrderRow,
    RemixEnd,
    ends_html,
    failures_html,
    job_html,
    orders_html,
)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\"' onload=x", "&#34;&#39; onload=x"),
        ("a & b", "a &amp; b"),
        (None, "None"),
        ("日本 🎺", "日本 🎺"),
    ],
)
def test_markup_becomes_text(hostile: object, shown: str) -> None:
    assert text(hostile) == shown


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("1 finished in 7.2 s · 497 kB", "1 finished in 7.2_s · 497_kB"),
        ("3 min 05 s, −15.4 LUFS, 45 %", "3_min_05_s, −15.4_LUFS, 45_%"),
        ("10 songs, 4 active", "10 songs, 4 active"),
        ("slower, p = 0.03, 2 songs", "slower, p_=_0.03, 2 songs"),
        ("a map = 3", "a map = 3"),
    ],
)
def test_no_line_breaks_between_a_number_and_its_unit(said: str, kept: str) -> None:
    assert text(said) == kept.replace("_", "\xa0")
    assert fill("{}", said) == kept.replace("_", "\xa0")
    assert plain(said) == said


def test_what_is_there_to_be_copied_keeps_its_spaces() -> None:
    assert verbatim("sv.repair('take 3 s.mp3') <b>") == "sv.repair(&#39;take 3 s.mp3&#39;) &lt;b&gt;"
    assert fill("{}", verbatim("take 3 s.mp3")) == "take 3 s.mp3"


def test_what_is_put_into_a_page_is_escaped_unless_it_is_markup() -> None:
    hostile = "<script>\u202e'\""
    assert fill('<b title="{0}">{0}</b>', hostile) == (
        '<b title="&lt;script&gt; &#39;&#34;">&lt;script&gt; &#39;&#34;</b>'
    )
    assert fill("{name}", name=fill("<i>{}</i>", hostile)) == "<i>&lt;script&gt; &#39;&#34;</i>"
    assert joined([Markup("<br>"), hostile]) == "<br>&lt;script&gt;\u202e&#39;&#34;"  # type: ignore[list-item]
    assert len(fill("{}", "x" * 1000, limit=600)) == 600


@pytest.mark.parametrize(
    "page",
    [
        card_html(
            Card("<i>", [Lane("<i>", "<i>", problem="<i>")], "<i>", ("<i>",), details=[("<i>", "<i>")])
        ),
        failures_html([RemixEnd("<i>", "failed", 1.0, "<i>")]),
        ends_html([RemixEnd("<i>", "finished", 1.0)]),
        stages_html([StageSpan("<i>", 0.0, 1.0)], 1.0),
        badge("<i>"),
        orders_html("<i>", "<i>", [OrderRow(*["<i>"] * 9)], ["<i>"]),
        job_html("<i>", "failed", "<i>"),
        gallery_html([GalleryTake(*["<i>"] * 2, note="<i>", same_as="<i>", detail="<i>")], "<i>", ["<i>"]),
        gallery_html(
            [GalleryTake("a", state="failed", reference="<i>", factors={"<i>": "<i>"}, reason="<i>")]
        ),
        gallery_html([GalleryTake("a", numbers={"<i>": 1.0})]),
    ],
)
def test_every_page_escapes_what_it_is_given(page: Markup) -> None:
    assert isinstance(page, Markup)
    assert "&lt;i&gt;" in page
    assert "<i>" not in page


def test_pages_are_made_where_they_are_drawn_and_nowhere_else() -> None:
    package = Path(soundverse_nb.__file__).parent
    tag = re.compile(r"</?(div|span|table|tr|td|th|ul|li|p|b|i|code|details|img|audio)[ >]")
    found = [
        f"{path.relative_to(package)}:{number}"
        for folder in ("api", "audio", "cli", "client", "hosting", "reference", "remix")
        for path in (package / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if tag.search(line)
    ]
    assert not found


def test_terminal_escapes_and_line_breaks_are_taken_out() -> None:
    assert plain("a\x1b[31mred\x07\r\nb\x9b1m") == "a [31mred b 1m"


def test_right_to_left_overrides_cannot_disguise_a_name() -> None:
    assert "\u202e" not in plain("song\u202e3pm.exe")


def test_a_file_name_that_is_not_utf8_can_be_sent_as_utf8() -> None:
    assert plain("caf\udce9.mp3").encode("utf-8") == b"caf?.mp3"


def test_a_megabyte_of_title_is_cut() -> None:
    assert len(plain("x" * 1_000_000)) == 300
    assert plain("x" * 1_000_000).endswith("…")
    assert len(text("<" * 1_000_000)) <= 300 * len("&lt;")
