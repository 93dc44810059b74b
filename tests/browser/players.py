"""A notebook of A/B players for the tests, and what they ask of a player's page.

One notebook serves a whole module, because starting a kernel takes longer than any of the tests. Each test
runs its cell again and so meets a player nobody has touched.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Locator, Page, expect

import soundverse_nb as sv
from tests.browser.lab import Lab, LabNotebook, LabServer

RATE = 44100
PAIR, ODD, LONG, CLOSE, WHO, TUNES, UNRELATED, FRESH = range(8)  # the cells
CELLS = [
    "import soundverse_nb as sv\n"
    "live = sv.compare('quiet.wav', 'loud.wav', labels=['Original', 'Remix'])\nlive",
    "names = ['tone', 'silence', 'mono', 'telephone', 'nan', 'clipped', 'sample', 'junk']\n"
    "sv.compare(*[name + '.wav' for name in names], labels=names)",
    "sv.compare('long.wav', 'quiet.wav', labels=['Long', 'Short'])",
    "live.close()",
    "import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))",
    "import soundverse_nb as sv\nsv.compare('song.wav', 'faster.wav', labels=['Original', 'Faster'])",
    "import soundverse_nb as sv\nsv.compare('song.wav', 'quiet.wav', labels=['Original', 'Chord'])",
    "import soundverse_nb as sv\nsv.compare('song.wav', 'fresh.wav', labels=['Original', 'Fresh'])",
]

# Every gain and every audio context the page makes is kept, so that what is heard can be read off. A kernel
# is only as late as a test wants it: `patience` is what the player's own limit comes to, a minute unless a
# test sets it.
_LISTEN_IN = """(busyAfter) => {
    Object.assign(window, {gains: [], contexts: [], decoded: 0, read: 0, patience: 60_000});
    const later = window.setTimeout;
    window.setTimeout = (act, delay, ...given) =>
        later(act, delay === busyAfter ? window.patience : delay, ...given);
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
        return decode.apply(this, given).finally(() => (window.read += 1));
    };
}"""


def tone(seconds: float, level: float, pitch: float, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    chord = np.stack([np.sin(2 * np.pi * pitch * step * time) for step in (1, 1.25, 1.5)])
    return np.asarray(chord.mean(axis=0) * level)


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
    write_tunes(folder)


INTRO, FASTER = 4.0, 1.125
"""Seconds before faster.wav begins with what song.wav has, and by how much it is faster."""


def write_tunes(folder: Path) -> None:
    """A song with bars of 2.4 s, and the same a whole tone up and faster, after an introduction of noise.

    A third that no other cell knows.
    """
    song, rate = soundfile.read(sv.example_song())
    mono = song.mean(axis=1)
    noise = 0.02 * np.random.default_rng(3).standard_normal(round(INTRO * rate))
    quick = np.interp(np.arange(0, len(mono) - 1, FASTER), np.arange(len(mono)), mono)
    soundfile.write(folder / "song.wav", mono, rate)
    soundfile.write(folder / "faster.wav", np.concatenate([noise, quick]), rate)
    soundfile.write(folder / "fresh.wav", 0.9 * mono, rate)


def _busy_after() -> int:
    """Milliseconds after which a player that waits for the kernel takes the saved preview instead."""
    script = Path(sv.__file__).with_name("widgets") / "player_sound.js"
    found = re.search(r"const BUSY_AFTER = (\d+);", script.read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1])


def open_players(lab: Lab) -> LabNotebook:
    """The notebook with all its cells, none run."""
    write_songs(lab.server.root)
    opened = lab.open_notebook(lab.write("player.ipynb", CELLS))
    opened.wait_for_kernel()
    opened.page.evaluate(_LISTEN_IN, _busy_after())
    return opened


@pytest.fixture(scope="module")
def lab(chromium: Browser, lab_server: LabServer) -> Iterator[Lab]:
    """One browser for a module's tests."""
    front = Lab(lab_server, chromium)
    yield front
    front.close()


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> LabNotebook:
    """One notebook for a module's tests."""
    return open_players(lab)


@pytest.fixture
def page(notebook: LabNotebook) -> Iterator[Page]:
    """The notebook's page, cleared before each test and without a pressed mouse button after it."""
    yield cleared(notebook)
    notebook.page.mouse.up()


def cleared(notebook: LabNotebook) -> Page:
    """The notebook's page with nothing in it but its cells."""
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(notebook.page.locator(".svp")).to_have_count(0)
    notebook.page.evaluate(
        """() => Object.assign(
            window, {decoded: 0, read: 0, gains: [], contexts: [], before: null, patience: 60_000}
        )"""
    )
    return notebook.page


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


@contextlib.contextmanager
def standing_still(page: Page) -> Iterator[None]:
    """While something plays, let the sound's clock stand still: no song ends while a test looks on."""
    page.evaluate(
        """() => Promise.all(window.contexts.map((context) => {
            context.resume = () => Promise.resolve();
            return context.suspend();
        }))"""
    )
    yield
    page.evaluate(
        """() => Promise.all(window.contexts.map((context) => {
            delete context.resume;
            return context.resume();
        }))"""
    )


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


def keeps(page: Page, name: str) -> Locator:
    return page.get_by_role("radiogroup", name="Switching keeps").get_by_role("radio", name=name)


def press(page: Page, *keys: str) -> None:
    page.get_by_role("slider", name="Position").focus()
    for key in keys:
        page.keyboard.press(key)


def said(page: Page) -> Locator:
    return page.locator(".svp").get_by_role("status")


def ink(page: Page, lane: int) -> int:
    """How many of a lane's pixels are drawn, once any is."""
    drawn = page.wait_for_function(
        """(lane) => {
            const canvas = document.querySelectorAll('.svp-lane canvas')[lane];
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let drawn = 0;
            for (let i = 3; i < data.length; i += 4) drawn += data[i] > 0;
            return drawn;
        }""",
        arg=lane,
    )
    return int(drawn.json_value())
