"""One chunk of a running remix, read so that nothing a server sends can break the stream.

Source: "Streaming Response" in the vendor's page for POST /v7/generate/remix. Fields of exactly the
documented type are validated in compiled code; only what deviates is looked at in Python.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import CoreSchema, core_schema

from soundverse_nb.api.body import error_text, shown, shown_id, shown_name
from soundverse_nb.api.order_names import keep_first_names, name_in
from soundverse_nb.api.secrets import holds_key, without_key


class Stage(str, Enum):
    """How far a remix is, in the service's own words; UNKNOWN for a word the document does not have.

    >>> import soundverse_nb as sv
    >>> sv.RemixEvent(status="a new word").stage
    <Stage.UNKNOWN: 'unknown'>
    """

    VALIDATING = "validating"
    QUEUED = "queued"
    STARTING = "starting"
    INITIALIZING = "initializing"
    UPLOADING = "uploading"
    STREAMING = "streaming"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"


# The document names no word for failure, and its sister pages spell the end in several ways.
_STAGE_WORDS: dict[str, Stage] = {
    **{stage.value: stage for stage in Stage},
    "initialising": Stage.INITIALIZING,
    "pending": Stage.QUEUED,
    "processing": Stage.STREAMING,
    **dict.fromkeys(("complete", "finished", "done", "succeeded"), Stage.COMPLETED),
    **dict.fromkeys(
        (
            "failure",
            "error",
            "errored",
            "cancelled",
            "canceled",
            "aborted",
            "rejected",
            "timed_out",
            "timeout",
        ),
        Stage.FAILED,
    ),
}
_UNDER_WAY = frozenset(
    stage.value for stage in Stage if stage not in (Stage.COMPLETED, Stage.FAILED, Stage.UNKNOWN)
)
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # exactly: an id may have more digits than a float holds
    if isinstance(value, float):
        whole = _whole(value)
        return str(value if whole is None else whole)
    return None


def _words(value: Any) -> str | None:
    return error_text(value) or _text(value)


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else None
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _percentage(value: Any) -> float | None:
    number = _number(value.strip().rstrip("%") if isinstance(value, str) else value)
    if number is None:
        return None
    bounded = min(100.0, max(0.0, number))
    return int(bounded) if bounded.is_integer() and not isinstance(value, float) else bounded


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


class _Lenient:
    """A field that takes the documented type as it is, and else what can be made of the value, or None."""

    def __init__(self, documented: CoreSchema, otherwise: Callable[[Any], Any]) -> None:
        self._schema = core_schema.union_schema(
            [
                core_schema.nullable_schema(documented),
                core_schema.no_info_plain_validator_function(otherwise),
            ],
            mode="left_to_right",
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return self._schema


_Text = Annotated[str | None, _Lenient(core_schema.str_schema(strict=True, min_length=1), _text)]
_Words = Annotated[str | None, _Lenient(core_schema.str_schema(strict=True, min_length=1), _words)]
_Flag = Annotated[bool | None, _Lenient(core_schema.bool_schema(strict=True), _flag)]
_Whole = Annotated[int | None, _Lenient(core_schema.int_schema(strict=True), _whole)]
# The document says integer, and what is one stays one.
_Percentage = Annotated[
    float | None, _Lenient(core_schema.int_schema(strict=True, ge=0, le=100), _percentage)
]


class RemixEvent(BaseModel):
    """What the service says about a remix at one moment: its stage, its progress, and in the end its audio.

    `progress` is a percentage, 0 to 100. Every field is None where the service left it out or sent something
    that cannot be read as its type; fields the document does not name are kept in `model_extra`.

    >>> import soundverse_nb as sv
    >>> event = sv.RemixEvent.parse('{"status": "streaming", "progress": 40, "a_new_field": 1}')
    >>> event.stage, event.progress, event.is_terminal, event.model_extra
    (<Stage.STREAMING: 'streaming'>, 40, False, {'a_new_field': 1})
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, protected_namespaces=())

    is_complete: _Flag = Field(None, alias="isComplete")
    status: _Text = None
    chunk_index: _Whole = Field(None, alias="chunkIndex")
    message_id: _Text = Field(None, validation_alias=AliasChoices("message_id", "job_id"))
    stream_url: _Text = None
    version: _Whole = None
    album_art: _Text = None
    song_name: _Text = None
    progress: _Percentage = None
    streaming_ready: _Flag = None
    audio_url: _Text = None
    error: _Words = None
    operation: _Text = None

    @classmethod
    def parse(cls, chunk: bytes | str | Mapping[str, Any]) -> RemixEvent:
        """Read one chunk, as JSON or as a mapping. ValueError where it is not a JSON object."""
        try:
            if isinstance(chunk, (bytes, str)) and holds_key(chunk):
                return named(_from_mapping(without_key(read_object(chunk))))
            event = validate_json(chunk)
        except ValidationError:  # a mapping, or JSON that only a more patient parser reads
            event = _from_mapping(read_object(chunk))
        return named(event)

    @property
    def stage(self) -> Stage:
        """The stage the status names; Stage.UNKNOWN where it is missing or a new word."""
        if self.status is None:
            return Stage.UNKNOWN
        known = _STAGE_WORDS.get(self.status)
        if known is None:
            known = _STAGE_WORDS.get(self.status.strip().lower().replace(" ", "_"), Stage.UNKNOWN)
        return known

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more comes after this chunk: the remix is completed or has failed."""
        if self.is_complete is not True and self.status in _UNDER_WAY:
            return False
        return self.is_complete is True or self.stage in (Stage.COMPLETED, Stage.FAILED) or self.is_failure

    @property
    def is_failure(self) -> bool:
        """Whether this chunk says that the remix has failed."""
        if self.stage is Stage.FAILED:
            return True
        if self.audio_url is not None or (self.is_complete is not True and self.status is not None):
            return False
        return self.error is not None or (self.model_extra or {}).get("success") is False

    @property
    def shows_work(self) -> bool:
        """Whether this chunk speaks of a remix that is being made: a stage after "validating", a progress,
        an address, a title."""
        if self.stage not in (Stage.VALIDATING, Stage.FAILED, Stage.UNKNOWN) or self.streaming_ready is True:
            return True
        return any((self.progress, self.stream_url, self.audio_url, self.album_art, self.song_name))

    @property
    def is_past_validating(self) -> bool:
        """Whether this chunk says anything else than that the request is being checked.

        Then the order was let in, or may have been: an unknown word or field counts as well. Only
        "validating" and an empty chunk do not.
        """
        # The document has streaming_ready in a chunk of "streaming" alone.
        named = self.message_id is not None or self.streaming_ready is not None
        if self.shows_work or self.is_complete is True or named:
            return True
        if self.status is not None:
            return self.stage is not Stage.VALIDATING
        rest = (self.progress, self.version, self.error, self.operation)
        return any(value is not None for value in rest) or bool(self.model_extra)

    @property
    def reason(self) -> str | None:
        """Why the remix failed, in the service's words: `error`, or what an undocumented field says."""
        return self.error or error_text(self.model_extra) or None

    def __repr_args__(self) -> Any:
        # A presigned link is a key to the audio: what is shown of it ends at the question mark.
        for name, value in super().__repr_args__():
            if value is not None:
                yield shown_name(name), shown_id(value) if name == "message_id" else shown(value)


# Without the checks pydantic's public methods make of their own arguments: they take a third of the time.
validate_json = cast(
    "Callable[[bytes | str | Mapping[str, Any]], RemixEvent]", RemixEvent.__pydantic_validator__.validate_json
)
_from_mapping = cast(
    "Callable[[dict[str, Any]], RemixEvent]", RemixEvent.__pydantic_validator__.validate_python
)


def named(event: RemixEvent) -> RemixEvent:
    """The event with the id of "job_id" where "message_id" is null or blank, or that of what it wraps."""
    if not event.model_extra or (event.message_id is not None and event.message_id.strip()):
        return event
    name = name_in(event.model_extra)
    return event.model_copy(update={"message_id": name}) if name else event


def read_object(chunk: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    """The object in a chunk that a strict parser refused, say for half a surrogate pair; else ValueError."""
    if not isinstance(chunk, (bytes, str)):
        return {str(name): value for name, value in chunk.items()}
    try:
        text = chunk if isinstance(chunk, str) else chunk.decode("utf-8", "replace")
        value = json.loads(text, strict=False, object_pairs_hook=keep_first_names)
        if isinstance(value, dict):
            whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            return cast("dict[str, Any]", json.loads(whole))
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    raise ValueError("not a JSON object")
