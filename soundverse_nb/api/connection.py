"""HTTP connections: sessions, redirects, and network errors as words."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl as tls
import sys
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.framing import (
    TOO_LARGE,
    LenientReader,
    header_limits,
    reading_leniently,
    says_too_large,
)
from soundverse_nb.api.proxy import NetworkSettings, Proxy
from soundverse_nb.urls import WebURL, redirected

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:  # what aiohttp itself uses there
    from async_timeout import timeout

__all__ = [
    "NETWORK_ERRORS",
    "Answer",
    "Connections",
    "Sending",
    "TooManyRedirectsError",
    "as_sent",
    "following_redirects",
    "is_framing_broken",
    "keepalive_socket",
    "left_over",
    "read_little",
    "reason",
    "refused_by",
    "timeout",
    "unread_of",
]

# A dead peer is noticed after 60 + 4 * 15 seconds; a remix that is quiet for minutes keeps its connection.
READ_BYTES = 1 << 14
# A storage's own patience with a connection on which nothing is asked is 5 seconds and more.
_IDLE_SECONDS = 4.0
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
# Foreign errors that mean "the network, the peer or its TLS". Whatever else is raised is a bug and must show.
NETWORK_ERRORS = (aiohttp.ClientError, OSError, asyncio.TimeoutError, EOFError)


def keepalive_socket(address: Any) -> socket.socket:
    """A TCP socket that notices a dead peer, for `aiohttp.TCPConnector(socket_factory=...)`."""
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in _KEEPALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, seconds)
    return sock


class Sending:
    """Whether a request may have reached the wire: true from the moment its headers are written."""

    def __init__(self, on_sent: Callable[[], None] | None = None) -> None:
        self.sent = False
        self._on_sent = on_sent

    def mark(self) -> None:
        if not self.sent:
            self.sent = True
            if self._on_sent is not None:
                self._on_sent()


async def _headers_sent(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    sending = context.trace_request_ctx
    if isinstance(sending, Sending):
        sending.mark()


class Connections:
    """Two aiohttp sessions for each event loop that asks, as a session must not leave its loop.

    That of orders pools no connections: a paid POST on a connection that the peer has just given up would be
    an order with an unknown outcome. Files can be asked for again, so theirs are used again for a while.
    Nothing leaks where `close` is never called.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool = True,
        connect_timeout: float = 30.0,
        resolver: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        self._resolver = resolver
        self.network = NetworkSettings(proxy, ssl)
        self._connect_timeout = connect_timeout
        self._sessions: dict[tuple[asyncio.AbstractEventLoop, bool], aiohttp.ClientSession] = {}
        # Not __del__: in a reference cycle that may run after the sessions have complained.
        weakref.finalize(self, _detach, self._sessions)

    def session(self) -> aiohttp.ClientSession:
        """The session of the running loop. It has no total time-out, no pool limit, no cookies and no key.

        What a body was compressed with is taken off by `coding.Unpacker`, not by the session.
        """
        return self._session(is_pooled=False)

    def files_session(self) -> aiohttp.ClientSession:
        """The same for files, a thousand of which come from one or two hosts: its connections are kept."""
        return self._session(is_pooled=True)

    def _session(self, is_pooled: bool) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get((loop, is_pooled))
        if session is None or session.closed:
            self._forget_closed_loops()
            pool: dict[str, Any] = (
                {"keepalive_timeout": _IDLE_SECONDS} if is_pooled else {"force_close": True}
            )
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_headers_sent)
            session = aiohttp.ClientSession(
                connector=reading_leniently(
                    aiohttp.TCPConnector(
                        limit=0,
                        **pool,
                        ssl=self.network.ssl,
                        socket_factory=keepalive_socket,
                        resolver=self._resolver() if self._resolver is not None else None,
                    )
                ),
                auto_decompress=False,
                **header_limits(),
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=self._connect_timeout,
                    sock_connect=self._connect_timeout,
                    sock_read=None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "soundverse-nb", "Accept-Encoding": "identity"},
                trace_configs=[trace],
            )
            self._sessions[loop, is_pooled] = session
        return session

    async def close(self) -> None:
        """Close the sessions of every loop; a later request opens a new one."""
        here = asyncio.get_running_loop()
        for (loop, is_pooled), session in list(self._sessions.items()):
            del self._sessions[loop, is_pooled]
            if loop is here:
                await session.close()
            elif loop.is_closed():
                _let_go(loop, session)
            else:
                asyncio.run_coroutine_threadsafe(session.close(), loop)

    def _forget_closed_loops(self) -> None:
        for key in [key for key in self._sessions if key[0].is_closed()]:
            _let_go(key[0], self._sessions.pop(key))


def _detach(sessions: dict[tuple[asyncio.AbstractEventLoop, bool], aiohttp.ClientSession]) -> None:
    for (loop, _), session in sessions.items():
        _let_go(loop, session)


