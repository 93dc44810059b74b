"""Many verdicts as a table, for a terminal and for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundverse_nb.reference.show import size_beside
from soundverse_nb.render import quantity
from soundverse_nb.render.escape import plain, text

if TYPE_CHECKING:
    from soundverse_nb.reference.batch import PreflightTable
    from soundverse_nb.reference.report import PreflightReport

_MOST_ROWS = 500
_MOST_ENDINGS = 6
_HEADINGS = ("", "song", "duration", "size", "format", "to know")


def summary(table: PreflightTable) -> str:
    """How many pass, in one sentence."""
    where = f" in {plain(table.folder, 200)}" if table.folder else ""
    others = f"; {_passed_over(table)}" if table.skipped else ""
    return f"{len(table.passed)} of {len(table)} songs{where} would be taken{others}."


def _passed_over(table: PreflightTable) -> str:
    """How many files were not looked at, and by which endings."""
    files = "1 other file" if table.skipped == 1 else f"{table.skipped} other files"
    named = [plain(ending, 12) or "no ending" for ending in table.skipped_endings]
    more = ["…"] if len(named) > _MOST_ENDINGS else []
    endings = f" ({', '.join(named[:_MOST_ENDINGS] + more)})" if named else ""
    return f"{files}{endings} passed over"


def table_text(table: PreflightTable) -> str:
    """The table for a terminal, at most 79 columns."""
    lines = []
    for report in table[:_MOST_ROWS]:
        sign, name, duration, size, kind, codes = _cells(report)
        name = name if len(name) <= 26 else name[:25] + "…"
        lines.append(f"{sign} {name:<26} {duration:>10} {size:>8} {kind:<6} {codes}"[:79].rstrip())
    if len(table) > _MOST_ROWS:
        lines.append(f"… and {len(table) - _MOST_ROWS} more")
    return "\n".join([*lines, summary(table)])


def table_html(table: PreflightTable) -> str:
    """The table as HTML that survives a notebook's sanitiser."""
    cell = "padding:2px 10px 2px 0;text-align:left;vertical-align:top"
    head = "".join(f'<th style="{cell}">{heading}</th>' for heading in _HEADINGS)
    rows = []
    for report in table[:_MOST_ROWS]:
        colour = "#2e9e5b" if report.ok else "#d9534f"
        sign, *values = _cells(report)
        cells = f'<td style="{cell};color:{colour};font-weight:700">{sign}</td>'
        cells += "".join(f'<td style="{cell}">{text(value)}</td>' for value in values)
        rows.append(f"<tr>{cells}</tr>")
    more = f"<div>… and {len(table) - _MOST_ROWS} more</div>" if len(table) > _MOST_ROWS else ""
    return (
        f'<div style="margin:4px 0"><table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{more}"
        f'<div style="margin:6px 0 0">{text(summary(table))}</div></div>'
    )


def _cells(report: PreflightReport) -> tuple[str, str, str, str, str, str]:
    audio, limits = report.audio, report.limits
    duration, size = audio.duration, audio.size_bytes
    codes = [problem.code for problem in report.problems] + [f"({w.code})" for w in report.warnings]
    return (
        "✓" if report.ok else "✗",
        plain(report.name, 80),
        "" if duration is None else quantity.exactly(duration, limits.min_seconds, limits.max_seconds),
        "" if size is None else size_beside(size, limits.max_bytes),
        audio.format or "",
        ", ".join(codes),
    )
