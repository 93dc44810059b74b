"""Download of a finished file: without the key, within bounds, and on disk either whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import aiohttp

from soundverse_nb.api.address_policy import AddressPolicy, LocalAddressError
from soundverse_nb.api.body import body_text, excerpt, page_text
from soundverse_nb.api.connection import (
    MAX_REDIRECTS,
    NETWORK_ERRORS,
    Answer,
    Connections,
    TooManyRedirectsError,
    as_sent,
    following_redirects,
    is_framing_broken,
    reason,
    refused_by,
    timeout,
)
from soundverse_nb.api.content_encoding import Body
from soundverse_nb.api.proxy import Proxy
from soundverse_nb.api.retry import backoff, retry_after_seconds
from soundverse_nb.api.secrets import hide_queries
from soundverse_nb.cancellation import shielded
from soundverse_nb.errors import ConfigurationError, DownloadError, raise_alone
from soundverse_nb.filetype import audio_suffix, picture_suffix
from soundverse_nb.urls import InvalidURLError, WebURL

Expect = Literal["audio", "image"]
Progress = Callable[[int, "int | None"], None]

ATTEMPTS = {"audio": 5, "image": 2}  # a picture is not worth a wait
LONGEST_WAIT = 30.0
SILENCE_TIMEOUT = 60.0
DEADLINE = 1800.0  # seconds for all attempts: 200 MB at 1 Mbit/s take 27 minutes

_LONGEST_SHOWN = 120  # characters of a URL

_HELD_BYTES = 1 << 18
"""What a download holds in memory before it writes: for little, opening a file is most of the work."""

# Answers that stay what they are however often they are asked for. 404 is not one: storage can lag behind.
_FINAL = frozenset((400, 401, 402, 403, 405, 406, 410, 414, 416, 451, 501, 505))


@dataclass(frozen=True)
class Downloaded:
    """A file that was fetched: its place, size in bytes, SHA-256 in hex, and kind ("mp3", "png", ...).

    `proven` says that the answer's framing shows all of it to be there; a body that ends with its connection
    may have been cut anywhere, without a word.
    """

    path: Path
    size_bytes: int
    sha256: str
    kind: str
    proven: bool = True


class _AttemptError(Exception):
    """This attempt failed in a way that the next one may not."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


async def fetch(
    connections: Connections,
    url: str,
    path: str | os.PathLike[str],
    *,
    max_bytes: int,
    expect: Expect,
    progress: Progress | None,
    policy: AddressPolicy,
    connect_timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[Any]],
) -> Downloaded:
    """Fetch a URL to a file, trying a few times; see `Transport.download`. Raises DownloadError."""
    address = web_url(url)
    deadline = clock() + DEADLINE
    bounds = aiohttp.ClientTimeout(total=None, connect=connect_timeout, sock_read=SILENCE_TIMEOUT)
    why = ""
    for attempt in range(1, ATTEMPTS[expect] + 1):
        wait: float | None = None
        try:
            async with timeout(max(1.0, deadline - clock())):
                return await _attempt(
                    connections, address, Path(path), bounds, max_bytes, expect, progress, policy
                )
        except _AttemptError as error:
            why, wait = str(error), error.wait
        except NETWORK_ERRORS as error:
            why = reason(error)
        pause = min(LONGEST_WAIT, backoff(attempt, wait))
        if attempt == ATTEMPTS[expect] or clock() + pause > deadline:
            break
        await sleep(pause)
    raise_alone(DownloadError(f"The {expect} could not be fetched from {shown(address)}: {why}."))


async def _attempt(
    connections: Connections,
    url: WebURL,
    target: Path,
    bounds: aiohttp.ClientTimeout,
    max_bytes: int,
    expect: Expect,
    progress: Progress | None,
    policy: AddressPolicy,
) -> Downloaded:
    async with _opened(connections, url, bounds, policy) as answer:
        response = answer.response
        total = response.content_length
        proven = total is not None or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if total is not None and total > max_bytes:
            raise DownloadError(f"The {expect} has {total:,} bytes; {max_bytes:,} are allowed.")
        kind_of = audio_suffix if expect == "audio" else picture_suffix
        body = Body(response.content, response.headers, kind_of)
        head = await body.head()
        if body.is_packed:
            total = None  # it counts the compressed bytes
        kind = kind_of(head)
        if kind is None:
            why = body.fault or _not_expected(head, response.headers.get("Content-Type", ""), expect)
            raise _AttemptError(why)
        if not target.suffix:
            target = target.with_suffix(f".{kind}")
        file = _PartFile(target)
        try:
            async for block in body.blocks(head):
                if file.size + len(block) > max_bytes:
                    raise DownloadError(f"The {expect} goes on beyond the {max_bytes:,} bytes allowed.")
                file.write(block)
                if progress is not None:
                    progress(file.size, total)
                if is_framing_broken(response):
                    raise _AttemptError("the framing of the answer is broken")
            if body.fault:
                raise _AttemptError(body.fault)
            # A thread cannot be stopped: whoever cancels this waits until the file is there, or given up.
            await shielded(asyncio.to_thread(file.commit))
        finally:
            file.discard()
        return Downloaded(target, file.size, file.digest.hexdigest(), kind, proven)


