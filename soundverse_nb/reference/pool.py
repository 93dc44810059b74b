"""Decoding many songs in worker processes that know nothing of the program which starts them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from soundverse_nb.audio.source import AudioError
from soundverse_nb.reference.check import preflight, refused
from soundverse_nb.reference.limits import Limits
from soundverse_nb.reference.report import PreflightReport

_FEW = 3
"""Starting processes takes longer than checking so few songs."""

_ONE_AT_A_TIME = threading.Lock()


class _Apart(SpawnProcess):
    """Spawned, not forked: a kernel has threads, and a fork of one that holds a lock hangs.

    A spawned process first runs the main script again, which in a script without an
    `if __name__ == "__main__"` would start its workers again, and fail. Ours need nothing from it.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  (multiprocessing's own name)
        with _ONE_AT_A_TIME:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class ApartContext(SpawnContext):
    """A multiprocessing context whose processes do not import the main script."""

    Process = _Apart


def decoded(
    songs: list[tuple[int, Any]],
    limits: Limits,
    quick: bool,
    workers: int | None,
    executor: Executor | None,
) -> Iterator[tuple[int, PreflightReport]]:
    """Check songs (with their numbers) in processes, and give each report as it comes."""
    if executor is None and (len(songs) <= _FEW or workers == 1):
        for index, path in songs:
            yield index, preflight(path, limits, quick=quick)
        return
    if executor is not None:
        yield from _on(executor, songs, limits, quick)
        return
    count = min(len(songs), workers or _processors())
    with ProcessPoolExecutor(count, mp_context=ApartContext()) as pool:
        yield from _on(pool, songs, limits, quick)


def _on(
    executor: Executor, songs: list[tuple[int, Any]], limits: Limits, quick: bool
) -> Iterator[tuple[int, PreflightReport]]:
    tasks: dict[Any, tuple[int, Any]] = {}
    lost: list[tuple[int, Any]] = []
    try:
        for index, path in songs:
            tasks[executor.submit(_checked, os.fspath(path), limits, quick)] = index, path
    except BrokenExecutor:
        lost += songs[len(tasks) :]
    try:
        for task in as_completed(tasks):
            if isinstance(task.exception(), BrokenExecutor):
                lost.append(tasks[task])
            else:
                yield tasks[task][0], task.result()
    finally:
        for task in tasks:
            task.cancel()
    # A decoder that crashes takes its process along, and with it the songs that were waiting: each alone now.
    for index, path in lost:
        yield index, _alone(path, limits, quick)


def _alone(path: Any, limits: Limits, quick: bool) -> PreflightReport:
    with ProcessPoolExecutor(1, mp_context=ApartContext()) as pool:
        try:
            return pool.submit(_checked, os.fspath(path), limits, quick).result()
        except BrokenExecutor:
            crash = AudioError(
                "The decoder crashed on this file.", hint="Export it again.", code="unreadable"
            )
            return refused(path, crash, limits)


def _checked(path: str, limits: Limits, quick: bool) -> PreflightReport:
    return preflight(path, limits, quick=quick)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
