"""The last word of a display, said where a saved notebook keeps it.

The work behind a display may end after the cell that shows it. A page that is open takes the last word then;
nbclient (nbconvert --execute, papermill, Voila) listens to the running cell alone, and what is published for
an earlier one is lost. So it is said once more at the end of the next cell and in its name: that of the cell
that waited for the work, whichever way it did. An update names the display it is for, so it lands there.
"""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("soundverse_nb.widgets")


class Farewell:
    """The end of one display: `handle.update` replaces it. Made in the cell that shows it."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._words: Any = None
        self._is_first_cell = True
        at_cell_ends(self._cell_ended)

    def say(self, words: Any) -> None:
        """Put this in the display's place, from any thread, in the name of the cell that shows it."""
        with self._lock:
            self._words = words
            if self._handle is not None:
                self._context.run(self._handle.update, words)

    def _cell_ended(self) -> bool:
        """True when there is nothing left to say."""
        # The lock: what was being said while the first cell ended is out before the cell is over.
        with self._lock:
            was_first, self._is_first_cell = self._is_first_cell, False
            if self._words is None:
                return False
            if not was_first and self._handle is not None:
                self._handle.update(self._words)
            return True


def at_cell_ends(look: Callable[[], bool]) -> None:
    """Call this at the end of every cell, still as part of it, until it says True. Outside IPython: never."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return

    def ended(*_: object) -> None:
        try:
            done = look()
        except Exception as error:  # a front end may raise anything; the cell is no part of it
            logger.warning("The progress display could not be closed: %s", type(error).__name__)
            done = True
        if done:
            shell.events.unregister("post_run_cell", ended)

    shell.events.register("post_run_cell", ended)
