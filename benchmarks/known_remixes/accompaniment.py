"""What plays below a melody: chords, a bass and drums, each in a few usual ways.

Everything is in crotchets; `phase` says where in a bar a strain begins, so that patterns fall on its beats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .tune import Chord, Metre, Note, Strain

# General MIDI's numbers of the drums on channel 10.
KICK, SNARE, RIM, CLAP, HAT, OPEN_HAT, RIDE, TAMBOURINE, SHAKER = 36, 38, 37, 39, 42, 46, 51, 54, 70
CHORD_STYLES = ("struck", "after the beat", "broken", "held")
BASS_STYLES = ("roots", "root and fifth", "walking", "octaves", "syncopated")
DRUM_STYLES = ("backbeat", "four on the floor", "half time", "shuffle")


@dataclass(frozen=True)
class Hit:
    """A drum and when it is struck, in crotchets from a bar line; velocity 1 to 127."""

    position: float
    drum: int
    velocity: int


def voicing(tones: Sequence[int], inversion: int, lowest: int) -> tuple[int, ...]:
    """A triad's tones in close position, each above the one before, the first at or above `lowest`."""
    turned = [*tones[inversion % 3 :], *tones[: inversion % 3]]
    pitches: list[int] = []
    for tone in turned:
        floor = pitches[-1] + 1 if pitches else lowest
        pitches.append(floor + (tone - floor) % 12)
    return tuple(pitches)


def _beats(chord: Chord, phase: float, metre: Metre) -> Iterator[tuple[float, float]]:
    """Start and length of each beat, or rest of one, that a chord holds; positions in the strain."""
    position, end = chord.start, chord.start + chord.length
    while position < end - 1e-6:
        left = metre.beat - (position + phase + 1e-6) % metre.beat
        length = min(left, end - position)
        if length > 1e-3:
            yield position, length
        position += max(length, 1e-3)


def chord_notes(strain: Strain, metre: Metre, style: str, inversion: int, lowest: int = 55) -> Iterator[Note]:
    """The chords of a strain in one of `CHORD_STYLES`, around middle C."""
    for chord in strain.chords:
        pitches = voicing(chord.tones, inversion, lowest)
        if style == "held":
            yield from (Note(chord.start, chord.length, pitch) for pitch in pitches)
            continue
        for number, (start, length) in enumerate(_beats(chord, strain.phase, metre)):
            if style == "struck":
                yield from (Note(start, length * 0.8, pitch) for pitch in pitches)
            elif style == "after the beat":
                late = start + length * (2 / 3 if metre.is_compound else 1 / 2)
                yield from (Note(late, (start + length - late) * 0.8, pitch) for pitch in pitches)
            else:
                parts = 3 if metre.is_compound else 2
                for part in range(parts):
                    pitch = pitches[(number * parts + part) % 3]
                    yield Note(start + part * length / parts, length / parts, pitch)


def bass_notes(strain: Strain, metre: Metre, style: str) -> Iterator[Note]:
    """A bass under a strain in one of `BASS_STYLES`, from the low E of a double bass upwards."""
    for at, chord in enumerate(strain.chords):
        root, third, fifth = (40 + (tone - 40) % 12 for tone in chord.tones)
        following = strain.chords[at + 1] if at + 1 < len(strain.chords) else chord
        aim = 40 + (following.tones[0] - 40) % 12
        beats = list(_beats(chord, strain.phase, metre))
        for number, (start, length) in enumerate(beats):
            if style == "roots":
                if number == 0:
                    yield Note(chord.start, chord.length * 0.95, root)
            elif style == "root and fifth":
                yield Note(start, length * 0.8, fifth if number % 2 else root)
            elif style == "walking":
                is_last = number == len(beats) - 1 and number > 0
                approach = aim + (1 if aim < root else -1)
                pitch = approach if is_last else (root, third, fifth, third)[number % 4]
                yield Note(start, length * 0.9, pitch)
            elif style == "octaves":
                yield Note(start, length / 2 * 0.8, root)
                yield Note(start + length / 2, length / 2 * 0.8, root + 12)
            else:
                yield Note(start, length * 0.45, root)
                yield Note(start + length * (2 / 3 if metre.is_compound else 0.75), length * 0.2, fifth)


def drum_bar(metre: Metre, style: str, is_fill: bool) -> tuple[Hit, ...]:
    """One bar of drums in one of `DRUM_STYLES`; the bar before a new strain is filled up on the snare."""
    beat, hits = metre.beat, []
    parts = 3 if metre.is_compound else 2
    for number in range(metre.beats):
        at = number * beat
        is_strong = number % 2 == 0 if metre.beats != 3 else number == 0
        if style == "four on the floor":
            hits.append(Hit(at, KICK, 105))
            hits.append(Hit(at + beat * (parts - 1) / parts, OPEN_HAT, 70))
            if not is_strong:
                hits.append(Hit(at, CLAP, 90))
        elif style == "half time":
            if number == 0:
                hits.append(Hit(at, KICK, 110))
            if number == metre.beats // 2 and number > 0:
                hits.append(Hit(at, RIM, 95))
            hits += [Hit(at + part * beat / parts, SHAKER, 60 if part else 80) for part in range(parts)]
        elif style == "shuffle":
            hits.append(Hit(at, RIDE, 85))
            hits.append(Hit(at + beat * (parts - 1) / parts, RIDE, 60))
            hits.append(Hit(at, KICK if is_strong else SNARE, 90))
        else:
            hits += [Hit(at + part * beat / parts, HAT, 60 if part else 80) for part in range(parts)]
            hits.append(Hit(at, KICK, 105) if is_strong else Hit(at, SNARE, 100))
    if is_fill:
        last = (metre.beats - 1) * beat
        hits += [Hit(last + part * beat / (2 * parts), SNARE, 70 + 8 * part) for part in range(2 * parts)]
    return tuple(hits)
