"""Sounds that are no remix of anything: noise, tones, drones and drums alone; mono, 44.1 kHz, from a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .synthesis import RATE, Samples, pink


def white_noise(seconds: float, seed: int) -> Samples:
    """Noise that is as strong at all frequencies."""
    return _finished(np.random.default_rng(seed).standard_normal(round(seconds * RATE)))


def pink_noise(seconds: float, seed: int) -> Samples:
    """Noise that is as strong in all octaves."""
    return _finished(pink(round(seconds * RATE), np.random.default_rng(seed)))


def sine(seconds: float, seed: int) -> Samples:
    """One pure tone, somewhere between 110 and 880 Hz."""
    frequency = 110 * 2 ** np.random.default_rng(seed).uniform(0, 3)
    return _finished(np.sin(2 * np.pi * frequency * _time(seconds)))


def drone(seconds: float, seed: int) -> Samples:
    """One tone with overtones and its fifth, like a bagpipe's drones, slowly swelling."""
    rng = np.random.default_rng(seed)
    return _finished(_swelling(_tones(seconds, 110 * 2 ** rng.uniform(0, 1), (1.0, 1.5, 2.0)), seconds, rng))


def sustained_chord(seconds: float, seed: int) -> Samples:
    """One major or minor triad held throughout, slowly swelling."""
    rng = np.random.default_rng(seed)
    third = 2 ** (rng.choice((3, 4)) / 12)
    root = 130.8 * 2 ** (rng.integers(0, 12) / 12)
    return _finished(_swelling(_tones(seconds, root, (1.0, third, 2 ** (7 / 12))), seconds, rng))


def drum_loop(seconds: float, seed: int) -> Samples:
    """Kick, snare and hi-hat in a pattern of two bars, over and over, at 70 to 140 beats a minute."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(round(seconds * RATE) + RATE)
    step = 60 / rng.uniform(70, 140) / 4
    loops = {
        "kick": (rng.random(32) < 0.12) | (np.arange(32) % 8 == 0),
        "snare": (rng.random(32) < 0.06) | (np.arange(32) % 8 == 4),
        "hat": (rng.random(32) < 0.3) | (np.arange(32) % 2 == 0),
    }
    sounds = {"kick": _kick(), "snare": _snare(rng), "hat": _hat(rng)}
    for number in range(int(seconds / step)):
        at = round(number * step * RATE)
        for name, sound in sounds.items():
            if loops[name][number % 32]:
                samples[at : at + len(sound)] += sound
    return _finished(samples[: round(seconds * RATE)])


NON_MUSIC: dict[str, Callable[[float, int], Samples]] = {
    "white noise": white_noise,
    "pink noise": pink_noise,
    "sine": sine,
    "drone": drone,
    "sustained chord": sustained_chord,
    "drum loop": drum_loop,
}


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * RATE)) / RATE


def _tones(seconds: float, root: float, ratios: tuple[float, ...]) -> NDArray[np.float64]:
    time = _time(seconds)
    total = np.zeros(len(time))
    for ratio in ratios:
        for overtone in range(1, 7):
            total += np.sin(2 * np.pi * root * ratio * overtone * time) / overtone
    return total


def _swelling(samples: NDArray[np.float64], seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return samples * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.1, 0.3) * _time(seconds)))


def _kick() -> NDArray[np.float64]:
    time = _time(0.25)
    falling = 50 * time + 4 * (1 - np.exp(-30 * time))  # cycles; from 170 Hz down to 50
    beaten: NDArray[np.float64] = np.sin(2 * np.pi * falling) * np.exp(-12 * time)
    return beaten


def _snare(rng: np.random.Generator) -> NDArray[np.float64]:
    time = _time(0.18)
    rattle: NDArray[np.float64] = 0.5 * rng.standard_normal(len(time)) * np.exp(-22 * time)
    return rattle + 0.4 * np.sin(2 * np.pi * 190 * time) * np.exp(-25 * time)


def _hat(rng: np.random.Generator) -> NDArray[np.float64]:
    time = _time(0.05)
    hiss: NDArray[np.float64] = 0.3 * np.diff(rng.standard_normal(len(time) + 1)) * np.exp(-80 * time)
    return hiss


def _finished(samples: NDArray[np.float64]) -> Samples:
    """At the level of the music, about -20 dB of full scale, without clicks at the ends."""
    fade = min(len(samples) // 2, RATE // 100)
    shaped = samples.copy()
    shaped[:fade] *= np.linspace(0, 1, fade)
    shaped[len(shaped) - fade :] *= np.linspace(1, 0, fade)
    shaped *= 0.1 / max(float(np.sqrt(np.mean(shaped**2))), 1e-9)
    return np.clip(shaped, -0.98, 0.98).astype(np.float32)
