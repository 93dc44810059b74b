"""Where the bars of a song begin, and how many beats each has, once its beats are known.

How many: a rhythm comes again after a bar, so the onsets of each beat are compared with those of the beats
after it. Two and four are told from three by that. Four from two mostly cannot be told from the sound, and is
what is written most; where beats divide by three, two are, as in 6/8.

Which beat is the first: where harmony changes, a bass note begins and the most notes sound; with drums where
the bass drum is rather than the snare, without them the beat that is struck hardest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from soundverse_nb.audio.features.confidence import SURE, downbeat_confidence, metre_confidence
from soundverse_nb.audio.features.onsets import Onsets
from soundverse_nb.audio.features.spectra import FRAME_RATE, Rows
from soundverse_nb.audio.features.tempo import Tempo

ASSUMED = 4
"""Beats of a bar where it cannot be told."""

_FEWEST_BEATS = 12
_PARTS = 6  # moments of a beat at which onsets are compared: halves and thirds are among them
_NEAR = 3  # rows around a beat in which its onset is looked for
_SHORTEST_BAR = 1.0  # seconds; of what is shorter, two are one bar: three quavers are half a bar of 6/8
# What speaks for a first beat, by its weight: new notes of the melody's register; notes that go on being new
# over a whole bar; the accent; notes that sound; low onsets. Round figures near those that a fit on half of
# the tunes for tuning gives, and that serve the other half as well.
_NEW_NOTES, _NEW_BAR, _ACCENT, _SOUNDING, _LOW = 1.0, 0.5, 1.0, 1.0, 0.7
_DRUMS = 0.6  # from this share on of the highest band (from 7 kHz) in the onsets of beats there are drums
# How strongly a rhythm's return and a first beat's distinctness count towards three rather than two or four.
_RETURN, _DISTINCT = 10.0, 0.1
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bars:
    """The bars of a song.

    `beats_per_bar` is 2, 3, 4 or 6, and 0 where there are no beats; `downbeats` are the times at which bars
    begin, in seconds. `confidence` 0 to 1 is about the share of songs with such figures whose bars are
    right. Where even how many beats they have cannot be told, four from the first beat on are assumed.
    `reason` says what is unsure, None where all is sure.
    """

    beats_per_bar: int
    downbeats: _Values
    confidence: float
    reason: str | None = None

    @property
    def is_sure(self) -> bool:
        return self.confidence >= SURE


def find_bars(tempo: Tempo, onsets: Onsets, profiles: Rows, upper: Rows) -> Bars:
    """The bars of a song whose beats are known; see Bars.

    `profiles` and `upper` (rows, 12) are how strongly the notes sound, and those where melodies lie.

    On the 240 recordings for tuning of `benchmarks/known_remixes` bars are as long as notated in 57 %, and
    that, half or twice it in 95 %; they begin on downbeats in 78 %, and in 89 % of those 42 % where that is
    sure. On 99 others, by which nothing was chosen: 59, 100, 79, and 90 of 39 %.
    """
    beats = tempo.beats
    if not len(beats):
        return Bars(0, np.zeros(0), 0.0, "There are no beats.")
    if len(beats) < _FEWEST_BEATS:
        return _assumed(beats, 0.0)
    edges = _edges(beats, len(onsets.strength))
    speaking = _Evidence.of(edges, onsets, profiles, upper)
    rhythm = _rhythm(edges, onsets.bands)
    after = _returns(rhythm.reshape(len(rhythm), -1))
    for_three = _for_three(after, speaking)
    likeness = float(after.max(initial=0.0))
    metre = metre_confidence(abs(for_three), likeness, _variety(rhythm)) * tempo.confidence
    if metre < SURE:
        return _assumed(beats, metre)
    count = _count(for_three > 0, rhythm, 60 / tempo.bpm)
    first, lead = speaking.first(count)
    confidence = metre * downbeat_confidence(lead)
    reason = None
    if confidence < SURE:
        reason = f"Which of {count} beats is the first of a bar is unsure."
    return Bars(count, beats[first::count].copy(), confidence, reason)


def _assumed(beats: _Values, confidence: float) -> Bars:
    return Bars(ASSUMED, beats[::ASSUMED].copy(), confidence, "Bars of four beats are assumed.")


def _edges(beats: _Values, rows: int) -> NDArray[np.intp]:
    """The row at which each beat begins, and the one at which the last ends."""
    last = beats[-1] + float(np.median(np.diff(beats)))
    edges = np.rint(np.append(beats, last) * FRAME_RATE).astype(np.intp)
    return np.clip(edges, 0, max(0, rows - 1))


def _rhythm(edges: NDArray[np.intp], bands: Rows) -> _Values:
    """Onset strength at the parts of each beat, in four parts of the spectrum: (beats, parts, 4)."""
    shares = np.arange(_PARTS) / _PARTS
    rows = np.rint(edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * shares).astype(np.intp)
    near = scipy.ndimage.maximum_filter1d(bands, _NEAR, axis=0)
    four = near.reshape(len(near), 4, -1).mean(axis=2)
    return np.asarray(four[rows], np.float64)


def _returns(rhythm: _Values) -> _Values:
    """How alike the beats are to those so many beats later, -1 to 1; [0] is the next beat's."""
    away = rhythm - rhythm.mean(axis=0)
    alike = np.zeros(9)
    for number in range(1, 1 + min(len(alike), len(away) - _FEWEST_BEATS // 3)):
        one, other = away[:-number], away[number:]
        size = math.sqrt(float(np.square(one).sum()) * float(np.square(other).sum()))
        alike[number - 1] = float((one * other).sum()) / size if size > 0 else 0.0
    return alike


def _variety(rhythm: _Values) -> float:
    """How much of the onsets' strength is in what tells the beats apart, 0 for beats that are all alike."""
    total = float(np.square(rhythm).sum())
    return float(np.square(rhythm - rhythm.mean(axis=0)).sum()) / total if total > 0 else 0.0


def _for_three(after: _Values, speaking: _Evidence) -> float:
    """How much more the song is in three than in two or four; below 0 where it is not."""
    twos, threes = after[[1, 3, 7]].mean(), after[[2, 5, 8]].mean()
    of_two = max(speaking.distinctness(2), speaking.distinctness(4))
    return float(_RETURN * (threes - twos) + _DISTINCT * (speaking.distinctness(3) - of_two))


def _count(is_three: bool, rhythm: _Values, period: float) -> int:
    if is_three:
        return 3 if 3 * period >= _SHORTEST_BAR else 6
    at = rhythm.mean(axis=(0, 2))
    is_compound = min(at[2], at[4]) > at[3]
    return 2 if is_compound and 2 * period >= _SHORTEST_BAR else 4


@dataclass(frozen=True)
class _Evidence:
    """What speaks for each beat to be the first of a bar, whatever that has; and its notes (beats, 12)."""

    steady: _Values
    notes: _Values

    @classmethod
    def of(cls, edges: NDArray[np.intp], onsets: Onsets, profiles: Rows, upper: Rows) -> _Evidence:
        at = edges[:-1]
        low, lower = (_near(band)[at] for band in (onsets.bands[:, 0], onsets.bands[:, :2].mean(axis=1)))
        strong, highest = (_near(band)[at] for band in (onsets.strength, onsets.bands[:, -1]))
        has_drums = float(highest.mean()) > _DRUMS * float(strong.mean())
        # A snare is louder than a bass drum, so with drums the loudest beat is no first one.
        accent = low / (strong + 1.0) if has_drums else strong
        sounding, notes = _pooled(profiles, edges).sum(axis=1), _pooled(upper, edges)
        steady = (
            _NEW_NOTES * _scaled(_novelty(notes, 1))
            + _ACCENT * _scaled(accent)
            + _SOUNDING * _scaled(sounding)
            + _LOW * _scaled(lower)
        )
        return cls(steady, notes)

    def _by_place(self, count: int) -> tuple[_Values, float]:
        """The mean of what speaks for each place of a bar of so many beats, and its standard error."""
        speaks = self.steady + _NEW_BAR * _scaled(_novelty(self.notes, count))
        places = [speaks[place::count] for place in range(count)]
        spread = math.sqrt(float(np.mean([place.var() for place in places])) * count / len(speaks))
        return np.array([place.mean() for place in places]), spread

    def distinctness(self, count: int) -> float:
        """How far the likeliest first beat stands out, in standard errors."""
        means, spread = self._by_place(count)
        return float(means.max()) / spread if spread > 0 else 0.0

    def first(self, count: int) -> tuple[int, float]:
        """The likeliest first beat, and by how many standard errors it is ahead of the next."""
        means, spread = self._by_place(count)
        order = np.argsort(-means, kind="stable")
        lead = float(means[order[0]] - means[order[1]])
        return int(order[0]), lead / spread if spread > 0 else 0.0


def _near(strength: Rows) -> Rows:
    near: Rows = scipy.ndimage.maximum_filter1d(strength, 2 * _NEAR + 1)
    return near


def _pooled(notes: Rows, edges: NDArray[np.intp]) -> _Values:
    """The mean of each beat's notes, of each only what is above the middle of the twelve: (beats, 12)."""
    above = np.maximum(notes - np.median(notes, axis=1, keepdims=True), 0).astype(np.float64)
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(above, axis=0)])
    ends = np.maximum(edges[1:], edges[:-1] + 1)
    return np.asarray((sums[ends] - sums[edges[:-1]]) / (ends - edges[:-1])[:, np.newaxis])


def _novelty(notes: _Values, reach: int) -> _Values:
    """How far the notes of so many beats from each on are from those of as many before it, 0 to 1."""
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(notes, axis=0)])
    at = np.arange(len(notes))
    before = sums[at] - sums[np.maximum(at - reach, 0)]
    after = sums[np.minimum(at + reach, len(notes))] - sums[at]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosine = np.ones(len(notes))
    np.divide(np.einsum("ij,ij->i", before, after), lengths, out=cosine, where=lengths > 1e-12)
    return np.asarray(1 - cosine)


def _scaled(values: NDArray[np.floating]) -> _Values:
    """By how many standard deviations each is above the mean; 0 where all are alike."""
    away = values.astype(np.float64) - float(values.mean())
    spread = float(away.std())
    return away / spread if spread > 1e-9 else np.zeros(len(away))
