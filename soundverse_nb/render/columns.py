"""Rows of a table as text: in columns where they fit the terminal, else cell after cell below one another."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

_LEAST = 30  # columns; a narrower terminal is written to as if it had so many
_GAP = "  "


def terminal_width() -> int | None:
    """How many columns the terminal has that is written to; None where it is a file, a pipe or a notebook."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def columns_text(rows: Sequence[Sequence[str]], width: int | None, headings: Sequence[str] = ()) -> list[str]:
    """The lines of a table of `rows`, all of one length, under `headings` if there are some.

    Where a line would be longer than `width`, each row begins a line of its own and goes on below, indented;
    then a cell names its heading itself, and empty ones are left out. `None` is a width without end.
    """
    if not rows:
        return []
    table = [list(headings), *rows] if headings else list(rows)
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]) - 1)]
    lines = [
        _GAP.join([*(cell.ljust(room) for cell, room in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in table
    ]
    if width is None or all(len(line) <= width for line in lines):
        return lines
    # Numbers of rows keep a column of their own, long names do not.
    indent = len(_GAP) + (widths[0] if widths and widths[0] <= len(_GAP) + 1 else 0)
    return [line for row in rows for line in _below_one_another(row, headings, max(width, _LEAST), indent)]


def _below_one_another(row: Sequence[str], headings: Sequence[str], width: int, indent: int) -> list[str]:
    first, *rest = row
    names = headings[1:] or [""] * len(rest)
    lines = [first.ljust(indent - len(_GAP))]
    for name, cell in zip(names, rest, strict=True):
        if not cell:
            continue
        said = f"{name} {cell}".strip()
        if len(lines[-1]) + len(_GAP) + len(said) <= width:
            lines[-1] += _GAP + said
        else:
            lines += textwrap.wrap(said, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
    return [line.rstrip() for line in lines]
