"""Retake the pictures of README: `python -m tools.pictures [NAME ...]`, in a real JupyterLab with Chromium.

They show what the notebooks show, so they are taken anew where that looks different. Needs what the browser
tests need (the `test` extra, a Chromium). The embedded service makes the remixes; no network is needed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright

from tests.browser.lab import TIMEOUT, Lab, LabNotebook, LabServer, chromium, jupyterlab, launch

ROOT = Path(__file__).parent.parent
QUICKSTART = ROOT / "notebooks" / "01_quickstart.ipynb"
SWEEP = ROOT / "notebooks" / "04_prompt_sweep.ipynb"
_DENSITY = 1.4
_BOARD = """import soundverse_nb as sv
service = sv.simulator.Simulator(speed=12)
service.start()
client = sv.Client("a-key", service.base_url, price=0.2, directory="remixes", journal="orders.sqlite3")
holding = {"simulate": {"fault": "slow_hold", "seconds": 86400}}
wanted = {
    "lo-fi hip hop": None, "bossa nova, brushed drums": holding, "string quartet": {"simulate": "failure"},
    "slow waltz for two accordions": holding, "drum and bass": None, "dub techno": None,
}
job = client.start_all([(sv.example_song(), prompt, None, how) for prompt, how in wanted.items()])"""


def quickstart(lab: LabServer, browser: Browser, target: Path) -> None:
    """The remix and the player, as the first notebook shows them."""
    notebook = opened(lab, browser, Lab(lab, browser).copy(QUICKSTART), dark=False, height=2400)
    notebook.run_all()
    notebook.wait_until_run()
    live = placed(cell_with(notebook, QUICKSTART, "remix.compare()"))
    first = cell_with(notebook, QUICKSTART, "await client.remix(").bounding_box()
    last = live.bounding_box()
    assert first is not None
    assert last is not None
    height = last["y"] + last["height"] - first["y"]
    both: FloatRect = {"x": first["x"], "y": first["y"], "width": first["width"], "height": height}
    notebook.page.screenshot(path=target, clip=framed(both, 4))


def player(lab: LabServer, browser: Browser, target: Path) -> None:
    """The player's spectrograms in the dark theme."""
    notebook = opened(lab, browser, Lab(lab, browser).copy(QUICKSTART), dark=True, height=2400)
    notebook.run_all()
    notebook.wait_until_run()
    live = placed(cell_with(notebook, QUICKSTART, "remix.compare()"))
    live.get_by_role("button", name="Spectrogram").click()
    expect(live.locator(".svp-pitched")).to_have_count(2, timeout=TIMEOUT)
    expect(live.get_by_role("status")).to_have_text("", timeout=TIMEOUT)
    notebook.page.evaluate("() => document.activeElement.blur()")
    live.screenshot(path=target)


def board(lab: LabServer, browser: Browser, target: Path) -> None:
    """The board while six remixes are made, one of which failed."""
    notebook = opened(lab, browser, Lab(lab, browser).write("board.ipynb", [_BOARD]), dark=True, height=1000)
    notebook.run_all()
    cell = notebook.cells.first
    expect(cell.get_by_text("90 % can hold")).to_have_count(2, timeout=2 * TIMEOUT)
    expect(cell.get_by_text("The service could not make this remix")).to_be_visible(timeout=TIMEOUT)
    live = cell.locator(".jp-OutputArea-output .widget-vbox").first.bounding_box()
    assert live is not None
    notebook.page.screenshot(path=target, clip=framed(live, 4))


def study(lab: LabServer, browser: Browser, target: Path) -> None:
    """The gallery of the prompt sweep."""
    notebook = opened(lab, browser, Lab(lab, browser).copy(SWEEP), dark=False, height=3200)
    notebook.run_all()
    notebook.wait_until_run()
    cell = cell_with(notebook, SWEEP, "study.gallery()")
    cell.scroll_into_view_if_needed()
    live = cell.locator(".jp-OutputArea-output").first
    expect(live).to_be_visible(timeout=TIMEOUT)
    box = live.bounding_box()
    assert box is not None
    box["height"] = min(box["height"], 640)
    notebook.page.screenshot(path=target, clip=framed(box, 4))


def cell_with(notebook: LabNotebook, path: Path, code: str) -> Locator:
    """The first cell of a notebook with this in it."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return notebook.cells.nth(next(at for at, cell in enumerate(cells) if code in "".join(cell["source"])))


def framed(box: FloatRect, room: float) -> FloatRect:
    """A little more than an element."""
    return {
        "x": box["x"] - room,
        "y": box["y"] - room,
        "width": box["width"] + 2 * room,
        "height": box["height"] + 2 * room,
    }


def opened(lab: LabServer, browser: Browser, path: str, *, dark: bool, height: int) -> LabNotebook:
    """A notebook in JupyterLab with nothing beside it."""
    context = browser.new_context(
        viewport={"width": 1180, "height": height},
        device_scale_factor=_DENSITY,
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(lab.address(path))
    notebook = LabNotebook(page, lab.root / path)
    notebook.wait_for_kernel()
    _dress(page, dark=dark)
    return notebook


def _dress(page: Page, *, dark: bool) -> None:
    page.evaluate(
        """async (theme) => {
            window.jupyterapp.shell.collapseLeft();
            await window.jupyterapp.commands.execute('apputils:change-theme', {theme});
        }""",
        f"JupyterLab {'Dark' if dark else 'Light'}",
    )
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false" if dark else "true")


def placed(cell: Locator) -> Locator:
    """The player of a cell, its playhead a third of the way in."""
    live = cell.locator(".svp")
    expect(live).to_be_visible(timeout=TIMEOUT)
    lane = live.locator(".svp-lane").first
    size = lane.bounding_box()
    assert size is not None
    lane.click(position={"x": 0.3 * size["width"], "y": size["height"] / 2})
    expect(live.locator(".svp-time")).to_contain_text("0:09 /", timeout=TIMEOUT)
    expect(live.get_by_role("status")).to_have_text("", timeout=TIMEOUT)
    # No cell is framed, and nothing has the focus.
    cell.page.locator(".jp-Notebook .jp-Cell").first.click()
    cell.page.evaluate("() => document.activeElement.blur()")
    return live


PICTURES: dict[str, tuple[Callable[[LabServer, Browser, Path], None], Path]] = {
    "quickstart": (quickstart, ROOT / "notebooks" / "images" / "quickstart.png"),
    "player": (player, ROOT / "docs" / "images" / "player-spectrogram-dark.png"),
    "study": (study, ROOT / "docs" / "images" / "study-gallery.png"),
    "board": (board, ROOT / "docs" / "images" / "board-dark.png"),
}


def main(names: list[str]) -> None:
    """Take the pictures of these names, or all."""
    executable = chromium()
    if executable is None:
        raise SystemExit("There is no Chromium on this machine.")
    with (
        # Whoever runs this may have remixes of their own; the notebook would speak of them.
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, {f"XDG_{kind}_HOME": f"{folder}/{kind}" for kind in ("DATA", "STATE")}),
        jupyterlab(Path(folder) / "lab") as lab,
        sync_playwright() as driver,
    ):
        browser = launch(driver, executable)
        for name in names or PICTURES:
            take, target = PICTURES[name]
            take(lab, browser, target)
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
