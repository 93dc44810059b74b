"""The head of an answer and the framing of its body, put in order before a strict parser reads them.

By the time an answer comes, the order is paid for. A header that a parser refuses, or a chunk size that is
none, must not cost what stands beside it: the name of the order. aiohttp stops at 8,190 bytes a line and at
128 lines; gateways, tracing and security policies send more. And where a header or the framing of a body is
broken, it forgets the answer that came in the same packet, or waits for the rest of it for ever.
"""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any, NamedTuple, TypeVar

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MOST_DIGITS = 18  # of a length; a parser counts in 64 bits

_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_SIZE_SO_FAR = re.compile(rb"[ \t]*[0-9A-Fa-f]{0,15}[ \t]*\r?|[ \t]*[0-9A-Fa-f]{1,15}[ \t]*;[^\n]*")
_LONGEST_SIZE = 1 << 14  # bytes of a size's line: some sign each chunk there
_LONGEST_TRAILERS = 1 << 16
_MOST_BEHIND = 1 << 18
# A line that was meant as a size: short, and with nothing in it that an event or a JSON text has.
_MEANT_AS_SIZE = re.compile(rb"[^:{}\[\]<\"\n]{0,40}\n?")


_STATUS_LINE = re.compile(rb"HTTP/(\d(?:\.\d)?)[ \t]+(\d{3})(?:[ \t]+(.*))?", re.DOTALL)


class Head(NamedTuple):
    """The head of an answer: its bytes, its status (0 for none), and how the end of its body is told."""

    data: bytes
    status: int
    is_chunked: bool
    length: int | None


def tidy_head(head: bytes) -> Head:
    """The head of an answer without what a strict parser refuses.

    A field that is none is left out. Chunks go before a length (RFC 9112, 6.3), and of lengths that differ,
    or are none, nothing is believed: the body then ends with its connection.
    """
    status_line, *lines = head.split(b"\n")
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and fields:  # a folded line
            name, value = fields.pop()
            fields.append((name, value + b" " + _clean(line)))
            continue
        name, colon, value = line.partition(b":")
        if colon and _TOKEN.fullmatch(name.strip()):
            fields.append((name.strip(), _clean(value)))
    codings = [item for item in _items(fields, b"transfer-encoding") if item.lower() != b"identity"]
    lengths = set(_items(fields, b"content-length"))
    kept = [field for field in fields if field[0].lower() not in (b"transfer-encoding", b"content-length")]
    length: int | None = None
    is_chunked = any(coding.lower() == b"chunked" for coding in codings)
    if codings:
        codings.sort(key=lambda coding: coding.lower() == b"chunked")
        kept.append((b"Transfer-Encoding", b", ".join(dict.fromkeys(codings))))
    elif len(lengths) == 1:
        said = lengths.pop()
        if said.isdigit() and len(said) <= _MOST_DIGITS:
            length = int(said)
            kept.append((b"Content-Length", said))
    first, status = _status_line(_clean(status_line))
    written = [first, *(b"%b: %b" % field for field in kept), b"", b""]
    return Head(b"\r\n".join(written), status, is_chunked, length)


def _status_line(line: bytes) -> tuple[bytes, int]:
    """The first line in the form of HTTP/1, and the status in it; 0 where it has none."""
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        return line, 0
    version = found[1] if found[1] in (b"1.0", b"1.1") else b"1.1"
    return b"HTTP/%b %b %b" % (version, found[2], found[3] or b""), int(found[2])


def _clean(value: bytes) -> bytes:
    return _CONTROL.sub(b" ", value).strip(b" \t")


