"""Meters of a song's sound, by channel: level, clipping, loudness, edges; and its outline for drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Block, Plane, planes_of, segment
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.loudness import LARGEST, LoudnessMeter, usable

_Extremes = tuple[NDArray[np.float32], NDArray[np.float32]]

_LONGEST_BIN = 65536


@dataclass(frozen=True)
class Envelope:
    """A song's outline: float32 `minima` and `maxima` of shape (channels, points), its length in seconds."""

    minima: NDArray[np.float32]
    maxima: NDArray[np.float32]
    duration: float
    sample_rate: int

    @property
    def points(self) -> int:
        return int(self.minima.shape[1])

    def reduced(self, points: int) -> Envelope:
        """The same outline with at most that many points."""
        have = self.points
        if have <= points or points < 1:
            return self
        edges = np.arange(points) * have // points
        return Envelope(
            np.minimum.reduceat(self.minima, edges, axis=1),
            np.maximum.reduceat(self.maxima, edges, axis=1),
            self.duration,
            self.sample_rate,
        )


class EnvelopeMeter:
    """Collects an outline block by block, `density` points a second or a few more."""

    def __init__(self, sample_rate: int, channels: int, density: float = 100.0) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.bin = min(_LONGEST_BIN, max(1, math.floor(sample_rate / density)))
        self.frames = 0
        self._minima: list[NDArray[np.float32]] = []
        self._maxima: list[NDArray[np.float32]] = []
        self._rest: Block = np.empty((0, channels), np.float32)

    def feed(self, block: Block) -> float:
        """Add the next block, float32 (frames, channels); returns the greatest absolute sample of it.

        A block with samples that are no numbers is not added; nan is returned then.
        """
        found, rest, edges = self._outline(block)
        peak = 0.0
        for low, high in [*found, *edges]:
            # Least and greatest pass NaN on, so it is enough to look at them.
            lowest, highest = float(low.min()), float(high.max())
            if not (math.isfinite(lowest) and math.isfinite(highest)):
                return math.nan
            peak = max(peak, highest, -lowest)
        self._keep(found, rest, len(block))
        return peak

    def feed_as_is(self, block: Block) -> None:
        """Add the next block whatever it holds: points with NaN in them become NaN."""
        found, rest, _ = self._outline(block)
        self._keep(found, rest, len(block))

    def _outline(self, block: Block) -> tuple[list[_Extremes], Block, list[_Extremes]]:
        """Extremes of each full bin, what is left of the last one, and that one's extremes."""
        rest, body = self._rest, block
        found = []
        if len(rest):
            missing = self.bin - len(rest)
            rest, body = np.concatenate([rest, block[:missing]]), block[missing:]
            if len(rest) == self.bin:
                found.append(extremes(rest, self.bin))
        if len(rest) % self.bin == 0:
            whole = len(body) - len(body) % self.bin
            if whole:
                found.append(extremes(body[:whole], self.bin))
            rest = body[whole:].copy()
        return found, rest, [(rest.min(axis=0), rest.max(axis=0))] if len(rest) else []

    def _keep(self, found: list[_Extremes], rest: Block, frames: int) -> None:
        for low, high in found:
            self._minima.append(low)
            self._maxima.append(high)
        self._rest = rest
        self.frames += frames

    def finish(self, points: int | None = None) -> Envelope:
        """The outline of all that was fed, with at most `points` points."""
        minima, maxima = list(self._minima), list(self._maxima)
        if len(self._rest):
            minima.append(self._rest.min(axis=0)[:, None])
            maxima.append(self._rest.max(axis=0)[:, None])
        if not minima:
            minima = maxima = [np.zeros((self.channels, 1), np.float32)]
        whole = Envelope(
            np.concatenate(minima, axis=1),
            np.concatenate(maxima, axis=1),
            self.frames / self.sample_rate,
            self.sample_rate,
        )
        return whole if points is None else whole.reduced(points)


def extremes(block: Block, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest sample of each `length` frames: two arrays (channels, len(block) // length)."""
    shape = (block.shape[1], len(block) // length)
    low, high = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for channel, plane in enumerate(planes_of(block)):
        rows = plane.reshape(-1, length)
        rows.min(axis=1, out=low[channel])
        rows.max(axis=1, out=high[channel])
    return low, high


def finite(block: Block) -> Block:
    """The block with silence in the place of samples that are no numbers."""
    clean: Block = np.where(np.isfinite(block), block, np.float32(0))
    return clean


def envelope_of(
    source: Any, points: int = 1000, start: float = 0.0, duration: float | None = None
) -> Envelope:
    """The outline of a song, or of `duration` seconds of it from `start`; at most `points` points.

    `source` is anything open_source() takes, times are in seconds. The result's `minima` and `maxima` have
    the shape (channels, points), full scale +-1. Memory stays flat. Points with NaN in them are NaN.
    Raises AudioError where it cannot be decoded.
    """
    stop = None if duration is None else start + duration
    with decode(source, stop_seconds=stop) as sound:
        # Fine enough for a short segment, too, at 200 points a second and more.
        length = duration or sound.promised_seconds or 0.0
        meter = EnvelopeMeter(sound.sample_rate, sound.channels, max(200.0, points / max(length, 0.01)))
        for block in segment(sound, sound.sample_rate, start, stop):
            meter.feed_as_is(block)
    return meter.finish(points)


POINTS_PER_SECOND = 50.0
"""Of the envelope, where nothing else is asked for."""

# A 16-bit full-scale sample is 32767/32768.
FULL_SCALE = 0.9999
# Clipping is looked for in rows of so many samples.
_ROW = 256
# Below this peak (-60 dBFS) a point of the envelope counts as silence.
QUIET_PEAK = 1e-3


class ChannelMeter:
    """Measures one channel: outline, peak, flat tops, samples that are no numbers."""

    def __init__(self, sample_rate: int, points_per_second: float = POINTS_PER_SECOND) -> None:
        self.outline = EnvelopeMeter(sample_rate, 1, points_per_second)
        self.peak = 0.0
        self.clipped = 0
        self.not_finite = 0

    def feed(self, plane: Plane) -> Plane:
        """Add the next samples, contiguous float32; gives them back, as LoudnessMeter needs them."""
        peak = self.outline.feed(plane[:, np.newaxis])
        if math.isnan(peak):
            self.not_finite += plane.size - int(np.count_nonzero(np.isfinite(plane)))
            plane = finite(plane)
            peak = self.outline.feed(plane[:, np.newaxis])
        self.peak = max(self.peak, peak)
        if peak >= FULL_SCALE:
            self.clipped += count_clipped(plane)
        return plane if peak <= LARGEST else usable(plane)


def aligned_length(frames: int, sample_rate: int, points_per_second: float = POINTS_PER_SECOND) -> int:
    """A length of pieces, at most `frames` where that is possible, of which no outline has to keep a rest."""
    bin_frames = ChannelMeter(sample_rate, points_per_second).outline.bin
    return frames - frames % bin_frames or frames


class SongMeter:
    """One meter a channel, and what they measure together."""

    def __init__(self, sample_rate: int, channels: int, points_per_second: float = POINTS_PER_SECOND) -> None:
        self._channels = [ChannelMeter(sample_rate, points_per_second) for _ in range(channels)]
        self.loudness = LoudnessMeter(sample_rate, channels, true_peak=False)

    def feed(self, planes: Iterable[Plane]) -> None:
        """Add the next samples of each channel."""
        pairs = zip(self._channels, planes, strict=True)
        self.loudness.feed_planes([channel.feed(plane) for channel, plane in pairs])

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
