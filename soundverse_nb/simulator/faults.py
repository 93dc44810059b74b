"""Faults that can be asked for, by name.

A fault is switched on for a whole server, `Simulator(faults=["cut_after_id"])`, or for one request,
`parameters={"simulate": "cut_after_id"}`; with settings, `Fault("rate_limit", times=2, retry_after=1.5)`
and `parameters={"simulate": {"fault": "rate_limit", "times": 2, "retry_after": 1.5}}`. Several at once are
a list.

Two make the service drift, as a study's control cell should find. `Fault("drift", loudness=0.2)` makes each
further order 0.2 dB louder than the one before, `Fault("shift", tempo=2, after=20)` all orders after the
first twenty 2 percent faster. Without amounts, "drift" adds 0.1 dB, 0.05 dB an octave and 0.05 percent an
order; "shift" 2 dB, 1 dB an octave and 2 percent, after ten. It stays within 24 dB, 6 dB an octave and 25
percent.

What `times` counts depends on where the fault sits: for a refusal, a lost answer, a drift and a stream fault
it counts POSTs (of the whole server, or of requests with the same body when the request asked for it); for an
audio or a status fault it counts requests for that one remix. None means every time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from soundverse_nb.errors import ConfigurationError


class Where(str, Enum):
    """Which part of the service misbehaves."""

    REFUSAL = "refusal"  # the POST is answered with an error body; nothing is charged
    ANSWER = "answer"  # the connection is lost around the POST's answer
    STREAM = "stream"  # the event stream itself
    CHUNKS = "chunks"  # what the chunks hold, in the stream and from the status endpoint
    SOUND = "sound"  # what the remix itself sounds like
    STATUS = "status"  # GET /status/generation/{message_id}
    AUDIO = "audio"  # GET of the finished audio


@dataclass(frozen=True)
class Kind:
    """One row of the table: where a fault sits, its usual `times`, and what it does."""

    where: Where
    times: int | None
    what: str


FAULTS: Mapping[str, Kind] = {
    "rate_limit": Kind(Where.REFUSAL, None, "the rate limit body, 429; `retry_after` adds the header"),
    "no_balance": Kind(Where.REFUSAL, None, "the documented insufficient balance body, 402"),
    "unavailable": Kind(Where.REFUSAL, None, "the documented service unavailable body, 503"),
    "html_error": Kind(Where.REFUSAL, None, "a proxy's HTML page, status 500"),
    "empty_error": Kind(Where.REFUSAL, None, "no body at all, status 502"),
    "key_rejected": Kind(Where.REFUSAL, None, "the key is refused, status 401"),
    "redirect": Kind(Where.REFUSAL, None, "the POST is redirected to itself, status 307"),
    "cut_before_accept": Kind(Where.ANSWER, None, "connection lost, order not taken; not charged"),
    "cut_before_headers": Kind(Where.ANSWER, None, "connection lost before the answer's headers; charged"),
    "no_answer": Kind(Where.ANSWER, None, "charged, then not a byte; the connection stays open"),
    "cut_before_id": Kind(Where.STREAM, None, "connection lost after validating; charged"),
    "cut_after_id": Kind(Where.STREAM, None, "connection lost after queued"),
    "cut_mid_chunk": Kind(Where.STREAM, None, "connection lost inside the chunk that follows queued"),
    "cut_mid_stream": Kind(Where.STREAM, None, "connection lost at progress 50"),
    "cut_at_90": Kind(Where.STREAM, None, "connection lost at progress 90"),
    "cut_at_100": Kind(Where.STREAM, None, "connection lost at progress 100"),
    "eof_at_once": Kind(Where.STREAM, None, "HTTP 200 and not a chunk; charged"),
    "eof_before_id": Kind(Where.STREAM, None, "the stream ends cleanly after validating; charged"),
    "eof_after_id": Kind(Where.STREAM, None, "the stream ends cleanly after queued"),
    "eof_mid_stream": Kind(Where.STREAM, None, "the stream ends cleanly at progress 50"),
    "eof_at_90": Kind(Where.STREAM, None, "the stream ends cleanly at progress 90"),
    "eof_at_100": Kind(Where.STREAM, None, "the stream ends cleanly at progress 100"),
    "stall_after_id": Kind(Where.STREAM, None, "silent for good after queued; the job goes on"),
    "stall_at_90": Kind(Where.STREAM, None, "silent for good at 90; the job goes on"),
    "silent_hold": Kind(Where.STREAM, None, "no keep-alive comments while nothing happens"),
    "byte_by_byte": Kind(Where.STREAM, None, "every byte of the stream is written alone"),
    "gzip": Kind(Where.STREAM, None, "the stream is gzip-encoded, asked for or not"),
    "error_in_stream": Kind(Where.STREAM, None, "HTTP 200, then the rate limit body as a chunk; not charged"),
    "not_json": Kind(Where.STREAM, None, "a chunk that is not JSON after queued"),
    "huge_event": Kind(Where.STREAM, None, "one event of `size` bytes (3,000,000) after queued"),
    "duplicate_chunks": Kind(Where.STREAM, None, "every chunk is sent twice"),
    "shuffled_index": Kind(Where.STREAM, None, "chunkIndex counts backwards"),
    "no_audio_url_in_stream": Kind(Where.STREAM, None, "completed without audio_url; the status has it"),
    "slow_hold": Kind(Where.CHUNKS, None, "the hold at 90 lasts `seconds` (600) at speed 1"),
    "failure": Kind(Where.CHUNKS, None, "after progress 50 the job fails with an error chunk"),
    "failure_at_90": Kind(Where.CHUNKS, None, "the job fails while it holds at 90"),
    "no_audio_url": Kind(Where.CHUNKS, None, "completed without audio_url, in the stream and in the status"),
    "unknown_status": Kind(Where.CHUNKS, None, "statuses the document does not know"),
    "odd_fields": Kind(Where.CHUNKS, None, "extra, null and wrongly typed fields in the chunks"),
    "progress_backwards": Kind(Where.CHUNKS, None, "progress falls back and climbs again"),
    "fractional_progress": Kind(Where.CHUNKS, None, "progress as fractions of a percent"),
    "audio_file_url": Kind(Where.CHUNKS, None, "audio_url is a file: URL"),
    "audio_relative_url": Kind(Where.CHUNKS, None, "audio_url is relative"),
    "markup": Kind(Where.CHUNKS, None, "HTML and script in song_name, a javascript: URL as album_art"),
    "drift": Kind(Where.SOUND, None, "each order is a bit louder, brighter and faster than the one before"),
    "shift": Kind(Where.SOUND, None, "orders after the first few are louder, brighter and faster"),
    "status_unavailable": Kind(Where.STATUS, 2, "the status endpoint answers 503"),
    "status_unknown": Kind(Where.STATUS, None, "the status endpoint does not know the id, status 404"),
    "audio_404": Kind(Where.AUDIO, None, "the audio is not there"),
    "audio_html": Kind(Where.AUDIO, None, "an HTML page with status 200 instead of the audio"),
    "audio_cut": Kind(Where.AUDIO, None, "the connection is lost half way through the audio"),
    "audio_flaky": Kind(Where.AUDIO, 2, "503, `times` times, then the audio"),
    "audio_endless": Kind(Where.AUDIO, None, "audio that never ends"),
    "audio_redirect": Kind(Where.AUDIO, None, "redirected once to where the audio is"),
    "audio_redirect_loop": Kind(Where.AUDIO, None, "redirected to itself for ever"),
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong on purpose; `name` is a row of `FAULTS`.

    Parameters
    ----------
    times : how often (see the module's text); None for the row's own default.
    retry_after : seconds for a Retry-After header of a refusal, or None for no header.
    status : HTTP status of a refusal instead of its usual one, for example 200.
    seconds : length of a slow hold at speed 1.
    size : bytes of a huge event.
    loudness, brightness, tempo : dB, dB an octave and percent by which a drift moves; below 0 the other way.
        The rest stays as it is where one of them is given.
    after : how many orders are made as they should be before a drift begins.
    tag : free text that only makes two otherwise equal requests count apart.

    Raises ConfigurationError for an unknown name or a setting out of range.
    """

    name: str
    times: int | None = None
    retry_after: float | None = None
    status: int | None = None
    seconds: float | None = None
    size: int | None = None
    loudness: float | None = None
    brightness: float | None = None
    tempo: float | None = None
    after: int | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ConfigurationError(
                f"There is no fault named {self.name!r}.", hint="The names are " + ", ".join(FAULTS) + "."
            )
        _require_number(self.name, "times", self.times, 0, 10**9, whole=True)
        _require_number(self.name, "retry_after", self.retry_after, 0, 86_400)
        _require_number(self.name, "status", self.status, 200, 599, whole=True)
        _require_number(self.name, "seconds", self.seconds, 0, 86_400)
        _require_number(self.name, "size", self.size, 0, 64_000_000, whole=True)
        _require_number(self.name, "loudness", self.loudness, -24, 24)
        _require_number(self.name, "brightness", self.brightness, -6, 6)
        _require_number(self.name, "tempo", self.tempo, -25, 25)
        _require_number(self.name, "after", self.after, 0, 10**9, whole=True)
        if self.tag is not None and not isinstance(self.tag, str):
            raise ConfigurationError(f"The fault {self.name!r} has a tag that is not text.")
        if self.times is None:
            object.__setattr__(self, "times", FAULTS[self.name].times)

    @property
    def where(self) -> Where:
        return FAULTS[self.name].where


