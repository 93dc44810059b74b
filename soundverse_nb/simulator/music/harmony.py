"""Harmony of a song: its chords, its tuning, and its tune."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WINDOW = 8192
_HOP = 2048
_AT_ONCE = 128  # windows whose spectra are in memory at a time
_LOWEST_HZ = 80.0
_HIGHEST_HZ = 2100.0
_TUNE_LOW, _TUNE_HIGH = 57, 81  # where tunes lie: A3 to A5
_STAY = 0.16  # how much better a new chord must fit than the one that sounds


@dataclass(frozen=True)
class Chord:
    """A triad: root as pitch class (0 is C), minor or major."""

    root: int
    minor: bool

    @property
    def pitch_classes(self) -> tuple[int, int, int]:
        return self.root, (self.root + (3 if self.minor else 4)) % 12, (self.root + 7) % 12


@dataclass(frozen=True)
class Harmony:
    """`chords` one a pair of beats, `tune` one MIDI note (or None) a half beat, `cents` off 440 Hz tuning."""

    chords: tuple[Chord, ...]
    tune: tuple[int | None, ...]
    cents: float


def estimate_harmony(mono: NDArray[Any], rate: int, beats: NDArray[np.float64]) -> Harmony:
    """Chords and tune of a mono signal, in step with its beats (seconds)."""
    spectrum = _spectrum(mono, int(_HIGHEST_HZ * _WINDOW / rate) + 2)
    moments = np.arange(len(spectrum)) * _HOP / rate
    frames, hertz, strength = _partials(spectrum, rate / _WINDOW)
    cents = _tuning(hertz, strength)
    pitches = _pitch_energy(len(spectrum), frames, hertz, strength, cents)
    pairs = _per_stretch(pitches, moments, beats[::2])
    halves = np.sort(np.concatenate([beats, (beats[:-1] + beats[1:]) / 2]))
    return Harmony(_chords(pairs), _tune(_per_stretch(pitches, moments, halves)), cents)


def _spectrum(mono: NDArray[Any], bins: int | None = None) -> NDArray[np.float32]:
    """The strength of the lowest `bins` frequencies (all by default) around each hop."""
    padded = np.pad(mono, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: len(mono) : _HOP]
    window = np.hanning(_WINDOW).astype(np.float32)
    return np.concatenate(
        [
            np.abs(np.fft.rfft(frames[at : at + _AT_ONCE] * window, axis=1)[:, :bins]).astype(np.float32)
            for at in range(0, len(frames), _AT_ONCE)
        ]
    )


def _partials(
    spectrum: NDArray[np.float32], bin_hertz: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]:
    """Every spectral peak that stands out: its frame, its exact frequency in Hz, its strength."""
    low, high = int(_LOWEST_HZ / bin_hertz), int(_HIGHEST_HZ / bin_hertz)
    part = spectrum[:, low - 1 : high + 1]
    left, top, right = part[:, :-2], part[:, 1:-1], part[:, 2:]
    loudest = top.max(axis=1, keepdims=True)
    audible = np.maximum(0.03 * loudest, 1e-3 * float(part.max(initial=0.0)))
    peaks = (top > left) & (top >= right) & (top > audible)
    frames, columns = np.nonzero(peaks)
    a, b, c = (np.log(side[frames, columns] + 1e-9) for side in (left, top, right))
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-6)
    strength = np.sqrt(top[frames, columns] / loudest[frames, 0])
    return frames, (low + columns + np.clip(shift, -0.5, 0.5)) * bin_hertz, strength


def _tuning(hertz: NDArray[np.float64], strength: NDArray[np.float32]) -> float:
    """How far, in cents (-50 to 50), the song's notes lie from those of a piano at 440 Hz."""
    use = hertz > 200
    turn = np.sum(strength[use] * np.exp(2j * np.pi * 12 * np.log2(hertz[use] / 440.0)))
    return float(np.angle(turn) / (2 * np.pi) * 100) if abs(turn) > 1e-9 else 0.0


