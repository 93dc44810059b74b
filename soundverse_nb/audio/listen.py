"""Hear a whole song once: its length and all that can be told about its sound, in a single pass.

Measuring follows decoding on the same thread. On two, which share Python's one lock, handing it over takes
longer than the measuring: half as long again for a song of three minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode import decode
from soundverse_nb.audio.decoding import Block, End, planes_of
from soundverse_nb.audio.envelope import Envelope, EnvelopeMeter, finite
from soundverse_nb.audio.loudness import LoudnessMeter

# About 1 MB: every call into numpy costs a little, and large pieces need few.
_PIECE_FRAMES = 1 << 17
_POINTS_A_SECOND = 50.0
# A 16-bit full-scale sample is 32767/32768.
FULL_SCALE = 0.9999
# Flat tops are looked for in stretches of so many samples.
_STRETCH = 256
# Below this peak (-60 dBFS) a stretch counts as silence.
QUIET_PEAK = 1e-3


@dataclass(frozen=True)
class Heard:
    """What one pass over a song tells.

    `duration` in seconds counts decoded frames; where `end` is OUT_OF_TIME it comes from the packets' own
    lengths, and only the first `heard_seconds` were listened to, a part of the song if `is_part`.
    `peak` is linear (1.0 full scale), `loudness` in LUFS (-inf for silence), `clipped` the number of samples
    in flat tops at full scale, `not_finite` of NaN or infinite ones, `quiet_start` and `quiet_end` the
    seconds below -60 dBFS at either end. `hops` is the K-weighted mean square of each `hop_seconds`, for
    finding loud places.
    """

    duration: float
    heard_seconds: float
    sample_rate: int
    channels: int
    format: str
    codec: str
    peak: float
    loudness: float
    clipped: int
    not_finite: int
    quiet_start: float
    quiet_end: float
    envelope: Envelope
    hops: NDArray[np.float64]
    hop_seconds: float
    end: End
    damage: str | None
    cut_short: bool
    promised_seconds: float | None
    is_part: bool


def listen(
    source: Any,
    stop_seconds: float | None = None,
    time_limit: float | None = None,
    announced: Callable[[], float | None] | None = None,
) -> Heard:
    """Decode a song to its end, or just past `stop_seconds`, or for `time_limit` seconds of work at most.

    Out of time, `announced` is asked for the length; where it knows none, or less than was heard, packets
    are counted.

    Raises AudioError where it cannot be opened or holds no sound.
    """
    with decode(source, _PIECE_FRAMES, stop_seconds, time_limit=time_limit) as sound:
        ears = Ears(sound.sample_rate, sound.channels)
        for piece in sound.pieces():
            ears.feed(sound.block(piece))
        heard_seconds = duration = sound.seconds
        if sound.end is End.OUT_OF_TIME:
            known = announced() if announced is not None else None
            duration = known if known is not None and known >= heard_seconds else sound.skim()
        envelope = ears.outline.finish()
        start, end = quiet_ends(envelope)
        return Heard(
            duration=duration,
            heard_seconds=heard_seconds,
            sample_rate=sound.sample_rate,
            channels=sound.channels,
            format=sound.format,
            codec=sound.codec,
            peak=ears.peak,
            loudness=ears.loudness.integrated(),
            clipped=ears.clipped,
            not_finite=ears.not_finite,
            quiet_start=start,
            quiet_end=end,
            envelope=envelope,
            hops=ears.loudness.powers(),
            hop_seconds=ears.loudness.hop / sound.sample_rate,
            end=sound.end,
            damage=sound.damage,
            cut_short=sound.cut_short,
            promised_seconds=sound.promised_seconds,
            is_part=sound.end is End.OUT_OF_TIME and (sound.has_rest or duration > heard_seconds),
        )


class Ears:
    """Measures block by block: outline, loudness, peak, flat tops, samples that are no numbers."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.outline = EnvelopeMeter(sample_rate, channels, _POINTS_A_SECOND)
        self.loudness = LoudnessMeter(sample_rate, channels)
        self.peak = 0.0
        self.clipped = 0
        self.not_finite = 0

    def feed(self, block: Block) -> None:
        # Interleaved samples are taken apart once, for all that follows.
        block = np.asfortranarray(block)
        peak = self.outline.feed(block)
        if math.isnan(peak):
            self.not_finite += block.size - int(np.count_nonzero(np.isfinite(block)))
            block = np.asfortranarray(finite(block))
            peak = self.outline.feed(block)
        self.peak = max(self.peak, peak)
        if peak >= FULL_SCALE:
            self.clipped += flat_tops(block)
        self.loudness.feed(block)


def flat_tops(block: Block) -> int:
    """Samples at full scale whose next sample is there too: so looks a clipped wave, not a peak.

    Stretches without any such sample, which are most, are found by their extremes and passed over.
    """
    count = 0
    whole = len(block) - len(block) % _STRETCH
    for plane in planes_of(block):
        rows = plane[:whole].reshape(-1, _STRETCH)
        loud = np.flatnonzero((rows.max(axis=1) >= FULL_SCALE) | (rows.min(axis=1) <= -FULL_SCALE))
        if len(loud):
            # Each with the first sample of the next, so that a pair across the seam counts, once.
            seams = np.append(
                plane[_STRETCH:whole:_STRETCH],
                plane[whole : whole + 1] if whole < len(plane) else np.float32(0),
            )
            count += _pairs(np.column_stack([rows[loud], seams[loud]]))
        count += _pairs(plane[np.newaxis, whole:])
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
