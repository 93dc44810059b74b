"""Progress in a terminal: a line for each active remix, redrawn in place by rich, a summary at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from soundverse_nb.displays import News, Phase
from soundverse_nb.render.escape import plain
from soundverse_nb.render.quantity import clock
from soundverse_nb.render.tally import counts, money_words
from soundverse_nb.widgets.batch import Batch, Standing, Tally
from soundverse_nb.widgets.outcomes import summarise, time_words

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

    def news(self, news: News) -> None:
        """Noted at once; a failure is also said above the lines, in full."""
        self._batch.add(news)
        if news.phase is Phase.FAILED and 0 <= news.index < self._count:
            title = self._batch.standing(news.index).title
            self._console.print(_failed(title, news.message or "failed"))

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
