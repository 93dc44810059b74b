"""The picture of a preflight report: a verdict, the waveform, each rule as a place between its limits."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from soundverse_nb.render.escape import plain, text
from soundverse_nb.render.lanes import LINE
from soundverse_nb.render.pictures import Envelope, data_uri, waveform_png

WIDTH = 79
"""Characters of a terminal line."""
_TRACK = 20
_WAVE_WIDTH, _WAVE_HEIGHT = 620, 64
# Beside them stand signs and words; on the badge itself white text needs a darker shade (WCAG 1.4.3: 4.5:1).
_BADGES = {True: "#217a44", False: "#c23b36"}
_COLOURS = {"pass": "#2e9e5b", "fail": "#d9534f", "warn": "#b8860b", "unknown": "#888888"}
_SIGNS = {"pass": "✓", "fail": "✗", "warn": "!", "unknown": "–"}
_WORDS = {"pass": "passes", "fail": "fails", "warn": "to know", "unknown": "not measured"}
_CODE = "font-family:monospace;font-size:0.92em;overflow-wrap:break-word;word-break:break-word"


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
    """A problem ("fail") or warning ("warn") in words, and what mends it."""

    state: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Sheet:
    """All that a preflight report shows; every text still unescaped."""

    name: str
    verdict: str
    ok: bool
    facts: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    call: str = ""
    envelope: Envelope | None = None
    duration: float | None = None


def sheet_text(sheet: Sheet) -> str:
    """The sheet for a terminal, at most 79 columns."""
    lines = [
        _cut(f"{'PASS' if sheet.ok else 'FAIL'}  {plain(sheet.name, 60)}"),
        _cut(f"      {sheet.verdict}"),
    ]
    if sheet.facts:
        lines += _wrapped(" · ".join(sheet.facts), "      ")
    for row in sheet.rows:
        track = _track(row)
        measured = plain(row.measured, 24)
        lines.append(
            _cut(f"  {_SIGNS[row.state]} {row.name:<9}{track} {measured:<16} {plain(row.allowed, 26)}")
        )
    for finding in sheet.findings:
        lines += _wrapped(
            f"{finding.code}: {plain(finding.message, 400)}", f"  {_SIGNS[finding.state]} ", "    "
        )
        if finding.hint:
            lines += _wrapped(plain(finding.hint, 600), "    → ", "      ")
    for note in sheet.notes:
        lines += _wrapped(plain(note, 400), "  · ", "    ")
    if sheet.call:
        # Not wrapped: it is there to be copied.
        lines.append(f"  mend: {plain(sheet.call, 400)}")
    return "\n".join(line.rstrip() for line in lines)


def sheet_html(sheet: Sheet) -> str:
    """The sheet as HTML that survives a notebook's sanitiser and reads well on a dark and on a light page."""
    badge = (
        f'<span style="display:inline-block;background-color:{_BADGES[sheet.ok]};color:#ffffff;'
        f'border-radius:4px;padding:1px 8px;margin:0 8px 0 0;font-weight:600;font-size:0.85em">'
        f"{'PASS' if sheet.ok else 'FAIL'}</span>"
    )
    parts = [
        f'<div style="margin:0 0 2px">{badge}<b>{text(sheet.name)}</b></div>',
        f'<div style="margin:0 0 8px">{text(sheet.verdict)}</div>',
    ]
    if sheet.facts:
        parts.append(
            f'<div style="opacity:0.75;font-size:0.9em;margin:0 0 8px">{text(" · ".join(sheet.facts))}</div>'
        )
    parts.append(_wave(sheet))
    parts.append("".join(_row(row) for row in sheet.rows))
    parts += [_finding(finding) for finding in sheet.findings]
    if sheet.call:
        parts.append(
            f'<div style="margin:8px 0 0;padding:6px 10px;border:1px solid {LINE};border-radius:4px">'
            f'<span style="opacity:0.75">To mend it: </span>'
            f'<code style="{_CODE}">{text(sheet.call, 2000)}</code></div>'
        )
    if sheet.notes:
        notes = "".join(f"<div>{text(note, 600)}</div>" for note in sheet.notes)
        parts.append(f'<div style="opacity:0.75;font-size:0.85em;margin:8px 0 0">{notes}</div>')
    return (
        f'<div class="soundverse-preflight" style="max-width:680px;border:1px solid {LINE};border-radius:8px;'
        f'padding:12px 14px;margin:4px 0;line-height:1.4">{"".join(parts)}</div>'
    )


def _wave(sheet: Sheet) -> str:
    if sheet.envelope is None:
        return ""
    image = data_uri(waveform_png(sheet.envelope, _WAVE_WIDTH, _WAVE_HEIGHT), "image/png")
    return (
        f'<div style="border-top:1px solid {LINE};border-bottom:1px solid {LINE};margin:0 0 10px">'
        f'<img alt="Waveform of {text(sheet.name)}" src="{image}" '
        f'style="display:block;width:100%;max-width:100%;height:{_WAVE_HEIGHT}px;margin:0"></div>'
    )


def _row(row: Row) -> str:
    colour = _COLOURS[row.state]
    cell = "display:inline-block;vertical-align:middle;box-sizing:border-box"
    return (
        f'<div style="margin:3px 0">'
        f'<span style="{cell};width:16%;min-width:84px"><span title="{_WORDS[row.state]}" '
        f'style="color:{colour};font-weight:700">{_SIGNS[row.state]}</span> {text(row.name)}</span>'
        f'<span style="{cell};width:32%;min-width:120px;padding:0 12px 0 0">{_scale(row)}</span>'
        f'<span style="{cell};width:24%;min-width:110px;font-weight:600">{text(row.measured)}</span>'
        f'<span style="{cell};width:26%;min-width:110px;opacity:0.75">{text(row.allowed)}</span></div>'
    )


def _scale(row: Row) -> str:
    """A rule's scale: a line, the allowed part of it thicker, and a mark where this song is."""
    if row.position is None:
        return "&nbsp;"
    colour = _COLOURS[row.state]
    low, high = (100 * part for part in row.span)
    at = min(99.0, max(1.0, 100 * row.position))
    return (
        f'<span style="display:block;position:relative;height:14px">'
        f'<span style="position:absolute;left:0;top:6px;width:100%;height:2px;'
        f'background-color:{LINE}"></span>'
        f'<span style="position:absolute;left:{low:.4g}%;top:4px;width:{high - low:.4g}%;height:6px;'
        f'background-color:rgba(46,158,91,0.35);border-radius:3px"></span>'
        f'<span style="position:absolute;left:{at:.4g}%;top:0;width:4px;height:14px;margin:0 0 0 -2px;'
        f'background-color:{colour};border-radius:2px"></span></span>'
    )


def _finding(finding: Finding) -> str:
    hint = f'<div style="opacity:0.85">→ {text(finding.hint, 1000)}</div>' if finding.hint else ""
    return (
        f'<div style="margin:8px 0 0;padding:2px 0 2px 10px;border-left:3px solid {_COLOURS[finding.state]}">'
        f'<code style="{_CODE}">{text(finding.code)}</code> {text(finding.message, 600)}{hint}</div>'
    )


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
