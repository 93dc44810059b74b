"""A take as a gallery shows it: what it is called, what was varied, what was measured, a small waveform.

A list of remixes and a study both describe their takes with these, so that one table and one live view do
for both.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from soundverse_nb.render.colours import REMIX
from soundverse_nb.render.escape import plain
from soundverse_nb.render.pictures import Envelope, columns
from soundverse_nb.render.units import MINUS, clock, money, signed, span

PEAKS = 120
"""Points of a small waveform, a byte each."""

MOST_NOTE = 2000
"""Characters of a note; more are cut."""

STATES = {
    "done": "done",
    "missing": "not run",
    "running": "being made",
    "failed": "failed",
    "unknown": "outcome unknown",
}
"""What a take's state is called."""


@dataclass(frozen=True)
class GalleryTake:
    """One take of a gallery.

    Attributes
    ----------
    key : names it in what the gallery calls back; each is shown once.
    title : what was asked of the song, for example its prompt; without it the levels of its factors.
    number : its place in the list or in the order of a study.
    reference : the name of its song.
    factors : by factor the name of its level; a gallery can be filtered and sorted by each.
    numbers : by name what was measured, None or nan where it was not; the names are those of a frame's
        columns, see `NumberColumn.of`.
    state : "done", "missing", "running", "failed" or "unknown".
    reason : why there is nothing to hear.
    seconds : its length.
    peaks : `peaks_of` its envelope; empty where that was not read.
    detail : short facts, for example the title that the service gave it.
    stars : 1 to 5, None for none; `note` is a line of one's own.
    is_simulated, is_control, in_plan, same_as : shown as badges; `same_as` names the take whose audio it has.
    """

    key: str
    title: str = ""
    number: int = 0
    reference: str = ""
    factors: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    state: str = "done"
    reason: str = ""
    seconds: float | None = None
    peaks: bytes = field(default=b"", repr=False)
    detail: str = ""
    stars: int | None = None
    note: str = ""
    is_simulated: bool = False
    is_control: bool = False
    in_plan: bool = True
    same_as: str = ""

    @property
    def is_audible(self) -> bool:
        """Whether there is something to play."""
        return self.state == "done" and not self.reason

    @property
    def words(self) -> str:
        """The title, or else the levels of its factors."""
        return self.title or " · ".join(str(level) for level in self.factors.values())

    @property
    def badges(self) -> list[str]:
        """Short labels for what is not as usual."""
        found = ["simulated"] if self.is_simulated else []
        found += ["control"] if self.is_control else []
        found += [] if self.in_plan else ["not in the plan"]
        return [*found, *([f"same audio as {self.same_as}"] if self.same_as else [])]

    @property
    def ending(self) -> str:
        """How it ended, in words: its reason where it has one, else its state; "" for one to hear."""
        named = STATES.get(self.state, self.state)
        if self.is_audible:
            return ""
        return self.reason or named[:1].upper() + named[1:] + "."


def unique_takes(takes: Iterable[GalleryTake]) -> list[GalleryTake]:
    """The takes in their order, each key once."""
    found: dict[str, GalleryTake] = {}
    for take in takes:
        found.setdefault(take.key, take)
    return list(found.values())


def varied_factors(takes: Sequence[GalleryTake]) -> dict[str, list[str]]:
    """By factor its levels, in the order in which they first come; a song counts as one called "song"."""
    found: dict[str, dict[str, None]] = {"song": {take.reference: None for take in takes if take.reference}}
    for take in takes:
        for factor, level in take.factors.items():
            found.setdefault(factor, {})[str(level)] = None
    return {factor: list(levels) for factor, levels in found.items() if levels}


def level_of(take: GalleryTake, factor: str) -> str:
    """The level of a factor, as `varied_factors` names it; "" where the take has none."""
    if factor in take.factors:
        return str(take.factors[factor])
    return take.reference if factor == "song" else ""


def distinct_titles(takes: Sequence[GalleryTake]) -> list[str]:
    """A short name for each of some takes that are compared: what tells them apart, no two the same.

    >>> one = GalleryTake("a", "jazz", reference="tune", factors={"prompt": "jazz"})
    >>> distinct_titles([one, GalleryTake("b", "dub", reference="tune", factors={"prompt": "dub"})])
    ['jazz', 'dub']
    """
    apart = len({take.reference for take in takes}) > 1
    named = [
        " · ".join(part for part in (take.reference if apart else "", plain(take.words, 80)) if part)
        or f"Take {take.number}"
        for take in takes
    ]
    alike = Counter(named)
    named = [
        f"{name} (take {take.number})" if alike[name] > 1 else name
        for take, name in zip(takes, named, strict=True)
    ]
    alike, seen = Counter(named), Counter[str]()
    for at, name in enumerate(named):
        if alike[name] > 1:
            seen[name] += 1
            named[at] = f"{name} #{seen[name]}"
    return named


