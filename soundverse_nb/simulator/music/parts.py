"""The added parts: drums, bass, chords, pad, tune and voice, in the remix's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.random import Generator

from soundverse_nb.simulator.music import drums, instruments, singing
from soundverse_nb.simulator.music.drums import BASS, CHORDS, DRUMS, FILLS, STEPS, Hit, read_grid
from soundverse_nb.simulator.music.form import Bar, Grid
from soundverse_nb.simulator.music.harmony import Chord, Harmony
from soundverse_nb.simulator.music.score import Score
from soundverse_nb.simulator.music.styles import Style
from soundverse_nb.simulator.music.variation import FIRST, Variation

_KICKS = frozenset(("kick", "deep kick", "hard kick", "soft kick", "sub kick", "chip kick", "timpani"))
_PANS = {
    "hat": 0.25, "soft hat": 0.2, "open hat": 0.3, "ride": -0.3, "shaker": -0.4, "tambourine": 0.45,
    "rim": -0.2, "conga": -0.35, "high conga": 0.35, "clave": 0.5, "tom": -0.3, "low tom": 0.3, "crash": 0.15,
}  # fmt: skip
_LOUD = {"Drums": 0.42, "Bass": 0.34, "Chords": 0.33, "Pad": 0.1, "Tune": 0.24, "Voice": 0.3}
_CRASHES_ABOVE = 7000.0  # Hz: duller styles are spared the cymbal
_SHORT = 1.7  # steps: notes up to this length sound softer than they are, and are played louder


@dataclass(frozen=True)
class Session:
    """Everything the players agree on. Pitches of the added parts are shifted by `transposed` semitones.

    `variation` is what of it they do their own way in this take.
    """

    style: Style
    grid: Grid
    form: tuple[Bar, ...]
    harmony: Harmony
    transposed: float
    rate: int
    chance: Generator
    variation: Variation = FIRST

    def frame(self, bar: int, step: float) -> int:
        return round(self.grid.seconds(bar, step) * self.rate)

    def chord(self, bar: int, step: float) -> Chord:
        chords = self.harmony.chords
        return chords[min(2 * bar + (1 if step >= STEPS / 2 else 0), len(chords) - 1)]

    def human(self) -> float:
        """A small push or drag in frames: players, not machines."""
        return float(self.chance.normal(0, 0.0025 * self.rate)) if self.style.swing > 0.5 else 0.0

    def level(self, part: str) -> float:
        return _LOUD[part] * self.variation.level(part)

    @cached_property
    def tuning(self) -> float:
        return self.transposed + self.harmony.cents / 100


def play_all(session: Session, score: Score, lyrics: str) -> list[int]:
    """Everybody; returns the frames of the kicks, which the rest may duck under."""
    kicks = play_drums(session, score)
    play_bass(session, score)
    play_chords(session, score)
    play_pad(session, score)
    play_tune(session, score)
    sing_lyrics(session, score, lyrics)
    return kicks


def play_drums(session: Session, score: Score) -> list[int]:
    """The drummer; returns the frames of the kicks."""
    vary = session.variation
    pattern = {name: vary.grid(name, grid) for name, grid in DRUMS[session.style.drums].items()}
    if not pattern:
        return []
    first = int(session.chance.integers(len(FILLS)))
    fills = FILLS[first : first + 1] if vary.fill is None else (*FILLS[vary.fill :], *FILLS[: vary.fill])
    names = frozenset(pattern).union(*fills) | {"crash"}
    kit = drums.kit(session.rate, session.chance, names)
    kicks: list[int] = []
    filled = 0
    for number, bar in enumerate(session.form):
        if not bar.drums:
            continue
        fill = fills[filled % len(fills)]
        filled += bar.fill
        for name, step, velocity in _strokes(session, pattern, fill, number, bar):
            if name in _KICKS and not bar.kick:
                continue
            at = session.frame(number, step) + round(session.human())
            if name in _KICKS:
                kicks.append(max(0, at))
            level = session.level("Drums") * velocity * (1 + 0.08 * session.chance.standard_normal())
            echo = 0.3 * session.style.echo if name in ("rim", "snare", "clap") and velocity > 0.7 else 0.0
            room = 0.03 if name in _KICKS else 0.14
            score.add(kit[name], at, level, pan=_PANS.get(name, 0.0), room=room, echo=echo)
    return kicks


def _strokes(
    session: Session, pattern: Mapping[str, str], fill: Mapping[str, str], number: int, bar: Bar
) -> list[tuple[str, float, float]]:
    """(drum, step, velocity) of one bar."""
    rows = [(name, hit) for name, grid in pattern.items() for hit in read_grid(grid)]
    feel = session.grid.feel
    if feel < 1:  # the pattern takes two bars
        placed = [(name, 2.0 * hit.step - STEPS * (number % 2), hit.velocity) for name, hit in rows]
        strokes = [stroke for stroke in placed if 0 <= stroke[1] < STEPS]
    elif feel > 1:
        halves = (0.0, STEPS / 2)
        strokes = [(name, half + hit.step / 2, hit.velocity) for half in halves for name, hit in rows]
    else:
        strokes = [(name, float(hit.step), hit.velocity) for name, hit in rows]
    if bar.fill:
        strokes = [stroke for stroke in strokes if stroke[1] < 12 or stroke[0] in _KICKS]
        strokes += [(name, hit.step, hit.velocity) for name, grid in fill.items() for hit in read_grid(grid)]
    if bar.crash and session.style.high_cut >= _CRASHES_ABOVE:
        strokes.append(("crash", 0.0, 0.7))
    return strokes


def play_bass(session: Session, score: Score) -> None:
    style = session.style
    hits = read_grid(session.variation.grid("bass", BASS[style.bass]))
    if not hits:
        return
    for number, bar in enumerate(session.form):
        if not bar.bass:
            continue
        for hit, until in _with_ends(hits):
            chord = session.chord(number, hit.step)
            pitch = _bass_note(session, style.bass, chord, number, hit)
            seconds = min(until - hit.step, 7.5) * session.grid.step * 0.94
            note = partial(instruments.play, style.bass_sound, pitch + session.tuning, seconds, session.rate)
            at = session.frame(number, hit.step) + round(session.human())
            score.add(note, at, session.level("Bass") * hit.velocity, room=0.02, ducked=style.pump > 0.5)


def _bass_note(session: Session, pattern: str, chord: Chord, bar: int, hit: Hit) -> int:
    root = _near(chord.root, 36)
    if pattern == "walking":
        third, fifth = root + (3 if chord.minor else 4), root + 7
        following = _near(session.chord(bar + (hit.step >= 12), (hit.step + 4) % STEPS).root, 36)
        steps = {0: root, 4: third, 8: _near(chord.root, 36), 12: fifth}
        if hit.step == 14:
            return following + (1 if following <= fifth else -1)
        return steps.get(hit.step, root)
    if pattern == "octaves" and hit.step % 4 == 2:
        return root + 12
    if pattern in ("dub", "tumbao") and hit.step % 4:
        return root + 7 if root < 41 else root - 5
    if pattern == "offbeat" and hit.step == 15:
        return root + 12
    return root


def play_chords(session: Session, score: Score) -> None:
    style = session.style
    grid, longest = CHORDS[style.chords]
    hits = read_grid(session.variation.grid("chords", grid))
    echo = 0.55 * style.echo if style.chords in ("skank", "offbeats", "stabs") else 0.1 * style.echo
    for number, bar in enumerate(session.form):
        if not bar.chords:
            continue
        for place, (hit, until) in enumerate(_with_ends(hits)):
            voicing = _voicing(session, session.chord(number, hit.step), style.chord_sound)
            if style.chords in ("arpeggio", "montuno"):
                voicing = [(*voicing, voicing[0] + 12)[place % (len(voicing) + 1)] + 12]
            seconds = min(until - hit.step, longest) * session.grid.step
            level = session.level("Chords") * hit.velocity / max(2, len(voicing)) ** 0.5
            level *= 1.4 if longest <= _SHORT else 1.0
            for voice, pitch in enumerate(voicing):
                note = partial(
                    instruments.play, style.chord_sound, pitch + session.tuning, seconds, session.rate
                )
                spread = 0.5 * (voice / max(1, len(voicing) - 1) - 0.5)
                strum = round(0.011 * voice * session.rate) if style.chords in ("strum", "held") else 0
                at = session.frame(number, hit.step) + strum + round(session.human())
                score.add(note, at, level, pan=spread, room=0.25, echo=echo, ducked=True)


def play_pad(session: Session, score: Score) -> None:
    style = session.style
    if style.pad_sound == "none":
        return
    halves = [(number, step) for number in range(len(session.form)) for step in (0, 8)]
    place = 0
    while place < len(halves):
        chord = session.chord(*halves[place])
        end = place + 1
        while end < len(halves) and end - place < 8 and session.chord(*halves[end]) == chord:
            end += 1
        seconds = (end - place) * 8 * session.grid.step
        for voice, pitch in enumerate((*_voicing(session, chord, style.pad_sound), _near(chord.root, 67))):
            note = partial(instruments.play, style.pad_sound, pitch + session.tuning, seconds, session.rate)
            at = session.frame(*halves[place])
            score.add(note, at, session.level("Pad"), pan=0.6 * (voice % 2) - 0.3, room=0.5, ducked=True)
        place = end


def play_tune(session: Session, score: Score) -> None:
    """An instrument that joins the song's own tune where the form gives it room."""
    if session.style.tune_sound == "none":
        return
    for bar, step, length, pitch in tune_notes(session):
        if not session.form[bar].lead:
            continue
        seconds = length * 2 * session.grid.step * 0.95
        note = partial(
            instruments.play, session.style.tune_sound, pitch + session.tuning, seconds, session.rate
        )
        at, level, echo = session.frame(bar, step), session.level("Tune"), 0.35 * session.style.echo
        score.add(note, at, level, pan=0.12, room=0.3, echo=echo)
        ornaments = session.variation.ornaments
        if ornaments > 0 and session.chance.random() < ornaments:
            _grace(session, score, at, pitch, 0.7 * level)


