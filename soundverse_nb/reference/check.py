"""Preflight: decode a song once, or read its header, and apply the service's rules to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from soundverse_nb.audio.decode.base import End
from soundverse_nb.audio.measure import DecodedSong, Measurements, decode_through, measure
from soundverse_nb.audio.probe import Untrusted, probe
from soundverse_nb.audio.reading import AudioError, refusal
from soundverse_nb.audio.source import Source
from soundverse_nb.audio.truncation import blank_end, ends_inside_a_frame, missing_bytes
from soundverse_nb.reference.facts import (
    QUICK_TOLERANCE,
    AudioFacts,
    DurationBy,
    Limits,
    check_duration_by,
    checked_limits,
)
from soundverse_nb.reference.librosa_duration import (
    TOLERANCE_SECONDS,
    LibrosaDuration,
    LibrosaQuestion,
    format_seconds,
)
from soundverse_nb.reference.reference import Reference, as_reference
from soundverse_nb.reference.report import PreflightReport
from soundverse_nb.reference.rules import Problem, no_librosa_duration, problems_of, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor


TIME_LIMIT = 1.15
"""Seconds of work after which decoding ends and the header is asked for the length, or else the packets are
counted, so that a check ends within two. A 350 s song takes less; a file made to keep the decoder busy
(8 channels at 655 kHz, say) would take minutes."""

# A file that is too large anyway, but about to be repaired, may take so many times longer.
_LARGE_FILE_FACTOR = 4.0
# The headers of these count samples, of which decoders leave none out.
_COUNTED = ("wav", "aiff", "flac")

# Small differences between what a header announces and what is there are the habit of some encoders.
_TOLERATED_BYTES = {"mp3": 4096, "wav": 4096, "aiff": 4096, "avi": 64}
_TOLERATED_SECONDS = 0.1
# The length that these announce was reckoned from their size.
_ESTIMATED = ("mp3", "adts", "ac3", "eac3", "dts", "loas", "amr")
# Of these, and of some more, nothing but their last bytes tells that the end is missing.
_MAY_END_IN_ZEROS = (*_ESTIMATED, "avi", "flv", "mpeg", "mpegts", "truehd", "webm", "matroska")


def preflight(
    source: Any,
    limits: Limits | None = None,
    *,
    quick: bool = False,
    duration_by: DurationBy = "decode",
) -> PreflightReport:
    """Would the service take this song? Costs nothing, sends nothing.

    Parameters
    ----------
    source : a path, a Clip, bytes, a file opened with "rb" (put back as it was), (samples, rate).
    limits : the service's limits, unless you know better ones.
    quick : believe a header that proves itself (WAV, AIFF, FLAC, Ogg, MP3, M4A) instead of decoding: it takes
        microseconds, but no sound is looked at, so silence, NaN and most damage go unseen. The length is that
        of a decode to within 0.05 s; a song as near as that to a limit is decoded after all.
    duration_by : whose length is held against the limits in seconds. "decode" counts what decodes; "librosa"
        asks librosa.get_duration, for whoever must reproduce work that is based on it. `.audio.duration`
        stays what was measured, `.duration` is the one that decided.

    Never raises for a bad song: the report says what is wrong, and `.raise_if_failed()` turns it into an
    error. May be called from any thread; in a coroutine use `await preflight_async(...)`.

    >>> import numpy as np
    >>> import soundverse_nb as sv
    >>> report = sv.preflight((np.zeros((2, 6 * 44100)), 44100), duration_by="librosa")
    >>> [problem.code for problem in report.problems]
    ['too_short', 'silent']
    """
    check_duration_by(duration_by)
    limits = checked_limits(limits)

    def look(opened: Source, call: str) -> PreflightReport:
        if quick and not opened.is_samples:
            return _quick(opened, limits, call, duration_by)
        return _full(opened, limits, call, duration_by)

    return _checked(source, limits, look)


def check_playback(source: Any, limits: Limits) -> PreflightReport:
    """The same for a song of which only is asked whether it plays: decoded to its end, and not measured."""

    def look(opened: Source, call: str) -> PreflightReport:
        song = decode_through(opened, _stop_seconds(limits), TIME_LIMIT)
        return _report(opened, _decoded_facts(opened, song), limits, call, duration_by="decode")

    return _checked(source, limits, look)


def _checked(source: Any, limits: Limits, look: Callable[[Source, str], PreflightReport]) -> PreflightReport:
    """The report that `look` makes of an opened song, or the one on what cannot be opened or decoded."""
    reference = as_reference(source)
    call = repair_call(reference)
    try:
        opened = reference.source()
    except AudioError as error:
        return _refused(reference, error, AudioFacts(), limits, call)
    try:
        return look(opened, call)
    except AudioError as error:
        facts = AudioFacts(size_bytes=opened.size_bytes, missing_bytes=_announced_but_missing(opened))
        return _refused(opened, error, facts, limits, call)
    except Exception as error:  # one song that nobody thought of is no reason to lose a table of a thousand
        return _refused(opened, _unexpected(opened, error), AudioFacts(), limits, call)


async def preflight_async(
    source: Any,
    limits: Limits | None = None,
    *,
    quick: bool = False,
    duration_by: DurationBy = "decode",
    executor: Executor | None = None,
) -> PreflightReport:
    """preflight() off the event loop, on a thread of `executor` (default: the loop's own)."""
    import asyncio  # costs a folder or a script that needs none of it its time

    from soundverse_nb.cancellation import answer_of  # so does this

    loop = asyncio.get_running_loop()
    check = partial(preflight, source, limits, quick=quick, duration_by=duration_by)
    return await answer_of(lambda: loop.run_in_executor(executor, check))


def repair_call(reference: Reference) -> str:
    """The call that repairs this song, ready to copy."""
    path = reference.copyable_path
    return "sv.repair(source)" if path is None else f"sv.repair({path!r})"


def _full(source: Source, limits: Limits, call: str, duration_by: DurationBy) -> PreflightReport:
    """The report from a decode."""
    is_large = (source.size_bytes or 0) > limits.max_bytes
    time_limit = TIME_LIMIT * (_LARGE_FILE_FACTOR if is_large else 1.0)
    measured = measure(source, _stop_seconds(limits), time_limit)
    return _report(source, _measured_facts(source, measured), limits, call, duration_by=duration_by)


def _stop_seconds(limits: Limits) -> float:
    """A little further than the limit, so that what ends there is counted to its end."""
    return limits.max_seconds + 2 * limits.borderline_seconds


def _measured_facts(source: Source, measured: Measurements) -> AudioFacts:
    return replace(
        _decoded_facts(source, measured),
        peak=measured.peak,
        loudness=measured.loudness,
        clipped=measured.clipped,
        not_finite=measured.not_finite,
        quiet_start=measured.quiet_start,
        quiet_end=measured.quiet_end,
        envelope=measured.envelope,
    )


def _decoded_facts(source: Source, song: DecodedSong) -> AudioFacts:
    duration, goes_on = _length(song)
    missing_bytes = _missing_bytes(source.behind(song.lead), song.format)
    missing_seconds = _missing_seconds(song, duration)
    damage = song.damage
    if song.end is End.COMPLETE and damage is None and not missing_bytes and not missing_seconds:
        damage = _blank_end(source, song)
    return AudioFacts(
        duration=duration,
        size_bytes=source.size_bytes,
        format=song.format,
        codec=song.codec,
        channels=song.channels,
        sample_rate=song.sample_rate,
        heard_seconds=song.heard_seconds,
        goes_on=goes_on,
        is_part=song.is_part,
        missing_bytes=missing_bytes,
        missing_seconds=missing_seconds,
        damage=damage,
        lead_bytes=song.lead,
        tracks=song.tracks,
        track=song.track,
    )


def _length(song: DecodedSong) -> tuple[float, bool]:
    """The length in seconds, and whether the song goes on after it."""
    counted, known = song.duration, song.known_seconds
    if song.end is not End.STOPPED:
        return counted, False
    if known is None or known < counted:
        return counted, True
    return known, False


def _missing_seconds(song: DecodedSong, duration: float) -> float:
    """How much less was decoded than the file announces, where that is certain."""
    announced = song.promised_seconds
    if not song.cut_short or song.end is End.STOPPED or not announced:
        return 0.0
    if song.format in _ESTIMATED:
        return 0.0
    # A FLAC counts its samples; other announcements are rounded, or count what decoders trim.
    tolerated = 0.0 if song.format == "flac" else _TOLERATED_SECONDS
    missing = announced - duration
    return missing if missing > tolerated else 0.0


def header_report(source: Any, limits: Limits, duration_by: DurationBy = "decode") -> PreflightReport | None:
    """The report from the header alone, or None where the song has to be decoded.

    What cannot even be opened gets its report, too: there is nothing to decode.
    """
    reference = as_reference(source)
    call = repair_call(reference)
    try:
        opened = reference.source()
        return None if opened.is_samples else _from_header(opened, limits, call, duration_by)[0]
    except AudioError as error:
        return _refused(reference, error, AudioFacts(), limits, call)
    except Exception:  # the decoder finds out what it is
        return None


def _quick(source: Source, limits: Limits, call: str, duration_by: DurationBy) -> PreflightReport:
    report, reason = _from_header(source, limits, call, duration_by)
    if report is not None:
        return report
    report = _full(source, limits, call, duration_by)
    note = f"Decoded, because the header alone does not tell: {reason}"
    return replace(report, notes=(*report.notes, note))


def _from_header(
    source: Source, limits: Limits, call: str, duration_by: DurationBy
) -> tuple[PreflightReport | None, str]:
    """The report from the header alone, or the reason why it cannot be trusted."""
    found = probe(source)
    if isinstance(found, Untrusted):
        return None, found.reason
    counts_samples = found.format in _COUNTED
    if duration_by == "decode" and not counts_samples and _is_near_a_limit(found.duration, limits):
        return None, "Its length is so near to a limit that only a decode decides."
    facts = AudioFacts(
        duration=found.duration,
        size_bytes=source.size_bytes,
        format=found.format,
        codec=found.codec,
        channels=found.channels,
        sample_rate=found.sample_rate,
        lead_bytes=found.lead,
    )
    tolerance = TOLERANCE_SECONDS if counts_samples else QUICK_TOLERANCE
    report = _report(
        source, facts, limits, call, duration_by=duration_by, checked="header", tolerance=tolerance
    )
    return report, ""


def _is_near_a_limit(duration: float, limits: Limits) -> bool:
    near = min(abs(duration - limits.min_seconds), abs(duration - limits.max_seconds))
    return round(near, 9) <= QUICK_TOLERANCE


def _report(
    source: Source,
    facts: AudioFacts,
    limits: Limits,
    call: str,
    *,
    duration_by: DurationBy,
    checked: str = "decoded",
    tolerance: float = TOLERANCE_SECONDS,
) -> PreflightReport:
    """The rules applied to the facts, with the length that is to decide."""
    question = LibrosaQuestion(source, facts.duration, facts.goes_on, facts.format, limits, tolerance)
    asked = question.answer if duration_by == "librosa" else None
    seconds = None if asked is None else asked.duration
    unanswered = () if asked is None or seconds is not None else (no_librosa_duration(asked.reason),)
    return PreflightReport(
        name=source.name,
        audio=facts,
        limits=limits,
        problems=(*unanswered, *problems_of(facts, limits, call, seconds)),
        warnings=warnings_of(facts, limits, call, source.place, seconds),
        checked=checked,
        notes=() if asked is None or seconds is None else (_decided_by_librosa(asked, seconds),),
        repair_call=call,
        duration_by=duration_by,
        _question=question,
    )


def _decided_by_librosa(asked: LibrosaDuration, seconds: float) -> str:
    sentence = f"The length is the one of librosa.get_duration, {format_seconds(seconds)}"
    if not asked.differs or asked.decoded is None:
        return f"{sentence}."
    return f"{sentence}; decoded it is {format_seconds(asked.decoded)}: {asked.reason}."


def _refused(
    song: Source | Reference, error: AudioError, facts: AudioFacts, limits: Limits, call: str
) -> PreflightReport:
    """The report on something that could not even be opened as audio."""
    found = [Problem(error.code, error.message, hint=error.hint)]
    if facts.missing_bytes and error.code in ("not_audio", "unreadable"):
        found = list(problems_of(facts, limits, call))
    elif facts.size_bytes is not None:
        found += problems_of(replace(facts, missing_bytes=0), limits, call)
    return PreflightReport(
        name=song.name,
        audio=facts,
        limits=limits,
        problems=tuple(found),
        repair_call=call,
        _question=LibrosaQuestion(song, None, False, None, limits) if isinstance(song, Source) else None,
    )


def refused(source: Any, error: AudioError, limits: Limits) -> PreflightReport:
    """The report on something that cannot be decoded; `error` says why."""
    reference = as_reference(source)
    return _refused(reference, error, AudioFacts(), limits, repair_call(reference))


def _unexpected(source: Source, error: Exception) -> AudioError:
    return refusal(
        "unreadable",
        f"{source.name} cannot be checked ({type(error).__name__}).",
        "Export it again, as MP3 or WAV for example.",
    )


def _announced_but_missing(source: Source) -> int:
    return _read(source, missing_bytes)


def _missing_bytes(source: Source, kind: str) -> int:
    """Bytes that are missing for certain: many, or few but in the middle of a frame."""
    missing = _announced_but_missing(source)
    if 0 < missing <= _TOLERATED_BYTES.get(kind, 0) and not _read(source, ends_inside_a_frame):
        return 0
    return missing


def _blank_end(source: Source, song: DecodedSong) -> str | None:
    """What is missing of a song whose file goes on with zeros; None where it is all there."""
    if song.format not in _MAY_END_IN_ZEROS:
        return None
    zeros = _read(source, lambda stream, size: blank_end(stream, size, song.duration))
    return f"its last {zeros:,} bytes are blank" if zeros else None


def _read(source: Source, look: Callable[[BinaryIO, int], int]) -> int:
    if source.is_samples or source.size_bytes is None:
        return 0
    try:
        with source.open() as stream:
            return look(stream, source.size_bytes)
    except (AudioError, OSError, ValueError):
        return 0
