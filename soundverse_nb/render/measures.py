"""Measures as a small table, in text and in HTML: what, how much, and what to make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from soundverse_nb.render.colours import LINE
from soundverse_nb.render.columns import columns_text, terminal_width
from soundverse_nb.render.escape import NO_MATH, fill, joined, plain, text


@dataclass(frozen=True)
class MeasureRow:
    """One measure: its name, its value with the unit, and a remark in plain words."""

    name: str
    value: str
    remark: str | None = ""


_CELL = "padding:2px 14px 2px 0;text-align:left;vertical-align:top"
_UNBROKEN = 24  # characters
_MOST_VALUE = 212  # pixels
_BLOCK = "display:inline-block;vertical-align:top;max-width:100%"
"""Side by side such blocks are columns; where there is no room they stand below one another."""


def measures_text(title: str, rows: Sequence[MeasureRow], notes: Sequence[str] = ()) -> str:
    """The table for a terminal: a line a measure."""
    names = max((len(row.name) for row in rows), default=0)
    values = max((len(row.value) for row in rows), default=0)
    lines = [
        f"  {row.name:<{names}}  {row.value:<{values}}  {plain(row.remark or '')}".rstrip() for row in rows
    ]
    return "\n".join([plain(title, 120), *lines, *(f"  {plain(note, 600)}" for note in notes)])


def measures_html(title: str, rows: Sequence[MeasureRow], notes: Sequence[str] = ()) -> Markup:
    """The table for a notebook; nothing in it that a sanitiser would take away."""
    return fill(
        f'<div class="soundverse-measures {NO_MATH}" '
        'style="max-width:760px;line-height:1.4;margin:4px 0">'
        "<div><b>{}</b></div>{}{}</div>",
        text(title, 200),
        fill(
            '<table style="border-collapse:collapse;margin:4px 0 0;width:100%;table-layout:fixed"><tbody>{}'
            "</tbody></table>",
            joined([_row(row, _value_width(rows)) for row in rows]),
        ),
        joined(
            [
                fill('<div style="opacity:0.75;font-size:0.9em;margin:4px 0 0">{}</div>', text(note, 600))
                for note in notes
            ]
        ),
    )


def _value_width(rows: Sequence[MeasureRow]) -> str:
    """Pixels for the longest value, so that as many remarks as can be stand beside theirs."""
    return str(min(_MOST_VALUE, 32 + 9 * max(len(row.value) for row in rows)))


def _row(row: MeasureRow, value_width: str) -> Markup:
    return fill(
        '<tr style="border-top:1px solid {line}">'
        '<td style="{cell};opacity:0.75;width:112px">{name}</td>'
        '<td style="{cell}"><div style="{block};width:{width}px;font-variant-numeric:tabular-nums">'
        "<b>{value}</b>"
        '</div><div style="{block};opacity:0.75">{remark}</div></td></tr>',
        line=LINE,
        cell=_CELL,
        block=_BLOCK,
        width=value_width,
        name=row.name,
        value=row.value,
        remark=text(row.remark or "", 300),
    )


def grid_text(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """Many songs, a line each, for a terminal."""
    cells = [[plain(cell, 60) for cell in row] for row in rows]
    lines = columns_text(cells, terminal_width(), headings)
    return "\n".join([plain(title, 200), *lines, *(plain(note, 600) for note in notes)])


def _grid_cell(cell: str) -> Markup:
    # A number or an interval is not broken up where there is no room: the table scrolls.
    style = f"{_CELL};white-space:nowrap" if len(cell) <= _UNBROKEN else _CELL
    return fill('<td style="{}">{}</td>', style, cell)


def grid_html(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> Markup:
    """The same as an HTML table that survives a notebook's sanitiser."""
    table = Markup("")
    if rows:
        head = joined([fill('<th style="{}">{}</th>', _CELL, heading) for heading in headings])
        body = [joined([_grid_cell(cell) for cell in row]) for row in rows]
        table = fill(
            '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:4px 0 0;'
            'font-variant-numeric:tabular-nums"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
            head,
            joined([fill('<tr style="border-top:1px solid {}">{}</tr>', LINE, row) for row in body]),
        )
    return fill(
        f'<div class="soundverse-measures {NO_MATH}" '
        'style="line-height:1.4;margin:4px 0">'
        "<div><b>{}</b></div>{}{}</div>",
        text(title, 200),
        table,
        joined(
            [
                fill('<div style="opacity:0.75;font-size:0.9em;margin:4px 0 0">{}</div>', text(note, 600))
                for note in notes
            ]
        ),
    )
