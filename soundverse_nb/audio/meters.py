"""Meters of a song's sound, channel by channel: level, clipping, loudness, envelope, edge silence."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane
from soundverse_nb.audio.envelope import Envelope, EnvelopeMeter, finite
from soundverse_nb.audio.loudness import LoudnessMeter, channel_gains, gated_loudness

POINTS_PER_SECOND = 50.0
"""Of the envelope, where nothing else is asked for."""

# A 16-bit full-scale sample is 32767/32768.
FULL_SCALE = 0.9999
# Clipping is looked for in rows of so many samples.
_ROW = 256
# Below this peak (-60 dBFS) a point of the envelope counts as silence.
QUIET_PEAK = 1e-3


class ChannelMeter:
    """Measures one channel: outline, loudness, peak, flat tops, samples that are no numbers."""

    def __init__(self, sample_rate: int, points_per_second: float = POINTS_PER_SECOND) -> None:
        self.outline = EnvelopeMeter(sample_rate, 1, points_per_second)
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
            self.clipped += count_clipped(plane)
        self.loudness.feed(plane[:, np.newaxis])


def aligned_length(frames: int, sample_rate: int, points_per_second: float = POINTS_PER_SECOND) -> int:
    """A length of pieces, at most `frames` where that is possible, of which no meter has to keep a rest."""
    meter = ChannelMeter(sample_rate, points_per_second)
    stride = math.lcm(meter.outline.bin, meter.loudness.stride)
    return frames - frames % stride or frames


class SongMeter:
    """One meter a channel, and what they measure together."""

    def __init__(self, sample_rate: int, channels: int, points_per_second: float = POINTS_PER_SECOND) -> None:
        self._channels = [ChannelMeter(sample_rate, points_per_second) for _ in range(channels)]
        self._gains = channel_gains(channels)
        meter = self._channels[0].loudness
        self.hop_seconds = meter.hop / sample_rate
        self._knows_loudness = meter.usable

    def feed(self, planes: Iterable[Plane]) -> None:
        """Add the next samples of each channel."""
        for channel, plane in zip(self._channels, planes, strict=True):
            channel.feed(plane)

    @property
    def peak(self) -> float:
        return max(channel.peak for channel in self._channels)

    @property
    def clipped(self) -> int:
        return sum(channel.clipped for channel in self._channels)

    @property
    def not_finite(self) -> int:
        return sum(channel.not_finite for channel in self._channels)

    def envelope(self) -> Envelope:
        """The outline of all channels."""
        parts = [channel.outline.finish() for channel in self._channels]
        return Envelope(
            np.concatenate([part.minima for part in parts]),
            np.concatenate([part.maxima for part in parts]),
            parts[0].duration,
            parts[0].sample_rate,
        )

    def powers(self) -> NDArray[np.float64]:
        """K-weighted mean square of each hop, summed over channels with their gains."""
        powers = [
            gain * channel.loudness.powers()
            for gain, channel in zip(self._gains, self._channels, strict=True)
        ]
        return np.asarray(sum(powers))

    def integrated(self) -> float:
        """Loudness in LUFS; nan where the sample rate gives it no meaning."""
        return gated_loudness(self.powers()) if self._knows_loudness else math.nan


def count_clipped(plane: Plane) -> int:
    """Samples at full scale whose next sample is there too: so looks a clipped wave, not a peak.

    Rows without any such sample, which are most, are found by their extremes and passed over.
    """
    whole = len(plane) - len(plane) % _ROW
    rows = plane[:whole].reshape(-1, _ROW)
    loud = np.flatnonzero((rows.max(axis=1) >= FULL_SCALE) | (rows.min(axis=1) <= -FULL_SCALE))
    count = _pairs(plane[np.newaxis, whole:])
    if len(loud):
        # Each with the first sample of the next, so that a pair across the seam counts, once.
        after = plane[whole : whole + 1] if whole < len(plane) else np.zeros(1, np.float32)
        seams = np.append(plane[_ROW:whole:_ROW], after)
        count += _pairs(np.column_stack([rows[loud], seams[loud]]))
    return count


def _pairs(rows: NDArray[np.float32]) -> int:
    above, below = rows >= FULL_SCALE, rows <= -FULL_SCALE
    pairs = np.count_nonzero(above[:, 1:] & above[:, :-1]) + np.count_nonzero(below[:, 1:] & below[:, :-1])
    return int(pairs)


def edge_silence(envelope: Envelope) -> tuple[float, float]:
    """Seconds at the start and at the end that stay below -60 dBFS in every channel."""
    loud = np.maximum(envelope.maxima, -envelope.minima).max(axis=0) > QUIET_PEAK
    places = np.flatnonzero(loud)
    if not len(places):
        return envelope.duration, envelope.duration
    width = envelope.duration / envelope.points
    return float(places[0] * width), float((envelope.points - 1 - places[-1]) * width)
