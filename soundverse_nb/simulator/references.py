"""Reference songs: fetched from their URL, kept by content, measured against the limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from soundverse_nb.simulator import refusals
from soundverse_nb.simulator.access import BoundedResolver, OutOfBoundsError, check_bounds
from soundverse_nb.simulator.song import UndecodableError, measure
from soundverse_nb.simulator.storage import BLOCK_BYTES, TooManyBytesError, keep_bytes
from soundverse_nb.simulator.uploads import Uploads
from soundverse_nb.urls import InvalidURLError, WebURL

FETCH_SECONDS = 60.0
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class FetchedReference:
    """A song that passed: its SHA-256, where it lies, and how long it lasts in seconds."""

    digest: str
    path: Path
    seconds: float


def _keep_too(path: Path, kept: Path) -> None:
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, kept)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        shutil.copyfile(path, kept)


class References:
    """Fetches and measures references; the same URL asked for twice at one time is fetched once.

    `guarded` is for a service that other machines can ask: then it fetches from nowhere that only this
    machine can see. What was handed to the service itself is at hand, and not fetched.
    """

    def __init__(self, folder: Path, executor: Executor, uploads: Uploads, *, guarded: bool) -> None:
        self._folder = folder
        self._executor = executor
        self._uploads = uploads
        self._guarded = guarded
        self._session: aiohttp.ClientSession | None = None
        self._verdicts: dict[str, asyncio.Future[FetchedReference]] = {}
        self._under_way: dict[str, asyncio.Future[FetchedReference]] = {}

    async def open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
            connector=aiohttp.TCPConnector(resolver=BoundedResolver()) if self._guarded else None,
        )

    async def close(self) -> None:
        for waiting in [*self._under_way.values(), *self._verdicts.values()]:
            waiting.cancel()
        if self._session is not None:
            await self._session.close()

    async def fetch(self, url: str) -> FetchedReference:
        """The reference behind this URL; raises Refusal where the service would refuse it."""
        return await _shared(self._under_way, url, lambda: self._fetch_and_measure(url), keep=False)

    async def _fetch_and_measure(self, url: str) -> FetchedReference:
        digest, path = await self._fetch(url)
        try:
            return await _shared(self._verdicts, digest, lambda: self._measure(digest, path), keep=True)
        except refusals.Refusal:  # nobody makes a remix of it
            path.unlink(missing_ok=True)
            raise

    async def _fetch(self, url: str) -> tuple[str, Path]:
        try:
            target = WebURL.parse(url)
        except InvalidURLError:
            raise refusals.reference_error(
                "Invalid URL, it must be publicly accessible over http or https"
            ) from None
        if self._uploads.names(_as_asked(target)):
            return await self._handed_over(_as_asked(target))
        limit = refusals.MAX_REFERENCE_BYTES
        try:
            async with self._opened(target) as answer:
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
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            why = str(cause) if isinstance(cause, OutOfBoundsError) else "could not be reached"
            raise refusals.reference_error(f"Failed to download file: {why}") from None

    @contextlib.asynccontextmanager
    async def _opened(self, target: WebURL) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer behind at most five redirects, each looked at before it is followed."""
        assert self._session is not None
        for _ in range(MAX_REDIRECTS + 1):
            asked = _as_asked(target)
            if self._guarded:
                check_bounds(asked)
            async with self._session.get(asked, allow_redirects=False) as answer:
                where = answer.headers.get("Location") if answer.status in _REDIRECTS else None
                if where is None:
                    yield answer
                    return
            target = target.join(where)
        raise refusals.reference_error("Failed to download file: too many redirects")

    async def _handed_over(self, url: URL) -> tuple[str, Path]:
        """A song that lies here already: linked where it can be, as it may be taken back any time."""
        path = self._uploads.behind(url)
        if path is None:
            raise refusals.reference_error("Failed to download file: HTTP 404")
        size = path.stat().st_size
        if size > refusals.MAX_REFERENCE_BYTES:
            raise refusals.reference_too_large(size)
        kept = self._folder / path.name
        await asyncio.get_running_loop().run_in_executor(self._executor, _keep_too, path, kept)
        return path.name, kept

    async def _measure(self, digest: str, path: Path) -> FetchedReference:
        longest = refusals.MAX_REFERENCE_SECONDS
        loop = asyncio.get_running_loop()
        try:
            measured = await loop.run_in_executor(self._executor, measure, path, longest + 1.0)
        except UndecodableError:
            raise refusals.reference_error("The file is not audio that can be decoded") from None
        if measured.seconds < refusals.MIN_REFERENCE_SECONDS:
            raise refusals.reference_too_short(measured.seconds)
        if measured.seconds > longest:
            raise refusals.reference_too_long(measured.seconds, cut_off=measured.cut_off)
        return FetchedReference(digest, path, measured.seconds)


def _as_asked(url: WebURL) -> URL:
    """The URL for aiohttp, letter by letter, as a signature covers it."""
    return URL(url.full, encoded=True)


async def _shared(
    running: dict[str, asyncio.Future[FetchedReference]],
    key: str,
    start: Callable[[], Awaitable[FetchedReference]],
    *,
    keep: bool,
) -> FetchedReference:
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
