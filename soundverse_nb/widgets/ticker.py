"""The beat of a progress display, and its final state, published where a saved notebook keeps it."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from soundverse_nb.displays import ipython_shell
from soundverse_nb.widgets.batch import Summary

logger = logging.getLogger("soundverse_nb.widgets")

SECONDS = 0.25
"""Four beats a second: smooth to the eye, far below the 1000 messages a second at which Jupyter cuts off."""


class Ticker:
    """Calls `beat` about four times a second until stopped, then `finish` likewise until it returns True.

    A call that fails ends the ticking; the work that is watched goes on.
    """

    def __init__(
        self, beat: Callable[[], object], finish: Callable[[], bool], seconds: float = SECONDS
    ) -> None:
        self._beat, self._finish, self._seconds = beat, finish, seconds
        self._stop = threading.Event()
        self._context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=self._context.run, args=(self._run,), name="soundverse-ticker", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No beat begins after this; the finish follows on the ticker's own thread."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._seconds):
                self._beat()
            while not self._finish():
                threading.Event().wait(self._seconds)
        except Exception as error:  # a front end may raise anything
            logger.warning("The progress display stopped: %s", type(error).__name__)


def show_job(job: Any, over: Future[Any]) -> None:
    """Show how a job stands, and in the same place how it ended, once it has."""
    from IPython.display import display

    def how_it_stands() -> Summary:
        return Summary(repr(job), job._repr_html_())

    handle = display(how_it_stands(), display_id=True)  # type: ignore[no-untyped-call]
    # Whoever waits for the job may go on before it tells anybody else, so a cell that ends looks for itself.
    final = FinalDisplay(handle, lambda: how_it_stands() if over.done() else None)
    over.add_done_callback(lambda _: final.show(how_it_stands()))


class FinalDisplay:
    """The end of one display: `handle.update` replaces it. Made in the cell that shows it.

    `find` gives the end where it has come although nobody has shown it yet, else None.
    """

    def __init__(self, handle: Any, find: Callable[[], Any] = lambda: None) -> None:
        self._handle = handle
        self._find = find
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._content: Any = None
        self._is_first_cell = True
        at_cell_ends(self._cell_ended)

    def show(self, content: Any) -> None:
        """Put this in the display's place, from any thread, in the name of the cell that shows it."""
        with self._lock:
            self._content = content
            if self._handle is not None:
                self._context.run(self._handle.update, content)

    def _cell_ended(self) -> bool:
        """True when there is nothing left to show."""
        # The lock: what was being shown while the first cell ended is out before the cell is over.
        with self._lock:
            shown, self._is_first_cell = self._is_first_cell, False
            if self._content is None:
                self._content, shown = self._find(), False
            if self._content is None:
                return False
            if not shown and self._handle is not None:
                self._handle.update(self._content)
            return True


def at_cell_ends(callback: Callable[[], bool]) -> None:
    """Call this at each cell's end, still as part of it, until it returns True. Outside IPython: never."""
    shell = ipython_shell()
    if shell is None:
        return

    def ended(*_: object) -> None:
        try:
            done = callback()
        except Exception as error:  # a front end may raise anything; the cell is no part of it
            logger.warning("The progress display could not be closed: %s", type(error).__name__)
            done = True
        if done:
            shell.events.unregister("post_run_cell", ended)

    shell.events.register("post_run_cell", ended)
