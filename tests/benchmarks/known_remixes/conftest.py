"""Two small tunes, made up here, in the shapes that printed ones have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Scripts in benchmarks/ import one another by bare names; so do tests, or there would be two of each module.
sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from known_remixes.harmony import harmonise, slots
from known_remixes.tune import Key, Metre, Note, Strain, Tune


def strain(
    pitches: list[int], metre: Metre, key: Key, *, step: float, phase: float = 0.0, repeated: bool = True
) -> Strain:
    """Notes of equal length, with the chords that the harmoniser finds."""
    notes = tuple(Note(at * step, step, pitch) for at, pitch in enumerate(pitches))
    length = len(pitches) * step
    chords = harmonise(slots([notes], length, phase, metre), key, is_last=True)
    return Strain(length, phase, (notes,), chords, repeated)


def made_up(name: str, metre: Metre, key: Key, *, phase: float = 0.0, contour: int = 0) -> Tune:
    """A tune of two strains of eight bars, each repeated, in quavers up and down the key."""
    ladder = sorted(octave * 12 + tone for octave in (5, 6) for tone in key.scale)
    count = round(8 * metre.bar / 0.5)
    a = [ladder[abs((at * 2 + contour) % 14 - 7)] for at in range(count - 1)] + [60 + key.tonic]
    b = [ladder[abs((at * 3 + contour) % 12 - 6) + 2] for at in range(count - 1)] + [60 + key.tonic]
    strains = tuple(strain(pitches, metre, key, step=0.5, phase=phase) for pitches in (a, b))
    return Tune(name, name.title(), "made up", metre, key, True, strains)


@pytest.fixture
def reel() -> Tune:
    return made_up("reel", Metre(2, 2), Key(7, "major"), phase=3.0)


@pytest.fixture
def jig() -> Tune:
    return made_up("jig", Metre(6, 8), Key(2, "minor"))
