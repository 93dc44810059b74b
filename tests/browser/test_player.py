"""The A/B player as a person uses it: in JupyterLab, by mouse and by keyboard.

One notebook serves all of it, because starting a kernel takes longer than any of the tests. Each test runs
its cell again and so meets a player nobody has touched.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import Lab, LabNotebook, LabServer, plays

RATE = 44100
PAIR, ODD, LONG, CLOSE, WHO = range(5)  # the cells
CELLS = [
    "import soundverse_nb as sv\n"
    "live = sv.compare('quiet.wav', 'loud.wav', labels=['Original', 'Remix'])\nlive",
    "names = ['tone', 'silence', 'mono', 'telephone', 'nan', 'clipped', 'sample', 'junk']\n"
    "sv.compare(*[name + '.wav' for name in names], labels=names)",
    "sv.compare('long.wav', 'quiet.wav', labels=['Long', 'Short'])",
    "live.close()",
    "import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))",
]

# Every gain and every audio context the page makes is kept, so that what is heard can be read off.
_LISTEN_IN = """() => {
    Object.assign(window, {gains: [], contexts: [], decoded: 0});
    const {GainNode: Gain, AudioContext: Context, OfflineAudioContext: Decoder} = window;
    window.GainNode = class extends Gain {
        constructor(...given) {
            super(...given);
            this.ear = new AnalyserNode(given[0], {fftSize: 2048});
            this.connect(this.ear);
            window.gains.push(this);
        }
    };
    window.AudioContext = class extends Context {
        constructor(...given) { super(...given); window.contexts.push(this); }
    };
    const decode = Decoder.prototype.decodeAudioData;
    Decoder.prototype.decodeAudioData = function (...given) {
        window.decoded += 1;
        return decode.apply(this, given);
    };
}"""


def tone(seconds: float, level: float, pitch: float, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return sum(np.sin(2 * np.pi * pitch * step * time) for step in (1, 1.25, 1.5)) / 3 * level


def write_songs(folder: Path) -> None:
    """Two chords of 12 and 9 seconds, one four times as loud; what else people hand in; one of 350 s."""
    for name, seconds, level, pitch in (("quiet", 12, 0.1, 220.0), ("loud", 9, 0.4, 277.2)):
        left = tone(seconds, level, pitch)
        soundfile.write(folder / f"{name}.wav", np.stack([left, left * 0.8], axis=1), RATE)
    second = tone(1, 0.5, 440.0)
    broken = second.copy()
    broken[100:200] = np.nan
    for name, samples, rate in (
        ("tone", np.stack([second, second], axis=1), RATE),
        ("silence", np.zeros((RATE, 2)), RATE),
        ("mono", tone(2, 0.3, 330.0, 48000), 48000),
        ("telephone", tone(1.5, 0.3, 330.0, 8000), 8000),
        ("nan", broken, RATE),
        ("clipped", np.clip(second * 8, -1, 1), RATE),
        ("sample", np.array([0.5]), RATE),
    ):
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype="FLOAT")
    (folder / "junk.wav").write_bytes(b"not a song" * 100)
    long = tone(350, 0.3, 330.0, 22050)
    soundfile.write(folder / "long.wav", np.stack([long, long], axis=1), 22050, subtype="PCM_16")


@pytest.fixture(scope="module")
def lab(chromium: Browser, lab_server: LabServer) -> Iterator[Lab]:
    front = Lab(lab_server, chromium)
    yield front
    front.close()


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> LabNotebook:
    """All cells, none run."""
    write_songs(lab.server.root)
    opened = lab.open_notebook(lab.write("player.ipynb", CELLS))
    opened.wait_for_kernel()
    opened.page.evaluate(_LISTEN_IN)
    return opened


@pytest.fixture
def page(notebook: LabNotebook) -> Iterator[Page]:
    """The notebook's page with nothing in it but its cells."""
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(notebook.page.locator(".svp")).to_have_count(0)
    notebook.page.evaluate("() => Object.assign(window, {decoded: 0, gains: [], contexts: [], before: null})")
    yield notebook.page
    notebook.page.mouse.up()


def run(page: Page, cell: int) -> None:
    """Run one cell; returns when it has run."""
    page.evaluate(
        """async (cell) => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
            await window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        cell,
    )


def player(page: Page, cell: int = PAIR) -> Locator:
    """The player of a cell, fresh."""
    run(page, cell)
    live = page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".svp")
    expect(live).to_be_visible()
    live.scroll_into_view_if_needed()
    return live


def position(page: Page) -> float:
    return float(page.get_by_role("slider", name="Position").get_attribute("aria-valuenow") or "nan")


def wait_for_position(page: Page, test: str) -> None:
    """`test` is JavaScript about `at`, the playhead in seconds."""
    at = "Number(document.querySelector('.svp [role=slider]').ariaValueNow)"
    page.wait_for_function(f"() => {{ const at = {at}; return {test}; }}")


def heard(page: Page) -> float:
    """The one gain that is open, as dB, once a tenth of a second of sound has not changed it."""
    # The sound's clock counts, not the page's: on a busy machine it stands still, and a fade with it.
    page.wait_for_function(
        """() => {
            const open = window.gains.filter((gain) => gain.gain.value > 0.001);
            const value = open[0]?.gain.value;
            const now = open[0]?.context.currentTime;
            if (open.length !== 1 || value !== window.before?.value) {
                window.before = {value, now};
                return false;
            }
            return now > window.before.now + 0.1;
        }"""
    )
    return 20 * math.log10(page.evaluate("() => window.before.value"))


def take(page: Page, name: str) -> Locator:
    return page.get_by_role("radiogroup", name="Take to hear").get_by_role("radio", name=name)


def level(page: Page, name: str) -> Locator:
    return page.get_by_role("radiogroup", name="Level").get_by_role("radio", name=name)


def ink(page: Page, lane: int) -> int:
    """How many of a lane's pixels are drawn."""
    return int(
        page.locator(".svp-lane canvas")
        .nth(lane)
        .evaluate(
            """(canvas) => {
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let drawn = 0;
            for (let i = 3; i < data.length; i += 4) drawn += data[i] > 0;
            return drawn;
        }"""
        )
    )


def test_it_plays_and_switching_keeps_the_playhead_and_matches_the_loudness(page: Page, lab: Lab) -> None:
    player(page)
    page.get_by_role("button", name="Play").click()
    wait_for_position(page, "at > 0.4")
    assert heard(page) == pytest.approx(0, abs=0.05)
    before = position(page)
    take(page, "Remix").click()
    expect(take(page, "Remix")).to_be_checked()
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    songs = [soundfile.read(lab.server.root / f"{name}.wav")[0] for name in ("quiet", "loud")]
    quiet, loud = map(meter.integrated_loudness, songs)
    assert heard(page) == pytest.approx(quiet - loud, abs=0.1)
    assert before <= position(page) < before + 5
    shown = page.locator(".svp-gain").nth(1)
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
        take(page, "Remix").click()
        at = position(page)
        wait_for_position(page, f"at > {at} + 0.3")
    finally:
        os.kill(kernel, signal.SIGCONT)
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
