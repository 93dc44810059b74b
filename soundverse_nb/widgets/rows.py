"""The rows of the board: a bounded set of widgets, lent to active streams, within a budget of messages.

Every change of a widget is a message to the browser. A batch of 500 streams changes hundreds of things a
second, so each beat has a small allowance; what does not fit is sent as it stands in one of the next beats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from ipywidgets.widgets.widget_int import ProgressStyle
from ipywidgets.widgets.widget_string import HTMLStyle

from soundverse_nb.displays import Phase
from soundverse_nb.render.escape import text
from soundverse_nb.render.units import clock
from soundverse_nb.widgets.batch import Standing

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
"""Kernels do not hear buttons while a blocking cell runs."""

_NEW_ROW = 7  # messages: five widgets, their box, and the list of rows
_NEW_TENANT = 4  # a button of its own, the old one closed, the box's children, the title


def seating(slots: Sequence[int | None], active: Sequence[int], most: int) -> list[int | None]:
    """Which stream sits in which row: who has a row keeps it, free rows go to the next in order.

    `seats` are the streams of the rows so far; at most `most` rows come back. A row whose stream is
    over is lent on or becomes None.
    """
    wanted = set(active)
    kept = [slot if slot in wanted else None for slot in slots[:most]]
    taken = {slot for slot in kept if slot is not None}
    queue = [index for index in active if index not in taken]
    for place, slot in enumerate(kept):
        if slot is None and queue:
            kept[place] = queue.pop(0)
    kept += queue[: most - len(kept)]
    return kept


class Row:
    """One stream's line: title, bar, stage in words, elapsed time, cancel button."""

    def __init__(self, looks: Looks, cancel: Callable[[int], None]) -> None:
        self._looks, self._cancel = looks, cancel
        self.index: int | None = None
        self.title = ipywidgets.HTML(layout=looks.title, style=looks.html)
        self.bar = ipywidgets.FloatProgress(min=0, max=100, layout=looks.bar, style=looks.progress)
        self.words = ipywidgets.HTML(layout=looks.words, style=looks.html)
        self.button = self._new_button()
        self.box = ipywidgets.HBox([self.title, self.bar, self.words, self.button], layout=looks.row)

    def slot(self, standing: Standing) -> None:
        """Give the row to another stream.

        The button is made anew: a click on the old one, still on its way, must not cancel the next stream.
        """
        if self.index is not None:
            old, self.button = self.button, self._new_button()
            self.box.children = (self.title, self.bar, self.words, self.button)
            old.close()
        index = self.index = standing.place
        self.button.on_click(lambda _: self._cancel(index))
        self.title.value = _title(standing)

    def show(self, standing: Standing, now: float, outbox: MessageBudget) -> None:
        """Bring the row up to date as far as the outbox allows."""
        outbox.set(self.bar, value=standing.progress, bar_style=_STYLES.get(standing.phase, "info"))
        outbox.set(self.words, value=_words(standing, now))
        outbox.set(self.button, disabled=standing.cancelling)

    def widgets(self) -> list[Any]:
        """Everything to close."""
        return [self.box, self.title, self.bar, self.words, self.button]

    def _new_button(self) -> Any:
        return ipywidgets.Button(
            description="Cancel", tooltip=BUSY_CELL, layout=self._looks.button, style=self._looks.press
        )


class Rows:
    """At most `most` rows, made when they are first needed."""

    def __init__(self, most: int, looks: Looks, cancel: Callable[[int], None]) -> None:
        self._most, self._looks, self._cancel = most, looks, cancel
        self._rows: list[Row] = []
        self._turn = 0
        self.box = ipywidgets.VBox([], layout=looks.rows)

    def show(self, active: Sequence[Standing], now: float, outbox: MessageBudget) -> None:
        """Give the active streams their rows and bring these up to date, each beat from another row on."""
        standings = {standing.place: standing for standing in active}
        slots = seating([row.index for row in self._rows], list(standings), self._most)
        for place, slot in enumerate(slots):
            if slot is not None and not self._seated(place, standings[slot], outbox):
                break
        shown = [row for row in self._rows if row.index in standings]
        if [row.box for row in shown] != list(self.box.children):
            outbox.set(self.box, children=tuple(row.box for row in shown))
        self._turn += 1
        for step in range(len(shown)):
            row = shown[(self._turn + step) % len(shown)]
            if row.index is not None:
                row.show(standings[row.index], now, outbox)

    def _seated(self, place: int, standing: Standing, outbox: MessageBudget) -> bool:
        if place == len(self._rows):
            if not outbox.spend(_NEW_ROW):
                return False
            self._rows.append(Row(self._looks, self._cancel))
            self._rows[place].slot(standing)
        elif self._rows[place].index != standing.place:
            if not outbox.spend(_NEW_TENANT):
                return False
            self._rows[place].slot(standing)
        return True

    def widgets(self) -> list[Any]:
        """Everything to close."""
        return [self.box, *(widget for row in self._rows for widget in row.widgets())]


class Looks:
    """Layouts and styles, one of each for all rows: each is a widget, so sharing them saves messages."""

    def __init__(self) -> None:
        self.title = ipywidgets.Layout(
            flex="0 0 22%", width="22%", margin="0", min_width="120px", overflow="hidden"
        )
        self.bar = ipywidgets.Layout(flex="0 0 16%", width="16%", margin="0 10px", min_width="60px")
        self.overall = ipywidgets.Layout(width="auto", height="10px", margin="4px 2px 6px 0")
        self.words = ipywidgets.Layout(flex="1 1 200px", width="auto", margin="0", min_width="120px")
        self.button = ipywidgets.Layout(flex="0 0 auto", width="auto", margin="0 2px")
        # On a narrow page the words and the button go below the title and the bar.
        self.row = ipywidgets.Layout(
            width="100%", margin="1px 0", align_items="center", overflow="hidden", flex_flow="row wrap"
        )
        self.top = ipywidgets.Layout(width="100%", align_items="center", overflow="hidden")
        self.below = ipywidgets.Layout(width="100%", margin="6px 0 0", overflow="hidden")
        self.fold = ipywidgets.Layout(width="auto", margin="6px 0 0")
        self.rows = ipywidgets.Layout(width="100%", overflow="hidden")
        self.wide = ipywidgets.Layout(width="auto", flex="1 1 auto", margin="0")
        self.board = ipywidgets.Layout(width="100%", max_width="980px", overflow="hidden")
        self.html = HTMLStyle()
        self.progress = ProgressStyle()
        self.press = ipywidgets.ButtonStyle()

    def widgets(self) -> list[Any]:
        """Everything to close."""
        return list(vars(self).values())


def _title(standing: Standing) -> str:
    said = text(standing.title, 120)
    return (
        # The widget's own content box grows with its text; no width of its own lets the ellipsis work.
        f'<div title="{said}" style="width:0;min-width:100%;overflow:hidden;text-overflow:ellipsis;'
        f'white-space:nowrap">{said}</div>'
    )


def _words(standing: Standing, now: float) -> str:
    percent = f" {standing.progress:.0f} %" if 0 < standing.progress < 90 else ""
    elapsed = clock(int(standing.seconds(now)))
    return (
        f'<div style="line-height:1.3"><span style="opacity:0.7;margin-right:8px">{elapsed}</span>'
        f"{text(standing.said(now))}{percent}</div>"
    )
