"""Reference songs on their way in: fetched from their URL, kept by content, measured against the limits."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import aiohttp
from yarl import URL

from soundverse_nb.simulator import listening, refusals

FETCH_SECONDS = 60.0
MAX_REDIRECTS = 5
BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class Reference:
    """A song that passed: its SHA-256, where it lies, and how long it lasts in seconds."""

    digest: str
    path: Path
    seconds: float


class TooManyBytesError(Exception):
    """More bytes came than are taken."""


async def keep_bytes(blocks: AsyncIterator[bytes], folder: Path, limit: int) -> tuple[str, Path, int]:
    """Write a stream of bytes into a file named after its SHA-256; gives digest, path and size.

    Raises TooManyBytesError past `limit` bytes; nothing is left behind then.
    """
    digest = hashlib.sha256()
    size = 0
    with _incoming(folder) as file:
        async for block in blocks:
            size += len(block)
            if size > limit:
                raise TooManyBytesError
            digest.update(block)
            file.write(block)
        return digest.hexdigest(), _rename(file, folder / digest.hexdigest()), size


@contextlib.contextmanager
def _incoming(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in the folder; it is gone afterwards unless it was renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="incoming-", delete=False) as file:
        try:
            yield file
        finally:
            file.close()
            Path(file.name).unlink(missing_ok=True)


def _rename(file: IO[bytes], path: Path) -> Path:
    file.close()
    return Path(file.name).replace(path)


class Intake:
    """Fetches and measures references; the same URL asked for twice at one time is fetched once."""

    def __init__(self, folder: Path, executor: Executor) -> None:
        self._folder = folder
        self._executor = executor
        self._session: aiohttp.ClientSession | None = None
        self._verdicts: dict[str, asyncio.Future[Reference]] = {}
        self._under_way: dict[str, asyncio.Future[Reference]] = {}

    async def open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        self._session = aiohttp.ClientSession(
            timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept-Encoding": "identity"}
        )

    async def close(self) -> None:
        for waiting in [*self._under_way.values(), *self._verdicts.values()]:
            waiting.cancel()
        if self._session is not None:
            await self._session.close()

    async def take(self, url: str) -> Reference:
        """The reference behind this URL; raises Refusal where the service would refuse it."""
        return await _shared(self._under_way, url, lambda: self._fetch_and_measure(url), keep=False)

    async def _fetch_and_measure(self, url: str) -> Reference:
        digest, path = await self._fetch(url)
        return await _shared(self._verdicts, digest, lambda: self._measure(digest, path), keep=True)

    async def _fetch(self, url: str) -> tuple[str, Path]:
        try:
            target = URL(url, encoded=url.isascii())
            reachable = target.scheme in ("http", "https") and bool(target.host)
        except ValueError:
            reachable = False
        if not reachable:
            raise refusals.reference_error("Invalid URL, it must be publicly accessible over http or https")
        assert self._session is not None
        limit = refusals.MAX_REFERENCE_BYTES
        try:
            async with self._session.get(target, max_redirects=MAX_REDIRECTS) as answer:
                if answer.status != 200:
                    raise refusals.reference_error(f"Failed to download file: HTTP {answer.status}")
                if answer.content_length is not None and answer.content_length > limit:
                    raise refusals.reference_too_large(answer.content_length)
                digest, path, _ = await keep_bytes(
                    answer.content.iter_chunked(BLOCK_BYTES), self._folder, limit
                )
                return digest, path
        except TooManyBytesError:
            raise refusals.reference_too_large(limit + 1) from None
        except asyncio.TimeoutError:
            raise refusals.reference_error("Failed to download file: timed out") from None
        except aiohttp.TooManyRedirects:
            raise refusals.reference_error("Failed to download file: too many redirects") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise refusals.reference_error("Failed to download file: could not be reached") from None

    async def _measure(self, digest: str, path: Path) -> Reference:
        longest = refusals.MAX_REFERENCE_SECONDS
        loop = asyncio.get_running_loop()
        try:
            heard = await loop.run_in_executor(self._executor, listening.measure, path, longest + 1.0)
        except listening.UndecodableError:
            raise refusals.reference_error("The file is not audio that can be decoded") from None
        if heard.seconds < refusals.MIN_REFERENCE_SECONDS:
            raise refusals.reference_too_short(heard.seconds)
        if heard.seconds > longest:
            raise refusals.reference_too_long(heard.seconds, cut_off=heard.cut_off)
        return Reference(digest, path, heard.seconds)


async def _shared(
    running: dict[str, asyncio.Future[Reference]],
    key: str,
    start: Callable[[], Awaitable[Reference]],
    *,
    keep: bool,
) -> Reference:
    """Join the work under this key, or start it; one caller that goes away does not stop the others."""
    work = running.get(key)
    if work is None:
        work = asyncio.ensure_future(start())
        running[key] = work

        def finished(done: asyncio.Future[Any]) -> None:
            if not done.cancelled():
                done.exception()  # seen by whoever still waits
            if not keep:
                running.pop(key, None)

        work.add_done_callback(finished)
    try:
        return await asyncio.shield(work)
    except refusals.Refusal as refusal:
        raise refusal.fresh() from None
