"""The gallery in JupyterLab: rows to browse, hear, rate and compare, by keyboard alone; saved a table."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import galleries
from tests.browser.axe import violations
from tests.browser.lab import Lab, LabNotebook, LabServer

CELLS = [
    galleries.SMALL,
    f"shown = {galleries.SHOW}\nshown",
    "import json; print('told', json.dumps([opened, kept]))",
    f"{galleries.MANY}\n{galleries.SHOW_MANY}",
    "shown.update(takes[:3], '3 takes')",
    "shown.update(takes[:15], '15 takes')",
    # A take that was not run has no button that plays it.
    """import dataclasses
shown.update([dataclasses.replace(t, state="done", seconds=6.0) if t.key == "14" else t for t in takes])""",
    # What the page of another window would have asked for.
    """shown._widget.send(shown._widget._rate("2", 4, "written in another window"))""",
]
TOLD, MANY, FEWER, MORE, LANDED, ELSEWHERE = 2, 3, 4, 5, 6, 7


@pytest.fixture(scope="module")
def notebook(chromium: Browser, lab_server: LabServer) -> Iterator[LabNotebook]:
    lab = Lab(lab_server, chromium)
    galleries.write_songs(lab_server.root)
    yield lab.open_notebook(lab.write("gallery.ipynb", CELLS), width=1400)
    lab.close()


def run(page: Page, *cells: int) -> None:
    for cell in cells:
        page.evaluate(
            """async (cell) => {
                window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            cell,
        )


def run_unseen(page: Page, cell: int) -> None:
    """As from another cell that runs: a click or a key would leave what has the focus."""
    page.evaluate(
        """async (code) => {
            const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
            await kernel.requestExecute({code}).done;
        }""",
        CELLS[cell],
    )


@pytest.fixture
def gallery(notebook: LabNotebook) -> Locator:
    """The small gallery, fresh, its first row focused."""
    page = notebook.page
    page.set_viewport_size({"width": 1400, "height": 1000})
    notebook.wait_for_kernel()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    run(page, 0, 1)
    live = notebook.cells.nth(1).locator(".svt")
    expect(live).to_be_visible()
    live.scroll_into_view_if_needed()
    row(live, 1).focus()
    return live


def row(live: Locator, number: int) -> Locator:
    return (
        live.locator(".svt-row", has=live.page.locator(".svt-number", has_text=f"{number}"))
        .filter(has=live.page.get_by_text(str(number), exact=True))
        .first
    )


def press(live: Locator, *keys: str) -> None:
    for key in keys:
        live.page.keyboard.press(key)


def numbers(live: Locator) -> list[int]:
    """The takes that are shown, in their order."""
    return [int(text) for text in live.locator(".svt-row .svt-number").all_inner_texts()]


def told(notebook: LabNotebook) -> tuple[list[str], dict[str, list[object]]]:
    """Which takes the kernel was asked to open, and what it was given to keep."""
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-cell-output')")
    run(notebook.page, TOLD)
    text = notebook.output_of(TOLD).last.inner_text()
    opened, kept = json.loads(text.removeprefix("told "))
    return opened, kept


def wave_is_drawn(live: Locator, number: int) -> bool:
    return bool(
        row(live, number)
        .locator("canvas")
        .evaluate(
            """(canvas) => {
            const {width, height} = canvas;
            const {data} = canvas.getContext('2d').getImageData(0, 0, width, height);
            const lines = new Set();
            for (let at = 3; at < data.length; at += 4) if (data[at]) lines.add(Math.floor(at / 4 / width));
            return lines.size > height / 3;
        }"""
        )
    )


