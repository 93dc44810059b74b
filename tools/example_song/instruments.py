"""The band of the example song, synthesised: each function plays one note, float32 (frames,), at 44.1 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RATE = 44_100
Signal = NDArray[np.float32]


def hertz(pitch: float) -> float:
    """Frequency of a MIDI note, 69 being A at 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def _clock(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * RATE)) / RATE


def _released(signal: NDArray[Any], seconds: float, release: float) -> Signal:
    """End the note after `seconds`, with a fade of `release` seconds."""
    stop, fade = int(seconds * RATE), int(release * RATE)
    out = signal[: stop + fade].copy()
    tail = out[stop:]
    tail *= np.cos(np.linspace(0, np.pi / 2, len(tail))) ** 2
    return out.astype(np.float32)


def harmonics(phase: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """sin(phase), sin(2 phase), ... each from the two before it: sin(n+1) = 2 cos(1) sin(n) - sin(n-1)."""
    before, now, twice = np.zeros(len(phase)), np.sin(phase), 2 * np.cos(phase)
    while True:
        yield now
        before, now = now, twice * now - before


def electric_piano(pitch: int, seconds: float, velocity: float) -> Signal:
    """Two-operator FM after the tine pianos: a warm body and a bell at the attack (J. Chowning, 1973)."""
    t = _clock(seconds + 0.25)
    f = hertz(pitch)
    phase = 2 * np.pi * f * t
    body = np.sin(phase + (0.4 + 1.5 * velocity**2) * np.exp(-t / 0.45) * np.sin(phase))
    tine = np.sin(phase + 0.9 * velocity * np.exp(-t / 0.09) * np.sin(14 * phase))
    bright = 0.22 if f < 500 else 0.12
    sound = ((1 - bright) * body + bright * tine) * np.exp(-t / (1.9 * (261.6 / f) ** 0.4))
    attack = np.minimum(1.0, t / 0.004)
    return _released(sound * attack * velocity, seconds, 0.2)


def plucked_string(pitch: int, seconds: float, velocity: float, chance: Generator) -> Signal:
    """A nylon string (K. Karplus and A. Strong, 1983), one period of it averaged into the next.

    The loop is as long as the period allows, the rest of the pitch comes from reading it faster.
    """
    f = hertz(pitch)
    period = int(RATE / f)
    count = int((seconds + 0.4) * f) + 2
    pick = chance.uniform(-1, 1, period)
    for _ in range(int(4 + 6 * (1 - velocity))):
        pick = (pick + np.roll(pick, 1)) / 2
    pick = pick - np.roll(pick, period // 5)  # plucked at a fifth of its length: a comb in the spectrum
    pick -= pick.mean()
    rows = np.empty((count, period))
    behind = np.arange(-1, period - 1)
    loss = 0.9985 - 0.00001 * f
    for row in range(count):
        rows[row] = pick
        pick = 0.48 * loss * pick + 0.52 * loss * pick[behind]
    wave = rows.ravel()
    wave /= np.abs(wave).max() + 1e-9
    exact = (period + 0.52) * f / RATE
    places = np.arange(int(len(wave) / exact) - 1) * exact
    sound = np.interp(places, np.arange(len(wave)), wave)
    sound *= np.exp(-_clock(len(sound) / RATE)[: len(sound)] / 1.1)
    return _released(sound * velocity, seconds, 0.35)


def upright_bass(pitch: int, seconds: float, velocity: float, chance: Generator) -> Signal:
    """A plucked double bass: few harmonics, each dying sooner the higher it is, and the finger's thump."""
    t = _clock(seconds + 0.3)
    f = hertz(pitch)
    sound = np.zeros(len(t))
    for harmonic, level in enumerate((1.0, 0.55, 0.3, 0.16, 0.08, 0.05), start=1):
        drift = 1 + 0.0006 * harmonic * harmonic
        sound += level * np.exp(-t * (0.9 + 1.5 * harmonic)) * np.sin(2 * np.pi * f * harmonic * drift * t)
    thump = chance.standard_normal(len(t)) * np.exp(-t / 0.006)
    sound += 0.12 * np.convolve(thump, np.ones(24) / 24, "same")
    return _released(np.tanh(1.3 * sound) * np.minimum(1.0, t / 0.006) * velocity, seconds, 0.12)


def vibraphone(pitch: int, seconds: float, velocity: float) -> Signal:
    """A struck metal bar, partials at 1, 4 and 10, with its motor running slowly."""
    t = _clock(seconds + 0.9)
    f = hertz(pitch)
    sound = np.exp(-t / 1.5) * np.sin(2 * np.pi * f * t)
    sound += 0.24 * velocity * np.exp(-t / 0.35) * np.sin(2 * np.pi * 4.0 * f * t)
    sound += 0.07 * velocity * np.exp(-t / 0.05) * np.sin(2 * np.pi * 9.9 * f * t)
    motor = 1 - 0.16 * (1 - np.cos(2 * np.pi * 5.1 * t)) / 2
    return _released(sound * motor * np.minimum(1.0, t / 0.002) * velocity, seconds, 0.7)


def clarinet(pitch: int, seconds: float, velocity: float, chance: Generator) -> Signal:
    """A soft reed: odd harmonics that open with the breath, vibrato that comes late."""
    t = _clock(seconds + 0.15)
    f = hertz(pitch)
    late = np.clip((t - 0.18) / 0.3, 0, 1)
    phase = 2 * np.pi * np.cumsum(f * (1 + 0.0045 * late * np.sin(2 * np.pi * 5.3 * t))) / RATE
    breath = np.minimum(1, t / 0.045) * (0.85 + 0.15 * np.exp(-t / 0.5))
    sound = np.zeros(len(t))
    opening = breath**0.25
    swell = breath * opening
    levels = (1.0, 0.12, 0.42, 0.07, 0.2, 0.0, 0.09, 0.0, 0.04)
    for level, tone in zip(levels, harmonics(phase), strict=False):
        sound += level * swell * tone
        swell = swell * opening  # the higher a harmonic, the later it opens
    air = chance.standard_normal(len(t))
    air = np.convolve(air - np.roll(air, 1), np.ones(6) / 6, "same")
    return _released((0.6 * sound + 0.02 * air) * breath * velocity, seconds, 0.09)


def strings(pitch: int, seconds: float, velocity: float) -> Signal:
    """Three players a little apart, a soft bow: saw waves by harmonics, darker the higher they are."""
    t = _clock(seconds + 0.5)
    sound = np.zeros(len(t))
    for player, cents in enumerate((-6.0, 0.5, 7.0)):
        f = hertz(pitch + cents / 100)
        vibrato = 0.03 * np.sin(2 * np.pi * (4.9 + 0.3 * player) * t + player)
        levels = [1 / n / (1 + (n * f / 1800) ** 2) for n in range(1, 10)]
        tones = harmonics(2 * np.pi * f * t + vibrato)
        sound += sum(tone * level for level, tone in zip(levels, tones, strict=False))
    return _released(0.3 * sound * np.minimum(1, t / 0.28) * velocity, seconds, 0.45)


def kick(velocity: float) -> Signal:
    """A felt beater on a small bass drum."""
    t = _clock(0.35)
    fall = 2 * np.pi * np.cumsum(52 + 75 * np.exp(-t / 0.022)) / RATE
    return (np.sin(fall) * np.exp(-t / 0.11) * np.minimum(1, t / 0.0015) * velocity).astype(np.float32)


def noise(seconds: float, chance: Generator, low: float, high: float) -> NDArray[np.float64]:
    """White noise between two frequencies in Hz, root mean square 1."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(chance.standard_normal(count))
    f = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= 1 / (1 + (low / np.maximum(f, 1)) ** 4) / (1 + (f / high) ** 4)
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-9))


def brush(velocity: float, chance: Generator) -> Signal:
    """A tap of the brush on the snare: the skin and a rustle of wires."""
    t = _clock(0.28)
    skin = np.sin(2 * np.pi * 185 * t) * np.exp(-t / 0.05)
    wires = noise(0.28, chance, 900, 7500)[: len(t)] * np.exp(-t / 0.075)
    return ((0.35 * skin + 0.3 * wires) * np.minimum(1, t / 0.002) * velocity).astype(np.float32)


def swish(velocity: float, chance: Generator, seconds: float = 0.5) -> Signal:
    """The brush drawn over the skin."""
    t = _clock(seconds)
    stroke = np.sin(np.pi * t / seconds) ** 1.5
    return (0.06 * noise(seconds, chance, 1500, 6500)[: len(t)] * stroke * velocity).astype(np.float32)


def hat(velocity: float, chance: Generator) -> Signal:
    t = _clock(0.09)
    sound = 0.16 * noise(0.09, chance, 7000, 14000)[: len(t)] * np.exp(-t / 0.022)
    return (sound * velocity).astype(np.float32)


def metal(
    seconds: float, velocity: float, chance: Generator, low: float, decay: float, level: float
) -> Signal:
    """A cymbal: noise over a cluster of partials that share no common measure."""
    t = _clock(seconds)
    ping = sum(np.sin(2 * np.pi * f * t + f) for f in (2930.0, 3718.0, 4517.0, 5423.0, 6811.0))
    wash = noise(seconds, chance, low, 13000)[: len(t)]
    sound = 0.09 * ping * np.exp(-t / (0.4 * decay)) + 0.5 * wash * np.exp(-t / decay)
    return (level * sound * np.minimum(1, t / 0.003) * velocity).astype(np.float32)