def _grace(session: Session, score: Score, at: int, pitch: int, level: float) -> None:
    """A short neighbour note on the way to a note of the tune."""
    seconds = 0.7 * session.grid.step
    neighbour = pitch + int(session.chance.choice((-1, 2)))
    note = partial(
        instruments.play, session.style.tune_sound, neighbour + session.tuning, seconds, session.rate
    )
    score.add(note, at - round(seconds * session.rate), level, pan=0.12, room=0.3)


def tune_notes(session: Session) -> list[tuple[int, int, int, int]]:
    """The song's tune as (bar, step, half beats, MIDI pitch); notes that stay are held, up to a bar."""
    notes: list[tuple[int, int, int, int]] = []
    for place, pitch in enumerate(session.harmony.tune):
        bar, step = place // 8, 2 * (place % 8)
        if pitch is None or bar >= len(session.form):
            continue
        if notes and step and notes[-1][3] == pitch and notes[-1][:2] == (bar, step - 2 * notes[-1][2]):
            notes[-1] = (*notes[-1][:2], notes[-1][2] + 1, pitch)
        else:
            notes.append((bar, step, 1, pitch))
    return notes


def sing_lyrics(session: Session, score: Score, lyrics: str) -> None:
    """The lyrics on notes of the chords near the tune, a line to two bars, with a breath after each."""
    words = singing.syllables(lyrics)
    if not words:
        return
    noise = session.chance.standard_normal(session.rate).astype(np.float32)
    bars = [number for number, bar in enumerate(session.form) if bar.section in ("main", "break")]
    place, step, pitch = 0, 0.0, 67
    for word in range(4 * len(words) + 64):
        if place >= len(bars):
            return
        syllable = words[word % len(words)]
        bar = bars[place]
        length = 4.0 if syllable.last else (2.0, 2.0, 3.0, 2.0)[word % 4] if step % 4 == 0 else 2.0
        pitch = _sung_pitch(session, bar, step, pitch)
        seconds = length * session.grid.step * (0.98 if not syllable.last else 0.9)
        sound = partial(singing.sing, syllable, pitch + session.tuning, seconds, session.rate, noise)
        score.add(sound, session.frame(bar, step), session.level("Voice"), room=0.3, echo=0.2)
        step += length
        if syllable.last:
            step = 8.0 * np.ceil((step + 2) / 8)
        while step >= STEPS:
            step -= STEPS
            place += 1


