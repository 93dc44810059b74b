"""The first notebook as a newcomer meets it: run in a real JupyterLab, looked at in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab, LabNotebook, plays

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
PREFLIGHT, REMIX, COMPARE = 3, 5, 7  # the cells' numbers

# Writes down every width that the progress bar of a cell had, so that no moment of a quick run is missed.
WATCH_BARS = """(cell) => {
    window.barWidths = [];
    const look = () => {
        const shown = document.querySelectorAll('.jp-Notebook .jp-Cell')[cell];
        const bar = shown?.querySelector('.jp-OutputArea .widget-hprogress .progress-bar');
        const width = bar && parseFloat(bar.style.width);
        if (bar && width !== window.barWidths.at(-1)) window.barWidths.push(width);
    };
    new MutationObserver(look).observe(
        document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['style']});
}"""


@pytest.fixture
def ran(lab: Lab) -> LabNotebook:
    """The notebook after Run All."""
    notebook = lab.open_notebook(lab.copy(NOTEBOOK))
    notebook.wait_for_kernel()
    notebook.page.evaluate(WATCH_BARS, REMIX)
    notebook.run_all()
    notebook.wait_until_run()
    return notebook


def test_the_quickstart_runs_moves_its_bars_and_plays_and_survives_being_sent_away(
    ran: LabNotebook, lab: Lab
) -> None:
    page = ran.page
    # Connecting says plainly what this is; preflight says yes.
    expect(ran.output_of(1)).to_contain_text("embedded simulator")
    expect(ran.output_of(PREFLIGHT)).to_contain_text("PASS")

    # The bar moved, forward only, while the remix was made.
    remix = ran.cells.nth(REMIX)
    expect(remix.locator("audio")).to_have_count(2)
    widths = page.evaluate("window.barWidths")
    assert len(set(widths)) >= 4, widths
    assert widths == sorted(widths)

    # Both players play, and both waveforms are there.
    assert [plays(player) for player in remix.locator("audio").all()] == [True, True]
    assert_waveforms_show(remix)
    expect(remix).to_contain_text("simulated")

    # The comparison is alive: its play button moves the clock.
    comparison = ran.cells.nth(COMPARE)
    button = comparison.get_by_role("button", name=re.compile("play", re.IGNORECASE)).first
    button.click()
    expect(comparison).not_to_contain_text("0:00 /")

    # What was saved holds results, not widgets that need this kernel, and is small enough to send.
    saved = ran.save()
    assert not [o for cell in saved.cells for o in cell.get("outputs", []) if o.output_type == "error"]
    assert ran.file.stat().st_size < 6_000_000

    # On another machine nobody trusts it and no kernel runs: it still shows and plays the result.
    lab.server.send_away()
    elsewhere = lab.open_notebook(ran.file.name)
    remix = elsewhere.cells.nth(REMIX)
    expect(remix.locator("audio")).to_have_count(2)
    assert [plays(player) for player in remix.locator("audio").all()] == [True, True]
    assert_waveforms_show(remix)
    expect(remix).to_contain_text("1 of 1 finished")
    comparison = elsewhere.cells.nth(COMPARE)
    assert [plays(player) for player in comparison.locator("audio").all()] == [True, True]
    expect(elsewhere.page.locator("text=Loading widget")).to_have_count(0)


def assert_waveforms_show(cell: Locator) -> None:
    waveforms = cell.locator("img[alt^=Waveform]")
    expect(waveforms).to_have_count(2)
    for waveform in waveforms.all():
        waveform.scroll_into_view_if_needed()
        assert waveform.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
