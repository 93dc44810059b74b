"""One executed notebook as one HTML file with its sound, which asks for nothing: to hand out offline.

`python -m tools.website.one_page` executes the first notebook, where it was not already, and writes
`quickstart.html`. The `lab` extra is enough for it.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from pathlib import Path
from typing import Any

import nbformat

from tools.website.executed import execute_all

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "site"
HANDOUT = ROOT / "notebooks" / "01_quickstart.ipynb"

_STYLE = Path(__file__).with_name("one_page.css")
# Links to files beside the notebook lead nowhere from a file that was handed on.
_RELATIVE = re.compile(r"(?<!!)\[([^\]]*)\]\((?![a-z][a-z+.-]*:|#)[^)]*\)", re.IGNORECASE)
_HIDDEN = "<details><summary>Show this cell</summary>\n{}</details>\n"


def write_one_page(executed: Path, target: Path) -> None:
    """Write a notebook with its outputs to `target`, as one page; cells tagged `hide-cell` are closed."""
    notebook: Any = nbformat.read(executed, as_version=4)
    title = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}{_colours_of_code()}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(map(_cell, notebook.cells))}</main>\n"
        "<footer>A notebook of soundverse_nb as it ran, with its sound, in one file.</footer>\n"
        "</body>\n</html>\n",
        encoding="utf-8",
    )


def _cell(cell: Any) -> str:
    from nbconvert import HTMLExporter  # comes with the lab extra

    if cell.cell_type == "markdown":
        cell.source = _RELATIVE.sub(r"\1", cell.source)
    # "basic" is the cells alone: the other templates fetch scripts for formulas and widgets.
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    one = nbformat.v4.new_notebook(cells=[cell])
    body, _ = exporter.from_notebook_node(one)
    return _HIDDEN.format(body) if "hide-cell" in cell.metadata.get("tags", []) else body


def _colours_of_code() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.website.one_page", description=__doc__)
    parser.add_argument("notebook", type=Path, nargs="?", default=HANDOUT, help=f"default: {HANDOUT.name}")
    parser.add_argument("--out", type=Path, default=Path("quickstart.html"), help="default: quickstart.html")
    given = parser.parse_args(arguments)
    [executed] = execute_all([given.notebook], ROOT / "soundverse_nb", BUILD / "executed")
    write_one_page(executed.path, given.out)
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
