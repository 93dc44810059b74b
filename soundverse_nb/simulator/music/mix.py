"""The mixer: every sound goes to the mix, and some of it to the room and to the echo."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from soundverse_nb.audio.loudness import integrated_loudness

Signal = NDArray[np.float32]


class Mixer:
    """Buses of `frames` frames: `dry` and `ducked` (it gives way to the kick), sends `room` and `echo`."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.dry = np.zeros((2, frames), dtype=np.float32)
        self.ducked = np.zeros((2, frames), dtype=np.float32)
        self.room = np.zeros(frames, dtype=np.float32)
        self.echo = np.zeros(frames, dtype=np.float32)

    def add(
        self,
        sound: Signal,
        start: int,
        gain: float,
        *,
        pan: float = 0.0,
        room: float = 0.0,
        echo: float = 0.0,
        ducked: bool = False,
    ) -> None:
        """Lay a mono sound at a frame; `pan` -1 left to 1 right, `room` and `echo` its share of each."""
        if start < 0:
            sound, start = sound[-start:], 0
        part = sound[: max(0, self.frames - start)]
        if not len(part):
            return
        span = slice(start, start + len(part))
        bus = self.ducked if ducked else self.dry
        angle = (pan + 1) * np.pi / 4
        bus[0, span] += np.float32(gain * 1.414 * np.cos(angle)) * part
        bus[1, span] += np.float32(gain * 1.414 * np.sin(angle)) * part
        if room > 0:
            self.room[span] += np.float32(gain * room) * part
        if echo > 0:
            self.echo[span] += np.float32(gain * echo) * part


def echoes(send: Signal, delay: int, feedback: float) -> Signal:
    """A tape echo: each repeat duller than the last, wandering from side to side; (2, frames)."""
    out = np.zeros((2, len(send)), dtype=np.float32)
    repeat = send
    level = np.float32(0.7)
    for number in range(1, 7):
        start = number * delay
        if start >= len(send):
            break
        repeat = _duller(repeat)
        near, far = number % 2, 1 - number % 2
        out[near, start:] += level * repeat[:-start]
        out[far, start:] += np.float32(0.45) * level * repeat[:-start]
        level *= np.float32(feedback)
    return out


def _duller(signal: Signal) -> Signal:
    """A gentle low-pass: four neighbours averaged."""
    total = signal.copy()
    total[1:] += signal[:-1]
    total[2:] += signal[:-2]
    total[3:] += signal[:-3]
    return total * np.float32(0.25)


def reverberate(send: Signal, rate: int, size: float, chance: Generator) -> Signal:
    """A room of `size` 0 (a booth) to 1 (a cathedral), (2, frames). At half the rate, as rooms are dark."""
    half = rate // 2
    seconds = 0.35 + 2.6 * size
    count = int(seconds * half)
    t = np.arange(count) / half
    even = send[: len(send) // 2 * 2].reshape(-1, 2).mean(axis=1)
    block = 1 << int(np.ceil(np.log2(2 * count)))
    step = block - count
    pieces = -(-len(even) // step)
    padded = np.zeros((pieces, block), dtype=np.float32)
    padded[:, :step].flat[: len(even)] = even
    spectrum = np.fft.rfft(padded, axis=1)
    # Noise is drawn for one side after the other, so that threads do not change it.
    tails = [_tail(t, seconds, chance) for _ in range(2)]
    with ThreadPoolExecutor(2, thread_name_prefix="soundverse-nb-room") as pool:
        sides = pool.map(lambda tail: _convolved(spectrum, tail, block, step), tails)
        return np.stack([ramps(line[: -(-len(send) // 2)], 2)[: len(send)] for line in sides])


def _tail(t: NDArray[np.float64], seconds: float, chance: Generator) -> Signal:
    """How one side of the room answers a clap: noise that dies, the highs first."""
    noise = chance.standard_normal(len(t))
    dark = np.convolve(noise, np.full(5, 0.4), "same")
    tail = 0.5 * noise * np.exp(-t / (0.05 * seconds)) + dark * np.exp(-6.9 * t / seconds)
    tail *= np.minimum(1, t / 0.012)
    tail -= np.convolve(tail, np.full(64, 1 / 64), "same")  # no rumble
    return np.asarray(tail / (np.sqrt(np.sum(tail**2)) + 1e-12), dtype=np.float32)


def _convolved(spectrum: NDArray[Any], tail: Signal, block: int, step: int) -> Signal:
    """The pieces behind `spectrum`, each convolved with the tail, overlapped and added."""
    wet = np.fft.irfft(spectrum * np.fft.rfft(tail, block), axis=1)
    line = np.zeros((len(wet) + 1) * step + len(tail), dtype=np.float32)
    for piece, part in enumerate(wet):
        line[piece * step : piece * step + block] += part
    return line


def ducking(frames: int, rate: int, hits: list[int], depth: float) -> Signal:
    """The gain (frames,) that falls at every kick and swells back within a quarter of a second."""
    gain = np.ones(frames, dtype=np.float32)
    if depth <= 0:
        return gain
    length = int(0.26 * rate)
    swell = np.linspace(0, 1, length, dtype=np.float32)
    dip = 1 - np.float32(0.75 * depth) * (1 - swell) ** 2 * np.minimum(1, swell * 40)
    for start in hits:
        span = gain[start : start + length]
        np.minimum(span, dip[: len(span)], out=span)
    return gain


LOUDNESS = -14.0
CEILING = 0.89
_STRIDE = 64
_MAX_GAIN = 60.0


def master(mix: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Level and limit a mix (2, frames)."""
    loudness = integrated_loudness([np.ascontiguousarray(mix.T)], rate)
    if math.isfinite(loudness):
        # Limiting takes a little away, so aim a little above.
        gain = min(_MAX_GAIN, 10 ** ((LOUDNESS + 0.3 - loudness) / 20))
        mix = mix * np.float32(gain)
    return limit(mix, rate)


def limit(mix: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Turn down, smoothly and a little before, what would pass the ceiling."""
    length = mix.shape[1]
    count = -(-length // _STRIDE)
    peaks = np.zeros(count * _STRIDE, dtype=np.float32)
    np.maximum(np.abs(mix[0]), np.abs(mix[1]), out=peaks[:length])
    # The gain of a stride holds at its start; a line to the next stays below what both allow.
    wanted = np.minimum(1.0, CEILING / np.maximum(peaks.reshape(count, _STRIDE).max(axis=1), 1e-9))
    reach = max(1, int(0.004 * rate / _STRIDE))
    held = wanted.copy()
    for shift in range(1, 2 * reach + 1):
        held[:-shift] = np.minimum(held[:-shift], wanted[shift:])
        held[shift:] = np.minimum(held[shift:], wanted[:-shift])
    window = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(held, reach, mode="edge")
    smooth = np.minimum(np.convolve(padded, window / window.sum(), "valid"), 1.0)
    gain = ramps(smooth.astype(np.float32), _STRIDE)[:length]
    return np.asarray(np.clip(mix * gain, -CEILING, CEILING), dtype=np.float32)


def ramps(values: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """A value every `stride` frames, joined by straight lines: float32 (len(values) * stride,)."""
    rise = np.diff(values, append=values[-1:])
    slope = np.arange(stride, dtype=np.float32) / np.float32(stride)
    return np.asarray((values[:, None] + rise[:, None] * slope).ravel(), dtype=np.float32)
