"""How fast a song is: its beats, the line through them, and the other tempi one may tap to it.

Whoever taps along may tap at half or twice the tempo of another, or three times to their two in 6/8. So the
song's tempo is one choice among several, each with a weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from soundverse_nb.audio.features.beats import fit_line, track_beats
from soundverse_nb.audio.features.confidence import SURE, tempo_confidence
from soundverse_nb.audio.features.onsets import Onsets
from soundverse_nb.audio.features.spectra import FRAME_RATE

SLOWEST, FASTEST = 40.0, 240.0  # beats a minute
_GRID = SLOWEST * 2.0 ** np.arange(0, math.log2(FASTEST / SLOWEST), 1 / 150)  # half a per cent apart
# How readily people tap a tempo: a bell over its logarithm, as in Parncutt, "A perceptual model of pulse
# salience", 1994, its centre between his 100 and the 120 of Moelants, "Preferred tempo reconsidered", 2002.
# On 60 tunes in 408 renderings centres from 105 to 115 and widths from 0.6 to 1 find 95 to 98 % of tempi.
_FAVOURITE, _OCTAVES = 110.0, 0.8
# How alike a song is to itself one beat later, two, three and four; sooner counts more.
_MULTIPLES = (1, 2, 3, 4)
_LOCAL_SECONDS = 4.0
RATIOS = (1 / 3, 1 / 2, 2 / 3, 3 / 4, 4 / 3, 3 / 2, 2.0, 3.0)
"""Of the alternatives to the tempo."""
_NEAR = 3  # places of the grid within which an alternative's own best is looked for
_SHARPNESS = 4.0  # power of a tempo's salience that is its odds
_LEAST_WEIGHT = 0.01
_FEWEST_BEATS = 4


@dataclass(frozen=True)
class Alternative:
    """Another tempo one may tap: `bpm`, its `ratio` to the song's tempo, and its `weight`, 0 to 1."""

    bpm: float
    ratio: float
    weight: float


@dataclass(frozen=True)
class Tempo:
    """The tempo of a song.

    `bpm` beats a minute is the slope of a straight line through `beats` (in seconds); `bpm_error` is its
    standard error, `first_beat` where the line begins, in seconds. `weight` 0 to 1 is how readily this tempo
    is tapped rather than one of `alternatives`, the likeliest first; all weights together are 1.
    `pulse` -1 to 1 is how alike the song's onsets are from beat to beat, `unevenness` the beats' median
    distance from the line, in beats. `confidence` 0 to 1 is about the share of songs with such figures whose
    tempo is right; `is_sure` from SURE on. What cannot be told is nan, and `reason` says why.
    """

    bpm: float
    bpm_error: float
    first_beat: float
    weight: float
    alternatives: tuple[Alternative, ...]
    beats: NDArray[np.float64]
    pulse: float
    unevenness: float
    confidence: float
    reason: str | None = None

    @property
    def is_sure(self) -> bool:
        return self.confidence >= SURE


def _unknown(reason: str, pulse: float = math.nan) -> Tempo:
    nan = math.nan
    return Tempo(nan, nan, nan, nan, (), np.zeros(0), pulse, nan, 0.0, reason)


def find_tempo(onsets: Onsets) -> Tempo:
    """The tempo and the beats of a song whose onsets are known; see Tempo.

    The onsets' autocorrelation says how readily each tempo is tapped; beats are tracked at the likeliest, and
    a line is fitted through them, which is finer than any grid of tempi.
    """
    if len(onsets.times) < _FEWEST_BEATS:
        return _unknown(f"Fewer than {_FEWEST_BEATS} notes begin.")
    alike = _self_likeness(onsets)
    if len(alike) < 2:
        return _unknown("The song is too short for a tempo.")
    salience = _salience(alike)
    best = int(salience.argmax())
    if not salience[best] > 0:
        return _unknown("No pulse is heard.")
    period = 60 / _GRID[best]
    beats = track_beats(_accents(onsets), period * FRAME_RATE)
    line = fit_line(beats, period)
    if line is None or len(beats) < _FEWEST_BEATS:
        return _unknown(f"There are fewer than {_FEWEST_BEATS} beats.")
    bpm = 60 / line.period
    weight, alternatives = _weights(salience, bpm)
    pulse = _pulse(alike, 60 / bpm * FRAME_RATE)
    unevenness = line.deviation / line.period
    return Tempo(
        bpm=bpm,
        bpm_error=bpm * line.error / line.period,
        first_beat=line.start,
        weight=weight,
        alternatives=alternatives,
        beats=beats,
        pulse=pulse,
        unevenness=unevenness,
        confidence=tempo_confidence(weight, pulse, unevenness),
    )


