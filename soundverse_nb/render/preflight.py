"""A preflight report as text and as HTML: the verdict, the waveform, each rule between its limits."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from markupsafe import Markup

from soundverse_nb.render.colours import CHECKS, LINE, VERDICTS
from soundverse_nb.render.escape import NO_MATH, fill, joined, one_line, plain, verbatim
from soundverse_nb.render.pictures import Envelope, data_uri, waveform_png

WIDTH = 79
"""Characters of a terminal line."""
_TRACK = 20
_WAVE_WIDTH, _WAVE_HEIGHT, _WAVE_POINTS = 620, 64, 1240
_SIGNS = {"pass": "✓", "fail": "✗", "warn": "!", "unknown": "–"}
_WORDS = {"pass": "passes", "fail": "fails", "warn": "to know", "unknown": "not measured"}
_CODE = "font-family:monospace;font-size:0.92em;overflow-wrap:break-word;word-break:break-word"
# ANSI colours of a terminal (ECMA-48, 8.3.117 SGR).
_PAINT = {"PASS": "32", "FAIL": "31", "note": "33"}

Form = Literal["sheet", "lines"]


class Outline(Envelope, Protocol):
    """A waveform's outline that can be made coarser."""

    def reduced(self, points: int) -> Envelope: ...


@dataclass(frozen=True)
class Row:
    """One rule: how it went ("pass", "fail", "warn", "unknown"), what was measured, what is allowed.

    `position` is the measured value's place on its scale from 0 to 1, `span` the allowed part of the scale;
    None for a rule without a scale.
    """

    name: str
    state: str
    measured: str
    allowed: str = ""
    position: float | None = None
    span: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Finding:
    """A problem ("fail") or warning ("warn") in words: its numbers beside the limit, and what repairs it."""

    state: str
    code: str
    message: str
    hint: str
    numbers: str = ""


@dataclass(frozen=True)
class Sheet:
    """All that a preflight report shows; every text still unescaped.

    `facts` are phrases for the sheet, `brief` are those for one line. `duration`, `size` and `format` are the
    columns of a table, each with the digits that tell it from its limit.
    """

    name: str
    verdict: str
    ok: bool
    facts: tuple[str, ...]
    brief: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    call: str = ""
    envelope: Outline | None = None
    duration: str = ""
    size: str = ""
    format: str = ""


def sheet_text(sheet: Sheet, form: Form = "sheet", *, colours: bool = False) -> str:
    """A report as text, in one of two forms.

    "sheet" is for a notebook or a terminal of 80 columns, with each rule on its scale. "lines" is for a
    program's output: the verdict on one line, then some for each finding, not wrapped, with ANSI `colours` if
    wanted.
    """
    return "\n".join(_lines(sheet, _painted if colours else str) if form == "lines" else _sheet_lines(sheet))


def _sheet_lines(sheet: Sheet) -> list[str]:
    lines = [_cut(f"{_word(sheet)}  {plain(sheet.name, 60)}"), _cut(f"      {sheet.verdict}")]
    if sheet.facts:
        lines += _wrapped(" · ".join(sheet.facts), "      ")
    for row in sheet.rows:
        measured = f"{plain(row.measured, 24):<16} {plain(row.allowed, 26)}"
        lines.append(_cut(f"  {_SIGNS[row.state]} {row.name:<9}{_track(row)} {measured}"))
    for finding in sheet.findings:
        sentence = f"{finding.code}: {plain(finding.message, 400)}"
        lines += _wrapped(sentence, f"  {_SIGNS[finding.state]} ", "    ")
        if finding.hint:
            lines += _wrapped(plain(finding.hint, 600), "    → ", "      ")
    for note in sheet.notes:
        lines += _wrapped(plain(note, 400), "  · ", "    ")
    if sheet.call:
        # Not wrapped: it is there to be copied.
        lines.append(f"  repair: {plain(sheet.call, 400)}")
    return [line.rstrip() for line in lines]


def _lines(sheet: Sheet, painted: Callable[[str], str]) -> list[str]:
    brief = plain(", ".join(sheet.brief))
    lines = [f"{painted(_word(sheet))}  {one_line(sheet.name)}{f'  ({brief})' if brief else ''}"]
    for finding in sheet.findings:
        kind = painted("FAIL" if finding.state == "fail" else "note")
        lines.append(f"      {kind} {plain(finding.code)}: {plain(finding.message, 600)}")
        lines += [f"           {plain(more, 600)}" for more in (finding.numbers, finding.hint) if more]
    return lines


def _word(sheet: Sheet) -> str:
    return "PASS" if sheet.ok else "FAIL"


def _painted(word: str) -> str:
    return f"\x1b[{_PAINT[word]}m{word}\x1b[0m"