def read_faults(given: object) -> tuple[Fault, ...]:
    """The faults behind a name, a Fault, a mapping with "fault" and its settings, or a list of these."""
    if given is None:
        return ()
    if isinstance(given, (str, Fault, Mapping)):
        return (_read_one(given),)
    if isinstance(given, Iterable):
        return tuple(_read_one(one) for one in given)
    raise ConfigurationError(f"A fault is a name or a mapping with its settings, not {type(given).__name__}.")


def _read_one(given: object) -> Fault:
    if isinstance(given, Fault):
        return given
    if isinstance(given, str):
        return Fault(given)
    if isinstance(given, Mapping):
        settings: dict[str, Any] = dict(given)
        name = settings.pop("fault", None)
        known = {field.name for field in fields(Fault)} - {"name"}
        unknown = sorted(str(key) for key in settings if key not in known)
        if not isinstance(name, str) or unknown:
            what = f"unknown settings {', '.join(unknown)}" if unknown else 'no name under "fault"'
            raise ConfigurationError(
                f"A fault has {what}.", hint=f"Its settings are {', '.join(sorted(known))}."
            )
        return Fault(name, **settings)
    raise ConfigurationError(f"A fault is a name or a mapping with its settings, not {type(given).__name__}.")


def _require_number(
    name: str, setting: str, value: object, low: float, high: float, *, whole: bool = False
) -> None:
    if value is None:
        return
    kinds = (int,) if whole else (int, float)
    if (
        isinstance(value, bool)
        or not isinstance(value, kinds)
        or not math.isfinite(value)
        or not (low <= value <= high)
    ):
        raise ConfigurationError(
            f"The fault {name!r} has {setting} {value!r}; it is a {'whole ' if whole else ''}number "
            f"from {low} to {high}."
        )


class FaultCount:
    """How often each fault has still to happen; lives on the server's loop only."""

    def __init__(self) -> None:
        self._happened: dict[object, int] = {}

    def happens(self, fault: Fault, key: object) -> bool:
        """Whether this fault happens now, counting it if so; `key` separates the counts."""
        if fault.times is None:
            return True
        seen = self._happened.get((key, fault), 0)
        if seen >= fault.times:
            return False
        self._happened[(key, fault)] = seen + 1
        return True
