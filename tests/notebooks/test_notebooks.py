"""What every notebook of this project keeps to; nbmake runs them, this reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def test_the_notebooks_are_found() -> None:
    assert (FOLDER / "01_quickstart.ipynb") in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_clean_and_runs_on_any_python_kernel(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    # Every interpreter and machine leaves its own traces here, and none belongs into the project.
    assert "version" not in notebook.metadata.get("language_info", {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_words(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


def test_the_quickstart_has_fewer_than_ten_cells() -> None:
    assert len(read(FOLDER / "01_quickstart.ipynb").cells) < 10


def test_the_quickstart_goes_the_whole_way() -> None:
    code = "\n".join(c.source for c in read(FOLDER / "01_quickstart.ipynb").cells if c.cell_type == "code")
    steps = [
        code.index(call) for call in ("sv.connect(", "sv.preflight(", "await client.remix(", ".compare(")
    ]
    assert steps == sorted(steps)
