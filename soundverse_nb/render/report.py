"""The report of a study: one page of verdicts, plan, plots, takes to hear, failures and provenance.

It opens from disk and asks for nothing beyond the audio that lies beside it: its Content-Security-Policy says
so to the browser. Without its scripts everything can be read and played; with them takes are sorted, filtered
and compared at the same time, place or bar, by the code of the demo's page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from soundverse_nb.render.document import document_html
from soundverse_nb.render.escape import fill, joined, text, verbatim
from soundverse_nb.render.measures import grid_html
from soundverse_nb.render.page import PLAYER_SCRIPTS, listening_html
from soundverse_nb.render.report_takes import ReportTake, controls_html, songs_html, takes_html

NOTHING = Markup("")


@dataclass(frozen=True)
class Verdict:
    """What a study says of one metric: a heading, the answer, what to mind, and tables to fold out."""

    title: str
    answer: str
    warnings: tuple[str, ...] = ()
    is_clear: bool = False
    details: Markup = NOTHING


@dataclass(frozen=True)
class Figure:
    """A picture with its caption. `svg` is ours, and takes its dark parts from the text's colour.

    `is_wide` gives it a row of its own, and lets it scroll where the page is narrow.
    """

    caption: str
    svg: Markup
    is_wide: bool = False


@dataclass(frozen=True)
class Report:
    """A whole report; every text still unescaped, every piece of HTML safe.

    `takes` are those to hear, `songs` their originals. `failures` are rows of `FAILURE_HEADINGS`, `facts`
    names with values. A `note` stands where something is not there, and says why. `badge` names what nobody
    must overlook, with `warning` as its explanation. `is_beside` says that audio lies beside the page.
    """

    title: str
    lead: str
    verdicts: tuple[Verdict, ...] = ()
    verdicts_note: str = ""
    plan: Markup = NOTHING
    figures: tuple[Figure, ...] = ()
    figures_note: str = ""
    songs: tuple[ReportTake, ...] = ()
    takes: tuple[ReportTake, ...] = ()
    alignments: tuple[Mapping[str, Any], ...] = ()
    takes_note: str = ""
    failures: tuple[tuple[str, ...], ...] = ()
    failures_note: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    cautions: tuple[str, ...] = ()
    badge: str = ""
    warning: str = ""
    foot: tuple[str, ...] = ()
    is_beside: bool = False


FAILURE_HEADINGS = ("trial", "song", "asked", "state", "what happened", "charged")

_SECTION = '<section id="{}" aria-labelledby="{}-title"><h2 id="{}-title">{}</h2>{}{}</section>\n'


def report_html(report: Report) -> Markup:
    """The report as one HTML document."""
    sections = [
        ("verdicts", "Verdicts", report.verdicts_note, _verdicts(report.verdicts)),
        ("plan", "Plan", "" if report.plan else "There is no plan.", scrolling(report.plan)),
        ("plots", "Plots", report.figures_note, _figures(report.figures)),
        ("takes", "Takes", report.takes_note, _takes(report)),
        ("failures", "What did not come", report.failures_note, _failures(report.failures)),
        ("provenance", "Provenance", "", _facts(report)),
    ]
    shown = [each for each in sections if each[2] or each[3]]
    parts = joined([fill('<a href="#{}">{}</a> ', name, title) for name, title, _, _ in shown])
    return document_html(
        joined([_section(*each) for each in shown]),
        title=report.title,
        lead=report.lead,
        kind="report",
        badge=report.badge,
        warning=report.warning,
        below=fill('<nav aria-label="Parts of the report">{}</nav>', parts),
        foot=report.foot,
        styles=["page.css", "report.css"],
        # The players' script asks for takes.
        scripts=[*PLAYER_SCRIPTS, "report.js"] if report.takes else [],
        is_beside=report.is_beside,
    )


def _section(name: str, title: str, note: str, content: Markup) -> Markup:
    said = fill('<p class="note">{}</p>', text(note, 900)) if note else Markup("")
    return fill(_SECTION, name, name, name, title, said, content)


def scrolling(html: Markup) -> Markup:
    """Tables that are wider than the page can be scrolled by the keyboard too."""
    plain = '<div style="overflow-x:auto">'
    return Markup(str(html).replace(plain, f'{plain[:-1]} tabindex="0" role="group" aria-label="Table">'))


def _verdicts(verdicts: Sequence[Verdict]) -> Markup:
    return joined(
        [
            fill(
                '<article class="{}"><h3>{}{}</h3><p class="answer">{}</p>{}{}</article>\n',
                "verdict clear" if each.is_clear else "verdict",
                text(each.title, 200),
                Markup('&ensp;<span class="mark">clear difference</span>') if each.is_clear else "",
                text(each.answer, 2000),
                joined([fill('<p class="caution">{}</p>', text(said, 600)) for said in each.warnings]),
                _folded("Levels, pairs and checks", scrolling(each.details)) if each.details else "",
            )
            for each in verdicts
        ]
    )


def _folded(title: str, content: Markup) -> Markup:
    return fill("<details><summary>{}</summary>{}</details>", title, content)


def _figures(figures: Sequence[Figure]) -> Markup:
    if not figures:
        return Markup("")
    return fill('<div class="figures">{}</div>', joined([_figure(each) for each in figures]))


def _figure(figure: Figure) -> Markup:
    return fill(
        '<figure{}><div class="picture" tabindex="0" role="group" aria-label="{}">{}</div>'
        "<figcaption>{}</figcaption></figure>\n",
        Markup(' class="wide"') if figure.is_wide else "",
        text(figure.caption, 300),
        figure.svg,
        text(figure.caption, 300),
    )


def _takes(report: Report) -> Markup:
    if not report.takes:
        return Markup("")
    takes = [each.take for each in report.takes]
    keys = Markup(
        "Another play button goes on where you are; <kbd>1</kbd> to <kbd>9</kbd> play what is shown first, "
        "<kbd>space</kbd> pauses, <kbd>←</kbd> <kbd>→</kbd> move"
    )
    return joined(
        [
            listening_html(keys, report.alignments),
            songs_html(report.songs),
            controls_html(takes),
            takes_html(report.takes),
        ]
    )


def _failures(rows: Sequence[tuple[str, ...]]) -> Markup:
    if not rows:
        return Markup("")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[3]] = counts.get(row[3], 0) + 1
    title = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    return scrolling(grid_html(title, FAILURE_HEADINGS, rows))


def _facts(report: Report) -> Markup:
    rows = [
        fill('<tr><th scope="row">{}</th><td>{}</td></tr>', name, verbatim(value, 2000))
        for name, value in report.facts
    ]
    cautions = [fill('<p class="caution">{}</p>', text(said, 600)) for said in report.cautions]
    return fill('{}<table class="facts-table"><tbody>{}</tbody></table>', joined(cautions), joined(rows))
