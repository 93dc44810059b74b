"""How a tune is scored as an original and as remixes of three levels; every choice comes from the seed.

Level 1 has other instruments and drums. Level 2 is also transposed and in another tempo, and swings. Level 3
also has an ornamented melody with phrases an octave away, another bass and other chord voicings, a drum
introduction, one repeat less, and reverberation and noise.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .accompaniment import BASS_STYLES, CHORD_STYLES, DRUM_STYLES, bass_notes, chord_notes, drum_bar
from .form import STRAIGHT, Swing, Timing, form, swing_of, with_one_repeat_cut
from .midi import DRUMS, Channel, Event
from .ornaments import displaced, ornamented
from .tune import Note, Strain, Tune, generator

# General MIDI programs, counted from 0. An original is acoustic, a remix mostly is not. What accompanies an
# original speaks at once (piano, harpsichord, guitars, harp; plucked basses): without drums it is the beat.
_MELODY = (0, 21, 24, 40, 41, 56, 60, 64, 68, 71, 73)
_CHORDS = (0, 1, 6, 24, 25, 46)
_BASS = (0, 32, 33, 45)
_OTHER_MELODY = (11, 12, 22, 27, 29, 30, 65, 66, 75, 80, 81, 84, 104, 114)
_OTHER_CHORDS = (4, 5, 6, 7, 16, 26, 50, 61, 62, 88, 89, 90)
_OTHER_BASS = (34, 35, 36, 38, 39, 58, 87)
# Channels, with their volume and place.
_LEAD, _BACKING, _LOW = (0, 108, 70), (1, 78, 50), (2, 98, 64)
LOWEST_TEMPO, HIGHEST_TEMPO = 70, 140
_NOTES_A_SECOND = 6.5  # what fiddlers play at most, on average over a tune
_SLOWEST, _FASTEST = 0.8, 1.25
_LEAST_CHANGE = 0.04  # of the tempo, so that level 2 never has the original's
_REST_AFTER = 2.0  # seconds for the last notes to die away


@dataclass(frozen=True)
class Plan:
    """One way to play a tune: everything that decides its sound but the notes as printed."""

    level: int
    bpm: float
    transposition: int
    melody: int
    chords: int
    bass: int
    chord_style: str
    bass_style: str
    drum_style: str | None
    swing_share: float
    inversion: int
    intro_bars: int
    seed: str

    @property
    def is_free(self) -> bool:
        """Whether melody, bass and form are changed too, as at level 3."""
        return self.level >= 3


@dataclass(frozen=True)
class Performance:
    """A plan worked out: notes in seconds, and when which crotchet sounds."""

    plan: Plan
    timing: Timing
    channels: tuple[Channel, ...]
    events: tuple[Event, ...]
    seconds: float


def original_plan(tune: Tune, seed: int) -> Plan:
    """The original: acoustic instruments, no drums, a tempo its notes can be played in."""
    rng = generator(seed, tune.name, "original")
    highest = min(HIGHEST_TEMPO, max(LOWEST_TEMPO + 10, _NOTES_A_SECOND * 60 / tune.notes_per_beat))
    if tune.source.startswith("J. S. Bach"):
        highest = min(highest, 100)
    return Plan(
        level=0,
        bpm=float(rng.randint(LOWEST_TEMPO, int(highest))),
        transposition=0,
        melody=rng.choice(_MELODY),
        chords=rng.choice(_CHORDS),
        bass=rng.choice(_BASS),
        chord_style=rng.choice([style for style in CHORD_STYLES if style != "held"]),
        bass_style="root and fifth",
        drum_style=None,
        swing_share=0.5,
        inversion=0,
        intro_bars=0,
        seed=f"{seed}/{tune.name}/0",
    )


def remix_plan(tune: Tune, original: Plan, level: int, seed: int) -> Plan:
    """A remix of level 1, 2 or 3 of the original that a plan describes."""
    rng = generator(seed, tune.name, "remix", level)
    plan = replace(
        original,
        level=level,
        melody=rng.choice(_OTHER_MELODY),
        chords=rng.choice(_OTHER_CHORDS),
        bass=rng.choice(_OTHER_BASS),
        chord_style=rng.choice([style for style in CHORD_STYLES if style != original.chord_style]),
        drum_style=rng.choice(DRUM_STYLES),
        seed=f"{seed}/{tune.name}/{level}",
    )
    if level >= 2:
        ratio = 1.0
        while abs(ratio - 1) < _LEAST_CHANGE:
            ratio = rng.uniform(_SLOWEST, _FASTEST)
        plan = replace(
            plan,
            bpm=round(original.bpm * ratio, 1),
            transposition=rng.choice([shift for shift in range(-6, 6) if shift]),
            swing_share=rng.uniform(0.56, 0.66),
        )
    if level >= 3:
        plan = replace(
            plan,
            bass_style=rng.choice([style for style in BASS_STYLES if style != original.bass_style]),
            inversion=rng.choice((1, 2)),
            intro_bars=rng.randint(2, 4),
        )
    return plan


def timing_of(tune: Tune, plan: Plan, original_bpm: float | None = None) -> Timing:
    """When a plan plays what. The form is the original's, so a remix needs the original's tempo."""
    order = form(tune, original_bpm or plan.bpm)
    swing: Swing = swing_of(tune, plan.swing_share) if plan.swing_share > 0.5 else STRAIGHT
    return Timing(
        strains=tune.strains,
        order=with_one_repeat_cut(order) if plan.is_free else order,
        beat=tune.metre.beat,
        bar=tune.metre.bar,
        bpm=plan.bpm,
        swing=swing,
        intro_bars=plan.intro_bars,
    )


def perform(tune: Tune, plan: Plan, original_bpm: float | None = None) -> Performance:
    """All notes of a plan."""
    timing = timing_of(tune, plan, original_bpm)
    events: list[Event] = []
    for at, (turn, start) in enumerate(zip(timing.order, timing.starts, strict=True)):
        strain = tune.strains[turn.strain]
        rng = generator(plan.seed, "ornaments", at)
        parts = _parts(tune, strain, plan, rng)
        for (channel, _, _), notes in zip((_LEAD, _BACKING, _LOW), parts, strict=True):
            events += [_event(note, start, channel, tune, plan, timing) for note in notes]
    events += _drums(tune, plan, timing)
    channels = tuple(
        Channel(number, program, volume, pan)
        for (number, volume, pan), program in zip(
            (_LEAD, _BACKING, _LOW), (plan.melody, plan.chords, plan.bass), strict=True
        )
    ) + ((Channel(DRUMS, 0, 92),) if plan.drum_style else ())
    return Performance(plan, timing, channels, tuple(events), timing.seconds(timing.end) + _REST_AFTER)


def _parts(tune: Tune, strain: Strain, plan: Plan, rng: random.Random) -> tuple[Sequence[Note], ...]:
    """Melody, chords and bass of a strain. A chorale has its own inner parts and bass, until level 3."""
    melody: Sequence[Note] = strain.voices[0]
    if plan.is_free:
        phrase = 2 * tune.metre.bar
        melody = displaced(ornamented(melody, tune.key, rng), phrase, rng)
    if len(strain.voices) > 1 and not plan.is_free:
        inner = [note for voice in strain.voices[1:-1] for note in voice]
        return melody, inner, strain.voices[-1]
    return (
        melody,
        list(chord_notes(strain, tune.metre, plan.chord_style, plan.inversion)),
        list(bass_notes(strain, tune.metre, plan.bass_style)),
    )


def _event(note: Note, start: float, channel: int, tune: Tune, plan: Plan, timing: Timing) -> Event:
    position = start + note.start
    beat = position / tune.metre.beat
    is_on_beat = abs(beat - round(beat)) < 1e-3
    opens_bar = is_on_beat and round(beat) % tune.metre.beats == 0
    # Accents as players make them: bars, then beats, then the rest.
    velocity = 100 if opens_bar else 90 if is_on_beat else 80
    if channel == _BACKING[0]:
        velocity -= 14
    # A little less than its full length, so that a repeated note is struck again.
    end = position + note.length * (0.94 if channel == _LEAD[0] else 1.0)
    return Event(
        timing.seconds(position), timing.seconds(end), channel, note.pitch + plan.transposition, velocity
    )


def _drums(tune: Tune, plan: Plan, timing: Timing) -> Iterator[Event]:
    """Drums from the first bar line to the last; the bar before a strain begins anew has a fill."""
    if plan.drum_style is None:
        return
    opening, end, bar = timing.opening, timing.end, timing.bar
    begins = {int((start + 1e-6) // bar) for start in timing.starts}
    for number in range(int((end - 1e-6) // bar) + 1):
        for hit in drum_bar(tune.metre, plan.drum_style, number + 1 in begins):
            position = number * bar + hit.position
            if opening - 1e-6 <= position < end - 1e-6:
                start = timing.seconds(position)
                yield Event(start, start + 0.1, DRUMS, hit.drum, hit.velocity)
