"""The demo's page in a real browser: it plays, keeps the place, asks for nothing, and fits narrow screens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from soundverse_nb.audio.meters import envelope_of
from soundverse_nb.examples import example_song
from soundverse_nb.reference import repair
from soundverse_nb.render.page import Page as Content
from soundverse_nb.render.page import SongPanel, page_html
from tests.browser.lab import plays


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    song = example_song()
    envelope = envelope_of(song)

    def take(label: str, colour: str, loudness: float) -> SongPanel:
        return SongPanel(
            label,
            "Harbour Lights " * 3,
            envelope.duration,
            envelope,
            colour,
            loudness,
            prompt="" if label == "Original" else "a style of many words " * 4,
            facts=("0:31", "−15.4 LUFS", "MP3, 44.1 kHz stereo"),
            audio=song.read_bytes(),
        )

    remixes = tuple(take(f"Remix {n}", "#d4700f", -15.4 + n) for n in range(1, 5))
    content = Content(
        "One song, four remixes", "A lead.", take("Original", "#3f86cf", -15.4), remixes, "Simulated."
    )
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page_html(content), encoding="utf-8")
    return path


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1


@pytest.fixture
def odd_pair(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of a song of 31 seconds and its remix, which has 12."""
    songs = [example_song(), repair(example_song(), tmp_path / "short.mp3", duration=12).path]
    outlines = [envelope_of(song) for song in songs]
    original, remix = (
        SongPanel(label, label, outline.duration, outline, "#3f86cf", -15.0, audio=song.read_bytes())
        for label, outline, song in zip(("Original", "Remix 1"), outlines, songs, strict=True)
    )
    file = tmp_path / "odd.html"
    file.write_text(page_html(Content("A pair", "A lead.", original, (remix,))), encoding="utf-8")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    yield page
    context.close()


def wait(page: Page, test: str) -> None:
    page.wait_for_function(f"() => {{ const a = document.querySelectorAll('audio'); return {test}; }}")


def test_every_song_plays(page: Page) -> None:
    assert [plays(player) for player in page.locator("audio").all()] == [True] * 5


def test_a_click_on_a_waveform_plays_from_there(page: Page) -> None:
    wave = page.locator(".wave").nth(1)
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    wait(page, "!a[1].paused && a[1].currentTime > 15 && a[1].currentTime < 20")
    expect(page.locator(".take").nth(1)).to_have_class("take remix playing")


def test_switching_keeps_the_place_and_silences_the_other(page: Page) -> None:
    page.locator(".wave").nth(0).click(position={"x": 400, "y": 30})
    wait(page, "!a[0].paused && a[0].currentTime > 8")
    page.keyboard.press("3")
    wait(page, "a[0].paused && !a[2].paused && a[2].currentTime > 8")
    page.keyboard.press(" ")
    wait(page, "a[2].paused")


def test_the_same_bar_is_kept_and_what_has_no_counterpart_is_said(chromium: Browser, tmp_path: Path) -> None:
    song = example_song()
    outline = envelope_of(song)
    original, remix, other = (
        SongPanel(label, label, outline.duration, outline, "#3f86cf", -15.0, audio=song.read_bytes())
        for label in ("Original", "Remix 1", "Remix 2")
    )
    alignment = {
        "reference": 0,
        "takes": [
            {"segments": [], "problem": ""},
            {"segments": [{"reference": [0.0, 20.0], "take": [4.0, 14.0]}], "problem": ""},
            {"segments": [], "problem": "Remix 2 and Original have no tune in common."},
        ],
        "bars": [0.0, 2.4],
        "note": "",
    }
    file = tmp_path / "aligned.html"
    content = Content("A pair", "A lead.", original, (remix, other), alignment=alignment)
    file.write_text(page_html(content), encoding="utf-8")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    page.get_by_label("Same bar").check()
    pause_at(page, 0, 10.0)
    page.keyboard.press("2")
    wait(page, "!a[1].paused && a[1].currentTime > 8.9 && a[1].currentTime < 12")
    expect(page.get_by_role("status")).to_be_empty()
    pause_at(page, 1, 1.0)
    page.keyboard.press("1")
    wait(page, "!a[0].paused && a[0].currentTime < 2")
    expect(page.get_by_role("status")).to_contain_text("has no counterpart in Original")
    page.keyboard.press("3")
    wait(page, "!a[2].paused")
    expect(page.get_by_role("status")).to_contain_text("no tune in common. The same time is kept.")
    context.close()


def test_a_page_without_an_alignment_offers_no_same_bar(page: Page) -> None:
    expect(page.get_by_label("Same bar")).to_have_count(0)
    expect(page.get_by_label("Same place")).to_have_count(1)


def play_from(page: Page, take: int, seconds: float) -> None:
    begin = "(audio, at) => { audio.currentTime = at; audio.play().catch(() => {}); }"
    page.locator("audio").nth(take).evaluate(begin, seconds)
    wait(page, f"!a[{take}].paused && a[{take}].currentTime > {seconds}")


