"""What is asked of a summary or a plot, refused where it is no metric, factor, seed or axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from soundverse_nb.errors import ConfigurationError

LARGEST = 1e100
"""The largest number that a summary takes: squares of larger ones, and their sums, are beyond any float."""


def asked_metric(metric: Any) -> str:
    """The name of one column."""
    if isinstance(metric, str):
        return metric
    hint = "One at a time, for example 'tune_kept'."
    raise ConfigurationError(f"A metric is the name of a column, not {_said(metric)}.", hint=hint)


def asked_factors(by: Any) -> tuple[str, ...] | None:
    """The names of factors, each once; None where nobody asked."""
    if by is None:
        return None
    if isinstance(by, str):
        return (by,)
    factors = list(by) if isinstance(by, Iterable) else [by]
    for factor in factors:
        if not isinstance(factor, str):
            raise ConfigurationError(
                f"by= takes the name of a factor, or several, not {_said(factor)}.",
                hint="For example by='prompt', or by=['prompt', 'mood'].",
            )
    return tuple(dict.fromkeys(factors))


def asked_seed(seed: Any) -> int:
    """A whole number from 0."""
    try:
        given = seed.__index__()
    except (AttributeError, TypeError):
        given = -1
    if given < 0:
        raise ConfigurationError(f"seed= takes a whole number from 0, not {_said(seed)}.")
    return int(given)


def asked_rows(rows: Any) -> list[Mapping[str, Any]]:
    """Rows as a list of mappings."""
    found = list(rows) if isinstance(rows, Iterable) else [rows]
    for row in found:
        if not isinstance(row, Mapping):
            raise ConfigurationError(
                f"Rows are a data frame, or a list of mappings with its columns, not {_said(row)}.",
                hint="study.to_frame() has those of a study.",
            )
    return found


def asked_axes(axes: Any) -> Any:
    """Axes of matplotlib, or None."""
    if axes is None or (hasattr(axes, "scatter") and hasattr(axes, "set_yticks")):
        return axes
    raise ConfigurationError(
        f"ax= takes the axes of one matplotlib plot, not {_said(axes)}.",
        hint="plt.subplots() gives a figure and its axes; without ax= a figure is made.",
    )


def finite_number(value: Any, metric: str) -> float | None:
    """A number that a summary can take; None for what is unknown, and for one that is infinite."""
    if value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        number = LARGEST * 2
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, str) or math.isnan(number):
        raise ConfigurationError(
            f"The column {metric!r} holds no numbers, but for example {str(value)[:40]!r}.",
            hint="A summary takes a measure, for example 'tune_kept', or a metric of your own.",
        )
    if math.isfinite(number) and abs(number) > LARGEST:
        raise ConfigurationError(
            f"The column {metric!r} holds numbers beyond {LARGEST:g}, whose spread cannot be told.",
            hint="Measure it in another unit, or take its logarithm.",
        )
    return number if math.isfinite(number) else None


def _said(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 60 else f"a {type(value).__name__}"