@asynccontextmanager
async def _opened(
    connections: Connections, url: WebURL, bounds: aiohttp.ClientTimeout, policy: AddressPolicy
) -> AsyncIterator[Answer]:
    """The answer that holds the file."""

    @asynccontextmanager
    async def ask(url: WebURL, proxy: Proxy | None) -> AsyncIterator[aiohttp.ClientResponse]:
        async with await _asked(connections, url, proxy, bounds, policy) as response:
            yield response

    try:
        async with following_redirects(
            url, proxy_for=lambda hop: _proxy(connections, hop), ask=ask, read=web_url
        ) as answer:
            _check_status(answer)
            yield answer
    except TooManyRedirectsError:
        raise _AttemptError(f"more than {MAX_REDIRECTS} redirects") from None


async def _asked(
    connections: Connections,
    url: WebURL,
    proxy: Proxy | None,
    bounds: aiohttp.ClientTimeout,
    policy: AddressPolicy,
) -> aiohttp.ClientResponse:
    hidden = None
    try:
        policy.check(url)
        return await connections.files_session().get(
            as_sent(url), timeout=bounds, allow_redirects=False, proxy=proxy
        )
    except (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError) as error:
        why = reason(error, proxy)
        raise _AttemptError(why) from None
    except NETWORK_ERRORS as error:
        hidden = _hidden(error)
        if hidden is None:
            raise
    except ValueError:
        # A host that looks like one until it is resolved, such as one with a label of 70 letters.
        raise_alone(DownloadError(f"{shown(url)} names no host that can exist."))
    raise_alone(DownloadError(f"Nothing is fetched from {shown(url)}, where the service leads: {hidden}."))


def _check_status(answer: Answer) -> None:
    status = answer.response.status
    if status == 200 or (status == 206 and _is_all_of_it(answer.response.headers.get("Content-Range", ""))):
        return
    if status == 407 and answer.proxy:
        raise DownloadError(f"{shown(answer.url)} was not reached: {refused_by(answer.proxy, 407)}.")
    if status in _FINAL:
        raise DownloadError(f"{shown(answer.url)} answered HTTP {status}.")
    raise _AttemptError(f"HTTP {status}", retry_after_seconds(answer.response.headers.get("Retry-After")))


def _is_all_of_it(content_range: str) -> bool:
    """Whether a part of a file, by its Content-Range, is the whole of it (RFC 9110, 14.4)."""
    found = re.fullmatch(r"\s*bytes\s+0-(\d{1,18})/(\d{1,18})\s*", content_range, re.IGNORECASE)
    return found is not None and int(found[1]) + 1 == int(found[2])


def _hidden(error: BaseException) -> str | None:
    """Why an address is out of the service's sight, where that is the error; aiohttp wraps the resolver's."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return str(error) if isinstance(error, LocalAddressError) else None


def _proxy(connections: Connections, url: WebURL) -> Proxy | None:
    try:
        return connections.network.proxy_for(url.full)
    except ConfigurationError as error:
        unusable = error.message
    raise_alone(DownloadError(unusable))


def _not_expected(head: bytes, content_type: str, expect: Expect) -> str:
    if not head.strip():
        return "it is empty"
    text = body_text(head, content_type).strip()
    if text.startswith(("<", "{", "[")):
        return f'it is a page of text and not {expect}: "{excerpt(page_text(text), 80)}"'
    return f"its content is not {expect}"


def web_url(text: str) -> WebURL:
    """The URL where the service says that a file is; DownloadError where that is none."""
    try:
        return WebURL.parse(text)
    except InvalidURLError:
        named = excerpt(hide_queries(str(text)), _LONGEST_SHOWN)
    raise_alone(DownloadError(f'The service named an address that is not an http(s) URL: "{named}".'))


def shown(url: WebURL) -> str:
    """A URL as it may be shown in a sentence: short, too."""
    return excerpt(url.shown, _LONGEST_SHOWN)


class _PartFile:
    """A file being written beside its place, and moved there when it is whole.

    What fits into memory is written by `commit` alone, in whatever thread calls it.
    """

    def __init__(self, target: Path) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._target = target
        self._part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        self._held: list[bytes] = []
        self._file: BinaryIO | None = None
        self._is_whole = False

    def write(self, block: bytes) -> None:
        self.digest.update(block)
        self.size += len(block)
        self._held.append(block)
        if self._file is not None or self.size > _HELD_BYTES:
            self._write_held()

    def _write_held(self) -> BinaryIO:
        try:
            if self._file is None:
                self._target.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._part.open("xb")
            self._file.writelines(self._held)
        except OSError as error:
            raise _disk(error, self._target) from None
        self._held.clear()
        return self._file

    def commit(self) -> None:
        file = self._write_held()
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(self._part, self._target)
        except OSError as error:
            raise _disk(error, self._target) from None
        self._is_whole = True

    def discard(self) -> None:
        """Remove what is left of an unfinished file; after `commit` nothing is."""
        if self._is_whole or self._file is None:
            return
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink()


def _disk(error: OSError, target: Path) -> DownloadError:
    return DownloadError(
        f"{target} cannot be written: {error.strerror or type(error).__name__}.",
        hint="Make room or choose another directory, then fetch it again with client.recover().",
    )
