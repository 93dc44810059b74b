"""Takes as a table: number, prompt and song, a small player each, or why there is nothing to hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from soundverse_nb.render.colours import BAD, LINE
from soundverse_nb.render.escape import fill, joined, text
from soundverse_nb.render.pictures import data_uri

# Notebooks stripe tables and align their cells to the right; each is said otherwise here.
_CELL = "text-align:left;vertical-align:top;padding:6px 8px 6px 0;white-space:normal"
# Two blocks side by side, the second below the first where there is no room for both.
_LEFT = "float:left;box-sizing:border-box;width:420px;max-width:100%;padding:0 14px 0 0"
_RIGHT = "float:left;width:400px;max-width:100%"
_QUIET = "opacity:0.75;font-size:0.92em;overflow-wrap:break-word"


@dataclass(frozen=True)
class TakeRow:
    """One row: its place in the list, song and words of the request, short facts; the reason of a failure.

    `audio` is an MP3 for the player, None for no player.
    """

    number: int
    song: str
    words: str
    facts: str = ""
    problem: str = ""
    audio: bytes | None = None


def takes_html(summary: str, rows: Sequence[TakeRow], notes: Sequence[str] = ()) -> Markup:
    """The table below its summary; nothing in it that a notebook's sanitiser would take away."""
    table = Markup("")
    if rows:
        table = fill(
            '<table style="width:100%;table-layout:fixed;border-collapse:collapse;margin:4px 0 0"><tbody>{}'
            "</tbody></table>",
            joined([_row(row) for row in rows]),
        )
    return fill(
        '<div class="soundverse-takes" style="max-width:980px;line-height:1.4">{}{}{}</div>',
        _summary(summary),
        table,
        joined([fill('<div style="{};margin:6px 0 0">{}</div>', _QUIET, note, limit=600) for note in notes]),
    )


def _summary(lines: str) -> Markup:
    first, *more = lines.splitlines() or [""]
    rest = joined([fill("<div>{}</div>", line, limit=600) for line in more])
    return fill("<div><b>{}</b></div>{}", first, rest)


def _row(row: TakeRow) -> Markup:
    what = fill(
        '<div style="overflow-wrap:break-word"><b>{}</b></div><div style="{}">{}</div>',
        text(row.words, 160),
        _QUIET,
        " · ".join(part for part in (row.song, row.facts) if part),
    )
    cells = [
        fill('<td style="{};width:24px;opacity:0.75">{}</td>', _CELL, str(row.number)),
    ]
    if row.problem:
        cells.append(
            fill(
                '<td style="{}">{}<div style="border-left:3px solid {};padding:0 0 0 8px;'
                'margin:4px 0 0;overflow-wrap:break-word">{}</div></td>',
                _CELL,
                what,
                BAD,
                text(row.problem, 600),
            )
        )
    else:
        cells += [
            fill(
                '<td style="{}"><div style="{}">{}</div><div style="{}">{}</div></td>',
                _CELL,
                _LEFT,
                what,
                _RIGHT,
                _player(row),
            ),
        ]
    return fill('<tr style="border-top:1px solid {}">{}</tr>', LINE, joined(cells))


def _player(row: TakeRow) -> Markup:
    if row.audio is None:
        return Markup("")
    return fill(
        '<audio controls preload="metadata" aria-label="Play {}: {}" src="{}" '
        'style="width:100%;max-width:400px;height:32px;margin:0"></audio>',
        text(row.song, 60),
        text(row.words, 80),
        data_uri(row.audio, "audio/mpeg"),
    )
