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
