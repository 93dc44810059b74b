"""Beat tracking: onset strength, tempo by autocorrelation, beats by dynamic programming.

After D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HOP = 256
_WINDOW = 1024
_BANDS = 28
_AT_ONCE = 1024  # windows whose spectra are in memory at a time
_SHORTEST = 4 * 22_050  # frames: less is filled up with silence
_LIKELY_BPM = 112.0
_OCTAVE_SPREAD = 0.75
_TIGHTNESS = 120.0
_LATENESS = 0.0028  # seconds by which the rise of a band is seen before the stroke, measured on clicks
_STEADY = 0.035  # seconds: beats that stray less than this from a straight line are one tempo


@dataclass(frozen=True)
class Beats:
    """Times of the beats in seconds, rising, and the tempo in beats a minute.

    The first beat starts a bar of four and lies at or before 0; the last one lies past the end of the song.
    """

    times: NDArray[np.float64]
    bpm: float


def track_beats(mono: NDArray[Any], rate: int) -> Beats:
    """The beats of a mono signal (frames,); a song without any gets a steady 110 a minute."""
    strength, low = onset_strength(mono, rate)
    frame_rate = rate / _HOP
    duration = len(mono) / rate
    if float(strength.max(initial=0.0)) <= 0.0:
        return Beats(_cover(np.array([0.0]), 60.0 / 110.0, duration), 110.0)
    period = _period(strength, frame_rate)
    picked = _pick(strength, period)
    times = (picked * _HOP + _WINDOW / 2) / rate + _LATENESS
    times = _steadied(times)
    step = float(np.median(np.diff(times))) if len(times) > 1 else period / frame_rate
    covered = _cover(times, step, duration)
    missing = -_first_downbeat(covered, low, frame_rate) % 4
    lead = covered[0] - step * np.arange(1, missing + 1)[::-1]
    return Beats(np.concatenate([lead, covered]), 60.0 / step)


def onset_strength(mono: NDArray[Any], rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How strongly something begins in each hop of 256 frames: over all bands, and in the bass alone."""
    padded = np.pad(mono, (0, max(0, _SHORTEST - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW).astype(np.float32)
    edges = np.unique(np.geomspace(2, _WINDOW // 2, _BANDS + 1).astype(int))
    bands = np.concatenate(
        [
            np.add.reduceat(
                np.abs(np.fft.rfft(frames[at : at + _AT_ONCE] * window, axis=1)).astype(np.float32),
                edges[:-1],
                axis=1,
            )
            for at in range(0, len(frames), _AT_ONCE)
        ]
    )
    loud = np.log1p(100.0 * bands / max(float(bands.max()), 1e-9))
    rise = np.maximum(0.0, loud[2:] - loud[:-2])
    flux = np.concatenate([[0.0, 0.0], rise.sum(axis=1)])
    bass = np.concatenate([[0.0, 0.0], rise[:, :6].sum(axis=1)])
    around = np.convolve(flux, np.ones(65) / 65, "same")
    return np.maximum(0.0, flux - around), bass


def _period(strength: NDArray[np.float64], frame_rate: float) -> float:
    """Frames between beats: the lag at which the song agrees with itself, near a walking tempo."""
    size = 1 << int(np.ceil(np.log2(2 * len(strength))))
    spectrum = np.fft.rfft(strength, size)
    agreement = np.fft.irfft(np.abs(spectrum) ** 2)[: len(strength)]
    lags = np.arange(len(agreement))
    shortest, longest = int(frame_rate * 60 / 190), min(int(frame_rate * 60 / 62), (len(lags) - 2) // 2)
    if longest <= shortest:
        return frame_rate * 60 / _LIKELY_BPM
    tried = lags[shortest : longest + 1]
    prior = np.exp(-0.5 * (np.log2(60 * frame_rate / tried / _LIKELY_BPM) / _OCTAVE_SPREAD) ** 2)
    double = np.maximum.reduce([agreement[np.minimum(2 * tried + d, len(lags) - 1)] for d in (-1, 0, 1)])
    score = (agreement[tried] + 0.5 * double) * prior
    best = int(np.argmax(score))
    lag = int(tried[best])
    left, middle, right = agreement[lag - 1], agreement[lag], agreement[lag + 1]
    bend = left - 2 * middle + right
    return float(lag + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def _pick(strength: NDArray[np.float64], period: float) -> NDArray[np.int64]:
    """The sequence of frames that lies on onsets and keeps the period."""
    normal = strength / (strength.std() + 1e-12)
    smooth = np.convolve(normal, np.hanning(7) / np.hanning(7).sum(), "same")
    reach = np.arange(-round(2 * period), -round(period / 2) + 1)
    cost = -_TIGHTNESS * np.log(-reach / period) ** 2
    total = smooth.copy()
    before = np.full(len(total), -1, dtype=np.int64)
    start = -int(reach[0])
    for frame in range(start, len(total)):
        chances = total[frame + reach[0] : frame + reach[-1] + 1] + cost
        best = int(chances.argmax())
        total[frame] = smooth[frame] + chances[best]
        before[frame] = frame + reach[best]
    tail = max(0, len(total) - round(1.5 * period))
    frame = tail + int(total[tail:].argmax())
    picked = [frame]
    while before[frame] >= 0:
        frame = int(before[frame])
        picked.append(frame)
    return np.array(picked[::-1], dtype=np.int64)


def _steadied(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Beats without the jitter of the analysis: one line where the tempo is steady, else a local fit."""
    count = len(times)
    if count < 8:
        return times
    index = np.arange(count)
    slope, offset = np.polyfit(index, times, 1)
    line = slope * index + offset
    off = np.abs(times - line)
    if np.median(off) < _STEADY:
        kept = off < max(_STEADY, 3 * float(np.median(off)))
        slope, offset = np.polyfit(index[kept], times[kept], 1)
        return np.asarray(slope * index + offset)
    smooth = np.empty(count)
    for place in range(count):
        near = slice(max(0, place - 4), min(count, place + 5))
        local = np.polyfit(index[near], times[near], 1)
        smooth[place] = np.polyval(local, place)
    return np.maximum.accumulate(smooth + 1e-6 * index)


def _cover(times: NDArray[np.float64], step: float, duration: float) -> NDArray[np.float64]:
    """The beats continued at their pace to before the start and past the end of the song."""
    before = np.arange(1, int(np.ceil(times[0] / step)) + 1)[::-1]
    after = np.arange(1, max(0, int(np.ceil((duration - times[-1]) / step))) + 2)
    return np.concatenate([times[0] - before * step, times, times[-1] + after * step])


def _first_downbeat(times: NDArray[np.float64], low: NDArray[np.float64], frame_rate: float) -> int:
    """Which of the first four beats starts a bar: the one whose kind has the strongest bass."""
    places = np.clip(np.round(times * frame_rate - _WINDOW / 2 / _HOP).astype(int), 0, len(low) - 1)
    near = np.maximum.reduce([low[np.clip(places + shift, 0, len(low) - 1)] for shift in range(-3, 4)])
    return int(np.argmax([near[place::4].mean() if len(near[place::4]) else 0.0 for place in range(4)]))
