"""What a report shows: its facts, rules and findings laid out for the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from soundverse_nb.reference.check import QUICK_TOLERANCE
from soundverse_nb.reference.facts import AudioFacts
from soundverse_nb.reference.rules import decibels
from soundverse_nb.render import units as quantity
from soundverse_nb.render.escape import plain, text
from soundverse_nb.render.preflight import Finding, Row, Sheet, sheet_html, sheet_text

if TYPE_CHECKING:
    from soundverse_nb.reference.repair import Repair
    from soundverse_nb.reference.report import PreflightReport

_INTEGRITY = ("truncated", "damaged")
_SOUND = ("silent", "not_finite")
_SHOWN_NOT_READ = (
    "empty",
    "missing",
    "not_a_file",
    "unreadable",
    "not_audio",
    "no_audio_stream",
    "encrypted",
)
_POINTS = 1240
_READ_FROM_HEADER = (
    f"Read from the header alone, the length to within {QUICK_TOLERANCE} s; "
    "without quick=True the song is heard, too."
)


def sheet_of(report: PreflightReport) -> Sheet:
    """The report as the renderer takes it."""
    failing = [Finding("fail", p.code, p.message, p.hint) for p in report.problems]
    noted = [Finding("warn", w.code, w.message, w.hint) for w in report.warnings]
    notes = list(report.notes)
    if report.librosa is not None and report.librosa.differs:
        notes.append(report.librosa.sentence)
    elif report.checked == "header":
        notes.append(_READ_FROM_HEADER)
    # Offered only where it helps: one problem that nothing mends spoils the copy as well.
    concerned = report.problems or report.warnings
    found = [report.repair_call in finding.hint for finding in concerned]
    mends = bool(report.repair_call) and (all(found) if report.problems else any(found)) and bool(found)
    envelope = report.audio.envelope
    return Sheet(
        name=report.name,
        verdict=verdict(report),
        ok=report.ok,
        facts=facts_line(report),
        rows=rows_of(report),
        findings=(*failing, *noted),
        notes=tuple(notes),
        call=report.repair_call if mends else "",
        envelope=None if envelope is None else envelope.reduced(_POINTS),
        duration=report.audio.duration,
    )


def verdict(report: PreflightReport) -> str:
    """The verdict in one sentence."""
    if report.ok:
        return "The service would take this song."
    count = len(report.problems)
    return f"The service would refuse this song, or spoil it: {count} problem{'s' if count > 1 else ''}."


def facts_line(report: PreflightReport) -> tuple[str, ...]:
    """Short phrases on what the song is."""
    audio = report.audio
    parts = []
    if audio.format:
        codec = f" ({audio.codec})" if audio.codec and audio.codec != audio.format else ""
        parts.append(f"{audio.format}{codec}")
    if audio.sample_rate:
        parts.append(quantity.rate(audio.sample_rate))
    if audio.channels:
        parts.append(quantity.channels(audio.channels))
    if audio.loudness is not None and math.isfinite(audio.loudness):
        parts.append(f"{audio.loudness:.1f} LUFS")
    if audio.peak:
        parts.append(f"peak {decibels(audio.peak):.1f} dBFS")
    return tuple(parts)


def rows_of(report: PreflightReport) -> tuple[Row, ...]:
    """One row for each rule, in the order in which they are met."""
    audio, limits = report.audio, report.limits
    codes = {problem.code for problem in report.problems}
    unread = next((p for p in report.problems if p.code in _SHOWN_NOT_READ), None)
    opened = (
        Row("readable", "fail", unread.code) if unread else Row("readable", "pass", audio.format or "yes")
    )
    if unread is None and audio.duration is None:
        opened = Row("readable", "fail", "no")
    return (
        opened,
        _size_row(audio, limits.max_bytes),
        _duration_row(report),
        _group_row(
            "whole", _INTEGRITY, codes, "yes", audio.heard_seconds is not None or bool(codes & {"truncated"})
        ),
        _group_row("sound", _SOUND, codes, _sound(report), audio.peak is not None),
    )


def _size_row(audio: AudioFacts, most: int) -> Row:
    size = audio.size_bytes
    if size is None:
        words = "no file yet" if audio.format == "samples" else "not measured"
        return Row("size", "unknown", words, f"at most {quantity.size_in_full(most)}")
    scale = max(1.25 * most, min(size, 4 * most))
    state = "pass" if size <= most else "fail"
    allowed = f"at most {quantity.size_in_full(most)}"
    return Row("size", state, size_beside(size, most), allowed, min(1.0, size / scale), (0.0, most / scale))


def size_beside(size: int, most: int) -> str:
    """A size in bytes beside its limit: to the byte where rounding would hide which is greater."""
    near = quantity.size(size) == quantity.size(most)
    return quantity.size_in_full(size) if near else quantity.size(size)


def _duration_row(report: PreflightReport) -> Row:
    duration, limits = report.audio.duration, report.limits
    least, most = quantity.in_full(limits.min_seconds), quantity.in_full(limits.max_seconds)
    allowed = f"{least} s to {most} s"
    if duration is None:
        return Row("duration", "unknown", "not measured", allowed)
    state = "pass" if limits.min_seconds <= duration <= limits.max_seconds else "fail"
    if state == "pass" and any(warning.code == "borderline" for warning in report.warnings):
        state = "warn"
    within = quantity.exactly(duration, limits.min_seconds, limits.max_seconds)
    measured = f"over {most} s" if report.audio.goes_on else within
    places = [place(value) for value in (duration, limits.min_seconds, limits.max_seconds)]
    return Row("duration", state, measured, allowed, places[0], (places[1], places[2]))


def place(seconds: float) -> float:
    """Where a length lies on the duration scale: logarithmic from 1 s (0) to 1000 s (1)."""
    return min(1.0, max(0.0, math.log10(max(seconds, 1.0)) / 3))


def _group_row(name: str, group: tuple[str, ...], codes: set[str], fine: str, measured: bool) -> Row:
    broken = [code for code in group if code in codes]
    if broken:
        return Row(name, "fail", ", ".join(code.replace("_", " ") for code in broken))
    return Row(name, "pass", fine) if measured else Row(name, "unknown", "not measured")


def _sound(report: PreflightReport) -> str:
    if any(warning.code == "silent_start" for warning in report.warnings):
        return "none so far"
    loudness = report.audio.loudness
    return "heard" if loudness is None or not math.isfinite(loudness) else f"{loudness:.1f} LUFS"


def repair_text(done: Repair) -> str:
    """What a repair did, for a terminal."""
    lines = [f"Repaired {plain(done.source, 60)} into {plain(done.path, 400)}"]
    lines += [f"  · {step}" for step in done.steps]
    return "\n".join([*lines, "", sheet_text(sheet_of(done.report))])


def repair_html(done: Repair) -> str:
    """What a repair did, above the copy's own report."""
    steps = "".join(f"<li>{text(step, 600)}</li>" for step in done.steps)
    return (
        f'<div style="max-width:680px"><div>Repaired <b>{text(done.source)}</b> into '
        f'<code style="font-family:monospace">{text(done.path, 1000)}</code></div>'
        f'<ul style="margin:4px 0 8px">{steps}</ul></div>{sheet_html(sheet_of(done.report))}'
    )
