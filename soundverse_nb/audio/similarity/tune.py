"""Whether a remix kept its original's tune, how far it is transposed, how much faster, and what is where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.similarity.alignment import Alignment, Seconds, segment_between, without_overlap
from soundverse_nb.audio.similarity.local_alignment import LocalAlignment, Run
from soundverse_nb.audio.similarity.recurrence import (
    CONTEXT,
    FRAME_SECONDS,
    PAD,
    SHIFTS,
    Notes,
    directions,
    likeness,
    pooled,
    recurrences,
)
from soundverse_nb.audio.similarity.tempo_ratio import FINE_SECONDS, TempoRatio, fitted, moved
from soundverse_nb.audio.similarity.tune_content import TuneContent, tune_content

SURE = 0.5  # from this confidence on a transposition or a tempo ratio is said; below it is "unsure"

# Tune kept is a logistic curve of the share of the shorter song that recurs in order: half at 0.5, which
# lies between unrelated songs (0.1 to 0.35, the highest of thousands 0.5) and remixes (0.4 to 1).
_HALF, _STEEPNESS = 0.5, 11.0
# As if every song had so many moments more: a run of chance is long beside a song of a few seconds.
_SHORT_SONG = 10
_KNOT_SECONDS = 1.1
_MOST_KNOTS = 100  # of a run: more take time, and tell the slope no better


class NoteFrames(Protocol):
    """What is compared of a song: profiles of notes, `frame_rate` a second, (frames, 12), C first.

    `tuning_agreement`, 0 to 1, helps to tell speech from song; nan where it is not known.
    """

    @property
    def frame_rate(self) -> float: ...
    @property
    def pitch_classes(self) -> Notes: ...
    @property
    def upper_pitch_classes(self) -> Notes: ...
    @property
    def tuning_agreement(self) -> float: ...


@dataclass(frozen=True)
class TuneMatch:
    """How the tune of a remix is related to its original's.

    `tune_kept` is 0 to 1: near 1 for the same performance, also transposed, faster or softer, and seldom
    above 0.2 for songs that have nothing in common; nan where it cannot be told, with the `reason`.
    `evidence`, 0 to 1, is the share of the shorter song that recurs in order in the other, which tune kept
    is a curve of.

    `transposition` is in semitones, -6 to 5, upwards; None where there is none to tell. `tempo_ratio` is the
    remix's tempo over the original's. The confidence of each is 0 to 1; below SURE it is a guess, and
    `transposition_is_sure` and `tempo_ratio_is_sure` say so. `alignment` maps seconds to seconds.
    """

    tune_kept: float
    evidence: float
    reason: str | None
    transposition: int | None
    transposition_confidence: float
    tempo_ratio: float
    tempo_ratio_confidence: float
    alignment: Alignment

    @property
    def transposition_is_sure(self) -> bool:
        return self.transposition_confidence >= SURE

    @property
    def tempo_ratio_is_sure(self) -> bool:
        return self.tempo_ratio_confidence >= SURE


@dataclass(frozen=True)
class TuneNotes:
    """A song's notes as they are compared: directions of pooled profiles, and what of a tune they hold."""

    directions: Notes
    content: TuneContent

    @classmethod
    def of(cls, notes: Notes, fine: Notes | None = None, tuning_agreement: float = math.nan) -> TuneNotes:
        """From profiles that are pooled to FRAME_SECONDS, (frames, 24): all registers, then the upper one."""
        return cls(directions(notes), tune_content(notes, fine, tuning_agreement))

    @classmethod
    def of_song(cls, song: NoteFrames) -> TuneNotes:
        """From a song, of which it is found out whether it holds a tune at all."""
        return cls.of(compared_notes(song), compared_notes(song, FINE_SECONDS), song.tuning_agreement)


def compared_notes(song: NoteFrames, seconds: float = FRAME_SECONDS) -> Notes:
    """A song's profiles, pooled: (frames, 24), all registers, then the upper one. NaN counts as no note."""
    both = np.concatenate([song.pitch_classes, song.upper_pitch_classes], axis=1)
    return np.maximum(np.nan_to_num(pooled(both, song.frame_rate, seconds), copy=False, posinf=0.0), 0.0)


def match_tunes(original: NoteFrames, remix: NoteFrames) -> TuneMatch:
    """Compare the tunes of two songs, in any key and tempo; see TuneMatch.

    Takes 5 to 10 ms for songs of a minute and 25 to 35 ms for songs of three, and memory in proportion to the
    product of their lengths: 150 MB for two of six minutes. Never raises for what a song may be.
    """
    of_original, of_remix = (TuneNotes.of_song(song) for song in (original, remix))
    reason = _why_not(of_original, of_remix)
    if reason:
        return TuneMatch(math.nan, math.nan, reason, None, 0.0, math.nan, 0.0, Alignment())
    found = _recurring(of_original, of_remix)
    evidence = _evidence(found, of_original, of_remix)
    kept = tune_kept(evidence)
    shift = int(found.lengths.argmax())
    tempo, alignment = _aligned_in_time(original, remix, found.runs(shift), shift)
    return TuneMatch(
        tune_kept=kept,
        evidence=evidence,
        reason=None,
        transposition=(shift + 6) % SHIFTS - 6,
        transposition_confidence=_certainty(found, shift) * kept,
        tempo_ratio=tempo.ratio,
        tempo_ratio_confidence=tempo.confidence * kept,
        alignment=alignment,
    )


