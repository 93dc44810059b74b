"""What is measured of a song's samples themselves: silence, clipping, dynamic range, stereo width.

Everything but clipping follows from the peak and the energy of each 10 ms of each channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane
from soundverse_nb.audio.loudness import usable
from soundverse_nb.audio.meters import FULL_SCALE, QUIET_PEAK

BIN_SECONDS = 0.01
LEAST_RUN = 3  # samples at full scale in a row: one is a peak, two may be one between two samples
BLOCK_SECONDS = 3.0
_LOUDEST_SHARE = 0.2


@dataclass(frozen=True)
class Levels:
    """A song's levels; what cannot be told is nan, with a sentence in `reasons`.

    `silence_lead`, `silence_trail` and `silence_total` are seconds in which every channel stays below
    -60 dBFS, to 10 ms. `clipped_runs` counts runs of three or more samples of one channel at full scale with
    the same sign, `clipped_samples` the samples in them. `dynamic_range` is in dB (see `dynamic_range`),
    `crest_factor` the highest peak over the RMS of the whole song in dB, `stereo_width` 0 to 1 (see
    `stereo_width`), `peak` the largest sample (1.0 full scale), `not_finite` the samples that are NaN or
    infinite and count as silence.
    """

    silence_lead: float
    silence_trail: float
    silence_total: float
    clipped_runs: int
    clipped_samples: int
    dynamic_range: float
    crest_factor: float
    stereo_width: float
    peak: float
    not_finite: int
    reasons: dict[str, str] = field(default_factory=dict)


class LevelMeter:
    """Feed the channels piece by piece, each float32 and contiguous; levels() tells."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.bin = max(1, round(sample_rate * BIN_SECONDS))
        self._bin_seconds = self.bin / sample_rate
        self._sample_rate = sample_rate
        self._rest = [np.empty(0, np.float32)] * channels
        self._clipping = [ClippingMeter() for _ in range(channels)]
        self._bins: list[tuple[NDArray[np.float64], ...]] = []
        self._frames = 0
        self.not_finite = 0

    def feed(self, planes: Sequence[Plane]) -> list[Plane]:
        """Add the next samples; returns them with silence for what is not finite, and huge ones reduced."""
        clean = [self._clean(plane) for plane in planes]
        self._frames += len(clean[0])
        for meter, plane in zip(self._clipping, clean, strict=True):
            meter.feed(plane)
        if len(self._rest[0]):
            joined = [np.concatenate(pair) for pair in zip(self._rest, clean, strict=True)]
        else:
            joined = clean
        whole = len(joined[0]) - len(joined[0]) % self.bin
        self._rest = [plane[whole:].copy() for plane in joined]
        if whole:
            self._bins.append(self._measured([plane[:whole].reshape(-1, self.bin) for plane in joined]))
        return clean

    def _clean(self, plane: Plane) -> Plane:
        clean = usable(plane)
        if clean is not plane:
            self.not_finite += plane.size - int(np.count_nonzero(np.isfinite(plane)))
        return clean

    @staticmethod
    def _measured(rows: list[NDArray[np.float32]]) -> tuple[NDArray[np.float64], ...]:
        """Of each bin: peaks and energies (bins, channels), and the products of the first two channels."""
        peaks = np.stack([np.maximum(part.max(axis=1), -part.min(axis=1)) for part in rows], axis=1)
        # einsum, unlike a product of matrices, leaves BLAS and its threads alone.
        energies = np.stack([np.einsum("ij,ij->i", part, part) for part in rows], axis=1)
        products = np.einsum("ij,ij->i", rows[0], rows[1]) if len(rows) > 1 else energies[:, 0]
        return peaks.astype(np.float64), energies.astype(np.float64), products.astype(np.float64)

    def levels(self) -> Levels:
        """The levels of all that was fed, which ends here."""
        parts = list(self._bins)
        if len(self._rest[0]):
            parts.append(self._measured([plane[np.newaxis] for plane in self._rest]))
        for meter in self._clipping:
            meter.finish()
        if not parts:
            channels = len(self._rest)
            parts = [(np.zeros((0, channels)), np.zeros((0, channels)), np.zeros(0))]
        peaks, energies, products = (np.concatenate(column) for column in zip(*parts, strict=True))
        reasons: dict[str, str] = {}
        lead, trail, total = self._silence(peaks.max(axis=1, initial=0.0))
        per_block = max(1, round(BLOCK_SECONDS / self._bin_seconds))
        measured = {
            "dynamic_range": dynamic_range(peaks, energies / self.bin, per_block),
            "crest_factor": _crest_factor(peaks, energies, self._frames),
            "stereo_width": stereo_width(energies, products),
        }
        for name, value in measured.items():
            if math.isnan(value):
                is_short = name == "dynamic_range" and peaks.max(initial=0.0) > 0
                reasons[name] = "The song is shorter than 3 s." if is_short else "There is no sound."
        return Levels(
            silence_lead=lead,
            silence_trail=trail,
            silence_total=total,
            clipped_runs=sum(meter.runs for meter in self._clipping),
            clipped_samples=sum(meter.samples for meter in self._clipping),
            peak=float(peaks.max(initial=0.0)),
            not_finite=self.not_finite,
            reasons=reasons,
            **measured,
        )

    def _silence(self, peaks: NDArray[np.float64]) -> tuple[float, float, float]:
        lengths = np.full(len(peaks), self.bin)
        if len(self._rest[0]):
            lengths[-1] = len(self._rest[0])
        loud = np.flatnonzero(peaks > QUIET_PEAK)
        total = int(lengths[peaks <= QUIET_PEAK].sum())
        lead = int(lengths[: loud[0]].sum()) if len(loud) else total
        trail = int(lengths[loud[-1] + 1 :].sum()) if len(loud) else total
        return lead / self._sample_rate, trail / self._sample_rate, total / self._sample_rate


