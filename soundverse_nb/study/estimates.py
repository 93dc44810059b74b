"""Estimates of each level and of each pair of levels, for these songs or for songs like these."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.study.counted import Counted, Level, Rest
from soundverse_nb.study.intervals import (
    LEAST_RESAMPLED,
    LEAST_SONGS,
    NO_SPREAD,
    Interval,
    bootstrap,
    of_mean,
    of_parts,
)
from soundverse_nb.study.pass_or_fail import (
    SHARES,
    is_pass_or_fail,
    of_songs,
    of_takes,
    of_two_shares,
)
from soundverse_nb.study.ranges import Range, range_of
from soundverse_nb.study.spread import Spread

Scope = Literal["these songs", "songs like these"]
Method = Literal["t", "bootstrap"]

NO_REPEATS_HERE = "each level is measured by its own spread, and one has no two takes of a cell"
NO_REPEATS = "no cell has two takes, so there is no spread to measure by"


LEAST_VALUES = 3
"""Different whole numbers from which few takes have an interval."""

LEAST_WHOLE = 10
"""Takes of a level from which whole numbers have an interval, however few are different."""


@dataclass(frozen=True)
class SongMean:
    """The mean of one song at one level, or the difference of two.

    `of_levels` are the means of the levels themselves. It varies by these `shares` of a single take's
    variance, by which of the levels, and by how many takes the cells have.
    """

    mean: float
    of_levels: tuple[float, ...]
    shares: Mapping[tuple[int, int], float]


@dataclass(frozen=True)
class Found:
    """An interval, and over how many songs it is."""

    interval: Interval
    songs: int


Estimator = Callable[[Sequence[SongMean], Sequence[Level]], Interval]
"""What turns the means of songs, at these levels, into an interval."""


def refuse_unknown(scope: Any, method: Any) -> None:
    """ConfigurationError for a scope or a method that there is not, or that do not go together."""
    for word, given, allowed in (("scope", scope, get_args(Scope)), ("method", method, get_args(Method))):
        if given not in allowed:
            raise ConfigurationError(
                f"{word}={given!r} is not known.", hint=f"It is {' or '.join(map(repr, allowed))}."
            )
    if method == "bootstrap" and scope == "these songs":
        raise ConfigurationError(
            "A bootstrap draws songs anew, so it speaks of songs like these.",
            hint='Ask for scope="songs like these", or leave out method=.',
        )


def _estimator(counted: Counted, spread: Spread, scope: Scope, method: Method, seed: int) -> Estimator:
    """What turns one mean a song into an interval. ConfigurationError where there are too few songs."""
    if scope == "these songs":
        return partial(_of_these_songs, spread=spread)
    _refuse_few_songs(counted, method)
    if method == "bootstrap":
        return partial(_of_songs_like_these, mean=partial(bootstrap, seed=seed), least=LEAST_RESAMPLED)
    return partial(_of_songs_like_these, mean=of_mean, least=LEAST_SONGS)


def _refuse_few_songs(counted: Counted, method: Method) -> None:
    """ConfigurationError where there are too few songs to speak for others."""
    if "reference" in counted.by:
        raise ConfigurationError(
            "Songs like these have no level of their own to compare by.",
            hint='Leave reference out of by=, or ask for scope="these songs".',
        )
    songs = len(counted.songs)
    if songs < LEAST_SONGS:
        raise ConfigurationError(
            f"{_songs(songs)} cannot speak for songs like these: with fewer than {LEAST_SONGS} "
            "an interval is wider than any finding, or holds the truth far too seldom.",
            hint='Add songs to the plan, or ask what holds for those it has: scope="these songs".',
        )
    if method == "bootstrap" and songs < LEAST_RESAMPLED:
        raise ConfigurationError(
            f"A bootstrap over {songs} songs holds the truth too seldom; it takes {LEAST_RESAMPLED}.",
            hint='Leave out method=: Student\'s t ("t") is right from 5 songs on.',
        )


def _of_shares(counted: Counted, scope: Scope, method: Method, seed: int, limits: Range) -> Estimator:
    """The same of a metric that is 0 or 1, whose means or differences lie within `limits`."""
    if scope == "these songs":
        return _unless_few(counted, _of_takes_that_pass)
    _refuse_few_songs(counted, method)
    mean = partial(of_songs, limits=limits, seed=seed)
    return partial(_of_songs_like_these, mean=mean, least=LEAST_SONGS)


def _of_takes_that_pass(means: Sequence[SongMean], levels: Sequence[Level]) -> Interval:
    """The songs are all there are: each level is a share of so many takes, be they repeats or not."""
    squares = [0.0] * len(levels)
    for song in means:
        for (at, _), share in song.shares.items():
            squares[at] += share / len(means) ** 2
    shares = [math.fsum(its) / len(means) for its in zip(*(song.of_levels for song in means), strict=True)]
    takes = [1 / each for each in squares]
    return of_takes(shares[0], takes[0]) if len(levels) == 1 else of_two_shares(shares, takes)


def _of_these_songs(means: Sequence[SongMean], levels: Sequence[Level], spread: Spread) -> Interval:
    """The songs are all there are: only repeats vary, and each level by its own variance.

    Where cells of a level differ in their number of takes, it is taken over no more than those that have
    about as many. A small cell that varies more would else get the spread of large ones that vary less, and
    its interval would be too narrow. Where cells differ in spread, it has fewer degrees of freedom.
    """
    estimate = math.fsum(song.mean for song in means) / len(means)
    if not spread.pooled.degrees:
        return Interval(estimate, reason=NO_REPEATS)
    shares: dict[tuple[int, int], list[float]] = {}
    for song in means:
        for (at, takes), share in song.shares.items():
            kind = spread.kind_of(levels[at], takes)
            shares.setdefault((at, kind), []).append(share / len(means) ** 2)
    parts, kept = [], []
    for (at, kind), its in sorted(shares.items()):
        variance = spread.of(levels[at], kind)
        if not variance.degrees:
            return Interval(estimate, reason=NO_REPEATS_HERE)
        parts.append((variance.value * math.fsum(its), variance.degrees))
        kept.append(variance.kept)
    return of_parts(estimate, parts, kept)


def _of_songs_like_these(
    means: Sequence[SongMean],
    levels: Sequence[Level],
    mean: Callable[[Sequence[float]], Interval],
    least: int,
) -> Interval:
    """The songs are a draw from many, so that their means are what varies."""
    values = [song.mean for song in means]
    if len(values) < least:
        return Interval(
            math.fsum(values) / len(values), reason=f"{_songs(len(values))}, fewer than the {least} it takes"
        )
    return mean(values)


def level_estimator(counted: Counted, spread: Spread, scope: Scope, method: Method, seed: int) -> Estimator:
    """What turns the means of songs at one level into an interval inside the limits of the measure.

    Where a measure has two ends, it is an interval on the scale of the log odds. A bootstrap finds the tails
    by itself, and is cut.

    ConfigurationError where there are too few songs.
    """
    limits = limits_of(counted)
    if is_pass_or_fail(counted, limits):
        return _of_shares(counted, scope, method, seed, SHARES)
    if limits is None:
        estimate = _estimator(counted, spread, scope, method, seed)
    elif not limits.is_closed or method == "bootstrap":
        estimate = _then(limits.cut, _estimator(counted, spread, scope, method, seed))
    else:
        estimate = _then(limits.on_log_odds, _estimator(counted, spread, scope, method, seed))
    return _unless_few(counted, estimate)


def pair_estimator(counted: Counted, spread: Spread, scope: Scope, method: Method, seed: int) -> Estimator:
    """The same for the difference of two levels, cut where no difference of the measure can lie."""
    limits = limits_of(counted)
    if is_pass_or_fail(counted, limits):
        return _of_shares(counted, scope, method, seed, SHARES.of_differences())
    estimate = _estimator(counted, spread, scope, method, seed)
    return _unless_few(counted, estimate if limits is None else _then(limits.of_differences().cut, estimate))


def _unless_few(counted: Counted, estimate: Estimator) -> Estimator:
    """The same, but no interval where a few whole numbers are nearly all alike: how they vary is not seen.

    Two takes of 4 stars and two of 5 would else differ beyond all chance.
    """
    are_shares = {value for _, _, group in counted.groups() for value in group} <= {0.0, 1.0}

    def found(means: Sequence[SongMean], levels: Sequence[Level]) -> Interval:
        interval = estimate(means, levels)
        if interval.reason == NO_SPREAD and are_shares:
            # A passing metric whose takes all pass cannot be told from a number that happens to be 1.
            advice = "a metric with range=(0, 1), or of True and False, has an interval"
            return replace(interval, reason=f"{NO_SPREAD}; {advice}")
        takes = [counted.values_at(level) for level in levels]
        different = len({value for values in takes for value in values})
        fewest = min(map(len, takes))
        if interval.reason or different >= LEAST_VALUES or fewest >= LEAST_WHOLE:
            return interval
        return Interval(
            interval.estimate,
            reason=f"whole numbers that take {different} value{'s' * (different != 1)} in {fewest} "
            f"take{'s' * (fewest != 1)} of a level do not show how they vary (it takes {LEAST_VALUES} values "
            f"or {LEAST_WHOLE} takes)",
        )

    return found if counted.is_whole else estimate


def limits_of(counted: Counted) -> Range | None:
    """The range of the metric, unless takes are outside of it, so that the column is another measure."""
    limits = counted.own_range or range_of(counted.metric)
    return limits if limits and all(limits.holds(group) for _, _, group in counted.groups()) else None


def _then(change: Callable[[Interval], Interval], estimate: Estimator) -> Estimator:
    return lambda means, levels: change(estimate(means, levels))


def cell(counted: Counted, level: Level, estimate: Estimator) -> Found:
    """The mean over songs of each song's mean at this level."""
    means = [_song_mean(cells) for cells in counted.values.get(level, {}).values()]
    if not means:
        return Found(Interval(math.nan, reason="no take counts"), 0)
    return Found(estimate(means, [level]), len(means))


