"""Preflight: hear the song once and judge it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from soundverse_nb.audio.addresses import address_refusal
from soundverse_nb.audio.decode.base import End
from soundverse_nb.audio.probe import Untrusted, probe
from soundverse_nb.audio.reading import AudioError, refusal
from soundverse_nb.audio.source import Source, open_source
from soundverse_nb.reference.facts import AudioFacts, Limits
from soundverse_nb.reference.report import PreflightReport
from soundverse_nb.reference.rules import Problem, problems_of, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from soundverse_nb.audio.measure import Measurements

_USUAL = Limits()

TIME_LIMIT = 1.15
"""Seconds of work after which decoding ends and the header is asked for the length, or else the packets are
counted, so that a check ends within two. A 350 s song takes less; a file made to keep the decoder busy
(8 channels at 655 kHz, say) would take minutes."""

_LARGE_FILES_PATIENCE = 4.0
"""A file that is too large anyway, but about to be repaired, may take longer."""

QUICK_TOLERANCE = 0.05
"""Seconds by which a header that proves itself may be off from a decode, where decoders cut off what encoders
padded, or do not. A song as near as that to a limit is decoded."""
# These count samples, of which decoders leave none out.
_COUNTED = ("wav", "aiff", "flac")

# Small differences between what a header announces and what is there are the habit of some encoders.
_TOLERATED_BYTES = {"mp3": 4096, "wav": 4096, "aiff": 4096}
_TOLERATED_SECONDS = 0.1
# What is said of their length was reckoned from their size.
_ESTIMATED = ("mp3", "adts", "ac3", "eac3", "dts", "loas", "amr")
# Of such songs, and of some more, nothing but their last bytes tells that the end is missing.
_MAY_END_IN_ZEROS = (*_ESTIMATED, "avi", "flv", "mpegts")


def preflight(source: Any, limits: Limits | None = None, *, quick: bool = False) -> PreflightReport:
    """Would the service take this song? Costs nothing, sends nothing.

    Parameters
    ----------
    source : a path, a Clip, bytes, a file opened with "rb" (put back as it was), (samples, rate).
    limits : the service's limits, unless you know better ones.
    quick : believe a header that proves itself (WAV, AIFF, FLAC, Ogg, MP3, M4A) instead of decoding: it takes
        microseconds, but nothing is heard, so silence, NaN and most damage go unseen. The length is that of
        a decode to within 0.05 s; a song as near as that to a limit is decoded after all.

    Never raises for a bad song: the report says what is wrong, and `.raise_if_failed()` turns it into an
    error. May be called from any thread; in a coroutine use `await preflight_async(...)`.
    """
    limits = limits or _USUAL
    call = repair_call(source)
    try:
        opened = open_source(source)
    except AudioError as error:
        return _refused(source, error, AudioFacts(), limits, call)
    try:
        report = _quick(opened, limits, call) if quick and not opened.is_samples else None
        return report or _full(opened, limits, call)
    except AudioError as error:
        facts = AudioFacts(size_bytes=opened.size_bytes, missing_bytes=_missing(opened))
        return _refused(opened, error, facts, limits, call)
    except Exception as error:  # one song that nobody thought of is no reason to lose a table of a thousand
        return _refused(opened, _unexpected(opened, error), AudioFacts(), limits, call)


async def preflight_async(
    source: Any, limits: Limits | None = None, *, quick: bool = False, executor: Executor | None = None
) -> PreflightReport:
    """preflight() off the event loop, on a thread of `executor` (default: the loop's own)."""
    import asyncio

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(executor, lambda: preflight(source, limits, quick=quick))


def repair_call(source: Any) -> str:
    """The call that mends this song, ready to copy."""
    try:
        given = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    except Exception:  # a foreign __fspath__ may raise anything
        given = None
    # An address may hold a signature, which is repeated nowhere.
    is_shown = isinstance(given, str) and address_refusal(given) is None
    return f"sv.repair({given!r})" if is_shown else "sv.repair(source)"


def _full(source: Source, limits: Limits, call: str) -> PreflightReport:
    from soundverse_nb.audio.measure import measure
    from soundverse_nb.reference.librosa_duration import compare, librosas_answer

    patience = 1.0 if (source.size_bytes or 0) <= limits.max_bytes else _LARGE_FILES_PATIENCE
    # A little further than the limit, so that what ends there is counted to its end.
    stop = limits.max_seconds + 2 * limits.borderline_seconds
    measured = measure(source, stop, patience * TIME_LIMIT)
    duration = measured.duration
    stopped, goes_on = measured.end is End.STOPPED, False
    if stopped:
        known = measured.known_seconds
        goes_on = known is None or known < duration
        duration = duration if known is None or goes_on else known
    missing, seconds = _shortfall(source.behind(measured.lead), measured.format), 0.0
    if measured.cut_short and not stopped and measured.promised_seconds and measured.format not in _ESTIMATED:
        seconds = max(0.0, measured.promised_seconds - duration)
        # A FLAC counts its samples; other announcements are rounded, or count what decoders trim.
        seconds = seconds if seconds > (0.0 if measured.format == "flac" else _TOLERATED_SECONDS) else 0.0
    damage = measured.damage
    if measured.end is End.COMPLETE and damage is None and not missing and not seconds:
        damage = _blank_end(source, measured)
    facts = AudioFacts(
        duration=duration,
        size_bytes=source.size_bytes,
        format=measured.format,
        codec=measured.codec,
        channels=measured.channels,
        sample_rate=measured.sample_rate,
        peak=measured.peak,
        loudness=measured.loudness,
        clipped=measured.clipped,
        not_finite=measured.not_finite,
        quiet_start=measured.quiet_start,
        quiet_end=measured.quiet_end,
        heard_seconds=measured.heard_seconds,
        goes_on=goes_on,
        is_part=measured.is_part,
        missing_bytes=missing,
        missing_seconds=seconds,
        damage=damage,
        lead_bytes=measured.lead,
        tracks=measured.tracks,
        track=measured.track,
        envelope=measured.envelope,
    )
    librosa = None
    if not source.is_samples:
        answer = librosas_answer(source, has_doubts=_makes_it_talk(source, measured.format, measured.damage))
        librosa = compare(answer, duration, goes_on, measured.format, limits)
    return _judged(source, facts, limits, call, librosa=librosa)


def _makes_it_talk(source: Source, kind: str, damage: str | None) -> bool:
    """Whether libsndfile may write about this song: the library in it that reads MP3 does, of odd ones."""
    return kind == "mp3" and (damage is not None or isinstance(probe(source), Untrusted))


def header_report(source: Any, limits: Limits) -> PreflightReport | None:
    """The report from the header alone, or None where the song has to be decoded.

    What cannot even be opened gets its report, too: there is nothing to decode.
    """
    call = repair_call(source)
    try:
        opened = open_source(source)
        return None if opened.is_samples else _from_header(opened, limits, call)[0]
    except AudioError as error:
        return _refused(source, error, AudioFacts(), limits, call)
    except Exception:  # for the decoder to judge
        return None


def _quick(source: Source, limits: Limits, call: str) -> PreflightReport:
    report, reason = _from_header(source, limits, call)
    if report is None:
        report = _full(source, limits, call)
        note = f"Decoded, because the header alone does not tell: {reason}"
        report = replace(report, notes=(*report.notes, note))
    return report


def _from_header(source: Source, limits: Limits, call: str) -> tuple[PreflightReport | None, str]:
    """The report from the header alone, or the reason why it cannot be trusted."""
    found = probe(source)
    if isinstance(found, Untrusted):
        return None, found.reason
    if found.format not in _COUNTED and _is_near_a_limit(found.duration, limits):
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
    return _judged(source, facts, limits, call, checked="header"), ""


def _is_near_a_limit(duration: float, limits: Limits) -> bool:
    near = min(abs(duration - limits.min_seconds), abs(duration - limits.max_seconds))
    return round(near, 9) <= QUICK_TOLERANCE


def _judged(source: Source, facts: AudioFacts, limits: Limits, call: str, **more: Any) -> PreflightReport:
    return PreflightReport(
        name=source.name,
        audio=facts,
        limits=limits,
        problems=problems_of(facts, limits, call),
        warnings=warnings_of(facts, limits, call, source.place),
        repair_call=call,
        **more,
    )


def _refused(source: Any, error: AudioError, facts: AudioFacts, limits: Limits, call: str) -> PreflightReport:
    """The report on something that could not even be opened as audio."""
    found = [Problem(error.code, error.message, hint=error.hint)]
    if facts.missing_bytes and error.code in ("not_audio", "unreadable"):
        found = list(problems_of(facts, limits, call))
    elif facts.size_bytes is not None:
        found += problems_of(replace(facts, missing_bytes=0), limits, call)
    return PreflightReport(
        name=source.name if isinstance(source, Source) else _name_of(source),
        audio=facts,
        limits=limits,
        problems=tuple(found),
        repair_call=call,
    )


def refused(source: Any, error: AudioError, limits: Limits) -> PreflightReport:
    """The report on something that cannot be decoded, for the reason that `error` tells."""
    return _refused(source, error, AudioFacts(), limits, repair_call(source))


def _unexpected(source: Source, error: Exception) -> AudioError:
    return refusal(
        "unreadable",
        f"{source.name} cannot be checked ({type(error).__name__}).",
        "Export it again, as MP3 or WAV for example.",
    )


def _name_of(source: Any) -> str:
    from soundverse_nb.audio.source import display_name

    try:
        text = "" if isinstance(source, bytes) else os.fsdecode(os.fspath(source))
    except Exception:  # not a path, or a foreign one
        return type(source).__name__
    if address_refusal(text) is not None:
        return f"an address ({text.strip().partition(':')[0][:10]}:)"
    return display_name(os.path.basename(text.rstrip("/\\")) or text) or type(source).__name__


def _missing(source: Source) -> int:
    from soundverse_nb.audio.truncation import missing_bytes

    return _read(source, missing_bytes)


def _shortfall(source: Source, kind: str) -> int:
    """Bytes that are missing for certain: many, or few but in the middle of a frame."""
    from soundverse_nb.audio.truncation import ends_inside_a_frame

    missing = _missing(source)
    if 0 < missing <= _TOLERATED_BYTES.get(kind, 0) and not _read(source, ends_inside_a_frame):
        return 0
    return missing


def _blank_end(source: Source, measured: Measurements) -> str | None:
    """What is missing of a song whose file goes on with zeros; None where it is all there."""
    from soundverse_nb.audio.truncation import blank_end

    if measured.format not in _MAY_END_IN_ZEROS:
        return None
    zeros = _read(source, lambda stream, size: blank_end(stream, size, measured.duration))
    return f"its last {zeros:,} bytes are zeros" if zeros else None


def _read(source: Source, look: Callable[[BinaryIO, int], int]) -> int:
    if source.is_samples or source.size_bytes is None:
        return 0
    try:
        with source.open() as stream:
            return look(stream, source.size_bytes)
    except (AudioError, OSError, ValueError):
        return 0
