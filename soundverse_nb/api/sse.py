"""Server-sent events out of bytes, by every rule of the standard.

Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream". Bytes go in as the network hands
them over, cut anywhere; finished events come out. No I/O, no JSON: what an event means is decided above.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import NamedTuple, cast

# A chunk of the remix API has a few hundred bytes. A megabyte is room for anything sensible and
# still nothing to a notebook that watches a hundred streams.
MAX_EVENT_BYTES = 1 << 20
# What is kept of an event that is too large: enough to name it in a message and to find its id.
HEAD_BYTES = 4096

# As numbers, since looking for a number in bytes takes a tenth of the time of looking for bytes in bytes.
LF, CR = b"\n\r"
_BOM = b"\xef\xbb\xbf"
_MAX_RETRY_DIGITS = 18


class ServerEvent(NamedTuple):
    """One event: its type ("message" unless named), its data, and the last id seen on the stream."""

    event: str
    data: str
    id: str


class OversizeEvent(NamedTuple):
    """An event that was larger than the cap and was not kept: its size in bytes and how it began."""

    size: int
    head: str


# Building a NamedTuple through its own __new__ runs Python code; this does not.
_new = cast("Callable[[type[ServerEvent], tuple[str, str, str]], ServerEvent]", tuple.__new__)
_build = partial(_new, ServerEvent)


class EventStreamDecoder:
    """Turns the bytes of an event stream into events, however the network cut them.

    `feed(bytes)` returns the events these bytes finished. `retry` is the reconnection time the server asked
    for, in milliseconds, or None; `last_event_id` the last id it sent. Events whose data is larger than
    `max_event_bytes` are passed over in bounded memory; `skipped` lists those of the latest `feed`, `types`
    the types that stood in it, also those of events without data, which are none. What follows the last
    blank line is unfinished and is never returned. `between_events` is true where the next byte begins a new
    event.

    >>> decoder = EventStreamDecoder()
    >>> decoder.feed(b"retry: 500\\ndata: {'sta")
    []
    >>> [event.data for event in decoder.feed(b"tus': 'queued'}\\n\\n")], decoder.retry
    (["{'status': 'queued'}"], 500)
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.retry: int | None = None
        self.last_event_id = ""
        self.skipped: list[OversizeEvent] = []
        self.types: list[str] = []
        self.between_events = False
        self._limit = max_event_bytes
        self._beginning: bytes | None = b""  # the first bytes, until it is clear whether they are a BOM
        self._after_cr = False  # a LF that comes next belongs to the CR before it
        self._line = bytearray()  # the line that has not ended yet
        self._passing_over = False  # that line is too long and its rest is thrown away
        self._counting = False  # ... and counts towards the size of the event
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0  # bytes of this event's data lines, thrown away ones included
        self._head: bytes | None = None  # the beginning of an event that has become too large

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events these bytes finished, in order; often none."""
        if self.between_events and chunk[:6] == b"data: " and chunk[-2:] == b"\n\n":
            # A live stream comes event by event, so for most streams this is all that ever runs.
            try:
                data = chunk[6:-2].decode()
            except UnicodeDecodeError:
                data = "\n"
            if "\n" not in data and "\r" not in data and len(chunk) <= self._limit:
                return [_new(ServerEvent, ("message", data, self.last_event_id))]
        events, plain = self._feed(chunk)
        return events + list(map(_build, zip(repeat("message"), plain, repeat(self.last_event_id))))

    def feed_data(self, chunk: bytes) -> list[str]:
        """The data alone of the events these bytes finished, for streams whose types and ids say nothing."""
        events, plain = self._feed(chunk)
        return [event.data for event in events] + plain if events else plain

    def _feed(self, chunk: bytes) -> tuple[list[ServerEvent], list[str]]:
        """The events these bytes finished, and after them the data of plain ones with the last id."""
        self.skipped, self.types = [], []
        if self._beginning is not None:
            chunk = self._without_bom(chunk)
        if self._after_cr or CR in chunk:
            chunk = self._with_lf_only(chunk)
        end = chunk.rfind(b"\n") + 1
        found: tuple[list[ServerEvent], list[str]] = [], []
        if end:
            complete = chunk if end == len(chunk) else chunk[:end]
            if self._line or self._passing_over:
                complete = self._finish_line(complete)
            found = self._decode(complete)
        if end < len(chunk):
            self._keep(chunk[end:])
        self.between_events = self._beginning is None and not (
            self._line or self._passing_over or self._after_cr or self._inside_event or self.skipped
        )
        return found

    def _without_bom(self, chunk: bytes) -> bytes:
        seen = (self._beginning or b"") + chunk
        if len(seen) < len(_BOM) and _BOM.startswith(seen):
            self._beginning = seen
            return b""
        self._beginning = None
        return seen[len(_BOM) :] if seen.startswith(_BOM) else seen

    def _with_lf_only(self, chunk: bytes) -> bytes:
        # A CR ends its line at once, without waiting for the LF that may follow it.
        if chunk and self._after_cr:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if CR in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _keep(self, part: bytes) -> None:
        """Hold back a line that has not ended, or only its size where it is too long."""
        if self._passing_over:
            if self._counting:
                self._size += len(part)
            return
        self._line += part
        if len(self._line) > self._limit:
            self._counting = self._line.startswith(b"data:")
            if self._counting:
                self._add_data(bytes(self._line))
            self._line.clear()
            self._passing_over = True

    def _finish_line(self, complete: bytes) -> bytes:
        """Join the held-back line with the bytes that end it, and the complete lines after it."""
        if not self._passing_over:
            complete = bytes(self._line) + complete
            self._line.clear()
            return complete
        self._passing_over = False
        line_end = complete.index(b"\n")
        if self._counting:
            self._size += line_end
        return complete[line_end + 1 :]

    @property
    def unfinished(self) -> str:
        """The data that has come since the last event; the standard throws it away at the end of a stream."""
        if self._head is not None:
            return self._head.decode("utf-8", "replace")
        data = list(self._data)
        if self._line.startswith(b"data:"):
            data.append(bytes(self._line[5:]))
        return b"\n".join(data).decode("utf-8", "replace")

    @property
    def _inside_event(self) -> bool:
        return bool(self._data or self._type or self._head is not None)

    def _decode(self, text: bytes) -> tuple[list[ServerEvent], list[str]]:
        """The events in complete lines (each ends in LF)."""
        events: list[ServerEvent] = []
        if self._inside_event:
            blank_line = 0 if text.startswith(b"\n") else text.find(b"\n\n") + 1
            end = blank_line + 1 if blank_line or text.startswith(b"\n") else len(text)
            events = self._decode_lines(text[:end])
            text = text[end:]
        plain = self._plain_data(text)
        return (events + self._decode_lines(text), []) if plain is None else (events, plain)

    def _plain_data(self, text: bytes) -> list[str] | None:
        """The data of events that are one "data: " line each, if the text is nothing but such; None if not.

        Nearly every real stream is made of these alone. If the line ends add up, nothing else is in it.
        """
        if not text.startswith(b"data: ") or not text.endswith(b"\n\n") or len(text) > self._limit:
            return None
        data = text[6:-2].decode("utf-8", "replace")
        pieces = data.split("\n\ndata: ")
        return pieces if data.count("\n") == 2 * (len(pieces) - 1) else None

    def _decode_lines(self, text: bytes) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        lines = text.split(b"\n")
        lines.pop()
        for line in lines:
            if not line:
                event = self._dispatch()
                if event is not None:
                    events.append(event)
            elif line.startswith(b"data:"):
                self._add_data(line)
            elif len(line) <= self._limit:
                self._read_field(line)
        return events

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"event":
            self._type = value
        elif name == b"data":
            self._add_data(line)
        elif name == b"id":
            if b"\0" not in value:
                self.last_event_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            self.retry = int(value)

    def _add_data(self, line: bytes) -> None:
        self._size += len(line)
        if self._head is not None:
            return
        self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        if self._size > self._limit:
            # A quarter of the cap is there whatever the cuts, so the report does not depend on them.
            self._head = b"\n".join(self._data)[: min(HEAD_BYTES, self._limit // 4)]
            self._data = []

    def _dispatch(self) -> ServerEvent | None:
        data, kind, head, size = self._data, self._type, self._head, self._size
        self._data, self._type, self._head, self._size = [], b"", None, 0
        if kind:
            self.types.append(kind.decode("utf-8", "replace"))
        if head is not None:
            self.skipped.append(OversizeEvent(size, head.decode("utf-8", "replace")))
            return None
        # An event without data is none. One empty data line is data: the standard's buffer then holds its LF.
        if not data:
            return None
        text = (data[0] if len(data) == 1 else b"\n".join(data)).decode("utf-8", "replace")
        return ServerEvent(kind.decode("utf-8", "replace") if kind else "message", text, self.last_event_id)
