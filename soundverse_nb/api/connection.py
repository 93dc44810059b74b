"""HTTP connections: sessions, redirects, network errors as words, and headers of any size.

aiohttp stops at 8,190 bytes a line and at 128 lines; gateways, tracing and security policies send more, and
by then the remix is paid for. And where a header or the framing of a body is broken, it forgets the answer
that came in the same packet, or waits for the rest of it for ever.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import re
import socket
import ssl as tls
import sys
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError
from yarl import URL

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.framing import Chunks, tidy_head
from soundverse_nb.api.proxy import NetworkSettings, Proxy
from soundverse_nb.urls import WebURL, redirected

LONGEST_LINE = 1 << 16  # bytes; the gateways that allow most stop at 64 KiB for all lines together
MOST_LINES = 10_000
MOST_BYTES = 1 << 22  # all lines together, so that an endless head does not fill the memory
TOO_LARGE = (
    f"the headers of the answer are too large (one of more than {LONGEST_LINE // 1024} KiB, more than "
    f"{MOST_LINES:,} of them, or {MOST_BYTES >> 20} MiB in all)"
)

_LIMITS = {"max_line_size": LONGEST_LINE, "max_field_size": LONGEST_LINE, "max_headers": MOST_LINES}
# How aiohttp says that one of its limits was met, in each of its versions.
_SAYS_TOO_LARGE = ("got more than", "too many headers", "too long", "too large")

_VERSION = b"HTTP/"
_HEAD_END = re.compile(rb"\n\r?\n")

C = TypeVar("C", bound=aiohttp.TCPConnector)


def header_limits() -> dict[str, Any]:
    """The limits as arguments of `aiohttp.ClientSession`; older versions do not count the headers."""
    known = inspect.signature(aiohttp.ClientSession.__init__).parameters
    return {name: value for name, value in _LIMITS.items() if name in known}


def reading_leniently(connector: C) -> C:
    """The same connector, whose answers are put in order before they are parsed."""
    inner: Any = connector
    if hasattr(inner, "_factory"):
        inner._factory = functools.partial(_LenientReader, loop=inner._loop)
    return connector


def says_too_large(error: aiohttp.ClientResponseError) -> bool:
    """Whether an answer was refused for the size or the number of its headers."""
    said = error.message.lower()
    return any(words in said for words in _SAYS_TOO_LARGE)


class _LenientReader(ResponseHandler):
    """Gives the parser the head of an answer, and then its body, in a form that it takes."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._begin()

    def _begin(self) -> None:
        self._is_in_head = True
        self._head = bytearray()
        self._chunks: Chunks | None = None
        self._left: int | None = None  # bytes of the body, where its length was announced
        self._refused = b""

    def set_response_params(self, **settings: Any) -> None:
        self._begin()
        super().set_response_params(**settings)

    @property
    def is_framing_broken(self) -> bool:
        """Whether the end of the body can no longer be told; what comes of it is passed on as it is."""
        return self._chunks is not None and self._chunks.is_broken

    @property
    def unread(self) -> bytes:
        """What came and is part of no body: it stood behind its end, or the head before it was none."""
        return self._refused + (self._chunks.behind if self._chunks is not None else b"")

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._upgraded or not data:
            super().data_received(data)
            return
        while data and self._is_in_head and not self._has_failed:
            data = self._read_head(data)
        if self._has_failed:
            self._refuse_bytes(data)
        elif data and (body := self._framed(data)):
            super().data_received(body)
        self._fail_payload()

    def _framed(self, data: bytes) -> bytes:
        if self._chunks is not None:
            return self._chunks.feed(data)
        if self._left is None:
            return data
        body, behind = data[: self._left], data[self._left :]
        self._left -= len(body)
        self._refuse_bytes(behind)
        return body

    def _refuse_bytes(self, data: bytes) -> None:
        self._refused = (self._refused + data)[:MOST_BYTES]

    def _read_head(self, data: bytes) -> bytes:
        """Read up to the end of the head; gives what follows it."""
        head = self._head
        seen = max(0, len(head) - 3)
        head += data if head else data.lstrip(b"\r\n")
        if not head.startswith(_VERSION) and not _VERSION.startswith(head):
            # No HTTP: for the parser to say.
            size = len(head)
        else:
            end = _HEAD_END.search(head, seen)
            size = 0 if end is None else end.end()
            read = size or len(head)
            if read > MOST_BYTES or head.count(b"\n", 0, read) > MOST_LINES:
                self._refuse()
                return bytes(head)
            if not size:
                return b""
        self._head = bytearray()
        tidy = tidy_head(bytes(head[:size]))
        has_body = tidy.status >= 200 and not self._skip_payload
        self._chunks = Chunks() if tidy.is_chunked and has_body else None
        self._left = 0 if tidy.status in (204, 304) else tidy.length if has_body else None
        self._is_in_head = 100 <= tidy.status < 200 and tidy.status != 101
        # Alone: a fault in what follows must not take it along.
        super().data_received(tidy.data if tidy.status else bytes(head[:size]))
        if self._has_failed:
            self._refuse_bytes(bytes(head[:size]))
        return bytes(head[size:])

    @property
    def _has_failed(self) -> bool:
        return self.exception() is not None

    def set_exception(self, exc: BaseException, *cause: Any, **named: Any) -> None:
        # It may end up where nothing leads back to this connection.
        exc.__dict__["reader"] = self
        super().set_exception(exc, *cause, **named)

    def _refuse(self) -> None:
        if self.transport is not None:
            self.transport.close()
        self.set_exception(HttpProcessingError(code=400, message="Too many headers: too large in all"))

    def _fail_payload(self) -> None:
        """Whoever waits for more of a body whose framing broke learns of it; what came before is kept."""
        payload: Any = self._payload
        if self._has_failed and payload is not None and payload.exception() is None and not payload.is_eof():
            payload.set_exception(aiohttp.ClientPayloadError("the framing of the body is broken"))


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
    """One aiohttp session for each event loop that asks, as a session must not leave its loop.

    Connections are not pooled: a paid POST on a connection that the peer has just given up would be an order
    with an unknown outcome. So nothing idles, and nothing leaks where `close` is never called.
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
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        # Not __del__: in a reference cycle that may run after the sessions have complained.
        weakref.finalize(self, _detach, self._sessions)

    def session(self) -> aiohttp.ClientSession:
        """The session of the running loop. It has no total time-out, no pool limit, no cookies and no key.

        What a body was compressed with is taken off by `coding.Unpacker`, not by the session.
        """
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            self._forget_closed_loops()
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_headers_sent)
            session = aiohttp.ClientSession(
                connector=reading_leniently(
                    aiohttp.TCPConnector(
                        limit=0,
                        force_close=True,
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
            self._sessions[loop] = session
        return session

    async def close(self) -> None:
        """Close the sessions of every loop; a later request opens a new one."""
        here = asyncio.get_running_loop()
        for loop, session in list(self._sessions.items()):
            del self._sessions[loop]
            if loop is here:
                await session.close()
            elif loop.is_closed():
                session.detach()
            else:
                asyncio.run_coroutine_threadsafe(session.close(), loop)

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._sessions if loop.is_closed()]:
            self._sessions.pop(loop).detach()


def _detach(sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession]) -> None:
    # Nothing idles in an unpooled connector, so letting go of it is closing it.
    for session in sessions.values():
        session.detach()


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
    return connection is not None and bool(getattr(connection.protocol, "is_framing_broken", False))


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
