"""Small songs that tests make for themselves."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile

RATE = 44100
Samples = Any


def tone(
    seconds: float, channels: int = 2, rate: int = RATE, level: float = 0.3, hertz: float = 330.0
) -> Samples:
    """A sine as float32 (frames, channels)."""
    time = np.arange(round(seconds * rate)) / rate
    wave = (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return np.repeat(wave[:, None], channels, axis=1)


def music(seconds: float, channels: int = 2) -> Samples:
    """A wave that never repeats, so that every moment of it can be told from every other."""
    noise = np.random.default_rng(5).normal(0, 0.05, (round(seconds * RATE), channels)).astype(np.float32)
    return tone(seconds, channels) + noise


def file_of(samples: Samples, rate: int = RATE, kind: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    """The bytes of a file of these samples (frames, channels)."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, samples.shape[1], subtype, format=kind) as out:
        for start in range(0, len(samples), rate):  # libsndfile crashes on a long Ogg written at once
            out.write(samples[start : start + rate])
    return buffer.getvalue()


def sweep(seconds: float, rate: int) -> Samples:
    """A wave of which no second is like another, and which compresses to about the same everywhere."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(7).normal(0, 0.03, len(time))
    wave = 0.3 * np.sin(2 * np.pi * (200 + 40 * time) * time) + noise
    return np.repeat(wave.astype(np.float32)[:, None], 2, axis=1)
