"""A running remix as a stream of typed chunks, read from one response."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from itertools import chain

import aiohttp

from soundverse_nb.api.answers import classify
from soundverse_nb.api.body import MAX_BODY_BYTES, NOT_JSON, body_text, read_json
from soundverse_nb.api.chunks import Chunk, ChunkReader, SkippedChunk
from soundverse_nb.api.connection import (
    NETWORK_ERRORS,
    is_framing_broken,
    left_over,
    read_little,
    reason,
    timeout,
    unread_of,
)
from soundverse_nb.api.content_encoding import MOST_AT_ONCE, Unpacker
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.errors import SoundverseError, Spent, raise_alone

__all__ = ["RemixStream", "SkippedChunk", "StreamCut"]

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
    message_id: str | None = None  # the order's id, where it stood in an answer that could not be read


class _Recoder:
    """A body in UTF-16 as UTF-8, and any other as it is; its first two bytes show which it is."""

    def __init__(self) -> None:
        self.is_utf16 = False
        self._head: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is clear that the bytes may be taken as they are."""
        return self._head is None and self._decoder is None

    def feed(self, data: bytes, final: bool = False) -> bytes:
        if self._head is not None:
            data = self._head + data
            if len(data) < 2 and not final:
                self._head = data
                return b""
            self._head = None
            charset = json.detect_encoding(data[:4])
            if charset.startswith("utf-16"):
                self.is_utf16 = True
                self._decoder = codecs.getincrementaldecoder(charset)("replace")
        if self._decoder is None:
            return data
        return self._decoder.decode(data, final).encode("utf-8", "replace")


class _Opening:
    """The first bytes of an answer, until an event is among them: they show whether it is an event stream.

    Headers are not believed: JSON or a page may come under any type, and a stream under a wrong one.
    """

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data[: MAX_BODY_BYTES - len(self._data)]

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    @property
    def text(self) -> str:
        return body_text(self.data, self._content_type)

    @property
    def begins_a_body(self) -> bool:
        """Whether it begins as JSON or a page does, known before it ends."""
        return self._data.lstrip(_BLANK).startswith(_BODY_STARTS)

    @property
    def is_whole_body(self) -> bool:
        """Whether nothing more is worth waiting for: the JSON is complete, or the limit is reached."""
        if len(self._data) >= MAX_BODY_BYTES:
            return True
        return self._data.rstrip(_BLANK).endswith((b"}", b"]")) and read_json(self.text) is not NOT_JSON

    @property
    def is_no_stream(self) -> bool:
        """Whether it holds something, and no line of it is one of an event stream."""
        lines = self._data.strip(_BLANK).splitlines()
        return bool(lines) and not any(line.startswith(_FIELDS) for line in lines)


class RemixStream:
    """The chunks of one remix as they arrive; ends with the terminal chunk or where the connection ends.

    Where no terminal chunk came, the stream was cut.
    """

    def __init__(self, response: aiohttp.ClientResponse, clock: Callable[[], float]) -> None:
        self._response = response
        read_little(response)
        self._clock = clock
        self._last_byte_at = clock()
        self._unpacker = Unpacker(response.headers.get("Content-Encoding", ""), MOST_AT_ONCE)
        self._recoder = _Recoder()
        self._reader = ChunkReader()
        self._pending: Iterator[Chunk | StreamCut] = iter(())  # read, and not given yet
        self._opening: _Opening | None = _Opening(response.headers.get("Content-Type", ""))
        self._body_deadline: float | None = None  # once it is known to be no event stream
        self._is_plain = False  # it is an event stream, neither compressed nor in another charset
        self._ended = False  # nothing more is read

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
        item = next(self._pending, None)
        while item is None:
            if self._ended:
                raise StopAsyncIteration
            try:
                # Awaited here and not a coroutine further down: a quiet stream spends its time here.
                # In no variable of this frame: an answer may repeat the key, and errors show their frames.
                self._receive(
                    await (content.readany() if self._body_deadline is None else self._read_body_on())
                )
            except NETWORK_ERRORS as error:
                self._decode(self._unpacked(left_over(content)))
                self._finish(reason(error))
            item = next(self._pending, None)
        if isinstance(item, RemixEvent):
            if item.is_terminal:
                self._end()
        elif isinstance(item, SoundverseError):
            self._end()
            raise_alone(item)
        return item

    def _end(self) -> None:
        self._ended = True
        self._pending = iter(())

    async def _read_body_on(self) -> bytes:
        assert self._body_deadline is not None
        async with timeout(max(0.0, self._body_deadline - self._clock())):
            return await self._response.content.readany()

    def _receive(self, data: bytes) -> None:
        """What the connection gave; nothing is its end."""
        if data:
            self._last_byte_at = self._clock()
            if self._is_plain:
                self._pending = iter(self._reader.feed(data))
            else:
                self._decode(self._unpacked(data))
        else:
            self._decode(b"".join(self._unpacker.finish()), final=True)
        if not self._is_plain and self._unpacker.fault:
            self._finish(self._unpacker.fault)
        elif not data:
            self._finish()
        elif is_framing_broken(self._response):
            self._go_on_for_its_name()

    def _go_on_for_its_name(self) -> None:
        """The end of the body cannot be told any more: what still comes is read for the order's name."""
        self._pending = iter(list(self._pending))
        if self.message_id is not None:
            self._finish("the framing of the answer is broken")
        elif self._body_deadline is None:
            self._body_deadline = self._clock() + BODY_TIMEOUT

    def _unpacked(self, data: bytes) -> bytes:
        return data if self._unpacker.is_plain else b"".join(self._unpacker.feed(data))

    def _decode(self, data: bytes, final: bool = False) -> None:
        data = self._recoder.feed(data, final)
        chunks = self._reader.feed(data)
        self._pending = iter(chunks)
        if chunks:
            self._opening = None
            unpacker = self._unpacker
            self._is_plain = unpacker.is_plain and not unpacker.fault and self._recoder.is_plain
        elif self._opening is not None:
            self._opening.feed(data)
            if self._opening.begins_a_body:
                if self._body_deadline is None:
                    self._body_deadline = self._clock() + BODY_TIMEOUT
                if self._opening.is_whole_body:
                    self._finish()

    def _finish(self, lost: str | None = None) -> None:
        """The end of what comes: of the connection, or of a body that is no event stream."""
        if self._ended:
            return
        self._ended = True
        if self._opening is not None and self._opening.is_no_stream:
            self._pending = chain((self._read_body(self._opening),), _lazily(self._reader.finish))
            return
        cut = () if lost is None else (StreamCut(f"The stream broke off: {lost}.", why=lost),)
        # After the chunks before it, which may name the order as well.
        self._pending = chain(self._pending, _lazily(self._reader.finish), _lazily(self._read_behind), cut)

    def _read_behind(self) -> SkippedChunk | None:
        """What stood behind the announced end of the body may name the order, too."""
        text = unread_of(self._response)
        return self._reader.read_lost(text) if text and self.message_id is None else None

    def _read_body(self, opening: _Opening) -> Chunk:
        """What an answer means that is not an event stream: an error, or one chunk all the same."""
        headers = {name.lower(): value for name, value in self._response.headers.items()}
        if self._recoder.is_utf16:  # it no longer is what its header says
            headers["content-type"] = ""
        error = classify(self._response.status, headers, opening.data)
        if error is not None:
            return error
        return self._reader.read(body_text(opening.data, headers.get("content-type", "")))


def _lazily(finish: Callable[[], SkippedChunk | None]) -> Iterator[Chunk]:
    skipped = finish()
    if skipped is not None:
        yield skipped
