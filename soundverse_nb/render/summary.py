"""A batch of remixes in words and as the small static page that stays when the live board is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soundverse_nb.render.escape import plain, text
from soundverse_nb.render.lanes import LINE
from soundverse_nb.render.units import money, span

SHOWN = 60
"""Remixes named in the page; of a greater batch only the counts and the failures are complete."""

GOOD, BAD, QUIET = "#2f9e77", "#d9534f", "#8a94a6"


@dataclass(frozen=True)
class Outcome:
    """How one remix of the batch ended.

    `kind` is "finished", "failed" or "cancelled"; `said` is the error's sentence.
    """

    title: str
    kind: str
    seconds: float
    said: str = ""


def money_words(spent: float | None, simulated: bool) -> str:
    """What the batch cost so far, "" where no price is known."""
    if spent is None:
        return ""
    return f"{money(spent)} had it been real" if simulated else f"{money(spent)} spent"


def counts(finished: int, failed: int, cancelled: int, active: int, waiting: int, total: int) -> str:
    """ "3 of 10 finished · 1 failed · 4 active · 2 waiting"; what is nought is left out."""
    parts = [f"{finished} of {total} finished"]
    parts += [
        f"{count} {word}"
        for count, word in (
            (failed, "failed"),
            (cancelled, "cancelled"),
            (active, "active"),
            (waiting, "waiting"),
        )
        if count
    ]
    return " · ".join(parts)


def failure_html(outcome: Outcome) -> str:
    """One failed remix with its sentence."""
    return (
        f'<div style="border-left:3px solid {BAD};padding:1px 0 1px 8px;margin:0 0 4px;line-height:1.4">'
        f"<b>{text(outcome.title, 80)}</b> {text(outcome.said or 'failed', 600)}</div>"
    )


def failures_html(failed: Sequence[Outcome]) -> str:
    """Every failure, up to a bound; "" where there is none."""
    more = len(failed) - SHOWN
    rest = f'<div style="opacity:0.75">and {more} more failures</div>' if more > 0 else ""
    return "".join(failure_html(outcome) for outcome in failed[:SHOWN]) + rest


def outcomes_html(outcomes: Sequence[Outcome]) -> str:
    """A line a remix: how it ended, its title, how long it took."""
    rows = "".join(_row(outcome) for outcome in outcomes[:SHOWN])
    more = len(outcomes) - SHOWN
    rest = f'<div style="opacity:0.75">and {more} more</div>' if more > 0 else ""
    return f'<div style="display:table;font-size:0.95em">{rows}</div>{rest}'


def summary_html(outcomes: Sequence[Outcome], seconds: float, spent: float | None, simulated: bool) -> str:
    """What remains of the progress board in a saved notebook: counts, time, money, each failure's sentence.

    Bounded however great the batch; uses only what a notebook's sanitiser lets through.
    """
    failed = [outcome for outcome in outcomes if outcome.kind == "failed"]
    line = summary_text(outcomes, seconds)
    badge = (
        ' <span style="display:inline-block;border:1px solid #b8860b;border-radius:10px;padding:0 8px;'
        'margin:0 0 0 6px;font-size:11px;line-height:1.5">simulated</span>'
        if simulated
        else ""
    )
    colour = BAD if failed else GOOD
    listed = outcomes_html(outcomes)
    if len(outcomes) <= 6:
        body = f'<div style="margin:4px 0 0">{listed}</div>'
    else:
        body = _folded(f"All {len(outcomes)} remixes", listed)
    return (
        f'<div class="soundverse-summary" style="max-width:980px;border-left:3px solid {colour};'
        f'padding:4px 0 4px 12px;margin:4px 0;line-height:1.5"><div><b>{text(line)}</b>{badge}'
        f"{_cost(spent, simulated)}</div>{failures_html(failed)}{body}</div>"
    )


def summary_text(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The same in one line."""
    kinds = [outcome.kind for outcome in outcomes]
    told = counts(kinds.count("finished"), kinds.count("failed"), kinds.count("cancelled"), 0, 0, len(kinds))
    return plain(f"{told} in {span(seconds)}")


def _cost(spent: float | None, simulated: bool) -> str:
    said = money_words(spent, simulated)
    return f' <span style="opacity:0.8;margin:0 0 0 8px">{text(said)}</span>' if said else ""


def _row(outcome: Outcome) -> str:
    mark, colour = {"finished": ("✓", GOOD), "failed": ("✗", BAD)}.get(outcome.kind, ("–", QUIET))
    cell = "display:table-cell;padding:0 14px 0 0"
    quiet = f"{cell};opacity:0.75;white-space:nowrap;text-align:right"
    return (
        f'<div style="display:table-row"><div style="{cell};color:{colour}">{mark}</div>'
        f'<div style="{cell}">{text(outcome.title, 100)}</div>'
        f'<div style="{quiet}">{span(outcome.seconds)}</div></div>'
    )


def _folded(label: str, inside: str) -> str:
    return (
        f'<details style="margin:4px 0 0"><summary style="cursor:pointer;opacity:0.8">{text(label)}</summary>'
        f'<div style="margin:4px 0 0;border-top:1px solid {LINE};padding:4px 0 0">{inside}</div></details>'
    )
