"""Rules of preflight: which facts of a song are problems, and which are worth a warning."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from soundverse_nb.reference.facts import AudioFacts, Limits, storable
from soundverse_nb.render.units import MINUS, clock, exactly, format_name, in_full, loudness

SILENT_PEAK = 10 ** (-70 / 20)
"""A song whose greatest sample stays below -70 dBFS is silence with dither."""
QUIET_LUFS = -35.0
"""Music is released at -8 to -24 LUFS; what is this quiet was probably recorded too low."""
CLIPPED_SHARE = 1e-4
"""Flat tops in more than one of ten thousand samples sound distorted."""
LOW_RATE = 32_000
"""Below this nothing over 16 kHz is left of a song."""
PADDABLE_SECONDS = 1.0
"""So much may be missing to the shortest length that a little silence at the end is an honest repair."""

# The formats that a file of this ending should have; any other ending says nothing of a format.
_FORMATS_BY_ENDING = {
    "aac": {"adts", "mp4"}, "aif": {"aiff"}, "aifc": {"aiff"}, "aiff": {"aiff"}, "asf": {"asf"}, "au": {"au"},
    "caf": {"caf"}, "flac": {"flac"}, "m4a": {"mp4"}, "m4b": {"mp4"}, "m4v": {"mp4"}, "mov": {"mp4"},
    "mka": {"webm", "matroska"}, "mkv": {"webm", "matroska"}, "mp3": {"mp3"}, "mp4": {"mp4"},
    "oga": {"ogg"}, "ogg": {"ogg"}, "opus": {"ogg"}, "wav": {"wav", "w64"}, "wave": {"wav"},
    "webm": {"webm", "matroska"}, "wma": {"asf"}, "wv": {"wavpack"},
}  # fmt: skip

# numpy makes them of narrower samples easily; those are next to nothing at their full scale.
_WIDE_INTEGERS = ("int32", "int64")
# Lengths are counted in two ways; what differs by less than this is the same.
_ROUNDING_SECONDS = 0.05
_NO_REPAIR = "No call repairs that; choose another song."


@dataclass(frozen=True)
class Problem:
    """One rule a song breaks, or one thing to know: a code, a sentence, the numbers, and what repairs it."""

    code: str
    message: str
    value: Any = None
    limit: Any = None
    hint: str = ""

    def model_dump(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {name: storable(getattr(self, name)) for name in ("code", "message", "value", "limit", "hint")}


_BY_LIBROSA = "By librosa.get_duration: "
_HEADER_IS_WRONG = "Convert it to another format, so that its header tells what is there; a decode passes it."


def problems_of(
    facts: AudioFacts, limits: Limits, call: str, librosa_seconds: float | None = None
) -> tuple[Problem, ...]:
    """Every reason for which the service would refuse this song, or return a poor remix of it.

    `call` is the repair call to quote, for example "sv.repair('song.mp3')". With `librosa_seconds` that is
    the length which decides, not that of a decode.
    """
    found = [
        _too_large(facts, limits, call),
        *_duration_problems(facts, limits, call, librosa_seconds),
        _truncated(facts, limits, call),
        _damaged(facts, call),
        _not_finite(facts, call),
        _silent(facts),
    ]
    return tuple(problem for problem in found if problem is not None)


def warnings_of(
    facts: AudioFacts,
    limits: Limits,
    call: str,
    path: str | PurePath | None,
    librosa_seconds: float | None = None,
) -> tuple[Problem, ...]:
    """What is worth knowing of a song although it does not fail for it."""
    borderline = _borderline(_counted(facts, librosa_seconds), limits, call)
    if borderline is not None and librosa_seconds is not None:
        borderline = replace(borderline, message=_BY_LIBROSA + borderline.message)
    found = [
        borderline,
        _partly_heard(facts, limits),
        _silent_start(facts, limits, call),
        _several_tracks(facts, call),
        _clipped(facts),
        _very_quiet(facts, call),
        _mono(facts),
        _multichannel(facts, call),
        _low_sample_rate(facts),
        _lead_bytes(facts, call),
        _extension_mismatch(facts, path),
    ]
    return tuple(warning for warning in found if warning is not None)


def _duration_problems(
    facts: AudioFacts, limits: Limits, call: str, librosa_seconds: float | None
) -> list[Problem | None]:
    found = []
    for rule in (_too_short, _too_long):
        problem = rule(_counted(facts, librosa_seconds), limits, call)
        if problem is not None and librosa_seconds is not None:
            # What repairs a song goes by what decodes, and leaves one alone that is of a good length by that.
            hint = problem.hint if rule(facts, limits, call) is not None else _HEADER_IS_WRONG
            problem = replace(problem, message=_BY_LIBROSA + problem.message, hint=hint)
        found.append(problem)
    return found


def _counted(facts: AudioFacts, librosa_seconds: float | None) -> AudioFacts:
    """The facts with the length that decides."""
    return facts if librosa_seconds is None else replace(facts, duration=librosa_seconds, goes_on=False)


def no_librosa_duration(reason: str) -> Problem:
    """The problem of a song whose length only librosa may tell, and does not."""
    return Problem(
        "no_librosa_duration",
        f"librosa.get_duration has no answer: {reason}.",
        hint='Convert it to WAV or FLAC, or let a decode decide (duration_by="decode").',
    )


def _too_large(facts: AudioFacts, limits: Limits, call: str) -> Problem | None:
    size = facts.size_bytes
    if size is None or size <= limits.max_bytes:
        return None
    message = f"The file has {size:,} bytes; the service takes at most {limits.max_bytes:,}."
    hint = f"{call} writes a smaller copy at the best quality that fits."
    return Problem("too_large", message, size, limits.max_bytes, hint)


def _too_short(facts: AudioFacts, limits: Limits, call: str) -> Problem | None:
    duration = facts.duration
    if duration is None or duration >= limits.min_seconds:
        return None
    lasts, least = exactly(duration, limits.min_seconds), in_full(limits.min_seconds)
    message = f"The song lasts {lasts}; the service takes {least} s or more."
    if limits.min_seconds - duration <= PADDABLE_SECONDS:
        hint = f"{call} writes a copy with a little silence at its end."
    else:
        hint = "Use a longer song or a longer part of it: no repair makes a short one longer."
    return Problem("too_short", message, duration, limits.min_seconds, hint)


def _too_long(facts: AudioFacts, limits: Limits, call: str) -> Problem | None:
    duration = facts.duration
    if duration is None or duration <= limits.max_seconds:
        return None
    most = in_full(limits.max_seconds)
    lasts = f"more than {most} s" if facts.goes_on else exactly(duration, limits.max_seconds)
    message = f"The song lasts {lasts}; the service takes at most {most} s."
    hint = f"{call} writes a copy of its loudest segment that fits; start= picks another."
    return Problem("too_long", message, duration, limits.max_seconds, hint)


def _truncated(facts: AudioFacts, limits: Limits, call: str) -> Problem | None:
    if not (facts.missing_bytes or facts.missing_seconds):
        return None
    if facts.missing_bytes > 1:
        message = f"The file ends early: {facts.missing_bytes:,} bytes that it announces are not there."
    elif facts.missing_seconds:
        message = (
            f"The file ends early: about {exactly(facts.missing_seconds)} that it announces are not there."
        )
    else:
        message = "The file ends in the middle of its data."
    hint = "Fetch or export it again."
    if (facts.duration or 0.0) >= limits.min_seconds - PADDABLE_SECONDS:
        hint += f" Or keep what is there: {call}"
    return Problem("truncated", message, facts.missing_bytes or facts.missing_seconds, 0, hint)


def _damaged(facts: AudioFacts, call: str) -> Problem | None:
    if facts.damage is None or facts.missing_bytes or facts.missing_seconds:
        return None
    message = f"Part of the file cannot be decoded ({facts.damage})."
    hint = f"{call} writes a copy of all that can be decoded."
    return Problem("damaged", message, facts.damage, None, hint)


def _not_finite(facts: AudioFacts, call: str) -> Problem | None:
    if not facts.not_finite:
        return None
    message = f"{facts.not_finite:,} samples are not numbers (NaN or infinite)."
    return Problem(
        "not_finite", message, facts.not_finite, 0, f"{call} writes a copy with silence in their place."
    )


def _is_partly_decoded(facts: AudioFacts) -> bool:
    """Whether the song goes on behind what was decoded of it."""
    measured, duration = facts.heard_seconds, facts.duration
    if facts.goes_on or facts.is_part:
        return True
    return measured is not None and duration is not None and measured < duration - _ROUNDING_SECONDS


def _silent(facts: AudioFacts) -> Problem | None:
    if facts.peak is None or facts.peak > SILENT_PEAK or _is_partly_decoded(facts):
        return None
    message = "There is nothing to hear: the whole song is silence."
    if facts.format == "samples" and facts.codec in _WIDE_INTEGERS and facts.peak > 0:
        message += f" Its integer samples were read as {facts.codec}, at the full scale of that type."
        hint = "If they are 16-bit samples, pass samples.astype(np.int16); or floats between -1 and 1."
        return Problem("silent", message, decibels(facts.peak), -70.0, hint)
    return Problem("silent", message, decibels(facts.peak), -70.0, _NO_REPAIR)


def _silent_start(facts: AudioFacts, limits: Limits, call: str) -> Problem | None:
    measured = facts.heard_seconds
    if measured is None or facts.peak is None or facts.peak > SILENT_PEAK or not _is_partly_decoded(facts):
        return None
    message = f"The first {clock(measured)} of it is silent; what comes behind was not heard."
    hint = f"{call} writes a copy of its loudest segment, if there is any sound in it."
    if _too_long(facts, limits, call) is None:
        hint = "Listen to it, or convert it to MP3 or FLAC to have all of it checked."
    return Problem("silent_start", message, measured, None, hint)


def _borderline(facts: AudioFacts, limits: Limits, call: str) -> Problem | None:
    duration = facts.duration
    if duration is None or facts.goes_on:
        return None
    for limit in (limits.min_seconds, limits.max_seconds):
        # Rounded, because 350.05 - 350 is a little more than 0.05 in binary.
        if round(abs(duration - limit), 9) <= limits.borderline_seconds:
            near = (
                f"so near to the limit of {in_full(limit)} s" if duration != limit else "the limit itself, so"
            )
            message = (
                f"{exactly(duration, limit)} is {near} that encoders' padding decides; "
                "the service may count otherwise."
            )
            return Problem("borderline", message, duration, limit, f"{call} writes a copy well inside.")
    return None


def _partly_heard(facts: AudioFacts, limits: Limits) -> Problem | None:
    measured, duration = facts.heard_seconds, facts.duration
    if measured is None or duration is None or measured >= limits.max_seconds:
        return None
    if measured >= duration and not facts.is_part:
        return None
    message = (
        f"Decoding takes long: only the first {clock(measured)} of it was decoded, "
        "the length is that of its packets."
    )
    return Problem(
        "partly_heard", message, measured, duration, "Convert it to MP3 or FLAC to have all of it checked."
    )


def _several_tracks(facts: AudioFacts, call: str) -> Problem | None:
    if facts.tracks < 2:
        return None
    lasts = "" if facts.duration is None else f", of {clock(facts.duration)}"
    message = (
        f"The file holds {facts.tracks} audio tracks. All this is of track {facts.track + 1}{lasts}; "
        "the service may take another."
    )
    hint = f"{call} writes a copy of that track alone."
    return Problem("several_tracks", message, facts.track + 1, facts.tracks, hint)


def _clipped(facts: AudioFacts) -> Problem | None:
    if not facts.clipped or not facts.heard_seconds or not facts.sample_rate or not facts.channels:
        return None
    share = facts.clipped / (facts.heard_seconds * facts.sample_rate * facts.channels)
    if share < CLIPPED_SHARE:
        return None
    message = f"The recording is clipped: {share:.2%} of its samples lie in flat tops at full scale."
    return Problem("clipped", message, share, CLIPPED_SHARE, "Export it again with less gain if you can.")


def _very_quiet(facts: AudioFacts, call: str) -> Problem | None:
    if facts.loudness is None or facts.peak is None or facts.peak <= SILENT_PEAK:
        return None
    if not facts.loudness < QUIET_LUFS:
        return None
    message = f"The song is very quiet: {loudness(facts.loudness) or f'under {MINUS}70 LUFS'}."
    return Problem(
        "very_quiet", message, facts.loudness, QUIET_LUFS, "Export it again with more gain if you can."
    )


def _mono(facts: AudioFacts) -> Problem | None:
    if facts.channels != 1:
        return None
    return Problem("mono", "The song is mono.", 1, None, "Nothing to do; a stereo export may remix better.")


def _multichannel(facts: AudioFacts, call: str) -> Problem | None:
    if facts.channels is None or facts.channels <= 2:
        return None
    message = f"The song has {facts.channels} channels; how the service mixes them is not documented."
    return Problem("multichannel", message, facts.channels, None, f"{call} writes a stereo mix.")


def _low_sample_rate(facts: AudioFacts) -> Problem | None:
    rate = facts.sample_rate
    if rate is None or rate >= LOW_RATE:
        return None
    message = f"The sample rate is {rate:,} Hz: nothing above {rate // 2:,} Hz is in the recording."
    return Problem("low_sample_rate", message, rate, LOW_RATE, "Use the original recording if you have it.")


def _lead_bytes(facts: AudioFacts, call: str) -> Problem | None:
    if not facts.lead_bytes:
        return None
    message = f"{facts.lead_bytes:,} bytes that are no sound stand before it; not every program looks behind."
    return Problem("lead_bytes", message, facts.lead_bytes, 0, f"{call} writes a copy without them.")


def _extension_mismatch(facts: AudioFacts, path: str | PurePath | None) -> Problem | None:
    ending = os.path.splitext(path)[1][1:].lower() if path is not None else ""
    expected = _FORMATS_BY_ENDING.get(ending)
    if expected is None or facts.format is None or facts.format in expected:
        return None
    message = f"The name ends in .{ending}, but the file is {format_name(facts.format)}."
    return Problem(
        "extension_mismatch", message, facts.format, None, "Rename it, so that nothing trips over it."
    )


def decibels(linear: float) -> float:
    """A linear level in dBFS."""
    return 20 * math.log10(linear) if linear > 0 else -math.inf
