"""PreflightReport: whether the service would take a song, with the reasons, and how that is displayed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from soundverse_nb.errors import PreflightError
from soundverse_nb.reference.facts import QUICK_TOLERANCE, AudioFacts, DurationBy, Limits, storable
from soundverse_nb.reference.librosa_duration import LibrosaDuration, LibrosaQuestion
from soundverse_nb.reference.rules import Problem
from soundverse_nb.render import units
from soundverse_nb.render.escape import plain
from soundverse_nb.render.preflight import Finding, Form, Row, Sheet, sheet_html, sheet_text


@dataclass(frozen=True)
class PreflightReport:
    """Whether the service would take a song, why not, and what repairs it. Displays itself.

    `problems` fail the song, `warnings` do not. `checked` is "decoded" or, for a quick look, "header".
    `duration_by` says whose length decided, "decode" or "librosa". `notes` are sentences on how it was
    checked.

    >>> import soundverse_nb as sv
    >>> report = sv.preflight(sv.example_song())
    >>> report
    PreflightReport('reference_song.mp3', ok=True, no problems)
    >>> report.audio.channels, round(report.audio.duration)
    (2, 31)
    """

    name: str
    audio: AudioFacts
    limits: Limits = field(default_factory=Limits)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    checked: str = "decoded"
    notes: tuple[str, ...] = ()
    repair_call: str = ""
    duration_by: DurationBy = "decode"
    _question: LibrosaQuestion | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def duration(self) -> float | None:
        """The length in seconds that decided: that of a decode, or librosa's where it was to decide."""
        asked = self.asked_librosa
        if self.duration_by == "librosa" and asked is not None and asked.duration is not None:
            return asked.duration
        return self.audio.duration

    @property
    def librosa(self) -> LibrosaDuration | None:
        """What librosa.get_duration itself says of this song, and why it differs; None of what is no file.

        It is asked when this is read for the first time, which imports librosa (seconds, once a process).

        >>> import soundverse_nb as sv
        >>> report = sv.preflight(sv.example_song())
        >>> report.librosa.differs
        False
        """
        return None if self._question is None else self._question.answer

    @property
    def asked_librosa(self) -> LibrosaDuration | None:
        """What librosa said if it was asked already; reading this asks nobody."""
        return None if self._question is None else self._question.known

    def raise_if_failed(self) -> PreflightReport:
        """The report itself where the song passes; otherwise PreflightError, which carries `.report`."""
        if self.ok:
            return self
        message = " ".join(problem.message for problem in self.problems)
        if not message.startswith(f"{self.name} ") and f" file {self.name}." not in message:
            message = f"{self.name}: {message}"
        hint = " ".join(dict.fromkeys(problem.hint for problem in self.problems if problem.hint))
        raise PreflightError(message, hint=hint, report=self, code=self.problems[0].code)

    def model_dump(self) -> dict[str, Any]:
        """The report as a dict that JSON can hold, for records; "librosa" is None unless it was asked."""
        asked = self.asked_librosa
        return {
            "name": storable(self.name),
            "ok": self.ok,
            "checked": self.checked,
            "duration_by": self.duration_by,
            "problems": [problem.model_dump() for problem in self.problems],
            "warnings": [warning.model_dump() for warning in self.warnings],
            "audio": self.audio.model_dump(),
            "limits": {name: getattr(self.limits, name) for name in Limits.__dataclass_fields__},
            "notes": [storable(note) for note in self.notes],
            "librosa": None if asked is None else asked.model_dump(),
        }

    def __repr__(self) -> str:
        codes = ", ".join(problem.code for problem in self.problems) or "no problems"
        return f"PreflightReport({self.name!r}, ok={self.ok}, {codes})"

    def __str__(self) -> str:
        return report_text(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": report_text(self), "text/html": str(sheet_html(sheet_of(self)))}


def report_text(
    report: PreflightReport, form: Form = "sheet", *, name: str | None = None, colours: bool = False
) -> str:
    """The report as text, in one of the forms of render.preflight.sheet_text; `name` replaces the song's."""
    sheet = sheet_of(report)
    return sheet_text(sheet if name is None else replace(sheet, name=name), form, colours=colours)


_INTEGRITY = ("truncated", "damaged")
_SOUND = ("silent", "not_finite")
_NOT_READABLE = (
    "empty",
    "missing",
    "not_a_file",
    "unreadable",
    "not_audio",
    "no_audio_stream",
    "encrypted",
)
_READ_FROM_HEADER = (
    f"Read from the header alone, the length to within {QUICK_TOLERANCE} s; "
    "without quick=True the song is decoded, too."
)


def sheet_of(report: PreflightReport) -> Sheet:
    """What a report shows, as the renderer takes it."""
    # A repair is offered only where it helps: one problem that nothing repairs spoils the copy as well.
    concerned = report.problems or report.warnings
    found = [report.repair_call in finding.hint for finding in concerned]
    helps = bool(report.repair_call) and (all(found) if report.problems else any(found)) and bool(found)
    audio = report.audio
    return Sheet(
        name=report.name,
        verdict=verdict(report),
        ok=report.ok,
        facts=facts_line(audio),
        brief=_brief(report),
        rows=rows_of(report),
        findings=(
            *(_finding("fail", problem) for problem in report.problems),
            *(_finding("warn", warning) for warning in report.warnings),
        ),
        notes=_notes(report),
        call=report.repair_call if helps else "",
        envelope=audio.envelope,
        duration=_listed_length(report),
        size="" if audio.size_bytes is None else _listed_size(report),
        format=units.format_name(audio.format or ""),
    )


def verdict(report: PreflightReport) -> str:
    """The verdict in one sentence."""
    if report.ok:
        return "The service would take this song."
    count = len(report.problems)
    return f"The service would refuse this song, or spoil it: {count} problem{'s' if count > 1 else ''}."


def _notes(report: PreflightReport) -> tuple[str, ...]:
    asked = report.asked_librosa
    if report.duration_by == "decode" and asked is not None and asked.differs:
        return (*report.notes, asked.sentence)
    return (*report.notes, _READ_FROM_HEADER) if report.checked == "header" else report.notes


def _finding(state: str, problem: Problem) -> Finding:
    return Finding(state, problem.code, problem.message, problem.hint, _numbers(problem))


def _numbers(problem: Problem) -> str:
    if problem.value is None or problem.limit is None:
        return ""  # the sentence says all of it
    return f"measured {_number(problem.value, problem.limit)}, limit {_number(problem.limit, problem.limit)}"


def _number(value: object, limit: object) -> str:
    """A number, with the decimals that tell it from its limit."""
    if isinstance(value, float):
        count = units.decimals(value, limit) if isinstance(limit, (int, float)) else 3
        shown = units.signed(value, count)
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return plain(value)


def facts_line(audio: AudioFacts) -> tuple[str, ...]:
    """Short phrases on what the song is."""
    parts = []
    if audio.format:
        codec = f" ({audio.codec})" if audio.codec and audio.codec != audio.format else ""
        parts.append(f"{units.format_name(audio.format)}{codec}")
    if audio.sample_rate:
        parts.append(units.rate(audio.sample_rate))
    if audio.channels:
        parts.append(units.channels(audio.channels))
    if loudness := units.loudness(audio.loudness):
        parts.append(loudness)
    if audio.peak:
        parts.append(units.level(audio.peak))
    return tuple(parts)


def _brief(report: PreflightReport) -> tuple[str, ...]:
    """Even shorter ones for a single line: length, size, format, rate and channels."""
    audio = report.audio
    parts = [_listed_length(report)] if report.duration is not None else []
    if audio.size_bytes is not None:
        parts.append(_listed_size(report))
    if audio.format:
        parts.append(units.format_name(audio.format))
    if audio.sample_rate and audio.channels:
        parts.append(f"{units.rate(audio.sample_rate)} {units.channels(audio.channels)}")
    return tuple(parts)


def _listed_length(report: PreflightReport) -> str:
    """The length among others: a clock time, unless that shows the same for a limit that the song breaks."""
    seconds, limits = report.duration, report.limits
    if seconds is None:
        return ""
    if goes_on(report):
        return f"over {units.clock(limits.max_seconds)}"
    codes = {problem.code for problem in report.problems}
    broken = [limits.min_seconds] * ("too_short" in codes) + [limits.max_seconds] * ("too_long" in codes)
    return units.clock_beside(seconds, *broken)


def _listed_size(report: PreflightReport) -> str:
    """The size among others, with the digits that tell it from a limit that the song breaks."""
    size = report.audio.size_bytes or 0
    is_broken = any(problem.code == "too_large" for problem in report.problems)
    return units.size_beside(size, report.limits.max_bytes)[0] if is_broken else units.size(size)


def rows_of(report: PreflightReport) -> tuple[Row, ...]:
    """One row for each rule, in the order in which they are met."""
    audio, limits = report.audio, report.limits
    codes = {problem.code for problem in report.problems}
    unread = next((p for p in report.problems if p.code in _NOT_READABLE), None)
    opened = (
        Row("readable", "fail", unread.code)
        if unread
        else Row("readable", "pass", units.format_name(audio.format or "yes"))
    )
    if unread is None and audio.duration is None:
        opened = Row("readable", "fail", "no")
    is_decoded = audio.heard_seconds is not None
    return (
        opened,
        _size_row(audio, limits.max_bytes),
        _duration_row(report),
        _group_row("whole", _INTEGRITY, codes, "yes", is_decoded or bool(codes & {"truncated"})),
        _group_row("sound", _SOUND, codes, _sound(report), audio.peak is not None),
    )


def _size_row(audio: AudioFacts, most: int) -> Row:
    size = audio.size_bytes
    if size is None:
        words = "no file yet" if audio.format == "samples" else "not measured"
        return Row("size", "unknown", words, f"at most {units.size(most, 4)}")
    scale = max(1.25 * most, min(size, 4 * most))
    state = "pass" if size <= most else "fail"
    measured, allowed = units.size_beside(size, most)
    span = (0.0, most / scale)
    return Row("size", state, measured, f"at most {allowed}", min(1.0, size / scale), span)


def _duration_row(report: PreflightReport) -> Row:
    duration, limits = report.duration, report.limits
    least, most = units.in_full(limits.min_seconds), units.in_full(limits.max_seconds)
    allowed = f"{least} s to {most} s"
    if any(problem.code == "no_librosa_duration" for problem in report.problems):
        return Row("duration", "fail", "no answer", allowed)
    if duration is None:
        return Row("duration", "unknown", "not measured", allowed)
    state = "pass" if limits.min_seconds <= duration <= limits.max_seconds else "fail"
    if state == "pass" and any(warning.code == "borderline" for warning in report.warnings):
        state = "warn"
    places = [place(value) for value in (duration, limits.min_seconds, limits.max_seconds)]
    return Row("duration", state, _length(duration, report), allowed, places[0], (places[1], places[2]))


def _length(duration: float, report: PreflightReport) -> str:
    """The length that decides, in words; where decoding stopped at the limit, only that it is longer."""
    limits = report.limits
    if goes_on(report):
        return f"over {units.in_full(limits.max_seconds)} s"
    return units.exactly(duration, limits.min_seconds, limits.max_seconds)


def goes_on(report: PreflightReport) -> bool:
    """Whether the length that decides is only where decoding stopped."""
    return report.audio.goes_on and report.duration == report.audio.duration


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
    return units.loudness(report.audio.loudness) or "heard"
