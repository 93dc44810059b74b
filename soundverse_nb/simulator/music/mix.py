"""The mixer: every sound goes to the mix, and some of it to the room and to the echo."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Signal = NDArray[np.float32]

BLOCK = 1 << 17
"""Frames that are mixed at a time, three seconds: enough for long convolutions, little in memory."""


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


_REPEATS = 6


class Echoes:
    """A tape echo: each repeat duller than the last, wandering from side to side.

    `delay` in frames; feed() takes a send (frames,) and gives (2, frames), block after block.
    """

    def __init__(self, delay: int, feedback: float) -> None:
        self._feedback = feedback
        self._late = [np.zeros(number * delay, np.float32) for number in range(1, _REPEATS + 1)]
        self._ends = [np.zeros(3, np.float32) for _ in range(_REPEATS)]

    def feed(self, send: Signal) -> Signal:
        out = np.zeros((2, len(send)), dtype=np.float32)
        repeat, level = send, np.float32(0.7)
        for number in range(_REPEATS):
            # A gentle low-pass: four neighbours averaged.
            whole = np.concatenate([self._ends[number], repeat])
            self._ends[number] = whole[-3:]
            repeat = (whole[3:] + whole[2:-1] + whole[1:-2] + whole[:-3]) * np.float32(0.25)
            line = np.concatenate([self._late[number], repeat])
            due, self._late[number] = line[: len(send)], line[len(send) :]
            near, far = (number + 1) % 2, number % 2
            out[near] += level * due
            out[far] += np.float32(0.45) * level * due
            level *= np.float32(self._feedback)
        return out


class Room:
    """A room of `size` 0 (a booth) to 1 (a cathedral). At half the rate, as rooms are dark.

    feed() takes a send (frames,) of at most BLOCK frames and gives (2, frames), block after block; all but
    the last have an even number of frames.
    """

    def __init__(self, rate: int, size: float, chance: Generator) -> None:
        half = rate // 2
        seconds = 0.35 + 2.6 * size
        count = int(seconds * half)
        t = np.arange(count) / half
        self._length = 1 << int(np.ceil(np.log2(BLOCK // 2 + count)))
        # Noise is drawn for one side after the other.
        tails = np.stack([_tail(t, seconds, chance) for _ in range(2)])
        self._answer = np.fft.rfft(tails, self._length).astype(np.complex64)
        self._ringing = np.zeros((2, count), np.float32)
        self._before = np.zeros((2, 1), np.float32)

    def feed(self, send: Signal) -> Signal:
        even = np.append(send, np.float32(0)) if len(send) % 2 else send
        dark = even.reshape(-1, 2).mean(axis=1)
        frames, count = len(dark), self._ringing.shape[1]
        wet = np.fft.irfft(np.fft.rfft(dark, self._length) * self._answer, self._length)
        line = wet[:, : frames + count].astype(np.float32)
        line[:, :count] += self._ringing
        self._ringing = line[:, frames:]
        # A frame late, so that the line to the next one is known at the end of a block, too.
        late = np.concatenate([self._before, line[:, :frames]], axis=1)
        self._before = late[:, -1:]
        return np.stack([ramps(side, 2)[: len(send)] for side in late])


def _tail(t: NDArray[np.float64], seconds: float, chance: Generator) -> Signal:
    """How one side of the room answers a clap: noise that dies, the highs first."""
    noise = chance.standard_normal(len(t))
    dark = np.convolve(noise, np.full(5, 0.4), "same")
    tail = 0.5 * noise * np.exp(-t / (0.05 * seconds)) + dark * np.exp(-6.9 * t / seconds)
    tail *= np.minimum(1, t / 0.012)
    tail -= np.convolve(tail, np.full(64, 1 / 64), "same")  # no rumble
    return np.asarray(tail / (np.sqrt(np.sum(tail**2)) + 1e-12), dtype=np.float32)


def ducking(frames: int, rate: int, hits: list[int], depth: float, begin: int = 0) -> Signal:
    """The gain (frames,) that falls at every kick and swells back within a quarter of a second.

    `hits` are frames of the song, as is `begin`, at which these frames begin.
    """
    gain = np.ones(frames, dtype=np.float32)
    if depth <= 0:
        return gain
    length = int(0.26 * rate)
    swell = np.linspace(0, 1, length, dtype=np.float32)
    dip = 1 - np.float32(0.75 * depth) * (1 - swell) ** 2 * np.minimum(1, swell * 40)
    for hit in hits:
        start, skipped = max(0, hit - begin), max(0, begin - hit)
        if start < frames and skipped < length:
            span = gain[start : start + length - skipped]
            np.minimum(span, dip[skipped : skipped + len(span)], out=span)
    return gain


LOUDNESS = -14.0
CEILING = 0.89
STRIDE = 64
_MAX_GAIN = 60.0


def master_gain(loudness: float) -> float:
    """What brings a mix of this loudness (LUFS) to its level."""
    # Limiting takes a little away, so aim a little above.
    return min(_MAX_GAIN, 10 ** ((LOUDNESS + 0.3 - loudness) / 20)) if math.isfinite(loudness) else 1.0


def stride_peaks(mix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest sample of either side in each 64 frames; (strides,)."""
    length = mix.shape[1]
    count = -(-length // STRIDE)
    peaks = np.zeros(count * STRIDE, dtype=np.float32)
    np.maximum(np.abs(mix[0]), np.abs(mix[1]), out=peaks[:length])
    return np.asarray(peaks.reshape(count, STRIDE).max(axis=1))


def gain_curve(peaks: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The limiter's gain at the start of each stride, by the peaks of all of them."""
    # The gain of a stride holds at its start; a line to the next stays below what both allow.
    wanted = np.minimum(1.0, CEILING / np.maximum(peaks, 1e-9))
    reach = max(1, int(0.004 * rate / STRIDE))
    held = wanted.copy()
    for shift in range(1, 2 * reach + 1):
        held[:-shift] = np.minimum(held[:-shift], wanted[shift:])
        held[shift:] = np.minimum(held[shift:], wanted[:-shift])
    window = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(held, reach, mode="edge")
    smooth = np.minimum(np.convolve(padded, window / window.sum(), "valid"), 1.0)
    return np.asarray(smooth, dtype=np.float32)


def limited(part: NDArray[np.float32], curve: NDArray[np.float32], begin: int = 0) -> NDArray[np.float32]:
    """Part of a mix, which begins at frame `begin`, with the limiter's gain on it."""
    first, last = begin // STRIDE, -(-(begin + part.shape[1]) // STRIDE)
    # One stride more, to which the last line leads.
    gain = ramps(curve[first : last + 1], STRIDE)[begin - first * STRIDE :][: part.shape[1]]
    return np.asarray(np.clip(part * gain, -CEILING, CEILING), dtype=np.float32)


def ramps(values: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """A value every `stride` frames, joined by straight lines: float32 (len(values) * stride,)."""
    rise = np.diff(values, append=values[-1:])
    slope = np.arange(stride, dtype=np.float32) / np.float32(stride)
    return np.asarray((values[:, None] + rise[:, None] * slope).ravel(), dtype=np.float32)