def _items(fields: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    values = [value for name, value in fields if name.lower() == wanted]
    return [item.strip() for value in values for item in value.split(b",") if item.strip()]


class Chunks:
    """A body in chunks, taken out of its framing.

    Where the framing breaks, all that comes from there on is content, and the body never ends properly:
    `is_broken` is true from then on. `has_ended` is true once the last chunk came.
    """

    def __init__(self) -> None:
        self.is_broken = False
        self.has_ended = False
        self.behind = b""  # what came behind the end of the body
        self._held = b""  # of a line that has not ended
        self._left = 0  # bytes of this chunk that are still to come
        self._trailers = 0
        self._read = self._read_size

    def feed(self, data: bytes) -> bytes:
        """The content in these bytes."""
        if self._held:
            data, self._held = self._held + data, b""
        content: list[bytes] = []
        at = 0
        while at < len(data):
            if self._read == self._read_size:
                at = self._read_whole(data, at, content)
                if at == len(data):
                    break
            now = self._read(data, at, content)
            if now == at and self._held:
                break
            at = now
        return content[0] if len(content) == 1 else b"".join(content)

    def _read_whole(self, data: bytes, at: int, content: list[bytes]) -> int:
        """Take the chunks that stand here whole and in plain form, as a live stream sends its events."""
        while (size := _PLAIN_SIZE.match(data, at)) is not None:
            begin = size.end()
            end = begin + int(size[1], 16)
            if end == begin or data[end : end + 2] != b"\r\n":
                break
            content.append(data[begin:end])
            at = end + 2
        return at

    def _read_size(self, data: bytes, at: int, content: list[bytes]) -> int:
        end = data.find(b"\n", at) + 1
        if not end:
            is_size = len(data) - at <= _LONGEST_SIZE and _SIZE_SO_FAR.fullmatch(data, at)
            if is_size or _MEANT_AS_SIZE.fullmatch(data, at):
                self._held = data[at:]
                return at
            return self._break(at)
        line = data[at:end]
        size = _SIZE.fullmatch(line)
        if size is not None:
            self._left = int(size[1], 16)
            self._read = self._read_data if self._left else self._read_trailer
            return end
        if not line.strip():
            return end
        return self._break(end if _MEANT_AS_SIZE.fullmatch(line) else at)

    def _read_data(self, data: bytes, at: int, content: list[bytes]) -> int:
        end = min(len(data), at + self._left)
        self._left -= end - at
        content.append(data[at:end])
        if not self._left:
            self._read = self._read_end
        return end

    def _read_end(self, data: bytes, at: int, content: list[bytes]) -> int:
        for line_end in (b"\n", b"\r\n"):
            if data.startswith(line_end, at):
                self._read = self._read_size
                return at + len(line_end)
        if data[at:] == b"\r":
            self._held = b"\r"
            return at
        return self._break(at)

    def _read_trailer(self, data: bytes, at: int, content: list[bytes]) -> int:
        end = data.find(b"\n", at) + 1
        self._trailers += (end or len(data)) - at
        if self._trailers > _LONGEST_TRAILERS:
            return self._break(len(data))
        if not end:
            self._held = data[at:]
            return at
        if not data[at:end].strip():
            self.has_ended = True
            self._read = self._pass_over
        return end

    def _break(self, at: int) -> int:
        self.is_broken = True
        self._read = self._read_raw
        return at

    def _read_raw(self, data: bytes, at: int, content: list[bytes]) -> int:
        content.append(data[at:])
        return len(data)

    def _pass_over(self, data: bytes, at: int, content: list[bytes]) -> int:
        self.behind = (self.behind + data[at:])[:_MOST_BEHIND]
        return len(data)


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
_LAST_CHUNK = b"0\r\n\r\n"
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
        reader = LenientReader if inner.force_close else ReusedReader
        inner._factory = functools.partial(reader, loop=inner._loop)
    return connector


def says_too_large(error: aiohttp.ClientResponseError) -> bool:
    """Whether an answer was refused for the size or the number of its headers."""
    said = error.message.lower()
    return any(words in said for words in _SAYS_TOO_LARGE)


class LenientReader(ResponseHandler):
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
        if data and self._chunks is not None and not self._has_failed:
            self._read_chunks(self._chunks, data)
            return
        if self._has_failed:
            self._refuse_bytes(data)
        elif data and (body := self._within_length(data)):
            super().data_received(body)
        self._fail_payload()

    def resume_reading(self, *args: Any, **settings: Any) -> None:
        # Asked for after every read; newer versions then run their parser once more over nothing.
        if self._reading_paused:
            super().resume_reading(*args, **settings)

    def _read_chunks(self, chunks: Chunks, data: bytes) -> None:
        """Hand the content on without the parser, which would take it out of its chunks once more.

        The parser reads the end alone. So it must not be the one who unpacks: see `auto_decompress`.
        """
        content = chunks.feed(data)
        payload: Any = self._payload
        if payload is None or payload.is_eof():
            # It stands behind the end, or in an answer of which the parser expects no body.
            self._refuse_bytes(content)
            return
        self._reschedule_timeout()
        if content:
            payload.begin_http_chunk_receiving()
            payload.feed_data(content, len(content))
        if chunks.has_ended:
            super().data_received(_LAST_CHUNK)
            self._fail_payload()

    def _within_length(self, data: bytes) -> bytes:
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


class ReusedReader(LenientReader):
    """The same for a connection that is used again: one on which something comes unasked is closed."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.unread and self.transport is not None:
            self.transport.close()  # it would be read as the answer to what is asked next

    @property
    def should_close(self) -> bool:
        return self.is_framing_broken or super().should_close
