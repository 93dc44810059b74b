"""Notebooks are executed once for the site, and again only where something changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools.website.executed import execute_all, without_traces


class Runs:
    """Executes by writing down what it was asked to."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, notebook: Path, folder: Path) -> Any:
        self.names.append(notebook.stem)
        (folder / "report.html").write_text("a report")
        (folder / "report_files").mkdir()
        (folder / "scratch.wav").write_bytes(b"")
        (folder / "study.zip").write_bytes(b"")
        executed = nbformat.read(notebook, as_version=4)
        link = '<a class="download" href="study.zip" download>Download</a> <a href="gone.zip">no more</a>'
        executed.cells[0].outputs = [nbformat.v4.new_output("display_data", {"text/html": link})]
        return executed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "code.py").write_text("x = 1")
    for name in ("01_one", "02_two"):
        cell = nbformat.v4.new_code_cell("1 + 1")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    return tmp_path


def run(project: Path, runs: Runs, *names: str) -> Any:
    paths = [project / f"{name}.ipynb" for name in names or ("01_one", "02_two")]
    return execute_all(paths, project / "package", project / "kept", runs)


def test_what_did_not_change_is_not_run_again(project: Path) -> None:
    runs = Runs()
    first, second = run(project, runs)
    assert (first.path.name, second.path.name) == ("01_one.ipynb", "02_two.ipynb")
    assert sorted(runs.names) == ["01_one", "02_two"]
    again, _ = run(project, runs)
    assert len(runs.names) == 2
    assert again.seconds == 0
    assert again.beside == first.beside


def test_a_changed_notebook_is_run_again_and_a_changed_package_runs_all(project: Path) -> None:
    runs = Runs()
    run(project, runs)
    changed = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("2 + 2")])
    nbformat.write(changed, project / "02_two.ipynb")
    run(project, runs)
    assert sorted(runs.names) == ["01_one", "02_two", "02_two"]
    (project / "package" / "player.js").write_text("new")
    run(project, runs)
    assert len(runs.names) == 5
    assert len(list((project / "kept").iterdir())) == 2  # earlier versions are gone


def test_one_notebook_alone_leaves_what_is_kept_of_the_others(project: Path) -> None:
    runs = Runs()
    run(project, runs)
    run(project, runs, "01_one")
    run(project, runs)
    assert len(runs.names) == 2


def test_what_a_notebook_wrote_to_be_opened_is_kept_and_nothing_else(project: Path) -> None:
    first, _ = run(project, Runs())
    assert [path.name for path in first.beside] == ["report.html", "report_files", "study.zip"]


def test_a_notebook_that_fails_says_so_and_is_run_again(project: Path) -> None:
    def fails(_notebook: Path, _folder: Path) -> Any:
        raise RuntimeError("a cell raised")

    with pytest.raises(RuntimeError, match="a cell raised"):
        execute_all([project / "01_one.ipynb"], project / "package", project / "kept", fails)
    runs = Runs()
    run(project, runs)
    assert "01_one" in runs.names


def test_a_page_tells_no_folder_of_this_machine_and_needs_no_live_widget() -> None:
    output = nbformat.v4.new_output(
        "execute_result",
        {
            "text/html": "written to /scratch/xy/notebooks/report.html and /scratch/xy/home/songs",
            "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
        },
    )
    taken_back = nbformat.v4.new_output("display_data", {"text/plain": ""})
    printed = nbformat.v4.new_output("stream", name="stdout", text="/scratch/xy/part.mp3")
    cell = nbformat.v4.new_code_cell("x", outputs=[output, taken_back, printed])
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    shown = without_traces(notebook, "/scratch/xy")
    assert "widgets" not in shown.metadata
    result, stream = shown.cells[0].outputs
    assert result.data == {"text/html": "written to report.html and ~/songs"}
    assert stream.text == "part.mp3"
