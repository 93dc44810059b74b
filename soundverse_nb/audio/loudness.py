"""Loudness after ITU-R BS.1770-5 and EBU Tech 3341 and 3342 (EBU R 128), measured block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane, ScratchArrays, planes_of
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.k_weighting import RATES, KWeightingFilter
from soundverse_nb.audio.source import as_samples, scaled
from soundverse_nb.audio.true_peak import TruePeakMeter

_ABSOLUTE_GATE = -70.0  # LUFS; BS.1770-5, Annex 1, and Tech 3342, section 2
_RELATIVE_GATE = -10.0  # LU under the loudness of what passed the first gate; BS.1770-5, Annex 1
_RANGE_GATE = -20.0  # LU, the same for the loudness range; Tech 3342, section 2
_RANGE_PERCENTILES = (10, 95)  # Tech 3342, section 2
_OFFSET = -0.691  # dB, makes a full-scale 997 Hz sine in one channel read -3.01 LKFS
# Power is kept for every hundredth of a second. Gates look at windows that begin every tenth; the loudest
# window may begin anywhere, and 50 ms beside it would read 0.6 LU low of 400 ms.
_STEPS_A_SECOND = 100
_HOP = 10  # steps
HOP_SECONDS = _HOP / _STEPS_A_SECOND
"""Length of what LoudnessMeter.powers() gives one value for."""
_MOMENTARY, _SHORT_TERM = 4, 30  # hops: 400 ms and 3 s
# Half a megabyte a channel: more does not stay in the cache.
_PIECE_FRAMES = 110_000
LARGEST = 1e9
"""Of samples, +180 dBFS. What is greater, in a broken file, counts as this: float32 cannot square it."""


@dataclass(frozen=True)
class Loudness:
    """How loud a sound is: the five figures of an EBU-mode meter.

    `integrated_lufs` is the loudness of the whole, gated (BS.1770-5), in LUFS. `range_lu` is the loudness
    range (LRA, Tech 3342), in LU. `momentary_max_lufs` and `short_term_max_lufs` are the loudest 400 ms and
    the loudest 3 s, not gated (Tech 3341), in LUFS. `true_peak_dbtp` is the level of the greatest value,
    between the samples too (BS.1770-5, Annex 2), in dB relative to full scale.

    Silence is -inf LUFS and dBTP. What is nowhere above -70 LUFS is -inf LUFS as a whole, and has no range.
    NaN stands for what cannot be said: integrated and momentary loudness of less than 400 ms; short-term
    loudness and range of less than 3 s, and the range of silence; the true peak of no samples, or where it
    was not asked for; all of it at sample rates outside 4 to 400 kHz.
    """

    integrated_lufs: float
    range_lu: float
    momentary_max_lufs: float
    short_term_max_lufs: float
    true_peak_dbtp: float


def measure_loudness(samples: Any, sample_rate: float) -> Loudness:
    """How loud these samples are.

    `samples` is an array (frames,), (frames, channels) or (channels, frames), float with full scale +-1 or
    integer with the full scale of its type; `sample_rate` is in Hz. Two channels are left and right; five
    L R C Ls Rs, six L R C LFE Ls Rs, eight with two at the back before Ls Rs (see channel_gains).
    Samples that are no numbers count as silence. Raises ValueError where this is no sound.

    >>> time = np.arange(20 * 48_000) / 48_000
    >>> tone = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * time)
    >>> found = measure_loudness(np.stack([tone, tone]), 48_000)
    >>> round(found.integrated_lufs, 1), round(found.range_lu, 1), round(found.true_peak_dbtp, 1)
    (-23.0, 0.0, -23.0)
    """
    sound = as_samples(samples, sample_rate)
    meter = LoudnessMeter(sound.sample_rate, sound.channels)
    for start in range(0, sound.frames, _PIECE_FRAMES):
        meter.feed(sound.block(start, start + _PIECE_FRAMES))
    return meter.loudness()


def loudness_of(source: Any) -> Loudness:
    """How loud a song is; `source` is anything open_source() takes. Memory stays flat.

    Raises AudioError where it cannot be decoded.
    """
    with decode(source) as sound:
        meter = LoudnessMeter(sound.sample_rate, sound.channels)
        for piece in sound.pieces():
            meter.feed_planes([usable(plane) for plane in sound.planes(piece)])
    return meter.loudness()


def integrated_loudness(blocks: Iterable[NDArray[Any]], sample_rate: int) -> float:
    """Integrated loudness in LUFS of blocks (frames, channels); nan where there are none."""
    meter: LoudnessMeter | None = None
    for block in blocks:
        if meter is None:
            meter = LoudnessMeter(sample_rate, block.shape[1], true_peak=False)
        meter.feed(block)
    return math.nan if meter is None else meter.integrated()


class LoudnessMeter:
    """Feed blocks (frames, channels) in order; `loudness()` gives the figures of all so far.

    Two thirds of what it takes is the true peak's, so one who does not need that says `true_peak=False`. The
    sound is not kept, only 100 numbers a second.

    >>> meter = LoudnessMeter(44_100, channels=2)
    >>> for _ in range(3):
    ...     meter.feed(np.zeros((44_100, 2), np.float32))
    >>> meter.loudness().integrated_lufs
    -inf
    """

    def __init__(self, sample_rate: int, channels: int, *, true_peak: bool = True) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self._usable = RATES[0] <= sample_rate <= RATES[1]
        self._gains = channel_gains(channels)
        scratch = ScratchArrays()  # for all channels, one after another: less memory stays in the cache
        self._filters = [
            KWeightingFilter(sample_rate, scratch) if self._usable else None for _ in range(channels)
        ]
        self._true_peaks = [TruePeakMeter() for _ in range(channels)] if true_peak and self._usable else []
        self._frames = 0
        self._steps: list[NDArray[np.float64]] = []
        self._open_step = 0.0

    def feed(self, block: NDArray[Any]) -> None:
        """Add the next block: float with full scale +-1, integer with that of its type; 1-D is mono.

        Samples that are no numbers count as silence. Raises ValueError for another number of channels.
        """
        columns = block[:, np.newaxis] if block.ndim == 1 else block
        if columns.ndim != 2 or columns.shape[1] != self.channels:
            raise ValueError(f"A block (frames, {self.channels}) is due, not one of shape {block.shape}.")
        if columns.dtype.kind not in "iuf":
            raise ValueError(f"Samples of type {columns.dtype} are not numbers of a sound.")
        for start in range(0, len(columns), _PIECE_FRAMES):
            piece = scaled(columns[start : start + _PIECE_FRAMES])
            self.feed_planes([usable(plane) for plane in planes_of(piece)])

    def feed_planes(self, planes: Sequence[Plane]) -> None:
        """Add the next samples of each channel, contiguous float32, all `usable`.

        Memory is that of a piece so long.
        """
        if not self._usable or not len(planes[0]):
            return
        steps: NDArray[np.float64] | None = None
        starts, is_whole = self._step_starts(len(planes[0]))
        for channel, (gain, plane) in enumerate(zip(self._gains, planes, strict=True)):
            if self._true_peaks:
                self._true_peaks[channel].feed(plane)
            weighing = self._filters[channel]
            if gain and weighing is not None:
                weighted = weighing.feed(plane)
                powers = gain * _sums_of_squares(weighted, starts)
                steps = powers if steps is None else steps + powers
        self._frames += len(planes[0])
        steps = np.zeros(len(starts)) if steps is None else steps
        steps[0] += self._open_step
        self._open_step = 0.0 if is_whole else float(steps[-1])
        self._steps.append(steps if is_whole else steps[:-1])

    def _step_starts(self, frames: int) -> tuple[NDArray[np.int64], bool]:
        """Where in the next frames a step begins, or goes on, and whether the last of them is whole."""
        first, rate = self._frames, self.sample_rate
        # Step n ends where n hundredths of a second do, to the nearest sample.
        numbers = np.arange(
            first * _STEPS_A_SECOND // rate, (first + frames) * _STEPS_A_SECOND // rate + 2, dtype=np.int64
        )
        ends = (2 * numbers * rate + _STEPS_A_SECOND) // (2 * _STEPS_A_SECOND) - first
        ends = ends[(ends > 0) & (ends <= frames)]
        is_whole = bool(len(ends)) and ends[-1] == frames
        return np.concatenate([[0], ends[:-1] if is_whole else ends]), is_whole

    def loudness(self) -> Loudness:
        """The figures of all that was fed so far."""
        if not self._usable:
            return Loudness(*[math.nan] * 5)
        steps, hops = self._all_steps(), self._hops()
        return Loudness(
            integrated_lufs=self.integrated(),
            range_lu=_range(_windows(hops, _SHORT_TERM) / self._samples(_SHORT_TERM)),
            momentary_max_lufs=self._loudest(steps, _MOMENTARY),
            short_term_max_lufs=self._loudest(steps, _SHORT_TERM),
            true_peak_dbtp=self._true_peak(),
        )

    def integrated(self) -> float:
        """Integrated loudness alone, in LUFS; as `Loudness.integrated_lufs`."""
        return _gated(_windows(self._hops(), _MOMENTARY) / self._samples(_MOMENTARY))

    def powers(self) -> NDArray[np.float64]:
        """K-weighted mean square of each tenth of a second, in order, channels added up by their weights."""
        return self._hops() / self._samples(1)

    def _samples(self, hops: int) -> float:
        return hops * _HOP * self.sample_rate / _STEPS_A_SECOND

    def _all_steps(self) -> NDArray[np.float64]:
        return np.concatenate([*self._steps, np.zeros(0)])

    def _hops(self) -> NDArray[np.float64]:
        steps = self._all_steps()
        return np.asarray(steps[: len(steps) // _HOP * _HOP].reshape(-1, _HOP).sum(axis=1))

    def _loudest(self, steps: NDArray[np.float64], hops: int) -> float:
        windows = _windows(_windows(steps, _HOP), hops, _HOP)
        return _level(float(windows.max()) / self._samples(hops)) if len(windows) else math.nan

    def _true_peak(self) -> float:
        if not self._true_peaks or not self._frames:
            return math.nan
        peak = max(meter.peak() for meter in self._true_peaks)
        return 20 * math.log10(peak) if peak else -math.inf


def _sums_of_squares(values: Plane, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the values from each start to the next; `values` are changed."""
    between = len(starts) - 2
    if between < 1 or (starts[-1] - starts[1]) % between:
        np.multiply(values, values, out=values)
        return np.add.reduceat(values, starts).astype(np.float64)
    # At most sample rates all steps are of one length, but for the first and the last in a piece (at others
    # they differ by one sample, so that their sum is no multiple of their number). As products of a row and a
    # column, which numpy leaves to BLAS, they take half as long.
    first, steps, last = values[: starts[1]], values[starts[1] : starts[-1]], values[starts[-1] :]
    rows = steps.reshape(between, -1)
    squares = np.matmul(rows[:, np.newaxis, :], rows[:, :, np.newaxis]).ravel()
    return np.concatenate([[first @ first], squares, [last @ last]]).astype(np.float64)


