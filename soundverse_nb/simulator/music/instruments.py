"""Instruments by wavetable: a cycle of a tone, bright and dark, read at the note's pitch and blended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_TABLE = 4096
Signal = NDArray[np.float32]


@dataclass(frozen=True)
class Instrument:
    """What makes a tone: strengths of the harmonics when `bright` and when `dark`, and how it moves in time.

    In seconds: `attack`, `decay` (of the whole tone; 0 for one that sustains), `mellow` (how soon bright
    turns dark), `release`. `players` a few cents (`spread`) apart, `vibrato` in cents, `drive` of the amp.
    """

    bright: tuple[float, ...]
    dark: tuple[float, ...]
    attack: float = 0.004
    decay: float = 0.0
    mellow: float = 0.2
    release: float = 0.06
    players: int = 1
    spread: float = 0.0
    vibrato: float = 0.0
    drive: float = 0.0
    level: float = 1.0


def _saw(count: int, slope: float = 1.0) -> tuple[float, ...]:
    return tuple(1 / n**slope for n in range(1, count + 1))


def _odd(count: int, slope: float = 1.0) -> tuple[float, ...]:
    return tuple(1 / n**slope if n % 2 else 0.0 for n in range(1, count + 1))


def _plucked(count: int, place: float, slope: float) -> tuple[float, ...]:
    return tuple(abs(np.sin(np.pi * n * place)) / n**slope for n in range(1, count + 1))


INSTRUMENTS: Mapping[str, Instrument] = {
    "electric piano": Instrument(
        (1, 0.5, 0.14, 0.1, 0.04, 0.03, 0.1, 0, 0, 0, 0, 0, 0, 0.09), (1, 0.22, 0.05), decay=1.6,
        mellow=0.25, release=0.15, level=0.9,
    ),
    "piano": Instrument(
        _plucked(24, 0.13, 0.9), (1, 0.4, 0.18, 0.08, 0.03), decay=1.1, mellow=0.22, release=0.12,
        players=2, spread=1.2,
    ),
    "organ": Instrument(
        (1, 0.8, 0.55, 0.4, 0, 0.3, 0, 0.25), (1, 0.8, 0.5, 0.35, 0, 0.2), attack=0.006, vibrato=7,
        release=0.03, level=0.55,
    ),
    "guitar": Instrument(
        _plucked(20, 0.19, 0.8), (1, 0.45, 0.2, 0.1, 0.04), decay=0.7, mellow=0.12, release=0.08,
        attack=0.002, level=0.8,
    ),
    "distorted guitar": Instrument(
        _saw(22, 0.8), _saw(12, 1.1), decay=2.2, mellow=0.4, drive=5.0, players=2, spread=7, release=0.04,
        level=0.5,
    ),
    "brass": Instrument(
        _saw(18, 0.75), _saw(8, 1.5), attack=0.035, mellow=0.22, players=3, spread=6, vibrato=5,
        release=0.07, level=0.62,
    ),
    "reed": Instrument(
        _saw(14, 0.9), (1, 0.6, 0.5, 0.25, 0.15), attack=0.04, mellow=0.3, vibrato=16, release=0.08,
        level=0.7,
    ),
    "flute": Instrument(
        (1, 0.3, 0.12, 0.05), (1, 0.18, 0.04), attack=0.06, mellow=0.3, vibrato=14, release=0.1,
    ),
    "strings": Instrument(
        _saw(12, 1.15), _saw(9, 1.4), attack=0.16, mellow=0.6, players=3, spread=9, vibrato=9,
        release=0.3, level=0.6,
    ),
    "choir": Instrument(
        (1, 0.55, 0.5, 0.3, 0.12, 0.06), (1, 0.5, 0.35, 0.15), attack=0.5, mellow=1.0, players=3,
        spread=11, vibrato=12, release=0.6, level=0.6,
    ),
    "pad": Instrument(
        _saw(10, 1.25), _saw(6, 1.7), attack=0.35, mellow=0.9, players=3, spread=10, release=0.4,
        level=0.6,
    ),
    "saw": Instrument(
        _saw(24), _saw(7, 1.3), attack=0.003, decay=0.55, mellow=0.1, players=2, spread=8, release=0.05,
        level=0.55,
    ),
    "square": Instrument(
        _odd(31), _odd(31), attack=0.001, decay=0.6, mellow=1.0, release=0.01, level=0.55,
    ),
    "triangle": Instrument(
        _odd(9, 2.0), _odd(9, 2.0), attack=0.001, release=0.01, level=0.75,
    ),
    "bell": Instrument(
        (1, 0, 0, 0.45, 0, 0, 0.1, 0, 0, 0.12), (1, 0, 0, 0.12), attack=0.002, decay=1.4, mellow=0.3,
        release=0.5, level=0.7,
    ),
    "bowed strings": Instrument(
        _saw(16, 0.95), _saw(12, 1.15), attack=0.05, mellow=0.5, players=2, spread=5, vibrato=12,
        release=0.14, level=0.6,
    ),
    "harpsichord": Instrument(
        _plucked(28, 0.1, 0.5), _plucked(16, 0.1, 0.8), decay=0.55, mellow=0.2, attack=0.001, release=0.05,
        players=2, spread=1.5, level=0.65,
    ),
    "accordion": Instrument(
        (1, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.12), (1, 0.6, 0.5, 0.35, 0.25), attack=0.03, players=2,
        spread=8, release=0.05, level=0.5,
    ),
    "sitar": Instrument(
        _plucked(30, 0.07, 0.45), _plucked(12, 0.12, 0.9), decay=1.0, mellow=0.45, attack=0.002, vibrato=10,
        release=0.1, level=0.6,
    ),
    "upright bass": Instrument(
        _plucked(9, 0.3, 1.2), (1, 0.35, 0.1), decay=0.7, mellow=0.14, attack=0.005,
    ),
    "finger bass": Instrument(
        _plucked(14, 0.22, 1.0), (1, 0.5, 0.2, 0.08), decay=1.2, mellow=0.16, attack=0.003, drive=0.6,
    ),
    "picked bass": Instrument(
        _saw(16, 0.9), (1, 0.6, 0.35, 0.2, 0.1), decay=1.4, mellow=0.2, attack=0.002, drive=1.2,
        level=0.8,
    ),
    "synth bass": Instrument(
        _saw(18), (1, 0.55, 0.2, 0.08), decay=0.9, mellow=0.09, attack=0.002, drive=0.8, release=0.02,
        level=0.85,
    ),
    "sub bass": Instrument(
        (1, 0.3, 0.08), (1, 0.12), decay=2.5, mellow=0.15, attack=0.006, drive=0.5, release=0.08,
    ),
    "reese": Instrument(
        _saw(12, 1.1), _saw(7, 1.2), players=3, spread=16, attack=0.02, mellow=0.8, level=0.8,
    ),
}  # fmt: skip


def play(name: str, pitch: float, seconds: float, rate: int) -> Signal:
    """One note of an instrument at full velocity: float32 (frames,), a release longer than `seconds`.

    The result is kept and shared: do not write to it.
    """
    key = (name, round(pitch, 2), round(seconds, 3), rate)
    sound = _notes.get(key)
    if sound is None:
        sound = _notes[key] = _note(*key)
        # Other threads may do the same at the same time, so a key that is gone already is nobody's fault.
        while sum(kept.nbytes for kept in list(_notes.values())) > _KEPT_BYTES and len(_notes) > 1:
            _notes.pop(next(iter(_notes)), None)
    return sound


# Long notes of a pad take a megabyte and more each, so that a number of them bounds nothing.
_KEPT_BYTES = 24 << 20
_notes: dict[tuple[str, float, float, int], Signal] = {}


def _note(name: str, pitch: float, seconds: float, rate: int) -> Signal:
    tone = INSTRUMENTS[name]
    count = int((seconds + tone.release) * rate)
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    f = 440.0 * 2 ** ((pitch - 69) / 12)
    turn = np.float32(1.0) if tone.mellow <= 0 else np.exp(-t / np.float32(tone.mellow))
    sound = np.zeros(count, dtype=np.float32)
    bright, dark = _cycle(tone.bright, f, rate), _cycle(tone.dark, f, rate)
    for player in range(tone.players):
        off = 0.0 if tone.players == 1 else tone.spread * (2 * player / (tone.players - 1) - 1)
        place = _places(f * 2 ** (off / 1200), count, rate, tone.vibrato, 0.29 * player)
        low = dark[place]
        sound += low + turn * (bright[place] - low)
    sound *= np.float32(tone.level / tone.players**0.7)
    sound *= np.minimum(1, t / np.float32(tone.attack))
    if tone.decay > 0:
        sound *= np.exp(-t / np.float32(tone.decay * min(2.0, (220 / f) ** 0.3)))
    if tone.drive > 0:
        sound = np.tanh(sound * np.float32(1 + tone.drive)) / np.float32((1 + tone.drive) ** 0.5)
    tail = min(count, int(tone.release * rate))
    sound[count - tail :] *= np.linspace(1, 0, tail, dtype=np.float32) ** 2
    sound.flags.writeable = False
    return sound


def _places(f: float, count: int, rate: int, vibrato: float, start: float) -> NDArray[np.int32]:
    """Where in the table each frame reads."""
    phase = np.arange(count, dtype=np.float64) * (f / rate) + start
    if vibrato > 0:
        depth = f * (2 ** (vibrato / 1200) - 1) / (2 * np.pi * 5.4)
        turn = np.arange(count, dtype=np.float32) * np.float32(2 * np.pi * 5.4 / rate)
        phase += depth * np.sin(turn + np.float32(6 * start))
    return np.asarray((phase * _TABLE).astype(np.int32) & (_TABLE - 1))


@lru_cache(maxsize=512)
def _cycle(harmonics: tuple[float, ...], f: float, rate: int) -> Signal:
    """One cycle with these harmonics, without those above half the sampling rate, root mean square 0.35."""
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=complex)
    for number, level in enumerate(harmonics, start=1):
        if number * f < 0.45 * rate:
            spectrum[number] = level * np.exp(1j * (0.7 * number * number - np.pi / 2))
    cycle = np.fft.irfft(spectrum)
    return np.asarray(0.35 * cycle / (np.sqrt(np.mean(cycle**2)) + 1e-12), dtype=np.float32)
