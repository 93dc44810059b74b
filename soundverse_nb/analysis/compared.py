"""Two analysed songs compared: the public `Difference` out of what similarity finds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.analysis.analysed import Analysed, Sketch
from soundverse_nb.audio.similarity.style import rhythm_apart, timbre_apart
from soundverse_nb.audio.similarity.tune import TuneMatch, match_tunes
from soundverse_nb.audio.similarity.unrelated import null_rhythm, null_scores, null_timbre
from soundverse_nb.measures.difference import AlignedSegment, Alignment, Difference, NullRange
from soundverse_nb.measures.values import Value

COMPARISON_VERSION = "2"
"""Grows with every change after which the difference of the same features may be another."""

_OF_A_TUNE = ("tune_kept", "transposition_semitones", "tempo_ratio")
_MIDDLE = (0.05, 0.95)  # of what unrelated songs score


class Nulls(Value):
    """What unrelated songs score against one song: tune kept, and the distances of timbre and rhythm."""

    tune: NullRange
    timbre: NullRange
    rhythm: NullRange


def compared(reference: Analysed, remix: Analysed, nulls: Nulls | None = None) -> tuple[Difference, Nulls]:
    """The difference, and what unrelated songs score against the reference.

    `nulls` is what is known of the latter, as this function gave it; None for nothing.
    """
    one, other = Sketch(reference.arrays), Sketch(remix.arrays)
    match = match_tunes(one, other)
    timbre, rhythm = timbre_apart(one.timbre, other.timbre), rhythm_apart(one.rhythm, other.rhythm)
    nulls = nulls or _nulls(one)
    difference = Difference(
        reference=reference.features,
        remix=remix.features,
        extractor=reference.features.extractor,
        tune_kept=match.tune_kept,
        tune_null=nulls.tune,
        transposition=math.nan if match.transposition is None else float(match.transposition),
        transposition_confidence=match.transposition_confidence,
        transposition_unsure=not match.transposition_is_sure,
        tempo_ratio=match.tempo_ratio,
        tempo_ratio_confidence=match.tempo_ratio_confidence,
        tempo_ratio_unsure=not match.tempo_ratio_is_sure,
        timbre_distance=timbre,
        timbre_null=nulls.timbre,
        rhythm_distance=rhythm,
        rhythm_null=nulls.rhythm,
        alignment=_alignment(match),
        reasons=_reasons(match, timbre, rhythm, remix.features.loudness - reference.features.loudness),
    )
    return difference, nulls


def _alignment(match: TuneMatch) -> Alignment:
    return Alignment(
        segments=tuple(
            AlignedSegment(reference=tuple(map(float, part.original)), remix=tuple(map(float, part.remix)))
            for part in match.alignment.segments
        )
    )


def _reasons(match: TuneMatch, timbre: float, rhythm: float, change: float) -> dict[str, str]:
    reasons = dict.fromkeys(_OF_A_TUNE, match.reason) if match.reason else {}
    if not match.reason and math.isnan(match.tempo_ratio):
        reasons["tempo_ratio"] = "Too little of the songs is alike to tell."
    if not match.reason and match.transposition is None:
        reasons["transposition_semitones"] = "Too little of the songs is alike to tell."
    if math.isnan(change):
        reasons["loudness_change_lu"] = "One of the songs has no loudness."
    if math.isnan(timbre):
        reasons["timbre_distance"] = "One of the songs is silent."
    if math.isnan(rhythm):
        reasons["rhythm_distance"] = "In one of the songs no onsets recur."
    return reasons


def _nulls(song: Sketch) -> Nulls:
    return Nulls(
        tune=_range(null_scores(song)),
        timbre=_range(null_timbre(song.timbre)),
        rhythm=_range(null_rhythm(song.rhythm)),
    )


def _range(scores: NDArray[np.float64]) -> NullRange:
    known = scores[np.isfinite(scores)]
    if not len(known):
        return NullRange()
    low, high = np.quantile(known, _MIDDLE)
    return NullRange(low=float(low), high=float(high), count=len(known))