def _sung_pitch(session: Session, bar: int, step: float, before: int) -> int:
    """The tune's note in the voice's range where it belongs to the chord, else the nearest chord tone."""
    tune = session.harmony.tune
    measured = tune[min(8 * bar + int(step // 2), len(tune) - 1)]
    tones = session.chord(bar, step).pitch_classes
    shift = round(session.transposed)
    if measured is not None and measured % 12 in tones:
        return _near(measured % 12, 66 - shift)
    nearest = (_near(tone, before) for tone in tones)
    return min(nearest, key=lambda pitch: (abs(pitch - before), abs(pitch - 66)))


def _voicing(session: Session, chord: Chord, sound: str) -> tuple[int, ...] | list[int]:
    """The chord's notes in close position around the middle of the keyboard; power chords low and bare."""
    middle = 62 + session.variation.voicing
    if sound == "distorted guitar":
        root = _near(chord.root, 45)
        return root, root + 7, root + 12
    return sorted(_near(pitch, middle) for pitch in chord.pitch_classes)


def _near(pitch_class: int, centre: int) -> int:
    """The note of this pitch class nearest to a MIDI note."""
    return centre + (pitch_class - centre + 6) % 12 - 6


def _with_ends(hits: tuple[Hit, ...]) -> list[tuple[Hit, float]]:
    """Each hit with the step at which the next one begins."""
    ends = [*(float(hit.step) for hit in hits[1:]), float(STEPS)]
    return list(zip(hits, ends[: len(hits)], strict=True))
