"""The rows of the board: a bounded set of widgets, given to active streams, within a budget of messages.

Every change of a widget is a message to the browser. A batch of 500 streams changes hundreds of things a
second, so each beat has a small allowance; what does not fit is sent as it stands in one of the next beats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from ipywidgets.widgets.widget_int import ProgressStyle
from ipywidgets.widgets.widget_string import HTMLStyle
from markupsafe import Markup

from soundverse_nb.displays import Phase
from soundverse_nb.remix.take_names import TakeTitle
from soundverse_nb.render.escape import fill, joined, text
from soundverse_nb.render.labels import percent_label
from soundverse_nb.render.units import whole_span
from soundverse_nb.widgets.batch import RemixStatus

PER_BEAT = 22
"""Times four beats a second: 88 messages, below the hundred a second the board allows itself."""


class MessageBudget:
    """Changes widgets as long as the beat's allowance lasts."""

    def __init__(self, per_beat: int = PER_BEAT) -> None:
        self._per_beat = per_beat
        self.left = per_beat

    def begin(self) -> None:
        """A new beat, a new allowance."""
        self.left = self._per_beat

    def set(self, widget: Any, **traits: Any) -> bool:
        """Give the widget these values in one message; False where the allowance is used up.

        Values it has already cost nothing.
        """
        changed = {name: value for name, value in traits.items() if getattr(widget, name) != value}
        if not changed:
            return True
        if self.left <= 0:
            return False
        self.left -= 1
        with widget.hold_sync():
            for name, value in changed.items():
                setattr(widget, name, value)
        return True

    def spend(self, messages: int) -> bool:
        """Take that many messages from the allowance for something new; False, none taken, if too many."""
        if messages > self.left:
            return False
        self.left -= messages
        return True


_STYLES = {Phase.RETRYING: "warning", Phase.FOLLOWING: "warning", Phase.FETCHING: "success"}
BUSY_CELL = "No longer watch this. While a cell blocks the kernel, interrupt it instead."
"""Kernels do not answer buttons while a blocking cell runs."""

_ONE_LINE = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"

_NEW_ROW = 7  # messages: five widgets, their box, and the list of rows
_REUSED_ROW = 4  # a button of its own, the old one closed, the box's children, the title


def assign_rows(slots: Sequence[int | None], active: Sequence[int], most: int) -> list[int | None]:
    """The stream of each row: one that has a row keeps it, free rows go to the next in order.

    `slots` are the streams of the rows so far; at most `most` rows come back. A row whose stream is
    over is given to the next or becomes None.
    """
    kept = [slot if slot in active else None for slot in slots[:most]]
    taken = {slot for slot in kept if slot is not None}
    queue = [index for index in active if index not in taken]
    for place, slot in enumerate(kept):
        if slot is None and queue:
            kept[place] = queue.pop(0)
    kept += queue[: most - len(kept)]
    return kept


class Row:
    """One stream's line: title, bar, label of its stage, elapsed time, cancel button."""

    def __init__(self, styles: Styles, cancel: Callable[[int], None]) -> None:
        self._styles, self._cancel = styles, cancel
        self.index: int | None = None
        self.title = ipywidgets.HTML(layout=styles.title, style=styles.html)
        self.bar = ipywidgets.FloatProgress(min=0, max=100, layout=styles.bar, style=styles.progress)
        self.label = ipywidgets.HTML(layout=styles.label, style=styles.html)
        self.button = self._new_button()
        self.box = ipywidgets.HBox([self.title, self.bar, self.label, self.button], layout=styles.row)

    def assign(self, status: RemixStatus) -> None:
        """Give the row to another stream.

        The button is made anew: a click on the old one, still on its way, must not cancel the next stream.
        """
        if self.index is not None:
            old, self.button = self.button, self._new_button()
            self.box.children = (self.title, self.bar, self.label, self.button)
            old.close()
        index = self.index = status.place
        self.button.on_click(lambda _: self._cancel(index))
        self.title.value = _title(status)

    def show(self, status: RemixStatus, now: float, budget: MessageBudget) -> None:
        """Bring the row up to date as far as the budget allows."""
        budget.set(self.bar, value=status.progress, bar_style=_STYLES.get(status.phase, "info"))
        budget.set(self.label, value=_label(status, now))
        budget.set(self.button, disabled=status.cancelling)

    def widgets(self) -> list[Any]:
        """Everything to close."""
        return [self.box, self.title, self.bar, self.label, self.button]

    def _new_button(self) -> Any:
        return ipywidgets.Button(
            description="Cancel",
            tooltip=BUSY_CELL,
            layout=self._styles.row_button,
            style=self._styles.button_style,
        )


