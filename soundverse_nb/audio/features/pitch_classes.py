"""Pitch-class profiles: how strongly each of the twelve notes sounds in each frame of a song.

A harmonic pitch-class profile (after Gómez, "Tonal description of music audio signals", 2006), of our own
making where spectra differ between arrangements of one tune: a spectral peak counts by how far it rises over
the spectrum around it, so a level, an equaliser, a drum or noise changes little, and noise alone gives a
profile near nothing. Each peak speaks for the fundamentals that it may be a harmonic of, and the song's own
tuning is found from all peaks before anything is rounded to semitones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

_LOWEST_HZ = 65.0  # below, a 4096-sample frame at 22,050 Hz tells no semitones apart
_HIGHEST_HZ = 5000.0
_UPPER_HZ = 220.0  # where melodies of most tunes lie above their accompaniment
_C0_HZ = 440.0 * 2.0 ** (-57 / 12)
_STEPS = 5  # of the finest pitch grid, a semitone
_OCTAVE = 12 * _STEPS
_HARMONICS = 6
_DECAY = 0.6  # weight of a harmonic after the one below it
_WIDTH = 0.8  # semitones from a note at which a peak no longer counts for it
_SURROUNDINGS_HZ = 130.0  # to either side of a peak, whose mean level it must rise over
_LEAST_RISE = 2.0  # times that level; peaks of noise seldom rise so far
_LOUDNESS_POWER = 0.25  # loud peaks count more than faint ones, but not by their amplitude
_SILENCE = 1e-3  # of the loudest frame's level: -60 dB
_LEAST_LEVEL = 1e-7  # mean magnitude a bin: below is rounding


@dataclass(frozen=True)
class PitchClasses:
    """What notes sound in each frame.

    `profiles` and `upper` are float32 (frames, 12), C first, 0 and up, not normalised: a sum of the
    logarithms by which peaks rise over their surroundings, 0 for silence and near 0 for noise. `upper` holds
    only what may be the fundamental of a note above 220 Hz, where the melody mostly lies. `tuning` is how
    far the song is off A = 440 Hz, -50 to 50 cents, and `tuning_agreement` 0 to 1 how much its peaks agree.
    """

    profiles: NDArray[np.float32]
    upper: NDArray[np.float32]
    tuning: float
    tuning_agreement: float


class PitchClassMeter:
    """Feed blocks of magnitude spectra in order; `result()` gives the profiles of all frames.

    `frequencies` are those of the bins in Hz, evenly spaced from 0. Takes 500 bytes a frame, whatever is fed.
    """

    def __init__(self, frequencies: NDArray[np.floating]) -> None:
        step = float(frequencies[1] - frequencies[0]) if len(frequencies) > 1 else 1.0
        self._step = step
        # One bin more to either side: a peak is higher than its neighbours.
        self._first = max(1, math.ceil(_LOWEST_HZ / step))
        self._last = min(len(frequencies) - 1, math.floor(_HIGHEST_HZ / step) + 1)
        self._reach = max(2, round(_SURROUNDINGS_HZ / step))
        self._lowest = _grid(np.array([_LOWEST_HZ]))[0] - 1.0
        self._bins = math.ceil(_grid(np.array([_HIGHEST_HZ * 1.02]))[0] - self._lowest) + 2
        fold, upper = _fold(self._lowest, self._bins, 0.0), _fold(self._lowest, self._bins, _UPPER_HZ)
        # One in fifteen weights is not zero; summing those alone needs no BLAS, whose threads wait for one
        # another and, on a busy machine, take several times as long for a product as small as this.
        self._fold = scipy.sparse.csr_matrix(np.concatenate([fold, upper], axis=1).T)
        self._fine: list[NDArray[np.float32]] = []
        self._levels: list[NDArray[np.float32]] = []
        self._deviation, self._weight = 0j, 0.0

    def feed(self, magnitudes: NDArray[np.floating]) -> None:
        """Add the next frames: (frames, bins), 0 and up. What is not finite counts as silence."""
        magnitudes = np.asarray(magnitudes, np.float32)
        if not np.isfinite(magnitudes.sum(dtype=np.float64)):
            magnitudes = np.where(np.isfinite(magnitudes), magnitudes, np.float32(0))
        count = len(magnitudes)
        if self._last - self._first < 3:  # 130 Hz sample rate: no note fits
            self._fine.append(np.zeros((count, 2 * _OCTAVE), np.float32))
            self._levels.append(np.zeros(count, np.float32))
            return
        band = magnitudes[:, self._first - 1 : self._last + 1]
        level = band.mean(axis=1)
        frames, hz, weights = self._peaks(band, level)
        grid = self._histogram(frames, hz, weights, count)
        self._fine.append(np.ascontiguousarray((self._fold @ grid.T).T))
        self._levels.append(level)

    def _peaks(
        self, band: NDArray[np.float32], level: NDArray[np.float32]
    ) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """Of each peak its frame, its frequency in Hz and its weight."""
        middle = band[:, 1:-1]
        surroundings = _moving_mean(band, self._reach)[:, 1:-1]
        is_peak = middle > _LEAST_RISE * surroundings
        is_peak &= middle > band[:, :-2]
        is_peak &= middle >= band[:, 2:]
        is_peak &= (level > _LEAST_LEVEL)[:, np.newaxis]
        frames, bins = np.nonzero(is_peak)
        peak = middle[frames, bins]
        rise = np.log2(peak / (_LEAST_RISE * surroundings[frames, bins]))
        loudest = np.maximum(middle.max(axis=1), np.float32(1e-30))
        weights = rise * (peak / loudest[frames]) ** np.float32(_LOUDNESS_POWER)
        # A parabola through the logarithms of the peak and its neighbours has its top where the tone is.
        least = np.float32(1e-12) * peak
        left = np.log(np.maximum(band[frames, bins], least) / peak)
        right = np.log(np.maximum(band[frames, bins + 2], least) / peak)
        offset = 0.5 * (left - right) / np.minimum(left + right, np.float32(-1e-6))
        hz = (bins + self._first + np.clip(offset, -0.5, 0.5)) * np.float32(self._step)
        return frames, hz.astype(np.float32), weights.astype(np.float32)

    def _histogram(
        self,
        frames: NDArray[np.intp],
        hz: NDArray[np.float32],
        weights: NDArray[np.float32],
        count: int,
    ) -> NDArray[np.float32]:
        """The weights of the peaks on the pitch grid, (count, bins), each shared by its two neighbours."""
        place = _grid(hz)
        turns = np.exp(2j * np.pi / _STEPS * place)
        steady = weights * ((hz > 150) & (hz < 2500))
        self._deviation += complex(np.dot(steady, turns))
        self._weight += float(steady.sum(dtype=np.float64))
        place = np.clip(place - self._lowest, 0, self._bins - 1.001)
        below = np.floor(place).astype(np.intp)
        share = place - below
        index = frames * self._bins + below
        size = count * self._bins
        grid = np.bincount(index, weights * (1 - share), size) + np.bincount(index + 1, weights * share, size)
        return grid.reshape(count, self._bins).astype(np.float32)

    def result(self) -> PitchClasses:
        """The profiles of all that was fed."""
        if not self._fine:
            nothing = np.zeros((0, 12), np.float32)
            return PitchClasses(nothing, nothing, 0.0, 0.0)
        fine, level = np.concatenate(self._fine), np.concatenate(self._levels)
        semitones = float(np.angle(self._deviation)) / (2 * np.pi) if self._weight > 0 else 0.0
        to_notes = _to_notes(semitones)
        sounds = level > _SILENCE * level.max(initial=0.0)
        fine *= sounds[:, np.newaxis]
        agreement = abs(self._deviation) / self._weight if self._weight > 0 else 0.0
        return PitchClasses(
            fine[:, :_OCTAVE] @ to_notes, fine[:, _OCTAVE:] @ to_notes, 100.0 * semitones, agreement
        )


def pitch_classes(magnitudes: NDArray[np.floating], frequencies: NDArray[np.floating]) -> NDArray[np.float32]:
    """How strongly each of the twelve notes sounds in each frame, (frames, 12), C first.

    `magnitudes` (frames, bins) of a Hann-windowed STFT, `frequencies` (bins,) in Hz, evenly spaced from 0.
    For a song that comes in pieces, PitchClassMeter.

    >>> hz = np.fft.rfftfreq(4096, 1 / 22050)
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(4096) / 22050) * np.hanning(4096)
    >>> NAMES[pitch_classes(np.abs(np.fft.rfft(tone))[np.newaxis], hz)[0].argmax()]
    'A'
    """
    meter = PitchClassMeter(frequencies)
    meter.feed(magnitudes)
    return meter.result().profiles


def _grid(hz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where a frequency lies on the pitch grid: steps of a fifth of a semitone above C0."""
    return _OCTAVE * np.log2(np.asarray(hz, np.float64) / _C0_HZ)


