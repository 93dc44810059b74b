"""Progress where nothing can be redrawn, as in a log: plain lines, one a change of stage, not too many."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.escape import plain
from soundverse_nb.render.summary import counts, money_words
from soundverse_nb.render.units import clock, span
from soundverse_nb.widgets.batch import Batch, Standing, Tally
from soundverse_nb.widgets.outcomes import summarise, time_words

FULL_STORY = 16
"""A batch of up to this many remixes is told stage by stage; of a greater one failures and twentieths."""


class Lines:
    """A displays.Watcher that writes lines."""

    def __init__(
        self,
        price: float | None = None,
        *,
        file: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._price, self._clock = price, clock
        self._file = file

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        """Nothing to say yet."""
        self._batch = Batch(titles, self._price, self._clock)
        self._titles = [plain(title, 60) for title in titles]
        self._said: dict[int, str] = {}
        self._twentieths = 0

    def update(self, update: ProgressUpdate) -> None:
        """A line where the stage has changed."""
        self._batch.add(update)
        if not 0 <= update.index < len(self._titles):
            return
        standing = self._batch.standing(update.index)
        if update.phase is Phase.FAILED:
            self._write(f"{self._titles[update.index]}: failed: {plain(update.message or '', 600)}")
        elif len(self._titles) <= FULL_STORY:
            self._stage(update.index, standing.words, standing.seconds(self._batch.now()))
        if update.phase.is_final and len(self._titles) > FULL_STORY:
            self._count()

    def close(self) -> None:
        """How it ended, in one line."""
        tally = self._batch.tally()
        line, _ = summarise(self._batch)
        extra = [money_words(tally.spent, tally.simulated), "simulated" if tally.simulated else ""]
        self._write(" · ".join([line, *filter(None, extra)]))

    def _stage(self, index: int, words: str, seconds: float) -> None:
        if self._said.get(index) != words:
            self._said[index] = words
            self._write(f"{self._titles[index]}: {words} ({span(seconds)})")

    def _count(self) -> None:
        tally = self._batch.tally()
        over = tally.finished + tally.failed + tally.cancelled
        if 20 * over // tally.total > self._twentieths:
            self._twentieths = 20 * over // tally.total
            self._write(f"{over} of {tally.total} over, {tally.failed} failed ({span(tally.seconds)})")

    def _write(self, line: str) -> None:
        print(line, file=self._file or sys.stderr, flush=True)


ROWS = 12


class TerminalBoard:
    """A displays.Watcher that draws with rich, four times a second, and leaves the summary on the screen."""

    def __init__(
        self,
        price: float | None = None,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._price, self._clock = price, clock
        self._console = console or Console(file=sys.stderr)

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        """Begin to draw. Cancelling is Ctrl-C's business here."""
        self._batch, self._count = Batch(titles, self._price, self._clock), len(titles)
        self._live = Live(
            console=self._console, get_renderable=self.picture, refresh_per_second=4, transient=True
        )
        self._live.start()

    def update(self, update: ProgressUpdate) -> None:
        """Noted at once; a failure is also said above the lines, in full."""
        self._batch.add(update)
        if update.phase is Phase.FAILED and 0 <= update.index < self._count:
            title = self._batch.standing(update.index).title
            self._console.print(_failed(title, update.message or "failed"))

    def close(self) -> None:
        """The lines give way to one that says how it ended."""
        self._live.stop()
        line, _ = summarise(self._batch)
        tally = self._batch.tally()
        extra = [money_words(tally.spent, tally.simulated), "simulated" if tally.simulated else ""]
        self._console.print(Text(" · ".join([line, *filter(None, extra)]), style="bold"))

    def picture(self) -> Any:
        """The whole display at this moment."""
        now = self._batch.now()
        active = [standing for standing in self._batch.standings() if standing.is_active]
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        table.add_column(width=20)
        table.add_column(width=6, justify="right")
        table.add_column(ratio=5, overflow="fold")
        for standing in active[:ROWS]:
            table.add_row(*_cells(standing, now))
        tally = self._batch.tally()
        rest = Text(f"and {len(active) - ROWS} more active", style="dim") if len(active) > ROWS else Text("")
        return Group(_headline(tally), table, *([rest] if rest.plain else []))


def _cells(standing: Standing, now: float) -> tuple[Any, ...]:
    held = f" {standing.progress:.0f} %" if 0 < standing.progress < 90 else ""
    return (
        Text(plain(standing.title, 80)),
        ProgressBar(total=100, completed=standing.progress, width=20),
        Text(clock(int(standing.seconds(now))), style="dim"),
        Text(standing.said(now) + held),
    )


def _headline(tally: Tally) -> Text:
    said = counts(tally.finished, tally.failed, tally.cancelled, tally.active, tally.waiting, tally.total)
    quiet = [time_words(tally), money_words(tally.spent, tally.simulated), "simulated" * tally.simulated]
    return Text(said, style="bold").append(" · " + " · ".join(filter(None, quiet)), style="not bold dim")


def _failed(title: str, said: str) -> Text:
    return Text("✗ ", style="red").append(plain(title, 80), style="bold").append(f": {plain(said, 600)}")
