"""The colour of a sound: equaliser, saturation, bit reduction, vinyl."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_TAPS = 1023
_BLOCK = 8192 - _TAPS + 1


def equalise(
    stereo: NDArray[np.float32], rate: int, low_cut: float, high_cut: float, tilt: float
) -> NDArray[np.float32]:
    """Cut below and above (12 dB an octave, Hz) and tilt (dB an octave around 1 kHz), linear in phase."""
    f = np.maximum(np.fft.rfftfreq(4096, 1 / rate), 1.0)
    gain = 1 / (1 + (low_cut / f) ** 4) ** 0.5 / (1 + (f / high_cut) ** 4) ** 0.5
    gain *= 10 ** (np.clip(tilt * np.log2(f / 1000), -12, 12) / 20)
    impulse = np.roll(np.fft.irfft(gain), _TAPS // 2)[:_TAPS] * np.hanning(_TAPS)
    return _filtered(stereo, impulse.astype(np.float32))


def _filtered(stereo: NDArray[np.float32], impulse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve with a short impulse in blocks (overlap-save); the delay of its middle is taken out."""
    response = np.fft.rfft(impulse, 8192).astype(np.complex64)
    length = stereo.shape[1]
    count = -(-length // _BLOCK)
    lead = _TAPS - 1 - _TAPS // 2
    padded = np.pad(stereo, ((0, 0), (lead, count * _BLOCK - length + _TAPS)))

    def filtered(side: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = np.lib.stride_tricks.sliding_window_view(side, 8192)[::_BLOCK][:count]
        spectrum = np.fft.rfft(frames, axis=1) * response
        valid = np.fft.irfft(spectrum, axis=1)[:, _TAPS - 1 :]
        return np.asarray(valid.reshape(-1)[:length], dtype=np.float32)

    with ThreadPoolExecutor(2, thread_name_prefix="soundverse-nb-tone") as pool:
        return np.stack(list(pool.map(filtered, padded)))


def saturate(stereo: NDArray[np.float32], amount: float) -> NDArray[np.float32]:
    """Tape at low amounts, an overdriven amplifier at 1; the level stays about the same."""
    if amount <= 0:
        return stereo
    gain = np.float32(1 + 14 * amount * amount + 2 * amount)
    pushed = np.tanh(stereo * gain)
    level = np.sqrt(np.mean(stereo**2) / (np.mean(pushed**2) + 1e-12))
    return np.asarray(pushed * level, dtype=np.float32)


def crush(stereo: NDArray[np.float32], rate: int, amount: float) -> NDArray[np.float32]:
    """Fewer bits and a lower sampling rate, mixed in by amount, as on an old sound chip."""
    if amount <= 0:
        return stereo
    hold = max(1, round(rate / 11_025))
    whole = stereo.shape[1] // hold * hold
    held = np.repeat(stereo[:, :whole:hold], hold, axis=1)
    peak = float(np.abs(held).max(initial=0.0)) or 1.0
    steps = np.float32(24 / peak)
    held = (np.round(held * steps) / steps).astype(np.float32)
    out = stereo * np.float32(1 - amount)
    out[:, :whole] += np.float32(amount) * held
    return out


def vinyl(length: int, rate: int, amount: float, chance: Generator) -> NDArray[np.float32]:
    """Crackle and hiss of an old record, (2, frames)."""
    out = np.zeros((2, length), dtype=np.float32)
    if amount <= 0:
        return out
    out += chance.standard_normal((2, length), dtype=np.float32) * np.float32(0.0016 * amount)
    count = int(14 * amount * length / rate)
    tick = np.exp(-np.arange(60) / 9.0) * np.cos(np.arange(60) * 0.9)
    places = chance.integers(0, max(1, length - 60), count)
    levels = 0.012 + 0.05 * chance.random(count) ** 4
    pans = chance.random(count)
    for place, level, pan in zip(places, levels, pans, strict=True):
        click: NDArray[Any] = amount * level * tick
        out[0, place : place + 60] += (1 - 0.7 * pan) * click
        out[1, place : place + 60] += (0.3 + 0.7 * pan) * click
    return out


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
