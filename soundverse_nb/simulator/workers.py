"""Render workers: a few plain processes that make the music, one remix each at a time.

What a process takes it gives back when it ends, so a worker that has had nothing to do for a moment ends.
Where no process can be started, this one does the work, on a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from soundverse_nb.audio.worker_process import DiedError, NotStartedError, WorkerProcess
from soundverse_nb.simulator.work import AbandonedError, Task, run_for

IDLE_SECONDS = 1.5
_TRIES = 2  # a process that dies is perhaps not the song's fault


def worker_count() -> int:
    """One worker a core this process may use, at most two: each holds a hundred megabytes or so."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(2, cores))


def release_free_memory() -> None:
    """Give back what this process has freed and its C library still holds, where that is the GNU one.

    A batch is handed in, decoded and checked on a dozen threads, each with a heap of its own: a hundred
    megabytes stay with them otherwise.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # TypeError: Windows has no library without a name


class Worker:
    """One of them. `call` is for one thread at a time."""

    def __init__(self) -> None:
        self._process: WorkerProcess | None = None
        self._closed = False
        self.resting: asyncio.TimerHandle | None = None

    def call(self, task: Task) -> None:
        """Do this work.

        Raises what it raises, AbandonedError once this is closed, DiedError for work that kills its process.
        """
        for attempt in range(_TRIES):
            self._check_open()
            try:
                process = self._process = self._process or WorkerProcess()
            except NotStartedError:
                task.run(self._check_open)
                return
            try:
                self._check_open()  # it may have been closed while the process started
                process.call(run_for, os.getpid(), task)
                return
            except DiedError:
                self.end_process()
                self._check_open()
                if attempt + 1 == _TRIES:
                    raise

    def end_process(self) -> None:
        """Give back what the process holds; the next call starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def close(self) -> None:
        """End the work, from any thread."""
        self._closed = True
        self.end_process()

    def _check_open(self) -> None:
        if self._closed:
            self.end_process()
            raise AbandonedError


class Workers:
    """All of them. Whoever comes first is served first. Lives on one event loop."""

    def __init__(self, count: int) -> None:
        self._all = [Worker() for _ in range(count)]
        self._free = list(self._all)
        self._places = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="soundverse-nb-render")

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Worker]:
        """A worker of one's own, as soon as one is free."""
        async with self._places:
            worker = self._free.pop()  # the one that worked last: its process still runs
            if worker.resting is not None:
                worker.resting.cancel()
            try:
                yield worker
            finally:
                self._free.append(worker)
                loop = asyncio.get_running_loop()
                worker.resting = loop.call_later(IDLE_SECONDS, self._rest, worker)

    def _rest(self, worker: Worker) -> None:
        worker.end_process()
        if len(self._free) == len(self._all):
            release_free_memory()

    async def do(self, worker: Worker, task: Task) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, worker.call, task)

    def close(self) -> None:
        """End all work; blocks until it has ended."""
        for worker in self._all:
            if worker.resting is not None:
                worker.resting.cancel()
            worker.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
