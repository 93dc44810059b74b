"""Whether a sound holds a tune at all: notes, that change, and that are held.

Each is measured, whatever the sound is. Of 360 songs and 60 sounds that are none: noise and most drums have
no notes; a drone, a held chord or one note struck again and again has notes that never change; a voice that
talks glides, so that a tenth of a second later little of its notes is left, and a high one, of which more is
left, talks in no tuning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.similarity.recurrence import CONTEXT, FRAME_SECONDS, SHIFTS, Notes

_HAS_NOTES = 1.0  # noise: 0.15, drum kits: 0.2 to 0.7, songs: 3 to 12, as the mean of a song
_LEAST_FRAMES = 14  # 5 s with notes: beside a shorter song, chance is as good as a remix
_LEAST_CHANGE = 0.35  # one note repeated: up to 0.1, drum kits: up to 0.3, songs: from 0.56
_LEAST_HELD = 0.66  # most speech: up to 0.65, noise: 0.27, notes of a fifth of a second: from 0.73
# Of synthetic speech in six languages some holds its notes up to 0.81, at an agreement on a tuning of 0.02 to
# 0.21. Songs that hold theirs less than 0.85 are quick ones, at 0.6 and more.
_HELD_FOR_SURE, _LEAST_TUNED = 0.85, 0.3


@dataclass(frozen=True)
class TuneContent:
    """What of a tune a sound holds; `reason` says why there is none, None where there is.

    `frames` is how many pooled frames of 0.37 s hold notes, `moments` how many moments are made of them at
    least by half. `change` is how far the notes stray from their mean; `held`, -1 to 1, how much of them is
    still there FINE_SECONDS later, nan where that was not looked at.
    """

    frames: int
    moments: int
    change: float
    held: float
    reason: str | None


def tune_content(notes: Notes, fine: Notes | None = None, tuning_agreement: float = math.nan) -> TuneContent:
    """What of a tune is in pooled profiles, (frames, 12 for each register); the first register counts.

    `fine` are the same profiles pooled to FINE_SECONDS, None where it is known that they are no speech.
    `tuning_agreement` is that of `Frames`, nan where it is not known.
    """
    roots, strength = _roots(notes)
    with_notes = strength > _HAS_NOTES
    frames = int(with_notes.sum())
    if frames < _LEAST_FRAMES:
        seconds = _LEAST_FRAMES * FRAME_SECONDS
        if not strength.any():
            return TuneContent(frames, 0, 0.0, 0.0, "is silent")
        return TuneContent(frames, 0, 0.0, 0.0, f"has notes for less than {seconds:.0f} s")
    sounding = roots[with_notes]
    change = float(np.square(sounding - sounding.mean(axis=0)).sum(axis=1).mean())
    held = math.nan if fine is None else _held(fine)
    reason = None
    if change < _LEAST_CHANGE:
        reason = "has notes that do not change"
    elif held < _LEAST_HELD or (held < _HELD_FOR_SURE and tuning_agreement < _LEAST_TUNED):
        reason = "has no notes that are held or in tune, as speech has none"
    by_half = 2 * np.convolve(with_notes, np.ones(CONTEXT, int), "valid") >= CONTEXT
    moments = max(frames - CONTEXT + 1, int(by_half.sum()))
    return TuneContent(frames, moments, change, held, reason)


def _roots(notes: Notes) -> tuple[Notes, NDArray[np.float32]]:
    """The square roots of the first register's profiles less their mean, and how strong each frame is."""
    roots = np.sqrt(notes[:, :SHIFTS])
    roots -= roots.mean(axis=1, keepdims=True)
    return roots, np.einsum("ij,ij->i", roots, roots)


def _held(fine: Notes) -> float:
    roots, strength = _roots(fine)
    both = np.sqrt(strength[1:] * strength[:-1]).sum(dtype=np.float64)
    return float(np.einsum("ij,ij->", roots[1:], roots[:-1]) / both) if both > 0 else 0.0
