"""A running remix as a stream of typed chunks, read from one response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import aiohttp

from soundverse_nb.api.answers import classify
from soundverse_nb.api.body import MAX_BODY_BYTES, NOT_JSON, body_text, read_json
from soundverse_nb.api.chunks import Chunk, ChunkReader, SkippedChunk
from soundverse_nb.api.connection import NETWORK_ERRORS, left_over, read_little, reason, timeout
from soundverse_nb.api.content_encoding import MOST_AT_ONCE, Unpacker
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.errors import SoundverseError, Spent, raise_alone

__all__ = ["RemixStream", "SkippedChunk", "StreamCut", "is_simulated"]

# How long the rest of an answer that is no stream is waited for.
BODY_TIMEOUT = 30.0
_BLANK = b"\xef\xbb\xbf \t\r\n"
_FIELDS = (b"data", b"event", b"id", b"retry", b":")
# What an answer that is no event stream begins with: JSON, a page, a byte-order mark of UTF-16, gzip.
_BODY_STARTS = (b"{", b"[", b"<", b'"', b"\xff\xfe", b"\xfe\xff", b"\0", b"\x1f\x8b")


class StreamCut(SoundverseError):  # noqa: N818 - it is something that happens, and is followed up
    """The order was sent and then the connection was lost; whether it was taken is to be found out."""

    usual_spent = Spent.MAYBE
    sent = True
    why = ""  # the reason, in a few words


class RemixStream:
    """The chunks of one remix as they arrive; ends with the terminal chunk or where the connection ends.

    `finished` says whether a terminal chunk was seen: where it was not, the stream was cut. `simulated`
    is true for the embedded service.
    """

    def __init__(self, response: aiohttp.ClientResponse, clock: Callable[[], float]) -> None:
        self.simulated = is_simulated(response)
        self.finished = False
        self._response = response
        read_little(response)
        self._clock = clock
        self._last_byte_at = clock()
        self._unpacker = Unpacker(response.headers.get("Content-Encoding", ""), MOST_AT_ONCE)
        self._reader = ChunkReader()
        self._waiting: Iterator[Chunk] = iter(())
        self._last: Chunk | StreamCut | None = None  # what comes after the waiting chunks
        # The first bytes, until an event is among them: should none come, they say what came instead.
        self._opening: bytearray | None = bytearray()
        self._body_began_at: float | None = None
        self._ended = False

    @property
    def message_id(self) -> str | None:
        """The order's id, as soon as any chunk named it."""
        return self._reader.message_id

    @property
    def taken(self) -> bool:
        """Whether a chunk said, or may have said, that the order was let in; see `ChunkReader`."""
        return self._reader.taken

    def idle_seconds(self) -> float:
        """How long no byte has come, in seconds. May be asked while another task waits for the next chunk."""
        return self._clock() - self._last_byte_at

    def __aiter__(self) -> RemixStream:
        return self

    async def __anext__(self) -> RemixEvent | SkippedChunk:
        """The next chunk. A cancelled call loses nothing: the next one goes on where it was.

        APIError where the service refused inside the stream, StreamCut where the connection broke.
        """
        content = self._response.content
        item: Chunk | StreamCut | None = next(self._waiting, None)
        while item is None:
            if self._ended:
                item, self._last = self._last, None
                if item is None:
                    raise StopAsyncIteration
                break
            try:
                # Awaited here and not a coroutine further down: a quiet stream spends its time here.
                # In no variable of this frame: an answer may repeat the key, and errors show their frames.
                self._hear(await (content.readany() if self._body_began_at is None else self._read_body_on()))
            except NETWORK_ERRORS as error:
                self._take(self._unpacked(left_over(content)))
                self._finish(reason(error))
            item = next(self._waiting, None)
        if isinstance(item, SoundverseError):
            self._end()
            raise_alone(item)
        if isinstance(item, RemixEvent) and item.is_terminal:
            self.finished = True
            self._end()
        return item

    def _end(self) -> None:
        self._ended = True
        self._waiting = iter(())
        self._last = None

    async def _read_body_on(self) -> bytes:
        assert self._body_began_at is not None
        async with timeout(max(0.0, self._body_began_at + BODY_TIMEOUT - self._clock())):
            return await self._response.content.readany()

    def _hear(self, data: bytes) -> None:
        if data:
            self._last_byte_at = self._clock()
            self._take(self._unpacked(data))
        else:
            self._take(b"".join(self._unpacker.finish()))
        if self._unpacker.fault:
            self._finish(self._unpacker.fault)
        elif not data:
            self._finish()

    def _unpacked(self, data: bytes) -> bytes:
        return data if self._unpacker.is_plain else b"".join(self._unpacker.feed(data))

    def _take(self, data: bytes) -> None:
        chunks = self._reader.feed(data)
        self._waiting = iter(chunks)
        if chunks:
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
            self._last = self._read_body(opening)
            return
        # After the chunks before it, which may name the order as well.
        self._waiting = chain(self._waiting, _lazily(self._reader.finish))
        if lost is not None:
            self._last = StreamCut(f"The stream broke off: {lost}.", why=lost)

    def _read_body(self, body: bytes) -> Chunk:
        """What an answer means that is not an event stream: an error, or one chunk all the same."""
        error = classify(self._response.status, self._response.headers, body)
        return self._reader.read(self._text(body)) if error is None else error

    def _text(self, body: bytes) -> str:
        return body_text(body, self._response.headers.get("Content-Type", ""))


def _lazily(finish: Callable[[], SkippedChunk | None]) -> Iterator[Chunk]:
    skipped = finish()
    if skipped is not None:
        yield skipped


def _is_no_stream(opening: bytes) -> bool:
    """Whether the first bytes hold something, and no line of it is one of an event stream."""
    lines = opening.strip(_BLANK).splitlines()
    return bool(lines) and not any(line.startswith(_FIELDS) for line in lines)


def is_simulated(response: aiohttp.ClientResponse) -> bool:
    """Whether the embedded service answered."""
    return response.headers.get("Server", "").lower().startswith("soundverse-nb-simulator")
