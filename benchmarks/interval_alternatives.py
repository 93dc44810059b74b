"""How often intervals hold the truth that a summary does not offer, in worlds where other ones were wanted.

`python benchmarks/interval_coverage.py` prints them, below what is offered.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from interval_worlds import Numbers, PassingWorld, World
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, logit, stdtrit

Edges = tuple[Numbers, Numbers]

_TAIL = 0.025
_DRAWS = 999
_AT_ONCE = 250


def percentile_coverage(songs: int, studies: int, seed: int) -> float:
    """Of the plain bootstrap, which takes the percentiles of resampled means as they are."""
    random = np.random.default_rng([seed, songs])
    held = 0
    for _ in range(studies):
        values = random.standard_normal(songs)
        means = values[random.integers(0, songs, (1999, songs))].mean(axis=1)
        low, high = np.quantile(means, [_TAIL, 1 - _TAIL])
        held += bool(low <= 0.0 <= high)
    return held / studies


def pooled_coverage(world: World, songs: int, repeats: int, studies: int, seed: int) -> list[float]:
    """For these songs, by one variance for both prompts: of the first, of the second, of their difference."""
    random = np.random.default_rng([seed, songs, repeats])
    held = np.zeros(3)
    degrees = 2 * songs * (repeats - 1)
    for _ in range(studies):
        true, takes = world.songs_and_takes(random, songs, repeats)
        off = takes.mean(axis=(0, 2), dtype=float) - true.mean(axis=0)
        half = stdtrit(degrees, 1 - _TAIL) * np.sqrt(takes.var(axis=2, ddof=1).mean() / (songs * repeats))
        held += [abs(off[0]) <= half, abs(off[1]) <= half, abs(off[0] - off[1]) <= half * np.sqrt(2)]
    return [float(share) for share in held / studies]


def passing_coverage(
    world: PassingWorld, songs: int, repeats: int, studies: int, seed: int
) -> dict[str, tuple[float, float]]:
    """For songs like these, by name, of the first prompt or of the difference: coverage, and mean width.

    Both are of the studies that have such an interval: where all songs have the same share, some have none.
    """
    random = np.random.default_rng([seed, songs, repeats])
    shares = np.array(
        [world.songs_and_takes(random, songs, repeats)[1].mean(axis=2, dtype=float) for _ in range(studies)]
    )
    first, apart = world.levels[0], world.levels[0] - world.levels[1]
    found = {}
    for name, (low, high) in _of_levels(shares[:, :, 0], repeats):
        found[name] = _held(np.maximum(low, 0), np.minimum(high, 1), first)
    for name, (low, high) in _of_pairs(shares[:, :, 0] - shares[:, :, 1]):
        found[name] = _held(np.maximum(low, -1), np.minimum(high, 1), apart)
    return found


def _held(low: Numbers, high: Numbers, truth: float) -> tuple[float, float]:
    has = np.isfinite(low + high)
    return float(np.mean((low <= truth) & (truth <= high), where=has)), float(np.mean(high - low, where=has))


def _of_levels(shares: Numbers, repeats: int) -> Iterator[tuple[str, Edges]]:
    songs = shares.shape[1]
    takes, mean = songs * repeats, shares.mean(axis=1)
    error = np.where(np.ptp(shares, axis=1) > 0, shares.std(axis=1, ddof=1) / np.sqrt(songs), np.nan)
    quantile = stdtrit(songs - 1, 1 - _TAIL)
    yield "t", (mean - quantile * error, mean + quantile * error)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = quantile * error / (mean * (1 - mean))
        yield "log odds", (expit(logit(mean) - half), expit(logit(mean) + half))
        angles = np.arcsin(np.sqrt(shares))
        half = np.where(np.isfinite(error), quantile * angles.std(axis=1, ddof=1) / np.sqrt(songs), np.nan)
        middle = angles.mean(axis=1)
        yield (
            "arcsine",
            (
                np.sin(np.clip(middle - half, 0, np.pi / 2)) ** 2,
                np.sin(np.clip(middle + half, 0, np.pi / 2)) ** 2,
            ),
        )
        # An effective number of takes, by the design effect and the degrees of freedom.
        effective = mean * (1 - mean) / error**2 * (stdtrit(takes - 1, 1 - _TAIL) / quantile) ** 2
    effective = np.where(np.isfinite(effective), np.minimum(effective, takes), takes)
    yield "Korn-Graubard", _clopper_pearson(mean * effective, effective)
    yield "half a song", _with_ends(shares, 0.0, 1.0, 0.5)
    yield "a song", _with_ends(shares, 0.0, 1.0, 1.0)


def _of_pairs(differences: Numbers) -> Iterator[tuple[str, Edges]]:
    songs, mean = differences.shape[1], differences.mean(axis=1)
    spread = np.where(np.ptp(differences, axis=1) > 1e-12, differences.std(axis=1, ddof=1), np.nan)
    half = stdtrit(songs - 1, 1 - _TAIL) * spread / np.sqrt(songs)
    yield "pair: t", (mean - half, mean + half)
    yield "pair: half a song", _with_ends(differences, -1.0, 1.0, 0.5)
    yield "pair: a song", _with_ends(differences, -1.0, 1.0, 1.0)


def _clopper_pearson(passed: Numbers, takes: Numbers) -> Edges:
    failed, little = takes - passed, 1e-9
    low = betaincinv(np.maximum(passed, little), failed + 1, _TAIL)
    high = betaincinv(passed + 1, np.maximum(failed, little), 1 - _TAIL)
    return np.where(passed > little, low, 0.0), np.where(failed > little, high, 1.0)


def _with_ends(values: Numbers, low: float, high: float, more: float) -> Edges:
    """A Bayesian bootstrap of songs with so many songs more at either end."""
    draw = np.random.default_rng(3)
    own = draw.standard_exponential((_DRAWS, values.shape[1]))
    weights = np.concatenate([own, draw.standard_gamma(more, (_DRAWS, 1))], axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    edges: list[NDArray[np.float64]] = []
    for end, tail in ((low, _TAIL), (high, 1 - _TAIL)):
        parts = [
            np.quantile(some @ weights[:, :-1].T + end * weights[:, -1], tail, axis=1)
            for some in np.split(values, range(_AT_ONCE, len(values), _AT_ONCE))
        ]
        edges.append(np.concatenate(parts))
    return edges[0], edges[1]
