"""A running remix as a stream of typed chunks, read from one response."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from soundverse_nb.api.answers import classify, documented_refusal, is_chunk, is_error_object
from soundverse_nb.api.body import MAX_BODY_BYTES, NOT_JSON, body_text, excerpt, read_json
from soundverse_nb.api.connection import NETWORK_ERRORS, left_over, reason, within
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.sse import EventStreamDecoder
from soundverse_nb.errors import APIError, SoundverseError, Spent

# How long the rest of an answer that is no stream is waited for.
BODY_TIMEOUT = 30.0
# What an answer that is no event stream begins with: JSON, a page, a byte-order mark of UTF-16, gzip.
_BODY_STARTS = (b"{", b"[", b"<", b'"', b"\xff\xfe", b"\xfe\xff", b"\0", b"\x1f\x8b")
_ID = re.compile(r'"(?:message_id|job_id)"\s*:\s*"([^"\\]{1,200})"')


class StreamCut(SoundverseError):  # noqa: N818 - it is something that happens, and is followed up
    """The order was sent and then the connection was lost; whether it was taken is to be found out."""

    usual_spent = Spent.MAYBE
    sent = True


@dataclass(frozen=True)
class SkippedChunk:
    """A chunk that could not be read: why, how it began, and the order's id if it named one."""

    reason: str
    excerpt: str
    message_id: str | None = None


class RemixStream:
    """The chunks of one remix as they arrive; ends with the terminal chunk or where the connection ends.

    `finished` says whether a terminal chunk was seen: where it was not, the stream was cut. `message_id` is
    the order's id as soon as any chunk named it. `simulated` is true for the embedded service.
    """

    def __init__(self, response: aiohttp.ClientResponse, clock: Callable[[], float]) -> None:
        self.simulated = is_simulated(response)
        self.finished = False
        self.message_id: str | None = None
        self._response = response
        self._clock = clock
        self._last_byte_at = clock()
        self._decoder = EventStreamDecoder()
        self._items: deque[RemixEvent | SkippedChunk | SoundverseError] = deque()
        # The first bytes, until it is clear that this is an event stream; all bytes where it is none.
        self._body: bytearray | None = bytearray()
        self._is_body = False
        self._body_began_at = 0.0
        self._ended = False

    def idle_seconds(self) -> float:
        """How long no byte has come, in seconds. May be asked while another task waits for the next chunk."""
        return self._clock() - self._last_byte_at

    def __aiter__(self) -> RemixStream:
        return self

    async def __anext__(self) -> RemixEvent | SkippedChunk:
        """The next chunk. A cancelled call loses nothing: the next one goes on where it was.

        APIError where the service refused inside the stream, StreamCut where the connection broke.
        """
        while not self._items:
            if self._ended:
                raise StopAsyncIteration
            await self._read_on()
        item = self._items.popleft()
        if isinstance(item, SoundverseError):
            self._end()
            raise item
        if isinstance(item, RemixEvent) and item.is_terminal:
            self.finished = True
            self._end()
        return item

    def _end(self) -> None:
        self._ended = True
        self._items.clear()

    async def _read_on(self) -> None:
        content = self._response.content
        try:
            if self._is_body:
                data = await within(self._body_seconds_left(), content.readany())
            else:
                data = await content.readany()
        except NETWORK_ERRORS as error:
            self._take(left_over(content))
            if not self._ended:
                self._lose(reason(error))
            return
        if data:
            self._last_byte_at = self._clock()
            self._take(data)
            return
        self._ended = True
        if self._is_body:
            self._items.append(self._read_body())

    def _take(self, data: bytes) -> None:
        if self._body is not None:
            self._sniff(data)
        else:
            self._decode(data)

    def _lose(self, why: str) -> None:
        self._ended = True
        if self._is_body:
            self._items.append(self._read_body())
        else:
            self._items.append(StreamCut(f"The stream broke off: {why}."))

    def _body_seconds_left(self) -> float:
        return max(0.0, self._body_began_at + BODY_TIMEOUT - self._clock())

    def _sniff(self, data: bytes) -> None:
        """Hold the first bytes back until they show whether this is an event stream; headers may lie."""
        assert self._body is not None
        self._body += data
        if self._is_body:
            self._end_of_body_yet()
            return
        start = bytes(self._body[:64]).lstrip(b"\xef\xbb\xbf \t\r\n")
        if not start and len(self._body) < 64:
            return
        if start.startswith(_BODY_STARTS):
            self._is_body = True
            self._body_began_at = self._clock()
            self._end_of_body_yet()
            return
        begun, self._body = bytes(self._body), None
        self._decode(begun)

    def _end_of_body_yet(self) -> None:
        assert self._body is not None
        full = len(self._body) >= MAX_BODY_BYTES
        if full or (self._body.rstrip().endswith((b"}", b"]")) and self._json() is not NOT_JSON):
            self._ended = True
            self._items.append(self._read_body())

    def _json(self) -> Any:
        return read_json(body_text(bytes(self._body or b""), self._response.headers.get("Content-Type", "")))

    def _read_body(self) -> RemixEvent | SkippedChunk | SoundverseError:
        """What an answer means that is not an event stream: an error, or one chunk all the same."""
        body = bytes(self._body or b"")
        error = classify(self._response.status, self._response.headers, body)
        if error is not None:
            return error
        return self._read_chunk(body_text(body, self._response.headers.get("Content-Type", "")))

    def _decode(self, data: bytes) -> None:
        events = self._decoder.feed(data)
        # First, as nothing is read after a terminal chunk.
        for passed in self._decoder.skipped:
            self._items.append(self._skip(f"an event of {passed.size} bytes is too large", passed.head))
        for event in events:
            self._items.append(self._read_chunk(event.data))

    def _read_chunk(self, data: str) -> RemixEvent | SkippedChunk | SoundverseError:
        try:
            event = RemixEvent.parse(data)
        except ValueError as error:
            return self._skip(str(error), data)
        if event.message_id is not None:
            self.message_id = self.message_id or event.message_id
        bare = event.status is None and event.is_complete is None
        if bare or event.is_failure or event.model_extra:
            refusal = self._refusal(event, data)
            if refusal is not None:
                return refusal
        return event

    def _refusal(self, event: RemixEvent, data: str) -> APIError | None:
        """The error answer a chunk really is, if it is one."""
        value = read_json(data)
        known = self.message_id is not None
        if is_error_object(value) and not (known and event.is_failure and is_chunk(value)):
            return classify(None, {}, data.encode(), message_id=self.message_id)
        # A failure before there is an order may be one of the documented refusals in a chunk's clothes.
        return documented_refusal(value) if event.is_failure and not known else None

    def _skip(self, why: str, data: str) -> SkippedChunk:
        named = _ID.search(data[:4096])
        if named:
            self.message_id = self.message_id or named[1]
        return SkippedChunk(why, excerpt(data), named[1] if named else None)


def is_simulated(response: aiohttp.ClientResponse) -> bool:
    """Whether the embedded service answered."""
    return response.headers.get("Server", "").lower().startswith("soundverse-nb-simulator")
