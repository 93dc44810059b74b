"""A study as the last value of a cell, in a real JupyterLab."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from playwright.sync_api import expect

from soundverse_nb.study.store import StudyStore, TrialState
from tests.browser.lab import Lab
from tests.study.conftest import write_song
from tests.study.stored import stored_trial

FORMULA = "pop $x^2$ and $y^2$"


def write_study(folder: Path) -> None:
    """Two takes that play, of which one was asked for with dollars, and one that failed."""
    store = StudyStore(folder)
    (folder / "audio").mkdir()
    trials = []
    for number, prompt in enumerate((FORMULA, "jazz", "waltz"), 1):
        song = write_song(folder / "audio/new.wav", 220.0 + 40 * number, 3.0)
        file = song.rename(song.with_stem(hashlib.sha256(song.read_bytes()).hexdigest()))
        done = {"state": TrialState.DONE, "file": f"audio/{file.name}", "audio": file.stem, "replicate": 1}
        failed = {"state": TrialState.FAILED, "error": "The service refused it.", "replicate": 1}
        trials.append(stored_trial(number, prompt, **(failed if prompt == "waltz" else done)))
    store.take_plan("plan-1", {"references": ["one"]}, trials, whole=True)
    store.close()


def test_a_study_is_filtered_and_rated_where_it_is_shown_and_saved_as_a_table(lab: Lab) -> None:
    write_study(lab.server.root / "dollars")
    cells = [
        "import soundverse_nb as sv\nstudy = sv.Study('dollars')\nstudy",
        "study",
        "print('stars', study.to_frame()['stars'].tolist())",
        # JupyterLab loads MathJax only where there is a formula: here it must come, and touch nothing else.
        "from IPython.display import HTML\nHTML('<p id=\"sum\">a sum: $a+b$</p>')",
    ]
    notebook = lab.open_notebook(lab.write("study.ipynb", cells))
    page = notebook.page
    notebook.run_all()
    notebook.wait_until_run()
    for cell in (0, 1):
        live = notebook.cells.nth(cell).locator(".svt")
        expect(live).to_be_visible()
        expect(live.locator(".svt-row")).to_have_count(3)
        expect(notebook.cells.nth(cell).locator(".soundverse-takes")).to_be_hidden()
        # Without any number its columns are columns all the same.
        row = live.locator(".svt-row").first
        # Both in one look: between two the page may scroll.
        button, note = row.evaluate(
            """(row) => ['.svt-toggle', '.svt-note-field']
                .map((part) => row.querySelector(part).getBoundingClientRect().toJSON())"""
        )
        assert button["x"] + 300 < note["x"]
        assert abs(button["y"] - note["y"]) < 40
    expect(page.locator("#sum mjx-container")).to_have_count(1)
    first = notebook.cells.nth(0)
    expect(first.locator(".svt-row").first).to_contain_text(FORMULA)
    assert first.locator("mjx-container").count() == 0, "a prompt is no formula"

    saved = notebook.save()
    for output in (saved.cells[at].outputs[0] for at in (0, 1)):
        assert set(output["data"]) == {"text/plain", "text/html"}
        assert "widget" not in output["data"]["text/html"]
    shutil.copyfile(notebook.file, notebook.file.with_name("study-sent.ipynb"))  # without its signature
    sent = lab.open_notebook("study-sent.ipynb").page
    table = sent.locator(".soundverse-takes").first
    expect(table).to_be_visible()
    expect(table).to_contain_text(FORMULA)
    expect(table).to_contain_text("The service refused it.")
    expect(sent.locator("#sum mjx-container")).to_have_count(1)
    assert table.locator("mjx-container").count() == 0
    assert sent.locator(".svt").count() == 0