def test_everything_can_be_done_with_the_keyboard(gallery: Locator, notebook: LabNotebook) -> None:
    page = gallery.page
    press(gallery, "ArrowDown")
    expect(row(gallery, 2)).to_be_focused()
    press(gallery, "4")
    expect(row(gallery, 2).get_by_role("button", name="4 stars")).to_have_attribute("aria-pressed", "true")
    press(gallery, "n")
    expect(row(gallery, 2).get_by_label("Note on take 2")).to_be_focused()
    page.keyboard.type("fat bass, x 5")
    press(gallery, "Enter")
    expect(row(gallery, 2)).to_be_focused()
    press(gallery, "x", "End")
    expect(row(gallery, 15)).to_be_focused()
    press(gallery, "Home", "ArrowDown", "ArrowDown", "x")
    expect(gallery.get_by_role("button", name="Compare (2)")).to_be_enabled()
    press(gallery, "c")
    player = gallery.locator(".svp")
    expect(player.get_by_role("radio")).to_contain_text(
        ["Original", "Blue kettle · drum and bass, fast and dark · 1", "Copper moon · lo-fi hip hop"]
        + [""] * 5
    )
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_focused()
    gallery.get_by_role("button", name="Close").focus()
    press(gallery, "Enter")
    expect(player).to_have_count(0)
    expect(row(gallery, 3)).to_be_focused()
    assert told(notebook)[1] == {"2": [4, "fat bass, x 5"]}


def test_a_take_is_fetched_when_it_is_played_and_not_before(gallery: Locator, notebook: LabNotebook) -> None:
    page = gallery.page
    page.evaluate(
        """() => {
            window.songs = 0;
            const make = URL.createObjectURL;
            URL.createObjectURL = (blob) => { window.songs += 1; return make.call(URL, blob); };
        }"""
    )
    for number in (1, 8):
        expect(row(gallery, number)).to_be_visible()
    expect(row(gallery, 15)).to_contain_text("The file is gone.")
    assert page.evaluate("window.songs") == 0
    press(gallery, " ")
    pause = row(gallery, 1).get_by_role("button", name="Pause take 1")
    expect(pause).to_have_text("❚❚")
    press(gallery, "ArrowDown", " ")
    expect(row(gallery, 2).get_by_role("button", name="Pause take 2")).to_have_text("❚❚")
    expect(row(gallery, 1).get_by_role("button", name="Play take 1")).to_be_visible()
    press(gallery, " ")
    expect(row(gallery, 2).get_by_role("button", name="Play take 2")).to_be_visible()
    press(gallery, "ArrowUp", " ")
    expect(pause).to_have_text("❚❚")
    assert page.evaluate("window.songs") == 2, "what was heard is not fetched again"
    press(gallery, " ")


def test_waveforms_come_by_themselves(gallery: Locator) -> None:
    for number in (1, 6):
        handle = row(gallery, number).locator("canvas").element_handle()
        gallery.page.wait_for_function("(canvas) => canvas.width > 0", arg=handle)
    expect(row(gallery, 15)).to_contain_text("The file is gone.")
    assert wave_is_drawn(gallery, 1)
    assert wave_is_drawn(gallery, 6)


def test_what_has_no_sound_says_why_and_cannot_be_selected(gallery: Locator) -> None:
    expect(row(gallery, 13)).to_contain_text("The service refused the song")
    expect(row(gallery, 14)).to_contain_text("Not run.")
    row(gallery, 14).scroll_into_view_if_needed()
    row(gallery, 14).click()
    press(gallery, "x", " ")
    expect(gallery.get_by_role("button", name="Compare (0)")).to_be_disabled()
    expect(gallery.locator(".svt-status")).to_have_text("Not run.")


