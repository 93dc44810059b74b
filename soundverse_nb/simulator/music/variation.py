"""Variation: in what one take of a remix differs from another of the same song, prompt and lyrics.

The first take is played as it is written. Each further one has players who take liberties: another fill,
other inversions, strokes left out and put in, ornaments, another balance, a little faster or slower. Style,
key and form stay, which is what makes takes more alike than remixes of two prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from soundverse_nb.simulator.music.drums import STEPS
from soundverse_nb.simulator.music.styles import Style

PARTS = ("Drums", "Bass", "Chords", "Pad", "Tune", "Voice")
_LEAST_TEMPO, _MOST_TEMPO = 0.006, 0.022  # a listener notices about half a percent
_WEAK = 6  # of 9: strokes that a player may leave out
_LEFT_OUT, _PUT_IN = 0.22, 0.05  # chances for a weak stroke, and for an empty step


@dataclass(frozen=True)
class Variation:
    """One take's liberties; without arguments those of the first take, which are none.

    `tempo` is a factor, `levels` dB for each of PARTS, `voicing` semitones by which the middle of the chords
    moves, `fill` how far the list of fills is turned (None: one fill throughout). `lead` says which of two
    groups of four bars the lead plays in, `ornaments` how many of its notes have one (0-1). Of the style:
    `swing`, `tilt` in dB an octave, `high_cut` a factor, `room`, `song` in dB. `pattern_seed` is what strokes
    are left out and put in by (None: none are).
    """

    tempo: float = 1.0
    levels: Mapping[str, float] = field(default_factory=dict)
    voicing: int = 0
    fill: int | None = None
    lead: int = 1
    ornaments: float = 0.0
    swing: float = 0.0
    tilt: float = 0.0
    high_cut: float = 1.0
    room: float = 0.0
    song: float = 0.0
    pattern_seed: int | None = None

    def style(self, style: Style) -> Style:
        """The style as this take has it."""
        return replace(
            style,
            # Straight rhythms stay straight.
            swing=min(0.68, max(0.5, style.swing + self.swing)) if style.swing > 0.5 else style.swing,
            tilt=style.tilt + self.tilt,
            high_cut=min(18_000.0, style.high_cut * self.high_cut),
            room=min(1.0, max(0.0, style.room + self.room)),
            song=style.song + self.song,
        )

    def level(self, part: str) -> float:
        """The gain of one of PARTS."""
        return float(10 ** (self.levels.get(part, 0.0) / 20))

    def grid(self, name: str, grid: str) -> str:
        """A pattern of one bar as this take plays it: a stroke less here, one more there (see read_grid).

        The first stroke of a pattern and all strong ones stay.
        """
        if self.pattern_seed is None or not grid:
            return grid
        # A row has its own chance, so that it does not matter in which order the rows are read.
        chance = np.random.default_rng([self.pattern_seed, *name.encode()])
        signs = list(grid.replace(" ", ""))
        first = next((place for place, sign in enumerate(signs) if sign != "."), 0)
        for place, (sign, drawn) in enumerate(zip(signs, chance.random(STEPS), strict=True)):
            if sign == "." and drawn < _PUT_IN:
                signs[place] = "3"
            elif sign != "." and int(sign) < _WEAK and place != first and drawn < _LEFT_OUT:
                signs[place] = "."
        return "".join(signs)


FIRST = Variation()


def variation(seed: int, take: int) -> Variation:
    """The liberties of a take, counted from 1. The same seed (of 64 bits) and take give the same ones."""
    if take <= 1:
        return FIRST
    chance = np.random.default_rng([seed, take])
    direction = 1 if chance.random() < 0.5 else -1
    return Variation(
        tempo=1 + direction * float(chance.uniform(_LEAST_TEMPO, _MOST_TEMPO)),
        levels={part: _near_zero(chance, 1.0) for part in PARTS},
        voicing=int(chance.choice((-3, -2, 2, 3))),
        fill=int(chance.integers(3)),
        lead=int(chance.integers(2)),
        ornaments=float(chance.uniform(0.2, 0.5)),
        swing=_near_zero(chance, 0.008),
        tilt=_near_zero(chance, 0.2),
        high_cut=2 ** _near_zero(chance, 0.08),
        room=_near_zero(chance, 0.03),
        song=_near_zero(chance, 0.6),
        pattern_seed=int(chance.integers(1 << 32)),
    )


def _near_zero(chance: Generator, spread: float) -> float:
    """A normal deviate, never beyond two standard deviations."""
    return float(np.clip(chance.normal(0.0, spread), -2 * spread, 2 * spread))
