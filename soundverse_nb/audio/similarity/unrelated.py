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
from soundverse_nb.audio.similarity.style import Profile, rhythm_apart, timbre_apart
from soundverse_nb.audio.similarity.tune import (
    NoteFrames,
    TuneNotes,
    evidence_of,
    tune_kept,
)

FILE = Path(__file__).with_name("unrelated_songs.npz")
_LEVELS = 255


@dataclass(frozen=True)
class UnrelatedSongs:
    """The songs that come with the package: notes, timbre, rhythm, titles, and the features' stamp."""

    notes: tuple[TuneNotes, ...]
    timbres: tuple[Profile, ...]
    rhythms: tuple[Profile, ...]
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
            tuple(kept["timbres"].astype(np.float64)),
            tuple(kept["rhythms"].astype(np.float64)),
            tuple(str(title) for title in kept["titles"]),
            str(kept["stamp"]),
        )


@dataclass(frozen=True)
class UnrelatedSong:
    """A song for the set: its compared_notes(), timbre_profile() and rhythm_profile()."""

    title: str
    notes: Notes
    timbre: Profile
    rhythm: Profile


def save_songs(file: Path, songs: list[UnrelatedSong], stamp: str) -> None:
    """Write a set; notes are kept as square roots in 8 bits, profiles as float16."""
    roots = np.sqrt(np.concatenate([song.notes for song in songs]))
    scale = float(roots.max()) / _LEVELS
    with file.open("wb") as opened:
        np.savez_compressed(
            opened,
            roots=np.round(roots / scale).astype(np.uint8),
            lengths=np.array([len(song.notes) for song in songs]),
            timbres=np.stack([song.timbre for song in songs]).astype(np.float16),
            rhythms=np.stack([song.rhythm for song in songs]).astype(np.float16),
            titles=np.array([song.title for song in songs]),
            scale=scale,
            stamp=stamp,
        )


def null_scores(song: NoteFrames) -> NDArray[np.float64]:
    """What a song's tune scores beside each song of the set: tune kept, 0 to 1; all nan where it has no tune.

    Takes some 4 ms for each song of the set where the song lasts a minute, 10 ms where it lasts three.
    """
    notes = TuneNotes.of_song(song)
    return np.array([tune_kept(evidence_of(other, notes)) for other in unrelated_songs().notes])


def null_timbre(profile: Profile | None) -> NDArray[np.float64]:
    """How far a song's timbre is from that of each song of the set; all nan where it has none."""
    return np.array([timbre_apart(profile, other) for other in unrelated_songs().timbres])


def null_rhythm(profile: Profile | None) -> NDArray[np.float64]:
    """How far a song's rhythm is from that of each song of the set; all nan where it has none."""
    return np.array([rhythm_apart(profile, other) for other in unrelated_songs().rhythms])


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
