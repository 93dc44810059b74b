"""How far two songs are apart in style: in timbre, and in rhythm."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

_SILENCE = 1e-3  # of the loudest frame: -60 dB
_LEAST_SECONDS = 1.0
# How much a coefficient of music varies within a song and from song to song, first to last: a smooth curve
# through the deviations of 120 songs, so that all coefficients count about alike.
_SPREAD_FIRST, _SPREAD_LAST = 60.0, 6.0
_TIMBRE_SCALE = 1.0
_SLOWEST, _FASTEST = 0.1, 4.0  # seconds: the periods that rhythm is made of
_PERIODS = 96  # a log scale, 4 % a step, on which a tempo is a shift
_SHIFTS = 18  # steps of that scale to either side: tempi up to twice apart
_WIDTH = 0.03  # of a period, over which it is looked for: players and tempi are not exact
_LEAST_RHYTHM = 1e-6


class TimbreFrames(Protocol):
    """`mfcc` (frames, coefficients), the level first, and `rms` (frames,)."""

    @property
    def mfcc(self) -> Rows: ...
    @property
    def rms(self) -> Rows: ...


class OnsetFrames(Protocol):
    """`onset_bands` (frames, bands): how much of each part of the spectrum begins; `frame_rate` a second."""

    @property
    def frame_rate(self) -> float: ...
    @property
    def onset_bands(self) -> Rows: ...


def timbre_distance(original: TimbreFrames, remix: TimbreFrames) -> float:
    """How different the instruments sound, 0 to 1: 0 for the same sound, whatever its level.

    Compares the mean and the deviation of mel-frequency cepstral coefficients over all frames that sound, but
    the first, which is the level. A performance beside itself, softer or as MP3, is within 0.1; other
    instruments mostly give 0.3 to 0.8; 1 is never reached. nan where one song is silent.
    """
    sides = [_cepstrum(song) for song in (original, remix)]
    if any(side is None for side in sides):
        return math.nan
    first, second = (side for side in sides if side is not None)
    count = min(first.shape[1], second.shape[1])
    spread = np.geomspace(_SPREAD_FIRST, _SPREAD_LAST, max(count, 2))[:count]
    difference = (first[:, :count] - second[:, :count]) / spread
    return float(1 - math.exp(-_TIMBRE_SCALE * math.sqrt(float(np.mean(np.square(difference))))))


def _cepstrum(song: TimbreFrames) -> NDArray[np.float64] | None:
    """The mean and deviation of each coefficient but the first, (2, coefficients); None for silence."""
    sounds = song.rms > _SILENCE * float(np.max(song.rms, initial=0.0))
    rows = np.asarray(song.mfcc, np.float64)[sounds][:, 1:]
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows) or not rows.shape[1]:
        return None
    return np.stack([rows.mean(axis=0), rows.std(axis=0)])


def rhythm_distance(original: OnsetFrames, remix: OnsetFrames) -> float:
    """How different the rhythm is, 0 to 1, whatever the tempo.

    Compares the periodicity of onset strength in each part of the spectrum: its autocorrelation over periods
    from 0.1 to 4 s on a logarithmic scale (after Holzapfel and Stylianou, "Scale transform in rhythmic
    similarity of music", 2011), in which another tempo is a shift, and the shift that fits best is taken. It
    so compares in which ratios of note lengths a bar is filled, low and high, not where the bar begins. 0 is
    the same pattern at any tempo; 1 has nothing in common. nan where one song has no two onsets.
    """
    sides = [_periodicities(song) for song in (original, remix)]
    if any(side is None for side in sides):
        return math.nan
    first, second = (side for side in sides if side is not None)
    bands = min(len(first), len(second))
    best = -1.0
    for shift in range(-_SHIFTS, _SHIFTS + 1):
        here = first[:bands, max(0, shift) : _PERIODS + min(0, shift)]
        there = second[:bands, max(0, -shift) : _PERIODS + min(0, -shift)]
        here, there = here - here.mean(axis=1, keepdims=True), there - there.mean(axis=1, keepdims=True)
        size = math.sqrt(float(np.square(here).sum() * np.square(there).sum()))
        if size > _LEAST_RHYTHM:
            best = max(best, float((here * there).sum()) / size)
    return min(1.0, max(0.0, 1 - max(best, 0.0)))


def _periodicities(song: OnsetFrames) -> NDArray[np.float64] | None:
    """Of each band the autocorrelation at the periods, (bands, periods); None where nothing recurs."""
    bands = np.nan_to_num(np.asarray(song.onset_bands, np.float64), posinf=0.0, neginf=0.0)
    count = len(bands)
    if count < _LEAST_SECONDS * song.frame_rate:
        return None
    bands = bands - bands.mean(axis=0)
    size = 1 << (2 * count - 1).bit_length()
    power = np.square(np.abs(np.fft.rfft(bands, size, axis=0)))
    correlation = np.fft.irfft(power, size, axis=0)[:count]
    if not correlation[0].max(initial=0.0) > _LEAST_RHYTHM:
        return None
    periods = np.geomspace(_SLOWEST, _FASTEST, _PERIODS) * song.frame_rate
    # Band by band relative to its own strength; a band without onsets has no say.
    scale = np.where(correlation[0] > _LEAST_RHYTHM, 1 / np.maximum(correlation[0], _LEAST_RHYTHM), 0.0)
    overlap = np.maximum(1 - periods / count, 0.1)
    lags = np.arange(min(count, math.ceil(1.1 * periods[-1])))
    width = np.maximum(1.0, _WIDTH * periods)[:, np.newaxis]
    weights = np.exp(-0.5 * np.square((lags - periods[:, np.newaxis]) / width))
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), _LEAST_RHYTHM) * overlap[:, np.newaxis]
    return (weights @ correlation[: len(lags)] * scale).T
