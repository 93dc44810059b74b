"""The progress board of a notebook: many remixes at work, a few widgets, one beat.

While it runs it is made of ipywidgets, in the place of a line that the notebook keeps. Afterwards a small
static page takes its place, so that the saved notebook needs neither widgets nor a kernel.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ipywidgets
from markupsafe import Markup

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.colours import badge
from soundverse_nb.render.escape import fill, joined
from soundverse_nb.render.summary import RemixEnd, ends_html, failures_html, money_label, notices_html
from soundverse_nb.widgets.batch import Batch, BatchCounts, end_of, summarise, time_label
from soundverse_nb.widgets.mount import Started
from soundverse_nb.widgets.rows import BUSY_CELL, PER_BEAT, MessageBudget, Rows, Styles
from soundverse_nb.widgets.ticker import FinalDisplay, Ticker

ROWS = 10
_FINISHED_SHOWN = 30
# The widgets' own grey on grey is below the contrast that accessible text has (WCAG 1.4.3: 4.5:1).
_FOLD_STYLE = Markup(
    "<style>.soundverse-fold .jupyter-widget-Collapse-header{color:var(--jp-ui-font-color1)}</style>"
)


def show_in_cell(thing: Any) -> Any:
    """Show something below the cell that is running; gives a handle whose `update` replaces it."""
    from IPython.display import display

    return display(thing, display_id=True)  # type: ignore[no-untyped-call]


class NotebookBoard:
    """A displays.ProgressDisplay: one overall bar, a row for each active stream, failures, the rest folded.

    Parameters
    ----------
    price : what one accepted order costs; without it nothing is said about money.
    rows : how many streams are shown at once; the others are counted.
    clock, show, ticking : seams for tests: the time, where the board appears, and whether it ticks by itself.
    """

    def __init__(
        self,
        price: float | None = None,
        *,
        rows: int = ROWS,
        clock: Callable[[], float] = time.monotonic,
        show: Callable[[Any], Any] = show_in_cell,
        ticking: bool = True,
    ) -> None:
        self._price, self._most, self._clock, self._show, self._ticking = price, rows, clock, show, ticking
        self._lock = threading.Lock()

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        """Show the board below the running cell and begin to tick. A closed board may be opened again."""
        self._over, self._ended = False, 0
        self._context = contextvars.copy_context()
        self._leaving: list[Any] = []
        self._batch = Batch(titles, self._price, self._clock)
        self._cancel = cancel
        self._budget = MessageBudget()
        self._build(single=len(titles) == 1)
        self._started = Started(titles, self._board)
        self._final = FinalDisplay(self._show(self._started))
        self._ticker = Ticker(self.beat, partial(close_some, self._leaving))
        if self._ticking:
            self._ticker.start()

    def update(self, update: ProgressUpdate) -> None:
        """Noted at once, shown with the next beat."""
        self._batch.add(update)

    def close(self) -> None:
        """Put the static summary where the board was; its widgets are taken down after it."""
        with self._lock:
            if self._over:
                return
            self._over = True
            summary = summarise(self._batch)
            try:
                self._final.show(summary)
                # A page that was loaded anew does not learn that its output is replaced: the board itself,
                # and what it is made of, stays to tell the end. In the name of the cell that shows it.
                self._context.run(self._tell_the_end, summary.page)
            finally:
                stay = {self._headline, self._board, *self._styles.of_the_summary()}
                parts = [*self._rows.widgets(), *self._fixed, *self._styles.widgets()]
                self._leaving += [widget for widget in parts if widget not in stay]
                # Not before it knows what to take down: with nothing to close it would end at once.
                self._ticker.stop()

    def _tell_the_end(self, page: str) -> None:
        self._headline.value = page
        self._board.children = (self._headline,)

    def beat(self) -> None:
        """Bring the widgets up to date, within the beat's allowance of messages."""
        with self._lock:
            if not self._over:
                self._budget.begin()
                self._refresh()

    def _build(self, *, single: bool) -> None:
        styles = self._styles = Styles(single=single)
        self._headline = ipywidgets.HTML(layout=styles.wide, style=styles.html)
        self._bar = ipywidgets.FloatProgress(min=0, max=1, layout=styles.overall, style=styles.progress)
        self._stop = ipywidgets.Button(
            description="Cancel" if single else "Cancel all",
            tooltip=BUSY_CELL,
            layout=styles.button,
            style=styles.button_style,
        )
        self._stop.on_click(lambda _: self._ask_to_cancel(None))
        top = ipywidgets.HBox([self._headline, self._stop], layout=styles.top)
        self._rows = Rows(self._most, styles, self._ask_to_cancel)
        self._rest = ipywidgets.HTML(layout=styles.wide, style=styles.html)
        self._failures = ipywidgets.HTML(layout=styles.wide, style=styles.html)
        self._finished = ipywidgets.HTML(layout=styles.wide, style=styles.html)
        self._fold = ipywidgets.Accordion([self._finished], selected_index=None, layout=styles.fold)
        self._fold.add_class("soundverse-fold")
        self._notes = ipywidgets.HTML(layout=styles.wide, style=styles.html)
        self._below = ipywidgets.VBox([], layout=styles.below)
        parts = [top, self._bar, self._notes, self._rows.box, self._rest, self._below]
        self._board = ipywidgets.VBox(parts, layout=styles.board)
        self._fixed = [
            self._headline, self._bar, self._notes, self._stop, top, self._rest,
            self._failures, self._finished, self._fold, self._below, self._board,
        ]  # fmt: skip
        self._headline.value = _headline(self._batch.counts())

    def _refresh(self) -> None:
        now, budget = self._batch.now(), self._budget
        counts, statuses = self._batch.counts(), self._batch.statuses()
        budget.set(self._headline, value=_headline(counts))
        budget.set(self._bar, value=counts.fraction, bar_style="warning" if counts.failed else "info")
        if notices := self._batch.notices():
            budget.set(self._notes, value=notices_html(notices))
        budget.set(self._stop, disabled=all(status.cancelling or status.is_over for status in statuses))
        active = [status for status in statuses if status.is_active]
        budget.set(self._rest, value=_rest(len(active) - self._most, counts.waiting))
        self._refresh_ended(budget)
        self._rows.show(active, now, budget)

    def _refresh_ended(self, budget: MessageBudget) -> None:
        ended = self._batch.ended()
        if len(ended) == self._ended:
            return
        failed = [end_of(s) for s in ended if s.phase is Phase.FAILED]
        others = [end_of(s) for s in ended if s.phase is not Phase.FAILED]
        shown = [self._failures] * bool(failed) + [self._fold] * bool(others)
        done = [
            budget.set(self._failures, value=failures_html(failed)),
            budget.set(self._finished, value=_FOLD_STYLE + _newest(others)),
            budget.set(self._fold, titles=(_fold_title(others),)),
            budget.set(self._below, children=tuple(shown)),
        ]
        if all(done):
            self._ended = len(ended)

    def _ask_to_cancel(self, index: int | None) -> None:
        self._batch.cancelling(index)
        self._cancel(index)