def pairs(counted: Counted, estimate: Estimator) -> Iterator[tuple[Level, Level, Found]]:
    """The difference of each two levels, first less second, over the songs that have both."""
    for first, second in itertools.combinations(counted.levels, 2):
        means = song_differences(counted, first, second)
        if means:
            yield first, second, Found(estimate(means, [first, second]), len(means))
        else:
            yield first, second, Found(Interval(math.nan, reason="no song has both"), 0)


def song_differences(counted: Counted, first: Level, second: Level) -> list[SongMean]:
    """Of each song that has both levels the mean of the first less that of the second."""
    ones, others = counted.values.get(first, {}), counted.values.get(second, {})
    found = []
    for song in (song for song in ones if song in others):  # in the order of the frame, which a set has not
        one, other = (_song_mean(cells) for cells in _comparable(ones[song], others[song]))
        shares = {**one.shares, **{(1, takes): share for (_, takes), share in other.shares.items()}}
        found.append(SongMean(one.mean - other.mean, (one.mean, other.mean), shares))
    return found


def _comparable(
    one: Mapping[Rest, Sequence[float]], other: Mapping[Rest, Sequence[float]]
) -> tuple[Mapping[Rest, Sequence[float]], Mapping[Rest, Sequence[float]]]:
    """Both at the levels of the remaining factors that both have, or all of both where that is none.

    A prompt without a slot shares none with one that has it.
    """
    shared = one.keys() & other.keys()
    if not shared:
        return one, other
    return {rest: one[rest] for rest in one if rest in shared}, {
        rest: other[rest] for rest in other if rest in shared
    }


def mean_of_cells(cells: Mapping[Rest, Sequence[float]]) -> float:
    """The mean of a song at a level: every cell weighs the same, however many takes it has."""
    return math.fsum(math.fsum(group) / len(group) for group in cells.values()) / len(cells)


def _song_mean(cells: Mapping[Rest, Sequence[float]]) -> SongMean:
    mean = mean_of_cells(cells)
    sizes = Counter(len(group) for group in cells.values())
    shares = {(0, takes): of / takes / len(cells) ** 2 for takes, of in sizes.items()}
    return SongMean(mean, (mean,), shares)


def _songs(count: int) -> str:
    return f"{count} song{'s' * (count != 1)}"
