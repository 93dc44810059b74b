"""Looking at many sockets together, as a network card raises one interrupt for many packets.

Hundreds of streams that each say a word a second wake a loop hundreds of times a second, and each time the
waking costs more than the word. A loop that sleeps a moment first finds many words at once.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Iterator
from typing import Any

MANY = 32
"""Connections from which on it pays; with fewer, nothing is ever held back."""

PAUSE = 0.1
"""Seconds between two looks. Displays are redrawn four times a second, and a remix takes minutes."""


class CoalescingSelector(selectors.DefaultSelector):
    """While many connections are open it looks at most ten times a second; else at once.

    Timers keep their time. Where every millisecond counts, `eager()` holds for a block.
    """

    def __init__(self) -> None:
        super().__init__()
        self._looked = 0.0
        self._eager = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._eager or len(self.get_map()) < MANY or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        pause = self._looked + PAUSE - time.monotonic()
        if pause > 0:
            if timeout is not None and timeout <= pause:
                time.sleep(timeout)
                timeout = 0
            else:
                time.sleep(pause)
                timeout = None if timeout is None else timeout - pause
        ready = super().select(timeout)
        self._looked = time.monotonic()
        return ready

    @contextlib.contextmanager
    def eager(self) -> Iterator[None]:
        """Hold nothing back in this block, say for a download, which is as fast as its reads are many."""
        self._eager += 1
        try:
            yield
        finally:
            self._eager -= 1


def eager(loop: Any) -> contextlib.AbstractContextManager[None]:
    """The same for a loop, whatever it selects with."""
    selector = getattr(loop, "_selector", None)
    return selector.eager() if isinstance(selector, CoalescingSelector) else contextlib.nullcontext()
