"""One slow heartbeat for everything that moves, on a thread of its own.

A thread, because the board must keep moving while the kernel's main thread waits in a blocking cell. It runs
in a copy of the context in which it was made: ipykernel keeps there which cell is speaking, so output goes to
the right one.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable

logger = logging.getLogger("soundverse_nb.widgets")

SECONDS = 0.25
"""Four beats a second: smooth to the eye, far below the 1000 messages a second at which Jupyter cuts off."""


class Ticker:
    """Calls `beat` about four times a second until stopped, then `farewell` likewise until it says True.

    A call that fails ends the ticking; the work that is watched goes on.
    """

    def __init__(
        self, beat: Callable[[], object], farewell: Callable[[], bool], seconds: float = SECONDS
    ) -> None:
        self._beat, self._farewell, self._seconds = beat, farewell, seconds
        self._stop = threading.Event()
        self._context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=self._context.run, args=(self._run,), name="soundverse-ticker", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No beat begins after this; the farewell follows on the ticker's own thread."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._seconds):
                self._beat()
            while not self._farewell():
                threading.Event().wait(self._seconds)
        except Exception as error:  # a front end may raise anything
            logger.warning("The progress display stopped: %s", type(error).__name__)
