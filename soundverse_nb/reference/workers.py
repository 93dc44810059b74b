"""Worker processes for preflight of many songs.

Each is a fresh Python that is told what to do over a pipe, so nothing of the program that starts it is run
again there, and nothing of it has to be replaced for that (see audio.worker_process).
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from soundverse_nb.audio.reading import AudioError
from soundverse_nb.audio.worker_process import DiedError, NotStartedError, WorkerProcess
from soundverse_nb.cancellation import contained
from soundverse_nb.reference.check import preflight, refused
from soundverse_nb.reference.facts import DurationBy, Limits
from soundverse_nb.reference.report import PreflightReport
from soundverse_nb.worker_count import worker_count

_FEW = 3
"""Starting processes takes longer than checking so few songs."""

Song = tuple[int, Any]


@dataclass(frozen=True)
class Task:
    """How each song is to be checked."""

    limits: Limits
    quick: bool
    duration_by: DurationBy

    def check(self, song: Any) -> PreflightReport:
        return preflight(song, self.limits, quick=self.quick, duration_by=self.duration_by)


def decoded(
    songs: list[Song], task: Task, workers: int | None, executor: Executor | None
) -> Iterator[tuple[int, PreflightReport]]:
    """Check songs (with their numbers) in processes, and give each report as it comes.

    Where no process can be started this one does the work.
    """
    if executor is not None:
        yield from _on(executor, songs, task)
    elif len(songs) <= _FEW or workers == 1:
        for index, path in songs:
            yield index, task.check(path)
    else:
        yield from _Crew(songs, task).reports(worker_count(len(songs), workers))


class _Crew:
    """Threads that each drive a process of their own and take the next song when one is done."""

    def __init__(self, songs: list[Song], task: Task) -> None:
        self._task = task
        self._waiting: queue.SimpleQueue[Song] = queue.SimpleQueue()
        for song in songs:
            self._waiting.put(song)
        self._count = len(songs)
        # None where a thread ended: then whatever still waits is for this one to check.
        self._done: queue.SimpleQueue[tuple[int, PreflightReport] | None] = queue.SimpleQueue()
        self._processes: dict[int, WorkerProcess] = {}
        self._lock = threading.Lock()
        self._is_over = False

    def reports(self, workers: int) -> Iterator[tuple[int, PreflightReport]]:
        driven = 0
        try:
            for number in range(workers):
                thread = threading.Thread(
                    target=self._drive, args=(number,), name="soundverse_nb-preflight", daemon=True
                )
                with suppress(RuntimeError):  # no thread can be started
                    thread.start()
                    driven += 1
            while self._count and driven:
                report = self._done.get()
                if report is None:
                    driven -= 1
                    continue
                self._count -= 1
                yield report
            for _ in range(self._count):
                index, path = self._waiting.get_nowait()
                yield index, self._task.check(path)
        finally:
            with self._lock:
                self._is_over = True
                for process in self._processes.values():
                    process.close()

    def _drive(self, number: int) -> None:
        try:
            while (song := self._next()) is not None:
                try:
                    report = self._checked(number, song[1])
                except NotStartedError:
                    self._waiting.put(song)
                    return
                self._done.put((song[0], report))
        finally:
            self._done.put(None)

    def _next(self) -> Song | None:
        with suppress(queue.Empty):
            return None if self._is_over else self._waiting.get_nowait()
        return None

    def _checked(self, number: int, path: Any) -> PreflightReport:
        """The report of a process; of a second one where the first died, whoever ended it."""
        for _ in range(2):
            process = self._process(number)
            try:
                return process.call(_checked, os.fspath(path), self._task)
            except DiedError:
                with self._lock:
                    self._processes.pop(number, process).close()
            except Exception as error:  # what cannot be sent there, or back
                return refused(path, _unchecked(error), self._task.limits)
        return refused(path, _CRASH, self._task.limits)

    def _process(self, number: int) -> WorkerProcess:
        process = self._processes.get(number)
        if process is None:
            process = WorkerProcess()
            with self._lock:
                if not self._is_over:
                    self._processes[number] = process
                    return process
            process.close()
            raise NotStartedError("nobody waits any longer")
        return process


def _on(executor: Executor, songs: list[Song], task: Task) -> Iterator[tuple[int, PreflightReport]]:
    futures: dict[Any, Song] = {}
    lost: list[Song] = []
    has_worked = False
    try:
        for index, path in songs:
            with contained():
                future = executor.submit(_checked, os.fspath(path), task)
            futures[future] = index, path
    except Exception:  # broken, closed, or not able to start what it needs
        lost += songs[len(futures) :]
    try:
        for future in as_completed(futures):
            if future.cancelled() or future.exception() is not None:
                lost.append(futures[future])
            else:
                has_worked = True
                yield futures[future][0], future.result()
    finally:
        for future in futures:
            future.cancel()
    # A decoder that crashes takes its process along, and with it the songs that were waiting: each alone now.
    for index, path in lost:
        yield index, _alone(path, task, has_worked)


def _alone(path: Any, task: Task, is_suspect: bool) -> PreflightReport:
    """The report of a process for this song; where none starts, ours, unless it may have killed another."""
    try:
        with WorkerProcess() as process:
            return process.call(_checked, os.fspath(path), task)
    except DiedError:
        return refused(path, _CRASH, task.limits)
    except NotStartedError:
        return refused(path, _UNSAFE, task.limits) if is_suspect else task.check(path)
    except Exception as error:
        return refused(path, _unchecked(error), task.limits)


_CRASH = AudioError("The decoder crashed on this file.", hint="Export it again.", code="unreadable")
_UNSAFE = AudioError(
    "The process that checked this file ended, and no other can be started to check it safely.",
    hint="Check it alone with sv.preflight().",
    code="unreadable",
)


def _unchecked(error: Exception) -> AudioError:
    message = f"This file could not be checked in another process ({type(error).__name__})."
    return AudioError(message, hint="Check it alone with sv.preflight().", code="unreadable")


def _checked(path: str, task: Task) -> PreflightReport:
    return task.check(path)
