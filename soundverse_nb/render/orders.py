"""Orders as HTML: the table of a journal, a job under way, what a recovery brought back."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from soundverse_nb.render.colours import order_colour
from soundverse_nb.render.escape import fill, joined, text


def orders_html(
    summary: str,
    place: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str] = (),
    *,
    state_column: int,
) -> Markup:
    """A table of orders below their counts and the journal's place; each state in its colour."""
    table = Markup("")
    if rows:
        table = fill(
            "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
            joined([fill('<th style="text-align:left">{}</th>', heading) for heading in headings]),
            joined([_row(row, state_column) for row in rows]),
        )
    return fill(
        "<div><p><b>{}</b></p>{}{}{}</div>",
        summary,
        fill("<p>{}</p>", place, limit=600),
        table,
        joined([fill("<p>{}</p>", note) for note in notes]),
    )


def _row(row: Sequence[str], state_column: int) -> Markup:
    cells: list[str] = list(row)
    state = cells[state_column]
    cells[state_column] = fill('<span style="color:{}"><b>{}</b></span>', order_colour(state), state)
    return fill("<tr>{}</tr>", joined([fill('<td style="text-align:left">{}</td>', cell) for cell in cells]))


def job_html(title: str, state: str, advice: str) -> Markup:
    """A job in one line: its title, its state in a word, and what to do about it."""
    return fill("<div><b>{}</b>: {}. {}</div>", text(title, 120), state, advice, limit=1200)


def recovered_html(remixes: Markup, unknown: Markup) -> Markup:
    """A recovery: what came back, and the table of doubtful orders."""
    return fill("<div>{}{}</div>", remixes, unknown)