def _track(row: Row) -> str:
    if row.position is None:
        return " " * (_TRACK + 2)
    cells = ["=" if row.span[0] <= (index + 0.5) / _TRACK <= row.span[1] else "." for index in range(_TRACK)]
    cells[min(_TRACK - 1, max(0, int(row.position * _TRACK)))] = "#"
    return f"[{''.join(cells)}]"


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _wrapped(words: str, first: str, then: str | None = None) -> list[str]:
    rest = first if then is None else then
    return textwrap.wrap(plain(words, 900), WIDTH, initial_indent=first, subsequent_indent=rest)


def sheet_html(sheet: Sheet) -> Markup:
    """The sheet as HTML that survives a notebook's sanitiser and reads well on a dark and on a light page."""
    badge = fill(
        '<span style="display:inline-block;background-color:{};color:#ffffff;'
        'border-radius:4px;padding:1px 8px;margin:0 4px 0 0;font-weight:600;font-size:0.85em">{}</span> ',
        VERDICTS[sheet.ok],
        _word(sheet),
    )
    parts = [
        fill('<div style="margin:0 0 2px">{}<b>{}</b></div>', badge, sheet.name),
        fill('<div style="margin:0 0 8px">{}</div>', sheet.verdict),
    ]
    if sheet.facts:
        facts = " · ".join(sheet.facts)
        parts.append(fill('<div style="opacity:0.75;font-size:0.9em;margin:0 0 8px">{}</div>', facts))
    parts.append(_wave(sheet))
    parts += [_row(row) for row in sheet.rows]
    parts += [_finding(finding) for finding in sheet.findings]
    if sheet.call:
        call = fill(f'<code style="{_CODE}">{{}}</code>', verbatim(sheet.call, 2000))
        parts.append(
            fill(
                '<div style="margin:8px 0 0;padding:6px 10px;border:1px solid {};border-radius:4px">'
                '<span style="opacity:0.75">To repair it: </span>{}</div>',
                LINE,
                call,
            )
        )
    if sheet.notes:
        notes = joined([fill("<div>{}</div>", note, limit=600) for note in sheet.notes])
        parts.append(fill('<div style="opacity:0.75;font-size:0.85em;margin:8px 0 0">{}</div>', notes))
    return fill(
        f'<div class="soundverse-preflight {NO_MATH}" '
        'style="max-width:680px;border:1px solid {};border-radius:8px;'
        'padding:12px 14px;margin:4px 0;line-height:1.4">{}</div>',
        LINE,
        joined(parts),
    )


def _wave(sheet: Sheet) -> Markup:
    if sheet.envelope is None:
        return Markup("")
    outline = sheet.envelope.reduced(_WAVE_POINTS)
    return fill(
        '<div style="border-top:1px solid {0};border-bottom:1px solid {0};margin:0 0 10px">'
        '<img alt="Waveform of {1}" src="{2}" '
        'style="display:block;width:100%;max-width:100%;height:{3}px;margin:0"></div>',
        LINE,
        sheet.name,
        data_uri(waveform_png(outline, _WAVE_WIDTH, _WAVE_HEIGHT), "image/png"),
        _WAVE_HEIGHT,
    )


def _row(row: Row) -> Markup:
    # Spaces between the blocks keep their words apart in a copy; where it is narrow the scale goes below.
    cell = "display:inline-block;vertical-align:middle;box-sizing:border-box"
    scale = Markup("")
    if row.allowed:
        scale = fill(
            f' <span style="{cell};width:30%;min-width:106px;padding:0 12px 0 0">{{}}</span>'
            f' <span style="{cell};width:28%;min-width:118px;white-space:nowrap;opacity:0.75">{{}}</span>',
            _scale(row),
            row.allowed,
        )
    return fill(
        '<div style="margin:3px 0">'
        f'<span style="{cell};width:16%;min-width:106px;white-space:nowrap"><span title="{{}}" '
        'style="color:{};font-weight:700">{}</span> {}</span>'
        f' <span style="{cell};width:22%;min-width:118px;font-weight:600">{{}}</span>{{}}</div>',
        _WORDS[row.state],
        CHECKS[row.state],
        _SIGNS[row.state],
        row.name,
        row.measured,
        scale,
    )


def _scale(row: Row) -> Markup:
    """A rule's scale: a line, the allowed part of it thicker, and a mark where this song is."""
    if row.position is None:
        return Markup("&nbsp;")
    low, high = (100 * part for part in row.span)
    return fill(
        '<span style="display:inline-block;width:100%;position:relative;height:14px;vertical-align:middle">'
        '<span style="position:absolute;left:0;top:6px;width:100%;height:2px;background-color:{}"></span>'
        '<span style="position:absolute;left:{}%;top:4px;width:{}%;height:6px;'
        'background-color:rgba(46,158,91,0.35);border-radius:3px"></span>'
        '<span style="position:absolute;left:{}%;top:0;width:4px;height:14px;margin:0 0 0 -2px;'
        'background-color:{};border-radius:2px"></span></span>',
        LINE,
        f"{low:.4g}",
        f"{high - low:.4g}",
        f"{min(99.0, max(1.0, 100 * row.position)):.4g}",
        CHECKS[row.state],
    )


