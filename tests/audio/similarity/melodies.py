"""Melodies over chords, as sound, in any key, tempo and order of their phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from soundverse_nb.audio.features.extract import Frames, extract
from tests.audio.features.songs import RATE, note

# Pitches of a melody, a quarter second each, over the root of a major triad for each four.
_SCALE = (60, 62, 64, 65, 67, 69, 71, 72, 74, 76)
_ROOTS = (48, 53, 55, 57)


@dataclass(frozen=True)
class Phrase:
    """Eight notes and two chords: two seconds at tempo 1."""

    melody: tuple[int, ...]
    roots: tuple[int, ...]


def phrases(seed: int, count: int = 8) -> tuple[Phrase, ...]:
    """Phrases of C major, other ones for each seed."""
    rng = np.random.default_rng(seed)
    return tuple(
        Phrase(tuple(int(p) for p in rng.choice(_SCALE, 8)), tuple(int(p) for p in rng.choice(_ROOTS, 2)))
        for _ in range(count)
    )


def played(song: Sequence[Phrase], semitones: int = 0, tempo: float = 1.0) -> Any:
    """The phrases one after the other; float32 (frames,) at RATE."""
    length = 0.25 / tempo
    parts = []
    for phrase in song:
        melody = np.concatenate([note(pitch + semitones, length) for pitch in phrase.melody])
        chords = [
            sum(note(root + step + semitones, 4 * length) for step in (0, 4, 7)) for root in phrase.roots
        ]
        below = np.concatenate(chords)
        size = min(len(melody), len(below))
        parts.append(melody[:size] + 0.4 * below[:size])
    return np.concatenate(parts).astype(np.float32)


def rows(samples: Any) -> Frames:
    """What is measured of each moment of mono samples."""
    return extract((np.asarray(samples, np.float32)[np.newaxis], RATE)).frames


@cache
def original() -> Frames:
    """The song that others are compared with: 16 seconds."""
    return rows(played(phrases(1)))


def spoken(hertz: float, glide: float, seconds: float = 14.0) -> Any:
    """A voice that babbles: syllables around a pitch, which glides in each by about so many octaves."""
    rng = np.random.default_rng(0)
    samples, at = np.zeros(round((seconds + 1) * RATE)), 0
    while at < seconds * RATE:
        length = round(rng.uniform(0.08, 0.25) * RATE)
        octaves = rng.normal(0, 0.12) + np.linspace(0, rng.normal(0, glide), length)
        phase = 2 * np.pi * np.cumsum(hertz * 2**octaves) / RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 25))
        samples[at : at + length] += voice * np.hanning(length)
        at += length + (round(rng.uniform(0.1, 0.5) * RATE) if rng.random() < 0.15 else 0)
    return (0.1 * samples).astype(np.float32)
