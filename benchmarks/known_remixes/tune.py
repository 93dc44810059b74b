"""What a tune is here: strains of notes over chords, in a metre and a key."""

from __future__ import annotations

import random
from dataclasses import dataclass

MAJOR, MINOR = "major", "minor"
# Steps of each mode above its tonic; minor is the natural one, its leading note is the harmoniser's business.
SCALES = {
    MAJOR: (0, 2, 4, 5, 7, 9, 11),
    MINOR: (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}


@dataclass(frozen=True)
class Key:
    """A tonic, 0 for C to 11 for B, and a mode of `SCALES`."""

    tonic: int
    mode: str

    def transposed(self, semitones: int) -> Key:
        return Key((self.tonic + semitones) % 12, self.mode)

    @property
    def scale(self) -> tuple[int, ...]:
        """The seven pitch classes of the key, from its tonic upwards."""
        return tuple((self.tonic + step) % 12 for step in SCALES[self.mode])


@dataclass(frozen=True)
class Metre:
    """A time signature, and what a foot taps in it: dotted crotchets in 6/8, minims in 2/2."""

    numerator: int
    denominator: int

    @property
    def is_compound(self) -> bool:
        return self.denominator == 8 and self.numerator % 3 == 0

    @property
    def beat(self) -> float:
        """Length of a beat in crotchets."""
        return 1.5 if self.is_compound else 4 / self.denominator

    @property
    def beats(self) -> int:
        """Beats in a bar."""
        return self.numerator // 3 if self.is_compound else self.numerator

    @property
    def bar(self) -> float:
        """Length of a bar in crotchets."""
        return self.beat * self.beats

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True)
class Note:
    """A sounding pitch (MIDI, 60 is middle C); start and length in crotchets from where its strain begins."""

    start: float
    length: float
    pitch: int


@dataclass(frozen=True)
class Chord:
    """A triad that holds for a while: its root and its tones as pitch classes, root first."""

    start: float
    length: float
    tones: tuple[int, ...]


@dataclass(frozen=True)
class Strain:
    """A part of a tune that is played through at once, the A or the B of AABB.

    `phase` is where in the bar it begins, in crotchets: a strain with an upbeat begins late in a bar.
    `voices` holds the melody, and below it the other parts of a chorale, the bass last.
    """

    length: float
    phase: float
    voices: tuple[tuple[Note, ...], ...]
    chords: tuple[Chord, ...]
    repeated: bool


@dataclass(frozen=True)
class Tune:
    """A tune as printed. `key` is the signature's; `key_is_sure` where the melody also ends on its tonic."""

    name: str
    title: str
    source: str
    metre: Metre
    key: Key
    key_is_sure: bool
    strains: tuple[Strain, ...]

    @property
    def notes_per_beat(self) -> float:
        notes = sum(len(strain.voices[0]) for strain in self.strains)
        return notes * self.metre.beat / sum(strain.length for strain in self.strains)


def generator(*parts: object) -> random.Random:
    """The same random numbers for the same parts, in every process and Python."""
    return random.Random("/".join(map(str, parts)))
