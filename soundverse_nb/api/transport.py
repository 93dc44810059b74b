"""HTTP transport to the service: the POST and its stream, the status endpoint, downloads."""

from __future__ import annotations

import asyncio
import json
import os
import ssl as tls
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import aiohttp
from pydantic import SecretStr
from yarl import URL

from soundverse_nb.api.address_policy import AddressPolicy
from soundverse_nb.api.answers import classify
from soundverse_nb.api.body import MAX_BODY_BYTES, NOT_JSON, body_text, excerpt, page_text, read_json
from soundverse_nb.api.connection import (
    NETWORK_ERRORS,
    Connections,
    Sending,
    left_over,
    reason,
    refused_by,
    timeout,
    unread_of,
)
from soundverse_nb.api.content_encoding import Unpacker
from soundverse_nb.api.download import Downloaded, fetch
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.order_names import name_in_text
from soundverse_nb.api.proxy import Proxy
from soundverse_nb.api.secrets import holds_key, remember_key
from soundverse_nb.api.status import another_order, read_status
from soundverse_nb.api.stream import BODY_TIMEOUT, RemixStream, SkippedChunk, StreamCut
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    SoundverseError,
    Spent,
    TransportError,
    raise_alone,
)

__all__ = ["Downloaded", "RemixStream", "SkippedChunk", "StreamCut", "Transport"]

REMIX_PATH = "/v7/generate/remix"
STATUS_PATH = "/status/generation/{message_id}"
MAX_AUDIO_BYTES = 200_000_000
MAX_IMAGE_BYTES = 5_000_000
_ASK_LATER = "The order itself goes on; ask again later."


class ProxyRefusedError(TransportError, APIError):
    """A proxy answered in the service's place; nothing reached the service."""

    usual_hint = "Give the proxy with its user name and password: Client(proxy=...), or in the environment."


