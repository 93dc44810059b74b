"""Decoding the bytes of a remix stream into checked chunks, without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from pydantic import ValidationError

from soundverse_nb.api.answers import classify, documented_refusal, is_chunk, is_error_object
from soundverse_nb.api.body import excerpt, read_json
from soundverse_nb.api.event import RemixEvent, Stage, named, read_object, validate_json
from soundverse_nb.api.order_names import is_named, lesser_name_in, name_in_text, names_in, repeats_a_name
from soundverse_nb.api.secrets import holds_key, without_key
from soundverse_nb.api.sse import CR, LF, EventStreamDecoder, OversizeEvent
from soundverse_nb.errors import APIError

_SMALL = 1 << 16  # bytes; the decoder's cap is far above it
# What a server says to keep a connection open. Whatever else cannot be read may have been a chunk.
_KEEP_ALIVES = frozenset(("", "null", "ping", "pong", "keepalive", "keep-alive", "heartbeat"))
# Types of events that sister pages and other services have for an order that was let in.
_WORK_TYPES = ("created", "accepted", "submitted", "started", "progress")
_AS_DOCUMENTED = frozenset(stage.value for stage in Stage if stage not in (Stage.FAILED, Stage.UNKNOWN))
# Fields without a text of the server's, where the status is a documented one and the message_id is known.
_WITHOUT_TEXT = frozenset(
    ("is_complete", "status", "chunk_index", "message_id", "version", "progress", "streaming_ready")
)


@dataclass(frozen=True)
class SkippedChunk:
    """A chunk that could not be read: why, how it began, and the order's id if it named one."""

    reason: str
    excerpt: str
    message_id: str | None = None


Chunk = RemixEvent | SkippedChunk | APIError


