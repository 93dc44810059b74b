"""Solutions of the notebooks' exercises: hidden until they are asked for, also once everything was run."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import expect

from tests.browser.lab import Lab

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_preflight.ipynb"
# What the first exercise needs, and everything of its form; the whole notebook takes half a minute.
CELLS = ["make", "exercises", "exercise-1", "answer-1", "solution-1-title", "solution-1", "next"]


def test_a_solution_shows_neither_its_code_nor_its_output_until_it_is_opened(lab: Lab) -> None:
    book = nbformat.read(NOTEBOOK, as_version=4)
    book.cells = [cell for cell in book.cells if cell.id in CELLS]
    nbformat.write(book, lab.server.root / "exercise.ipynb")

    notebook = lab.open_notebook("exercise.ipynb")
    solution = notebook.cells.nth(CELLS.index("solution-1"))
    expect(solution).to_be_hidden()
    notebook.run_all()
    notebook.wait_until_run()
    expect(solution).to_be_hidden()
    expect(notebook.cells.nth(CELLS.index("next"))).to_be_visible()

    # The heading opens to the output, so that one can compare; the code is one more click away.
    notebook.page.get_by_role("button", name="1 cell hidden").click()
    expect(solution.get_by_text("9.9 s fails")).to_be_visible()
    expect(solution.get_by_text("for seconds in (9.9, 10, 10.1):")).to_be_hidden()
    solution.get_by_text("# One way to do it.").click()
    expect(solution.get_by_text("for seconds in (9.9, 10, 10.1):")).to_be_visible()
