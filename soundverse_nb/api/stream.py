"""A running remix as a stream of typed chunks, read from one response."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from soundverse_nb.api.answers import classify, documented_refusal, is_chunk, is_error_object
from soundverse_nb.api.body import MAX_BODY_BYTES, NOT_JSON, body_text, excerpt, read_json
from soundverse_nb.api.connection import NETWORK_ERRORS, left_over, reason, within
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.sse import EventStreamDecoder
from soundverse_nb.errors import APIError, SoundverseError, Spent

# How long the rest of an answer that is no stream is waited for.
BODY_TIMEOUT = 30.0
_BLANK = b"\xef\xbb\xbf \t\r\n"
_FIELDS = (b"data", b"event", b"id", b"retry", b":")
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
        # The first bytes, until an event is among them: should none come, they say what came instead.
        self._opening: bytearray | None = bytearray()
        self._body_began_at: float | None = None
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
            if self._body_began_at is None:
                data = await content.readany()
            else:
                left = max(0.0, self._body_began_at + BODY_TIMEOUT - self._clock())
                data = await within(left, content.readany())
        except NETWORK_ERRORS as error:
            self._take(left_over(content))
            self._finish(reason(error))
            return
        if data:
            self._last_byte_at = self._clock()
            self._take(data)
        else:
            self._finish()

    def _take(self, data: bytes) -> None:
        events = self._decoder.feed(data)
        # First, as nothing is read after a terminal chunk.
        for passed in self._decoder.skipped:
            self._items.append(self._skip(f"an event of {passed.size:,} bytes is too large", passed.head))
        for event in events:
            self._items.append(self._read_chunk(event.data))
        if self._items:
            self._opening = None
        elif self._opening is not None:
            self._opening += data[: MAX_BODY_BYTES - len(self._opening)]
            self._look_at(bytes(self._opening))

    def _look_at(self, opening: bytes) -> None:
        """Recognise an answer that is no event stream, whatever its headers say, before it ends."""
        if not opening.lstrip(_BLANK).startswith(_BODY_STARTS):
            return
        if self._body_began_at is None:
            self._body_began_at = self._clock()
        whole = (
            opening.rstrip(_BLANK).endswith((b"}", b"]")) and read_json(self._text(opening)) is not NOT_JSON
        )
        if whole or len(opening) >= MAX_BODY_BYTES:
            self._finish()

    def _finish(self, lost: str | None = None) -> None:
        """The end of what comes: of the connection, or of a body that is no event stream."""
        if self._ended:
            return
        self._ended = True
        opening = bytes(self._opening or b"")
        if _is_no_stream(opening):
            self._items.append(self._read_body(opening))
        elif lost is not None:
            self._items.append(StreamCut(f"The stream broke off: {lost}."))

    def _read_body(self, body: bytes) -> RemixEvent | SkippedChunk | SoundverseError:
        """What an answer means that is not an event stream: an error, or one chunk all the same."""
        error = classify(self._response.status, self._response.headers, body)
        return self._read_chunk(self._text(body)) if error is None else error

    def _text(self, body: bytes) -> str:
        return body_text(body, self._response.headers.get("Content-Type", ""))

    def _read_chunk(self, data: str) -> RemixEvent | SkippedChunk | SoundverseError:
        try:
            event = RemixEvent.parse(data)
        except ValueError as error:
            return self._skip(str(error), data)
        if event.message_id is not None:
            self.message_id = self.message_id or event.message_id
        bare = event.status is None and event.is_complete is None
        if bare or event.is_failure or (event.model_extra or {}).get("success") is False:
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


def _is_no_stream(opening: bytes) -> bool:
    """Whether the first bytes hold something, and no line of it is one of an event stream."""
    lines = opening.strip(_BLANK).splitlines()
    return bool(lines) and not any(line.startswith(_FIELDS) for line in lines)


def is_simulated(response: aiohttp.ClientResponse) -> bool:
    """Whether the embedded service answered."""
    return response.headers.get("Server", "").lower().startswith("soundverse-nb-simulator")
