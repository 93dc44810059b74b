"""Everything that is measured of one song, from one decoding."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.features.levels import LevelMeter, Levels
from soundverse_nb.audio.features.onsets import Onsets, find_onsets
from soundverse_nb.audio.features.spectra import Frames, SpectrumMeter
from soundverse_nb.audio.features.timbre import Timbre, describe
from soundverse_nb.audio.loudness import LoudnessMeter

FEATURES_VERSION = "1"
# Half a megabyte a channel, see audio/measure.py.
_PIECE_FRAMES = 110_000


def features_stamp() -> str:
    """Which extraction figures come from: only those with one stamp may be compared.

    No library's algorithm but our own is in them, so none is named: a new release of one changes nothing.

    >>> features_stamp()
    'features/1'
    """
    return f"features/{FEATURES_VERSION}"


@dataclass(frozen=True)
class Extracted:
    """What one song measures: rows for each moment, and figures of the whole of it."""

    duration: float
    sample_rate: int
    channels: int
    frames: Frames
    onsets: Onsets
    onset_density: float
    timbre: Timbre
    levels: Levels
    loudness: float
    stamp: str = field(default_factory=features_stamp)
    reasons: dict[str, str] = field(default_factory=dict)


def extract(source: Any) -> Extracted:
    """Measure a song."""
    with decode(source, _PIECE_FRAMES) as sound:
        rate, channels = sound.sample_rate, sound.channels
        levels, spectra = LevelMeter(rate, channels), SpectrumMeter(rate)
        loudness = LoudnessMeter(rate, channels)
        for piece in sound.pieces():
            planes = levels.feed(sound.planes(piece))
            loudness.feed(np.stack(planes).T)
            spectra.feed(_mixed(planes))
    frames = spectra.frames()
    onsets = find_onsets(frames)
    timbre = describe(frames, rate)
    measured = levels.levels()
    return Extracted(
        duration=frames.duration,
        sample_rate=rate,
        channels=channels,
        frames=frames,
        onsets=onsets,
        onset_density=len(onsets.times) / frames.duration if frames.duration else math.nan,
        timbre=timbre,
        levels=measured,
        loudness=loudness.integrated(),
    )


def _mixed(planes: list[Plane]) -> NDArray[np.float32]:
    """The mean of the channels: a sum of planes is ten times as quick as a mean across them."""
    mono = np.array(planes[0], np.float32)
    for plane in planes[1:]:
        mono += plane
    if len(planes) > 1:
        mono /= np.float32(len(planes))
    return mono
