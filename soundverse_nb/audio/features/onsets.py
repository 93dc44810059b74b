"""When notes begin: how much louder each part of the spectrum gets from one moment to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from soundverse_nb.audio.features.spectra import FRAME_RATE, HOP, WINDOW, Rows

BANDS = 8
_FLOOR = 60.0  # dB below the loudest band of the song: quieter is silence
# A note needs some frames to fill the 93 ms of one; from one frame to the next it only begins to.
_LAG = 2
# Mel bands to either side whose level a rise must exceed: vibrato and glides move, they do not begin
# (Böck & Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013).
_NEIGHBOURS = 1
# Rows whose window reaches beyond the song's end, where a sound that is cut off fills the whole spectrum.
_BEYOND = WINDOW // 2 // HOP
# Seconds around an onset in which it is the greatest, and over which the mean is taken; dB it stands over it.
_APART = 0.03
_AROUND = 0.2
_LEAST_RISE = 0.3


@dataclass(frozen=True)
class Onsets:
    """How strongly notes begin at each row of `Spectra`.

    `strength` (rows,) is the rise in dB over two frames, 0 and up, mean over the spectrum, `bands` (rows,
    8) the same of eight parts of it from low to high, equally wide in mel. `times` are those at which a note
    begins, in seconds.
    """

    strength: Rows
    bands: Rows
    times: NDArray[np.float64]


def find_onsets(mel: Rows) -> Onsets:
    """Onset strength and onset times of a song, from the power of its mel bands (rows, 128)."""
    bands = _rises(mel)
    strength = bands.mean(axis=1)
    return Onsets(strength, bands, pick(strength) / FRAME_RATE)


def _rises(mel: Rows) -> Rows:
    loudest = float(mel.max(initial=0.0))
    if not loudest > 0:
        return np.zeros((len(mel), BANDS), np.float32)
    level = 10 * np.log10(np.maximum(mel / np.float32(loudest), np.float32(10 ** (-_FLOOR / 10))))
    before = scipy.ndimage.maximum_filter1d(level, 2 * _NEIGHBOURS + 1, axis=1)
    rises = np.zeros_like(level)
    rises[_LAG:] = np.maximum(level[_LAG:] - before[:-_LAG], 0)
    rises[-_BEYOND:] = 0
    return np.ascontiguousarray(rises.reshape(len(rises), BANDS, -1).mean(axis=2))


def pick(strength: Rows) -> NDArray[np.float64]:
    """Places of the peaks that stand out, in frames, between two of them by a parabola."""
    if len(strength) < 3:
        return np.zeros(0)
    reach, around = max(1, round(_APART * FRAME_RATE)), max(1, round(_AROUND * FRAME_RATE))
    highest = scipy.ndimage.maximum_filter1d(strength, 2 * reach + 1)
    mean = scipy.ndimage.uniform_filter1d(strength, 2 * around + 1, mode="nearest")
    is_peak = (strength == highest) & (strength > mean + _LEAST_RISE)
    is_peak[1:] &= ~(is_peak[:-1] & (strength[1:] == strength[:-1]))  # a plateau is one onset
    places = np.flatnonzero(is_peak)
    return places + top_offset(strength, places)


def top_offset(values: NDArray[np.floating], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """How far the top of a parabola through each place and its two neighbours lies from it, -0.5 to 0.5."""
    inside = np.clip(places, 1, len(values) - 2)
    left, middle, right = (values[inside + step].astype(np.float64) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    offset = np.zeros(len(places))
    np.divide(0.5 * (left - right), bend, out=offset, where=(bend < 0) & (inside == places))
    return np.clip(offset, -0.5, 0.5)
