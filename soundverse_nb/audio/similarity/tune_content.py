"""Whether a sound holds a tune at all: notes, that change, and that are held.

Each is measured, whatever the sound is. Of 240 songs and 78 sounds that are none: noise and most drums have
no notes; a drone, a held chord or one note struck again and again has notes that never change; a voice that
talks glides, so that a third of a second later nothing of its notes is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundverse_nb.audio.similarity.recurrence import FRAME_SECONDS, SHIFTS, Notes

_HAS_NOTES = 1.0  # noise: 0.15, drum kits: 0.2 to 0.7, songs: 3 to 12, as the mean of a song
_LEAST_FRAMES = 8  # 3 s with notes
_LEAST_CHANGE = 0.6  # one note repeated: up to 0.1, drum kits: up to 0.3, songs: from 0.9
_LEAST_HELD = 0.42  # speech: up to 0.25, noise: up to 0.35, the quickest reel: 0.53


@dataclass(frozen=True)
class TuneContent:
    """`frames` is how many pooled frames of 0.37 s hold notes; `reason` why there is no tune, None where is.

    `change` is how far the notes stray from their mean; `held`, -1 to 1, how much of them is still there one
    frame later.
    """

    frames: int
    change: float
    held: float
    reason: str | None


def tune_content(notes: Notes) -> TuneContent:
    """What of a tune is in pooled profiles, (frames, 12 for each register); the first register counts."""
    roots = np.sqrt(notes[:, :SHIFTS])
    roots -= roots.mean(axis=1, keepdims=True)
    strength = np.einsum("ij,ij->i", roots, roots)
    with_notes = strength > _HAS_NOTES
    frames = int(with_notes.sum())
    if frames < _LEAST_FRAMES:
        seconds = _LEAST_FRAMES * FRAME_SECONDS
        if not strength.any():
            return TuneContent(frames, 0.0, 0.0, "is silent")
        return TuneContent(frames, 0.0, 0.0, f"has notes for less than {seconds:.0f} s")
    sounding = roots[with_notes]
    change = float(np.square(sounding - sounding.mean(axis=0)).sum(axis=1).mean())
    both = np.sqrt(strength[1:] * strength[:-1]).sum(dtype=np.float64)
    held = float(np.einsum("ij,ij->", roots[1:], roots[:-1]) / both) if both > 0 else 0.0
    reason = None
    if change < _LEAST_CHANGE:
        reason = "has notes that do not change"
    elif held < _LEAST_HELD:
        reason = "has no notes that are held, as speech has none"
    return TuneContent(frames, change, held, reason)
