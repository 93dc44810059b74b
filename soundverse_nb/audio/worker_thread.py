"""Helper thread: works on pieces of a song while the first thread decodes the next ones."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

# Pieces ahead of the work: enough that neither waits for the other's hiccups, few enough to keep memory flat.
_AHEAD = 2


class HelperThread:
    """Calls `work` with everything that is put, in order, on a thread of its own.

    `spent` is that thread's processor time in seconds. Where the first thread has worked for `stall_seconds`
    of such time and put nothing, `on_stall` is called, on the second, which ends unless that returns True.
    Leaving the `with` waits for the end of the work; what `work` raised is raised by put() or there.
    """

    def __init__(
        self, work: Callable[[Any], object], stall_seconds: float, on_stall: Callable[[], bool]
    ) -> None:
        self._work, self._stall_seconds, self._on_stall = work, stall_seconds, on_stall
        self._pieces: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._failure: BaseException | None = None
        self._is_over = False
        self.spent = 0.0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> HelperThread:
        thread = threading.Thread(target=self._run, name="soundverse_nb-measure", daemon=True)
        # Where none can be started, at the end of the process for example, the first does all the work.
        self._worked = _thread_clock()
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
        self._is_over = True  # first of all: whatever interrupts what follows, the other thread will see it
        if self._thread is None:
            return
        self._pieces.put(None)
        self._thread.join()
        if self._failure is not None and kind is None:
            raise self._failure

    def _run(self) -> None:
        last_piece = self._worked()
        while True:
            try:
                piece = self._pieces.get(timeout=self._stall_seconds)
            except queue.Empty:
                if self._is_over:
                    # The last piece may have come since.
                    if self._pieces.empty():
                        return
                elif self._worked() - last_piece >= self._stall_seconds and not self._on_stall():
                    return
                continue
            if piece is None:
                return
            last_piece = self._worked()
            if self._failure is None:
                try:
                    self._work(piece)
                except BaseException as failure:  # whatever it is, the first thread raises it
                    self._failure = failure
                self.spent = time.thread_time()


def _thread_clock() -> Callable[[], float]:
    """A clock of this thread's work that other threads may read; where there is none, the process's."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    return partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
