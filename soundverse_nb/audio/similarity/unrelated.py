"""What songs that have nothing in common score: a song beside a set that comes with the package.

The set holds the notes of public-domain tunes (music21's corpus, rendered with General MIDI instruments),
pooled and in 8 bits; `tools/unrelated_songs.py` makes it from what `benchmarks/tunes.py` writes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.similarity.recurrence import Notes
from soundverse_nb.audio.similarity.tune import (
    NoteFrames,
    TuneNotes,
    compared_notes,
    evidence_of,
    tune_kept,
)

FILE = Path(__file__).with_name("unrelated_songs.npz")
_LEVELS = 255


@dataclass(frozen=True)
class UnrelatedSongs:
    """The songs that come with the package: notes, titles, and the stamp of the features they are of."""

    notes: tuple[TuneNotes, ...]
    titles: tuple[str, ...]
    stamp: str


@cache
def unrelated_songs() -> UnrelatedSongs:
    """The set, read once."""
    with np.load(FILE) as kept:
        ends = np.cumsum(kept["lengths"])
        roots = kept["roots"].astype(np.float32) * np.float32(kept["scale"])
        songs = np.split(np.square(roots), ends[:-1])
        return UnrelatedSongs(
            tuple(TuneNotes.of(song) for song in songs),
            tuple(str(title) for title in kept["titles"]),
            str(kept["stamp"]),
        )


def save_songs(file: Path, songs: list[tuple[str, Notes]], stamp: str) -> None:
    """Write a set: of each song its title and its compared_notes(), as square roots in 8 bits."""
    roots = np.sqrt(np.concatenate([notes for _, notes in songs]))
    scale = float(roots.max()) / _LEVELS
    with file.open("wb") as opened:
        np.savez_compressed(
            opened,
            roots=np.round(roots / scale).astype(np.uint8),
            lengths=np.array([len(notes) for _, notes in songs]),
            titles=np.array([title for title, _ in songs]),
            scale=scale,
            stamp=stamp,
        )


def null_scores(song: NoteFrames) -> NDArray[np.float64]:
    """What a song's tune scores beside each song of the set: tune kept, 0 to 1; all nan where it has no tune.

    Takes some 4 ms for each song of the set where the song lasts a minute, 10 ms where it lasts three.
    """
    notes = TuneNotes.of(compared_notes(song))
    return np.array([tune_kept(evidence_of(other, notes)) for other in unrelated_songs().notes])


def p_value(score: float, null: NDArray[np.float64]) -> float:
    """How probable it is that a song with nothing in common scores as high: 1 / (songs + 1) at the least.

    `null` holds the null_scores of one song or of both. nan where there is no score, or no null.

    >>> p_value(0.93, np.array([0.05, 0.04, 0.11]))
    0.25
    """
    known = null[np.isfinite(null)]
    if math.isnan(score) or not len(known):
        return math.nan
    return float((1 + np.sum(known >= score)) / (1 + len(known)))
