"""Progress displays outside a notebook: a board drawn in a terminal, and plain lines for a log."""

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

from soundverse_nb.advice import for_reader
from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.remix.take_names import told_apart
from soundverse_nb.render.escape import plain
from soundverse_nb.render.labels import percent_label
from soundverse_nb.render.summary import MAX_NOTICES, cancelled_text, money_label, summary_text
from soundverse_nb.render.units import span, whole_span
from soundverse_nb.widgets.batch import Batch, BatchCounts, RemixStatus, end_of, time_label

MAX_DETAILED = 16
"""Up to so many remixes are followed stage by stage; of more, failures and twentieths are written."""


class LineDisplay:
    """A displays.ProgressDisplay that writes lines, one a change of stage, not too many."""

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
        """Nothing to write yet."""
        self._batch = Batch(titles, self._price, self._clock)
        self._titles = [plain(title, 60) for title in titles]
        self._written: dict[int, str] = {}
        self._twentieths = 0

    def update(self, update: ProgressUpdate) -> None:
        """A line where the stage has changed."""
        self._batch.add(update)
        if not 0 <= update.index < len(self._titles):
            return
        status = self._batch.status(update.index)
        if update.notice:
            self._notice(update.notice)
        if update.phase is Phase.FAILED:
            self._write(f"{self._titles[update.index]}: failed: {plain(update.message or '', 600)}")
        elif len(self._titles) <= MAX_DETAILED:
            self._stage(update.index, status.label, status.seconds(self._batch.now()))
        if update.phase.is_final and len(self._titles) > MAX_DETAILED:
            self._count()

    def close(self) -> None:
        """The summary, in one line."""
        self._write(_last_line(self._batch))
        if cancelled := _cancelled(self._batch):
            self._write(cancelled)

    def _stage(self, index: int, label: str, seconds: float) -> None:
        if self._written.get(index) != label:
            self._written[index] = label
            self._write(f"{self._titles[index]}: {label} ({span(seconds)})")

    def _notice(self, notice: str) -> None:
        count = len(self._batch.notices())
        if count <= MAX_NOTICES:
            self._write(plain(notice, 600))

    def _count(self) -> None:
        counts = self._batch.counts()
        over = counts.finished + counts.failed + counts.cancelled
        if 20 * over // counts.total > self._twentieths:
            self._twentieths = 20 * over // counts.total
            self._write(f"{over} of {counts.total} over, {counts.failed} failed ({span(counts.seconds)})")

    def _write(self, line: str) -> None:
        print(for_reader(line), file=self._file or sys.stderr, flush=True)


ROWS = 12
_BARS = ((100, 20), (70, 12), (0, 8))
"""How many columns the bar has in a terminal of so many columns or more."""


class TerminalBoard:
    """A displays.ProgressDisplay that draws with rich, four times a second, and leaves the summary."""

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
        self._names = told_apart(titles)
        self._live = Live(
            console=self._console, get_renderable=self.picture, refresh_per_second=4, transient=True
        )
        self._live.start()

    def update(self, update: ProgressUpdate) -> None:
        """Noted at once; a failure is also written above the lines, in full."""
        self._batch.add(update)
        if update.notice and len(self._batch.notices()) <= MAX_NOTICES:
            self._console.print(Text(for_reader(plain(update.notice, 600))))
        if update.phase is Phase.FAILED and 0 <= update.index < self._count:
            title = self._batch.status(update.index).title
            self._console.print(_failed(title, update.message or "failed"))

    def close(self) -> None:
        """The lines give way to the summary in one."""
        self._live.stop()
        self._console.print(Text(_last_line(self._batch), style="bold"))
        if cancelled := _cancelled(self._batch):
            self._console.print(Text(for_reader(cancelled)))

    def picture(self) -> Any:
        """The whole display at this moment."""
        now = self._batch.now()
        active = [status for status in self._batch.statuses() if status.is_active]
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        # Lines that wrap make the whole display jump: each is cut to the terminal's width.
        bar = next(bar for width, bar in _BARS if self._console.width >= width)
        table.add_column(width=bar)
        table.add_column(width=10, justify="right", no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for status in active[:ROWS]:
            table.add_row(*_cells(self._names[status.place], status, now, bar))
        counts = self._batch.counts()
        rest = Text(f"and {len(active) - ROWS} more active", style="dim") if len(active) > ROWS else Text("")
        return Group(_headline(counts), table, *([rest] if rest.plain else []))


def _cells(name: str, status: RemixStatus, now: float, bar: int) -> tuple[Any, ...]:
    return (
        Text(plain(name, 80)),
        ProgressBar(total=100, completed=status.progress, width=bar),
        Text(whole_span(status.seconds(now)), style="dim"),
        Text(status.label_at(now) + percent_label(status.progress)),
    )


def _headline(counts: BatchCounts) -> Text:
    quiet = [time_label(counts), *_extras(counts)]
    line = Text(counts.label, style="bold", no_wrap=True, overflow="ellipsis")
    return line.append(" · " + " · ".join(quiet), style="not bold dim")


def _last_line(batch: Batch) -> str:
    return " · ".join([_ended(batch), *_extras(batch.counts())])


def _ended(batch: Batch) -> str:
    now = batch.now()
    return summary_text([end_of(status, now) for status in batch.statuses()], batch.counts().seconds)


def _cancelled(batch: Batch) -> str:
    """What was sent of the cancelled ones, "" where none was cancelled."""
    ends = [end_of(status) for status in batch.statuses()]
    return cancelled_text(ends, batch.price, batch.counts().simulated)


def _extras(counts: BatchCounts) -> list[str]:
    money = money_label(counts.spent, counts.simulated)
    return [money] * bool(money) + ["simulated"] * counts.simulated


def _failed(title: str, message: str) -> Text:
    return (
        Text("✗ ", style="red")
        .append(plain(title, 80), style="bold")
        .append(f": {for_reader(plain(message, 600))}")
    )
