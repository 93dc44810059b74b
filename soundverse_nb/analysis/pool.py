"""Work in processes: our own by default, or any executor that is given, on this machine or on others.

Processes of loky know nothing of the program that starts them: forking would break a kernel's sockets, and
spawning would run a script without a guard a second time. Linear algebra takes one thread in each, for as
many processes as processors would otherwise wait for one another.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from functools import partial
from typing import Any, TypeVar

from soundverse_nb.cancellation import ExitedError, answer_of, contained
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.render.escape import plain
from soundverse_nb.worker_count import worker_count

T = TypeVar("T")
Task = TypeVar("Task")

_IN_FLIGHT = 16
"""Tasks handed over at a time: each may hold a song, and all of a study need not be in memory at once."""

_IDLE_SECONDS = 60
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


class WorkerLostError(SoundverseError):
    """The process that was at work on a song ended before it answered; the song can be measured again."""


class _Processes(Executor):
    """Processes of loky: one a task that waits or runs, and at most so many.

    Its own executor starts all of them for the first task, and each takes memory before it does anything.
    """

    def __init__(self, most: int) -> None:
        import loky  # only whoever measures many songs needs it

        self._lock = threading.Lock()
        self._most = most
        self._executor = loky.ProcessPoolExecutor(
            most,
            timeout=_IDLE_SECONDS,
            env=dict.fromkeys(_THREADS, "1"),
            initializer=_leave_interrupts_to_us,
        )

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        with self._lock:
            # The executor brings its processes to this number at each task. loky's reusable executor grows by
            # the same attribute, but is one for the whole program: joblib's tasks would be among ours.
            unfinished = len(self._executor._pending_work_items) + 1
            self._executor._max_workers = min(self._most, unfinished)
            future: Future[T] = self._executor.submit(function, *arguments, **named)
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait)


class _Pool:
    """Processes that are started when they are first needed and end when they have been idle for a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: _Processes | None = None
        self._made_for: tuple[int, int] | None = None

    def get(self, workers: int) -> Executor | None:
        """The executor, of at least so many processes at most; None where none can be started here."""
        with self._lock:
            wanted = (os.getpid(), max(workers, self._made_for[1] if self._made_for else 0))
            if self._executor is None or self._made_for != wanted:
                try:
                    self._executor = _Processes(wanted[1])
                except (OSError, ImportError, NotImplementedError, ValueError):
                    return None
                self._made_for = wanted
            return self._executor

    def drop(self, executor: Executor | None) -> None:
        """Forget an executor that is broken; the next one is new."""
        with self._lock:
            if executor is self._executor:
                self._executor = self._made_for = None


_pool = _Pool()


