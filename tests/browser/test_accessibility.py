"""axe-core finds nothing to object to in what the package shows, in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import violations
from tests.browser.lab import TIMEOUT, Lab, LabNotebook, LabServer

# What each cell shows, and what says that it is there.
SHOWN = {
    "player": ("sv.compare(song, song, labels=['Original', 'Remix'])", ".svp"),
    "remix": (
        "request = sv.RemixRequest(song_reference_url='https://example.org/a.mp3', prompt='jazz')\n"
        "sv.Remix(audio=song, reference=song, request=request, song_name='Copper', simulated=True)",
        "audio",
    ),
    "clip": ("sv.Clip(song)", "audio"),
    "spectrogram": ("sv.compare(song, song, labels=['Original', 'Remix'])", ".svp"),
    "unreadable": ("sv.compare(song, 'no such song', labels=['Original', 'Remix'])", ".svp"),
    "comparison": ("from IPython.display import HTML\nHTML(sv.compare(song, song).static_html())", "audio"),
    "preflight": ("sv.preflight(song)", ".soundverse-preflight"),
    "refused": ("import numpy\nsv.preflight((numpy.ones((2, 8000)), 8000))", ".soundverse-preflight"),
    "board": (
        "from soundverse_nb.displays import ProgressUpdate, Phase\n"
        "from soundverse_nb.widgets.board import NotebookBoard\n"
        "board = NotebookBoard(price=0.2)\n"
        "board.open(['lo-fi', 'bossa nova', 'string quartet', 'dub'], print)\n"
        "board.update(ProgressUpdate(0, Phase.STREAMING, 'streaming', 45.0))\n"
        "board.update(ProgressUpdate(1, Phase.RETRYING, retry_in=600.0))\n"
        "board.update(ProgressUpdate(2, Phase.FAILED, message='It broke. Nothing was paid.'))\n"
        "board.update(ProgressUpdate(3, Phase.FINISHED))",
        ".jupyter-widgets .lm-Accordion, .jupyter-widgets.widget-accordion",
    ),
    "summary": (
        "done = NotebookBoard(price=0.2)\n"
        "done.open(['lo-fi', 'bossa nova'], print)\n"
        "done.update(ProgressUpdate(0, Phase.FAILED, message='It broke. Nothing was paid.'))\n"
        "done.update(ProgressUpdate(1, Phase.FINISHED, simulated=True))\n"
        "done.close()",
        ".soundverse-summary",
    ),
}
THEMES = ("JupyterLab Light", "JupyterLab Dark")


@pytest.fixture(scope="module")
def notebook(chromium: Browser, lab_server: LabServer, axe: Path) -> Iterator[LabNotebook]:
    """A notebook with all of it on show."""
    lab = Lab(lab_server, chromium)
    first = "import soundverse_nb as sv\nsong = str(sv.example_song())"
    opened = lab.open_notebook(lab.write("accessible.ipynb", [first, *(code for code, _ in SHOWN.values())]))
    opened.run_all()
    opened.wait_until_run()
    for number, (_, mark) in enumerate(SHOWN.values(), 1):
        expect(opened.output_of(number).locator(mark).first).to_be_visible()
    spectrogram = opened.output_of(1 + list(SHOWN).index("spectrogram"))
    spectrogram.get_by_role("button", name="Spectrogram").click()
    same_bar = spectrogram.get_by_role("radio", name="Same bar")
    same_bar.click()
    expect(same_bar).to_be_checked(timeout=TIMEOUT)
    yield opened
    lab.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", SHOWN)
def test_axe_core_finds_no_violation(notebook: LabNotebook, axe: Path, name: str, theme: str) -> None:
    page = notebook.page
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    dark = theme.endswith("Dark")
    page.wait_for_function("(dark) => document.body.dataset.jpThemeLight === String(!dark)", arg=dark)
    shown = page.locator(".jp-OutputArea-output", has=page.locator(SHOWN[name][1]))
    part = notebook.cells.nth(1 + list(SHOWN).index(name)).locator(shown).last
    part.scroll_into_view_if_needed()
    assert violations(page, part, axe) == []


def test_the_checker_does_see_a_button_without_a_name(notebook: LabNotebook, axe: Path) -> None:
    page = notebook.page
    page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<p id=bad><button></button></p>')")
    assert any("button-name" in found for found in violations(page, page.locator("#bad"), axe))
    page.locator("#bad").evaluate("(bad) => bad.remove()")
