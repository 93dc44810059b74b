"""The progress board with the real client and the embedded service: bars, buttons, what is saved."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Locator, expect

from tests.browser.lab import Lab, LabNotebook, LabServer
from tests.browser.test_player import run

SETUP, RETURNED, AWAITED, BLOCKING, KINDS, RELOADED = range(6)
CELLS = [
    """import math, pathlib
import soundverse_nb as sv
from soundverse_nb.simulator.jobs import Job
# No remix runs further than the number of seconds in this file, at speed 1, where there is one.
elapsed, until = Job.elapsed, pathlib.Path("until")
def limit():
    return float(until.read_text()) if until.exists() else math.inf
Job.elapsed = lambda job, now: min(elapsed(job, now), limit())
service = sv.simulator.Simulator(speed=40)
service.start()
client = sv.Client("a-key", service.base_url, price=0.2, directory="remixes", journal="orders.sqlite3")
endless = {"simulate": {"fault": "slow_hold", "seconds": 86400}}
failing = {"simulate": "failure"}
def wish(prompt, parameters=None):
    return {"reference": "song.wav", "prompt": prompt, "parameters": parameters}
def kinds(results):
    return " ".join(type(result).__name__ for result in results)""",
    # Returns at once; the board lives on below it.
    "job = client.start_all([wish('lo-fi'), wish('bossa nova', endless), wish('dub', failing),"
    " wish('string quartet', endless)])",
    "results = await client.remix_all([wish('ska'), wish('waltz', endless), wish('polka', endless)])\n"
    "print(kinds(results))",
    "results = client.remix_all_sync([wish('tango'), wish('march', endless)])\nprint(kinds(results))",
    "print(kinds(await job))",
    "later = client.start_all([wish('samba'), wish('rumba', endless)])",
]

# Seconds at which the remixes wait for the page: they stream from 10 to 68, and then hold at 90 percent.
STOPS = (15, 25, 35, 45)

# Writes down every width the progress bars of a cell had.
_WATCH_BARS = """(cell) => {
    window.widths = [];
    const look = () => {
        const bars = [...cell.querySelectorAll('.widget-hprogress .progress-bar')];
        const now = bars.map((bar) => parseFloat(bar.style.width));
        if (now.length) window.widths.push(now);
    };
    new MutationObserver(look).observe(
        cell, {subtree: true, childList: true, attributes: true, attributeFilter: ['style']});
}"""


@pytest.fixture(scope="module")
def notebook(chromium: Browser, lab_server: LabServer) -> Iterator[LabNotebook]:
    lab = Lab(lab_server, chromium)
    time = np.arange(12 * 22050) / 22050
    notes = 0.3 * np.sin(2 * np.pi * 220 * time) * (time % 0.5 < 0.3)
    soundfile.write(lab_server.root / "song.wav", notes, 22050)
    opened = lab.open_notebook(lab.write("board.ipynb", CELLS))
    opened.wait_for_kernel()
    run(opened.page, SETUP)
    yield opened
    lab.close()


def start(notebook: LabNotebook, number: int) -> Locator:
    """Start a cell and give it back without waiting for its end."""
    cell = notebook.cells.nth(number)
    cell.evaluate(_WATCH_BARS)
    let_run_until(notebook, STOPS[0])
    notebook.page.evaluate(
        """(cell) => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
            window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        number,
    )
    return cell


def let_run_until(notebook: LabNotebook, seconds: float) -> None:
    """Let the remixes run to this second of theirs, and wait there."""
    new = notebook.file.with_name("until (new)")
    new.write_text(str(seconds))
    new.replace(notebook.file.with_name("until"))


def bar_moves(notebook: LabNotebook, cell: Locator) -> None:
    """Let the remixes run in steps: the overall bar moves on with each of them."""
    bar = cell.locator(".widget-hprogress .progress-bar").first
    for stop in STOPS[1:]:
        expect(bar).to_be_attached()
        width = bar.evaluate("(bar) => parseFloat(bar.style.width)")
        let_run_until(notebook, stop)
        cell.page.wait_for_function(
            "([bar, width]) => parseFloat(bar.style.width) > width", arg=[bar.element_handle(), width]
        )
    let_run_until(notebook, math.inf)


def row(cell: Locator, title: str) -> Locator:
    """A stream's line on the board."""
    return cell.locator(".widget-hbox").filter(has=cell.page.locator(f"[title='{title}']"))


def holding(cell: Locator, title: str) -> Locator:
    """The line of a stream that is at 90 percent and stays there."""
    line = row(cell, title)
    expect(line).to_contain_text("90 % can hold", timeout=60_000)
    return line