class Transport:
    """The connection to one service with one key. What it is given has been checked, by whoever makes it.

    Parameters
    ----------
    base_url : http(s) origin of the service, with an optional path in front of the document's paths; without
        a slash at its end.
    api_key : goes into the Authorization header of requests to `base_url` and nowhere else.
    status_path : path of the status endpoint, with {message_id} in it; the vendor spells it in three ways.
    proxy : URL of an http proxy, "" for none; by default the environment's, never for this machine.
    ssl : a TLS context, or False to accept any certificate.
    connect_timeout : seconds for name, TCP, proxy and TLS together.
    answer_timeout : seconds from there to the answer's headers. The stream itself has no time-out.
    clock, sleep : injectable for tests.
    """

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr,
        *,
        status_path: str = STATUS_PATH,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool = True,
        connect_timeout: float = 30.0,
        answer_timeout: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        remember_key(api_key.get_secret_value())
        self.base_url = base_url
        self._key = api_key
        self._status_path = status_path
        self._connect_timeout = connect_timeout
        self._answer_timeout = answer_timeout
        self._clock = clock
        self._sleep = sleep
        self._policy = AddressPolicy(self.base_url)
        self._connections = Connections(
            proxy=proxy, ssl=ssl, connect_timeout=connect_timeout, resolver=self._policy.resolver
        )

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        await self._connections.close()

    @asynccontextmanager
    async def open_remix(
        self, wire: Mapping[str, Any], on_sent: Callable[[], None] | None = None
    ) -> AsyncIterator[RemixStream]:
        """Send the order once and read its stream, for `async with`.

        `wire` is `RemixRequest.to_wire()`. `on_sent` is called once, just before the first byte is sent.

        Raises
        ------
        TransportError : the service was not reached; it is certain that nothing was sent.
        APIError : the service answered, and not with a stream; also while the stream is read.
        StreamCut : the order was sent and the connection lost; also while the stream is read.
        """
        response = await self._post(json.dumps(wire).encode(), Sending(on_sent))
        try:
            if response.status == 407 and (why := self._proxys_refusal()):
                raise_alone(ProxyRefusedError(why, status_code=407))
            if not 200 <= response.status < 300:
                raise_alone(await _refusal(response))
            yield RemixStream(response, self._clock)
        finally:
            response.close()

    async def _post(self, body: bytes, sending: Sending) -> aiohttp.ClientResponse:
        proxy = self._proxy()
        try:
            async with timeout(self._connect_timeout + self._answer_timeout):
                return await self._connections.session().post(
                    URL(self.base_url + REMIX_PATH, encoded=True),
                    data=body,
                    headers={
                        "Authorization": f"Bearer {self._key.get_secret_value()}",
                        "Content-Type": "application/json",
                        "Accept": "text/event-stream",
                    },
                    allow_redirects=False,
                    proxy=proxy,
                    trace_request_ctx=sending,
                )
        except NETWORK_ERRORS as error:
            why, name = reason(error, proxy), name_in_text(unread_of(error))
        # Raised out here, so that the foreign error, which may hold the key, is not even the context of ours.
        if sending.sent:
            cut = StreamCut(f"The order was sent, but no answer came: {why}.", why=why)
            cut.message_id = None if name is None or holds_key(name) else name
            raise_alone(cut)
        raise_alone(TransportError(f"{self._host} could not be reached: {why}."))

    async def status(self, message_id: str) -> RemixEvent:
        """How the order is doing, as one more chunk.

        APIError where the service will not say (404: it does not know the order), TransportError where it
        could not be asked.
        """
        path = self._status_path.replace(
            "{message_id}", quote(message_id, safe="", errors="replace").replace(".", "%2E")
        )
        try:
            async with timeout(self._connect_timeout + BODY_TIMEOUT):
                said = await self._ask_status(message_id, path)
        except NETWORK_ERRORS as error:
            why = reason(error, self._proxy())
            said = TransportError(
                f"The status of {excerpt(message_id, 60)} could not be asked: {why}.",
                spent=Spent.MAYBE,
                hint=_ASK_LATER,
            )
        if isinstance(said, RemixEvent):
            return said
        raise_alone(said)

    async def _ask_status(self, message_id: str, path: str) -> RemixEvent | SoundverseError:
        async with self._connections.session().get(
            URL(self.base_url + path, encoded=True),
            headers={
                "Authorization": f"Bearer {self._key.get_secret_value()}",
                "Accept": "application/json",
            },
            allow_redirects=False,
            proxy=self._proxy(),
        ) as response:
            body, fault = await read_body(response)
            if fault and not body and response.status == 200:
                return APIError(
                    f"The status of {excerpt(message_id, 60)} could not be read: {fault}.",
                    status_code=response.status,
                    message_id=message_id,
                    spent=Spent.MAYBE,
                    hint=_ASK_LATER,
                )
            return _read_status(response, body, message_id)

    async def download(
        self,
        url: str,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        expect: Literal["audio", "image"] = "audio",
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Downloaded:
        """Fetch a finished file to disk, without the key, and check that it is what it should be.

        `path` without a suffix gets that of the file's kind. `progress(received, total)` is in bytes; total
        is None where the server does not say. The cap is 200 MB for audio, 5 MB for an image.

        Raises DownloadError; the file is then not there, not even in part.
        """
        if max_bytes is None:
            max_bytes = MAX_IMAGE_BYTES if expect == "image" else MAX_AUDIO_BYTES
        return await fetch(
            self._connections,
            url,
            path,
            max_bytes=max_bytes,
            expect=expect,
            progress=progress,
            policy=self._policy,
            connect_timeout=self._connect_timeout,
            clock=self._clock,
            sleep=self._sleep,
        )

    def _proxy(self) -> Proxy | None:
        """The proxy on the way to the service. TransportError where the environment names an unusable one."""
        try:
            return self._connections.network.proxy_for(self.base_url)
        except ConfigurationError as error:
            unusable = error
        raise_alone(TransportError(unusable.message, hint=unusable.hint))

    def _proxys_refusal(self) -> str | None:
        """What a 407 on plain http means: it is the proxy's, of what it did not pass on. None without one."""
        proxy = self._proxy() if self.base_url.startswith("http:") else None
        return f"{self._host} was not reached: {refused_by(proxy, 407)}." if proxy else None

    @property
    def _host(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


async def read_body(response: aiohttp.ClientResponse) -> tuple[bytes, str]:
    """The first 256 KiB of a body that is not a stream, or what of it came in time; and why it ends there."""
    body = bytearray()
    unpacker = Unpacker(response.headers.get("Content-Encoding", ""))

    def take(pieces: Iterator[bytes]) -> bool:
        for piece in pieces:
            body.extend(piece)
            if len(body) >= MAX_BODY_BYTES:
                return False
        return not unpacker.fault

    try:
        async with timeout(BODY_TIMEOUT):
            while take(unpacker.feed(part := await response.content.readany())) and part:
                pass
        why = ""
    except NETWORK_ERRORS as error:
        # The status decides, and as much of the body as came.
        why = reason(error)
        take(unpacker.feed(left_over(response.content)))
    if len(body) < MAX_BODY_BYTES and not unpacker.fault:
        take(unpacker.finish())
    return bytes(body[:MAX_BODY_BYTES]), unpacker.fault or why


# Errors are made here and raised elsewhere: a body may repeat the key, and a traceback can be shown with the
# variables of every frame the error went through.
async def _refusal(response: aiohttp.ClientResponse) -> APIError:
    body, fault = await read_body(response)
    error = classify(response.status, response.headers, body)
    assert error is not None, "an answer that is not 2xx is always an error"
    if fault and not body:
        error.message = f"{error.message.rstrip('.')}; what it says could not be read: {fault}."
    return error


def _read_status(response: aiohttp.ClientResponse, body: bytes, message_id: str) -> RemixEvent | APIError:
    text = body_text(body, response.headers.get("Content-Type", ""))
    value = read_json(text)
    if 200 <= response.status < 300 and value is not NOT_JSON:
        event = read_status(value, message_id)
        if event is not None:
            return event
        another = another_order(value, message_id)
        if another is not None:
            return APIError(
                f"The status endpoint was asked about {excerpt(message_id, 60)} and answered about another "
                f"order, {excerpt(another, 60)}; that is no answer.",
                status_code=response.status,
                message_id=message_id,
                spent=Spent.MAYBE,
                hint=_ASK_LATER,
            )
    error = classify(response.status, response.headers, body, message_id=message_id)
    if error is not None:
        if response.status == 404:
            error.message = f"The service knows no order {excerpt(message_id, 60)} (HTTP 404)."
            error.hint = "Check the id; an order that was just sent may be known a little later."
        elif not isinstance(error, AuthenticationError):
            error.hint = _ASK_LATER
        return error
    return APIError(
        f'The status endpoint answered something that is not a status: "{excerpt(page_text(text))}".',
        status_code=response.status,
        message_id=message_id,
        spent=Spent.MAYBE,
        hint=_ASK_LATER,
    )
