"""What the site is built from: links follow their pages to where these lie on it."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tools.website.executed import Executed
from tools.website.sources import ROOT, copy_written, lay_out, turned

DOCS = ROOT / "docs"


@pytest.mark.parametrize(
    ("home", "link", "there"),
    [
        ("docs/start.md", "[a](../notebooks/01_quickstart.ipynb)", "[a](notebooks/01_quickstart.ipynb)"),
        ("docs/architecture.md", "[b](../CONTRIBUTING.md#top)", "[b](contributing.md#top)"),
        ("CONTRIBUTING.md", "[c](docs/architecture.md)", "[c](architecture.md)"),
        ("notebooks/05.ipynb", "[d](../docs/hosting.md)", "[d](../hosting.md)"),
        ("docs/index.md", "![e](../notebooks/images/e.png)", "![e](notebooks/images/e.png)"),
        ("docs/orders.md", "[f](../README.md#money)", "[f](index.md)"),
        ("docs/hosting.md", "[g](https://example.org/a)", "[g](https://example.org/a)"),
        ("docs/hosting.md", "[h](#private)", "[h](#private)"),
    ],
)
def test_a_link_is_turned_to_where_its_page_is_on_the_site(home: str, link: str, there: str) -> None:
    assert turned(f"See {link}.", home) == f"See {there}."


def test_a_link_to_what_is_no_page_becomes_its_name() -> None:
    text = "in [binder/](../binder) and [`api.py`](../api.py)"
    assert turned(text, "docs/a.md") == "in `binder/` and `api.py`"


def test_every_page_is_reached_from_the_first_one() -> None:
    listed = {"index"}
    for page in ("index", "guides", "project"):
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        for tree in re.findall(r"```{toctree}\n(.*?)```", text, re.DOTALL):
            listed |= {line.strip() for line in tree.splitlines() if line and not line.startswith(":")}
    at_the_root = {"contributing", "changelog"}
    assert listed == {page.stem for page in DOCS.glob("*.md")} | at_the_root | {"reference/index"}


def test_pages_execute_and_fetch_nothing() -> None:
    settings = (DOCS / "conf.py").read_text(encoding="utf-8")
    assert 'nb_execution_mode = "off"' in settings
    assert re.search(r"^nb_ipywidgets_js: .* = \{\}$", settings, re.MULTILINE)
    assert not re.search(r"https?://", settings)


def test_a_notebook_that_wrote_a_page_leads_to_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "report_files").mkdir(parents=True)
    (kept / "report_files" / "take.mp3").write_bytes(b"sound")
    (kept / "report.html").write_text("<p>A report.</p>")
    cell = nbformat.v4.new_markdown_cell("# Study\n\nSee\n\n- [hosting](../docs/hosting.md).\n\nThen\nmore.")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), kept / "04.ipynb")
    executed = Executed(kept / "04.ipynb", (kept / "report.html", kept / "report_files"), 0.0)

    lay_out(tmp_path / "source", [executed])
    shown = nbformat.read(tmp_path / "source" / "notebooks" / "04.ipynb", as_version=4)
    assert "[hosting](../hosting.md)" in shown.cells[0].source
    assert '<a href="report.html">' in shown.cells[-1].source
    assert (tmp_path / "source" / "contributing.md").exists()
    listed = (tmp_path / "source" / "notebooks.md").read_text(encoding="utf-8")
    assert "- [Study](notebooks/04.ipynb)  \n  See hosting." in listed

    (tmp_path / "html" / "notebooks").mkdir(parents=True)
    copy_written([executed], tmp_path / "html")
    assert (tmp_path / "html" / "notebooks" / "report_files" / "take.mp3").read_bytes() == b"sound"
