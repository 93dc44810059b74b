"""Interrupts that reach a cell at once: Ctrl-C in IPython's terminal, the stop button of a notebook.

A notebook's kernel answers an interrupt by cancelling the cell's task, from a signal handler. That does
not wake an event loop which sleeps until its next event, and while remixes are made elsewhere there may
be none for minutes. IPython's terminal does less: KeyboardInterrupt leaves the loop and the task stays
behind, suspended. So while something of ours is awaited the caller's loop wakes ten times a second, and
in a terminal the first Ctrl-C cancels what is awaited, as `asyncio.run` does; a second one is Python's.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import weakref
from collections.abc import Iterator
from types import FrameType

from soundverse_nb.errors import ipython_shell

WAKE_SECONDS = 0.1
"""So long an interrupt may stay unseen. A wake costs some ten microseconds."""


class _Waiting:
    """The tasks of one loop that wait for us, and the timer that wakes it meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._tasks: dict[asyncio.Task[object], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: asyncio.Task[object]) -> None:
        self._tasks[task] = self._tasks.get(task, 0) + 1
        if self._timer is None:
            self._wake_later()

    def leave(self, task: asyncio.Task[object]) -> None:
        self._tasks[task] -= 1
        if not self._tasks[task]:
            del self._tasks[task]
        if not self._tasks and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _wake_later(self) -> None:
        loop = self._loop()
        self._timer = None if loop is None else loop.call_later(WAKE_SECONDS, self._wake_later)


_waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """While this block awaits something on the caller's loop, an interrupt cancels it within a moment."""
    task = asyncio.current_task()
    # Python hands signals to the main thread; no other loop has to look for them.
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = task.get_loop()
    waiting = _waiting.get(loop)
    if waiting is None:
        waiting = _waiting[loop] = _Waiting(loop)
    waiting.enter(task)
    try:
        with _cancelled_by_ctrl_c(waiting):
            yield
    finally:
        waiting.leave(task)


@contextlib.contextmanager
def _cancelled_by_ctrl_c(waiting: _Waiting) -> Iterator[None]:
    if not _in_terminal_of_ipython() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def cancel(number: int, frame: FrameType | None) -> None:
        restore()
        waiting.cancel()

    def restore() -> None:
        if signal.getsignal(signal.SIGINT) is cancel:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        restore()


def _in_terminal_of_ipython() -> bool:
    """Elsewhere somebody else answers Ctrl-C: the kernel, or `asyncio.run`."""
    shell = ipython_shell()
    return shell is not None and getattr(shell, "kernel", None) is None
