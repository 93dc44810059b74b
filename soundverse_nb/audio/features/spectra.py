"""What one pass of short spectra over a song gives: a row of small figures for each moment of it.

Channels are mixed to one and resampled to 22,050 Hz. Around each moment, 512 samples (23 ms) after the last,
two windows are transformed: 2048 samples (93 ms), as librosa's defaults are, and for the notes 4096 (186 ms),
without which a low note is not told from its neighbours; of the longer one alone, quick notes would not be
told apart in time (onsets: F 0.78 instead of 0.87). They are taken some at a time as the song is decoded, so
that memory holds no more than the rows. No product here goes through BLAS, whose threads would wait for those
of other processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import scipy.fft
import scipy.sparse
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from soundverse_nb.audio.features.pitch_classes import PitchClasses, PitchClassMeter
from soundverse_nb.audio.spectrogram import mel_filters

RATE = 22_050
WINDOW = 2048
NOTE_WINDOW = 4096
HOP = 512
FRAME_RATE = RATE / HOP
MEL_BANDS = 128
# Spectra overlap by three quarters: a mean over every other contrast is the same, and sorting bins is slow.
CONTRAST_EVERY = 2
# Jiang et al., "Music type classification by spectral contrast feature", ICME 2002: octaves from 200 Hz, and
# the share of a band's bins that make its peak and its valley.
CONTRAST_EDGES = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, RATE / 2)
_CONTRAST_SHARE = 0.02
_BATCH = 128  # frames at a time; their spectra fit the processor's cache
_NOTE_BINS = NOTE_WINDOW // 4 + 1  # up to 5,512 Hz, beyond which harmonics say little of a note
_TINY = 1e-10  # least power, as librosa's

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Spectra:
    """A row for each moment of a song; all arrays are float32.

    Row i is about the time i / `frame_rate` in seconds, the middle of its window. `mel` (rows, 128) is the
    power of mel bands, `notes.profiles` (rows, 12) how strongly C, C#, ... B sound,
    `centroid` (rows,) the spectrum's centre in Hz, nan where there is no sound, `rms` (rows,) the
    level, linear. `contrast` (rows / 2 rounded up, 7) is by how many dB the peaks of each octave stand above
    its valleys. `duration` is in seconds.
    """

    frame_rate: float
    duration: float
    mel: Rows
    notes: PitchClasses
    centroid: Rows
    contrast: Rows
    rms: Rows

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each row in seconds."""
        return np.arange(len(self.rms)) / self.frame_rate


