"""Progress where nothing can be redrawn, as in a log: plain lines, one a change of stage, not too many."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from soundverse_nb.displays import News, Phase
from soundverse_nb.render.escape import plain
from soundverse_nb.render.quantity import span
from soundverse_nb.render.tally import money_words
from soundverse_nb.widgets.batch import Batch
from soundverse_nb.widgets.outcomes import summarise

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

    def news(self, news: News) -> None:
        """A line where the stage has changed."""
        self._batch.add(news)
        if not 0 <= news.index < len(self._titles):
            return
        standing = self._batch.standing(news.index)
        if news.phase is Phase.FAILED:
            self._write(f"{self._titles[news.index]}: failed: {plain(news.message or '', 600)}")
        elif len(self._titles) <= FULL_STORY:
            self._stage(news.index, standing.words, standing.seconds(self._batch.now()))
        if news.phase.is_final and len(self._titles) > FULL_STORY:
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