@dataclass(frozen=True)
class NumberColumn:
    """How a number is headed and written: label, decimals (None: three digits), unit, a plus sign or not."""

    name: str
    label: str
    decimals: int | None = None
    unit: str = ""
    plus: bool = False

    @classmethod
    def of(cls, name: str) -> NumberColumn:
        """The column of a name in a frame; of one that nobody knows by the unit at the end of its name."""
        if name in _KNOWN:
            return cls(name, *_KNOWN[name])
        if (measure := name.removeprefix("measured_")) in _KNOWN:  # as a frame names it beside a factor
            label, *rest = _KNOWN[measure]
            return cls(name, f"measured {label}", *rest)
        short = plain(name, 60)
        ending = next((ending for ending in _UNITS if short.endswith(ending) and short != ending), "")
        decimals, unit = _UNITS.get(ending, (None, ""))
        return cls(name, short.removesuffix(ending).replace("_", " ").strip() or short, decimals, unit)

    def text(self, value: float | None) -> str:
        """The number with its unit: "−1.2 LU", "× 1.20", "0:31"; "–" where it was not measured."""
        if value is None or not math.isfinite(value):
            return "–"
        if self.unit in _WRITERS:
            return str(_WRITERS[self.unit](value))
        if self.decimals is None:
            return f"{value:.3g}".replace("-", MINUS)
        number = signed(value, self.decimals, plus=self.plus)
        return f"{number} {self.unit}" if self.unit else number


_WRITERS: dict[str, Callable[[float], str]] = {
    "clock": clock,
    "span": span,
    "money": money,
    "ratio": lambda value: f"× {signed(value, 2)}",
}
_KNOWN: dict[str, tuple[Any, ...]] = {
    "tune_kept": ("tune kept", 2),
    "transposition_semitones": ("transposed", 0, "st", True),
    "tempo_ratio": ("tempo ratio", 2, "ratio"),
    "timbre_distance": ("timbre distance", 2),
    "rhythm_distance": ("rhythm distance", 2),
    "loudness_change_lu": ("loudness", 1, "LU", True),
    "duration": ("length", 0, "clock"),
    "seconds": ("time to make", 1, "span"),
    "seconds_to_streaming": ("time to streaming", 1, "span"),
    "seconds_held_at_90": ("held at 90 %", 1, "span"),
    "cost": ("cost", 2, "money"),
    "reserved": ("reserved", 2, "money"),
}
_UNITS: dict[str, tuple[int, str]] = {
    "_lufs": (1, "LUFS"),
    "_lu": (1, "LU"),
    "_dbtp": (1, "dBTP"),
    "_db": (1, "dB"),
    "_bpm": (1, "BPM"),
    "_hz": (0, "Hz"),
    "_semitones": (1, "st"),
    "_percent": (1, "%"),
    "_seconds": (1, "span"),
}


def number_columns(takes: Sequence[GalleryTake]) -> list[NumberColumn]:
    """A column for each number that at least one take has, in the order in which they first come."""
    found: dict[str, None] = {}
    for take in takes:
        for name, value in take.numbers.items():
            if value is not None and math.isfinite(value):
                found[name] = None
    return [NumberColumn.of(name) for name in found]


def peaks_of(envelope: Envelope, points: int = PEAKS) -> bytes:
    """The greatest absolute sample of each of `points` pieces, a byte each: 0 is silence, 255 full scale."""
    low, high = columns(envelope, points)
    return bytes(np.rint(np.clip(np.maximum(-low, high), 0, 1) * 255).astype(np.uint8))


BAR_WIDTH, BAR_HEIGHT = 120, 28
"""Pixels of a page that the picture of a small waveform takes."""


def peaks_png(peaks: bytes, colour: str = REMIX) -> bytes:
    """A small waveform as bars in one colour on nothing, some 350 bytes, crisp on dense screens.

    Written here and not by Pillow, which takes five times as long for it: a page has a thousand.
    """
    bars, tall = BAR_WIDTH // 2, 2 * BAR_HEIGHT
    levels = np.frombuffer(peaks or b"\0", np.uint8).astype(np.float32) / 255
    starts = np.arange(bars) * len(levels) // bars
    heights = levels[starts] if len(levels) < bars else np.maximum.reduceat(levels, starts)
    half = np.maximum(1, np.rint(heights * tall / 2))
    from_middle = np.abs(np.arange(tall) + 0.5 - tall / 2)[:, None]
    # Four pixels a bar, the last of them empty: two bars are a byte of one bit a pixel.
    nibbles = np.where(from_middle < half, 0b1110, 0).astype(np.uint8)
    rows = np.zeros((tall, 1 + bars // 2), np.uint8)  # each begins with its filter, none
    rows[:, 1:] = nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", 4 * bars, tall, 1, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"\0\0\0" + bytes.fromhex(colour.lstrip("#"))),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A piece of a PNG file (ISO/IEC 15948, 5.3): its length, its kind, its data, and a checksum of both."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