def test_it_is_filtered_by_words_factors_state_stars_and_numbers(gallery: Locator) -> None:
    press(gallery, "/")
    search = gallery.get_by_role("searchbox", name="Search takes")
    expect(search).to_be_focused()
    gallery.page.keyboard.type("bossa copper")
    expect(gallery.locator(".svt-count")).to_have_text("3 of 15 takes")
    press(gallery, "Escape")
    expect(gallery.locator(".svt-current")).to_be_focused()
    search.fill("")
    gallery.locator("summary").click()
    gallery.get_by_label("Prompt", exact=True).select_option("bossa nova")
    assert numbers(gallery) == [1, 4, 7, 10, 15]
    gallery.get_by_label("Song", exact=True).select_option("Blue kettle")
    assert numbers(gallery) == [1, 7]
    row(gallery, 7).focus()
    press(gallery, "3")
    gallery.get_by_label("Stars", exact=True).select_option("2")
    assert numbers(gallery) == [7]
    expect(gallery.locator("summary")).to_have_text("Filters (3)")
    gallery.get_by_role("button", name="Show all").click()
    expect(gallery.locator(".svt-count")).to_have_text("15 takes")
    gallery.get_by_label("State").select_option("failed")
    assert numbers(gallery) == [13]
    gallery.get_by_role("button", name="Show all").click()
    gallery.get_by_label("Measure").select_option("tune_kept")
    gallery.get_by_label("Least value").fill("0.7")
    assert numbers(gallery) == [5, 6, 7]
    gallery.get_by_label("Most value").fill("0.001")
    expect(gallery.get_by_text("No take fits.")).to_be_visible()


def test_it_is_sorted_by_a_column_and_what_has_no_number_comes_last(gallery: Locator) -> None:
    heading = gallery.get_by_role("columnheader", name="Tune kept")
    expect(heading).to_have_attribute("aria-sort", "none")
    heading.get_by_role("button").click()
    heading = gallery.get_by_role("columnheader", name="Tune kept ↓")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert numbers(gallery)[:3] == [7, 5, 6]
    heading.get_by_role("button").press("Enter")
    expect(gallery.get_by_role("columnheader", name="Tune kept ↑")).to_have_attribute(
        "aria-sort", "ascending"
    )
    assert numbers(gallery)[0] == 4
    gallery.get_by_role("columnheader", name="Tune kept ↑").get_by_role("button").press("Tab")
    gallery.locator(".svt-row").first.focus()
    press(gallery, "End")
    assert numbers(gallery)[-3:] == [13, 14, 15]
    gallery.get_by_label("Sort by", exact=True).select_option("factor:prompt")
    assert numbers(gallery)[:5] == [1, 4, 7, 10, 15], "levels come in the order of the plan"


def test_a_note_that_could_not_be_kept_is_taken_back_and_says_why(gallery: Locator) -> None:
    press(gallery, "n")
    gallery.page.keyboard.type("refused")
    press(gallery, "Enter")
    expect(gallery.locator(".svt-status")).to_contain_text("Not kept: The study is read-only here.")
    expect(row(gallery, 1).get_by_label("Note on take 1")).to_have_value("")


def test_other_takes_can_be_shown_and_the_filters_stay(gallery: Locator, notebook: LabNotebook) -> None:
    press(gallery, "/")
    gallery.page.keyboard.type("bossa")
    expect(gallery.locator(".svt-count")).to_have_text("5 of 15 takes")
    run(notebook.page, FEWER)
    expect(gallery.locator(".svt-count")).to_have_text("1 of 3 takes")
    expect(gallery.locator(".svt-summary")).to_contain_text("3 takes")


def test_who_writes_a_note_goes_on_when_other_takes_come(gallery: Locator, notebook: LabNotebook) -> None:
    press(gallery, "ArrowDown", "n")
    gallery.page.keyboard.type("fat ")
    note = row(gallery, 2).get_by_label("Note on take 2")
    run_unseen(gallery.page, FEWER)
    expect(gallery.locator(".svt-count")).to_have_text("3 takes")
    expect(note).to_be_focused()
    gallery.page.keyboard.type("bass")
    expect(note).to_have_value("fat bass")
    press(gallery, "Enter")
    expect(row(gallery, 2)).to_be_focused()
    assert told(notebook)[1] == {"2": [None, "fat bass"]}


