"""The A/B player as a person uses it: in JupyterLab, by mouse and by keyboard."""

from __future__ import annotations

import os
import shutil
import signal

import pyloudnorm
import pytest
import soundfile
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from tests.browser import players
from tests.browser.lab import Lab, LabNotebook, plays
from tests.browser.players import (
    CLOSE,
    LONG,
    ODD,
    PAIR,
    RATE,
    WHO,
    heard,
    ink,
    level,
    player,
    position,
    press,
    run,
    standing_still,
    take,
    wait_for_position,
)

lab, notebook, page = players.lab, players.notebook, players.page


def test_it_plays_and_switching_keeps_the_playhead_and_matches_the_loudness(page: Page, lab: Lab) -> None:
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    songs = [soundfile.read(lab.server.root / f"{name}.wav")[0] for name in ("quiet", "loud")]
    quiet, loud = map(meter.integrated_loudness, songs)
    player(page)
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.4")
    assert heard(page) == pytest.approx(0, abs=0.05)
    with standing_still(page):
        before = position(page)
        take(page, "Remix").click()
        expect(take(page, "Remix")).to_be_checked()
        page.wait_for_function("() => window.gains.length === 2")
        wait_for_position(page, f"Math.abs(at - {before}) < 0.5")
    assert heard(page) == pytest.approx(quiet - loud, abs=0.1)
    shown = page.locator(".svp-gain").nth(1)
    with standing_still(page):
        expect(shown).to_contain_text(f"gain −{loud - quiet:.1f} dB")
        level(page, "As delivered").click()
        expect(level(page, "As delivered")).to_be_checked()
        expect(shown).to_contain_text("gain 0.0 dB")
    assert heard(page) == pytest.approx(0, abs=0.05)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("() => window.gains.length") == 2, "one voice a take, made once"


def test_clicks_seek_and_a_drag_on_the_time_axis_loops(page: Page) -> None:
    player(page)
    box = page.locator(".svp-lane").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
    wait_for_position(page, "Math.abs(at - 6) < 0.1")
    ruler = page.locator(".svp-ruler").bounding_box()
    assert ruler is not None
    page.mouse.move(ruler["x"] + ruler["width"] * 0.25, ruler["y"] + 8)
    page.mouse.down()
    page.mouse.move(ruler["x"] + ruler["width"] * 0.30, ruler["y"] + 8, steps=4)
    expect(page.locator(".svp-region")).to_be_visible()
    page.mouse.up()
    loop = page.get_by_role("button", name="Loop")
    expect(loop).to_have_text("Loop 0:03.0–0:03.6")
    expect(loop).to_have_attribute("aria-pressed", "true")
    wait_for_position(page, "Math.abs(at - 3) < 0.06")  # the playhead comes into the loop
    page.get_by_role("button", name="Play").click()
    # Round the loop at least once: forwards, then back to its start, and never past its end.
    wait_for_position(page, "(window.furthest = Math.max(window.furthest ?? 0, at)) > 3.4")
    wait_for_position(page, "at < 3.3")
    assert page.evaluate("() => window.furthest") <= 3.65
    loop.click()
    expect(loop).to_have_attribute("aria-pressed", "false")
    wait_for_position(page, "at > 3.8")


