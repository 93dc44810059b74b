"""A summary of a metric over a study's rows: estimates, pairs, checks, and the verdict in words."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from soundverse_nb.render.escape import plain, shortened
from soundverse_nb.render.units import signed
from soundverse_nb.study.checks import checks_of
from soundverse_nb.study.counted import Counted, Level, count, level_name
from soundverse_nb.study.estimates import (
    Estimator,
    Method,
    Scope,
    cell,
    level_estimator,
    limits_of,
    pair_estimator,
    pairs,
    refuse_unknown,
)
from soundverse_nb.study.intervals import FEW_SONGS, holm
from soundverse_nb.study.pass_or_fail import is_pass_or_fail
from soundverse_nb.study.spread import spread_of
from soundverse_nb.study.summary import (
    CellEstimate,
    PairDifference,
    Summary,
    digits_for,
    interval_text,
    p_equals,
)
from soundverse_nb.study.summary_request import asked_seed

_SAID_PAIRS = 3
"""Pairs that a verdict puts into words."""

_WORDS = {
    "tune_kept": ("keeps more of the tune than", "keeps less of the tune than"),
    "tempo_ratio": ("is faster, against its song, than", "is slower, against its song, than"),
    "timbre_distance": ("sounds less like its song than", "sounds more like its song than"),
    "rhythm_distance": ("has a rhythm less like its song's than", "has a rhythm more like its song's than"),
    "loudness_change_lu": ("is louder, against its song, than", "is quieter, against its song, than"),
    "seconds": ("takes longer than", "takes less time than"),
}


def summarise(
    rows: Any,
    metric: str,
    by: str | Sequence[str] | None = None,
    scope: Scope = "these songs",
    *,
    method: Method = "t",
    seed: int = 0,
) -> Summary:
    """What the takes of a study say of a metric: by level, by pair of levels, with 95 % intervals, in words.

    Parameters
    ----------
    rows : the frame of a study, or a list of mappings with its columns.
    metric : the name of a column of numbers, for example "tune_kept".
    by : the factor whose levels are compared, or several; without it those that vary, apart from the song.
    scope : "these songs" speaks of the songs at hand: intervals come from how repeats of a cell vary, each
        level by its own spread, of a pair as Welch's t test has it, with fewer degrees of freedom where songs
        differ in it. They take two takes of some cell of each level. "songs like these" speaks of the songs
        that these were drawn from: intervals come from how the songs' means differ, of pairs from the
        differences within each song.
    method : "t" for Student's t, or "bootstrap" of whole songs, which does without the normal distribution
        and takes 20 songs and `scope="songs like these"`.
    seed : of a bootstrap.

    Finished takes count that have the metric, are in the plan, no control, and not the same file as another;
    all others are tallied. Every song weighs the same. P values of pairs are adjusted by Holm's method;
    each interval is of its pair alone.
    No interval leaves the range of its measure: of one from 0 to 1, such as tune_kept, that of a level is
    Student's t on the scale of the log odds; others are cut at the end.
    A metric that is 0 or 1 in every take, as of who passes, has the intervals of shares: of these songs, from
    10 takes of a level on, those of Clopper and Pearson, and of Agresti and Caffo for pairs; of songs like
    these a Bayesian bootstrap with half a song more at either end, whatever the `method`. They hold where
    hardly a take passes or fails, too.
    Other values that do not vary, and a few whole numbers that hardly do, have no interval and no p value.

    Raises ConfigurationError for an unknown column or factor, where no take counts, and under 5 songs for
    songs like these; warns under 12.

    >>> rows = [
    ...     {"reference": song, "prompt": prompt, "replicate": take, "tune_kept": kept + take / 100 + at / 50}
    ...     for prompt, kept in (("jazz", 0.5), ("waltz", 0.7))
    ...     for at, song in enumerate(["one", "two", "three"])
    ...     for take in (1, 2)
    ... ]
    >>> print(summarise(rows, "tune_kept").verdict)
    'jazz' keeps less of the tune than 'waltz': −0.200 (95 % interval −0.210 to −0.190), p < 0.001, 3 songs.
    """
    refuse_unknown(scope, method)
    seed = asked_seed(seed)
    counted = count(rows, metric, by)
    spread = spread_of(counted)
    of_level = level_estimator(counted, spread, scope, method, seed)
    cells = tuple(_cell(counted, level, of_level) for level in counted.levels)
    differences = _pairs(counted, pair_estimator(counted, spread, scope, method, seed))
    if scope == "songs like these" and len(counted.songs) < FEW_SONGS:
        warnings.warn(
            f"{len(counted.songs)} songs are few to speak of songs like these; "
            f"{FEW_SONGS} and more tell it better.",
            stacklevel=3,  # whoever called study.summary
        )
    return Summary(
        metric=counted.metric,
        by=counted.by,
        scope=scope,
        method=method,
        verdict=_verdict(metric, cells, differences),
        cells=cells,
        pairs=differences,
        checks=checks_of(counted, spread, scope),
        simulated=counted.simulated > 0,
        range_note=_range_note(counted, scope, method, cells, differences),
    )


def _range_note(
    counted: Counted,
    scope: Scope,
    method: Method,
    cells: Sequence[CellEstimate],
    differences: Sequence[PairDifference],
) -> str:
    """How intervals stay inside the range of the metric; "" where that changes none."""
    metric, limits = counted.metric, limits_of(counted)
    if is_pass_or_fail(counted, limits) and not all(cell.reason for cell in cells):
        said = f"{plain(metric, 60)} is 0 or 1 in every take: "
        if scope == "these songs":
            return f"{said}intervals are those of Clopper and Pearson, of pairs those of Agresti and Caffo."
        said += "intervals are of a Bayesian bootstrap of songs, with half a song more at either end."
        return f"{said} More songs make them narrower, more takes of each hardly."
    if limits is None or all(cell.reason for cell in cells):
        return ""
    if limits.is_closed and method == "t":
        return (
            f"{plain(metric, 60)} lies from {limits.low:g} to {limits.high:g}: the interval of a level is "
            "Student's t on the scale of the log odds, so it stays in between."
        )
    apart = limits.of_differences()
    ends = {limits.low, limits.high}
    if any(ends & {cell.low, cell.high} for cell in cells) or any(
        {apart.low, apart.high} & {pair.low, pair.high} for pair in differences
    ):
        return f"Intervals are cut where no {plain(metric, 60)} can be."
    return ""


def _cell(counted: Counted, level: Level, estimate: Estimator) -> CellEstimate:
    found, number = cell(counted, level, estimate), counted.states[level]
    return CellEstimate(
        levels=dict(zip(counted.by, level, strict=True)),
        estimate=found.interval.estimate,
        low=found.interval.low,
        high=found.interval.high,
        reason=found.interval.reason,
        songs=found.songs,
        takes=number["done"],
        failed=number["failed"],
        missing=number["missing"],
        running=number["running"],
        unknown=number["unknown"],
        without_metric=number["without"],
        same_file=number["same"],
    )


def _pairs(counted: Counted, estimate: Estimator) -> tuple[PairDifference, ...]:
    found = list(pairs(counted, estimate))
    adjusted = holm([each.interval.p for _, _, each in found])
    return tuple(
        PairDifference(
            first=level_name(first),
            second=level_name(second),
            difference=each.interval.estimate,
            low=each.interval.low,
            high=each.interval.high,
            p=each.interval.p,
            p_holm=p_holm,
            songs=_songs_of(counted, first, second) if "reference" in counted.by else each.songs,
            reason=each.interval.reason,
        )
        for (first, second, each), p_holm in zip(found, adjusted, strict=True)
    )


def _songs_of(counted: Counted, first: Level, second: Level) -> int:
    """Of how many songs two levels are where songs are compared."""
    at = counted.by.index("reference")
    return len({first[at], second[at]})


def _verdict(metric: str, cells: Sequence[CellEstimate], differences: Sequence[PairDifference]) -> str:
    known = sorted((pair for pair in differences if not math.isnan(pair.p)), key=lambda pair: pair.p)
    if not known:
        return _without_pairs(metric, cells, differences)
    clear = [pair for pair in known if pair.is_clear]
    several = len(known) > 1
    if not clear:
        said = _figures(known[0], several)
        if not several:
            both = f"{_quoted(known[0].first)} and {_quoted(known[0].second)}"
            return f"Whether {both} differ in {plain(metric, 60)} cannot be told: {said}."
        return (
            f"None of {len(known)} pairs differs clearly in {plain(metric, 60)}; the clearest is "
            f"{_quoted(known[0].first)} less {_quoted(known[0].second)}: {said}."
        )
    sentences = [_sentence(metric, pair, several) for pair in clear[:_SAID_PAIRS]]
    if several:
        sentences.insert(0, f"{len(clear)} of {len(known)} pairs differ clearly.")
    return " ".join(sentences)


def _without_pairs(metric: str, cells: Sequence[CellEstimate], differences: Sequence[PairDifference]) -> str:
    if differences:
        reason = differences[0].reason
        return f"Nothing can be said for sure of differences in {plain(metric, 60)}: {reason}."
    digits = digits_for(cells[0].low, cells[0].high, cells[0].estimate)
    name = _quoted(cells[0].name) if cells[0].levels else "All takes together"
    songs = f"{cells[0].songs} song{'s' * (cells[0].songs != 1)}"
    said = interval_text(cells[0].low, cells[0].high, digits)
    around = f"95 % interval {said}" if cells[0].reason == "" else f"no interval: {cells[0].reason}"
    kind = "have" if not cells[0].levels else "has"
    return f"{name} {kind} a {plain(metric, 60)} of {signed(cells[0].estimate, digits)} ({around}), {songs}."


def _sentence(metric: str, pair: PairDifference, several: bool) -> str:
    more, less = _WORDS.get(
        metric.removeprefix("measured_"),
        (f"has a higher {plain(metric, 60)} than", f"has a lower {plain(metric, 60)} than"),
    )
    words = more if pair.difference > 0 else less
    return f"{_quoted(pair.first)} {words} {_quoted(pair.second)}: {_figures(pair, several)}."


def _figures(pair: PairDifference, several: bool) -> str:
    digits = digits_for(pair.low, pair.high, pair.difference)
    return (
        f"{signed(pair.difference, digits)} (95 % interval{' of this pair alone' * several} "
        f"{interval_text(pair.low, pair.high, digits)}), "
        f"p {p_equals(pair.p_holm)}{' after Holm' * several}, {pair.songs} song{'s' * (pair.songs != 1)}"
    )


def _quoted(name: str) -> str:
    return f"'{shortened(name, 60)}'"