def test_who_writes_on_a_take_goes_on_when_it_lands(gallery: Locator, notebook: LabNotebook) -> None:
    press(gallery, "End", "ArrowUp", "n")
    note = row(gallery, 14).get_by_label("Note on take 14")
    expect(note).to_be_focused()
    gallery.page.keyboard.type("it has ")
    run_unseen(gallery.page, LANDED)
    expect(row(gallery, 14).get_by_role("button", name="Play take 14")).to_be_visible()
    expect(note).to_be_focused()
    gallery.page.keyboard.type("4 bars")
    expect(note).to_have_value("it has 4 bars")
    press(gallery, "Enter")
    assert told(notebook)[1] == {"14": [None, "it has 4 bars"]}


def test_a_note_that_was_only_looked_at_leaves_what_another_window_wrote(
    gallery: Locator, notebook: LabNotebook
) -> None:
    press(gallery, "ArrowDown", "n")
    note = row(gallery, 2).get_by_label("Note on take 2")
    expect(note).to_be_focused()
    run_unseen(gallery.page, ELSEWHERE)
    expect(row(gallery, 2).get_by_role("button", name="4 stars")).to_have_attribute("aria-pressed", "true")
    press(gallery, "Enter")
    expect(note).to_have_value("written in another window")
    assert told(notebook)[1] == {"2": [4, "written in another window"]}


def test_a_comparison_that_comes_late_fetches_nobody_back_from_another_cell(
    gallery: Locator, notebook: LabNotebook, lab_server: LabServer
) -> None:
    go = lab_server.root / "go"
    notebook.page.evaluate(
        """(code) => {
            const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
            kernel.requestExecute({code});
        }""",
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.02)",
    )
    press(gallery, "x", "c")
    editor = notebook.cells.nth(TOLD).locator(".cm-content")
    editor.click()
    go.touch()
    expect(gallery.locator(".svp-play")).to_be_visible()
    expect(editor).to_be_focused()
    go.unlink()


def test_who_filters_or_searches_goes_on_when_other_takes_come(gallery: Locator) -> None:
    page = gallery.page
    gallery.locator(".svt-filters summary").click()
    for control in (gallery.get_by_label("Stars", exact=True).first, gallery.get_by_label("Search takes")):
        control.focus()
        run_unseen(page, FEWER)
        expect(gallery.locator(".svt-count")).to_have_text("3 takes")
        expect(control).to_be_focused()
        run_unseen(page, MORE)
        expect(gallery.locator(".svt-count")).to_have_text("15 takes")
        expect(control).to_be_focused()
    page.keyboard.type("mon")
    press(gallery, "ArrowLeft", "ArrowLeft")
    run_unseen(page, FEWER)
    expect(gallery.locator(".svt-count")).to_contain_text("of 3 takes")
    page.keyboard.type("o")
    expect(gallery.get_by_label("Search takes")).to_have_value("moon")


def test_who_writes_a_note_goes_on_when_the_width_changes(gallery: Locator, notebook: LabNotebook) -> None:
    """A scroll bar that goes when less is shown changes it, too."""
    press(gallery, "ArrowDown", "n")
    gallery.page.keyboard.type("fat ")
    gallery.page.set_viewport_size({"width": 900, "height": 1000})
    expect(gallery).to_have_class(re.compile("svt-narrow"))
    note = row(gallery, 2).get_by_label("Note on take 2")
    expect(note).to_be_focused()
    expect(note).to_have_value("fat ")
    press(gallery, "Enter")  # nothing more is typed, and it is kept all the same
    expect(row(gallery, 2)).to_be_focused()
    gallery.page.set_viewport_size({"width": 1400, "height": 1000})
    expect(gallery).not_to_have_class(re.compile("svt-narrow"))
    expect(row(gallery, 2)).to_be_focused()
    assert told(notebook)[1] == {"2": [None, "fat"]}