def evidence_of(original: TuneNotes, remix: TuneNotes) -> float:
    """The share of the shorter song that recurs in order in the other, 0 to 1; nan where one has no tune."""
    if _why_not(original, remix):
        return math.nan
    return _evidence(_recurring(original, remix), original, remix)


def tune_kept(evidence: float) -> float:
    """What a share of moments that recur says of a tune, 0 to 1 for 0 to 1."""
    if math.isnan(evidence):
        return math.nan
    nothing, everything = _logistic(0.0), _logistic(1.0)
    return (_logistic(evidence) - nothing) / (everything - nothing)


def _logistic(evidence: float) -> float:
    return 1 / (1 + math.exp(_STEEPNESS * (_HALF - evidence)))


def _why_not(original: TuneNotes, remix: TuneNotes) -> str | None:
    without = [
        f"the {name} {song.content.reason}"
        for name, song in (("original", original), ("remix", remix))
        if song.content.reason
    ]
    return f"cannot be told: {', and '.join(without)}" if without else None


@dataclass(frozen=True)
class _Recurring:
    """What recurs of the song that is shorter, moment after moment of it, wherever that is in the longer.

    A long song beside a short one finds something alike for each of its moments, if it may leap about in it:
    that would tell more of its length than of its tune. `lengths` (12,) are those of LocalAlignment, by
    transposition of the original.
    """

    near: NDArray[np.bool_]
    found: LocalAlignment
    remix_is_longer: bool

    @property
    def lengths(self) -> NDArray[np.int16]:
        lengths: NDArray[np.int16] = self.found.lengths[self._planes]
        return lengths

    def runs(self, shift: int) -> tuple[Run, ...]:
        """The runs at a transposition in the order of the remix, each of which finds its place."""
        plane = int(self._planes[shift])
        if not self.remix_is_longer:
            return self.found.runs(plane)
        turned = self.near[:, plane, PAD:].T
        return LocalAlignment(np.pad(turned, ((0, 0), (PAD, 0)))[:, np.newaxis]).runs(0)

    @property
    def _planes(self) -> NDArray[np.intp]:
        # The remix k semitones higher is the original k lower.
        return -np.arange(SHIFTS) % SHIFTS if self.remix_is_longer else np.arange(SHIFTS)


def _recurring(original: TuneNotes, remix: TuneNotes) -> _Recurring:
    remix_is_longer = remix.content.moments > original.content.moments
    longer, shorter = (remix, original) if remix_is_longer else (original, remix)
    near = recurrences(likeness(longer.directions, shorter.directions))
    return _Recurring(near, LocalAlignment(near), remix_is_longer)


def _evidence(found: _Recurring, original: TuneNotes, remix: TuneNotes) -> float:
    moments = min(original.content.moments, remix.content.moments)
    return min(1.0, float(found.lengths.max()) / (moments + _SHORT_SONG))


def _certainty(found: _Recurring, shift: int) -> float:
    """By how much the best transposition is ahead of the next, 0 to 1."""
    best, second = int(found.lengths[shift]), int(np.delete(found.lengths, shift).max())
    return min(1.0, 2.0 * (1 - second / best)) if best else 0.0


def _aligned_in_time(
    original: NoteFrames, remix: NoteFrames, runs: tuple[Run, ...], shift: int
) -> tuple[TempoRatio, Alignment]:
    """The tempo ratio, and the runs as segments in seconds, their knots moved to where they fit best."""
    frame = max(1, round(FRAME_SECONDS * original.frame_rate)) / original.frame_rate
    coarse = [_knots(run, frame) for run in runs]
    slope = fitted(coarse).ratio
    if math.isnan(slope):
        return TempoRatio(math.nan, 0.0), Alignment()
    fine_original, fine_remix = (compared_notes(song, FINE_SECONDS) for song in (original, remix))
    transposed = np.roll(fine_original.reshape(len(fine_original), -1, SHIFTS), shift, axis=2)
    fine = directions(transposed.reshape(fine_original.shape)), directions(fine_remix)
    fine_frame = max(1, round(FINE_SECONDS * original.frame_rate)) / original.frame_rate
    placed = [(moved(*fine, fine_frame, knots, slope), knots[1]) for knots in coarse]
    tempo = fitted(placed)
    slope = tempo.ratio if tempo.ratio > 0 else slope
    ends = (len(original.pitch_classes) / original.frame_rate, len(remix.pitch_classes) / remix.frame_rate)
    reach = CONTEXT / 2 * frame
    drawn = [segment_between(*knots, reach, slope, ends) for knots in placed]
    return tempo, Alignment(without_overlap([segment for segment in drawn if segment]))


def _knots(run: Run, frame: float) -> tuple[Seconds, Seconds]:
    """The middles of a run's moments in seconds, original and remix, about one for each _KNOT_SECONDS."""
    every = max(round(_KNOT_SECONDS / frame), math.ceil(len(run.remix) / _MOST_KNOTS))
    chosen = np.unique(np.append(np.arange(0, len(run.remix), every), len(run.remix) - 1))
    middle = CONTEXT / 2
    return (run.original[chosen] + middle) * frame, (run.remix[chosen] + middle) * frame
