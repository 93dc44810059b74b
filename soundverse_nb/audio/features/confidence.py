"""How far a tempo or a key is to be relied on, from figures that right ones and wrong ones differ in.

A confidence is a product of steps, one for each thing that may be wrong: the choice between two that fit
nearly alike, and whether there is anything to find at all. Steps are logistic, placed by hand between the
figures of right answers and those of wrong ones and of sounds that are no music, on the tunes for tuning of
`benchmarks/known_remixes`; they are wide where the figures are few.
"""

from __future__ import annotations

import math

SURE = 0.5
"""From this confidence on a tempo or a key is one to rely on."""

# Middle and width of each step; a negative width makes it fall.
_TEMPO_WEIGHT = (0.6, 0.1)
_TEMPO_PULSE = (0.2, 0.03)
_TEMPO_UNEVENNESS = (0.06, -0.01)
_KEY_FIT = (0.72, 0.02)
_KEY_LEAD = (0.03, 0.015)
_KEY_MOVEMENT = (0.012, 0.003)
_KEY_TUNED = (0.3, 0.04)
_METRE_LEAD = (0.5, 0.2)
_METRE_RETURN = (0.08, 0.02)
_METRE_VARIETY = (0.012, 0.003)
_DOWNBEAT_LEAD = (3.0, 1.5)


def tempo_confidence(weight: float, pulse: float, unevenness: float) -> float:
    """About the share of songs with such figures whose tempo is right, 0 to 1; see `tempo.Tempo`.

    Music has a pulse of 0.3 and more, noise and talk less than 0.1, and nobody taps along to noise evenly.
    """
    return _step(weight, *_TEMPO_WEIGHT) * _step(pulse, *_TEMPO_PULSE) * _step(unevenness, *_TEMPO_UNEVENNESS)


def key_confidence(correlation: float, lead: float, movement: float, tuned: float) -> float:
    """About the share of songs with such figures whose key is right, 0 to 1; see `key.KeyEstimate`.

    `lead` is by how much the first key fits better than the second, `tuned` 0 to 1 how much the song's tones
    agree on a tuning. Music in a key mostly fits it at 0.75 and more, noise and drums at less than 0.7; a
    chord that is held all along is in no key; and talk is in no tuning (0.1, music 0.5 and more).
    """
    return (
        _step(correlation, *_KEY_FIT)
        * _step(lead, *_KEY_LEAD)
        * _step(movement, *_KEY_MOVEMENT)
        * _step(tuned, *_KEY_TUNED)
    )


def metre_confidence(lead: float, likeness: float, variety: float) -> float:
    """About the share of songs with such figures that are told to be in three or not, 0 to 1; see `bars`.

    `lead` is by how much three is ahead or behind, `likeness` how much of a rhythm comes again at all, and
    `variety` how much its beats differ: music's by 0.026 and more, a metronome's by 0.001.
    """
    return _step(lead, *_METRE_LEAD) * _step(likeness, *_METRE_RETURN) * _step(variety, *_METRE_VARIETY)


def downbeat_confidence(lead: float) -> float:
    """About the share of songs whose bars begin where they seem to, 0 to 1.

    `lead` is by how many standard errors the likeliest first beat is ahead of the next.
    """
    return _step(lead, *_DOWNBEAT_LEAD)


def _step(value: float, middle: float, width: float) -> float:
    """A logistic step from 0 to 1 around `middle`."""
    return 0.5 * (1 + math.tanh((value - middle) / (2 * width)))