def assert_saved_is_the_summary(notebook: LabNotebook, number: int) -> None:
    """What a cell leaves in the file is the static summary, and no widget."""
    saved = notebook.save()
    assert "widgets" not in saved.metadata
    bundles = [output.data for output in saved.cells[number].outputs if "data" in output]
    assert [set(bundle) for bundle in bundles] == [{"text/plain", "text/html"}]
    assert "cancelled" in bundles[0]["text/plain"]
    assert "soundverse-summary" in bundles[0]["text/html"]


def assert_bar_never_moved_back(cell: Locator) -> None:
    overall = [widths[0] for widths in cell.page.evaluate("() => window.widths")]
    assert len(overall) >= len(STOPS)
    assert overall == sorted(overall)


def test_behind_a_cell_that_returned_one_cancel_stops_one_stream_and_the_others_end(
    notebook: LabNotebook,
) -> None:
    cell = start(notebook, RETURNED)
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[2]:")
    bar_moves(notebook, cell)
    holding(cell, "song · bossa nova")
    failure = cell.get_by_text("The service could not make this remix")
    expect(failure).to_be_visible()
    expect(cell.get_by_text("1 finished", exact=True)).to_be_visible(timeout=60_000)
    expect(row(cell, "song · lo-fi")).to_have_count(0)
    holding(cell, "song · bossa nova").get_by_role("button", name="Cancel").click()
    expect(row(cell, "song · bossa nova")).to_have_count(0)
    expect(failure).to_be_visible()
    expect(cell).to_contain_text("0.80 had it been real")
    holding(cell, "song · string quartet").get_by_role("button", name="Cancel").click()
    expect(cell).to_contain_text("1 of 4 finished · 1 failed · 2 cancelled in")
    expect(failure.first).to_be_visible()
    expect(cell.locator(".jupyter-widgets")).to_have_count(0)
    assert_bar_never_moved_back(cell)
    run(notebook.page, KINDS)
    expect(notebook.output_of(KINDS)).to_have_text("Remix StoppedError GenerationFailedError StoppedError")
    assert_saved_is_the_summary(notebook, RETURNED)


def test_while_a_cell_awaits_the_bars_move_cancel_stops_one_and_cancel_all_the_rest(
    notebook: LabNotebook,
) -> None:
    cell = start(notebook, AWAITED)
    bar_moves(notebook, cell)
    holding(cell, "song · waltz")
    expect(cell.get_by_text("1 finished", exact=True)).to_be_visible(timeout=60_000)
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[*]:")
    holding(cell, "song · waltz").get_by_role("button", name="Cancel").click()
    expect(row(cell, "song · waltz")).to_have_count(0)
    holding(cell, "song · polka")
    cell.get_by_role("button", name="Cancel all").click()
    expect(cell).to_contain_text("Remix StoppedError StoppedError")
    expect(cell).to_contain_text("1 of 3 finished · 2 cancelled in")
    expect(cell.locator(".jupyter-widgets")).to_have_count(0)
    assert_bar_never_moved_back(cell)
    assert_saved_is_the_summary(notebook, AWAITED)


def test_while_a_cell_blocks_the_bars_move_and_an_interrupt_ends_it(notebook: LabNotebook) -> None:
    # Kernels do not hear buttons while a cell blocks; the button's hint says so.
    cell = start(notebook, BLOCKING)
    bar_moves(notebook, cell)
    button = holding(cell, "song · march").get_by_role("button", name="Cancel")
    expect(button).to_have_attribute("title", re.compile("interrupt"))
    expect(cell.get_by_text("1 finished", exact=True)).to_be_visible(timeout=60_000)
    notebook.command("notebook:interrupt-kernel")
    expect(cell).to_contain_text("KeyboardInterrupt")
    expect(cell).to_contain_text("1 of 2 finished · 1 cancelled in")
    expect(cell).to_contain_text("client.recover()")
    expect(cell.locator(".jupyter-widgets")).to_have_count(0)
    assert_bar_never_moved_back(cell)
    assert_saved_is_the_summary(notebook, BLOCKING)


def test_a_page_loaded_anew_has_the_board_and_its_summary_and_one_saved_before_can_be_read(
    notebook: LabNotebook, lab: Lab
) -> None:
    cell = start(notebook, RELOADED)
    let_run_until(notebook, math.inf)
    holding(cell, "song · rumba")
    notebook.save()
    before = notebook.file.with_name("in mid-run.ipynb")
    before.write_bytes(notebook.file.read_bytes())
    notebook.page.reload()
    holding(cell, "song · rumba").get_by_role("button", name="Cancel").click()
    expect(cell).to_contain_text("1 of 2 finished · 1 cancelled in")
    expect(cell).to_contain_text("1 of the cancelled was sent and may be charged")
    notebook.page.close()
    lab.server.send_away()
    line = lab.open_notebook(before.name).output_of(RELOADED)
    expect(line).to_contain_text("2 remixes started at")
    expect(line).to_contain_text("client.orders()")
    expect(line).not_to_contain_text("idget")
