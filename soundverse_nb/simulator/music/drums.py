"""A drum kit by formula: each stroke is float32 (frames,), at full velocity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Stroke = NDArray[np.float32]


def kit(rate: int, chance: Generator, names: frozenset[str]) -> dict[str, Stroke]:
    """The named strokes, synthesised."""
    return {name: _RECIPES[name](rate, chance).astype(np.float32) for name in sorted(names)}


def _t(rate: int, seconds: float) -> NDArray[np.float64]:
    return np.arange(int(rate * seconds)) / rate


def _noise(rate: int, seconds: float, chance: Generator, low: float, high: float) -> NDArray[np.float64]:
    count = int(rate * seconds)
    spectrum = np.fft.rfft(chance.standard_normal(count))
    f = np.maximum(np.fft.rfftfreq(count, 1 / rate), 1)
    spectrum *= 1 / (1 + (low / f) ** 4) / (1 + (f / high) ** 4)
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-9))


def _drop(rate: int, t: NDArray[Any], low: float, high: float, fall: float) -> NDArray[Any]:
    """A sine that falls from `high` to `low` Hz within about `fall` seconds."""
    return np.asarray(np.sin(2 * np.pi * np.cumsum(low + (high - low) * np.exp(-t / fall)) / rate))


def _kick(low: float, high: float, decay: float, click: float) -> Callable[[int, Generator], NDArray[Any]]:
    def strike(rate: int, chance: Generator) -> NDArray[Any]:
        t = _t(rate, 4.5 * decay)
        beater = click * _noise(rate, 4.5 * decay, chance, 1500, 8000)[: len(t)] * np.exp(-t / 0.004)
        return np.asarray(0.95 * _drop(rate, t, low, high, 0.028) * np.exp(-t / decay) + 0.25 * beater)

    return strike


def _snare(
    tone: float, decay: float, wires: float, low: float = 1200
) -> Callable[[int, Generator], NDArray[Any]]:
    def strike(rate: int, chance: Generator) -> NDArray[Any]:
        t = _t(rate, 5 * decay)
        skin = _drop(rate, t, tone, 1.6 * tone, 0.012) * np.exp(-t / (0.5 * decay))
        rattle = _noise(rate, 5 * decay, chance, low, 9500)[: len(t)] * np.exp(-t / decay)
        return np.asarray(0.5 * skin + wires * rattle)

    return strike


def _hiss(
    low: float, high: float, decay: float, level: float, attack: float = 0.001
) -> Callable[[int, Generator], NDArray[Any]]:
    def strike(rate: int, chance: Generator) -> NDArray[Any]:
        t = _t(rate, 6 * decay + attack)
        sound = _noise(rate, 6 * decay + attack, chance, low, high)[: len(t)]
        return np.asarray(level * sound * np.exp(-t / decay) * np.minimum(1, t / attack))

    return strike


def _clap(rate: int, chance: Generator) -> NDArray[Any]:
    t = _t(rate, 0.35)
    hands = sum(np.where(t >= d, np.exp(-(t - d) / 0.006), 0) for d in (0.0, 0.011, 0.021))
    tail = np.where(t >= 0.03, np.exp(-(t - 0.03) / 0.07), 0)
    return np.asarray(0.32 * _noise(rate, 0.35, chance, 900, 5000)[: len(t)] * (0.8 * hands + tail))


def _ride(rate: int, chance: Generator) -> NDArray[Any]:
    t = _t(rate, 0.9)
    ping = sum(np.sin(2 * np.pi * f * t + f) for f in (3020.0, 3790.0, 4610.0, 5710.0, 7130.0)) / 5
    wash = _noise(rate, 0.9, chance, 6500, 14000)[: len(t)]
    sound = 0.2 * ping * np.exp(-t / 0.16) + 0.09 * wash * np.exp(-t / 0.28)
    return np.asarray(sound * np.minimum(1, t / 0.001))


def _tom(tone: float, decay: float) -> Callable[[int, Generator], NDArray[Any]]:
    def strike(rate: int, chance: Generator) -> NDArray[Any]:
        t = _t(rate, 5 * decay)
        thud = 0.3 * _noise(rate, 5 * decay, chance, 100, 1500)[: len(t)] * np.exp(-t / 0.012)
        return np.asarray(0.8 * _drop(rate, t, tone, 1.5 * tone, 0.03) * np.exp(-t / decay) + thud)

    return strike


def _wood(tone: float) -> Callable[[int, Generator], NDArray[Any]]:
    def strike(rate: int, chance: Generator) -> NDArray[Any]:
        t = _t(rate, 0.12)
        knock = np.sin(2 * np.pi * tone * t) + 0.4 * np.sin(5.4 * np.pi * tone * t)
        return np.asarray(0.4 * knock * np.exp(-t / 0.016))

    return strike


def _chip_noise(decay: float, hold: int) -> Callable[[int, Generator], NDArray[Any]]:
    def strike(rate: int, chance: Generator) -> NDArray[Any]:
        t = _t(rate, 4 * decay)
        steps = np.repeat(np.sign(chance.standard_normal(len(t) // hold + 1)), hold)[: len(t)]
        return np.asarray(0.32 * steps * np.round(15 * np.exp(-t / decay)) / 15)

    return strike


def _chip_kick(rate: int, chance: Generator) -> NDArray[Any]:
    t = _t(rate, 0.16)
    fall = np.cumsum(60 + 380 * np.exp(-t / 0.02)) / rate
    return np.asarray(0.7 * (4 * np.abs(fall % 1 - 0.5) - 1) * np.exp(-t / 0.06))


_RECIPES: Mapping[str, Callable[[int, Generator], NDArray[Any]]] = {
    "kick": _kick(50, 150, 0.12, 1.0),
    "deep kick": _kick(46, 190, 0.17, 0.8),
    "hard kick": _kick(48, 260, 0.15, 2.0),
    "soft kick": _kick(54, 105, 0.09, 0.3),
    "sub kick": _kick(38, 130, 0.3, 0.6),
    "snare": _snare(190, 0.07, 0.33),
    "fat snare": _snare(165, 0.1, 0.32),
    "gated snare": _snare(175, 0.2, 0.3, 700),
    "dusty snare": _snare(170, 0.06, 0.24, 800),
    "brush": _hiss(1200, 7500, 0.06, 0.2, 0.004),
    "swish": _hiss(1800, 7000, 0.14, 0.06, 0.12),
    "rim": _wood(1650.0),
    "clap": _clap,
    "hat": _hiss(7500, 15000, 0.018, 0.14),
    "soft hat": _hiss(5000, 9500, 0.016, 0.1),
    "open hat": _hiss(6500, 14000, 0.11, 0.12),
    "shaker": _hiss(4800, 11000, 0.03, 0.1, 0.018),
    "tambourine": _hiss(6500, 13000, 0.05, 0.1, 0.004),
    "ride": _ride,
    "crash": _hiss(3500, 13000, 0.55, 0.16, 0.002),
    "tom": _tom(110, 0.14),
    "low tom": _tom(78, 0.18),
    "timpani": _tom(65, 0.5),
    "conga": _tom(210, 0.08),
    "high conga": _tom(290, 0.06),
    "clave": _wood(2450.0),
    "chip kick": _chip_kick,
    "chip snare": _chip_noise(0.07, 4),
    "chip hat": _chip_noise(0.016, 1),
}

STEPS = 16


@dataclass(frozen=True)
class Hit:
    """One stroke or note of a bar: step 0-15 (a sixteenth each), velocity 0-1."""

    step: int
    velocity: float


def read_grid(grid: str) -> tuple[Hit, ...]:
    """The hits of a grid such as "9...5..."; spaces are for the eye."""
    steps = grid.replace(" ", "")
    return tuple(Hit(place, int(sign) / 9) for place, sign in enumerate(steps) if sign != ".")


# Pattern -> drum -> grid of one bar.
DRUMS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "jazz": {
        "ride":      "8... 9..6 8... 9..6",
        "brush":     ".... 6... .... 7...",
        "soft kick": "6... .... 5... ..4.",
        "soft hat":  ".... 8... .... 8...",
        "swish":     "5... 3... 5... 3...",
    },
    "house": {
        "deep kick": "9... 9... 9... 9...",
        "clap":      ".... 8... .... 8...",
        "open hat":  "..8. ..8. ..8. ..8.",
        "hat":       "4.2. 4.2. 4.2. 4.24",
        "shaker":    "3535 3535 3535 3535",
    },
    "techno": {
        "hard kick": "9... 9... 9... 9...",
        "hat":       "..7. ..7. ..7. ..73",
        "clap":      ".... 6... .... 6...",
        "rim":       "...4 ..4. .4.. ...4",
        "open hat":  "..5. ..5. ..5. ..5.",
    },
    "boom bap": {
        "kick":        "9... ..6. ..8. ....",
        "dusty snare": ".... 8... .... 8..2",
        "soft hat":    "7.4. 6.4. 7.4. 6.43",
    },
    "one drop": {
        "kick":     ".... .... 9... ....",
        "rim":      ".... .... 8... ....",
        "soft hat": "6.4. 7.4. 6.4. 7.45",
        "shaker":   "..3. ..3. ..3. ..3.",
    },
    "timpani": {
        "timpani":    "6... .... 4... ..23",
        "tambourine": ".... 3... .... 3...",
        "low tom":    "3... ..2. 3... ....",
    },
    "chip": {
        "chip kick":  "9... ..7. 9... ....",
        "chip snare": ".... 8... .... 8.5.",
        "chip hat":   "6.4. 6.4. 6.4. 6.44",
    },
    "rock": {
        "kick":      "9... ..7. 9.7. ....",
        "fat snare": ".... 9... .... 9...",
        "hat":       "7.5. 7.5. 7.5. 7.5.",
    },
    "trap": {
        "sub kick": "9... ...6 ..7. ....",
        "clap":     ".... .... 9... ....",
        "snare":    ".... .... 5... ...2",
        "hat":      "6.5. 6.5. 6.55 6555",
    },
    "disco": {
        "kick":       "9... 9... 9... 9...",
        "snare":      ".... 8... .... 8...",
        "open hat":   "..7. ..7. ..7. ..7.",
        "hat":        "5.35 5.35 5.35 5.35",
        "tambourine": "..5. ..5. ..5. ..5.",
    },
    "breakbeat": {
        "kick":  "9... ..6. .... 8...",
        "snare": "..2. 9..3 .3.. 9..4",
        "hat":   "6.5. 6.5. 6.5. 6.5.",
        "ride":  "5... 5... 5... 5...",
    },
    "gated": {
        "kick":        "9... ..6. 9... ....",
        "gated snare": ".... 9... .... 9...",
        "hat":         "5.35 5.35 5.35 5.35",
    },
    "shaker": {
        "soft kick":  "7... .... 6... ....",
        "shaker":     "5243 5243 5243 5243",
        "clap":       ".... 3... .... 3...",
        "tambourine": ".... 5... .... 5...",
    },
    "gospel": {
        "kick":       "9... ..6. 8... ....",
        "clap":       ".... 8... .... 8...",
        "snare":      ".... 5... .... 5..2",
        "tambourine": "5.63 5.63 5.63 5.63",
    },
    "train": {
        "soft kick": "8... .... 8... ....",
        "brush":     "4363 4363 4363 4363",
        "rim":       ".... 5... .... 5...",
    },
    "march": {
        "kick":    "8... .... 8... ....",
        "snare":   "7..3 5.33 7..3 5333",
        "low tom": "5... .... 5... ....",
    },
    "latin": {
        "soft kick":  "7... .... 7... ....",
        "clave":      "7..7 ..7. ..7. 7...",
        "shaker":     "5353 5353 5353 5353",
        "conga":      ".... 6... ..6. 6...",
        "high conga": "..5. .... 5... ..5.",
    },
    "pop": {
        "kick":       "9... ...6 9... ....",
        "snare":      ".... 8... .... 8...",
        "hat":        "6.4. 6.4. 6.4. 6.4.",
        "tambourine": "..3. ..3. ..3. ..3.",
    },
}  # fmt: skip

# What a drummer plays in the last bar of eight.
FILLS: tuple[Mapping[str, str], ...] = (
    {"snare": ".... .... .... 5678"},
    {"tom": ".... .... 7.7. ....", "low tom": ".... .... .... 8.8."},
    {"snare": ".... .... ..6. 6.78"},
)

# Pattern -> grid; a note lasts until the next one.
BASS: Mapping[str, str] = {
    "none": "",
    "walking": "8... 7... 8... 7.4.",
    "offbeat": "..8. ..8. ..8. ..86",
    "sixteenths": "8.66 8.66 8.66 8.66",
    "roots": "8... .... 7... ....",
    "long": "9... .... .... ..6.",
    "dub": "9..7 ..6. 8... 7.6.",
    "octaves": "8.6. 8.6. 8.6. 8.6.",
    "eighths": "8.6. 7.6. 8.6. 7.6.",
    "tumbao": "...8 ..7. .... 8...",
}
CHORDS: Mapping[str, tuple[str, float]] = {  # pattern -> grid, longest note in steps
    "none": ("", 0.0),
    "comping": ("7..6 .... ..7. ....", 3.0),
    "hits": ("8..7 .... ..8. .7..", 2.6),
    "stabs": ("...7 ..6. ..7. ..6.", 1.6),
    "offbeats": ("..7. ..7. ..7. ..7.", 1.2),
    "held": ("7... .... 6... ....", 7.6),
    "skank": (".... 7... .... 7...", 1.4),
    "marcato": ("8... 6... 7... 6.6.", 2.4),
    "arpeggio": ("7565 7565 7565 7565", 1.0),
    "power": ("8.6. 7.6. 8.6. 7.6.", 2.4),
    "scratch": ("..76 ..7. ..76 .67.", 0.9),
    "strum": ("8... 6.5. .56. 6.5.", 3.0),
    "montuno": ("7.67 .67. 7.67 .67.", 1.5),
}