def _leave_interrupts_to_us() -> None:
    """In the worker: Ctrl-C reaches every process of a terminal or a kernel, and ends what waits here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def shares_our_disk(executor: Executor | None) -> bool:
    """Whether its workers are certain to see our files; to all others the content itself is sent."""
    return executor is None or isinstance(executor, (ThreadPoolExecutor, ProcessPoolExecutor))


def check_executor(executor: Any) -> None:
    """ConfigurationError for what no task can be handed to."""
    if executor is None or isinstance(executor, Executor):
        return
    hint = "Pass a concurrent.futures.Executor."
    if callable(getattr(executor, "get_executor", None)):
        hint = "Of a dask client pass client.get_executor(pure=False)."
    raise ConfigurationError(f"executor={type(executor).__name__} is no executor.", hint=hint)


def results(
    function: Callable[[Task], T],
    tasks: Sequence[Task],
    executor: Executor | None = None,
    workers: int | None = None,
) -> Iterator[tuple[int, T | SoundverseError]]:
    """The result of each task with its number, as they come; an error in the place of each that failed.

    Without an executor our own processes do the work; with one worker, or where none can be started, it is
    done here. A task whose process ended is tried once more by itself.
    """
    every = range(len(tasks))
    if executor is not None:
        yield from _on(executor, function, tasks, every)
        return
    count = worker_count(len(tasks), workers)
    pool = _pool.get(count) if count > 1 else None
    again: list[int] = []
    for number, result in _on(pool, function, tasks, every):
        if pool is not None and isinstance(result, WorkerLostError):
            again.append(number)
        else:
            yield number, result
    for number in again:
        # Whichever task ended the process, the others were only waiting there: each has it to itself now.
        yield from _on(_pool.get(count), function, tasks, [number])


async def answer(function: Callable[[Task], T], task: Task, executor: Executor | None = None) -> T:
    """The result of one task, awaited; on our own processes or an executor that is given.

    Raises SoundverseError, whatever becomes of the task. One whose process ended is tried once more alone:
    it may have been another task that ended it.
    """
    if executor is not None:
        return await _answer_on(executor, function, task)
    pool = await asyncio.to_thread(_pool.get, worker_count())
    if pool is None:
        return await _answer_on(None, function, task)
    try:
        return await _answer_on(pool, function, task)
    except WorkerLostError:
        alone = await asyncio.to_thread(_Processes, 1)
        try:
            return await _answer_on(alone, function, task)
        finally:
            alone.shutdown(wait=False)


async def _answer_on(executor: Executor | None, function: Callable[[Task], T], task: Task) -> T:
    try:
        if executor is None:
            return await asyncio.to_thread(function, task)
        # In a thread: starting a process, or reaching a cluster, may take a while.
        begin = partial(executor.submit, _on_one_thread, function, task)
        future = await answer_of(lambda: asyncio.get_running_loop().run_in_executor(None, begin))
        return await answer_of(lambda: asyncio.wrap_future(future))
    except Exception as error:
        raise _reason(executor, error) from None


def _on(
    executor: Executor | None, function: Callable[[Task], T], tasks: Sequence[Task], numbers: Iterable[int]
) -> Iterator[tuple[int, T | SoundverseError]]:
    """The tasks of these numbers on an executor; one after the other in this process without one."""
    waiting = deque(numbers)
    running: dict[Future[T], int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < _IN_FLIGHT:
                number = waiting.popleft()
                try:
                    task = tasks[number]  # made only now, since it may hold a whole song
                    if executor is None:
                        result: T | SoundverseError = function(task)
                    else:
                        with contained():
                            running[executor.submit(_on_one_thread, function, task)] = number
                        continue
                except Exception as error:  # of the function; or the executor is broken or closed
                    result = _reason(executor, error)
                yield number, result
            done = wait(running, return_when=FIRST_COMPLETED).done if running else ()
            for future in done:
                number = running.pop(future)
                try:
                    with contained():
                        answer: T | SoundverseError = future.result()
                except Exception as error:
                    answer = _reason(executor, error)
                yield number, answer
    finally:
        for future in running:
            future.cancel()


def _on_one_thread(function: Callable[[Task], T], task: Task) -> T:
    """In the worker: linear algebra takes one thread, for there may be a worker for each processor."""
    from threadpoolctl import threadpool_limits  # only whoever measures needs it

    with threadpool_limits(1):
        return function(task)


def _reason(executor: Executor | None, error: Exception) -> SoundverseError:
    """The error as an entry of a table says it: ours as it is, a lost worker by its name."""
    if isinstance(error, SoundverseError):
        return error
    if _is_lost(error):
        _pool.drop(executor)
        return WorkerLostError(
            "The process that measured it ended before it answered.",
            hint="Measure again: what is done already is kept, only this is missing.",
        )
    said = plain(f"{type(error).__name__}: {error}", 200)
    return SoundverseError(f"It could not be measured: {said}", hint="Measure it alone with sv.analyse().")


def _is_lost(error: BaseException) -> bool:
    """A broken pool of the standard library's kind or loky's; dask's word for a task whose workers died."""
    if isinstance(error, ExitedError) and error.__cause__ is not None:
        error = error.__cause__  # cancelled there, say
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint({"BrokenExecutor", "KilledWorker", "CancelledError", "FutureCancelledError"})
