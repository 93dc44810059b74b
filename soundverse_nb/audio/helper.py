"""A second thread that works on pieces of a song while the first decodes the next ones."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

# Pieces ahead of the work: enough that neither waits for the other's hiccups, few enough to keep memory flat.
_AHEAD = 2


class Helper:
    """Calls `work` with everything that is put, in order, on a thread of its own.

    `spent` is that thread's processor time in seconds. Where nothing comes for `patience` seconds, `missed`
    is called, on that thread, again and again. Leaving the `with` waits for the end of the work; what `work`
    raised is raised by put() or there.
    """

    def __init__(self, work: Callable[[Any], None], patience: float, missed: Callable[[], None]) -> None:
        self._work, self._patience, self._missed = work, patience, missed
        self._pieces: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._failure: BaseException | None = None
        self.spent = 0.0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Helper:
        thread = threading.Thread(target=self._run, name="soundverse_nb-ears", daemon=True)
        # Where none can be started, at the end of the process for example, the first does all the work.
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread
        return self

    def put(self, piece: Any) -> None:
        """Hand a piece over; waits while too many are waiting."""
        if self._failure is not None:
            raise self._failure
        if self._thread is None:
            self._work(piece)
        else:
            self._pieces.put(piece)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is None:
            return
        self._pieces.put(None)
        self._thread.join()
        if self._failure is not None and kind is None:
            raise self._failure

    def _run(self) -> None:
        while True:
            try:
                piece = self._pieces.get(timeout=self._patience)
            except queue.Empty:
                self._missed()
                continue
            if piece is None:
                return
            if self._failure is None:
                try:
                    self._work(piece)
                except BaseException as failure:
                    self._failure = failure
                self.spent = time.thread_time()