def _finding(finding: Finding) -> Markup:
    hint = fill('<div style="opacity:0.85">→ {}</div>', finding.hint, limit=1000) if finding.hint else ""
    return fill(
        '<div style="margin:8px 0 0;padding:2px 0 2px 10px;border-left:3px solid {}">'
        f'<code style="{_CODE}">{{}}</code> {{}}{{}}</div>',
        CHECKS[finding.state],
        finding.code,
        finding.message,
        hint,
        limit=600,
    )


def repair_html(source: str, path: str, steps: Sequence[str], sheet: Sheet) -> Markup:
    """What a repair did to `source`, above the report on the copy at `path`."""
    return fill(
        f'<div class="{NO_MATH}" '
        'style="max-width:680px"><div>Repaired <b>{}</b> into '
        '<code style="font-family:monospace">{}</code></div>'
        '<ul style="margin:4px 0 8px">{}</ul></div>{}',
        plain(source),
        verbatim(path, 1000),
        joined([fill("<li>{}</li>", step, limit=600) for step in steps]),
        sheet_html(sheet),
    )


_HEADINGS = ("song", "duration", "size", "format", "to know")
_LONGEST_NAME = 26


def table_text(sheets: Sequence[Sheet], left_out: int, summary: str) -> str:
    """Many reports for a terminal, a line each, how many more there are, and a summary."""
    rows = [_cells(sheet) for sheet in sheets]
    names = [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for _, name, *_ in rows]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(5)]
    widths[1] = max(map(len, names), default=0)
    lines = []
    for name, (sign, _, duration, size, kind, codes) in zip(names, rows, strict=True):
        numbers = f"{duration:>{widths[2]}}  {size:>{widths[3]}}"
        line = f"{sign} {name:<{widths[1]}}  {numbers}  {kind:<{widths[4]}}  {codes}"
        lines.append(_cut(line.rstrip()))
    return "\n".join([*lines, *_more(left_out), summary])


def table_html(sheets: Sequence[Sheet], left_out: int, summary: str) -> Markup:
    """The same as an HTML table that survives a notebook's sanitiser."""
    cell = "padding:2px 8px 2px 0;text-align:left;vertical-align:top;white-space:normal"
    rows = []
    for sheet in sheets:
        sign, *values = _cells(sheet)
        colour = CHECKS["pass" if sheet.ok else "fail"]
        first = fill(f'<td style="{cell};color:{{}};font-weight:700">{{}}</td>', colour, sign)
        rows.append(fill(f'<tr>{{}}<td style="{cell}">{{}}</td></tr>', first, _told(*values)))
    return fill(
        f'<div class="{NO_MATH}" '
        'style="margin:4px 0;max-width:840px">'
        '<table style="border-collapse:collapse;margin:0;width:100%;table-layout:fixed"><thead><tr>'
        f'<th style="{cell};width:14px"></th><th style="{cell}">{{}}</th></tr></thead>'
        '<tbody>{}</tbody></table>{}<div style="margin:6px 0 0">{}</div></div>',
        _told(*_HEADINGS),
        joined(rows),
        joined([fill("<div>{}</div>", more) for more in _more(left_out)]),
        summary,
    )


def _told(name: str, duration: str, size: str, kind: str, codes: str) -> Markup:
    """A song's columns in one cell: numbers and codes go below the name where there is no room beside it."""
    block = "display:inline-block;vertical-align:top"
    return fill(
        f'<span style="{block};width:320px;max-width:100%;overflow-wrap:break-word">{{}}</span> '
        f'<span style="{block};white-space:nowrap">'
        f'<span style="{block};width:60px;text-align:right">{{}}</span> '
        f'<span style="{block};width:118px;text-align:right">{{}}</span> '
        f'<span style="{block};width:60px;padding:0 0 0 8px">{{}}</span></span> '
        "{}",
        verbatim(name),
        duration,
        size,
        kind,
        # An empty one would be an empty line where it goes below.
        fill(f'<span style="{block};opacity:0.75">{{}}</span>', codes) if codes else "",
    )


def _more(left_out: int) -> list[str]:
    return [f"… and {left_out} more"] if left_out > 0 else []


def _cells(sheet: Sheet) -> tuple[str, str, str, str, str, str]:
    codes = (finding.code if finding.state == "fail" else f"({finding.code})" for finding in sheet.findings)
    sign = _SIGNS["pass" if sheet.ok else "fail"]
    return sign, plain(sheet.name, 80), sheet.duration, sheet.size, sheet.format, ", ".join(codes)
