"""The harness itself: it runs cells, sees outputs, saves, and knows a trusted notebook from a foreign one."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.lab import Lab

CELLS = [
    "print(6 * 7)",
    "from IPython.display import HTML; HTML('<b class=\"seen\">here</b><script>window.ran = true</script>')",
]


def test_a_notebook_runs_and_is_saved_with_its_outputs(lab: Lab) -> None:
    notebook = lab.open_notebook(lab.write("arithmetic.ipynb", CELLS))
    notebook.run_all()
    notebook.wait_until_run()
    expect(notebook.output_of(0)).to_have_text("42")
    assert notebook.page.evaluate("window.ran") is True
    saved = notebook.save()
    assert saved.cells[0].outputs[0].text == "42\n"


def test_a_foreign_notebook_is_shown_without_its_scripts(lab: Lab) -> None:
    name = lab.write("foreign.ipynb", CELLS)
    notebook = lab.open_notebook(name)
    notebook.run_all()
    notebook.wait_until_run()
    notebook.save()
    lab.server.send_away()
    again = lab.open_notebook(name)
    expect(again.page.locator("b.seen")).to_have_text("here")
    assert again.page.evaluate("window.ran") is None
