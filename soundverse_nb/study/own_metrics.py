"""Metrics of one's own in a study: which version a take has, why one lacks, what stays of earlier ones."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from soundverse_nb.analysis import Metric, metrics
from soundverse_nb.analysis.metric import ANSWER
from soundverse_nb.measures.difference import Difference

RANGES = "metric_ranges"
"""What is found under it in `attrs` of a study's rows are the ranges of metrics of one's own, by column."""

Stamp = list[str | float | None]
"""The version of a metric, the hash of its code, and the ends of its range."""

Stamps = Mapping[str, Stamp]
"""The same by column of a study's frame."""


def frame_columns(metric: Metric) -> tuple[str, ...]:
    """The columns of a study's frame that a metric has: one of a pair, and one of each song."""
    column = metric.column
    return (column,) if metric.of == "pair" else (f"reference_{column}", f"remix_{column}")


def registered_stamps() -> dict[str, Stamp]:
    """Of every metric that is registered now."""
    every = (*metrics("clip"), *metrics("pair"))
    return {
        column: [each.version, each.code, *each.range] for each in every for column in frame_columns(each)
    }


def answered(difference: Difference, asked: Stamps) -> dict[str, Stamp]:
    """Of the metrics that were asked those that answered. One that failed may do better the next time."""
    given, reasons = _values(difference), own_reasons(difference)
    return {
        column: list(stamp)
        for column, stamp in asked.items()
        if column in given and reasons.get(column, ANSWER).startswith(ANSWER)
    }


def own_reasons(difference: Difference) -> dict[str, str]:
    """By column why a metric of one's own has no number, or an earlier one."""
    return {
        f"{prefix}{column}": part.reasons[column]
        for prefix, part in _parts(difference)
        for column in part.metrics
        if column in part.reasons
    }


def errors_text(difference: Difference) -> str | None:
    """The same as one text, "bass (dB): ValueError: ...; voice: ..."; None where all went well."""
    return "; ".join(f"{column}: {reason}" for column, reason in own_reasons(difference).items()) or None


def versions_text(stamps: Stamps) -> str | None:
    """By column the version of its metric as JSON, "1+3f2a9c1d" of version 1 and its code; None without."""
    return json.dumps({column: _version(stamp) for column, stamp in stamps.items()}) if stamps else None


def ranges_in(layouts: Iterable[Stamps]) -> dict[str, list[float | None]]:
    """By column the ends of the range of its metric, of those that have one; the latest layout counts."""
    latest = {column: stamp for stamps in layouts for column, stamp in stamps.items()}
    latest |= registered_stamps()  # what was said last, here
    ranges = {column: [_end(end) for end in stamp[2:4]] for column, stamp in latest.items()}
    return {column: ends for column, ends in ranges.items() if ends.count(None) < len(ends)}


def _end(given: Any) -> float | None:
    return float(given) if isinstance(given, (int, float)) else None


def version_in(text: Any, column: str) -> str | None:
    """What `versions_text` says of one column; None where it says nothing."""
    try:
        found = json.loads(text)[column]
    except (ValueError, TypeError, KeyError):
        return None
    return str(found)


def with_earlier(
    difference: Difference, earlier: Difference, asked: Stamps, stamps: Stamps
) -> tuple[Difference, dict[str, Stamp]]:
    """The same with what only the earlier difference has of metrics: they are gone by now, or failed.

    `stamps` are the earlier ones. Gives the stamps of the whole too.
    """
    found = answered(difference, asked)
    update: dict[str, Any] = {}
    for (prefix, now), (_, before) in zip(_parts(difference), _parts(earlier), strict=True):
        values, reasons = dict(now.metrics), dict(now.reasons)
        for column, value in before.metrics.items():
            name = f"{prefix}{column}"
            if column not in now.metrics:
                values[column] = value
                if column in before.reasons:
                    reasons[column] = before.reasons[column]
            elif name not in found and math.isnan(values[column]) and math.isfinite(value):
                values[column] = value
                reasons[column] = f"{reasons.get(column, '')} Kept is what was measured before.".strip()
            else:
                continue
            if name in stamps:
                found[name] = list(stamps[name])
        changed = {"metrics": values, "reasons": reasons}
        if prefix:
            update[prefix.rstrip("_")] = now.model_copy(update=changed)
        else:
            update |= changed
    return difference.model_copy(update=update), found


def _parts(difference: Difference) -> tuple[tuple[str, Any], ...]:
    return ("", difference), ("reference_", difference.reference), ("remix_", difference.remix)


def _values(difference: Difference) -> dict[str, float]:
    return {
        f"{prefix}{column}": value
        for prefix, part in _parts(difference)
        for column, value in part.metrics.items()
    }


def _version(stamp: Stamp) -> str:
    version, code = map(str, stamp[:2])
    return f"{version}+{code[:8]}" if code else version