def _let_go(loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession) -> None:
    """Close a session from wherever this is. Nothing idles in an unpooled one: letting go of it closes it."""
    connector: Any = session.connector
    session.detach()
    if connector is None or not (idle := connector._conns):
        return
    readers = [reader for kept in idle.values() for reader, _ in kept]
    idle.clear()  # it complains of what it still has
    with suppress(RuntimeError):  # the loop is closed, and its sockets with it
        loop.call_soon_threadsafe(lambda: [reader.close() for reader in readers])


MAX_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class TooManyRedirectsError(Exception):
    """A URL led on and on."""


class Answer(NamedTuple):
    """What a GET was answered with in the end, the URL that answered, and the proxy on the way there."""

    response: aiohttp.ClientResponse
    url: WebURL
    proxy: Proxy | None


@asynccontextmanager
async def following_redirects(
    url: WebURL,
    *,
    proxy_for: Callable[[WebURL], Proxy | None],
    ask: Callable[[WebURL, Proxy | None], AbstractAsyncContextManager[aiohttp.ClientResponse]],
    read: Callable[[str], WebURL],
) -> AsyncIterator[Answer]:
    """The first answer to a GET that leads no further, behind at most five redirects.

    Parameters
    ----------
    proxy_for : the proxy on the way to a URL; asked for each of them.
    ask : sends the GET, without following a redirect by itself, and gives the answer. It decides whether the
        URL may be asked at all, and what an error on the way means, also one while the answer is read.
    read : makes a URL of the text that a redirect leads to, or raises what a bad one means.

    Raises TooManyRedirectsError, and what these three raise.
    """
    for _ in range(MAX_REDIRECTS + 1):
        proxy = proxy_for(url)
        async with ask(url, proxy) as response:
            location = response.headers.get("Location") if response.status in _REDIRECTS else None
            if location is None:
                yield Answer(response, url, proxy)
                return
        url = read(redirected(url.full, location))
    raise TooManyRedirectsError


def as_sent(url: WebURL) -> URL:
    """The URL for aiohttp, sent letter by letter: left to itself it rewrites %2F as / and %40 as @, and a
    signature covers the URL as it was written."""
    return URL(url.full, encoded=True)


def read_little(response: aiohttp.ClientResponse) -> None:
    """Have the event loop ask the socket for 16 KiB at a time.

    asyncio asks for 256 KiB; for a chunk of 150 bytes, fetching and returning that much memory takes longer
    than all that is done with it.
    """
    transport: Any = response.connection.transport if response.connection is not None else None
    if hasattr(transport, "max_size"):
        transport.max_size = READ_BYTES


def left_over(content: aiohttp.StreamReader) -> bytes:
    """What had arrived before the connection broke: aiohttp withholds it, but it may name the order."""
    read = getattr(content, "_read_nowait", None)
    return bytes(read(-1)) if callable(read) else b""


def is_framing_broken(response: aiohttp.ClientResponse) -> bool:
    """Whether the end of the body can no longer be told, so that nothing but what comes is to be read."""
    connection = response.connection
    reader = None if connection is None else connection.protocol
    return isinstance(reader, LenientReader) and reader.is_framing_broken


def unread_of(source: aiohttp.ClientResponse | BaseException) -> str:
    """The text of what came and is part of no body, of an answer or of the error in its place."""
    if isinstance(source, BaseException):
        reader = getattr(source.__cause__, "reader", None)
    else:
        reader = getattr(source, "_protocol", None)
    unread = getattr(reader, "unread", b"")
    return unread.decode("utf-8", "replace") if isinstance(unread, bytes) else ""


def reason(error: BaseException, proxy: Proxy | None = None) -> str:
    """What a network error means, in a few words without secrets. `proxy` is the one that was on the way."""
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host name {excerpt(error.host, 80)} is not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its TLS certificate is not accepted ({excerpt(str(error.certificate_error), 120)})"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "no TLS connection could be made"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"the proxy {excerpt(f'{error.host}:{error.port}', 80)} could not be reached"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return refused_by(proxy, error.status)
    if isinstance(error, aiohttp.ClientConnectorError):
        return os.strerror(error.os_error.errno).lower() if error.os_error.errno else "no connection"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, aiohttp.ClientOSError)):
        return "the connection was reset"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    if isinstance(error, aiohttp.ClientResponseError):
        return TOO_LARGE if says_too_large(error) else "the answer is not HTTP"
    # repr and str of some aiohttp errors hold the request's headers, and with them the key.
    return type(error).__name__


def refused_by(proxy: Proxy | None, status: int) -> str:
    """What it means that a proxy, and not who was asked, answered."""
    named = f"the proxy {excerpt(proxy.shown, 80)}" if proxy else "the proxy"
    if status == 407:
        return f"{named} wants a user name and a password (HTTP 407)"
    return f"{named} refused to pass it on (HTTP {status})"