def pause_at(page: Page, take: int, seconds: float) -> None:
    """Let a take be the one that was heard last, at that second, however long the test takes to go on."""
    play_from(page, take, seconds)
    page.locator("audio").nth(take).evaluate(
        """(audio, at) => new Promise((there) => {
            audio.pause();
            audio.addEventListener('seeked', there, {once: true});
            audio.currentTime = at;
        })""",
        seconds,
    )


def test_switching_keeps_the_time_unless_the_place_is_asked_for(odd_pair: Page) -> None:
    pause_at(odd_pair, 0, 6)
    odd_pair.keyboard.press("2")
    wait(odd_pair, "!a[1].paused && a[1].currentTime > 6 && a[1].currentTime < 9")
    odd_pair.get_by_label("Same place").check()
    pause_at(odd_pair, 1, 6)
    odd_pair.keyboard.press("1")
    wait(odd_pair, "!a[0].paused && a[0].currentTime > 15.4 && a[0].currentTime < 20")


def test_the_players_own_button_keeps_it_too(odd_pair: Page) -> None:
    play_from(odd_pair, 0, 6)
    odd_pair.locator("audio").nth(1).evaluate("(audio) => { audio.play().catch(() => {}); }")
    wait(odd_pair, "a[0].paused && !a[1].paused && a[1].currentTime > 6")


def test_a_song_that_is_over_by_then_stays_silent_and_says_so(odd_pair: Page) -> None:
    play_from(odd_pair, 0, 20)
    odd_pair.keyboard.press("2")
    expect(odd_pair.get_by_role("status")).to_have_text(re.compile(r"Remix 1 ends at 0:1[12]\."))
    wait(odd_pair, "a[0].paused && a[1].paused && a[1].currentTime > 11.9")
    odd_pair.keyboard.press("1")
    wait(odd_pair, "!a[0].paused && a[0].currentTime > 20")
    expect(odd_pair.get_by_role("status")).to_be_empty()


@pytest.mark.parametrize("clicked", ["player", "All equally loud", "Same place"])
def test_the_keys_work_after_a_click_on_a_player_or_a_box(page: Page, clicked: str) -> None:
    page.locator("audio").nth(0).click(position={"x": 20, "y": 20})  # its own button for playing
    wait(page, "!a[0].paused && a[0].currentTime > 0.1")
    if clicked != "player":
        page.get_by_text(clicked).click()
    marked = page.locator("input").evaluate_all("(boxes) => boxes.map((box) => box.checked)")
    page.keyboard.press(" ")
    wait(page, "a[0].paused")
    page.keyboard.press("3")
    wait(page, "!a[2].paused")
    page.keyboard.press("ArrowRight")
    wait(page, "a[2].currentTime > 5")
    page.keyboard.press(" ")
    wait(page, "a[2].paused")
    assert page.locator("input").evaluate_all("(boxes) => boxes.map((box) => box.checked)") == marked


def test_a_box_that_was_reached_by_tab_keeps_its_space(page: Page) -> None:
    page.keyboard.press("1")
    wait(page, "!a[0].paused")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("All equally loud")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.get_by_label("All equally loud")).not_to_be_checked()
    wait(page, "!a[0].paused")


def test_the_arrow_key_stops_at_the_end(odd_pair: Page) -> None:
    play_from(odd_pair, 1, 9)
    odd_pair.keyboard.press("ArrowRight")
    wait(odd_pair, "a[1].ended && a[1].currentTime > 11.9")


def test_all_are_equally_loud_unless_told_otherwise(page: Page) -> None:
    wait(page, "Math.abs(a[4].volume - 10 ** (-4 / 20)) < 1e-3 && a[0].volume === 1")
    page.get_by_label("All equally loud").uncheck()
    wait(page, "a[4].volume === 1")


def test_without_scripts_the_players_are_all_there(chromium: Browser, file: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    expect(page.locator("audio[controls]")).to_have_count(5)
    expect(page.locator(".listening")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("width", [320, 768, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_text_is_legible(
    chromium: Browser, file: Path, width: int, scheme: str
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    contrast = page.evaluate(
        """() => {
            const light = (colour) => {
                const [r, g, b] = colour.match(/\\d+/g).map((c) => {
                    const x = c / 255;
                    return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            const card = light(getComputedStyle(document.querySelector('.take')).backgroundColor);
            const colour = (part) => getComputedStyle(document.querySelector('.take.remix ' + part)).color;
            const parts = ['h2', '.prompt', '.facts', '.label', '.ruler i'];
            return parts.map((part) => ratio(light(colour(part)), card));
        }"""
    )
    # WCAG 2.2, 1.4.3: text stands out from its ground by 4.5 to 1.
    assert all(ratio >= 4.5 for ratio in contrast), contrast
    context.close()
