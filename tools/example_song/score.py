"""The notes of the example song "Harbour Lights": F major, 100 beats a minute, twelve bars.

Two bars of introduction, a verse and a chorus of four bars each, two bars to end on. A note is
(beat, length in beats, MIDI pitch); beats count from 0 at the start of the song, four to the bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TITLE = "Harbour Lights"
BPM = 100.0
BARS = 12
SWING = 0.56  # where the second eighth of a beat falls; 0.5 is straight, 0.667 a triplet
INTRO, VERSE, CHORUS, ENDING = range(2), range(2, 6), range(6, 10), range(10, 12)


@dataclass(frozen=True)
class Note:
    """One note: start and length in beats, MIDI pitch, velocity 0-1."""

    beat: float
    length: float
    pitch: int
    velocity: float = 0.8


@dataclass(frozen=True)
class Change:
    """A chord: where it starts and how long it stands, in beats; its bass note and its voicing (MIDI)."""

    beat: float
    length: float
    bass: int
    voicing: tuple[int, ...]


_F_MAJ9 = (41, (57, 60, 64, 67))
_D_M7 = (38, (57, 60, 65, 69))
_G_M9 = (43, (58, 62, 65, 69))
_C_13 = (36, (58, 62, 64, 69))
_BB_MAJ9 = (46, (57, 60, 62, 65))
_C_9 = (48, (58, 62, 64, 67))
_A_M7 = (45, (55, 60, 64, 67))
_D_7B9 = (50, (54, 60, 63, 69))
_G_M7 = (43, (58, 62, 65, 67))
_F_69 = (41, (57, 60, 62, 67))

_CHORDS: tuple[tuple[float, tuple[int, tuple[int, ...]]], ...] = (
    (4, _F_MAJ9), (4, _BB_MAJ9),
    (4, _F_MAJ9), (4, _D_M7), (4, _G_M9), (4, _C_13),
    (2, _BB_MAJ9), (2, _C_9), (2, _A_M7), (2, _D_7B9), (2, _G_M7), (2, _C_13), (4, _F_MAJ9),
    (2, _BB_MAJ9), (2, _C_9), (4, _F_69),
)  # fmt: skip

# (beats, pitch) one after another from the start of the verse; None is a rest.
_VERSE: tuple[tuple[float, int | None], ...] = (
    (0.5, None), (0.5, 72), (0.5, 69), (0.5, 72), (1.0, 74), (1.0, 72),
    (1.5, 69), (0.5, 65), (0.5, 67), (0.5, 69), (1.0, 72),
    (1.5, 70), (0.5, 69), (0.5, 67), (0.5, 69), (1.0, 70),
    (1.5, 67), (0.5, 64), (0.5, 65), (0.5, 67), (1.0, 72),
)  # fmt: skip
_CHORUS: tuple[tuple[float, int | None], ...] = (
    (1.0, 74), (0.5, 77), (0.5, 74), (1.0, 76), (0.5, 79), (0.5, 76),
    (1.0, 72), (0.5, 76), (0.5, 72), (0.75, 78), (0.25, 76), (1.0, 74),
    (0.5, 70), (0.5, 72), (0.5, 74), (0.5, 77), (1.0, 76), (0.5, 74), (0.5, 70),
    (1.5, 72), (0.5, 69), (1.0, 65), (0.5, None), (0.5, 69),
)  # fmt: skip
_ENDING: tuple[tuple[float, int | None], ...] = (
    (1.0, 70), (0.5, 69), (0.5, 67), (0.5, 67), (0.5, 69), (0.5, 70), (0.5, 72), (4.0, 77),
)  # fmt: skip


def changes() -> Iterator[Change]:
    """The chords from the first bar to the last."""
    beat = 0.0
    for length, (bass, voicing) in _CHORDS:
        yield Change(beat, length, bass, voicing)
        beat += length


def _line(start: float, steps: Iterable[tuple[float, int | None]]) -> Iterator[Note]:
    beat = start
    for length, pitch in steps:
        if pitch is not None:
            on_beat = beat == int(beat)
            yield Note(beat, length, pitch, 0.86 if on_beat else 0.72)
        beat += length


def verse_tune() -> tuple[Note, ...]:
    return tuple(_line(4.0 * VERSE.start, _VERSE))


def chorus_tune() -> tuple[Note, ...]:
    return tuple(_line(4.0 * CHORUS.start, _CHORUS))


def ending_tune() -> tuple[Note, ...]:
    return tuple(_line(4.0 * ENDING.start, _ENDING))


def tune() -> tuple[Note, ...]:
    """The melody from the verse to the end."""
    return verse_tune() + chorus_tune() + ending_tune()


def counter_line() -> tuple[Note, ...]:
    """What the strings hold under the chorus: the thirds and sevenths, moving by step."""
    held = ((2, 62), (2, 64), (2, 60), (2, 60), (2, 58), (2, 58), (4, 57))
    return tuple(_line(4.0 * CHORUS.start, held))


def bass_line() -> Iterator[Note]:
    """Roots and fifths in the verse, walking a little in the chorus."""
    for change in changes():
        bar = int(change.beat // 4)
        fifth = change.bass + 7 if change.bass < 43 else change.bass - 5
        if bar in INTRO:
            yield Note(change.beat, 3.6, change.bass, 0.7)
        elif bar == BARS - 1:
            yield Note(change.beat, 4.0, change.bass, 0.8)
        elif change.length >= 4:
            yield Note(change.beat, 1.4, change.bass, 0.86)
            yield Note(change.beat + 1.5, 0.5, change.bass, 0.62)
            yield Note(change.beat + 2, 1.3, fifth, 0.78)
            yield Note(change.beat + 3.5, 0.5, change.bass + 12 if change.bass < 40 else fifth, 0.6)
        else:
            yield Note(change.beat, 0.9, change.bass, 0.86)
            yield Note(change.beat + 1, 0.5, fifth, 0.72)
            yield Note(change.beat + 1.5, 0.5, change.bass, 0.6)


def comping() -> Iterator[Note]:
    """The electric piano: whole chords at first, then off the beat."""
    for change in changes():
        bar = int(change.beat // 4)
        if bar in INTRO or bar == BARS - 1:
            hits: tuple[tuple[float, float, float], ...] = ((0.0, change.length, 0.66),)
        elif change.length >= 4:
            hits = ((0.0, 1.4, 0.7), (1.5, 1.0, 0.56), (2.5, 1.4, 0.62))
        else:
            hits = ((0.0, 0.9, 0.68), (1.5, 0.45, 0.6))
        for offset, length, velocity in hits:
            for voice, pitch in enumerate(change.voicing):
                yield Note(change.beat + offset + 0.012 * voice, length, pitch, velocity)


def picking() -> Iterator[Note]:
    """The guitar: broken chords through introduction, verse and ending."""
    order = (0, 2, 1, 3, 2, 1, 3, 2)
    for change in changes():
        bar = int(change.beat // 4)
        if bar in CHORUS:
            continue
        for step in range(int(change.length * 2)):
            pitch = change.voicing[order[step % 8] % len(change.voicing)]
            if bar == BARS - 1 and step > 4:
                return
            yield Note(change.beat + step / 2, 1.2, pitch, 0.74 if step % 2 == 0 else 0.58)


def drum_hits() -> Iterator[tuple[str, float, float]]:
    """(drum, beat, velocity): brushes all through, kick and snare from the verse, ride in the chorus."""
    for bar in range(BARS - 1):
        first = 4.0 * bar
        for beat in range(4):
            yield "swish", first + beat, 0.75 if beat % 2 else 0.5
        if bar in INTRO:
            yield from (("hat", first + half / 2, 0.35 if half % 2 else 0.5) for half in range(2, 8))
            continue
        yield from (("kick", first + at, v) for at, v in ((0.0, 0.9), (2.0, 0.75), (2.5, 0.5)))
        yield from (("brush", first + at, v) for at, v in ((1.0, 0.8), (3.0, 0.85), (3.75, 0.3)))
        if bar in CHORUS:
            yield from (("ride", first + at, v) for at, v in _RIDE)
        else:
            yield from (("hat", first + half / 2, 0.6 if half % 2 else 0.4) for half in range(8))
        if bar in (VERSE.stop - 1, CHORUS.stop - 1):
            yield from (("brush", first + at, v) for at, v in ((3.25, 0.5), (3.5, 0.62), (3.75, 0.75)))
    for start in (VERSE.start, CHORUS.start, BARS - 1):
        yield "cymbal", 4.0 * start, 0.7
    yield "kick", 4.0 * (BARS - 1), 0.9


_RIDE = ((0.0, 0.7), (1.0, 0.8), (1.5, 0.45), (2.0, 0.7), (3.0, 0.8), (3.5, 0.45))
