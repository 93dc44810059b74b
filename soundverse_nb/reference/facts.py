"""Facts measured of a song, and the limits it has to keep; no verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from soundverse_nb.audio.meters import Envelope
from soundverse_nb.errors import ConfigurationError

QUICK_TOLERANCE = 0.05
"""Seconds by which a header that proves itself may be off from a decode, where decoders cut off what encoders
padded, or do not. A song as near as that to a limit is decoded."""

DurationBy = Literal["decode", "librosa"]
"""Which length decides on the limits: that of a decode, or librosa.get_duration's."""


def check_duration_by(value: object) -> None:
    """Refuse anything but "decode" and "librosa"."""
    if not isinstance(value, str) or value not in get_args(DurationBy):
        given = repr(value) if isinstance(value, str) else type(value).__name__
        raise ConfigurationError(
            f"duration_by={given:.40} is no way to count a song's length.", hint='Give "decode" or "librosa".'
        )


def checked_limits(value: object) -> Limits:
    """The limits given, or the service's for None; ConfigurationError for anything else."""
    if value is None:
        return Limits()
    if isinstance(value, Limits):
        return value
    raise ConfigurationError(
        f"limits got {type(value).__name__}, which is no sv.Limits.",
        hint="Give for example limits=sv.Limits(max_seconds=20).",
    )


@dataclass(frozen=True)
class AudioFacts:
    """Facts of a song; None is what could not be measured (or was not asked for).

    `duration` in seconds counts decoded frames. `peak` is that of the samples, linear, 1.0 full scale;
    `loudness` the integrated one in LUFS after ITU-R BS.1770-5 (-inf for silence, nan under 400 ms);
    `clipped` counts samples in flat tops, `not_finite` NaN and infinite ones; `quiet_start`, `quiet_end` are
    seconds below -60 dBFS; `heard_seconds` is how much was decoded.
    `goes_on` says that decoding was stopped just past the limit, and the song is longer than `duration`;
    `is_part` that time was up before the song was, and `duration` is what its packets or header tell.
    `lead_bytes` stand before the song without belonging to it.
    Of `tracks` tracks of sound these are the facts of number `track` (from 0).
    `format` and `codec` bear FFmpeg's names ("mp4", "aac"). `envelope` is the outline for drawing.
    """

    duration: float | None = None
    size_bytes: int | None = None
    format: str | None = None
    codec: str | None = None
    channels: int | None = None
    sample_rate: int | None = None
    peak: float | None = None
    loudness: float | None = None
    clipped: int | None = None
    not_finite: int | None = None
    quiet_start: float | None = None
    quiet_end: float | None = None
    heard_seconds: float | None = None
    goes_on: bool = False
    is_part: bool = False
    missing_bytes: int = 0
    missing_seconds: float = 0.0
    damage: str | None = None
    lead_bytes: int = 0
    tracks: int = 1
    track: int = 0
    envelope: Envelope | None = field(default=None, repr=False, compare=False)

    def model_dump(self) -> dict[str, Any]:
        """The facts as JSON can hold them: infinite and undefined numbers become None, no envelope."""
        return {f.name: storable(getattr(self, f.name)) for f in fields(self) if f.name != "envelope"}


def storable(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


@dataclass(frozen=True)
class Limits:
    """The service's limits on a reference; both ends are inclusive.

    Source: the document of /v7/generate/remix ("max 10 MB, 10-350 s"; its error names 10485760 bytes).
    Within `borderline_seconds` of a duration limit the service's own count may differ from ours, because
    encoders pad and decoders trim; the report then says so.

    >>> import soundverse_nb as sv
    >>> report = sv.preflight(sv.example_song(), limits=sv.Limits(max_seconds=20))
    >>> [problem.code for problem in report.problems]
    ['too_long']
    """

    max_bytes: int = 10_485_760
    min_seconds: float = 10.0
    max_seconds: float = 350.0
    borderline_seconds: float = 0.05

    def __post_init__(self) -> None:
        numbers = (self.max_bytes, self.min_seconds, self.max_seconds, self.borderline_seconds)
        if not all(math.isfinite(n) and n >= 0 for n in numbers) or self.min_seconds > self.max_seconds:
            raise ConfigurationError(
                f"{self} are no limits.", hint="Give numbers from 0 upwards, min_seconds at most max_seconds."
            )
