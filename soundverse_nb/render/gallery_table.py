"""Takes as a static table, in HTML that a notebook keeps and shows without a kernel, and as text.

A row is made of blocks of fixed width: side by side they are columns, and where there is no room for them
they stand below one another. Neither media queries nor style sheets pass a notebook's sanitiser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from soundverse_nb.render.colours import BAD, LINE, WARNING
from soundverse_nb.render.columns import columns_text, terminal_width
from soundverse_nb.render.escape import NO_MATH, fill, joined, plain, text, verbatim
from soundverse_nb.render.gallery import (
    BAR_HEIGHT,
    BAR_WIDTH,
    GalleryTake,
    NumberColumn,
    number_columns,
    peaks_png,
)
from soundverse_nb.render.pictures import data_uri
from soundverse_nb.render.units import clock

MAX_BYTES = 1_500_000
"""Some 5,000 takes; more are left out, and the table says so."""

MOST_BLOCKS = 200
"""Takes up to which each has blocks and a waveform; of more each is a line: a page paints those at once."""

MOST_NUMBERS = 4
"""Measures in a row of the table; a frame has all."""

_LINES = 1000  # of the text

# Notebooks stripe tables and align their cells to the right; each is said otherwise here.
_CELL = "text-align:left;vertical-align:top;padding:6px 8px 6px 0;white-space:normal"
_FAINT = "opacity:0.75;font-size:0.92em"
_BLOCK = "display:inline-block;vertical-align:top"


def gallery_html(
    takes: Sequence[GalleryTake],
    summary: str = "",
    notes: Sequence[str] = (),
    *,
    players: Mapping[str, bytes] | None = None,
    max_bytes: int = MAX_BYTES,
    more: Callable[[int], str] | None = None,
) -> Markup:
    """The table below its summary, in at most `max_bytes` bytes of UTF-8.

    `players` has an MP3 by the key of a take; a table of more than `MOST_BLOCKS` shows none. Where not all
    takes fit, a sentence says how many are shown, or what `more` makes of that number.
    """
    shown = number_columns(takes)[:MOST_NUMBERS]
    rows: list[Markup] = []
    is_long = len(takes) > MOST_BLOCKS
    left = max_bytes - _bytes(_page(summary, [Markup("")], notes)) - 500
    for take in takes:
        row = _line(take, shown) if is_long else _row(take, shown, (players or {}).get(take.key))
        left -= _bytes(row)
        if left < 0 and rows:
            said = f"The first {len(rows):,} of {len(takes):,} takes are shown."
            notes = [*notes, more(len(rows)) if more else said]
            break
        rows.append(row)
    return _page(summary, rows, notes)


def _bytes(html: Markup) -> int:
    return len(str(html).encode())


def _page(summary: str, rows: Sequence[Markup], notes: Sequence[str]) -> Markup:
    table = Markup("")
    if rows and rows[0].startswith("<li"):
        table = fill('<ul style="margin:4px 0 0;padding:0 0 0 20px">{}</ul>', joined(list(rows)))
    elif rows:
        table = fill(
            '<table style="width:100%;table-layout:fixed;border-collapse:collapse;margin:4px 0 0"><tbody>{}'
            "</tbody></table>",
            joined(list(rows)),
        )
    return fill(
        f'<div class="soundverse-takes {NO_MATH}" '
        'style="max-width:980px;line-height:1.4;overflow-wrap:break-word">'
        "{}{}{}</div>",
        _summary(summary),
        table,
        joined([fill('<div style="{};margin:6px 0 0">{}</div>', _FAINT, note, limit=600) for note in notes]),
    )


def _summary(lines: str) -> Markup:
    if not lines:
        return Markup("")
    first, *more = lines.splitlines()
    rest = joined([fill("<div>{}</div>", line, limit=600) for line in more])
    return fill("<div><b>{}</b></div>{}", first, rest)


# Without a style of its own: JupyterLab parses each, several times over, before it shows a thousand lines.
_LINE = Markup("<li>%s &nbsp;<b>%s</b> %s</li>")


def _line(take: GalleryTake, shown: Sequence[NumberColumn]) -> Markup:
    """A take of a long table: the same on one line."""
    parts = _facts(take)
    if take.is_audible:
        parts += [f"{column.label} {column.text(take.numbers.get(column.name))}" for column in shown]
    else:
        parts.append(plain(take.ending, 600))
    parts += [part for part in ("★" * (take.stars or 0), plain(take.note, 200)) if part]
    return _LINE % (str(take.number), plain(take.words or "–", 160), " · ".join(parts))


def _facts(take: GalleryTake) -> list[str]:
    length = "" if take.seconds is None else clock(take.seconds)
    return [plain(part, 80) for part in (take.reference, length, take.detail, *take.badges) if part]


def _row(take: GalleryTake, shown: Sequence[NumberColumn], player: bytes | None) -> Markup:
    return fill(
        '<tr style="border-top:1px solid {}"><td style="{};width:32px;opacity:0.75">{}</td>'
        '<td style="{}">{}{}</td></tr>',
        LINE,
        _CELL,
        str(take.number),
        _CELL,
        _what(take),
        _result(take, shown, player),
    )


def _what(take: GalleryTake) -> Markup:
    """What the take is: its title, below it song and facts."""
    return fill(
        '<div style="{};width:300px;max-width:100%;margin:0 14px 0 0"><b>{}</b>'
        '<div style="{}">{}</div></div>',
        _BLOCK,
        verbatim(take.words or "–", 160),
        _FAINT,
        " · ".join(_facts(take)),
    )


def _result(take: GalleryTake, shown: Sequence[NumberColumn], player: bytes | None) -> Markup:
    """What came of it: waveform, player and numbers, or why there is none; and what was thought of it."""
    parts = []
    if take.peaks:
        parts.append(
            fill(
                '<img alt="Waveform of take {}" src="{}" '
                'style="{};width:{}px;height:{}px;margin:2px 14px 2px 0">',
                str(take.number),
                data_uri(peaks_png(take.peaks), "image/png"),
                _BLOCK,
                str(BAR_WIDTH),
                str(BAR_HEIGHT),
            )
        )
    if player is not None:
        parts.append(
            fill(
                '<audio controls preload="metadata" aria-label="Play {}: {}" src="{}" '
                'style="{};width:300px;max-width:100%;height:32px;margin:0 14px 0 0"></audio>',
                text(take.reference, 60),
                text(take.words, 80),
                data_uri(player, "audio/mpeg"),
                _BLOCK,
            )
        )
    if take.is_audible:
        parts += [_number(column, take.numbers.get(column.name)) for column in shown]
    else:
        parts.append(
            fill(
                '<div style="{};border-left:3px solid {};padding:0 0 0 8px;width:440px;max-width:100%">'
                "{}</div>",
                _BLOCK,
                BAD if take.state in ("failed", "done") else WARNING,
                text(take.ending, 600),
            )
        )
    if take.stars or take.note:
        parts.append(_opinion(take))
    return joined(parts)


def _number(column: NumberColumn, value: float | None) -> Markup:
    return fill(
        '<div style="{};width:104px"><div style="font-size:11px;opacity:0.75">{}</div>{}</div>',
        _BLOCK,
        escape(column.label),
        escape(column.text(value).replace(" ", "\xa0")),
    )


def _opinion(take: GalleryTake) -> Markup:
    stars = (
        fill('<span title="{} of 5 stars">{}</span>', str(take.stars), "★" * take.stars) if take.stars else ""
    )
    return fill(
        "<div>{}{}{}</div>",
        stars,
        Markup(" &nbsp;") if take.stars and take.note else "",
        verbatim(take.note, 200),
    )


def gallery_text(takes: Sequence[GalleryTake], summary: str = "", notes: Sequence[str] = ()) -> str:
    """The same for a terminal: a line a take."""
    shown = number_columns(takes)[:MOST_NUMBERS]
    lines = [plain(line, 600) for line in summary.splitlines()]
    cells = [
        [
            str(take.number),
            plain(take.reference, 24),
            plain(take.words or "–", 40),
            *(column.text(take.numbers.get(column.name)) if take.is_audible else "" for column in shown),
            _ending(take),
        ]
        for take in takes[:_LINES]
    ]
    headings = ["", "song", "take", *(column.label for column in shown), ""] if shown and cells else []
    lines += columns_text(cells, terminal_width(), headings)
    if len(takes) > len(cells):
        lines.append(f"... and {len(takes) - len(cells):,} more")
    return "\n".join([*lines, *(plain(note, 600) for note in notes)])


def _ending(take: GalleryTake) -> str:
    if take.state == "failed":
        end = f"failed: {plain(take.ending, 400)}"
    elif take.is_audible:
        length = "" if take.seconds is None else clock(take.seconds)
        end = " · ".join(part for part in (length, plain(take.detail, 60), *take.badges) if part)
    else:
        end = plain(take.ending, 400)
    stars = "★" * take.stars if take.stars else ""
    return "  ".join(part for part in (end, stars, plain(take.note, 80)) if part)
