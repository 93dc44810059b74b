"""Metrics of one's own in a study: which version a take has, why one lacks, what stays of earlier ones."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from soundverse_nb.analysis import Metric, metrics
from soundverse_nb.analysis.metric import NO_NUMBER
from soundverse_nb.measures.difference import Difference

Stamps = Mapping[str, list[str]]
"""By column of a study's frame the version of its metric, and the hash of the code that gave the value."""


def frame_columns(metric: Metric) -> tuple[str, ...]:
    """The columns of a study's frame that a metric has: one of a pair, and one of each song."""
    column = metric.column
    return (column,) if metric.of == "pair" else (f"reference_{column}", f"remix_{column}")


def registered_stamps() -> dict[str, list[str]]:
    """The version of every metric that is registered now."""
    every = (*metrics("clip"), *metrics("pair"))
    return {column: [each.version, each.code] for each in every for column in frame_columns(each)}


def answered(difference: Difference, asked: Stamps) -> dict[str, list[str]]:
    """Of the metrics that were asked those that answered. One that failed may do better the next time."""
    given, reasons = _values(difference), own_reasons(difference)
    return {
        column: list(stamp)
        for column, stamp in asked.items()
        if column in given and reasons.get(column, NO_NUMBER[0]) in NO_NUMBER
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


def version_in(text: Any, column: str) -> str | None:
    """What `versions_text` says of one column; None where it says nothing."""
    try:
        found = json.loads(text)[column]
    except (ValueError, TypeError, KeyError):
        return None
    return str(found)


def with_earlier(
    difference: Difference, earlier: Difference, asked: Stamps, stamps: Stamps
) -> tuple[Difference, dict[str, list[str]]]:
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


def _version(stamp: list[str]) -> str:
    version, code = stamp
    return f"{version}+{code[:8]}" if code else version
