"""Summaries as text and HTML: the orders of a journal, a batch's counts and money, a job under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from markupsafe import Markup

from soundverse_nb.render.colours import BAD, GOOD, LINE, QUIET, WARNING, badge, order_colour
from soundverse_nb.render.columns import columns_text
from soundverse_nb.render.escape import NO_MATH, fill, joined, plain, text, verbatim
from soundverse_nb.render.units import money, span

_CELL = "text-align:left;vertical-align:top;padding:6px 8px 6px 0;white-space:normal"
_FAINT = "opacity:0.75;overflow-wrap:break-word"
# Two blocks side by side, the second below the first where there is no room for both.
_ASKED = "float:left;box-sizing:border-box;width:340px;max-width:100%;padding:0 14px 0 0"
_BECAME = "float:left;width:480px;max-width:100%"


@dataclass(frozen=True)
class OrderRow:
    """One order in words, the fields in the order of the columns; every text still unescaped."""

    order: str
    when: str
    state: str
    song: str
    prompt: str
    title: str
    message_id: str
    file: str
    remark: str


def orders_html(summary: str, place: str, rows: Sequence[OrderRow], notes: Sequence[str] = ()) -> Markup:
    """A table of orders below their counts and the journal's place; each state with its colour."""
    table = Markup("")
    if rows:
        table = fill(
            '<table style="width:100%;table-layout:fixed;border-collapse:collapse;margin:4px 0 0"><tbody>{}'
            "</tbody></table>",
            joined([_order_row(row) for row in rows]),
        )
    return fill(
        f'<div class="{NO_MATH}" '
        'style="max-width:980px;line-height:1.4"><div><b>{}</b></div><div style="{}">{}</div>{}{}</div>',
        summary,
        _FAINT,
        verbatim(place, 600),
        table,
        joined([fill('<div style="margin:6px 0 0">{}</div>', note) for note in notes]),
    )


def _order_row(row: OrderRow) -> Markup:
    asked = [fill("<div><b>{}</b></div>", verbatim(row.prompt or "–"))]
    if about := " · ".join(part for part in (row.song, row.title) if part):
        asked.append(fill('<div style="{}">{}</div>', _FAINT, verbatim(about)))
    names = " · ".join(part for part in (f"order {row.order}", row.message_id) if part)
    became = [fill("<div>{}</div>", row.remark, limit=600)]
    became += [fill('<div style="{}">{}</div>', _FAINT, verbatim(line)) for line in (row.file, names) if line]
    return fill(
        '<tr style="border-top:1px solid {}"><td style="{cell};width:100px"><div>'
        '<span style="color:{}">●</span> <b>{}</b></div><div style="{}">{}</div></td>'
        '<td style="{cell}"><div style="{}">{}</div><div style="{}">{}</div></td></tr>',
        LINE,
        order_colour(row.state),
        row.state,
        _FAINT,
        row.when,
        _ASKED,
        joined(asked),
        _BECAME,
        joined(became),
        cell=_CELL,
    )


def orders_lines(rows: Sequence[OrderRow]) -> list[str]:
    """Heads, then one line an order with all there is to say of it, for files and other programs."""
    heads = OrderRow("order", "when", "state", "song", "prompt", "title", "message_id", "file", "remark")
    return columns_text([astuple(row) for row in rows], None, astuple(heads))


def orders_in_columns(rows: Sequence[OrderRow], width: int) -> list[str]:
    """The same in a terminal of `width` columns: name and state on the left, all else beside them."""
    from rich.console import Console  # takes a tenth of a second to load
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        lines = (
            " · ".join(part for part in (row.song, row.prompt) if part),
            " · ".join(part for part in (row.when, row.title) if part),
            row.remark,
            row.file,
            row.message_id,
        )
        told = "\n".join(line for line in lines if line)
        table.add_row(*(Text(cell) for cell in (row.order, row.state, told)))
    console = Console(width=max(width, 30), color_system=None, force_terminal=False)
    with console.capture() as drawn:
        console.print(table)
    return [line.rstrip() for line in drawn.get().splitlines()]


