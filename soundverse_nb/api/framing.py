"""The head of an answer and the framing of its body, put in order before a strict parser reads them.

By the time an answer comes, the order is paid for. A header that a parser refuses, or a chunk size that is
none, must not cost what stands beside it: the name of the order.
"""

from __future__ import annotations

import re
from typing import NamedTuple

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


def _is_one_chunk(data: bytes) -> bool:
    found = _PLAIN_SIZE.match(data)
    if found is None:
        return False
    size = int(found[1], 16)
    return size > 0 and found.end() + size + 2 == len(data) and data.endswith(b"\r\n")


class Chunks:
    """A body in chunks, framed anew so that a strict parser reads it.

    Where the framing breaks, all that comes from there on is passed on as it is, and the body never ends
    properly: `is_broken` is true from then on.
    """

    def __init__(self) -> None:
        self.is_broken = False
        self.behind = b""  # what came behind the end of the body
        self._held = b""  # of a line that has not ended
        self._left = 0  # bytes of this chunk that are still to come
        self._trailers = 0
        self._read = self._read_size

    def feed(self, data: bytes) -> bytes:
        """What these bytes bring, in chunks."""
        if not self._held and self._read == self._read_size and _is_one_chunk(data):
            return data  # as a live stream sends its events
        data, self._held = self._held + data, b""
        framed: list[bytes] = []
        at = 0
        while at < len(data):
            now = self._read(data, at, framed)
            if now == at and self._held:
                break
            at = now
        return b"".join(framed)

    def _read_size(self, data: bytes, at: int, framed: list[bytes]) -> int:
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

    def _read_data(self, data: bytes, at: int, framed: list[bytes]) -> int:
        end = min(len(data), at + self._left)
        self._left -= end - at
        framed.append(b"%x\r\n%b\r\n" % (end - at, data[at:end]))
        if not self._left:
            self._read = self._read_end
        return end

    def _read_end(self, data: bytes, at: int, framed: list[bytes]) -> int:
        for line_end in (b"\n", b"\r\n"):
            if data.startswith(line_end, at):
                self._read = self._read_size
                return at + len(line_end)
        if data[at:] == b"\r":
            self._held = b"\r"
            return at
        return self._break(at)

    def _read_trailer(self, data: bytes, at: int, framed: list[bytes]) -> int:
        end = data.find(b"\n", at) + 1
        self._trailers += (end or len(data)) - at
        if self._trailers > _LONGEST_TRAILERS:
            return self._break(len(data))
        if not end:
            self._held = data[at:]
            return at
        if not data[at:end].strip():
            framed.append(b"0\r\n\r\n")
            self._read = self._pass_over
        return end

    def _break(self, at: int) -> int:
        self.is_broken = True
        self._read = self._read_raw
        return at

    def _read_raw(self, data: bytes, at: int, framed: list[bytes]) -> int:
        framed.append(b"%x\r\n%b\r\n" % (len(data) - at, data[at:]))
        return len(data)

    def _pass_over(self, data: bytes, at: int, framed: list[bytes]) -> int:
        self.behind = (self.behind + data[at:])[:_MOST_BEHIND]
        return len(data)
