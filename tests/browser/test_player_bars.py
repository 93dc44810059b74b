"""The A/B player keeps the bar through tempo and key, and loops whole bars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from soundverse_nb.widgets.player import Player
from tests.browser import players
from tests.browser.lab import TIMEOUT, Lab, LabNotebook
from tests.browser.players import (
    CELLS,
    FASTER,
    FRESH,
    INTRO,
    TUNES,
    UNRELATED,
    heard,
    keeps,
    player,
    position,
    press,
    said,
    take,
    wait_for_position,
)

lab, notebook, page = players.lab, players.notebook, players.page


def barwise(page: Page) -> Page:
    """The two tunes, with the same bar kept."""
    player(page, TUNES)
    keeps(page, "Same bar").click()
    expect(keeps(page, "Same bar")).to_be_checked(timeout=TIMEOUT)
    return page


def in_faster(seconds: float) -> float:
    return INTRO + seconds / FASTER


def test_switching_goes_to_the_same_bar_in_another_tempo_and_key(page: Page) -> None:
    barwise(page)
    press(page, "ArrowRight", "ArrowRight", "2")
    expect(take(page, "Faster")).to_be_checked()
    wait_for_position(page, f"Math.abs(at - {in_faster(10)}) < 0.2")
    press(page, "ArrowRight", "1")
    wait_for_position(page, f"Math.abs(at - {10 + 5 * FASTER}) < 0.2")
    expect(said(page)).to_be_empty()


def test_the_same_bar_is_kept_while_playing_and_the_other_take_sounds(page: Page) -> None:
    barwise(page)
    press(page, "ArrowRight", " ")
    wait_for_position(page, "at > 5.2")
    page.keyboard.press("2")
    wait_for_position(page, f"at > {in_faster(5.2) - 0.2}")
    heard(page)
    assert position(page) < in_faster(5.2) + 15


def test_the_takes_are_aligned_when_asked_and_play_on_meanwhile(page: Page) -> None:
    player(page, FRESH)
    press(page, "l")  # the comparison may take longer than the song
    page.get_by_role("button", name="Play", exact=True).click()
    wait_for_position(page, "at > 0.2")
    told = page.evaluate_handle(
        """() => {
            const told = [];
            const status = document.querySelector('.svp-status');
            new MutationObserver(() => told.push(status.textContent)).observe(status, {childList: true});
            return told;
        }"""
    )
    keeps(page, "Same bar").click()
    expect(keeps(page, "Same bar")).to_be_checked(timeout=TIMEOUT)
    assert "Aligning the takes bar by bar…" in told.json_value()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()


@pytest.mark.parametrize("face", ["waveform", "spectrogram"])
def test_what_has_no_counterpart_goes_to_the_nearest_that_has_and_says_so(page: Page, face: str) -> None:
    barwise(page)
    if face == "spectrogram":  # whose pictures come later
        page.get_by_role("button", name="Spectrogram").click()
        page.wait_for_function(
            """() => document.querySelector('.svp-lane canvas').getContext('2d')
                .getImageData(40, 2, 1, 1).data[3] > 0"""
        )
    press(page, "2", "Home", "Shift+ArrowRight", "1")
    expect(take(page, "Original")).to_be_checked()
    wait_for_position(page, "at < 0.3")
    expect(said(page)).to_contain_text("Faster at 0:01")
    expect(said(page)).to_contain_text("has no counterpart in Original")


def test_t_goes_round_the_three_and_arrows_go_both_ways(page: Page) -> None:
    barwise(page)
    for name in ("Same time", "Same place", "Same bar"):
        press(page, "t")
        expect(keeps(page, name)).to_be_checked()
    keeps(page, "Same bar").focus()
    page.keyboard.press("ArrowUp")
    expect(keeps(page, "Same place")).to_be_checked()
    expect(keeps(page, "Same place")).to_be_focused()


def test_a_loop_is_whole_bars_in_each_take(page: Page) -> None:
    barwise(page)
    ruler = page.locator(".svp-ruler").bounding_box()
    assert ruler is not None
    loop = page.get_by_role("button", name="Loop")
    width = 4 + 31 / FASTER  # the axis is as long as the longer take
    page.mouse.move(ruler["x"] + ruler["width"] * 5.4 / width, ruler["y"] + 8)
    page.mouse.down()
    page.mouse.move(ruler["x"] + ruler["width"] * 9.0 / width, ruler["y"] + 8, steps=4)
    page.mouse.up()
    expect(loop).to_have_attribute("aria-pressed", "true")
    from_, to = looped(loop)
    assert to - from_ == pytest.approx(4.8, abs=0.21), "two bars"
    wait_for_position(page, f"Math.abs(at - {from_}) < 0.2")
    page.keyboard.press("2")
    expect(take(page, "Faster")).to_be_checked()
    there = looped(loop)
    assert there == pytest.approx((in_faster(from_), in_faster(to)), abs=0.25)
    shades = page.locator(".svp-lane-loop")
    assert [shade.is_visible() for shade in shades.all()] == [True, True]
    keeps(page, "Same time").click()
    expect(shades.first).to_be_hidden()
    assert looped(loop) == there, "what is heard loops on"


def looped(loop: Locator) -> tuple[float, float]:
    """From where to where, in seconds, as the button says."""
    edges = loop.inner_text().removeprefix("Loop ").split("–")
    from_, to = (60 * float(minutes) + float(seconds) for minutes, seconds in (e.split(":") for e in edges))
    return from_, to


def test_each_take_has_a_playhead_of_its_own_and_a_click_means_the_take_it_is_in(page: Page) -> None:
    barwise(page)
    lane = page.locator(".svp-lane").nth(1).bounding_box()
    assert lane is not None
    width = 4 + 31 / FASTER
    page.mouse.click(lane["x"] + lane["width"] * in_faster(10) / width, lane["y"] + 20)
    wait_for_position(page, "Math.abs(at - 10) < 0.3")
    lefts = page.locator(".svp-mark").evaluate_all("(marks) => marks.map((m) => parseFloat(m.style.left))")
    assert lefts == pytest.approx([100 * 10 / width, 100 * in_faster(10) / width], abs=1)


def test_takes_without_a_tune_in_common_say_so_and_all_stays_as_it_was(page: Page) -> None:
    player(page, UNRELATED)
    keeps(page, "Same place").click()
    keeps(page, "Same bar").click()
    expect(said(page)).to_contain_text("Switching still keeps the same place.", timeout=TIMEOUT)
    expect(said(page)).to_contain_text("Chord and Original have")
    expect(keeps(page, "Same place")).to_be_checked()
    press(page, "t")
    expect(keeps(page, "Same time")).to_be_checked()
    press(page, "t", "t")
    expect(keeps(page, "Same time")).to_be_checked()


STATE: dict[str, Any] = {
    "reference": 0,
    "takes": [
        {"segments": [], "problem": ""},
        # An introduction of 4 s, the first half at half the tempo, that again, and from 25 on the rest.
        {
            "segments": [
                {"reference": [0, 20], "take": [4, 44]},
                {"reference": [0, 20], "take": [44, 84]},
                {"reference": [25, 40], "take": [84, 114]},
            ],
            "problem": "",
        },
        {"segments": [], "problem": "Noise and Song have no tune in common."},
    ],
    "bars": [2.0, 4.0, 6.1, 8.0, 10.0],
    "note": "Bars of four beats are assumed.",
}


@pytest.fixture(scope="module")
def rules(chromium: Browser) -> Iterator[Page]:
    """A page with the player's rules alone, and an alignment of three takes."""
    sheet = chromium.new_page()
    script = str(Player._esm).replace("export default", "const player =")
    sheet.add_script_tag(content=script)
    sheet.evaluate(
        """(state) => {
            const take = (label, duration) => ({label, duration, problem: ''});
            window.made = new Alignment(state, [take('Song', 40), take('Slow', 120), take('Noise', 30)]);
        }""",
        STATE,
    )
    yield sheet
    sheet.close()


