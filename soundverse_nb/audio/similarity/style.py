"""How far two songs are apart in style: in timbre, and in rhythm."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Profile = NDArray[np.float64]

_SILENCE = 1e-3  # of the loudest frame: -60 dB
_LEAST_SECONDS = 1.0
# By how much the mean of the k-th coefficient varies from song to song (40 songs): 26 for the first, 4 for
# the last of 19, so that all of them count about alike.
_SPREAD, _SPREAD_FALLS = 26.0, 0.65
_TIMBRE_SCALE = 0.8
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
    the first, which is the level. A performance beside itself, softer or as MP3, is within 0.1, its halves
    beside one another mostly too; other instruments give 0.4 to 0.7; 1 is never reached. nan where one song
    is silent.
    """
    return timbre_apart(timbre_profile(original), timbre_profile(remix))


def timbre_apart(first: Profile | None, second: Profile | None) -> float:
    """The same of two `timbre_profile`s."""
    if first is None or second is None:
        return math.nan
    count = min(first.shape[1], second.shape[1])
    spread = _SPREAD * np.arange(1.0, count + 1) ** -_SPREAD_FALLS
    difference = (first[:, :count] - second[:, :count]) / spread
    return float(1 - math.exp(-_TIMBRE_SCALE * math.sqrt(float(np.mean(np.square(difference))))))


def timbre_profile(song: TimbreFrames) -> Profile | None:
    """What of a song's timbre is compared, None for silence.

    The mean and deviation of each coefficient but the first, (2, coefficients).
    """
    sounds = song.rms > _SILENCE * float(np.max(song.rms, initial=0.0))
    rows = np.asarray(song.mfcc)[sounds][:, 1:]
    if not np.isfinite(rows).all():
        rows = rows[np.isfinite(rows).all(axis=1)]
    if not rows.size:
        return None
    # Sums of squares by einsum: numpy's own deviation makes three copies.
    mean = np.einsum("ij->j", rows, dtype=np.float64) / len(rows)
    rows = rows - mean.astype(np.float32)
    return np.stack([mean, np.sqrt(np.einsum("ij,ij->j", rows, rows, dtype=np.float64) / len(rows))])


def rhythm_distance(original: OnsetFrames, remix: OnsetFrames) -> float:
    """How different the rhythm is, 0 to 1, whatever the tempo.

    Compares the periodicity of onset strength in each part of the spectrum: its autocorrelation over periods
    from 0.1 to 4 s on a logarithmic scale (after Holzapfel and Stylianou, "Scale transform in rhythmic
    similarity of music", 2011), in which another tempo is a shift, and the shift that fits best is taken. It
    so compares in which ratios of note lengths a bar is filled, low and high, not where the bar begins. 0 is
    the same pattern at any tempo (halves of a song: under 0.1), remixes and unrelated songs have 0.1 to 0.6;
    1 has nothing in common. nan where one song has no two onsets.
    """
    return rhythm_apart(rhythm_profile(original), rhythm_profile(remix))


def rhythm_apart(first: Profile | None, second: Profile | None) -> float:
    """The same of two `rhythm_profile`s."""
    if first is None or second is None:
        return math.nan
    bands = min(len(first), len(second))
    here, there = first[:bands], second[:bands]
    # Pearson's correlation of what overlaps at each shift, all shifts from the same running sums.
    shifts = np.arange(-_SHIFTS, _SHIFTS + 1)
    overlap = _PERIODS - np.abs(shifts)
    products = np.stack([np.correlate(*pair, "full") for pair in zip(here, there, strict=True)])
    sums, other_sums = _overlapping(here, shifts), _overlapping(there, -shifts)
    spread = _overlapping(np.square(here), shifts) - np.square(sums) / overlap
    other_spread = _overlapping(np.square(there), -shifts) - np.square(other_sums) / overlap
    common = products[:, shifts + _PERIODS - 1] - sums * other_sums / overlap
    size = np.sqrt(np.maximum(spread.sum(axis=0), 0) * np.maximum(other_spread.sum(axis=0), 0))
    known = size > _LEAST_RHYTHM
    return min(1.0, max(0.0, 1 - float(np.max(common.sum(axis=0)[known] / size[known], initial=0.0))))


def _overlapping(values: Profile, shifts: NDArray[np.intp]) -> Profile:
    """The sum of each band over what is still opposite the other's periods at each shift."""
    running = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    first, end = np.maximum(0, shifts), _PERIODS + np.minimum(0, shifts)
    sums: Profile = running[:, end] - running[:, first]
    return sums


def rhythm_profile(song: OnsetFrames) -> Profile | None:
    """What of a song's rhythm is compared, None where nothing recurs.

    Of each band the autocorrelation at the periods, (bands, periods).
    """
    # A row a band: transforms along a row are twice as quick.
    bands = np.nan_to_num(np.array(song.onset_bands, np.float32).T, copy=False, posinf=0.0, neginf=0.0)
    count = bands.shape[1]
    if count < _LEAST_SECONDS * song.frame_rate:
        return None
    bands = bands - bands.mean(axis=1, keepdims=True)
    periods = np.geomspace(_SLOWEST, _FASTEST, _PERIODS) * song.frame_rate
    longest = min(count, math.ceil(1.1 * periods[-1]))
    # Silence behind it, so that the end of the song does not meet its beginning.
    spectrum = np.fft.rfft(bands, _good_size(count + longest), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    correlation = np.fft.irfft(power, axis=1)[:, :longest].T.astype(np.float64)
    if not correlation[0].max(initial=0.0) > _LEAST_RHYTHM:
        return None
    # Band by band relative to its own strength; a band without onsets has no say.
    scale = np.where(correlation[0] > _LEAST_RHYTHM, 1 / np.maximum(correlation[0], _LEAST_RHYTHM), 0.0)
    overlap = np.maximum(1 - periods / count, 0.1)
    lags = np.arange(longest)
    width = np.maximum(1.0, _WIDTH * periods)[:, np.newaxis]
    weights = np.exp(-0.5 * np.square((lags - periods[:, np.newaxis]) / width))
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), _LEAST_RHYTHM) * overlap[:, np.newaxis]
    return (weights @ correlation * scale).T


def _good_size(least: int) -> int:
    """A length that is quick to transform: two, three or five times a power of two, and even."""
    power = 1 << max(1, (least - 1).bit_length() - 3)
    return next(times * power for times in (4, 5, 6, 8) if times * power >= least)
