"""Rendering remixes: each distinct one once, a few at a time, the rest in the order they were asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import soundverse_nb
from soundverse_nb.audio.worker_process import DiedError
from soundverse_nb.simulator.drift import NO_DRIFT, Drift
from soundverse_nb.simulator.references import FetchedReference
from soundverse_nb.simulator.song import UndecodableError
from soundverse_nb.simulator.store import MAX_REMIX_BYTES
from soundverse_nb.simulator.work import AbandonedError, Preparation, Rendering
from soundverse_nb.simulator.workers import Worker, Workers

MAX_PREPARED = 3  # songs that stay decoded on disk, up to 62 MB each
LOOK_SECONDS = 0.1  # between two looks at how far a remix is


@dataclass(frozen=True)
class RemixSpec:
    """What a remix depends on, and nothing else: equal specs give equal bytes."""

    reference: FetchedReference
    prompt: str
    lyrics: str
    parameters: str
    title: str
    take: int = 1
    drift: Drift = NO_DRIFT

    @property
    def key(self) -> str:
        # With the version: what an older one made of the same request lies in the same folder.
        parts = [self.reference.digest, self.prompt, self.lyrics, self.parameters, self.title,
                 soundverse_nb.__version__]  # fmt: skip
        if (self.take, self.drift) != (1, NO_DRIFT):
            parts += [str(self.take), repr(self.drift)]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Making:
    """The making of one remix, as whoever waits for it sees it: queued, begun, so far done, made or failed.

    Lives on the service's loop. Times are on the monotonic clock, None where it has not come to that.
    """

    def __init__(self) -> None:
        self.begun_at: float | None = None
        self.made_at: float | None = None
        self.fraction = 0.0
        self.failure: str | None = None
        self.is_put_off = False  # nobody waits for it: it is made when it is asked for
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """A worker has turned to it."""
        self.begun_at = time.monotonic()
        self._tell()

    def proceed(self, fraction: float) -> None:
        """So much of the work is done, 0-1; it never becomes less."""
        if fraction > self.fraction:
            self.fraction = min(1.0, fraction)
            self._tell()

    def end(self, at: float | None = None) -> None:
        """The file is there, since now or `at`."""
        self.made_at = time.monotonic() if at is None else at
        self.begun_at = self.made_at if self.begun_at is None else self.begun_at
        self.fraction = 1.0
        self._tell()

    def put_off(self) -> None:
        """It is not made ahead, and nobody is to wait for it."""
        self.is_put_off = True
        self._tell()

    def fail(self, reason: str) -> None:
        """There will be none, for this reason."""
        if not self.is_put_off:
            self.failure = reason
        self._tell()

    async def change(self, seconds: float | None) -> None:
        """Wait for the next news, so many seconds at most."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class RenderError(Exception):
    """This remix cannot be made; its text is a sentence."""