@pytest.mark.parametrize(
    ("from_", "to", "position", "at"),
    [
        (1, 0, 14, 5),
        (0, 1, 5, 14),
        (0, 1, 30, 94),
        (1, 0, 54, 5),  # the second time it is played
        (1, 2, 14, 5),  # no tune in common with the song: the song's time
        (2, 1, 5, 14),
        (1, 0, 1, 0),  # the introduction
        (0, 1, 21, 44),  # what was cut: of both ends of what was before it that about as far into the song
        (0, 1, 22, 84),
        (0, 1, 24, 84),
        (1, 0, 119, 40),
        (0, 0, 17.3, 17.3),
    ],
)
def test_a_moment_is_carried_through_the_reference(
    rules: Page, from_: int, to: int, position: float, at: float
) -> None:
    found = rules.evaluate("([p, f, t]) => made.carried(p, f, t).at", [position, from_, to])
    assert found == pytest.approx(at, abs=1e-6)


def test_of_a_part_that_is_played_twice_the_nearer_to_the_same_place_is_taken(rules: Page) -> None:
    early, late = (
        rules.evaluate("([at]) => made.fromReference(1, 10, at).at", [about]) for about in (20, 70)
    )
    assert (early, late) == (24, 64)


def test_it_is_said_where_there_is_no_counterpart_and_where_only_the_time_is_kept(rules: Page) -> None:
    remark = "([p, f, t]) => made.remark(p, f, t)"
    assert rules.evaluate(remark, [14, 1, 0]) == ""
    assert "Slow at 0:01" in rules.evaluate(remark, [1, 1, 0])
    assert "no counterpart in Song" in rules.evaluate(remark, [1, 1, 0])
    assert "no counterpart in Slow" in rules.evaluate(remark, [22, 0, 1])
    for from_, to in ((0, 2), (2, 1)):
        said = rules.evaluate(remark, [5, from_, to])
        assert said == "Noise and Song have no tune in common. The same time is kept."
    assert "Bars of four beats are assumed." in rules.evaluate("() => made.remarks")


