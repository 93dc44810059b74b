"""References that are URLs: whether the service can reach one, and a copy of what it would fetch."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import aiohttp

from soundverse_nb.api.address_policy import CheckedResolver, LocalAddressError
from soundverse_nb.api.connection import (
    MAX_REDIRECTS,
    Answer,
    TooManyRedirectsError,
    as_sent,
    following_redirects,
    reason,
    refused_by,
)
from soundverse_nb.api.content_encoding import Body
from soundverse_nb.api.framing import header_limits, reading_leniently
from soundverse_nb.api.proxy import NetworkSettings, Proxy, current_network
from soundverse_nb.errors import ConfigurationError, PreflightError, SoundverseError, bare_errors
from soundverse_nb.filetype import audio_suffix
from soundverse_nb.hosting.protocol import suffix_of
from soundverse_nb.urls import InvalidURLError, WebURL, is_public_service, shown_url, why_resolved_local

PROXYS_OWN = frozenset({403, 407, 502, 503, 504})
"""Answers that a proxy gives in somebody's place: what it will not pass on, and what it could not reach."""

_SKIP = 'Or leave the check out with preflight="off".'
_PROXY_HINT = "Check the proxy, Client(proxy=...) or HTTPS_PROXY; NO_PROXY names what goes past it."
_TLS_HINT = (
    "Where your network has a certificate authority of its own, name it: "
    "Client(ssl=ssl.create_default_context(cafile=...))."
)


def hint_for_local_fault(error: BaseException) -> str | None:
    """What to do where this machine's proxy or TLS settings stood in the way; None where they did not."""
    if isinstance(error, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)):
        return _PROXY_HINT
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return _TLS_HINT
    return None


def unfetchable(shown: str, what: str) -> PreflightError:
    """What is behind a URL is no song for anybody; `what` goes on from the URL."""
    return PreflightError(
        f"{shown} {what}, so the service could not fetch it either.",
        hint=f"Open the URL in a private browser window to see what everybody sees. {_SKIP}",
    )


def unreachable(shown: str, error: BaseException, proxy: Proxy | None) -> PreflightError:
    """A URL could not be reached from here."""
    why = reason(error, proxy)
    if hint := hint_for_local_fault(error):
        return PreflightError(
            f"{shown} could not be reached from this machine: {why}. That says nothing about the service.",
            hint=f"{hint} {_SKIP}",
        )
    return PreflightError(
        f"{shown} could not be reached from this machine ({why}); perhaps the service cannot either.",
        hint=f"Open the URL in a private browser window to see what everybody sees. {_SKIP}",
    )


def refused_answer(shown: str, status: int, proxy: Proxy | None) -> PreflightError:
    """A URL was answered with something other than a song."""
    if proxy is None or status not in PROXYS_OWN:
        return unfetchable(shown, f"is answered with HTTP {status}")
    said = refused_by(proxy, status) if status == 407 else f"the proxy {proxy.shown} may have refused it"
    return PreflightError(
        f"{shown} is answered with HTTP {status}: {said}. That says nothing about the service.",
        hint=f"{_PROXY_HINT} {_SKIP}",
    )


SLOW = 'Try again, or leave the check out with preflight="off".'


@dataclass(frozen=True, repr=False)
class RemoteReference:
    """A reference fetched from its URL, as the service would fetch it.

    `path` is the copy on this disk, `size_bytes` its size, `is_whole` False where the body went on past
    the limit (then the copy has one byte more than the limit, so preflight refuses it for its size),
    `content_type` what the server said, `name` the file's name in the URL.
    """

    url: WebURL
    path: Path
    size_bytes: int
    is_whole: bool
    content_type: str
    name: str

    def __repr__(self) -> str:
        return f"RemoteReference({self.url.shown!r}, {self.size_bytes} bytes)"


def must_be_public(base_url: str) -> bool:
    """Whether references for the service at `base_url` must be visible to everybody.

    Not so for a service on this machine or its network (the simulator): it sees what we see.
    """
    return is_public_service(base_url)


@bare_errors
def reference_url(text: str | WebURL) -> WebURL:
    """The URL that a reference is at; ConfigurationError where the text is none that a service could fetch.

    Nothing of a query is repeated.
    """
    try:
        return WebURL.parse(text)
    except InvalidURLError:
        pass
    if _FILE.match(str(text)):
        raise ConfigurationError(
            "A file: URL is visible on this machine only, so the service cannot fetch it.",
            hint='Give the path itself, and a host: sv.Client(host="s3://my-bucket/remixes").',
        )
    raise ConfigurationError(
        f"The reference {shown_url(str(text))!r} is not an http(s) URL the service could fetch.",
        hint="Give a URL that starts with https://, or the path of a file.",
    )


_FILE = re.compile(r"\s*file:", re.IGNORECASE)


@bare_errors
def check_url(url: str | WebURL, *, public: bool = True) -> None:
    """Refuse a reference's URL that the service cannot fetch, by how it is spelt; no network.

    `public` says whether the service is out on the internet (see `must_be_public`).
    Raises ConfigurationError with the reason.
    """
    url = reference_url(url)
    if public and url.local_reason is not None:
        raise _local_address(url, url.local_reason)


@bare_errors
async def check_address(url: str | WebURL, *, public: bool = True) -> None:
    """Refuse a reference's URL that only this machine or its network can see, also by what its name leads to.

    A name that leads nowhere from here is let pass: the service's own answer to it is free.
    Raises ConfigurationError with the reason.
    """
    url = reference_url(url)
    check_url(url, public=public)
    if not public:
        return
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    for *_, address in found:
        reason = why_resolved_local(url.host, str(address[0]))
        if reason:
            raise _local_address(url, reason)