class Rows:
    """At most `most` rows, made when they are first needed."""

    def __init__(self, most: int, styles: Styles, cancel: Callable[[int], None]) -> None:
        self._most, self._styles, self._cancel = most, styles, cancel
        self._rows: list[Row] = []
        self._turn = 0
        self.box = ipywidgets.VBox([], layout=styles.rows)

    def show(self, active: Sequence[RemixStatus], now: float, budget: MessageBudget) -> None:
        """Give the active streams their rows and bring these up to date, each beat from another row on."""
        statuses = {status.place: status for status in active}
        slots = assign_rows([row.index for row in self._rows], list(statuses), self._most)
        for place, slot in enumerate(slots):
            if slot is not None and not self._assign(place, statuses[slot], budget):
                break
        shown = [row for row in self._rows if row.index in statuses]
        if [row.box for row in shown] != list(self.box.children):
            budget.set(self.box, children=tuple(row.box for row in shown))
        self._turn += 1
        for step in range(len(shown)):
            row = shown[(self._turn + step) % len(shown)]
            if row.index is not None:
                row.show(statuses[row.index], now, budget)

    def _assign(self, place: int, status: RemixStatus, budget: MessageBudget) -> bool:
        if place == len(self._rows):
            if not budget.spend(_NEW_ROW):
                return False
            self._rows.append(Row(self._styles, self._cancel))
            self._rows[place].assign(status)
        elif self._rows[place].index != status.place:
            if not budget.spend(_REUSED_ROW):
                return False
            self._rows[place].assign(status)
        return True

    def widgets(self) -> list[Any]:
        """Everything to close."""
        return [self.box, *(widget for row in self._rows for widget in row.widgets())]


class Styles:
    """Layouts and styles, one of each for all rows: each is a widget, so sharing them saves messages.

    A board of a `single` remix has one button, at its top: it is there before the row is.
    """

    def __init__(self, *, single: bool = False) -> None:
        self.title = ipywidgets.Layout(
            flex="0 0 22%", width="22%", margin="0", min_width="120px", overflow="hidden"
        )
        self.bar = ipywidgets.Layout(flex="0 0 16%", width="16%", margin="0 10px", min_width="60px")
        self.overall = ipywidgets.Layout(width="auto", height="10px", margin="4px 2px 6px 0")
        self.label = ipywidgets.Layout(flex="1 1 200px", width="auto", margin="0", min_width="120px")
        self.button = ipywidgets.Layout(flex="0 0 auto", width="auto", margin="0 2px")
        self.row_button = ipywidgets.Layout(
            flex="0 0 auto", width="auto", margin="0 2px", display="none" if single else None
        )
        # On a narrow page the words and the button go below the title and the bar.
        self.row = ipywidgets.Layout(
            width="100%", margin="3px 0", align_items="center", overflow="hidden", flex_flow="row wrap"
        )
        self.top = ipywidgets.Layout(width="100%", align_items="center", overflow="hidden")
        self.below = ipywidgets.Layout(width="100%", margin="6px 0 0", overflow="hidden")
        self.fold = ipywidgets.Layout(width="auto", margin="6px 0 0")
        self.rows = ipywidgets.Layout(width="100%", overflow="hidden")
        self.wide = ipywidgets.Layout(width="auto", flex="1 1 auto", margin="0")
        self.board = ipywidgets.Layout(width="100%", max_width="980px", overflow="hidden")
        self.html = HTMLStyle()
        self.progress = ProgressStyle()
        self.button_style = ipywidgets.ButtonStyle()

    def widgets(self) -> list[Any]:
        """Everything to close."""
        return list(vars(self).values())

    def of_the_summary(self) -> list[Any]:
        """What the board needs that tells the end."""
        return [self.board, self.wide, self.html]


def _title(status: RemixStatus) -> Markup:
    title = status.title
    words, song = (title.words, title.song) if isinstance(title, TakeTitle) and title.words else (title, "")
    lines = [fill('<div style="{}">{}</div>', _ONE_LINE, words)]
    lines += [fill('<div style="{};opacity:0.75;font-size:0.9em">{}</div>', _ONE_LINE, song)] * bool(song)
    return fill(
        # The widget's own content box grows with its text; no width of its own lets the ellipsis work.
        '<div title="{}" style="width:0;min-width:100%;line-height:1.3">{}</div>',
        text(title, 160),
        joined(lines),
    )


def _label(status: RemixStatus, now: float) -> Markup:
    return fill(
        '<div style="line-height:1.3"><span style="opacity:0.7;margin-right:6px">{}</span> {}</div>',
        whole_span(status.seconds(now)),
        status.label_at(now) + percent_label(status.progress),
    )
