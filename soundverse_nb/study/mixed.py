"""A mixed model of a study: the levels as fixed effects, the songs as a random one, by statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.render.escape import plain
from soundverse_nb.study.counted import count, level_name
from soundverse_nb.study.estimates import mean_of_cells

LEAST_GROUPS = LEAST_LEVELS = 2


def mixed_model(rows: Any, metric: str, by: str | Sequence[str] | None = None) -> Any:
    """A linear mixed model of a metric: every level beside the first one, and a random intercept a song.

    Parameters
    ----------
    rows, metric, by : as in `summarise`; the same takes count.

    It is fitted to the mean of each song at each level, over all its cells alike. A song that does well with
    one level is then part of what is left over ("Scale" in `summary()`), with what repeats add; takes by
    themselves would count as independent of what their song and level do together, and many repeats would
    make any difference look sure.

    Returns what `statsmodels` fits by restricted maximum likelihood, a MixedLMResults: `summary()` shows it,
    `fe_params` has the differences from the first level, `conf_int()` their intervals. They speak of songs
    like these, and are z intervals: they take for granted that songs and what is left over are normal, that
    the latter varies alike at all levels, and that its variance is known. In simulated studies of two levels
    they hold the truth in 85 to 90 of 100 over 5 songs, in 92 to 94 over 12, and in 95 over 40; those of
    `summarise` with scope="songs like these" in 95 from 5 on.

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
    means = [
        (level, song, mean_of_cells(cells))
        for level in counted.levels
        for song, cells in counted.values.get(level, {}).items()
    ]
    levels = list(dict.fromkeys(level for level, _, _ in means))
    if len(levels) < LEAST_LEVELS:
        raise ConfigurationError(
            "A mixed model compares levels, and there is one.", hint="summary() tells its mean."
        )
    first = level_name(levels[0])
    design = pd.DataFrame({first: 1.0}, index=range(len(means)))
    for level in levels[1:]:
        design[f"{level_name(level)} − {first}"] = [float(at == level) for at, _, _ in means]
    if len(means) <= len(levels) + len(counted.songs):
        raise ConfigurationError(
            f"{len(counted.songs)} songs at {len(levels)} levels are too few for a mixed model.",
            hint="Add songs to the plan.",
        )
    values = pd.Series([value for _, _, value in means], name=metric)
    try:
        return models.MixedLM(values, design, groups=[song for _, song, _ in means]).fit(reml=True)
    except np.linalg.LinAlgError as error:
        raise ConfigurationError(
            f"statsmodels finds no mixed model of {plain(metric, 60)}: {error}.",
            hint="summary() takes values that hardly vary, or that are of very unlike size.",
        ) from error