class ClippingMeter:
    """Counts runs of LEAST_RUN or more samples at full scale, through the seams of pieces too."""

    def __init__(self) -> None:
        self.runs = self.samples = 0
        self._open = {1: 0, -1: 0}

    def feed(self, plane: Plane) -> None:
        """Add the next samples."""
        for sign, extreme in ((1, plane.max(initial=0.0)), (-1, -plane.min(initial=0.0))):
            if extreme < FULL_SCALE:
                self._end(sign, 0)
                continue
            at_top = plane >= FULL_SCALE if sign > 0 else plane <= -FULL_SCALE
            edges = np.diff(at_top.astype(np.int8), prepend=0, append=0)
            starts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
            lengths = stops - starts
            continued = 0
            if starts[0] == 0:
                continued, lengths = int(lengths[0]), lengths[1:]
                if stops[0] == len(plane):  # and on into the next piece
                    self._open[sign] += continued
                    continue
            self._end(sign, continued)
            if stops[-1] == len(plane):
                self._open[sign], lengths = int(lengths[-1]), lengths[:-1]
            runs = lengths[lengths >= LEAST_RUN]
            self.runs += len(runs)
            self.samples += int(runs.sum())

    def finish(self) -> None:
        """The song ends here."""
        self._end(1, 0)
        self._end(-1, 0)

    def _end(self, sign: int, more: int) -> None:
        length, self._open[sign] = self._open[sign] + more, 0
        if length >= LEAST_RUN:
            self.runs += 1
            self.samples += length


def dynamic_range(peaks: NDArray[np.float64], powers: NDArray[np.float64], per_block: int) -> float:
    """How far peaks stand above the loud parts, in dB, as "DR" meters count it; nan without a whole block.

    Of each channel, over blocks of 3 s: the second highest peak of a block over the RMS of the loudest fifth
    of them, where RMS is taken 3 dB higher so that a sine has 0 (after the Pleasurize Music Foundation's
    dynamic range meter); then the mean over channels. `peaks` and `powers` are those of bins
    (bins, channels), `per_block` of them a block. Not the loudness range (LRA) of EBU Tech 3342.
    """
    blocks = len(peaks) // per_block
    if not blocks or not peaks.max(initial=0.0) > 0:
        return math.nan
    shape = (blocks, per_block, peaks.shape[1])
    block_peaks = np.sort(peaks[: blocks * per_block].reshape(shape).max(axis=1), axis=0)
    block_powers = np.sort(2 * powers[: blocks * per_block].reshape(shape).mean(axis=1), axis=0)
    loudest = block_powers[-max(1, round(_LOUDEST_SHARE * blocks)) :].mean(axis=0)
    second = block_peaks[-min(2, blocks)]
    heard = (loudest > 0) & (second > 0)
    if not heard.any():
        return math.nan
    return float(np.mean(20 * np.log10(second[heard]) - 10 * np.log10(loudest[heard])))


def _crest_factor(peaks: NDArray[np.float64], energies: NDArray[np.float64], frames: int) -> float:
    power = float(energies.sum()) / max(1, frames * energies.shape[1])
    peak = float(peaks.max(initial=0.0))
    return 20 * math.log10(peak) - 10 * math.log10(power) if peak > 0 and power > 0 else math.nan


def stereo_width(energies: NDArray[np.float64], products: NDArray[np.float64]) -> float:
    """The share of the side signal in the energy of middle and side, 0 to 1; nan without sound.

    Of the first two channels: the middle is (L + R) / 2, the side (L - R) / 2. Mono has 0, two unrelated
    channels or a single one 0.5, one channel as the other upside down 1.
    """
    if energies.shape[1] < 2:
        return 0.0 if energies.sum() > 0 else math.nan
    both = float(energies[:, :2].sum())
    if not both > 0:
        return math.nan
    return min(1.0, max(0.0, 0.5 - float(products.sum()) / both))
