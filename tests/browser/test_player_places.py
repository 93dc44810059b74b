"""What switching keeps in the A/B player, what its keys do after a click, and how near one can look."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import players
from tests.browser.lab import Lab
from tests.browser.players import (
    LONG,
    heard,
    keeps,
    level,
    player,
    position,
    press,
    said,
    standing_still,
    take,
    wait_for_position,
)

lab, notebook, page = players.lab, players.notebook, players.page


def play(page: Page) -> Locator:
    return page.get_by_role("button", name="Play", exact=True)


def pause(page: Page) -> Locator:
    return page.get_by_role("button", name="Pause", exact=True)


def test_the_same_time_is_kept_unless_the_same_place_is_asked_for(page: Page) -> None:
    player(page)  # 12 and 9 seconds
    expect(keeps(page, "Same time")).to_be_checked()
    press(page, "ArrowRight", "2")
    expect(take(page, "Remix")).to_be_checked()
    wait_for_position(page, "Math.abs(at - 5) < 0.1")
    keeps(page, "Same place").click()
    expect(keeps(page, "Same place")).to_be_checked()
    page.keyboard.press("1")
    wait_for_position(page, "Math.abs(at - 5 * 12 / 9) < 0.1")
    page.keyboard.press("2")
    wait_for_position(page, "Math.abs(at - 5) < 0.1")


def test_the_same_place_is_kept_while_playing_and_the_other_take_sounds(page: Page) -> None:
    player(page)
    keeps(page, "Same place").click()
    press(page, "ArrowRight", " ")
    wait_for_position(page, "at > 5.2")
    with standing_still(page):
        before = position(page)
        page.keyboard.press("2")
        wait_for_position(page, f"Math.abs(at - {before} * 9 / 12) < 0.5")
    assert heard(page) < -5


def test_a_take_that_is_over_by_then_stops_and_says_so_and_going_back_goes_on(page: Page) -> None:
    player(page)
    press(page, "ArrowRight", "ArrowRight", " ")
    wait_for_position(page, "at > 10.1")
    with standing_still(page):
        page.keyboard.press("2")
        expect(play(page)).to_be_visible()
        expect(said(page)).to_contain_text("Remix ends at 0:09.")
        wait_for_position(page, "at === 9")
        page.keyboard.press("1")
        expect(pause(page)).to_be_visible()
        wait_for_position(page, "at > 10.1 && at < 12")
        expect(said(page)).to_be_empty()
    wait_for_position(page, "at === 12")  # it does go on


def test_the_shorter_take_stops_at_its_own_end(page: Page) -> None:
    player(page)
    press(page, "2", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", " ")
    wait_for_position(page, "at === 9")
    expect(play(page)).to_be_visible()
    expect(said(page)).to_contain_text("Remix ends at 0:09.")


def test_a_loop_goes_with_the_place(page: Page) -> None:
    player(page)
    loop = page.get_by_role("button", name="Loop")
    keeps(page, "Same place").click()
    press(page, "l")
    expect(loop).to_have_text("Loop 0:00.0–0:05.0")
    page.keyboard.press("2")
    expect(loop).to_have_text("Loop 0:00.0–0:03.7")
    keeps(page, "Same time").click()
    expect(loop).to_have_text("Loop 0:00.0–0:03.7")


@pytest.mark.parametrize("key", ["ArrowRight", "End"])
def test_a_key_that_goes_past_the_end_stops_there(page: Page, key: str) -> None:
    player(page)
    press(page, "End", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", " ")
    expect(pause(page)).to_be_visible()
    wait_for_position(page, "at > 9.1")
    page.evaluate("() => { window.least = 99; }")
    page.keyboard.press(key)
    wait_for_position(page, "(window.least = Math.min(window.least, at)) && at === 12")
    expect(play(page)).to_be_visible()
    assert page.evaluate("() => window.least") > 9


def test_a_start_that_waits_for_its_sound_does_not_bring_the_end_back_to_zero(page: Page) -> None:
    player(page)
    press(page, "ArrowRight", " ", "End")
    page.wait_for_function("() => window.decoded > 0")
    wait_for_position(page, "at === 12")
    expect(play(page)).to_be_visible()


def test_a_playhead_that_is_dragged_to_the_end_stays_there(page: Page) -> None:
    player(page)
    play(page).click()
    wait_for_position(page, "at > 0.1")
    box = page.locator(".svp-lane").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 30, box["y"] + 20, steps=3)
    page.mouse.up()
    wait_for_position(page, "at === 12")
    expect(play(page)).to_be_visible()


@pytest.mark.parametrize("name", ["Spectrogram", "Loop", "As delivered", "Same place", "Zoom in"])
def test_space_plays_after_a_click_whatever_was_clicked(page: Page, name: str) -> None:
    live = player(page)
    control = live.locator("button", has_text=name).or_(live.get_by_role("button", name=name)).first
    control.click()
    marks = [control.get_attribute(mark) for mark in ("aria-pressed", "aria-checked")]
    page.keyboard.press(" ")
    expect(pause(page)).to_be_visible()
    page.keyboard.press(" ")
    expect(play(page)).to_be_visible()
    assert [control.get_attribute(mark) for mark in ("aria-pressed", "aria-checked")] == marks


def test_space_presses_the_button_that_was_reached_by_tab(page: Page) -> None:
    player(page)
    spectrogram = page.get_by_role("button", name="Spectrogram")
    page.get_by_role("button", name="Loop").focus()
    page.keyboard.press("Tab")
    expect(spectrogram).to_be_focused()
    assert spectrogram.evaluate("(it) => getComputedStyle(it).outlineStyle") == "solid"
    page.keyboard.press(" ")
    expect(spectrogram).to_have_attribute("aria-pressed", "true")
    expect(spectrogram).to_be_focused()
    expect(play(page)).to_be_visible()


def test_the_spectrogram_has_an_axis_of_pitches_and_a_playhead_in_sight(page: Page) -> None:
    live = player(page)
    expect(live.get_by_text("1 kHz", exact=True).first).to_be_hidden()
    page.get_by_role("button", name="Spectrogram").click()
    lane = live.locator(".svp-lane").first
    for words in ("1 kHz", "4 kHz", "10 kHz"):
        expect(lane.get_by_text(words, exact=True)).to_be_visible()
    tops = [lane.get_by_text(words, exact=True).bounding_box() for words in ("1 kHz", "4 kHz")]
    assert tops[0]["y"] > tops[1]["y"], "low pitches are at the bottom"  # type: ignore[index]
    line = page.locator(".svp-playhead").evaluate("(it) => getComputedStyle(it).backgroundColor")
    assert line == "rgb(255, 255, 255)", "the picture is dark in every theme"


def shown(page: Page) -> float:
    """How much of the song the lanes show, from how far apart two clicks are in time."""
    box = page.locator(".svp-lane").first.bounding_box()
    assert box is not None
    drawn = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    places = []
    for part in (0.25, 0.75):
        page.mouse.click(box["x"] + box["width"] * part, box["y"] + 20)
        page.evaluate(drawn)
        places.append(position(page))
    return 2 * (places[1] - places[0])


def test_a_long_song_can_be_looked_at_closely(page: Page) -> None:
    player(page, LONG)
    overview = page.locator(".svp-overview")
    assert shown(page) == pytest.approx(350, abs=2)
    expect(overview).to_have_count(0)
    page.get_by_role("button", name="Zoom in").click()
    assert shown(page) == pytest.approx(175, abs=1)
    press(page, "+")
    assert shown(page) == pytest.approx(87.5, abs=1)
    press(page, "-", "End")
    expect(page.locator(".svp-playhead")).to_be_visible()
    assert shown(page) == pytest.approx(175, abs=1)
    assert position(page) > 175, "what is looked at follows the playhead"
    expect(overview).to_be_visible()
    box = overview.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 2, box["y"] + 10)
    shown(page)
    assert position(page) < 175, "the overview is where one scrolls"
    press(page, "0")
    expect(overview).to_have_count(0)
    assert shown(page) == pytest.approx(350, abs=2)


def test_the_wheel_zooms_with_ctrl_only(page: Page) -> None:
    player(page, LONG)
    box = page.locator(".svp-lane").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.wheel(0, 1)
    assert shown(page) == pytest.approx(350, abs=2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(page.locator(".svp-overview")).to_be_visible()
    assert shown(page) == pytest.approx(175, abs=1)


def test_the_volume_is_the_listeners(page: Page) -> None:
    player(page)
    level(page, "As delivered").click()
    volume = page.get_by_role("slider", name="Volume")
    volume.fill("50")
    play(page).click()
    wait_for_position(page, "at > 0.2")
    assert heard(page) == pytest.approx(-12, abs=0.1)
    volume.focus()
    page.keyboard.press("ArrowRight")
    expect(volume).to_have_value("51")
    page.keyboard.press(" ")
    expect(play(page)).to_be_visible()


def test_the_take_that_is_heard_can_be_saved(page: Page, lab: Lab) -> None:
    player(page)
    press(page, "2")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == "loud.wav"
    assert saved.value.path().read_bytes() == (lab.server.root / "loud.wav").read_bytes()


def test_a_player_that_was_never_started_plays_its_preview_when_the_kernel_is_gone(page: Page) -> None:
    player(page)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:shutdown-kernel')")
    play(page).click()
    wait_for_position(page, "at > 0.3")
    expect(said(page)).to_contain_text("this is the preview that is saved with the notebook")
    press(page, "2")
    expect(take(page, "Remix")).to_be_checked()
    assert heard(page) < -5
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == "Remix (preview).mp3"
