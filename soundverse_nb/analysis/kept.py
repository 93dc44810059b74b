"""What the cache holds of songs and pairs, under which keys; how measures of one's own are added to it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from soundverse_nb.analysis.analysed import Analysed
from soundverse_nb.analysis.cache import cache
from soundverse_nb.analysis.compared import COMPARISON_VERSION, Nulls
from soundverse_nb.analysis.metric import Metric, metrics
from soundverse_nb.audio.features.extract import features_stamp
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import Features

Result = tuple[float, str]
"""What a metric gave, and "" or the reason why that is nan."""

_NOTHING: Result = (math.nan, "It was not asked.")

M = TypeVar("M", Features, Difference)


def forget(reference: str, remix: str) -> None:
    """Forget what was measured of two contents and of them as a pair, so that it is measured anew."""
    for content in (reference, remix):
        cache.remove(_song_key(content))
        for each in metrics("clip"):
            cache.remove(_metric_key(each, (content,)))
    cache.remove(_null_key(reference))
    cache.remove(_pair_key(reference, remix))
    for each in metrics("pair"):
        cache.remove(_metric_key(each, (reference, remix)))


def kept_analysis(content: str) -> Analysed | None:
    """The analysis of a song with this content; None where it is missing."""
    found = cache.get(_song_key(content))
    if found is None:
        return None
    try:
        return _read(found)
    except ValueError:  # cut or spoilt on the disk
        return None


def keep_analysis(content: str, entry: bytes) -> Analysed:
    """Keep what `Analysed.to_bytes` wrote, and read it."""
    cache.put(_song_key(content), entry)
    return _read(entry)


@lru_cache(maxsize=32)
def _read(entry: bytes) -> Analysed:
    # A song is looked up several times on the way to a difference, and reading it takes milliseconds.
    return Analysed.from_bytes(entry)


def kept_difference(reference: str, remix: str) -> Difference | None:
    """The difference of two contents, without metrics of one's own."""
    found = cache.get(_pair_key(reference, remix))
    if found is None:
        return None
    try:
        return Difference.from_json(found)
    except ConfigurationError:
        return None


def keep_difference(reference: str, remix: str, difference: Difference) -> None:
    cache.put(_pair_key(reference, remix), difference.to_json().encode())


def kept_nulls(content: str) -> Nulls | None:
    """What unrelated songs score against a song with this content."""
    found = cache.get(_null_key(content))
    if found is None:
        return None
    try:
        return Nulls.model_validate_json(found)
    except ValueError:
        return None


def keep_nulls(content: str, nulls: Nulls) -> None:
    cache.put(_null_key(content), nulls.model_dump_json().encode())


def _song_key(content: str) -> str:
    return f"song {content} {features_stamp()}"


def _pair_key(reference: str, remix: str) -> str:
    return f"pair {reference} {remix} {comparison_stamp()}"


def _null_key(content: str) -> str:
    return f"null {content} {comparison_stamp()}"


def comparison_stamp() -> str:
    """Which version of features and comparison a difference is of."""
    return f"{features_stamp()} comparison/{COMPARISON_VERSION}"


def kept_metrics(asked: Iterable[Metric], *contents: str) -> tuple[dict[str, float], list[Metric]]:
    """By column what these metrics gave for a content or a pair, and those that are still to be asked."""
    columns: dict[str, float] = {}
    missing = []
    for each in asked:
        value = _kept_value(each, contents)
        if value is None:
            missing.append(each)
        else:
            columns[each.column] = value
    return columns, missing


def keep_metrics(asked: Iterable[Metric], results: Mapping[str, Result], *contents: str) -> None:
    """Keep what metrics gave, by name. A failure is not kept: its cause may be gone the next time."""
    for each in asked:
        value, _ = results.get(each.name, _NOTHING)
        if math.isfinite(value):
            entry = json.dumps({"value": value, "code": each.code})
            cache.put(_metric_key(each, contents), entry.encode())


def _kept_value(each: Metric, contents: tuple[str, ...]) -> float | None:
    found = cache.get(_metric_key(each, contents))
    if found is None:
        return None
    try:
        entry = json.loads(found)
        value, code = float(entry["value"]), str(entry["code"])
    except (ValueError, KeyError, TypeError):
        return None
    # A function that was changed under the same version would else go on giving its old values.
    return value if code == each.code and each.holds(value) else None


def _metric_key(each: Metric, contents: tuple[str, ...]) -> str:
    return f"metric {each.name!r} {each.version!r} {' '.join(contents)}"


def with_metrics(
    measured: M, columns: Mapping[str, float], asked: Iterable[Metric], results: Mapping[str, Result]
) -> M:
    """The same with a column for each metric, and with the reasons of those that are nan."""
    mine = dict(columns)
    reasons = dict(measured.reasons)
    for each in asked:
        value, reason = results.get(each.name, _NOTHING)
        mine[each.column] = value
        if reason:
            reasons[each.column] = reason
    update: dict[str, Any] = {"metrics": mine, "reasons": reasons}
    return measured.model_copy(update=update)