@pytest.mark.parametrize(
    ("part", "bars"),
    [
        ((3.9, 8.2), (4, 8)),
        ((4.4, 4.6), (4, 6.1)),  # at least the one that it is in
        ((0.1, 2.9), (0, 2)),  # before the first that was heard
        ((29.1, 33.9), (30, 34)),
        ((39.5, 40), (38, 40)),
    ],
)
def test_a_loop_snaps_to_whole_bars(
    rules: Page, part: tuple[float, float], bars: tuple[float, float]
) -> None:
    assert rules.evaluate("(part) => made.wholeBars(part)", list(part)) == pytest.approx(bars, abs=0.11)


@pytest.mark.parametrize(
    ("part", "inside"),
    [((4, 8), (12, 20)), ((18, 30), (80, 94)), ((21, 23), None), ((26, 30), (86, 94)), ((10, 20), (24, 44))],
)
def test_bars_of_the_reference_are_found_in_a_take(
    rules: Page, part: tuple[float, float], inside: tuple[float, float] | None
) -> None:
    found = rules.evaluate("(part) => made.partIn(1, part)", list(part))
    assert found == (pytest.approx(inside) if inside else None)


def shut_down(page: Page) -> None:
    page.evaluate(
        """() => {
            window.kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            return window.jupyterapp.commands.execute('notebook:shutdown-kernel');
        }"""
    )
    page.wait_for_function("() => window.kernel.isDisposed")


@pytest.fixture
def started(lab: Lab) -> Page:
    """The same cells with a kernel of their own, which a test may shut down."""
    opened = lab.open_notebook(lab.write("alone.ipynb", CELLS))
    opened.wait_for_kernel()
    return opened.page


def test_without_a_kernel_the_same_bar_cannot_be_chosen(notebook: LabNotebook, started: Page) -> None:
    player(started, UNRELATED)
    shut_down(started)
    keeps(started, "Same time").hover()
    expect(keeps(started, "Same bar")).to_be_disabled()
    why = "The same bar needs the kernel, which compares the takes, and it is gone"
    expect(keeps(started, "Same bar")).to_have_attribute("title", why)
    press(started, "t")
    expect(keeps(started, "Same place")).to_be_checked()
    press(started, "t")
    expect(keeps(started, "Same time")).to_be_checked()


def test_what_was_compared_before_is_known_at_once_and_needs_no_kernel(page: Page, started: Page) -> None:
    barwise(page)
    player(started, TUNES)
    expect(keeps(started, "Same bar")).not_to_have_attribute("title", re.compile("compared first"))
    shut_down(started)
    keeps(started, "Same time").hover()
    keeps(started, "Same bar").click()
    expect(keeps(started, "Same bar")).to_be_checked()
    expect(said(started)).to_be_empty()
