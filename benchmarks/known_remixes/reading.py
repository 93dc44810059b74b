"""How a printed tune of music21's corpus becomes a `Tune`, or why it cannot: it has to fill its bars.

A tune with first and second endings, a change of metre or key, or bars that do not add up is left out: there
are thousands, and a doubtful one would spoil the truth about its beats.
music21 is imported inside functions, here and in selection.py: all else works, and is tested, without it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from .harmony import harmonise, slots
from .tune import SCALES, Key, Metre, Note, Strain, Tune

_PART = 8  # bars
METRES = {Metre(*pair) for pair in ((2, 2), (2, 4), (3, 4), (4, 4), (6, 8), (9, 8))}


class UnusableTuneError(ValueError):
    """A tune that this set cannot use, with the reason."""


def read_abc(text: str, name: str, title: str, source: str) -> Tune:
    """One tune in ABC notation."""
    from music21 import converter, stream

    score: Any = converter.parse(text, format="abc")
    if isinstance(score, stream.Opus):
        score = score.scores[0]
    return _tune(score, name, title, source)


def read_chorale(path: Path, name: str, source: str) -> Tune:
    """A chorale in four parts; its title is what the file calls it."""
    from music21 import converter

    score: Any = converter.parse(path)
    if len(score.parts) != 4:
        raise UnusableTuneError("not in four parts")
    return _tune(score, name, name, source)


def _tune(score: Any, name: str, title: str, source: str) -> Tune:
    parts = list(score.parts)
    first = parts[0]
    metre = _only(first, "TimeSignature", lambda sign: Metre(sign.numerator, sign.denominator))
    if metre not in METRES:
        raise UnusableTuneError(f"in {metre}")
    key = _key(first)
    if list(score.recurse().getElementsByClass("RepeatBracket")):
        raise UnusableTuneError("has first and second endings")
    voices = [_notes(part) for part in parts]
    if not all(voices):
        raise UnusableTuneError("has a part without notes")
    printed, phase = _sections(first, metre)
    sections = [part for section in printed for part in _split(section, voices, metre)]
    strains = []
    for number, (start, end, repeated) in enumerate(sections):
        cut = tuple(_between(voice, start, end) for voice in voices)
        if not cut[0]:
            raise UnusableTuneError("has a strain without notes")
        row = slots(cut, end - start, phase, metre)
        chords = harmonise(row, key, is_last=number == len(sections) - 1)
        strains.append(Strain(end - start, phase, cut, chords, repeated))
        phase = (phase + end - start) % metre.bar
    is_sure = key.mode in ("major", "minor") and voices[0][-1].pitch % 12 == key.tonic
    return Tune(name, title, source, metre, key, is_sure, _joined(strains, metre))


def _only(part: Any, kind: str, value: Any) -> Any:
    """What all signs of a kind in a part say, if they agree."""
    found = {value(sign) for sign in part.recurse().getElementsByClass(kind)}
    if len(found) != 1:
        raise UnusableTuneError(f"has {len(found)} values of {kind}")
    return found.pop()


def _key(part: Any) -> Key:
    signs = list(part.recurse().getElementsByClass("KeySignature"))
    if len({sign.sharps for sign in signs}) != 1:
        raise UnusableTuneError("has no key, or more than one")
    sign = signs[0]
    if not hasattr(sign, "tonic"):
        # A bare signature: of the two keys that share it, the one whose tonic is the last note.
        last = list(part.recurse().notes)[-1].pitches[-1].pitchClass
        keys = [sign.asKey(mode) for mode in ("major", "minor")]
        sign = next((key for key in keys if key.tonic.pitchClass == last), None)
        if sign is None:
            raise UnusableTuneError("has a signature, but no key")
    mode = {"ionian": "major", "aeolian": "minor"}.get(sign.mode, sign.mode)
    if mode not in SCALES:
        raise UnusableTuneError(f"in mode {mode}")
    return Key(int(sign.tonic.pitchClass), mode)


def _notes(part: Any) -> tuple[Note, ...]:
    """The part's own notes, ties joined, grace notes dropped; of a double stop the upper one."""
    flat = part.flatten().stripTies()
    found = [
        Note(float(note.offset), float(note.quarterLength), max(int(pitch.midi) for pitch in note.pitches))
        for note in flat.notes
        if note.quarterLength > 0 and note.pitches
    ]
    if any(after.start < before.start + before.length - 1e-3 for before, after in pairwise(found)):
        raise UnusableTuneError("has notes that overlap in one part")
    return tuple(found)