class Renderer:
    """Makes remixes with its workers and keeps the files; the oldest go first when space runs out.

    `remixes` is the folder of finished ones, which may hold some already; `songs` that of songs made ready.
    """

    def __init__(self, remixes: Path, songs: Path, workers: Workers) -> None:
        for folder in (remixes, songs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remixes = remixes
        self._workers = workers
        self._prepared = _PreparedSongs(songs, workers)
        self._works: dict[str, tuple[Making, asyncio.Future[Path]]] = {}
        self._waiting: set[str] = set()  # keys of those that no worker has turned to
        self._asked: Counter[str] = Counter()  # how many wait for the file itself

    def begin(self, spec: RemixSpec) -> Making:
        """See to it that this remix is made, and tell how far it is."""
        return self._work(spec)[0]

    def put_off(self) -> None:
        """Leave what no worker has turned to and nobody asked for, until somebody does."""
        for key in [key for key in self._waiting if not self._asked[key]]:
            making, work = self._works.pop(key)
            self._waiting.discard(key)
            making.put_off()
            work.cancel()

    async def audio(self, spec: RemixSpec) -> Path:
        """The finished MP3, made now if it is not there yet; RenderError where it cannot be."""
        key = spec.key
        self._asked[key] += 1
        try:
            return await asyncio.shield(self._work(spec)[1])
        finally:
            self._asked[key] -= 1
            if not self._asked[key]:
                del self._asked[key]

    async def close(self) -> None:
        """Stop what is being made."""
        works = [work for _, work in self._works.values()]
        for work in works:
            work.cancel()
        # Here, if it takes a moment: while the interpreter ends, no thread can be had for it.
        self._workers.close()
        await asyncio.gather(*works, return_exceptions=True)

    def _work(self, spec: RemixSpec) -> tuple[Making, asyncio.Future[Path]]:
        key = spec.key
        known = self._works.get(key)
        if known is None or (known[1].done() and not self._path(key).is_file()):
            making = Making()
            if self._path(key).is_file():
                making.end(at=-math.inf)
            work = asyncio.ensure_future(self._make(key, spec, making))
            work.add_done_callback(lambda done: self._ended(key, done))
            known = self._works[key] = making, work
            self._waiting.add(key)
        return known

    def _path(self, key: str) -> Path:
        return self._remixes / f"{key}.mp3"

    async def _make(self, key: str, spec: RemixSpec, making: Making) -> Path:
        path = self._path(key)
        try:
            if not path.is_file():
                async with self._workers.one() as worker:
                    self._waiting.discard(key)
                    making.begin()
                    await self._render(worker, spec, path, making)
                making.end()
        except (AbandonedError, asyncio.CancelledError):
            making.fail("The service stopped while it was made.")
            raise
        except Exception as error:
            reason = _sentence(error)
            making.fail(reason)
            raise RenderError(reason) from error
        self._make_room(keep=path)
        return path

    async def _render(self, worker: Worker, spec: RemixSpec, path: Path, making: Making) -> None:
        async with self._prepared.song(spec.reference, worker) as place:
            progress = path.with_suffix(".progress")
            task = Rendering(
                place, path, progress, spec.prompt, spec.lyrics, spec.parameters, spec.title, spec.take,
                spec.drift,
            )  # fmt: skip
            work = asyncio.ensure_future(self._workers.do(worker, task))
            try:
                while not work.done():
                    await asyncio.wait([work], timeout=LOOK_SECONDS)
                    with contextlib.suppress(OSError, ValueError):
                        making.proceed(float(progress.read_text("ascii")))
            finally:
                await asyncio.shield(work)

    def _ended(self, key: str, done: asyncio.Future[Path]) -> None:
        if key not in self._works or self._works[key][1] is not done:
            return  # it was put off, and is made anew
        self._waiting.discard(key)
        if done.cancelled() or done.exception() is not None:
            del self._works[key]

    def _make_room(self, keep: Path) -> None:
        """Also among what others left in the folder; what is gone is made again when it is asked for."""
        files = []
        for path in self._remixes.glob("*.mp3"):
            with contextlib.suppress(OSError):
                files.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= MAX_REMIX_BYTES:
                return
            if path != keep:
                path.unlink(missing_ok=True)
                total -= size


def _sentence(error: Exception) -> str:
    """Why a remix could not be made, as the document's `error` says it."""
    if isinstance(error, DiedError):
        return "The process that made this remix ended before it was done; there may be too little memory."
    if isinstance(error, UndecodableError):
        return "The reference audio can no longer be decoded."
    if isinstance(error, FileNotFoundError):
        return "The reference audio is no longer kept."
    if isinstance(error, OSError):
        return f"The remix could not be written: {error.strerror or type(error).__name__}."
    return f"The remix could not be made ({type(error).__name__})."


class _PreparedSongs:
    """Songs decoded and analysed, each once; those that were not used for longest go first."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self._folder = folder
        self._workers = workers
        self._songs: OrderedDict[str, asyncio.Future[None]] = OrderedDict()
        self._users: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def song(self, reference: FetchedReference, worker: Worker) -> AsyncIterator[Path]:
        """Where it lies, for as long as it is used; this worker makes it ready where nobody has."""
        digest = reference.digest
        place = self._folder / digest
        self._users[digest] += 1
        try:
            ready = self._songs.get(digest)
            if ready is None:
                task = Preparation(reference.path, place)
                ready = self._songs[digest] = asyncio.ensure_future(self._workers.do(worker, task))
                ready.add_done_callback(lambda done: self._forget_failure(digest, done))
            self._songs.move_to_end(digest)
            await asyncio.shield(ready)
            yield place
        finally:
            self._users[digest] -= 1
            self._make_room()

    def _forget_failure(self, digest: str, done: asyncio.Future[None]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._songs.pop(digest, None)

    def _make_room(self) -> None:
        unused = [digest for digest in self._songs if self._users[digest] == 0]
        for digest in unused[: max(0, len(self._songs) - MAX_PREPARED)]:
            del self._songs[digest]
            for suffix in (".samples", ".npz"):
                (self._folder / digest).with_suffix(suffix).unlink(missing_ok=True)
