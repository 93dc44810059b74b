"""Measure songs, and remixes against their songs: one, many in processes, or beside an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from soundverse_nb.analysis.analysed import Analysed, analysed
from soundverse_nb.analysis.compared import compared
from soundverse_nb.analysis.kept import (
    keep_analysis,
    keep_difference,
    keep_metrics,
    keep_nulls,
    kept_analysis,
    kept_difference,
    kept_metrics,
    kept_nulls,
    with_metrics,
)
from soundverse_nb.analysis.metric import metrics
from soundverse_nb.analysis.pool import answer, check_executor, results, shares_our_disk
from soundverse_nb.analysis.song import Song, as_song, shown_name
from soundverse_nb.analysis.tasks import PairResult, PairTask, SongResult, SongTask, do_pair, do_song
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import Features
from soundverse_nb.measures.table import MeasureTable
from soundverse_nb.reference.progress import counter
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.render.escape import plain

if TYPE_CHECKING:
    from concurrent.futures import Executor

T = TypeVar("T")


def analyse(clip: Any) -> Features:
    """What a song measures by itself: tempo, key, loudness and the rest, each with its unit.

    `clip` is a path, a Clip, a Remix (its audio), bytes, an open binary file, or (samples, rate). A song of
    three minutes takes some two seconds, and none the next time: results are kept by content. In a coroutine
    `await analyse_async(...)`; many songs at once: `analyse_all`.

    Raises PreflightError or ConfigurationError where there is no sound to be had. What can be decoded raises
    nothing: a number that cannot be told is nan, with its reason in `reasons`.

    >>> import soundverse_nb as sv
    >>> sv.analyse(sv.example_song()).channels
    2
    """
    song = as_song(clip)
    kept = _kept_song(song)
    if kept is not None:
        return kept
    return _of_song(song, do_song(_song_task(song)))


def compare_audio(reference: Any, remix: Any) -> Difference:
    """What a remix kept of its song and what it changed: tune, key, tempo, timbre, rhythm, loudness.

    Both are what `analyse` takes, which is asked first. Each similarity stands beside what unrelated songs
    score. Raises what `analyse` raises.

    >>> import soundverse_nb as sv
    >>> difference = sv.compare_audio(sv.example_song(), sv.example_song())
    >>> difference.is_tune_kept, difference.tune_kept > 0.95
    (True, True)
    """
    songs = as_song(reference), as_song(remix)
    features = analyse(songs[0]), analyse(songs[1])
    kept = _kept_pair(features)
    if kept is not None:
        return kept
    return _of_pair(songs, features, do_pair(_pair_task(songs)))


def analyse_all(
    clips: Iterable[Any],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | Callable[[int, int], None] = True,
) -> MeasureTable[Features]:
    """Analyse many songs in processes; what cannot be measured becomes an error in its place.

    Parameters
    ----------
    workers : processes (default: as many as processors and memory have room for, at most 8).
    executor : any concurrent.futures.Executor instead of our own processes. Of a dask client
        `client.get_executor(pure=False)`: the songs are sent, so its workers need none of this disk.
    progress : a progress bar, none, or your own function of (done, total).

    Blocks until all are done, and may be called in a notebook's cell; in a coroutine
    `await asyncio.to_thread(sv.analyse_all, clips)`. Asked again it measures only what is missing.

    >>> import soundverse_nb as sv
    >>> sv.analyse_all([sv.example_song(), "no-such-song.mp3"], progress=False).failed[0].message
    'There is no file no-such-song.mp3.'
    """
    check_executor(executor)
    given = _listed(clips, "analyse_all", "songs")
    songs = [_song_or_error(clip) for clip in given]
    with counter(progress, len(songs), "songs measured") as advance:
        done = _measured_songs([song for song in songs if isinstance(song, Song)], executor, workers, advance)
    entries = [done[song.content] if isinstance(song, Song) else song for song in songs]
    return MeasureTable(entries, [_name_of(song, clip) for song, clip in zip(songs, given, strict=True)])


def compare_all(
    pairs: Iterable[tuple[Any, Any]],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | Callable[[int, int], None] = True,
    conditions: Sequence[Hashable] = (),
    names: Sequence[str] = (),
) -> MeasureTable[Difference]:
    """Compare many remixes with their songs, given as (reference, remix); everything else as `analyse_all`.

    Each song is analysed once, however many remixes it has. `conditions` say what each remix was asked for:
    where they are equal, the remixes are repeats, and the table's `.repeats` tells how much these differ.
    `names` are shown in place of the remixes' own.

    >>> import soundverse_nb as sv
    >>> pairs = [(sv.example_song(), sv.example_song())]
    >>> sv.compare_all(pairs, names=["the song itself"], progress=False)[0].is_tune_kept
    True
    """
    check_executor(executor)
    given = _pairs(pairs)
    songs = [(_song_or_error(reference), _song_or_error(remix)) for reference, remix in given]
    flat = [song for pair in songs for song in pair if isinstance(song, Song)]
    with counter(progress, len(flat) + len(songs), "songs and pairs measured") as advance:
        done = _measured_songs(flat, executor, workers, advance)
        entries: list[Difference | SoundverseError | None] = []
        for pair in songs:
            ends = [done[song.content] if isinstance(song, Song) else song for song in pair]
            entries.append(next((end for end in ends if isinstance(end, SoundverseError)), None))
        ready = [at for at, entry in enumerate(entries) if entry is None]
        asked = [cast("tuple[Song, Song]", songs[at]) for at in ready]
        features = [
            cast("tuple[Features, Features]", tuple(done[song.content] for song in pair)) for pair in asked
        ]
        for at, entry in zip(
            ready, _measured_pairs(asked, features, executor, workers, advance), strict=True
        ):
            entries[at] = entry
    named = names or [_name_of(pair[1], remix) for pair, (_, remix) in zip(songs, given, strict=True)]
    return MeasureTable([entry for entry in entries if entry is not None], named, conditions)


async def analyse_async(clip: Any, *, executor: Executor | None = None) -> Features:
    """analyse() in another process, or on `executor`, while the event loop goes on.

    >>> import asyncio, soundverse_nb as sv
    >>> asyncio.run(sv.analysis.analyse_async(sv.example_song())).channels
    2
    """
    check_executor(executor)
    song = await asyncio.to_thread(as_song, clip)
    kept = await asyncio.to_thread(_kept_song, song)
    if kept is not None:
        return kept
    task = await asyncio.to_thread(_song_task, song, executor)
    return await asyncio.to_thread(_of_song, song, await answer(do_song, task, executor))


async def compare_audio_async(reference: Any, remix: Any, *, executor: Executor | None = None) -> Difference:
    """compare_audio() in another process, or on `executor`, while the event loop goes on."""
    check_executor(executor)
    songs = await asyncio.to_thread(as_song, reference), await asyncio.to_thread(as_song, remix)
    different = {song.content: song for song in songs}
    done = await asyncio.gather(*(analyse_async(song, executor=executor) for song in different.values()))
    found = dict(zip(different, done, strict=True))
    features = found[songs[0].content], found[songs[1].content]
    kept = await asyncio.to_thread(_kept_pair, features)
    if kept is not None:
        return kept
    task = await asyncio.to_thread(_pair_task, songs, executor)
    return await asyncio.to_thread(_of_pair, songs, features, await answer(do_pair, task, executor))


def _kept_song(song: Song) -> Features | None:
    """The features with every metric, where all is kept already."""
    kept = kept_analysis(song.content)
    columns, missing = kept_metrics(metrics("clip"), song.content)
    if kept is None or missing:
        return None
    return with_metrics(_named(song, kept), columns, (), {})


def _song_task(song: Song, executor: Executor | None = None) -> SongTask:
    _, missing = kept_metrics(metrics("clip"), song.content)
    sent = song if shares_our_disk(executor) else song.with_content()
    return SongTask(sent, kept_analysis(song.content) is None, tuple(missing))


def _of_song(song: Song, result: SongResult) -> Features:
    """The features with every metric; keeps what is new."""
    kept = _analysis_of(song) if result.analysed is None else keep_analysis(song.content, result.analysed)
    asked = [each for each in metrics("clip") if each.name in result.metrics]
    keep_metrics(asked, result.metrics, song.content)
    columns, _ = kept_metrics(metrics("clip"), song.content)
    return with_metrics(_named(song, kept), columns, asked, result.metrics)


def _named(song: Song, kept: Analysed) -> Features:
    """The features of a song under the name that it has this time."""
    return kept.features.model_copy(update={"name": song.name})


def _analysis_of(song: Song) -> Analysed:
    """The analysis of a song that was measured; anew where the cache could not hold it until now."""
    kept = kept_analysis(song.content)
    if kept is None:
        kept = keep_analysis(song.content, analysed(song.given, song.name, song.content).to_bytes())
    return kept


def _kept_pair(features: tuple[Features, Features]) -> Difference | None:
    """The difference of two songs with every metric, where all is kept already."""
    contents = features[0].content, features[1].content
    difference = kept_difference(*contents)
    columns, missing = kept_metrics(metrics("pair"), *contents)
    if difference is None or missing:
        return None
    return with_metrics(_between(difference, features), columns, (), {})


def _pair_task(songs: tuple[Song, Song], executor: Executor | None = None) -> PairTask:
    """Both songs are analysed by now."""
    reference, remix = (_analysis_of(song) for song in songs)
    _, missing = kept_metrics(metrics("pair"), songs[0].content, songs[1].content)
    sent = None
    if missing:
        sent = songs if shares_our_disk(executor) else (songs[0].with_content(), songs[1].with_content())
    return PairTask(
        reference,
        remix,
        kept_difference(songs[0].content, songs[1].content) is None,
        kept_nulls(songs[0].content),
        sent,
        tuple(missing),
    )


def _of_pair(songs: tuple[Song, Song], features: tuple[Features, Features], result: PairResult) -> Difference:
    """The difference with every metric; keeps what is new."""
    contents = features[0].content, features[1].content
    if result.nulls is not None:
        keep_nulls(contents[0], result.nulls)
    difference = result.difference or kept_difference(*contents)
    if difference is None:  # lost since the task was made
        difference, _ = compared(_analysis_of(songs[0]), _analysis_of(songs[1]), result.nulls)
    if result.difference is not None:
        keep_difference(*contents, difference)
    asked = [each for each in metrics("pair") if each.name in result.metrics]
    keep_metrics(asked, result.metrics, *contents)
    columns, _ = kept_metrics(metrics("pair"), *contents)
    return with_metrics(_between(difference, features), columns, asked, result.metrics)


def _between(difference: Difference, features: tuple[Features, Features]) -> Difference:
    return difference.model_copy(update={"reference": features[0], "remix": features[1]})


def _measured_songs(
    songs: Iterable[Song], executor: Executor | None, workers: int | None, advance: Callable[[], None]
) -> dict[str, Features | SoundverseError]:
    """By content the features of each song, or why there are none; only what is missing is measured."""
    done: dict[str, Features | SoundverseError] = {}
    waiting: dict[str, Song] = {}
    for song in songs:
        kept = _kept_song(song)
        if kept is not None:
            done[song.content] = kept
            advance()
        elif song.content in waiting:
            advance()
        else:
            waiting[song.content] = song
    asked = list(waiting.values())
    tasks = _Lazy([partial(_song_task, song, executor) for song in asked])
    for number, result in results(do_song, tasks, executor, workers):
        song = asked[number]
        if isinstance(result, SoundverseError):
            done[song.content] = result
        else:
            done[song.content] = _of_song(song, result)
        advance()
    return done


def _measured_pairs(
    asked: Sequence[tuple[Song, Song]],
    features: Sequence[tuple[Features, Features]],
    executor: Executor | None,
    workers: int | None,
    advance: Callable[[], None],
) -> list[Difference | SoundverseError]:
    done: dict[int, Difference | SoundverseError] = {}
    waiting = []
    for at, both in enumerate(features):
        kept = _kept_pair(both)
        if kept is None:
            waiting.append(at)
        else:
            done[at] = kept
            advance()
    tasks = _Lazy([partial(_pair_task, asked[at], executor) for at in waiting])
    for number, result in results(do_pair, tasks, executor, workers):
        at = waiting[number]
        if isinstance(result, SoundverseError):
            done[at] = result
        else:
            done[at] = _of_pair(asked[at], features[at], result)
        advance()
    return [done[at] for at in range(len(asked))]


class _Lazy(Sequence[T]):
    """Tasks that are made when they are handed over: each may hold a whole song."""

    def __init__(self, makers: Sequence[Callable[[], T]]) -> None:
        self._makers = makers

    def __len__(self) -> int:
        return len(self._makers)

    def __getitem__(self, number: Any) -> Any:
        return self._makers[number]()


def _song_or_error(given: Any) -> Song | SoundverseError:
    try:
        return as_song(given)
    except SoundverseError as error:
        return error


def _name_of(song: Song | SoundverseError, given: Any) -> str:
    return song.name if isinstance(song, Song) else plain(shown_name(as_reference(given)), 120)


def _listed(given: Any, function: str, what: str) -> list[Any]:
    if isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"{function} got {type(given).__name__}, which is no list of {what}.",
            hint=f"Pass a list of {what}; a single one goes to sv.analyse or sv.compare_audio.",
        )
    return list(given)


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    pairs = [
        tuple(pair) if isinstance(pair, (tuple, list)) else ()
        for pair in _listed(given, "compare_all", "pairs")
    ]
    if any(len(pair) != 2 for pair in pairs):
        raise ConfigurationError(
            "compare_all takes pairs, each a song and its remix.", hint="Pass [(reference, remix), ...]."
        )
    return [(pair[0], pair[1]) for pair in pairs]