class ChunkReader:
    """Reads what a stream says: events, chunks that had to be skipped, and errors that come as a chunk.

    `message_id` is the order's id as soon as any chunk named it, even one that could not be read. `taken`
    is true once a chunk came that says more than "validating", or may have: the order was let in then, and
    no error that follows is a refusal of it.
    """

    def __init__(self) -> None:
        self.message_id: str | None = None
        self.taken = False
        self._names: dict[str, str] = {}
        self._lesser_name: str | None = None  # that counts where no other comes
        self._settled = ""  # the order's id, once it was let in: then only what is odd is looked at closely
        self._seen = 0  # chunks until then
        self._decoder = EventStreamDecoder()

    def feed(self, data: bytes) -> Iterable[Chunk]:
        """The chunks these bytes finished, in order; an event that was too large comes before them.

        Each is read when it is asked for, so ask for all of them before the next `feed`. An empty list where
        there are none.
        """
        decoder = self._decoder
        if decoder.between_events and data[:6] == b"data: " and data[-2:] == b"\n\n":
            # One whole event, as a live stream sends them: read without becoming text in between.
            text = data[6:-2]
            if LF not in text and CR not in text and len(text) <= _SMALL:
                return [self.read(text)]
        texts = decoder.feed_data(data)
        # What an event is called may say it alone.
        self.taken = self.taken or any(map(_tells_of_work, decoder.types))
        chunks = map(self.read, texts)
        if decoder.skipped:
            # Before the others, as nothing is read after a terminal chunk.
            return chain([self._too_large(passed) for passed in decoder.skipped], chunks)
        return chunks if texts else []

    def finish(self) -> SkippedChunk | None:
        """The end of the stream: an event that did not end with it is none, but it may name the order."""
        rest = self._decoder.unfinished
        if self.message_id is None and rest.strip():
            skipped = self._skip("the stream ended inside it", rest)
            if skipped.message_id is not None:
                return skipped
        if self.message_id is not None or self._lesser_name is None:
            return None
        self.message_id = self._lesser_name
        return SkippedChunk("no chunk had a message_id", "", self.message_id)

    def read_lost(self, text: str) -> SkippedChunk | None:
        """What came outside of every event: it counts where it names the order."""
        skipped = self._skip("it stood behind the end of the answer", text)
        return skipped if skipped.message_id is not None else None

    def read(self, data: bytes | str) -> Chunk:
        """What the data of one event says."""
        event: RemixEvent | None = None
        try:
            event = validate_json(data)
        except ValidationError:
            pass  # JSON that only a more patient parser reads, or none
        else:
            # The instance's own dict, because pydantic's attribute look-up takes three times as long.
            fields = event.__dict__
            if (
                fields["message_id"] == self._settled
                and fields["status"] in _AS_DOCUMENTED
                and fields["error"] is None
                and not event.__pydantic_extra__  # a field in a second spelling too
                and (event.__pydantic_fields_set__ <= _WITHOUT_TEXT or not holds_key(data))
            ):
                # Most of a stream: about our order, and no refusal. Numbers and known words hold no key.
                return event
        try:
            if event is None or holds_key(data):
                event = RemixEvent.parse(data)
        except ValueError as error:
            return self._skip(str(error), data)
        return self._read_closely(event, data)

    def _read_closely(self, event: RemixEvent, data: bytes | str) -> Chunk:
        """An event that may name an order, another one too, or be an error answer."""
        fields = event.__dict__
        if event.__pydantic_extra__ or fields["message_id"] != self.message_id or self.message_id is None:
            event = self._named(event, data)
            fields = event.__dict__
            if not self._is_ours(event, data):
                return SkippedChunk("it is about another order", excerpt(_text(data)))
        if fields["status"] in _AS_DOCUMENTED and fields["error"] is None and not event.__pydantic_extra__:
            refusal = None
        else:
            refusal = self._refusal(event, data)
        if refusal is not None:
            return refusal
        if not self.taken:
            # The document's chunk 1 is "queued", whether it says so or not.
            numbered = event.chunk_index is not None and event.chunk_index >= 1
            gap = event.status is None and (numbered or self._is_gap(event))
            self.taken = gap or event.is_past_validating
        self._seen += 1
        if self.taken and self.message_id is not None:
            self._settled = self.message_id
        return event

    def _named(self, event: RemixEvent, data: bytes | str) -> RemixEvent:
        """The event with the order's name, wherever it stands."""
        if (self.message_id is None or event.message_id != self.message_id) and repeats_a_name(data):
            event = RemixEvent.parse(without_key(read_object(data)))
        event = named(event)
        if self.message_id is None and event.message_id is None and event.model_extra:
            lesser = self._lesser_name or lesser_name_in(event.model_extra)
            self._lesser_name = None if lesser is None or holds_key(lesser) else lesser
            if self._lesser_name is not None and event.is_terminal:
                return event.model_copy(update={"message_id": self._lesser_name})
        return event

    def _is_ours(self, event: RemixEvent, data: bytes | str) -> bool:
        """Whether a chunk is about this order: it names it, or none. The first name that came is the order's.

        A message_id and a job_id that do not come together may be two names of one order.
        """
        if event.message_id is None or not event.message_id.strip():
            return True
        value = read_json(_text(data))
        names = (names_in(value) if isinstance(value, dict) else {}) or {"message_id": event.message_id}
        if self.message_id is None:
            self.message_id = event.message_id
        elif not any(is_named(self._names, name) for name in names.values()) and names.keys() & self._names:
            return False
        self._names = {**names, **self._names}
        return True

    def _is_gap(self, event: RemixEvent) -> bool:
        """Whether its number is too high for its place: what is missing may have said that it was let in."""
        return event.chunk_index is not None and event.chunk_index > self._seen

    def _refusal(self, event: RemixEvent, data: bytes | str) -> APIError | None:
        """The error answer a chunk really is, if it is one."""
        bare = event.status is None and event.is_complete is None
        if not (bare or event.is_failure or (event.model_extra or {}).get("success") is False):
            return None
        text = _text(data)
        value = read_json(text)
        taken = self.taken or self._is_gap(event) or event.shows_work
        known = self.message_id is not None or taken
        if is_error_object(value) and not (known and event.is_failure and is_chunk(value)):
            name = self.message_id or self._lesser_name
            return classify(None, {}, text.encode(), message_id=name, taken=taken)
        # A failure before there is an order may be one of the documented refusals.
        return documented_refusal(value) if event.is_failure and not known else None

    def _too_large(self, passed: OversizeEvent) -> SkippedChunk:
        return self._skip(f"an event of {passed.size:,} bytes is too large", passed.head)

    def _skip(self, why: str, data: bytes | str) -> SkippedChunk:
        text = _text(data)
        name = name_in_text(text)
        if name is not None and holds_key(name):
            name = None
        if name is not None and self.message_id is None:
            self.message_id, self._names = name, {"message_id": name}
        self.taken = self.taken or text.strip().lower() not in _KEEP_ALIVES
        return SkippedChunk(why, excerpt(text), name)


def _tells_of_work(kind: str) -> bool:
    """Whether the type of an event says that the order was let in, as a stage after "validating" does."""
    return kind.strip().lower().endswith(_WORK_TYPES) or RemixEvent.parse({"status": kind}).shows_work


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "replace")