def _self_likeness(onsets: Onsets) -> NDArray[np.float64]:
    """Autocorrelation of onset strength by lag in frames, 1 at lag 0.

    The mean of two: of the whole spectrum and of its lowest part, where bass and bass drum mark the beat.
    """
    whole = _autocorrelation(onsets.strength)
    low = _autocorrelation(onsets.bands[:, 0])
    return (whole + low) / 2 if len(low) else whole


def _accents(onsets: Onsets) -> NDArray[np.float64]:
    """Onset strength as it makes beats: the same two parts of the spectrum, each by its own spread."""
    parts = [onsets.strength.astype(np.float64), onsets.bands[:, 0].astype(np.float64)]
    return np.asarray(sum(part / part.std() for part in parts if part.std() > 0))


def _autocorrelation(strength: NDArray[np.floating]) -> NDArray[np.float64]:
    values = strength.astype(np.float64)
    around = round(_LOCAL_SECONDS * FRAME_RATE) | 1
    values -= scipy.ndimage.uniform_filter1d(values, around, mode="nearest")
    count = len(values)
    # Up to so many lags there are as many products again of frames that far apart.
    lags = min(count // 2, math.ceil(max(_MULTIPLES) * 60 / SLOWEST * FRAME_RATE) + 2)
    size = scipy.fft.next_fast_len(count + lags, real=True)
    power = np.square(np.abs(scipy.fft.rfft(values, size)))
    sums = np.asarray(scipy.fft.irfft(power, size)[:lags] / (count - np.arange(lags)), np.float64)
    if not lags or not sums[0] > 1e-9:
        return np.zeros(0)
    return np.asarray(sums / sums[0])


def _at_multiples(alike: NDArray[np.float64], periods: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The likeness after one period, two, ...; 0 where the song is too short to tell."""
    lags = np.arange(len(alike))
    return [np.interp(number * periods, lags, alike, right=0.0) for number in _MULTIPLES]


def _salience(alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """How readily each tempo of the grid is tapped, 0 and up."""
    after = _at_multiples(alike, 60 / _GRID * FRAME_RATE)
    shares = [1 / number for number in _MULTIPLES]
    together = sum(share * value for share, value in zip(shares, after, strict=True)) / sum(shares)
    # At half a song's tempo all but the first would be there, too, at twice its tempo all but the odd ones.
    likeness = np.sqrt(np.maximum(after[0], 0) * np.maximum(together, 0))
    return np.asarray(likeness * np.exp(-0.5 * np.square(np.log2(_GRID / _FAVOURITE) / _OCTAVES)))


def _pulse(alike: NDArray[np.float64], period: float) -> float:
    return float(np.mean(_at_multiples(alike, np.array([period]))))


def _weights(salience: NDArray[np.float64], bpm: float) -> tuple[float, tuple[Alternative, ...]]:
    """The weight of the tempo itself, and its alternatives."""

    def odds(tempo: float) -> float:
        place = round(150 * math.log2(tempo / SLOWEST))
        if not -_NEAR <= place < len(salience) + _NEAR:
            return 0.0
        near = salience[max(0, place - _NEAR) : place + _NEAR + 1]
        return math.pow(float(near.max(initial=0.0)), _SHARPNESS)

    own = odds(bpm)
    others = {ratio: odds(bpm * ratio) for ratio in RATIOS}
    total = own + sum(others.values())
    if not total > 0:
        return 1.0, ()
    kept = {ratio: value for ratio, value in others.items() if value >= _LEAST_WEIGHT * total}
    total = own + sum(kept.values())
    alternatives = [Alternative(bpm * ratio, ratio, value / total) for ratio, value in kept.items()]
    return own / total, tuple(sorted(alternatives, key=lambda other: -other.weight))
