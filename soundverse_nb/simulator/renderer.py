"""Rendering remixes on a few worker threads: each distinct one once, and not before it is asked for."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from soundverse_nb.simulator.references import FetchedReference

MAX_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class RemixSpec:
    """What a remix depends on, and nothing else: equal specs give equal bytes."""

    reference: FetchedReference
    prompt: str
    lyrics: str
    parameters: str
    title: str

    @property
    def key(self) -> str:
        parts = (self.reference.digest, self.prompt, self.lyrics, self.parameters, self.title)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Renderer:
    """Makes remixes on an executor and keeps the files; the oldest go first when space runs out."""

    def __init__(self, folder: Path, executor: Executor, workers: int) -> None:
        self._folder = folder
        self._executor = executor
        self._workers = workers
        self._works: dict[str, asyncio.Future[Path]] = {}
        self._busy = 0
        self._closed = threading.Event()

    async def audio(self, spec: RemixSpec) -> Path:
        """The finished MP3, made now if it is not there yet."""
        work = self._works.get(spec.key) or self._begin(spec)
        return await asyncio.shield(work)

    def prepare_if_idle(self, spec: RemixSpec) -> None:
        """Begin before it is asked for, but only while a worker has nothing to do.

        A few remixes are ready when their stage is reached; five hundred that nobody downloads are not made.
        """
        if self._busy < self._workers and spec.key not in self._works:
            self._begin(spec)

    async def close(self) -> None:
        """Stop what is being made, at its next step."""
        self._closed.set()
        works = list(self._works.values())
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def _begin(self, spec: RemixSpec) -> asyncio.Future[Path]:
        key = spec.key
        work = asyncio.ensure_future(self._make(key, spec))
        work.add_done_callback(self._forget_failure(key))
        self._works[key] = work
        return work

    async def _make(self, key: str, spec: RemixSpec) -> Path:
        self._busy += 1
        try:
            path = self._folder / f"{key}.mp3"
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, _render, spec, path, self._closed)
            self._make_room()
            return path
        finally:
            self._busy -= 1

    def _forget_failure(self, key: str) -> Callable[[asyncio.Future[Path]], None]:
        def finished(done: asyncio.Future[Path]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._works.pop(key, None)

        return finished

    def _make_room(self) -> None:
        finished = [(key, work.result()) for key, work in self._works.items() if work.done()]
        sizes = {key: path.stat().st_size for key, path in finished}
        total = sum(sizes.values())
        for key, path in finished:
            if total <= MAX_KEPT_BYTES:
                return
            path.unlink(missing_ok=True)
            del self._works[key]
            total -= sizes[key]


def worker_count() -> int:
    """One worker a core this process may use, at most four: each holds a whole song in memory."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(4, cores))


class _ClosedError(Exception):
    """The renderer was closed while a remix was being made."""


def _render(spec: RemixSpec, path: Path, closed: threading.Event) -> None:
    from soundverse_nb.simulator.restyle import remix_file  # loads everything that makes music

    def checkpoint() -> None:
        if closed.is_set():
            raise _ClosedError

    part = path.with_suffix(".part")
    remix_file(
        spec.reference.path,
        part,
        prompt=spec.prompt,
        lyrics=spec.lyrics,
        parameters=spec.parameters,
        title=spec.title,
        checkpoint=checkpoint,
    )
    part.replace(path)