def close_some(widgets: list[Any], most: int = PER_BEAT) -> bool:
    """Close a beat's worth of widgets; True when none is left."""
    for widget in widgets[:most]:
        widget.close()
    del widgets[:most]
    return not widgets


def _headline(counts: BatchCounts) -> Markup:
    quiet = (time_label(counts), money_label(counts.spent, counts.simulated))
    return fill(
        '<div style="line-height:1.4"><b>{}</b> <span style="opacity:0.75">· {}</span>{}</div>',
        counts.label,
        " · ".join(part for part in quiet if part),
        fill(" · {}", badge("simulated", "padding:0 7px")) if counts.simulated else "",
    )


def _fold_title(over: Sequence[RemixEnd]) -> str:
    finished = sum(end.kind == "finished" for end in over)
    cancelled = len(over) - finished
    parts = [f"{finished} finished"] * (finished > 0) + [f"{cancelled} cancelled"] * (cancelled > 0)
    return ", ".join(parts)


def _rest(hidden: int, waiting: int) -> Markup:
    parts = [f"{hidden} more active"] * (hidden > 0) + [f"{waiting} more waiting"] * (waiting > 0)
    return _quiet(f"and {' and '.join(parts)}") if parts else Markup("")


def _newest(over: Sequence[RemixEnd]) -> Markup:
    shown = list(over[-_FINISHED_SHOWN:][::-1])
    more = len(over) - len(shown)
    return joined([ends_html(shown), _quiet(f"and {more} before") if more else Markup("")])


def _quiet(line: str) -> Markup:
    return fill('<div style="opacity:0.75">{}</div>', line)
