"""What must not count as a change of the tune, what holds no tune, and how long a pair takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from accuracy_altered import ALTERATIONS, altered, non_music
from accuracy_similarity import LEVELS, Ranking, area_under, matches, number
from accuracy_songs import Asked, Rows, Songs
from numpy.typing import NDArray

from soundverse_nb.analysis.analysed import Sketch, sketch
from soundverse_nb.audio.similarity.style import rhythm_apart, timbre_apart
from soundverse_nb.audio.similarity.tune import match_tunes

_NON_MUSIC_AUC = 0.998
_MOST_CHANGE = 0.05
_MOST_SECONDS = 0.03
_ALTERED = 6  # tunes that are altered
_BESIDE = 10  # tunes that a sound without music is compared with


def invariance(songs: Songs, asked: Asked) -> list[str]:
    """How much tune kept of a performance beside itself changes with what is no change of the tune."""
    del asked
    largest: dict[str, float] = dict.fromkeys(ALTERATIONS, 0.0)
    for tune in songs.tunes[:_ALTERED]:
        original = songs.original(tune)
        rows = songs.rows(original)
        itself = match_tunes(rows, rows).tune_kept
        for name in ALTERATIONS:
            changed = songs.rows_of(*altered(original, name))
            largest[name] = max(largest[name], abs(itself - number(match_tunes(rows, changed).tune_kept)))
    for name, change in largest.items():
        print(f"{name:18s} changes tune kept by at most {change:.3f}", flush=True)
    return [name for name, change in largest.items() if not change <= _MOST_CHANGE]


def without_music(songs: Songs, asked: Asked) -> list[str]:
    """Noise, drones, chords, drums, babble: how far below related pairs they are, in either place."""
    del asked
    related = [number(match.tune_kept) for level in LEVELS for match in matches(songs, level)]
    scores: list[float] = []
    for name, rows in _sounds(songs):
        originals = [songs.rows(songs.original(tune)) for tune in songs.tunes[:_BESIDE]]
        found = [match_tunes(*pair) for song in originals for pair in ((song, rows), (rows, song))]
        kept = [number(match.tune_kept) for match in found]
        scores += kept
        said = found[0].reason if max(kept) < 0 else f"tune kept up to {max(kept):.2f}"
        print(f"{name:20s} {said}", flush=True)
    area = area_under([Ranking(value, np.array(scores)) for value in related])
    print(f"AUC of all related pairs against them {area:.4f}")
    return [] if area >= _NON_MUSIC_AUC else [f"below related pairs, AUC {_NON_MUSIC_AUC}"]


def _sounds(songs: Songs) -> Iterator[tuple[str, Rows]]:
    for name, samples in non_music():
        yield name, songs.rows_of(partial(_sounding, samples), f"no music: {name}")
    for path in sorted((songs.folder / "non-music").glob("*.flac")):
        yield path.stem, songs.rows_of(partial(str, path), f"{path.resolve()} {path.stat().st_mtime_ns}")


def _sounding(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    return samples, 44_100


def seconds(songs: Songs, asked: Asked) -> list[str]:
    """Processor time of a pair on features that were measured, of songs of a minute and of three."""
    del asked
    first, second = (songs.rows(songs.original(tune)) for tune in songs.tunes[:2])
    missed = []
    for length in (60, 180):
        one, other = (_as_long(rows, length) for rows in (first, second))
        taken = []
        for _ in range(15):
            start = time.process_time()
            match_tunes(one, other)
            timbre_apart(one.timbre, other.timbre)
            rhythm_apart(one.rhythm, other.rhythm)
            taken.append(time.process_time() - start)
        print(f"a pair of {length} s takes {min(taken) * 1000:.1f} ms of processor time")
        if min(taken) > _MOST_SECONDS:
            missed.append(f"a pair of {length} s in {_MOST_SECONDS} s")
    return missed


def _as_long(rows: Rows, length: float) -> Sketch:
    """What is kept of a song, as if it went on for so many seconds."""
    count = round(length * rows.frame_rate)
    frames = {
        name: np.resize(value, (count, *value.shape[1:])) if isinstance(value, np.ndarray) else value
        for name, value in vars(rows).items()
    }
    song: Any = SimpleNamespace(frames=SimpleNamespace(**frames))
    return Sketch(sketch(song))