def job_html(title: str, state: str, advice: str) -> Markup:
    """A job in one line: its title, its state in a word, and what to do about it."""
    said = (text(title, 120), state, advice)
    return fill('<div class="{}"><b>{}</b>: {}. {}</div>', NO_MATH, *said, limit=1200)


def recovered_html(remixes: Markup, unknown: Markup) -> Markup:
    """A recovery: what came back, and the table of doubtful orders."""
    return fill("<div>{}{}</div>", remixes, unknown)


MAX_NAMED = 60
"""Remixes named in the page; of a greater batch only the counts and the failures are complete."""

MAX_NOTICES = 3

_BADGE = "display:inline-block;padding:0 8px;margin:0 0 0 6px;font-size:11px;line-height:1.5"


@dataclass(frozen=True)
class RemixEnd:
    """The end of one remix of the batch.

    `kind` is "finished", "failed" or "cancelled"; `message` is the error's sentence. `may_be_charged` tells
    of a cancelled one whether it was sent.
    """

    title: str
    kind: str
    seconds: float
    message: str = ""
    may_be_charged: bool = False


def money_label(spent: float | None, simulated: bool) -> str:
    """The cost of the batch so far, "" where no price is known."""
    if spent is None:
        return ""
    return f"{money(spent)} had it been real" if simulated else f"{money(spent)} spent"


def cost_label(count: int, price: float | None, simulated: bool) -> str:
    """What so many orders cost, in brackets: " (0.60)"; "" where no price is known."""
    if price is None:
        return ""
    return f" ({money(count * price)}{' had it been real' if simulated else ''})"


def cancelled_text(ends: Sequence[RemixEnd], price: float | None, simulated: bool) -> str:
    """What became of those that are no longer watched: what was sent, what it may cost, what to do."""
    cancelled = [end for end in ends if end.kind == "cancelled"]
    sent = sum(end.may_be_charged for end in cancelled)
    unsent = len(cancelled) - sent
    parts = []
    if sent:
        verb, them = ("was", "it") if sent == 1 else ("were", "them")
        parts.append(
            f"{sent} of the cancelled {verb} sent and may be charged{cost_label(sent, price, simulated)}: "
            f"await client.recover() picks {them} up."
        )
    if unsent:
        verb, them = ("was", "it") if unsent == 1 else ("were", "them")
        parts.append(f"{unsent} {verb} not sent: nothing is paid for {them}.")
    return " ".join(parts)


def counts_label(finished: int, failed: int, cancelled: int, active: int, waiting: int, total: int) -> str:
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


def failure_html(end: RemixEnd) -> Markup:
    """One failed remix with its sentence."""
    return fill(
        '<div style="border-left:3px solid {};padding:1px 0 1px 8px;margin:0 0 4px;line-height:1.4;'
        'overflow-wrap:break-word">'
        "<b>{}</b> {}</div>",
        BAD,
        text(end.title, 80),
        text(end.message or "failed", 600),
    )


def failures_html(failed: Sequence[RemixEnd]) -> Markup:
    """Every failure, up to a bound; "" where there is none."""
    listed = [failure_html(end) for end in failed[:MAX_NAMED]]
    return joined([*listed, _more(len(failed) - MAX_NAMED, "more failures")])


def ends_html(ends: Sequence[RemixEnd]) -> Markup:
    """A line a remix: how it ended, its title, how long it took."""
    rows = joined([_row(end) for end in ends[:MAX_NAMED]])
    table = fill('<div style="display:table;font-size:0.95em">{}</div>', rows)
    return joined([table, _more(len(ends) - MAX_NAMED, "more")])