def usable(plane: Plane) -> Plane:
    """The same with silence for samples that are no numbers, and the limit for those beyond it."""
    # Least and greatest pass NaN on.
    if not len(plane) or (plane.max() <= LARGEST and plane.min() >= -LARGEST):
        return plane
    numbers = np.where(np.isfinite(plane), plane, np.float32(0))
    return np.clip(numbers, np.float32(-LARGEST), np.float32(LARGEST))


def _windows(values: NDArray[np.float64], count: int, apart: int = 1) -> NDArray[np.float64]:
    """For each value the sum of it and the next `count` - 1 that lie `apart`, as far as there are so many."""
    length = max(0, len(values) - (count - 1) * apart)
    total = np.zeros(length)
    for place in range(0, count * apart, apart):
        total += values[place : place + length]
    return total


def _gated(powers: NDArray[np.float64]) -> float:
    """Loudness of the blocks of 400 ms that pass both gates (BS.1770-5, Annex 1)."""
    if not len(powers):
        return math.nan
    loud = _above(powers, _RELATIVE_GATE)
    return _level(float(loud.mean())) if len(loud) else -math.inf


def _range(powers: NDArray[np.float64]) -> float:
    """Loudness range of windows of 3 s (Tech 3342, section 2): how far their percentiles are apart."""
    loud = np.sort(_above(powers, _RANGE_GATE))
    if not len(loud):
        return math.nan
    low, high = (_level(float(loud[round((len(loud) - 1) * part / 100)])) for part in _RANGE_PERCENTILES)
    return high - low


def _above(powers: NDArray[np.float64], relative_gate: float) -> NDArray[np.float64]:
    """Those above -70 LUFS that are, too, above the gate so many LU relative to the mean of these."""
    loud = powers[powers > 10 ** ((_ABSOLUTE_GATE - _OFFSET) / 10)]
    return loud[loud > loud.mean() * 10 ** (relative_gate / 10)] if len(loud) else loud


def _level(power: float) -> float:
    """A K-weighted mean square in LUFS."""
    return _OFFSET + 10 * math.log10(power) if power > 0 else -math.inf


def channel_gains(channels: int) -> tuple[float, ...]:
    """Weights of the channels in the order L R C LFE Ls Rs; the LFE is left out (BS.1770-5, Annex 1)."""
    if channels == 5:
        return (1.0, 1.0, 1.0, 1.41, 1.41)
    if channels >= 6:  # from 7 on those at the back, which count as they are, come before those at the sides
        return (1.0, 1.0, 1.0, 0.0, *(1.0,) * (channels - 6), 1.41, 1.41)
    return (1.0,) * channels
