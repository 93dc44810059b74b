"""The progress board of a notebook: many remixes at work, a few widgets, one beat.

While it runs it is made of ipywidgets. Afterwards a small static page takes its place, so that the saved
notebook needs neither widgets nor a kernel to tell what happened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ipywidgets

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.escape import text
from soundverse_nb.render.summary import Outcome, counts, failures_html, money_words, outcomes_html
from soundverse_nb.widgets.batch import Batch, Tally
from soundverse_nb.widgets.outcomes import Summary, outcome, summarise, time_words
from soundverse_nb.widgets.rows import BUSY_CELL, PER_BEAT, Looks, MessageBudget, Rows
from soundverse_nb.widgets.ticker import FinalDisplay, Ticker

ROWS = 10
_FINISHED_SHOWN = 30
# The widgets' own grey on grey is below the contrast that accessible text has (WCAG 1.4.3: 4.5:1).
_FOLD_STYLE = (
    "<style>.soundverse-fold .jupyter-widget-Collapse-header{color:var(--jp-ui-font-color1)}</style>"
)


def show_in_cell(thing: Any) -> Any:
    """Show something below the cell that is running; gives a handle whose `update` replaces it."""
    from IPython.display import display

    return display(thing, display_id=True)  # type: ignore[no-untyped-call]


class NotebookBoard:
    """A displays.Watcher: one overall bar, a row for each active stream, failures in full, the rest folded.

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
        self._leaving: list[Any] = []
        self._batch = Batch(titles, self._price, self._clock)
        self._cancel = cancel
        self._outbox = MessageBudget()
        self._build()
        self._farewell = FinalDisplay(self._show(self._board))
        self._ticker = Ticker(self.beat, partial(take_down, self._leaving))
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
            self._leaving += [*self._rows.widgets(), *self._fixed, *self._looks.widgets()]
            try:
                self._farewell.say(Summary(*summarise(self._batch)))
            finally:
                # Not before it knows what to take down: a farewell with nothing to do is over at once.
                self._ticker.stop()

    def beat(self) -> None:
        """Bring the widgets up to date, within the beat's allowance of messages."""
        with self._lock:
            if not self._over:
                self._outbox.begin()
                self._refresh()

    def _build(self) -> None:
        looks = self._looks = Looks()
        self._headline = ipywidgets.HTML(layout=looks.wide, style=looks.html)
        self._bar = ipywidgets.FloatProgress(min=0, max=1, layout=looks.overall, style=looks.progress)
        self._stop = ipywidgets.Button(
            description="Cancel all", tooltip=BUSY_CELL, layout=looks.button, style=looks.press
        )
        self._stop.on_click(lambda _: self._ask_to_cancel(None))
        top = ipywidgets.HBox([self._headline, self._stop], layout=looks.top)
        self._rows = Rows(self._most, looks, self._ask_to_cancel)
        self._rest = ipywidgets.HTML(layout=looks.wide, style=looks.html)
        self._failures = ipywidgets.HTML(layout=looks.wide, style=looks.html)
        self._finished = ipywidgets.HTML(layout=looks.wide, style=looks.html)
        self._fold = ipywidgets.Accordion([self._finished], selected_index=None, layout=looks.fold)
        self._fold.add_class("soundverse-fold")
        self._below = ipywidgets.VBox([], layout=looks.below)
        parts = [top, self._bar, self._rows.box, self._rest, self._below]
        self._board = ipywidgets.VBox(parts, layout=looks.board)
        self._fixed = [
            self._headline, self._bar, self._stop, top, self._rest,
            self._failures, self._finished, self._fold, self._below, self._board,
        ]  # fmt: skip
        self._headline.value = _headline(self._batch.tally())

    def _refresh(self) -> None:
        now, outbox = self._batch.now(), self._outbox
        tally, standings = self._batch.tally(), self._batch.standings()
        outbox.set(self._headline, value=_headline(tally))
        outbox.set(self._bar, value=tally.fraction, bar_style="warning" if tally.failed else "info")
        active = [standing for standing in standings if standing.is_active]
        outbox.set(self._rest, value=_rest(len(active) - self._most, tally.waiting))
        self._refresh_ended(outbox)
        self._rows.show(active, now, outbox)

    def _refresh_ended(self, outbox: MessageBudget) -> None:
        ended = self._batch.ended()
        if len(ended) == self._ended:
            return
        failed = [outcome(s) for s in ended if s.phase is Phase.FAILED]
        others = [outcome(s) for s in ended if s.phase is not Phase.FAILED]
        shown = [self._failures] * bool(failed) + [self._fold] * bool(others)
        done = [
            outbox.set(self._failures, value=failures_html(failed)),
            outbox.set(self._finished, value=_FOLD_STYLE + _newest(others)),
            outbox.set(self._fold, titles=(_fold_title(others),)),
            outbox.set(self._below, children=tuple(shown)),
        ]
        if all(done):
            self._ended = len(ended)

    def _ask_to_cancel(self, index: int | None) -> None:
        self._batch.cancelling(index)
        self._cancel(index)


def take_down(widgets: list[Any], most: int = PER_BEAT) -> bool:
    """Close a beat's worth of widgets; True when none is left."""
    for widget in widgets[:most]:
        widget.close()
    del widgets[:most]
    return not widgets


def _headline(tally: Tally) -> str:
    said = counts(tally.finished, tally.failed, tally.cancelled, tally.active, tally.waiting, tally.total)
    money = money_words(tally.spent, tally.simulated)
    quiet = " · ".join(part for part in (time_words(tally), money) if part)
    mark = ' · <span style="border:1px solid #b8860b;border-radius:10px;padding:0 7px">simulated</span>'
    return (
        f'<div style="line-height:1.4"><b>{text(said)}</b> <span style="opacity:0.75">· {text(quiet)}</span>'
        f"{mark if tally.simulated else ''}</div>"
    )


def _fold_title(over: Sequence[Outcome]) -> str:
    finished = sum(outcome.kind == "finished" for outcome in over)
    cancelled = len(over) - finished
    parts = [f"{finished} finished"] * (finished > 0) + [f"{cancelled} cancelled"] * (cancelled > 0)
    return ", ".join(parts)


def _rest(hidden: int, waiting: int) -> str:
    parts = [f"{hidden} more active"] * (hidden > 0) + [f"{waiting} more waiting"] * (waiting > 0)
    return f'<div style="opacity:0.75">and {" and ".join(parts)}</div>' if parts else ""


def _newest(over: Sequence[Outcome]) -> str:
    shown = list(over[-_FINISHED_SHOWN:][::-1])
    more = len(over) - len(shown)
    return outcomes_html(shown) + (f'<div style="opacity:0.75">and {more} before</div>' if more else "")
