"""The remix's own time: bars of four beats at one tempo, with the style's swing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.simulator.music.beats import Beats
from soundverse_nb.simulator.music.drums import STEPS
from soundverse_nb.simulator.music.prompt import Reading

_LEAST, _MOST = 0.8, 1.26  # how much slower or faster a song may go and still be itself
_LEAST_ASKED, _MOST_ASKED = 0.62, 1.6
_AUDIBLE = 0.03  # from which on a remix has another pace
_OTHER_OCTAVE = 0.3  # octaves of tempo that half or double time must be nearer to be chosen


@dataclass(frozen=True)
class Grid:
    """`bpm`, `bars`, `swing`; `offset` is the time (s, at most 0) of the first bar.

    `feel` is how often the rhythm's pattern goes round in a bar: 0.5 is half time, 2 double time.
    """

    bpm: float
    bars: int
    offset: float
    swing: float
    feel: float

    def seconds(self, bar: int, step: float) -> float:
        """When a sixteenth (0-16, fractions allowed) of a bar sounds."""
        beats, rest = divmod(step, STEPS / 4)
        return self.offset + (4 * bar + beats + swung(rest / (STEPS / 4), self.swing)) * 60 / self.bpm

    @property
    def step(self) -> float:
        """Seconds a sixteenth lasts, swing apart."""
        return 15 / self.bpm


def swung(place: float, swing: float) -> float:
    """Where a place in the beat (0-1) falls when the second eighth comes at `swing`."""
    if place <= 0.5:
        return 2 * place * swing
    return swing + (2 * place - 1) * (1 - swing)


def remix_tempo(song_bpm: float, reading: Reading) -> tuple[float, float]:
    """The remix's tempo, and how often the style's rhythm goes round in a bar of it (0.5, 1 or 2).

    The song moves towards the style's tempo, or to half or twice that where it is much nearer, as far as it
    can without losing itself; a tempo that the prompt names is gone to further.
    """
    target = reading.style.bpm * reading.pace if reading.bpm is None else reading.bpm
    aim = min(
        (target, target / 2, 2 * target),
        key=lambda bpm: abs(np.log2(bpm / song_bpm)) + (0.0 if bpm == target else _OTHER_OCTAVE),
    )
    least, most = (_LEAST, _MOST) if reading.bpm is None else (_LEAST_ASKED, _MOST_ASKED)
    bpm = float(np.clip(aim, least * song_bpm, most * song_bpm))
    if reading.bpm is None and abs(bpm / song_bpm - 1) < _AUDIBLE:  # always audibly another pace
        bpm = song_bpm * (1.04 if aim >= song_bpm else 0.96)
    own = reading.style.bpm * reading.pace
    return bpm, 0.5 if bpm > 1.45 * own else 2.0 if bpm < own / 1.45 else 1.0


def lay_grid(
    beats: Beats, duration: float, reading: Reading, tempo: float = 1.0, faster: float = 1.0
) -> Grid:
    """The grid of a remix.

    `tempo` is a factor by which a take has its own tempo, unless the prompt named one; `faster` one that
    holds in any case.
    """
    bpm, feel = remix_tempo(beats.bpm, reading)
    if reading.bpm is None:
        bpm = _own_tempo(bpm, beats.bpm, tempo)
    bpm *= faster
    first = beats.times[0] * beats.bpm / bpm
    bars = int(np.ceil((len(beats.times) - 1) / 4))
    return Grid(bpm, bars, float(first), reading.style.swing, feel)


def _own_tempo(bpm: float, song_bpm: float, tempo: float) -> float:
    """The tempo times a factor, or over it where that would lead back to the song's own pace."""
    near = abs(bpm * tempo / song_bpm - 1) < _AUDIBLE
    return bpm / tempo if near else bpm * tempo


def time_map(beats: Beats, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in the song, and when they sound in the remix: beat on beat, off-beats swung."""
    times = beats.times
    count = len(times)
    between = np.append((times[:-1] + times[1:]) / 2, times[-1] + (times[-1] - times[-2]) / 2)
    source = np.stack([times, between], axis=1).ravel()
    beat = np.arange(count)
    target = grid.offset + np.stack([beat, beat + grid.swing], axis=1).ravel() * 60 / grid.bpm
    return source, target


@dataclass(frozen=True)
class Bar:
    """What happens in one bar.

    `fill`: the drummer leads into what comes next; `open`: how open the filter over the song is, 0-1.
    """

    section: str  # "intro", "main", "break" or "outro"
    drums: bool
    kick: bool
    bass: bool
    chords: bool
    lead: bool
    fill: bool
    crash: bool
    open: float


def arrange(bars: int, lead: int = 1) -> tuple[Bar, ...]:
    """A form for so many bars: an introduction, a main part, a break where there is time for one, an end.

    `lead` 0 or 1: in which of two groups of four bars of the main part the tune is joined.
    """
    if bars <= 0:
        return ()
    sections = _sections(bars)
    plan: list[Bar] = []
    for place, section in enumerate(sections):
        begins = place == 0 or sections[place - 1] != section
        ends = place + 1 < bars and sections[place + 1] != section
        age = _run(sections[: place + 1][::-1]) - 1
        length = age + _run(sections[place:])
        main = section == "main"
        plan.append(
            Bar(
                section=section,
                drums=section != "outro",
                kick=main,
                bass=main or section == "outro" or (section == "intro" and ends),
                chords=section != "break" or age >= length / 2,
                lead=section == "break" or (main and (place // 4) % 2 == lead),
                fill=ends or (main and age % 8 == 7),
                crash=begins and main,
                open=1.0 if main else (age + 1) / (length + 1) if section in ("intro", "break") else 0.7,
            )
        )
    return tuple(plan)


def _run(sections: list[str]) -> int:
    """How many at the start are alike."""
    return next((place for place, other in enumerate(sections) if other != sections[0]), len(sections))


def _sections(bars: int) -> list[str]:
    if bars < 4:
        return ["main"] * bars
    intro = 1 if bars < 8 else 2 if bars < 24 else 4
    outro = 1 if bars < 16 else 2
    middle = bars - intro - outro
    pause = 0 if middle < 12 else 2 if middle < 24 else 4
    before = (middle - pause) * 2 // 3 // 4 * 4
    if pause == 0:
        return ["intro"] * intro + ["main"] * middle + ["outro"] * outro
    after = middle - pause - before
    return ["intro"] * intro + ["main"] * before + ["break"] * pause + ["main"] * after + ["outro"] * outro
