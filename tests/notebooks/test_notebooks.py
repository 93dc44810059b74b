"""What every notebook of this project keeps to; nbmake runs them, this reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def ids(path: Path) -> list[str]:
    return [cell.id for cell in read(path).cells]


def cell(path: Path, name: str) -> Any:
    return next(each for each in read(path).cells if each.id == name)


def test_the_notebooks_are_numbered_from_one_on() -> None:
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{n:02d}_" for n in range(1, len(NOTEBOOKS) + 1)]
    assert len(NOTEBOOKS) == 6


@EACH
def test_a_notebook_is_valid_clean_and_runs_on_any_python_kernel(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    # Every interpreter and machine leaves its own traces here, and none belongs into the project.
    assert "version" not in notebook.metadata.get("language_info", {})


@EACH
def test_each_cell_has_a_name_of_its_own(path: Path) -> None:
    names = ids(path)
    assert len(set(names)) == len(names)
    assert not [name for name in names if re.fullmatch(r"[0-9a-f]{8}", name)], "an editor's, not a name"


@EACH
def test_a_notebook_opens_with_its_goals_its_time_and_its_price(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    goals = re.search(r"^After this notebook you can\n\n((?:- .+\n)+)", first.source, re.MULTILINE)
    assert goals is not None
    assert 3 <= len(goals[1].splitlines()) <= 5
    assert re.search(r"\btakes\b.*\bminutes?\b", first.source)
    assert re.search(r"\bcosts nothing\b", " ".join(first.source.split()))


@EACH
def test_it_ends_with_exercises_and_a_way_on(path: Path) -> None:
    names = ids(path)
    numbers = [int(name.removeprefix("exercise-")) for name in names if name.startswith("exercise-")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 2 <= len(numbers) <= 3
    start = names.index("exercises")
    parts = ("exercise-{}", "answer-{}", "solution-{}-title", "solution-{}")
    asked = [part.format(number) for number in numbers for part in parts]
    assert names[start + 1 : start + 1 + len(asked)] == asked
    # What comes after them closes what is open, and leads on. It begins with a heading: else it would be
    # folded away with the last solution.
    assert names[start + 1 + len(asked) :] in (["next"], ["close-text", "close", "next"])


@EACH
def test_an_exercise_has_room_to_work_in_and_a_solution_that_hides(path: Path) -> None:
    for question in [name for name in ids(path) if name.startswith("exercise-")]:
        number = question.removeprefix("exercise-")
        assert cell(path, question).cell_type == "markdown"
        room, solution = cell(path, f"answer-{number}"), cell(path, f"solution-{number}")
        assert room.cell_type == solution.cell_type == "code"
        assert [line for line in room.source.splitlines() if not line.startswith("#")] == []
        assert solution.source.strip()
        # In JupyterLab by the one, on the rendered page by the other; the output gives it away as well.
        assert solution.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}
        assert "hide-cell" in solution.metadata.tags
        # A cell that is run shows its output in JupyterLab whatever it says; not below a folded heading.
        heading = cell(path, f"solution-{number}-title")
        assert heading.metadata == {"jp-MarkdownHeadingCollapsed": True}
        assert _level(heading.source) > _level(cell(path, question).source)
        # The first line of a folded cell is seen.
        assert solution.source.startswith("# ")


def _level(source: str) -> int:
    """Of the heading that a cell begins with; 0 where it begins with none."""
    return len(source) - len(source.lstrip("#"))


@EACH
def test_solutions_are_hidden_and_nothing_else(path: Path) -> None:
    hidden = [each.id for each in read(path).cells if each.metadata]
    assert hidden == [name for name in ids(path) if name.startswith("solution-")]
    after = cell(path, "close-text" if "close-text" in ids(path) else "next")
    assert after.source.startswith("## ")


@EACH
def test_every_link_leads_to_a_file_of_the_project_or_out_of_it(path: Path) -> None:
    texts = [each.source for each in read(path).cells if each.cell_type == "markdown"]
    links = [link for text in texts for link in _LINK.findall(text)]
    inside = [link.partition("#") for link in links if "://" not in link]
    assert [target for target, _, _ in inside if not (FOLDER / target).is_file()] == []
    anchors = [(target, anchor) for target, _, anchor in inside if anchor]
    assert [(target, anchor) for target, anchor in anchors if anchor not in _anchors(FOLDER / target)] == []


def _anchors(page: Path) -> set[str]:
    """The headings of a page of Markdown as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EACH
def test_it_leads_to_the_next_one_and_into_the_documentation(path: Path) -> None:
    links = _LINK.findall(cell(path, "next").source)
    following = NOTEBOOKS[(NOTEBOOKS.index(path) + 1) % len(NOTEBOOKS)]
    assert following.name in links
    assert [link for link in links if link.startswith("../")]


@pytest.mark.parametrize("name", ["01_quickstart", "04_prompt_sweep", "06_when_things_go_wrong"])
def test_what_is_worth_keeping_is_not_left_on_binder(name: str) -> None:
    words = " ".join(" ".join(each.source.split()) for each in read(FOLDER / f"{name}.ipynb").cells)
    assert "Binder" in words
    assert "ten idle minutes" in words


@pytest.mark.parametrize("name", ["04_prompt_sweep", "06_when_things_go_wrong"])
def test_a_study_comes_with_a_button_that_downloads_it(name: str) -> None:
    assert cell(FOLDER / f"{name}.ipynb", "download").source == "study.download()"


def test_the_quickstart_has_fewer_than_ten_cells_before_its_exercises() -> None:
    assert ids(FOLDER / "01_quickstart.ipynb").index("exercises") < 10


def test_the_quickstart_goes_the_whole_way() -> None:
    code = "\n".join(c.source for c in read(FOLDER / "01_quickstart.ipynb").cells if c.cell_type == "code")
    steps = [
        code.index(call) for call in ("sv.connect(", "sv.preflight(", "await client.remix(", ".compare(")
    ]
    assert steps == sorted(steps)


# The service's page, "Possible Errors", with what one of its words becomes here.
DOCUMENTED = {
    "Either prompt or lyrics must be provided": "prompt=None",
    "Reference audio error: File too large": "reference=too_large",
    "Rate limits have been passed for the user.": '"rate_limit"',
    "Insufficient balance for this operation.": "balance=0.0",
    "Service temporarily unavailable.": '"unavailable"',
    "error": '"failure"',
}


def test_the_notebook_of_what_goes_wrong_meets_each_documented_error() -> None:
    source = cell(FOLDER / "06_when_things_go_wrong.ipynb", "documented").source
    assert [how for how in DOCUMENTED.values() if how not in source] == []
