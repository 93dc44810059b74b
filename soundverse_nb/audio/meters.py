"""Meters of a song's sound: level, clipping, outline and loudness, gathered channel by channel."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane
from soundverse_nb.audio.envelope import Envelope, EnvelopeMeter, finite
from soundverse_nb.audio.loudness import LoudnessMeter, channel_gains, gated_loudness

_POINTS_A_SECOND = 50.0
# A 16-bit full-scale sample is 32767/32768.
FULL_SCALE = 0.9999
# Flat tops are looked for in stretches of so many samples.
_STRETCH = 256
# Below this peak (-60 dBFS) a stretch counts as silence.
QUIET_PEAK = 1e-3


class ChannelMeter:
    """Measures one channel: outline, loudness, peak, flat tops, samples that are no numbers."""

    def __init__(self, sample_rate: int) -> None:
        self.outline = EnvelopeMeter(sample_rate, 1, _POINTS_A_SECOND)
        self.loudness = LoudnessMeter(sample_rate, 1)
        self.peak = 0.0
        self.clipped = 0
        self.not_finite = 0

    def feed(self, plane: Plane) -> None:
        """Add the next samples, contiguous float32."""
        peak = self.outline.feed(plane[:, np.newaxis])
        if math.isnan(peak):
            self.not_finite += plane.size - int(np.count_nonzero(np.isfinite(plane)))
            plane = finite(plane)
            peak = self.outline.feed(plane[:, np.newaxis])
        self.peak = max(self.peak, peak)
        if peak >= FULL_SCALE:
            self.clipped += flat_tops(plane)
        self.loudness.feed(plane[:, np.newaxis])


def whole_pieces(frames: int, sample_rate: int) -> int:
    """A length of pieces, at most `frames` where that is possible, that leaves no ear a rest to keep."""
    ear = ChannelMeter(sample_rate)
    stride = math.lcm(ear.outline.bin, ear.loudness.stride)
    return frames - frames % stride or frames


class SongMeter:
    """One ear a channel, and what they tell together."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._ears = [ChannelMeter(sample_rate) for _ in range(channels)]
        self._gains = channel_gains(channels)
        meter = self._ears[0].loudness
        self.hop_seconds = meter.hop / sample_rate
        self._knows_loudness = meter.usable

    def feed(self, planes: Iterable[Plane]) -> None:
        """Add the next samples of each channel."""
        for ear, plane in zip(self._ears, planes, strict=True):
            ear.feed(plane)

    @property
    def peak(self) -> float:
        return max(ear.peak for ear in self._ears)

    @property
    def clipped(self) -> int:
        return sum(ear.clipped for ear in self._ears)

    @property
    def not_finite(self) -> int:
        return sum(ear.not_finite for ear in self._ears)

    def envelope(self) -> Envelope:
        """The outline of all channels."""
        parts = [ear.outline.finish() for ear in self._ears]
        return Envelope(
            np.concatenate([part.minima for part in parts]),
            np.concatenate([part.maxima for part in parts]),
            parts[0].duration,
            parts[0].sample_rate,
        )

    def powers(self) -> NDArray[np.float64]:
        """K-weighted mean square of each hop, summed over channels with their gains."""
        powers = [gain * ear.loudness.powers() for gain, ear in zip(self._gains, self._ears, strict=True)]
        return np.asarray(sum(powers))

    def integrated(self) -> float:
        """Loudness in LUFS; nan where the sample rate gives it no meaning."""
        return gated_loudness(self.powers()) if self._knows_loudness else math.nan


def flat_tops(plane: Plane) -> int:
    """Samples at full scale whose next sample is there too: so looks a clipped wave, not a peak.

    Stretches without any such sample, which are most, are found by their extremes and passed over.
    """
    whole = len(plane) - len(plane) % _STRETCH
    rows = plane[:whole].reshape(-1, _STRETCH)
    loud = np.flatnonzero((rows.max(axis=1) >= FULL_SCALE) | (rows.min(axis=1) <= -FULL_SCALE))
    count = _pairs(plane[np.newaxis, whole:])
    if len(loud):
        # Each with the first sample of the next, so that a pair across the seam counts, once.
        after = plane[whole : whole + 1] if whole < len(plane) else np.zeros(1, np.float32)
        seams = np.append(plane[_STRETCH:whole:_STRETCH], after)
        count += _pairs(np.column_stack([rows[loud], seams[loud]]))
    return count


def _pairs(rows: NDArray[np.float32]) -> int:
    above, below = rows >= FULL_SCALE, rows <= -FULL_SCALE
    pairs = np.count_nonzero(above[:, 1:] & above[:, :-1]) + np.count_nonzero(below[:, 1:] & below[:, :-1])
    return int(pairs)


def quiet_ends(envelope: Envelope) -> tuple[float, float]:
    """Seconds at the start and at the end that stay below -60 dBFS in every channel."""
    loud = np.maximum(envelope.maxima, -envelope.minima).max(axis=0) > QUIET_PEAK
    places = np.flatnonzero(loud)
    if not len(places):
        return envelope.duration, envelope.duration
    width = envelope.duration / envelope.points
    return float(places[0] * width), float((envelope.points - 1 - places[-1]) * width)