def _between(voice: tuple[Note, ...], start: float, end: float) -> tuple[Note, ...]:
    return tuple(
        Note(round(note.start - start, 6), round(min(note.length, end - note.start), 6), note.pitch)
        for note in voice
        if start - 1e-6 <= note.start < end - 1e-6
    )


def _sections(part: Any, metre: Metre) -> tuple[list[tuple[float, float, bool]], float]:
    """Start and end of each strain and whether it is repeated; where in a bar the first begins. Crotchets."""
    from music21 import bar

    bars = [measure for measure in part.getElementsByClass("Measure") if measure.duration.quarterLength > 0]
    if len(bars) < 6:
        raise UnusableTuneError("shorter than six bars")
    lengths = [float(measure.duration.quarterLength) for measure in bars]
    phase = (metre.bar - lengths[0]) % metre.bar
    edges: list[tuple[float, bool]] = []  # where a strain ends, and whether it is repeated
    position, begins = phase, float(bars[0].offset)
    for measure, length in zip(bars, lengths, strict=True):
        start = float(measure.offset)
        opening = measure.leftBarline
        if isinstance(opening, bar.Repeat) and start > begins and (not edges or edges[-1][0] < start - 1e-6):
            edges.append((start, False))
        before, position = position, position + length
        # A bar line may be crossed by no measure; one that is short is an upbeat or its complement.
        if length > metre.bar + 1e-3 or (position - 1e-3) // metre.bar != (before + 1e-3) // metre.bar:
            raise UnusableTuneError("has bars that do not add up")
        closing = measure.rightBarline
        if isinstance(closing, bar.Repeat) and closing.direction == "end":
            edges.append((start + length, True))
    end = float(bars[-1].offset) + lengths[-1]
    if not edges or edges[-1][0] < end - 1e-6:
        edges.append((end, False))
    starts = [begins, *(edge for edge, _ in edges[:-1])]
    return [(start, edge, repeated) for start, (edge, repeated) in zip(starts, edges, strict=True)], phase


def _split(
    section: tuple[float, float, bool], voices: list[tuple[Note, ...]], metre: Metre
) -> list[tuple[float, float, bool]]:
    """A long strain that is printed without repeats, in parts of eight bars, unless a note is held across."""
    start, end, repeated = section
    cuts = []
    while not repeated and end - start > (_PART + _PART / 2) * metre.bar:
        cut = start + _PART * metre.bar
        notes = [note for voice in voices for note in voice]
        if any(note.start < cut - 1e-3 and note.start + note.length > cut + 1e-3 for note in notes):
            break
        cuts.append((start, cut, False))
        start = cut
    return [*cuts, (start, end, repeated)]


def _joined(strains: list[Strain], metre: Metre) -> tuple[Strain, ...]:
    """The strains, if each can follow each; the last is filled up to where in the bar the first began."""
    if any(abs(strain.phase - strains[0].phase) > 1e-3 for strain in strains):
        raise UnusableTuneError("has strains that begin at different places in a bar")
    if strains[-1].repeated and (strains[-1].length + 1e-6) % metre.bar > 1e-3:
        raise UnusableTuneError("has a repeat that does not fill its bars")
    last = strains[-1]
    rest = (strains[0].phase - last.phase - last.length) % metre.bar
    if min(rest, metre.bar - rest) > 1e-3:
        filled = last.length + rest
        chords = (*last.chords[:-1], _longer(last.chords[-1], rest))
        strains = [*strains[:-1], Strain(filled, last.phase, last.voices, chords, last.repeated)]
    return tuple(strains)


def _longer(chord: Any, by: float) -> Any:
    return type(chord)(chord.start, chord.length + by, chord.tones)


def plain_title(text: str) -> str:
    """A title by which two printings of a tune are seen as one: no article, no dance, no signs."""
    text = re.sub(r"--.*|\(.*?\)|,?\s*(1st|2nd|3rd|4th)\s+(setting|set)\.?", " ", text.lower())
    text = re.sub(r"\b(the|a|an|reel|jig|hornpipe|strathspey|slipjig|march|favou?rite|air|of|o)\b", " ", text)
    return re.sub(r"[^a-z]+", "", text)
