"""In which order a tune's strains are played, and at which second each of their crotchets sounds.

Two ways to play one tune share its strains; that is what maps the seconds of the one onto the other's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .tune import Strain, Tune

SHORTEST, WANTED, LONGEST = 36.0, 46.0, 60.0  # seconds of an original


@dataclass(frozen=True)
class Turn:
    """One strain in its place: which, and for the how manieth time, so that two forms can be compared."""

    strain: int
    time: int


def form(tune: Tune, bpm: float) -> tuple[Turn, ...]:
    """The order of an original of about 46 s: AABB as often as fits, without repeats where it is long."""
    second = bpm / 60 * tune.metre.beat  # crotchets

    def seconds(order: Sequence[int]) -> float:
        return sum(tune.strains[at].length for at in order) / second

    verse = [at for at, strain in enumerate(tune.strains) for _ in range(2 if strain.repeated else 1)]
    if seconds(verse) > LONGEST:
        verse = list(range(len(tune.strains)))
    while len(verse) > 1 and seconds(verse) > LONGEST:
        verse.pop()
    verses = max(1, round(WANTED / seconds(verse)))
    if verses * seconds(verse) < SHORTEST:
        verses += 1
    times: dict[int, int] = {}
    order = []
    for at in verse * verses:
        order.append(Turn(at, times.get(at, 0)))
        times[at] = times.get(at, 0) + 1
    return tuple(order)


def with_one_repeat_cut(order: Sequence[Turn]) -> tuple[Turn, ...]:
    """One strain that follows itself is played once less; where none does, the second verse starts late.

    A tune of two turns stays as it is: one of them alone would be too short, and is no repeat.
    """
    for at in range(1, len(order)):
        if len(order) > 2 and order[at].strain == order[at - 1].strain:
            return (*order[:at], *order[at + 1 :])
    again = next((at for at, turn in enumerate(order) if turn.time == 1), len(order))
    left_out = (len(order) - again) // 2
    return (*order[:again], *order[again + left_out :])


@dataclass(frozen=True)
class Swing:
    """Pairs of short notes played long and short: `unit` is a pair in crotchets, `share` the first's part."""

    unit: float
    share: float

    def warp(self, position: float) -> float:
        """Where a crotchet of the tune comes when it swings; the ends of each pair stay."""
        pair, inside = divmod(position, self.unit)
        inside /= self.unit
        bent = inside * 2 * self.share if inside < 0.5 else self.share + (inside - 0.5) * 2 * (1 - self.share)
        return (pair + bent) * self.unit


STRAIGHT = Swing(1.0, 0.5)


def swing_of(tune: Tune, share: float) -> Swing:
    """Swing on the shortest notes the tune often has, quavers or semiquavers; 6/8 and 9/8 do not swing."""
    if tune.metre.is_compound:
        return STRAIGHT
    notes = [note for strain in tune.strains for note in strain.voices[0]]
    short = sum(note.length <= 0.25 for note in notes)
    return Swing(0.5 if short > 0.2 * len(notes) else 1.0, share)


@dataclass(frozen=True)
class Timing:
    """When a performance plays what: its order, its tempo in beats a minute, its swing, its introduction."""

    strains: tuple[Strain, ...]
    order: tuple[Turn, ...]
    beat: float
    bar: float
    bpm: float
    swing: Swing = STRAIGHT
    intro_bars: int = 0

    @property
    def opening(self) -> float:
        """Crotchets from the bar line of the first strain to the beat its upbeat begins in."""
        phase = self.strains[self.order[0].strain].phase
        return 0.0 if self.intro_bars else (phase + 1e-6) // self.beat * self.beat

    @property
    def starts(self) -> tuple[float, ...]:
        """Where each strain of the order begins, in crotchets from the first bar line of all."""
        position = self.strains[self.order[0].strain].phase + self.intro_bars * self.bar
        # The upbeat sounds in the introduction's last bar.
        if self.intro_bars and self.strains[self.order[0].strain].phase > 0:
            position -= self.bar
        found = []
        for turn in self.order:
            found.append(position)
            position += self.strains[turn.strain].length
        return tuple(found)

    @property
    def end(self) -> float:
        return self.starts[-1] + self.strains[self.order[-1].strain].length

    def seconds(self, position: float) -> float:
        """The second at which a crotchet, counted from the first bar line, sounds."""
        return (self.swing.warp(position) - self.opening) * 60 / (self.bpm * self.beat)

    def beats(self) -> tuple[tuple[float, ...], int]:
        """The seconds of all beats, and which of them is the first to open a bar."""
        first = round(self.opening / self.beat)
        count = int((self.end + 1e-6) / self.beat)
        times = tuple(self.seconds(beat * self.beat) for beat in range(first, count + 1))
        in_bar = round(self.bar / self.beat)
        return times, -first % in_bar

    def knots(self, at: int) -> tuple[float, ...]:
        """Crotchets of strain `at` of the order between which its time runs evenly, both ends included."""
        start, length = self.starts[at], self.strains[self.order[at].strain].length
        half = self.swing.unit / 2
        first = start // half + 1
        inside = [half * (first + step) - start for step in range(int(length / half) + 2)]
        return (0.0, *(position for position in inside if 1e-6 < position < length - 1e-6), length)


@dataclass(frozen=True)
class Piece:
    """Seconds of an original and the seconds of a remix that sound the same; even in between."""

    original: tuple[float, ...]
    remix: tuple[float, ...]


@dataclass(frozen=True)
class TimeMap:
    """Which second of a remix plays what a second of its original plays; nothing, where a repeat was cut."""

    pieces: tuple[Piece, ...]

    def to_remix(self, seconds: float) -> float | None:
        """The remix's second for one of the original; None before, after and where it was cut."""
        return _through([(piece.original, piece.remix) for piece in self.pieces], seconds)

    def to_original(self, seconds: float) -> float | None:
        """The original's second for one of the remix; None in an introduction."""
        return _through([(piece.remix, piece.original) for piece in self.pieces], seconds)


def _through(pieces: Sequence[tuple[tuple[float, ...], tuple[float, ...]]], seconds: float) -> float | None:
    for given, wanted in pieces:
        if given[0] <= seconds <= given[-1]:
            at = min(bisect_right(given, seconds), len(given) - 1)
            share = (seconds - given[at - 1]) / (given[at] - given[at - 1])
            return wanted[at - 1] + share * (wanted[at] - wanted[at - 1])
    return None


def time_map(original: Timing, remix: Timing) -> TimeMap:
    """How the seconds of one performance map onto another's, strain by strain."""
    where = {turn: at for at, turn in enumerate(remix.order)}
    pieces = []
    for at, turn in enumerate(original.order):
        if turn not in where:
            continue
        there = where[turn]
        knots = sorted({round(knot, 6) for knot in (*original.knots(at), *remix.knots(there))})
        pieces.append(
            Piece(
                tuple(round(original.seconds(original.starts[at] + knot), 5) for knot in knots),
                tuple(round(remix.seconds(remix.starts[there] + knot), 5) for knot in knots),
            )
        )
    return TimeMap(tuple(pieces))
