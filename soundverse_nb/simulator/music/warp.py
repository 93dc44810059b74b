"""Changing a song's pace and pitch apart from one another.

Pace by waveform-similarity overlap-add (W. Verhelst and M. Roelands, "An overlap-add technique based on
waveform similarity (WSOLA)", ICASSP 1993): the song is laid out again in short overlapping windows, each
taken from where it best continues the one before. Pitch by playing the result faster or slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WINDOW = 2560
_HOP = _WINDOW // 2
_SEARCH = 640
_COARSE = 8


def stretch(
    stereo: NDArray[np.float32], source: NDArray[np.float64], target: NDArray[np.float64], length: int
) -> NDArray[np.float32]:
    """Lay a song (2, frames) out anew so that the frames `source` (rising) fall on the frames `target`.

    The result has `length` frames. Between the given places the pace is even.
    """
    margin = _WINDOW + _SEARCH + _COARSE
    padded = np.pad(stereo, ((0, 0), (margin, 2 * margin)))
    mono = padded.mean(axis=0)
    thin = _thinned(mono)
    energy = np.concatenate([[0.0], np.cumsum(thin.astype(np.float64) ** 2)])
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    starts = np.arange(0, length + _HOP, _HOP) - _HOP
    wanted = np.interp(starts, target, source).astype(np.int64)
    last = stereo.shape[1] + margin - _WINDOW
    out = np.zeros((2, len(starts) * _HOP + _WINDOW), dtype=np.float32)
    previous = -1
    for place, ideal in enumerate(np.clip(wanted + margin, _SEARCH + _COARSE, last + _SEARCH)):
        at = int(ideal)
        if previous >= 0:
            follow = previous + _HOP
            at = _similar(mono, thin, energy, follow, at)
        out[:, place * _HOP : place * _HOP + _WINDOW] += padded[:, at : at + _WINDOW] * window
        previous = at
    return out[:, _HOP : _HOP + length]


def _thinned(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every eighth frame, averaged: enough to find where a waveform repeats, roughly."""
    whole = len(mono) // _COARSE * _COARSE
    return np.asarray(mono[:whole].reshape(-1, _COARSE).mean(axis=1), dtype=np.float32)


def _similar(
    mono: NDArray[np.float32],
    thin: NDArray[np.float32],
    energy: NDArray[np.float64],
    follow: int,
    ideal: int,
) -> int:
    """The place near `ideal` whose waveform is most like the one at `follow`: roughly, then to the frame."""
    if follow == ideal:
        return ideal
    width, reach = _HOP // _COARSE, _SEARCH // _COARSE
    first = (ideal - _SEARCH) // _COARSE
    model = thin[follow // _COARSE : follow // _COARSE + width]
    field = thin[first : first + width + 2 * reach]
    if len(model) < width or len(field) < width:
        return ideal
    match = np.correlate(field, model, "valid")
    count = len(match)
    power = energy[first + width : first + width + count] - energy[first : first + count]
    best = int(np.argmax(match / np.sqrt(power + 1e-6)))
    rough = (first + best) * _COARSE + follow % _COARSE
    fine = mono[rough - _COARSE : rough + _COARSE + _HOP]
    exact = mono[follow : follow + _HOP]
    if len(fine) < _HOP + 2 * _COARSE or len(exact) < _HOP:
        return rough
    return rough - _COARSE + int(np.argmax(np.correlate(fine, exact, "valid")))


def transpose(stereo: NDArray[np.float32], rate: int, semitones: float) -> NDArray[np.float32]:
    """Play a song higher (or lower); its length changes with it, by 2 ** (-semitones / 12)."""
    if abs(semitones) < 1e-6:
        return stereo
    import av

    played = round(rate * 2 ** (semitones / 12))
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
    parts: list[NDArray[Any]] = []
    for start in range(0, stereo.shape[1], 1 << 16):
        block = np.ascontiguousarray(stereo[:, start : start + (1 << 16)])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = played
        frame.pts = None
        parts.extend(piece.to_ndarray() for piece in resampler.resample(frame))
    parts.extend(piece.to_ndarray() for piece in resampler.resample(None))
    return np.concatenate(parts, axis=1).astype(np.float32, copy=False)