@bare_errors
async def fetch_reference(
    url: str | WebURL,
    *,
    max_bytes: int,
    public: bool = True,
    directory: Path | None = None,
    max_seconds: float = 60.0,
    network: NetworkSettings | None = None,
) -> RemoteReference:
    """Fetch a reference by its URL to a file, for preflight and to be played beside its remix.

    Parameters
    ----------
    url : http or https.
    max_bytes : the size limit; at most one byte more is ever read.
    public : whether addresses that only this machine sees are refused, at every redirect.
    directory : where the copy goes; the system's temporary directory by default. The caller owns it.
    max_seconds : how long all of it may take.
    network : TLS and proxy settings; behind a proxy, it is the proxy that looks names up.

    Raises PreflightError where nothing usable is behind the URL, ConfigurationError for an address the
    service cannot see. At most five redirects are followed; no key and no cookie is sent.
    """
    address = reference_url(url)
    try:
        return await asyncio.wait_for(
            _fetched(address, max_bytes, public, directory, max_seconds, network or current_network()),
            max_seconds,
        )
    except asyncio.TimeoutError:
        said = f"{address.shown} did not arrive within {max_seconds:g} seconds"
        raise PreflightError(f"{said}; perhaps the service cannot fetch it either.", hint=SLOW) from None


async def _fetched(
    url: WebURL,
    max_bytes: int,
    public: bool,
    directory: Path | None,
    max_seconds: float,
    network: NetworkSettings,
) -> RemoteReference:
    @asynccontextmanager
    async def ask(hop: WebURL, proxy: Proxy | None) -> AsyncIterator[aiohttp.ClientResponse]:
        if proxy:  # it looks the name up, so nothing here would notice where that leads
            await check_address(hop, public=public)
        else:
            check_url(hop, public=public)
        try:
            async with (
                _session(public, max_seconds, network, proxy) as session,
                session.get(as_sent(hop), allow_redirects=False, proxy=proxy) as response,
            ):
                yield response
        except asyncio.TimeoutError:
            raise
        except (aiohttp.ClientError, LocalAddressError, ValueError) as error:
            raise _why_not(error, url, proxy) from None

    try:
        async with following_redirects(
            url, proxy_for=lambda hop: network.proxy_for(hop.full), ask=ask, read=reference_url
        ) as answer:
            return await _copied(answer, url, max_bytes, directory)
    except TooManyRedirectsError:
        raise unfetchable(url.shown, f"is redirected more than {MAX_REDIRECTS} times") from None


def _session(
    public: bool, max_seconds: float, network: NetworkSettings, proxy: Proxy | None
) -> aiohttp.ClientSession:
    # Behind a proxy only its own name is looked up here, and that may well be one of the local network.
    is_checked = public and proxy is None
    resolver = CheckedResolver(lambda host, _, found: why_resolved_local(host, found)) if is_checked else None
    return aiohttp.ClientSession(
        connector=reading_leniently(aiohttp.TCPConnector(resolver=resolver, ssl=network.ssl)),
        timeout=aiohttp.ClientTimeout(total=max_seconds, connect=min(20.0, max_seconds)),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        **header_limits(),
    )


def _why_not(error: Exception, url: WebURL, proxy: Proxy | None) -> SoundverseError:
    """The error for a URL that could not be fetched."""
    # aiohttp may wrap the resolver's refusal.
    hidden = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(hidden, LocalAddressError):
        return _local_address(url, str(hidden))
    if isinstance(error, aiohttp.ClientPayloadError):
        return unfetchable(url.shown, "broke off before its end")
    if isinstance(error, aiohttp.ClientResponseError) and not isinstance(error, aiohttp.ClientHttpProxyError):
        return _unchecked(url.shown, reason(error))
    return unreachable(url.shown, error, proxy)


async def _copied(answer: Answer, url: WebURL, max_bytes: int, directory: Path | None) -> RemoteReference:
    response = answer.response
    if response.status != 200:
        raise refused_answer(url.shown, response.status, answer.proxy)
    name = answer.url.name or "reference"
    body = Body(response.content, response.headers, audio_suffix)
    opening = await body.head()
    if response.content_type in ("text/html", "application/xhtml+xml") and _is_page(opening):
        raise PreflightError(
            f"{url.shown} is a web page, not audio.",
            hint="Give the link of the file itself; share pages have one (a Dropbox link ends with dl=1).",
        )
    handle, path = tempfile.mkstemp(prefix="reference-", suffix=suffix_of(name, opening), dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            size = await _write_up_to(body, opening, file, max_bytes + 1)
        if body.fault and size <= max_bytes:
            raise _unchecked(url.shown, body.fault)
    except BaseException:  # a cancelled download leaves no stump either
        os.unlink(path)
        raise
    return RemoteReference(url, Path(path), size, size <= max_bytes, response.content_type, name)


async def _write_up_to(body: Body, opening: bytes, file: IO[bytes], count: int) -> int:
    size = 0
    async for block in body.blocks(opening):
        file.write(block[: count - size])
        size = min(count, size + len(block))
        if size >= count:
            break
    return size


def _is_page(opening: bytes) -> bool:
    return opening.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def _local_address(url: WebURL, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The service cannot fetch {url.shown!r}: {reason}.",
        hint="Give a URL that everybody can fetch, or the file and a host: "
        'sv.Client(host="s3://my-bucket/remixes").',
    )


def _unchecked(shown: str, why: str) -> PreflightError:
    """What stopped us here may be no hindrance to the service."""
    return PreflightError(
        f"{shown} could not be checked: {why}.", hint='Leave the check out with preflight="off".'
    )