def test_keys_work_and_do_not_reach_the_notebook(page: Page) -> None:
    player(page)
    cells = page.locator(".jp-Notebook .jp-CodeCell").count()
    page.get_by_role("slider", name="Position").focus()
    page.keyboard.press("ArrowRight")
    wait_for_position(page, "Math.abs(at - 5) < 0.1")
    page.keyboard.press("Shift+ArrowLeft")
    wait_for_position(page, "Math.abs(at - 4) < 0.1")
    page.keyboard.press("End")
    wait_for_position(page, "Math.abs(at - 12) < 0.1")
    page.keyboard.press("Home")
    wait_for_position(page, "at === 0")
    page.keyboard.press("2")
    expect(take(page, "Remix")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(take(page, "Original")).to_be_checked()
    page.keyboard.press("m")
    expect(level(page, "As delivered")).to_be_checked()
    page.keyboard.press(" ")
    wait_for_position(page, "at > 0.2")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    # In JupyterLab's command mode "2" and "m" would have made a heading and a Markdown cell of it.
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == cells
    assert page.locator(".jp-Notebook .jp-MarkdownCell").count() == 0


def test_the_spectrogram_takes_the_waveforms_place(page: Page) -> None:
    player(page)
    lane = "document.querySelector('.svp-lane canvas')"
    corner = f"{lane}.getContext('2d').getImageData(40, 2, 1, 1).data[3]"
    assert page.evaluate(corner) == 0, "a waveform leaves the lane's corner empty"
    page.get_by_role("button", name="Spectrogram").click()
    page.wait_for_function(f"() => {corner} > 0")
    page.get_by_role("button", name="Spectrogram").click()
    page.wait_for_function(f"() => {corner} === 0")


def test_sound_is_fetched_for_the_take_that_is_played_and_the_next_and_no_other(page: Page) -> None:
    player(page, ODD)
    assert page.evaluate("() => window.decoded") == 0
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.decoded === 2")
    take(page, "silence").click()
    page.wait_for_function("() => window.decoded === 3")
    assert page.evaluate("() => window.decoded") == 3


@pytest.mark.parametrize("name", ["silence", "mono", "telephone", "nan", "clipped"])
def test_odd_songs_are_drawn_and_sound(page: Page, name: str) -> None:
    player(page, ODD)
    take(page, name).click()
    lane = ["tone", "silence", "mono", "telephone", "nan", "clipped"].index(name)
    assert ink(page, lane) > 100
    press(page, "l")  # a second is over while one looks
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.2")
    loudest = """() => Math.max(...window.gains.map(({ear}) => {
        const samples = new Float32Array(2048);
        ear.getFloatTimeDomainData(samples);
        return Math.max(...samples);
    }))"""
    if name == "silence":
        assert page.evaluate(loudest) == 0
    else:
        page.wait_for_function(f"() => ({loudest})() > 0.001")
        assert page.evaluate(loudest) <= 1


@pytest.mark.parametrize(("name", "said"), [("sample", "too short to hear"), ("junk", "junk.wav")])
def test_what_cannot_be_played_says_why_and_is_stepped_over(page: Page, name: str, said: str) -> None:
    live = player(page, ODD)
    expect(live.locator(".svp-problem").filter(has_text=said)).to_be_visible()
    take(page, name).click(force=True)
    expect(live.get_by_role("status")).to_contain_text(said)
    expect(take(page, "tone")).to_be_checked()
    take(page, "tone").focus()
    page.keyboard.press("ArrowUp")
    expect(take(page, "clipped")).to_be_checked()


def test_a_song_of_350_seconds_beside_a_short_one_is_drawn_to_scale_and_plays(page: Page) -> None:
    player(page, LONG)
    assert ink(page, 0) > 20 * ink(page, 1) > 0
    page.get_by_role("slider", name="Position").focus()
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 349.2")
    wait_for_position(page, "at === 350")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_a_busy_kernel_is_named_and_what_was_fetched_plays_on(page: Page, lab: Lab) -> None:
    run(page, WHO)
    kernel = int((lab.server.root / "pid").read_text())
    player(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.decoded === 2")
    status = page.locator(".svp").get_by_role("status")
    os.kill(kernel, signal.SIGSTOP)
    try:
        page.get_by_role("button", name="Spectrogram").click()
        expect(status).to_contain_text("The kernel has not answered yet")
        press(page, "Home")
        take(page, "Remix").click()
        at = position(page)
        wait_for_position(page, f"at > {at} + 0.3")
    finally:
        os.kill(kernel, signal.SIGCONT)
    expect(status).to_be_empty()


def test_a_player_whose_kernel_is_busy_plays_the_preview_until_the_kernel_answers(
    page: Page, lab: Lab
) -> None:
    run(page, WHO)
    kernel = int((lab.server.root / "pid").read_text())
    player(page)
    status = page.locator(".svp").get_by_role("status")
    os.kill(kernel, signal.SIGSTOP)
    try:
        page.evaluate("() => { window.patience = 0; }")
        page.get_by_role("button", name="Play").click()
        wait_for_position(page, "at > 0.3")
        expect(status).to_contain_text("this is the preview that is saved with the notebook")
        page.wait_for_function("() => window.read === 2")
    finally:
        os.kill(kernel, signal.SIGCONT)
    page.wait_for_function("() => window.read === 4")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").click()
    expect(status).to_be_empty()


THEMES = {False: "JupyterLab Light", True: "JupyterLab Dark"}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 380])
def test_nothing_sticks_out_in_either_theme_and_on_narrow_pages(page: Page, dark: bool, width: int) -> None:
    live = player(page)
    change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, THEMES[dark])
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_function("(dark) => document.body.dataset.jpThemeLight === String(!dark)", arg=dark)
    outside = live.evaluate(
        """(live) => {
            const frame = live.getBoundingClientRect();
            return [...live.querySelectorAll('button, .svp-head > *, canvas')]
                .filter((part) => part.getBoundingClientRect().right > frame.right + 1)
                .map((part) => part.className || part.tagName);
        }"""
    )
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.evaluate(change, THEMES[False])
    assert outside == []


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_a_pixel_of_the_waveform_is_a_pixel_of_the_screen(page: Page, ratio: float) -> None:
    screen = page.context.new_cdp_session(page)
    metrics = {"width": 1280, "height": 1000, "deviceScaleFactor": ratio, "mobile": False}
    screen.send("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.wait_for_function("(ratio) => devicePixelRatio === ratio", arg=ratio)
        for canvas in player(page).locator("canvas").all():
            page.wait_for_function(
                """(canvas) => {
                    const {width, height} = canvas.getBoundingClientRect();
                    return Math.abs(canvas.width - width * devicePixelRatio) <= 1
                        && Math.abs(canvas.height - height * devicePixelRatio) <= 1;
                }""",
                arg=canvas.element_handle(),
            )
    finally:
        screen.send("Emulation.clearDeviceMetricsOverride")
        screen.detach()


def test_closing_the_player_takes_down_all_that_it_opened(page: Page) -> None:
    player(page)
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.2")
    run(page, CLOSE)
    expect(page.locator(".svp")).to_have_count(0)
    expect(page.locator(".jp-OutputArea-output audio").first).to_be_visible()
    page.wait_for_function("() => window.contexts.every((context) => context.state === 'closed')")
    assert page.evaluate("() => window.contexts.length") == 1


def test_the_saved_notebook_opened_untrusted_shows_and_plays_the_comparison(
    page: Page, notebook: LabNotebook, lab: Lab
) -> None:
    player(page)
    saved = notebook.save()
    kinds = {kind for output in saved.cells[PAIR].outputs for kind in output.get("data", {})}
    assert kinds == {"text/plain", "text/html"}
    shutil.copyfile(notebook.file, notebook.file.with_name("sent.ipynb"))  # the signature stays behind
    reopened = lab.open_notebook("sent.ipynb").page
    players = reopened.locator(".jp-OutputArea-output audio")
    expect(players).to_have_count(2)
    assert plays(players.nth(1))
    assert reopened.locator(".jp-OutputArea-output img[alt^='Waveform']").count() == 2
    assert reopened.locator(".svp").count() == 0


def test_a_page_made_by_nbconvert_shows_and_plays_the_comparison(page: Page, notebook: LabNotebook) -> None:
    player(page)
    notebook.save()
    exported, _ = HTMLExporter().from_filename(str(notebook.file))
    file = notebook.file.with_name("exported.html")
    file.write_text(exported, encoding="utf-8")
    sheet = page.context.new_page()
    sheet.goto(file.as_uri(), wait_until="commit")
    expect(sheet.locator("img[alt^='Waveform']")).to_have_count(2)
    players = sheet.locator("audio")
    expect(players).to_have_count(2)
    assert [plays(player) for player in players.all()] == [True, True]
    assert "Loading widget" not in sheet.inner_text("body")
    sheet.close()


def test_a_dead_kernel_leaves_what_was_heard_playing(page: Page) -> None:
    player(page)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.decoded === 2")
    page.get_by_role("button", name="Pause").click()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:shutdown-kernel')")
    at = position(page)
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, f"at > {at} + 0.3")
    take(page, "Remix").click()
    assert heard(page) < -5
    page.get_by_role("button", name="Spectrogram").click()
    expect(page.locator(".svp").get_by_role("status")).to_contain_text("kernel")
