"""The colour of a sound: equaliser, saturation, bit reduction, vinyl."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_TAPS = 1023
_SIZE = 8192
_BLOCK = _SIZE - _TAPS + 1
MARGIN = _TAPS // 2
"""Frames on either side of a sample that the equaliser hears."""


def tone(rate: int, low_cut: float, high_cut: float, tilt: float) -> NDArray[np.complex64]:
    """The equaliser's answer at each frequency, for `filtered`."""
    f = np.maximum(np.fft.rfftfreq(4096, 1 / rate), 1.0)
    gain = 1 / (1 + (low_cut / f) ** 4) ** 0.5 / (1 + (f / high_cut) ** 4) ** 0.5
    gain *= 10 ** (np.clip(tilt * np.log2(f / 1000), -12, 12) / 20)
    impulse = np.roll(np.fft.irfft(gain), _TAPS // 2)[:_TAPS] * np.hanning(_TAPS)
    return np.asarray(np.fft.rfft(impulse.astype(np.float32), _SIZE).astype(np.complex64))


def filtered(padded: NDArray[np.float32], answer: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Samples with MARGIN more on either side, convolved in blocks (overlap-save), without the margins."""
    length = padded.shape[1] - 2 * MARGIN
    count = -(-length // _BLOCK)
    whole = np.pad(padded, ((0, 0), (0, count * _BLOCK - length)))
    frames = np.lib.stride_tricks.sliding_window_view(whole, _SIZE, axis=1)[:, ::_BLOCK]
    spectrum = np.fft.rfft(frames, axis=2) * answer
    valid = np.fft.irfft(spectrum, axis=2)[:, :, _TAPS - 1 :]
    return np.asarray(valid.reshape(2, -1)[:, :length], dtype=np.float32)


def with_margins(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Each block of a song with the MARGIN frames before and after it; silence beyond its ends."""
    before = np.zeros((2, MARGIN), np.float32)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        after = np.zeros((2, MARGIN), np.float32)
        if following is not None:
            near = following[:, :MARGIN]
            after[:, : near.shape[1]] = near
        whole = np.concatenate([before, block, after], axis=1)
        yield whole
        before, block = whole[:, -2 * MARGIN : -MARGIN], following


def saturate(stereo: NDArray[np.float32], amount: float, level: float | None = None) -> NDArray[np.float32]:
    """Tape at low amounts, an overdriven amplifier at 1; the level stays about the same.

    `level` is what keeps it, `saturation_level` of the whole song where this is a part of it.
    """
    if amount <= 0:
        return stereo
    if level is None:
        level = saturation_level(stereo, amount)
    return np.asarray(np.tanh(stereo * _push(amount)) * np.float32(level), dtype=np.float32)


def saturation_level(values: NDArray[np.float32], amount: float) -> float:
    """By how much samples such as these are to be turned down after saturation."""
    pushed = np.tanh(values * _push(amount))
    return float(np.sqrt(np.mean(values**2) / (np.mean(pushed**2) + 1e-12)))


def _push(amount: float) -> np.float32:
    return np.float32(1 + 14 * amount * amount + 2 * amount)


def crush(
    stereo: NDArray[np.float32], rate: int, amount: float, peak: float | None = None
) -> NDArray[np.float32]:
    """Fewer bits and a lower sampling rate, mixed in by amount, as on an old sound chip.

    `peak` is the largest sample, of the whole song where this is a part of it.
    """
    if amount <= 0:
        return stereo
    hold = max(1, round(rate / 11_025))
    whole = stereo.shape[1] // hold * hold
    held = np.repeat(stereo[:, :whole:hold], hold, axis=1)
    if peak is None:
        peak = float(np.abs(held).max(initial=0.0))
    steps = np.float32(24 / (peak or 1.0))
    held = (np.round(held * steps) / steps).astype(np.float32)
    out = stereo * np.float32(1 - amount)
    out[:, :whole] += np.float32(amount) * held
    return out


class Vinyl:
    """Crackle and hiss of an old record over a song of `length` frames, block after block."""

    def __init__(self, length: int, rate: int, amount: float, chance: Generator) -> None:
        self._amount, self._chance = amount, chance
        count = int(14 * amount * length / rate)
        self._tick = np.exp(-np.arange(60) / 9.0) * np.cos(np.arange(60) * 0.9)
        places = chance.integers(0, max(1, length - 60), count)
        levels = 0.012 + 0.05 * chance.random(count) ** 4
        self._clicks = sorted(
            zip(places.tolist(), levels.tolist(), chance.random(count).tolist(), strict=True)
        )

    def between(self, begin: int, end: int) -> NDArray[np.float32]:
        """The record from one frame to another, (2, frames); blocks are asked for in their order."""
        out = self._chance.standard_normal((2, end - begin), dtype=np.float32)
        out *= np.float32(0.0016 * self._amount)
        for place, level, pan in self._clicks:
            if begin - 60 < place < end:
                first, last = max(begin, place), min(end, place + 60)
                click: NDArray[Any] = self._amount * level * self._tick[first - place : last - place]
                out[0, first - begin : last - begin] += (1 - 0.7 * pan) * click
                out[1, first - begin : last - begin] += (0.3 + 0.7 * pan) * click
        return out


def vinyl(length: int, rate: int, amount: float, chance: Generator) -> NDArray[np.float32]:
    """Crackle and hiss of an old record, (2, frames)."""
    if amount <= 0:
        return np.zeros((2, length), dtype=np.float32)
    return Vinyl(length, rate, amount, chance).between(0, length)


_WINDOW = 2560
_HOP = _WINDOW // 2
_SEARCH = 640
_COARSE = 8
_HOPS_AT_ONCE = 64

Read = Callable[[int, int], NDArray[np.float32]]
"""Gives the samples (2, frames) from one frame of a song to another, silence beyond its ends."""


def stretch(
    stereo: NDArray[np.float32], source: NDArray[np.float64], target: NDArray[np.float64], length: int
) -> NDArray[np.float32]:
    """Lay a song (2, frames) out anew so that the frames `source` (rising) fall on the frames `target`.

    The result has `length` frames. Between the given places the pace is even.
    """
    blocks = stretched(reader(stereo), stereo.shape[1], source, target, length)
    return np.concatenate(list(blocks), axis=1)


def reader(stereo: NDArray[np.float32]) -> Read:
    """Samples in memory, to be read like those on disk."""

    def read(start: int, stop: int) -> NDArray[np.float32]:
        first, last = max(0, start), min(stop, stereo.shape[1])
        if last <= first:
            return np.zeros((2, max(0, stop - start)), np.float32)
        return np.pad(stereo[:, first:last], ((0, 0), (first - start, stop - last)))

    return read


def stretched(
    read: Read, frames: int, source: NDArray[np.float64], target: NDArray[np.float64], length: int
) -> Iterator[NDArray[np.float32]]:
    """The same for a song of `frames` frames that is read a little at a time, and given so."""
    margin = _WINDOW + _SEARCH + _COARSE  # places count from so far before the song
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    starts = np.arange(0, length + _HOP, _HOP) - _HOP
    wanted = np.interp(starts, target, source).astype(np.int64)
    ideals = np.clip(wanted + margin, _SEARCH + _COARSE, frames + margin - _WINDOW + _SEARCH)
    rest = np.zeros((2, _WINDOW), dtype=np.float32)
    previous, given = -1, -_HOP
    for first in range(0, len(ideals), _HOPS_AT_ONCE):
        near = ideals[first : first + _HOPS_AT_ONCE]
        low, high = int(near.min()), int(near.max())
        if previous >= 0:
            low, high = min(low, previous), max(high, previous)
        low = max(0, low - 2 * _SEARCH) // _COARSE * _COARSE
        part = read(low - margin, high + 2 * _SEARCH + 2 * _WINDOW - margin)
        mono = part.mean(axis=0)
        thin = _thinned(mono)
        energy = np.concatenate([[0.0], np.cumsum(thin.astype(np.float64) ** 2)])
        out = np.zeros((2, len(near) * _HOP + _WINDOW), dtype=np.float32)
        out[:, :_WINDOW] = rest
        for place, ideal in enumerate(near):
            at = int(ideal) - low
            if previous >= 0:
                at = _similar(mono, thin, energy, previous + _HOP - low, at)
            out[:, place * _HOP : place * _HOP + _WINDOW] += part[:, at : at + _WINDOW] * window
            previous = at + low
        whole = out[:, max(0, -given) : min(len(near) * _HOP, length - given)]
        given += len(near) * _HOP
        rest = out[:, len(near) * _HOP :]
        yield whole


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
    starts = range(0, stereo.shape[1], 1 << 16)
    blocks = (stereo[:, start : start + (1 << 16)] for start in starts)
    return np.concatenate(list(transposed(blocks, rate, semitones)), axis=1)


def transposed(
    blocks: Iterable[NDArray[np.float32]], rate: int, semitones: float
) -> Iterator[NDArray[np.float32]]:
    """The same for a song that comes in blocks."""
    if abs(semitones) < 1e-6:
        yield from blocks
        return
    import av

    played = round(rate * 2 ** (semitones / 12))
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
    for block in blocks:
        if not block.shape[1]:
            continue
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
        frame.sample_rate = played
        frame.pts = None
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().astype(np.float32, copy=False)
    for piece in resampler.resample(None):
        yield piece.to_ndarray().astype(np.float32, copy=False)


def even_blocks(
    blocks: Iterable[NDArray[np.float32]], size: int, length: int
) -> Iterator[NDArray[np.float32]]:
    """A song in blocks of `size` frames, the last one shorter; cut or filled up with silence to `length`."""
    waiting = [np.zeros((2, 0), np.float32)]
    have = given = 0
    for block in blocks:
        waiting.append(block)
        have += block.shape[1]
        while have >= size and given + size <= length:
            whole = np.concatenate(waiting, axis=1)
            yield whole[:, :size]
            waiting, have, given = [whole[:, size:]], have - size, given + size
    while given < length:
        whole = np.concatenate(waiting, axis=1)
        count = min(size, length - given)
        yield np.pad(whole[:, :count], ((0, 0), (0, max(0, count - whole.shape[1]))))
        waiting, given = [whole[:, count:]], given + count
