"""The A/B player as a person uses it: in JupyterLab, by mouse and by keyboard."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, LabNotebook, plays

RATE = 44100

# Every gain the page makes is kept, so that what is heard can be read off.
_LISTEN_IN = """() => {
    window.gains = [];
    const Plain = window.GainNode;
    window.GainNode = class extends Plain {
        constructor(...given) { super(...given); window.gains.push(this); }
    };
}"""


@pytest.fixture
def songs(lab: Lab) -> tuple[Path, Path]:
    """Two chords of 12 and 9 seconds, one four times as loud as the other."""
    paths = []
    for name, seconds, level, pitch in (("quiet", 12, 0.1, 220.0), ("loud", 9, 0.4, 277.2)):
        time = np.arange(seconds * RATE) / RATE
        tone = sum(np.sin(2 * np.pi * pitch * step * time) for step in (1, 1.25, 1.5)) / 3 * level
        path = lab.server.root / f"{name}.wav"
        soundfile.write(path, np.stack([tone, tone * 0.8], axis=1), RATE)
        paths.append(path)
    return paths[0], paths[1]


def opened(lab: Lab, songs: tuple[Path, Path], *, dark: bool = False, width: int = 1280) -> LabNotebook:
    """A notebook whose only cell compares the two songs, run, with the player on show."""
    cell = f"import soundverse_nb as sv\nsv.compare({songs[0].name!r}, {songs[1].name!r}, labels=['Original', 'Remix'])"
    notebook = lab.open_notebook(lab.write("player.ipynb", [cell]), dark=dark, width=width)
    notebook.page.evaluate(_LISTEN_IN)
    notebook.run_all()
    notebook.wait_until_run()
    expect(notebook.page.locator(".svp")).to_be_visible()
    if width < 800:
        notebook.command("application:toggle-left-area")  # as anybody would on a narrow page
    return notebook


def position(page: Page) -> float:
    return float(page.get_by_role("slider", name="Position").get_attribute("aria-valuenow") or "nan")


def wait_for_position(page: Page, test: str) -> None:
    """`test` is JavaScript about `at`, the playhead in seconds."""
    page.wait_for_function(
        f"() => {{ const at = Number(document.querySelector('.svp [role=slider]').ariaValueNow); return {test}; }}"
    )


def heard(page: Page) -> float:
    """The one gain that is open, as dB; the ramps are waited for."""
    page.wait_for_function(
        """() => {
            const open = window.gains.filter((gain) => gain.gain.value > 0.001);
            const calm = open.length === 1 && open[0].gain.value === window.before;
            window.before = open[0]?.gain.value;
            return calm;
        }"""
    )
    return 20 * math.log10(page.evaluate("() => window.before"))


def take(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=name)


def test_it_plays_and_switching_keeps_the_playhead_and_matches_the_loudness(
    lab: Lab, songs: tuple[Path, Path]
) -> None:
    page = opened(lab, songs).page
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.4")
    assert heard(page) == pytest.approx(0, abs=0.05)
    before = position(page)
    take(page, "Remix").click()
    expect(take(page, "Remix")).to_be_checked()
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    quiet, loud = (meter.integrated_loudness(soundfile.read(path)[0]) for path in songs)
    assert heard(page) == pytest.approx(quiet - loud, abs=0.1)
    assert before <= position(page) < before + 5
    shown = page.locator(".svp-gain").nth(1).inner_text()
    assert f"gain −{loud - quiet:.1f} dB" in shown
    page.get_by_role("switch", name="Loudness matched").click()
    expect(page.get_by_role("switch")).to_have_text("As delivered")
    assert heard(page) == pytest.approx(0, abs=0.05)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("() => window.gains.length") == 2, "one voice a take, made once"


def test_clicks_seek_and_a_drag_on_the_time_axis_loops(lab: Lab, songs: tuple[Path, Path]) -> None:
    page = opened(lab, songs).page
    box = page.locator(".svp-lane").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
    assert position(page) == pytest.approx(6.0, abs=0.1)
    ruler = page.locator(".svp-ruler").bounding_box()
    assert ruler is not None
    page.mouse.move(ruler["x"] + ruler["width"] * 0.25, ruler["y"] + 8)
    page.mouse.down()
    page.mouse.move(ruler["x"] + ruler["width"] * 0.30, ruler["y"] + 8, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Loop")).to_have_text("Loop 0:03.0–0:03.6")
    expect(page.get_by_role("button", name="Loop")).to_have_attribute("aria-pressed", "true")
    page.locator(".svp-lane").first.click(position={"x": box["width"] * 0.26, "y": 20})
    page.get_by_role("button", name="Play").click()
    # Round the loop at least once: forwards, then back to its start, and never past its end.
    wait_for_position(page, "(window.furthest = Math.max(window.furthest ?? 0, at)) > 3.4")
    wait_for_position(page, "at < 3.3")
    assert page.evaluate("() => window.furthest") <= 3.65


def test_keys_work_and_do_not_reach_the_notebook(lab: Lab, songs: tuple[Path, Path]) -> None:
    notebook = opened(lab, songs)
    page = notebook.page
    page.get_by_role("slider", name="Position").focus()
    page.keyboard.press("ArrowRight")
    assert position(page) == pytest.approx(5.0, abs=0.05)
    page.keyboard.press("Shift+ArrowLeft")
    assert position(page) == pytest.approx(4.0, abs=0.05)
    page.keyboard.press("End")
    assert position(page) == pytest.approx(12.0, abs=0.05)
    page.keyboard.press("Home")
    assert position(page) == 0
    page.keyboard.press("2")
    expect(take(page, "Remix")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(take(page, "Original")).to_be_checked()
    page.keyboard.press("m")
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    page.keyboard.press(" ")
    wait_for_position(page, "at > 0.2")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    # In JupyterLab's command mode "2" and "m" would have made a heading and a Markdown cell of it.
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == 1
    assert page.locator(".jp-Notebook .jp-MarkdownCell").count() == 0


def test_the_spectrogram_takes_the_waveforms_place(lab: Lab, songs: tuple[Path, Path]) -> None:
    page = opened(lab, songs).page
    ink = "() => { const c = document.querySelector('.svp-lane canvas'); return [...c.getContext('2d').getImageData(40, 2, 1, 1).data]; }"
    assert page.evaluate(ink)[3] == 0, "a waveform leaves the lane's corner empty"
    page.get_by_role("button", name="Spectrogram").click()
    page.wait_for_function(f"() => ({ink})()[3] > 0")
    page.get_by_role("button", name="Spectrogram").click()
    page.wait_for_function(f"() => ({ink})()[3] === 0")


def test_a_dead_kernel_leaves_what_was_heard_playing(lab: Lab, songs: tuple[Path, Path]) -> None:
    notebook = opened(lab, songs)
    page = notebook.page
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.2")
    page.get_by_role("button", name="Pause").click()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:shutdown-kernel')")
    page.locator(
        ".jp-Notebook-ExecutionIndicator[data-status='unknown'], .jp-Notebook-ExecutionIndicator"
    ).first.wait_for()
    at = position(page)
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, f"at > {at} + 0.3")


def test_the_saved_notebook_opened_untrusted_shows_and_plays_the_comparison(
    lab: Lab, songs: tuple[Path, Path]
) -> None:
    notebook = opened(lab, songs)
    saved = notebook.save()
    kinds = {kind for output in saved.cells[0].outputs for kind in output.get("data", {})}
    assert kinds == {"text/plain", "text/html"}
    lab.server.forget_trust()
    reopened = lab.open_notebook("player.ipynb").page
    players = reopened.locator(".jp-OutputArea-output audio")
    expect(players).to_have_count(2)
    assert plays(players.nth(1))
    assert reopened.locator(".jp-OutputArea-output img[alt^='Waveform']").count() == 2
    assert reopened.locator(".svp").count() == 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 520])
def test_nothing_sticks_out_in_either_theme_and_on_narrow_pages(
    lab: Lab, songs: tuple[Path, Path], dark: bool, width: int
) -> None:
    page = opened(lab, songs, dark=dark, width=width).page
    outside = page.evaluate(
        """() => {
            const frame = document.querySelector('.svp').getBoundingClientRect();
            return [...document.querySelectorAll('.svp button, .svp-head > *, .svp canvas')]
                .filter((part) => part.getBoundingClientRect().right > frame.right + 1)
                .map((part) => part.className || part.tagName);
        }"""
    )
    assert outside == []


def test_closing_the_player_takes_down_all_that_it_opened(lab: Lab, songs: tuple[Path, Path]) -> None:
    name = lab.write(
        "closing.ipynb",
        [
            f"import soundverse_nb as sv\nlive = sv.compare({songs[0].name!r}, {songs[1].name!r})\nlive",
            "live.close()",
        ],
    )
    notebook = lab.open_notebook(name)
    page = notebook.page
    page.evaluate(
        """() => {
            window.contexts = [];
            const Plain = window.AudioContext;
            window.AudioContext = class extends Plain {
                constructor(...given) { super(...given); window.contexts.push(this); }
            };
        }"""
    )
    notebook.wait_for_kernel()
    notebook.cells.first.click()
    notebook.command("notebook:run-cell-and-select-next")
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.2")
    notebook.cells.nth(1).click()
    notebook.command("notebook:run-cell")
    expect(page.locator(".svp")).to_have_count(0)
    expect(page.locator(".jp-OutputArea-output audio").first).to_be_visible()
    page.wait_for_function("() => window.contexts.every((context) => context.state === 'closed')")
    assert page.evaluate("() => window.contexts.length") == 1