def _moving_mean(band: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """The mean of each bin and `reach` bins to either side, fewer at the edges."""
    count = band.shape[1]
    sums = np.zeros((len(band), count + 1), np.float64)
    np.cumsum(band, axis=1, dtype=np.float64, out=sums[:, 1:])
    low = np.maximum(np.arange(count) - reach, 0)
    high = np.minimum(np.arange(count) + reach + 1, count)
    means: NDArray[np.float64] = (sums[:, high] - sums[:, low]) / (high - low)
    return means.astype(np.float32)


def _fold(lowest: float, bins: int, least_hz: float) -> NDArray[np.float32]:
    """Weights from the pitch grid to its pitch classes, (bins, 60), over the fundamentals of each bin."""
    fold = np.zeros((bins, _OCTAVE))
    least = _grid(np.array([max(least_hz, _LOWEST_HZ)]))[0]
    for harmonic in range(1, _HARMONICS + 1):
        fundamental = np.arange(bins) + lowest - _OCTAVE * math.log2(harmonic)
        below = np.floor(fundamental).astype(int)
        share = fundamental - below
        weight = _DECAY ** (harmonic - 1) * (fundamental >= least)
        np.add.at(fold, (np.arange(bins), below % _OCTAVE), weight * (1 - share))
        np.add.at(fold, (np.arange(bins), (below + 1) % _OCTAVE), weight * share)
    return fold.astype(np.float32)


def _to_notes(tuning: float) -> NDArray[np.float32]:
    """Weights from the 60 fine pitch classes to the twelve notes of a song `tuning` semitones high."""
    fine = np.arange(_OCTAVE)[:, np.newaxis] / _STEPS - tuning
    distance = np.abs((fine - np.arange(12) + 6) % 12 - 6)
    weights: NDArray[np.float64] = np.where(
        distance < _WIDTH, np.cos(np.pi * distance / (2 * _WIDTH)) ** 2, 0
    )
    return weights.astype(np.float32)
