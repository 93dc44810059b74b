"""A notebook as one file: its sound is inside, it asks for nothing, hidden cells are closed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tools.website.links import broken_in_site
from tools.website.one_page import write_one_page

PLAYER = '<audio controls src="data:audio/mpeg;base64,//uQZAAA"></audio>'
TEXT = "# One <remix>\n\nThen [the next](02_preflight.ipynb), or [this](https://example.org)."


@pytest.fixture
def page(tmp_path: Path) -> Path:
    shown = nbformat.v4.new_output("execute_result", {"text/html": PLAYER})
    cells = [
        nbformat.v4.new_markdown_cell(TEXT),
        nbformat.v4.new_code_cell("remix", outputs=[shown]),
        nbformat.v4.new_code_cell("answer = 42", metadata={"tags": ["hide-cell"]}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "one.ipynb")
    write_one_page(tmp_path / "one.ipynb", tmp_path / "site" / "one.html")
    return tmp_path / "site" / "one.html"


def test_the_sound_is_in_the_file_and_nothing_is_fetched(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "data:audio/mpeg;base64,//uQZAAA" in text
    assert "<script" not in text
    assert "@import" not in text
    assert broken_in_site(page.parent) == []


def test_links_to_files_that_did_not_come_along_are_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "02_preflight.ipynb" not in text
    assert "the next" in text
    assert 'href="https://example.org"' in text


def test_a_hidden_cell_is_closed_and_the_title_is_the_notebooks(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    hidden = text.partition("<details>")[2].partition("</details>")[0]
    assert "answer" in hidden
    assert "<title>One &lt;remix&gt;</title>" in text