def _pitch_energy(
    count: int,
    frames: NDArray[np.int64],
    hertz: NDArray[np.float64],
    strength: NDArray[np.float32],
    cents: float,
) -> NDArray[np.float32]:
    """Strength of each MIDI note (128 columns) in each frame."""
    note = 69 + 12 * np.log2(hertz / 440.0) - cents / 100
    nearest = np.round(note).astype(np.int64)
    weight = strength * np.exp(-0.5 * ((note - nearest) / 0.25) ** 2)
    energy = np.bincount(frames * 128 + nearest, weights=weight, minlength=count * 128)
    return energy.reshape(count, 128).astype(np.float32)


def _per_stretch(
    rows: NDArray[np.float32], moments: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The mean row between one edge and the next, one row an edge."""
    bounds = np.searchsorted(moments, np.append(edges, 2 * edges[-1] - edges[-2] if len(edges) > 1 else 1e9))
    means = np.zeros((len(edges), rows.shape[1]), dtype=np.float32)
    for place, (start, stop) in enumerate(pairwise(bounds)):
        first = min(start, len(rows) - 1)
        means[place] = rows[first : max(stop, first + 1)].mean(axis=0)
    return means


def _fold(pitches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Notes to pitch classes, 12 columns, each row of length 1."""
    chroma = pitches[:, :120].reshape(len(pitches), 10, 12).sum(axis=1)
    return np.asarray(chroma / (np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-6), dtype=np.float32)


def _chords(pitches: NDArray[np.float32]) -> tuple[Chord, ...]:
    """The triads that fit best, changing no more often than they must (Viterbi)."""
    states = [Chord(root, minor) for minor in (False, True) for root in range(12)]
    templates = np.full((24, 12), -0.35, dtype=np.float32)
    for row, chord in enumerate(states):
        templates[row, list(chord.pitch_classes)] = (1.0, 0.75, 0.85)
    chroma = _fold(pitches)
    bass = _fold(np.where(np.arange(128) < 53, pitches, 0.0).astype(np.float32))
    fit = chroma @ templates.T + 0.5 * np.concatenate([bass, bass], axis=1)
    in_key = _key_bonus(chroma.sum(axis=0), states)
    fit = fit + in_key
    total = fit[0].copy()
    came = np.zeros((len(fit), 24), dtype=int)
    for place in range(1, len(fit)):
        jump = total.max() - _STAY
        came[place] = np.where(total >= jump, np.arange(24), int(total.argmax()))
        total = np.maximum(total, jump) + fit[place]
    state = int(total.argmax())
    path = [state]
    for place in range(len(fit) - 1, 0, -1):
        state = int(came[place][state])
        path.append(state)
    return tuple(states[state] for state in path[::-1])


def _key_bonus(profile: NDArray[np.float32], states: list[Chord]) -> NDArray[np.float32]:
    """A little for chords made of the seven notes of the song's key."""
    scale = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=np.float32)
    tonic = int(np.argmax([float(np.roll(scale, shift) @ profile) for shift in range(12)]))
    inside = {pitch for pitch in range(12) if scale[(pitch - tonic) % 12]}
    bonus = [0.12 if inside.issuperset(chord.pitch_classes) else 0.0 for chord in states]
    return np.array(bonus, dtype=np.float32)


def _tune(pitches: NDArray[np.float32]) -> tuple[int | None, ...]:
    """The note that leads in each half beat: strong itself and in its octave, near the one before."""
    notes = np.arange(_TUNE_LOW, _TUNE_HIGH + 1)
    salience = pitches[:, notes] + 0.4 * pitches[:, notes + 12] + 0.25 * pitches[:, notes + 19]
    salience = salience - 0.4 * pitches[:, notes - 12]
    salience = salience * np.linspace(0.8, 1.15, len(notes), dtype=np.float32)
    apart = np.abs(notes[:, None] - notes[None, :])
    leap = 0.012 * np.minimum(apart, 9)
    total = salience[0].copy()
    came = np.zeros(salience.shape, dtype=int)
    for place in range(1, len(salience)):
        reached = total[None, :] - leap
        came[place] = reached.argmax(axis=1)
        total = reached.max(axis=1) + salience[place]
    state = int(total.argmax())
    path = [state]
    for place in range(len(salience) - 1, 0, -1):
        state = int(came[place][state])
        path.append(state)
    path.reverse()
    floor = 0.35 * float(np.median(salience.max(axis=1)))
    return tuple(
        int(notes[state]) if salience[place, state] > floor else None for place, state in enumerate(path)
    )