def test_the_player_and_the_gallery_give_way_to_each_other(gallery: Locator) -> None:
    press(gallery, "x", "c")
    player = gallery.locator(".svp")
    player.get_by_role("button", name="Play", exact=True).click()
    expect(player.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    row(gallery, 1).focus()
    press(gallery, " ")
    expect(row(gallery, 1).get_by_role("button", name="Pause take 1")).to_have_text("❚❚")
    play = player.get_by_role("button", name="Play", exact=True)
    expect(play).to_be_visible()
    play.click()
    expect(row(gallery, 1).get_by_role("button", name="Play take 1")).to_be_visible()


def test_a_thousand_takes_are_below_two_million_bytes_and_a_window_of_rows(notebook: LabNotebook) -> None:
    page = notebook.page
    page.evaluate(
        """() => {
            window.received = 0;
            const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
            kernel.anyMessage.connect((_, {msg, direction}) => {
                if (direction !== 'recv') return;
                const bytes = (msg.buffers ?? []).reduce((sum, each) => sum + each.byteLength, 0);
                window.received += JSON.stringify(msg.content).length + bytes;
            });
        }"""
    )
    run(page, MANY)
    live = notebook.cells.nth(MANY).locator(".svt")
    expect(live.locator(".svt-count")).to_have_text("1,000 takes")
    assert 500_000 < page.evaluate("window.received") < 2_000_000
    assert live.locator(".svt-row").count() < 40
    live.locator(".svt-row").first.focus()
    press(live, "End")
    expect(live.locator(".svt-current .svt-number")).to_have_text("1000")
    assert live.locator(".svt-row").count() < 40


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_axe_core_finds_no_violation(
    gallery: Locator, notebook: LabNotebook, axe: Path, theme: str, width: int
) -> None:
    page = notebook.page
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    dark = theme.endswith("Dark")
    page.wait_for_function("(dark) => document.body.dataset.jpThemeLight === String(!dark)", arg=dark)
    row(gallery, 1).focus()
    press(gallery, "5", "x", "ArrowDown", "x", "c")
    expect(gallery.locator(".svp")).to_be_visible()
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    narrow = gallery.and_(page.locator(".svt-narrow"))
    expect(narrow).to_have_count(int(width < 720))
    gallery.locator("summary").click()
    cut = gallery.evaluate(
        """(box) => {
            const {right} = box.getBoundingClientRect();
            return [...box.querySelectorAll('*')]
                .filter((part) => part.getBoundingClientRect().right > right + 0.5)
                .map((part) => part.className || part.tagName);
        }"""
    )
    assert cut == []
    # Of cards at every width a phone has: no number is cut off at their lower edge.
    for narrower in range(0, 60, 10) if width < 720 else ():
        gallery.evaluate("(box, less) => { box.style.width = `calc(100% - ${less}px)`; }", narrower)
        page.wait_for_function(
            """() => [...document.querySelectorAll('.svt-numbers')].every(
                (part) => part.scrollHeight <= part.clientHeight)"""
        )
    gallery.evaluate("(box) => { box.style.width = ''; }")
    assert violations(page, gallery, axe) == []


def test_a_saved_gallery_is_a_table_without_a_kernel(
    gallery: Locator, notebook: LabNotebook, lab: Lab
) -> None:
    saved = notebook.save()
    (output,) = saved.cells[1].outputs
    assert set(output["data"]) == {"text/plain", "text/html"}
    assert "widget" not in output["data"]["text/html"]
    shutil.copyfile(
        notebook.file, notebook.file.with_name("gallery-sent.ipynb")
    )  # the signature stays behind
    page = lab.open_notebook("gallery-sent.ipynb").page
    table = page.locator(".soundverse-takes").first
    expect(table).to_be_visible()
    for words in (
        "15 takes, 1 failed",
        "bossa nova · 1",
        "tune kept",
        "The service refused the song",
        "Not run.",
    ):
        expect(table).to_contain_text(words)
    expect(page.locator(".svt")).to_have_count(0)
