"""Repair of a song: a copy that passes preflight, trimmed, padded, mixed down or encoded anew."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundverse_nb.audio.decode.base import Block
from soundverse_nb.audio.decode.base import segment as part_of
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import downmixed, encode_blocks, nearest_rate
from soundverse_nb.audio.measure import measure
from soundverse_nb.audio.mp3_cut import cut_mp3
from soundverse_nb.audio.source import Source
from soundverse_nb.errors import ConfigurationError, PreflightError, bare_errors
from soundverse_nb.reference.check import preflight
from soundverse_nb.reference.facts import Limits, checked_limits
from soundverse_nb.reference.progress import Show, steps_shown
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.reference.report import PreflightReport, report_text, sheet_of
from soundverse_nb.reference.rules import PADDABLE_SECONDS, SILENT_PEAK
from soundverse_nb.reference.segment import (
    Segment,
    asked_segment,
    check_duration,
    check_numbers,
    longest,
    loudest_segment,
)
from soundverse_nb.render.escape import plain
from soundverse_nb.render.preflight import repair_html
from soundverse_nb.render.units import clock, exactly, format_name, in_full

_REPAIRABLE = frozenset({"too_large", "too_long", "too_short", "truncated", "damaged", "not_finite"})
_CUTTABLE = frozenset({"too_large", "too_long"})
_CALLS_FOR_A_COPY = frozenset({"borderline", "multichannel", "several_tracks"})
_KINDS = {".mp3": "mp3", ".wav": "wav", ".flac": "flac"}
_LONGEST_SEARCH = 4 * 3600.0  # seconds of a song in which the loudest segment is looked for
_SEARCH_TIME = 20.0
_LONGEST_NAME = 255  # bytes; the usual file systems take no longer one
_LONGEST_ENDING = 16


@dataclass(frozen=True)
class Repair(os.PathLike[str]):
    """A repaired copy: where it is, what was done, and its own report. Goes wherever a path goes.

    `start` and `duration` say in seconds what was kept of the song, `steps` in sentences what was done to it.
    """

    path: Path
    source: str
    start: float
    duration: float
    steps: tuple[str, ...]
    report: PreflightReport

    @property
    def ok(self) -> bool:
        return self.report.ok

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        lines = [f"Repaired {plain(self.source, 60)} into {plain(self.path, 400)}"]
        lines += [f"  · {step}" for step in self.steps]
        return "\n".join([*lines, "", report_text(self.report)])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        page = repair_html(self.source, str(self.path), self.steps, sheet_of(self.report))
        return {"text/plain": str(self), "text/html": str(page)}


@bare_errors
def repair(
    source: Any,
    out: str | os.PathLike[str] | None = None,
    start: float | None = None,
    duration: float | None = None,
    *,
    limits: Limits | None = None,
    progress: bool = True,
) -> Repair:
    """Write a copy of a song that the service takes, changing no more than needed.

    A song that is too long is cut to its loudest segment, or from `start`, or to `duration` (seconds); more
    than two channels are mixed to stereo; NaN becomes silence; what is too large is encoded anew at the
    best quality that fits. An MP3 that is only too long is cut between its frames, without any loss.

    Parameters
    ----------
    source : anything sv.preflight() takes.
    out : the new file (.mp3, .wav or .flac); by default a new name beside the source. Never overwrites.
    progress : say what is being done, in a notebook or a terminal.

    Raises PreflightError where nothing can be repaired (no audio, silence, far too short), ConfigurationError
    for settings that cannot give a song that passes, or an `out` that exists.

    >>> import soundverse_nb as sv
    >>> copy = sv.repair(sv.example_song(), "part.mp3", duration=12)
    >>> copy.report.ok
    True
    >>> print(*copy.steps, sep="\\n")
    Kept 0:04 to 0:16 of the song.
    Cut between the MP3's frames, without encoding it again.
    """
    limits = checked_limits(limits)
    check_numbers(start=start, duration=duration)
    check_duration(duration, limits)
    with steps_shown(progress) as show:
        return _repaired(source, out, start, duration, limits, show)


def _repaired(
    source: Any,
    out: str | os.PathLike[str] | None,
    start: float | None,
    duration: float | None,
    limits: Limits,
    show: Show,
) -> Repair:
    reference = as_reference(source)
    show(f"Checking {reference.name}")
    before = preflight(reference, limits)
    codes = {problem.code for problem in before.problems}
    short = limits.min_seconds - (before.audio.duration or 0.0)
    if codes - _REPAIRABLE or before.audio.duration is None or short > PADDABLE_SECONDS:
        before.raise_if_failed()
    opened = reference.source()
    kind, target = _target(opened, out)
    notes = {warning.code for warning in before.warnings}
    asked = start is not None or duration is not None
    is_free = out is None and opened.path is not None  # to end in whatever the song's own name ends in
    if before.ok and not asked and not notes & _CALLS_FOR_A_COPY and (is_free or before.audio.format == kind):
        lead = before.audio.lead_bytes
        data = opened.behind(lead).content()
        left_out = f"It passes already: copied without the {lead:,} bytes that stand before the sound."
        steps = [left_out if lead else "It passes already: copied as it is."]
        whole = Segment(0.0, before.audio.duration or 0.0)
        path = _written(data, target.with_suffix(_ending(opened.path)) if is_free else target)
        return _finished(path, before, whole, steps, limits)
    show("Looking for the part to keep")
    segment = _choose_segment(opened, before, start, duration, limits)
    if kind == "mp3" and before.audio.format == "mp3" and not codes - _CUTTABLE and not segment.padding:
        cut = None if segment.is_whole else _cut(opened, segment, limits)
        if cut is not None:
            path = _written(cut[0], target)
            return _finished(path, before, cut[1], [_kept_step(cut[1]), _WITHOUT_LOSS], limits)
    show(f"Writing {clock(segment.duration + segment.padding)} as {format_name(kind)}")
    data, steps = _rewritten(opened, before, segment, kind, limits)
    show("Checking the copy")
    return _finished(_written(data, target), before, segment, steps, limits)


_WITHOUT_LOSS = "Cut between the MP3's frames, without encoding it again."


def _choose_segment(
    opened: Source, before: PreflightReport, start: float | None, duration: float | None, limits: Limits
) -> Segment:
    total = before.audio.duration or 0.0
    hops, hop_seconds = None, 0.1
    is_cut = duration is not None or total > longest(limits)
    if total > limits.max_seconds or (start is None and is_cut):
        stop = _LONGEST_SEARCH if start is None else start + longest(limits)
        measured = measure(opened, stop_seconds=stop, time_limit=_SEARCH_TIME)
        total, hops, hop_seconds = measured.heard_seconds, measured.hops, measured.hop_seconds
        if measured.peak <= SILENT_PEAK:
            where = f"from {in_full(start)} s " if start else ""
            raise PreflightError(
                f"There is nothing to cut out of {opened.name}: {where}all that was decoded of it, "
                f"{clock(total - (start or 0.0))}, is silence.",
                hint="Choose another song, or another start=.",
                report=before,
            )
    segment = asked_segment(total, start, duration, limits)
    if segment is None:
        assert hops is not None
        segment = loudest_segment(hops, hop_seconds, total, duration or longest(limits))
    return segment


def _cut(opened: Source, segment: Segment, limits: Limits) -> tuple[bytes, Segment] | None:
    with opened.open() as stream:
        cut = cut_mp3(stream, opened.size_bytes or 0, segment.start, segment.duration)
    if cut is None or len(cut.data) > limits.max_bytes or cut.duration < limits.min_seconds:
        return None
    return cut.data, Segment(cut.start, cut.duration)


def _rewritten(
    opened: Source, before: PreflightReport, segment: Segment, kind: str, limits: Limits
) -> tuple[bytes, list[str]]:
    audio = before.audio
    steps = [] if segment.is_whole else [_kept_step(segment)]
    if not segment.is_whole:
        steps.append(
            "Faded it in and out where it was cut." if segment.start else "Faded it out where it was cut."
        )
    if segment.padding:
        steps.append(f"Added {exactly(segment.padding)} of silence at the end.")
    if audio.not_finite:
        steps.append(f"Put silence in the place of {audio.not_finite:,} samples that are not numbers.")
    if (audio.channels or 0) > 2:
        steps.append(f"Mixed {audio.channels} channels to stereo.")
    if audio.tracks > 1:
        steps.append(f"Kept track {audio.track + 1} of {audio.tracks}.")
    if audio.damage or audio.missing_bytes or audio.missing_seconds:
        steps.append("Kept all that could be decoded.")
    if kind != "mp3":
        data = as_lossless(opened, segment, kind)
        if len(data) > limits.max_bytes:
            raise ConfigurationError(
                f"As {format_name(kind)} it has {len(data):,} bytes; "
                f"the service takes at most {limits.max_bytes:,}.",
                hint="Give an .mp3 as out, or a shorter duration.",
            )
        return data, [*steps, f"Written as {format_name(kind)}, 16 bits."]
    encoded = as_mp3(opened, segment, limits.max_bytes)
    if encoded is None:
        raise ConfigurationError(
            f"No MP3 of it fits into {limits.max_bytes:,} bytes.", hint="Allow more bytes."
        )
    data, bitrate = encoded
    rate = nearest_rate(audio.sample_rate or 44100)
    if rate != audio.sample_rate:
        steps.append(
            f"Converted the sample rate from {audio.sample_rate:,} Hz to {rate:,} Hz, as MP3 needs it."
        )
    return data, [*steps, f"Encoded as MP3 at {bitrate} kbit/s, the best that fits."]


def _kept_step(segment: Segment) -> str:
    end = segment.start + segment.duration
    return f"Kept {clock(segment.start)} to {clock(end)} of the song."


def _target(opened: Source, out: str | os.PathLike[str] | None) -> tuple[str, Path]:
    """The format to write, and a path at which nothing is yet."""
    if out is not None:
        path = Path(os.path.expanduser(os.fsdecode(os.fspath(out))))
        kind = _KINDS.get(path.suffix.lower())
        if kind is None:
            raise ConfigurationError(
                f"{path.suffix or 'A name without ending'} is nothing repair can write.",
                hint="Let out end in .mp3, .wav or .flac.",
            )
        if os.path.lexists(path):
            raise ConfigurationError(
                f"{path.name} exists already and is never overwritten.", hint="Give another out."
            )
        if not path.parent.is_dir():
            raise ConfigurationError(f"There is no folder {path.parent}.", hint="Make it first.")
        return kind, path
    folder, stem = (opened.path.parent, opened.path.stem) if opened.path else (_here(), "song")
    if folder is None or not os.access(folder, os.W_OK):
        import tempfile

        folder = Path(tempfile.gettempdir())
    room = _LONGEST_NAME - len("-repaired-9999") - max(len(".mp3"), _size(_ending(opened.path)))
    while _size(stem) > room:
        stem = stem[:-1]
    return "mp3", folder / f"{stem}-repaired.mp3"


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return None


def _ending(path: Path | None) -> str:
    suffix = path.suffix if path else ""
    return suffix if suffix and _size(suffix) <= _LONGEST_ENDING else ".audio"


def _size(name: str) -> int:
    return len(os.fsencode(name))


def _written(data: bytes, path: Path) -> Path:
    """Write under this name, or with a number behind it where there is such a file: never over another."""
    for number in range(1, 10_000):
        free = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            with open(free, "xb") as file:
                file.write(data)
            return free
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigurationError(
                f"{free.name} cannot be written: {error.strerror or error}.", hint="Give another out."
            ) from None
    raise ConfigurationError(f"Too many files like {path.name}.", hint="Give another out.")


def _finished(
    path: Path, before: PreflightReport, segment: Segment, steps: list[str], limits: Limits
) -> Repair:
    report = preflight(path, limits)
    if not report.ok:
        raise PreflightError(
            f"The repaired copy {path.name} does not pass either: "
            + " ".join(problem.message for problem in report.problems),
            hint="Choose another song, or another start= and duration=.",
            report=report,
        )
    length = segment.duration + segment.padding
    return Repair(path, before.name, segment.start, length, tuple(steps), report)


FADE_IN_SECONDS = 0.02
FADE_OUT_SECONDS = 1.5
_BITRATES = (320, 256, 224, 192, 160, 128, 112, 96, 80, 64, 56, 48, 40, 32)
_SPARE = 0.99


def as_mp3(source: Any, segment: Segment, max_bytes: int) -> tuple[bytes, int] | None:
    """The segment as MP3 and its kbit/s, the highest that fits into `max_bytes`; None where none does."""
    seconds = segment.duration + segment.padding
    for bitrate in (b for b in _BITRATES if b * 125 * seconds <= max_bytes * _SPARE):
        with decode(source, stop_seconds=segment.start + segment.duration) as sound:
            outputs = min(2, sound.channels)
            blocks = prepared(sound, sound.sample_rate, outputs, segment)
            data = encode_blocks(blocks, sound.sample_rate, outputs, bitrate)
        if len(data) <= max_bytes:
            return data, bitrate
    return None


def as_lossless(source: Any, segment: Segment, kind: str) -> bytes:
    """The segment as 16-bit WAV or as FLAC (`kind`), at its own rate."""
    import soundfile

    buffer = io.BytesIO()
    with decode(source, stop_seconds=segment.start + segment.duration) as sound:
        outputs = min(2, sound.channels)
        with soundfile.SoundFile(
            buffer, "w", sound.sample_rate, outputs, "PCM_16", format=kind.upper()
        ) as file:
            for block in prepared(sound, sound.sample_rate, outputs, segment):
                file.write(np.clip(block, -1, 1))
    return buffer.getvalue()


def prepared(blocks: Any, rate: int, outputs: int, segment: Segment) -> Iterator[Block]:
    """The segment's blocks: NaN replaced by silence, mixed to `outputs` channels, faded where it was cut."""
    total = round(segment.duration * rate)
    fade = _fades(total, rate, fades_in=segment.start > 0, fades_out=not segment.is_whole)
    at = 0
    for block in part_of(blocks, rate, segment.start, segment.start + segment.duration):
        finite = np.nan_to_num(np.ascontiguousarray(block), nan=0.0, posinf=0.0, neginf=0.0)
        yield fade(downmixed(finite, outputs), at)
        at += len(block)
    left = round(segment.padding * rate) + max(0, total - at) * (segment.padding > 0)
    while left > 0:
        yield np.zeros((min(left, rate), outputs), np.float32)
        left -= rate


def _fades(total: int, rate: int, *, fades_in: bool, fades_out: bool) -> Callable[[Block, int], Block]:
    """A function that fades a block which begins at a frame; raised-cosine, so that it does not click."""
    rise = min(total // 4, round(FADE_IN_SECONDS * rate)) if fades_in else 0
    fall = min(total // 4, round(FADE_OUT_SECONDS * rate)) if fades_out else 0

    def fade(block: Block, at: int) -> Block:
        if at >= rise and at + len(block) <= total - fall:
            return block
        frames = np.arange(at, at + len(block))
        gain = np.ones(len(block))
        if rise:
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(frames / rise, 0, 1))
        if fall:
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip((total - frames) / fall, 0, 1))
        faded: Block = (block * gain[:, None]).astype(np.float32)
        return faded

    return fade
