"""Which chords go under a melody: the cheapest row of triads of the key, a chord for each half bar or bar.

A triad costs what the melody sounds outside it, weighted by length and by place in the bar, and the rarer it
is in the songbooks the more; leaving a chord costs a little, cadences cost less. The cheapest row is found by
dynamic programming (Viterbi).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .tune import MAJOR, MINOR, Chord, Key, Metre, Note

# Cost of each degree as such: the primary triads I, IV, V are what tunes are accompanied with.
_DEGREES = {
    MAJOR: {0: 0.0, 3: 0.12, 4: 0.1, 5: 0.35, 1: 0.35, 2: 0.6},
    MINOR: {0: 0.0, 3: 0.15, 4: 0.1, 5: 0.3, 2: 0.3, 6: 0.25},
    "dorian": {0: 0.0, 6: 0.08, 3: 0.2, 4: 0.3, 2: 0.35},
    "mixolydian": {0: 0.0, 6: 0.08, 3: 0.15, 4: 0.35, 1: 0.45},
    "lydian": {0: 0.0, 4: 0.15, 1: 0.3, 5: 0.4},
    "phrygian": {0: 0.0, 1: 0.2, 6: 0.2, 3: 0.25, 2: 0.35},
}
_FOREIGN = 1.0  # for a slot that sounds outside its triad all the time
_CHANGE, _WITHIN_BAR = 0.12, 0.15
_END = 0.8  # for a strain that ends on neither I nor V


@dataclass(frozen=True)
class Slot:
    """A stretch that has one chord. `weights` says how much of it each pitch class sounds, 0 to 1."""

    start: float
    length: float
    opens_bar: bool
    weights: tuple[float, ...]


def slots(voices: Sequence[Sequence[Note]], length: float, phase: float, metre: Metre) -> tuple[Slot, ...]:
    """A strain cut where chords may change: at bars and, in metres of two or four beats, half bars."""
    step = metre.bar / 2 if metre.beats % 2 == 0 else metre.bar
    if len(voices) > 1:
        step = metre.beat  # a chorale moves on each beat
    edges = [0.0]
    position = step - phase % step
    while position < length - 1e-6:
        edges.append(position)
        position += step
    found = []
    for start, end in zip(edges, [*edges[1:], length], strict=True):
        weights = [0.0] * 12
        for voice in voices:
            for note in voice:
                overlap = min(end, note.start + note.length) - max(start, note.start)
                if overlap > 0:
                    is_on_beat = _falls_on(note.start + phase, metre.beat)
                    weights[note.pitch % 12] += overlap * (1.5 if is_on_beat else 1.0)
        total = sum(weights) or 1.0
        opens_bar = _falls_on(start + phase, metre.bar)
        found.append(Slot(start, end - start, opens_bar, tuple(weight / total for weight in weights)))
    return tuple(found)


def _falls_on(position: float, grid: float) -> bool:
    return abs(position / grid - round(position / grid)) < 1e-3


def triads(key: Key) -> tuple[tuple[tuple[int, ...], float], ...]:
    """The triads of a key with what each costs as such. In minor the dominant has the raised seventh too."""
    scale = key.scale
    found = []
    for degree, cost in _DEGREES[key.mode].items():
        tones = tuple(scale[(degree + third) % 7] for third in (0, 2, 4))
        found.append((tones, cost + 0.1 if key.mode == MINOR and degree == 4 else cost))
        if key.mode == MINOR and degree == 4:
            found.append(((tones[0], (tones[1] + 1) % 12, tones[2]), cost))
    return tuple(found)


def harmonise(row: Sequence[Slot], key: Key, *, is_last: bool) -> tuple[Chord, ...]:
    """The cheapest chords under the slots; the last strain of a tune ends on its tonic triad."""
    choices = triads(key)
    tonic, dominant = key.scale[0], key.scale[4]

    def sounding(slot: Slot, tones: tuple[int, ...], cost: float) -> float:
        # Short slots (an upbeat) say little, and an empty one nothing.
        inside = sum(slot.weights[tone] for tone in tones)
        return (_FOREIGN * (sum(slot.weights) - inside) + cost) * min(slot.length, 2.0)

    def moving(before: tuple[int, ...], after: tuple[int, ...], slot: Slot) -> float:
        if before == after:
            return 0.0
        cost = _CHANGE if slot.opens_bar else _CHANGE + _WITHIN_BAR
        falls_by_fifth = (before[0] - after[0]) % 12 == 7
        return cost - 0.06 if falls_by_fifth else cost

    costs: list[float] = []
    came_from: list[list[int]] = []
    for index, slot in enumerate(row):
        own = [sounding(slot, tones, cost) for tones, cost in choices]
        if index == len(row) - 1:
            for choice, (tones, _) in enumerate(choices):
                if tones[0] != tonic:
                    own[choice] += 100.0 if is_last else _END * (0.3 if tones[0] == dominant else 1.0)
        if not costs:
            costs, came_from = own, [[0] * len(choices)]
            continue
        best = [
            min((so_far + moving(choices[at][0], tones, slot), at) for at, so_far in enumerate(costs))
            for tones, _ in choices
        ]
        came_from.append([before for _, before in best])
        costs = [cost + here for (cost, _), here in zip(best, own, strict=True)]
    if not row:
        return ()
    choice = min(range(len(choices)), key=costs.__getitem__)
    chosen = [choice]
    for back in reversed(came_from[1:]):
        choice = back[choice]
        chosen.append(choice)
    chosen.reverse()
    rows = zip(row, chosen, strict=True)
    return merged([Chord(slot.start, slot.length, choices[choice][0]) for slot, choice in rows], row)


def merged(chords: Sequence[Chord], row: Sequence[Slot]) -> tuple[Chord, ...]:
    """Equal neighbours within one bar become one chord; a new bar strikes its chord anew."""
    found: list[Chord] = []
    for chord, slot in zip(chords, row, strict=True):
        if found and found[-1].tones == chord.tones and not slot.opens_bar:
            found[-1] = Chord(found[-1].start, found[-1].length + chord.length, chord.tones)
        else:
            found.append(chord)
    return tuple(found)