class SpectrumMeter:
    """Feed the mixed signal piece by piece, float32 at `sample_rate`; spectra() gives the rows."""

    def __init__(self, sample_rate: int) -> None:
        self._resampler = soxr.ResampleStream(sample_rate, RATE, 1, dtype="float32", quality="MQ")
        self._sample_rate = sample_rate
        self._notes = PitchClassMeter(np.arange(_NOTE_BINS) * (RATE / NOTE_WINDOW))
        self._samples = 0
        # The first frame is about the first sample: half of it lies before the song.
        self._waiting = [np.zeros(NOTE_WINDOW // 2, np.float32)]
        self._held = NOTE_WINDOW // 2
        self._rows: list[tuple[Rows, ...]] = []

    def feed(self, mono: Rows) -> None:
        """Add the next samples."""
        self._samples += len(mono)
        self._take(self._resampler.resample_chunk(mono))

    def spectra(self) -> Spectra:
        """The rows of all that was fed, which ends here."""
        duration = self._samples / self._sample_rate
        self._take(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        self._take(np.zeros(NOTE_WINDOW // 2, np.float32), is_last=True)
        if self._rows:
            mel, *rest = [np.concatenate(parts) for parts in zip(*self._rows, strict=True)]
        else:
            mel, *rest = [np.zeros(shape, np.float32) for shape in ((0, MEL_BANDS), 0, (0, 7), 0)]
        return Spectra(FRAME_RATE, duration, mel, self._notes.result(), *rest)

    def _take(self, samples: Rows, is_last: bool = False) -> None:
        self._waiting.append(samples)
        self._held += len(samples)
        batch = NOTE_WINDOW + (_BATCH - 1) * HOP
        if self._held < batch and not is_last:
            return
        joined = np.concatenate(self._waiting)
        for start in range(0, len(joined) - batch + 1, _BATCH * HOP):
            self._rows.append(self._measured(joined[start : start + batch]))
        rest = joined[max(0, len(joined) - batch + _BATCH * HOP) // (_BATCH * HOP) * (_BATCH * HOP) :]
        if is_last and len(rest) >= NOTE_WINDOW:
            self._rows.append(self._measured(rest))
        self._waiting, self._held = [rest], len(rest)

    def _measured(self, samples: Rows) -> tuple[Rows, ...]:
        long = sliding_window_view(samples, NOTE_WINDOW)[::HOP]
        self._notes.feed(np.sqrt(_power(long)[:, :_NOTE_BINS]))
        # Those in the middle of the long ones.
        short = long[:, (NOTE_WINDOW - WINDOW) // 2 : (NOTE_WINDOW + WINDOW) // 2]
        power = _power(short)
        mel = np.ascontiguousarray((_mel() @ power.T).T)
        contrast = spectral_contrast(power[::CONTRAST_EVERY])
        rms = np.sqrt(np.einsum("ij,ij->i", short, short) / np.float32(WINDOW))
        return mel, _centroid(np.sqrt(power, out=power)), contrast, rms


def _power(windows: Rows) -> Rows:
    """The power spectrum of each row."""
    spectrum = scipy.fft.rfft(windows * _window(windows.shape[1]), axis=1)
    power: Rows = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


@cache
def _window(length: int) -> Rows:
    """A Hann window, periodic, not scaled: magnitudes are those of librosa's STFT."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@cache
def bin_frequencies() -> NDArray[np.float64]:
    """The frequency of each bin in Hz, WINDOW / 2 + 1 of them."""
    return np.asarray(np.fft.rfftfreq(WINDOW, 1 / RATE), np.float64)


@cache
def _mel() -> scipy.sparse.csr_matrix:
    # One in sixty of the weights is not zero: summing only these needs no BLAS and is as quick.
    return scipy.sparse.csr_matrix(mel_filters(RATE, MEL_BANDS, WINDOW))


def _centroid(magnitude: Rows) -> Rows:
    """Mean frequency, weighted by magnitude; nan where there is no sound."""
    frequencies = bin_frequencies().astype(np.float32)
    total = np.einsum("ij->i", magnitude)
    centre = np.full(len(magnitude), np.nan, np.float32)
    np.divide(np.einsum("ij,j->i", magnitude, frequencies), total, out=centre, where=total > _TINY)
    return centre


@cache
def _bands() -> tuple[tuple[int, int, int], ...]:
    """First bin, last bin + 1 and the number of bins that are its peak of each band of the contrast."""
    places = np.searchsorted(bin_frequencies(), CONTRAST_EDGES)
    places[-1] = WINDOW // 2 + 1
    return tuple(
        (int(first), int(last), max(1, round(_CONTRAST_SHARE * int(last - first))))
        for first, last in pairwise(places)
    )


def spectral_contrast(power: Rows) -> Rows:
    """By how many dB the peaks of each of seven bands stand above its valleys: (rows, bins) -> (rows, 7).

    Decibels of power, which are twice those of librosa's function: it takes magnitudes for power.
    """
    contrast = np.empty((len(power), len(_bands())), np.float32)
    for band, (first, last, count) in enumerate(_bands()):
        size = last - first
        ordered = np.partition(power[:, first:last], [count - 1, size - count], axis=1)
        valley, peak = ordered[:, :count].mean(axis=1), ordered[:, size - count :].mean(axis=1)
        contrast[:, band] = 10 * np.log10(np.maximum(peak, _TINY) / np.maximum(valley, _TINY))
    return contrast
