"""The work itself, as functions that may run in another process or on another machine.

A task brings all that it needs, and its result all that is worth keeping: whoever asked keeps it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from soundverse_nb.analysis.analysed import Analysed, analysed
from soundverse_nb.analysis.compared import Nulls, compared
from soundverse_nb.analysis.kept import Result
from soundverse_nb.analysis.metric import Metric
from soundverse_nb.analysis.song import Song
from soundverse_nb.measures.difference import Difference


@dataclass(frozen=True)
class SongTask:
    """Analyse a song where `is_new`, and ask these metrics about it."""

    song: Song
    is_new: bool
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class SongResult:
    """The analysis as `Analysed.to_bytes` writes it, None where none was asked for; metrics by name."""

    analysed: bytes | None
    metrics: dict[str, Result]


@dataclass(frozen=True)
class PairTask:
    """Compare two analysed songs where `is_new`, and ask these metrics about the songs.

    `nulls` is what unrelated songs score against the reference, None where that is to be found out.
    `songs` is there for the metrics only.
    """

    reference: Analysed
    remix: Analysed
    is_new: bool
    nulls: Nulls | None = None
    songs: tuple[Song, Song] | None = None
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class PairResult:
    """The difference, None where none was asked for; the nulls it stands beside; what the metrics gave."""

    difference: Difference | None
    nulls: Nulls | None
    metrics: dict[str, Result]


def do_song(task: SongTask) -> SongResult:
    """Raises AudioError where the song cannot be decoded."""
    analysis = (
        analysed(task.song.given, task.song.name, task.song.content).to_bytes() if task.is_new else None
    )
    return SongResult(analysis, _asked(task.metrics, task.song))


def do_pair(task: PairTask) -> PairResult:
    """Raises nothing: what cannot be told is nan with its reason."""
    difference, nulls = None, task.nulls
    if task.is_new:
        difference, nulls = compared(task.reference, task.remix, nulls)
    return PairResult(difference, nulls, _asked(task.metrics, *(task.songs or ())))


def _asked(metrics: tuple[Metric, ...], *songs: Song) -> dict[str, Result]:
    if not metrics:
        return {}
    with contextlib.ExitStack() as stack:
        clips = [stack.enter_context(song.clip()) for song in songs]
        return {each.name: each.measure(*clips) for each in metrics}
