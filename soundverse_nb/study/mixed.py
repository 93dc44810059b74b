"""A mixed model of a study: the levels as fixed effects, the songs as a random one, by statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.study.counted import count, level_name

LEAST_GROUPS = 2


def mixed_model(rows: Any, metric: str, by: str | Sequence[str] | None = None) -> Any:
    """A linear mixed model of a metric: every level beside the first one, and a random intercept a song.

    Parameters
    ----------
    rows, metric, by : as in `summarise`; the same takes count.

    Returns what `statsmodels` fits by restricted maximum likelihood, a MixedLMResults: `summary()` shows it,
    `fe_params` has the differences from the first level, `conf_int()` their intervals. These rest on the
    normal distribution and are too narrow over few songs, which those of `summarise` are not.

    Raises ConfigurationError where statsmodels is not installed, for fewer than two songs, where reference is
    in `by`, and where there is nothing to tell apart.
    """
    models = import_extra("statsmodels.regression.mixed_linear_model", "A mixed model", "stats")
    pd = import_extra("pandas", "A mixed model")
    counted = count(rows, metric, by)
    if "reference" in counted.by:
        raise ConfigurationError(
            "In a mixed model the song is the random effect, so by= takes other factors."
        )
    if len(counted.songs) < LEAST_GROUPS:
        raise ConfigurationError(
            "A mixed model takes songs as a random effect, and there is one song.",
            hint="Add songs to the plan.",
        )
    takes = [(level, song, value) for level, song, group in counted.groups() for value in group]
    levels = list(dict.fromkeys(level for level in counted.levels if level in counted.values))
    first = level_name(levels[0])
    design = pd.DataFrame({first: 1.0}, index=range(len(takes)))
    for level in levels[1:]:
        design[f"{level_name(level)} − {first}"] = [float(taken == level) for taken, _, _ in takes]
    if len(takes) <= len(levels) + len(counted.songs):
        raise ConfigurationError(
            f"{len(takes)} takes are too few for a mixed model of {len(levels)} levels and "
            f"{len(counted.songs)} songs.",
            hint="Order repeats.",
        )
    values = pd.Series([value for _, _, value in takes], name=metric)
    return models.MixedLM(values, design, groups=[song for _, song, _ in takes]).fit(reml=True)