def summary_html(
    ends: Sequence[RemixEnd],
    seconds: float,
    spent: float | None,
    simulated: bool,
    *,
    price: float | None = None,
    notices: Sequence[str] = (),
) -> Markup:
    """The page that takes the place of the progress board in a saved notebook: counts, time, money, failures.

    Bounded however great the batch; uses only what a notebook's sanitiser lets through.
    """
    failed = [end for end in ends if end.kind == "failed"]
    listed = ends_html(ends)
    if len(ends) <= 6:
        body = fill('<div style="margin:4px 0 0">{}</div>', listed)
    else:
        body = _folded(f"All {len(ends)} remixes", listed)
    return fill(
        f'<div class="soundverse-summary {NO_MATH}" '
        'style="max-width:980px;border-left:3px solid {};'
        'padding:4px 0 4px 12px;margin:4px 0;line-height:1.5"><div><b>{}</b>{}{}</div>{}{}{}{}</div>',
        BAD if failed else WARNING if any(end.kind == "cancelled" for end in ends) else GOOD,
        summary_text(ends, seconds),
        fill(" {}", badge("simulated", _BADGE)) if simulated else "",
        _cost(spent, simulated),
        _line(cancelled_text(ends, price, simulated)),
        notices_html(notices),
        failures_html(failed),
        body,
    )


def started_html(line: str, mark: str) -> Markup:
    """The line of a batch that was started; `mark` is the class by which a live page finds it."""
    return fill('<div class="{} {}" style="line-height:1.5">{}</div>', mark, NO_MATH, text(line, 1600))


def notices_html(notices: Sequence[str]) -> Markup:
    """What is worth knowing of the batch and stopped nothing, the first few in full."""
    shown = joined([_line(notice) for notice in notices[:MAX_NOTICES]])
    return joined([shown, _more(len(notices) - MAX_NOTICES, "more of this kind")])


def summary_text(ends: Sequence[RemixEnd], seconds: float) -> str:
    """The same in one line."""
    kinds = [end.kind for end in ends]
    counted = counts_label(
        kinds.count("finished"), kinds.count("failed"), kinds.count("cancelled"), 0, 0, len(kinds)
    )
    return plain(f"{counted} in {span(seconds)}")


def _line(sentence: str) -> Markup:
    style = "line-height:1.4;overflow-wrap:break-word"  # a path is one long word
    return fill('<div style="{}">{}</div>', style, sentence, limit=600) if sentence else Markup("")


def _more(count: int, noun: str) -> Markup:
    return fill('<div style="opacity:0.75">and {} {}</div>', count, noun) if count > 0 else Markup("")


def _cost(spent: float | None, simulated: bool) -> Markup:
    label = money_label(spent, simulated)
    return fill(' <span style="opacity:0.8;margin:0 0 0 8px">{}</span>', label) if label else Markup("")


def _row(end: RemixEnd) -> Markup:
    mark, colour = {"finished": ("✓", GOOD), "failed": ("✗", BAD)}.get(end.kind, ("–", QUIET))
    return fill(
        '<div style="display:table-row"><div style="{cell};color:{colour}">{mark}</div>'
        '<div style="{cell}">{title}{remark}</div>'
        '<div style="{cell};opacity:0.75;white-space:nowrap;text-align:right">{seconds}</div></div>',
        cell="display:table-cell;padding:0 14px 0 0",
        colour=colour,
        mark=mark,
        title=text(end.title, 100),
        remark=fill(' <span style="opacity:0.75">{}</span>', _remark(end)) if end.kind == "cancelled" else "",
        seconds=span(end.seconds),
    )


def _remark(end: RemixEnd) -> str:
    return "sent, may be charged" if end.may_be_charged else "not sent"


def _folded(label: str, inside: Markup) -> Markup:
    return fill(
        '<details style="margin:4px 0 0"><summary style="cursor:pointer;opacity:0.8">{}</summary>'
        '<div style="margin:4px 0 0;border-top:1px solid {};padding:4px 0 0">{}</div></details>',
        label,
        LINE,
        inside,
    )
