"""How a player decorates a melody: grace notes, passing notes, trills, a phrase an octave up or down."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from .tune import Key, Note

_GRACE = 0.09  # crotchets a grace note takes from its main note
_TRILL = 0.125  # crotchets of each note of a trill
GRACED, PASSED, TRILLED, DISPLACED = 0.18, 0.3, 0.4, 0.35  # how often each is done where it can be


def step(pitch: int, key: Key, steps: int) -> int:
    """The tone of the key so many steps above (or below) a pitch."""
    ladder = sorted(octave * 12 + tone for octave in range(-1, 12) for tone in key.scale)
    below = max(at for at, tone in enumerate(ladder) if tone <= pitch)
    if ladder[below] != pitch and steps < 0:
        below += 1  # from a foreign tone, one step down is the next tone of the key
    return ladder[below + steps]


def ornamented(notes: Sequence[Note], key: Key, rng: random.Random) -> tuple[Note, ...]:
    """The same melody, decorated: the main notes stay where they were, some begin a grace note later."""
    found: list[Note] = []
    for at, note in enumerate(notes):
        after = notes[at + 1] if at + 1 < len(notes) else None
        chance = rng.random()
        leap = after.pitch - note.pitch if after else 0
        if note.length >= 1.0 and chance < TRILLED:
            found += _trill(note, key)
        elif 0.5 <= note.length <= 1.5 and 3 <= abs(leap) <= 5 and chance < PASSED:
            half = note.length / 2
            between = step(note.pitch, key, 1 if leap > 0 else -1)
            found += [replace(note, length=half), Note(note.start + half, half, between)]
        elif note.length >= 0.5 and chance > 1 - GRACED:
            neighbour = step(note.pitch, key, rng.choice((1, 1, -1)))
            found += [
                Note(note.start, _GRACE, neighbour),
                Note(note.start + _GRACE, note.length - _GRACE, note.pitch),
            ]
        else:
            found.append(note)
    return tuple(found)


def _trill(note: Note, key: Key) -> list[Note]:
    """Main note and upper neighbour in turn for at most a crotchet, then the main note to its end."""
    upper = step(note.pitch, key, 1)
    count = int(min(note.length, 1.0) / _TRILL) // 2 * 2
    shakes = [Note(note.start + at * _TRILL, _TRILL, upper if at % 2 else note.pitch) for at in range(count)]
    rest = note.length - count * _TRILL
    return [*shakes, Note(note.start + count * _TRILL, rest, note.pitch)] if rest > 1e-6 else shakes


def displaced(notes: Sequence[Note], phrase: float, rng: random.Random) -> tuple[Note, ...]:
    """Some phrases, `phrase` crotchets long each, an octave up or down, within what instruments reach."""
    shifts: dict[int, int] = {}
    found = []
    for note in notes:
        number = int((note.start + 1e-6) // phrase)
        if number not in shifts:
            shifts[number] = rng.choice((-12, 12)) if rng.random() < DISPLACED else 0
        pitch = note.pitch + shifts[number]
        found.append(replace(note, pitch=pitch if 48 <= pitch <= 96 else note.pitch))
    return tuple(found)
