"""How often the intervals of a study's summary hold the truth, in simulated studies whose truth is known.

    python benchmarks/interval_coverage.py [--studies 2000] [--seed 1] [--processes N]

Every interval that is offered is asked for through `summarise`, as a user would: of a level and of the
difference of two levels, for these songs and for songs like these, by Student's t and, from 20 songs on, by
bootstrap; of a measure without ends, and of one from 0 to 1 whose levels are near 1. An interval of 95 %
should hold the truth in 93 to 97 of 100 studies; the exit status is 1 where one does not. With 2000 studies a
figure is sure to within one per cent.

Where prompts have unequal numbers of takes, down to 2, and vary unequally, too, intervals of these songs may
be wider, and have to hold the truth in 92 of 100.

Below come studies that break what the intervals take for granted, and the plain bootstrap that is not
offered: they are printed to be known, and decide nothing.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.study.estimates import Method, Scope
from soundverse_nb.study.intervals import LEAST_RESAMPLED, LEAST_SONGS
from soundverse_nb.study.summarise import summarise

SONGS = (5, 8, 12, 20)
REPEATS = (2, 3, 5, 10, 20)
LEAST, MOST = 0.93, 0.97
FEW_SONGS = (1, 2, 5)
LEAST_OF_UNEQUAL = 0.92

_PROMPTS = ("jazz", "waltz")
_LEVELS = np.array([0.6, 0.5])
_NEAR_ONE = np.array([0.95, 0.9])
_PRECISION = 60.0  # of the beta distribution of takes: near 0.95 they vary by 0.028
_BETWEEN, _TOGETHER, _WITHIN = (
    0.10,
    0.05,
    0.06,
)  # standard deviations: of songs, of song and prompt, of repeats

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]
Row = dict[str, object]


@dataclass(frozen=True)
class World:
    """Where studies come from.

    `draw` gives numbers of mean 0 and variance 1, `spread` by how much the repeats of each prompt vary,
    `lost` which share of the takes fails, `takes` how many each prompt has where that is not the same.
    """

    name: str
    draw: Draw
    spread: tuple[float, float] = (_WITHIN, _WITHIN)
    lost: float = 0.0
    metric: str = "loudness_change_lu"
    takes: tuple[int, int] | None = None

    def songs_and_takes(
        self, random: np.random.Generator, songs: int, repeats: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The true mean of each song and prompt, and its takes."""
        shape = (songs, len(_PROMPTS))
        own = _BETWEEN * self.draw(random, (songs, 1)) + _TOGETHER * self.draw(random, shape)
        true = _LEVELS + own
        within = np.array(self.spread)[:, None] * self.draw(random, (*shape, repeats))
        return true, true[:, :, None] + within

    @property
    def levels(self) -> NDArray[np.float64]:
        """The true mean of each prompt over all songs there are."""
        return _LEVELS


@dataclass(frozen=True)
class BoundedWorld(World):
    """The same of a measure from 0 to 1, near 1.

    Songs differ by their log odds, takes are of a beta distribution; of 100 takes `at_end` are 1 exactly.
    """

    metric: str = "tune_kept"
    at_end: float = 0.0

    def songs_and_takes(
        self, random: np.random.Generator, songs: int, repeats: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The true mean of each song and prompt, and its takes."""
        shape = (songs, len(_PROMPTS))
        own = 4 * _BETWEEN * self.draw(random, (songs, 1)) + 4 * _TOGETHER * self.draw(random, shape)
        true = _shares(np.log(_NEAR_ONE / (1 - _NEAR_ONE)) + own)
        takes = random.beta(
            true[:, :, None] * _PRECISION, (1 - true[:, :, None]) * _PRECISION, (*shape, repeats)
        )
        ends = random.random(takes.shape) < self.at_end / 100
        return true + (1 - true) * self.at_end / 100, np.where(ends, 1.0, takes)

    @property
    def levels(self) -> NDArray[np.float64]:
        """The true mean of each prompt over all songs there are."""
        places, weights = np.polynomial.hermite_e.hermegauss(31)
        own = 4 * math.hypot(_BETWEEN, _TOGETHER) * places[:, None]
        means = weights @ _shares(np.log(_NEAR_ONE / (1 - _NEAR_ONE)) + own) / weights.sum()
        return np.asarray(means + (1 - means) * self.at_end / 100)


def _shares(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _normal(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return random.standard_normal(shape)


def _skewed(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return random.exponential(1.0, shape) - 1.0


OFFERED = (World("normal", _normal), BoundedWorld("from 0 to 1, near 1", _normal))
UNEQUAL = tuple(
    World(f"takes {one}/{other}, spread {of_one}/{of_other}", _normal,
          (of_one * _WITHIN, of_other * _WITHIN), takes=(one, other))
    for one, other in ((10, 2), (6, 2))
    for of_one, of_other in ((1, 3), (1, 2), (1, 1), (3, 1))
)  # fmt: skip
OTHERS = (
    World("skewed (exponential)", _skewed),
    World("one prompt varies 3 times as much", _normal, (_WITHIN, 3 * _WITHIN)),
    World("a fifth of the takes failed", _normal, lost=0.2),
    BoundedWorld("from 0 to 1, a fifth of takes exactly 1", _normal, at_end=20),
)


def study(
    world: World, songs: int, repeats: int, random: np.random.Generator
) -> tuple[list[Row], NDArray[np.float64]]:
    """The rows of one study, and the true mean of each prompt over its very songs."""
    true, takes = world.songs_and_takes(random, songs, repeats)
    failed = random.random(takes.shape) < world.lost
    # A song keeps a take of each prompt: without one it would drop out, and with it the truth that is meant.
    failed[:, :, 0] = False
    rows: list[Row] = [
        {
            "reference": song,
            "prompt": prompt,
            "replicate": take + 1,
            "state": "failed" if failed[song, at, take] else "done",
            world.metric: float(takes[song, at, take]),
        }
        for song in range(songs)
        for at, prompt in enumerate(_PROMPTS)
        for take in range(world.takes[at] if world.takes else repeats)
    ]
    return rows, true.mean(axis=0)


def coverage(world: World, songs: int, repeats: int, studies: int, seed: int) -> list[float]:
    """Of each kind of interval in which share of the studies those of levels, and that of the pair, hold."""
    warnings.simplefilter("ignore", UserWarning)  # of few songs, which is what is measured here
    random = np.random.default_rng([seed, songs, repeats])
    kinds = list(offered(songs))
    held = np.zeros((len(kinds), 2))
    for number in range(studies):
        rows, here = study(world, songs, repeats, random)
        for kind, (scope, method) in enumerate(kinds):
            truth = here if scope == "these songs" else world.levels
            found = summarise(rows, world.metric, scope=scope, method=method, seed=number)
            levels = [cell.low <= true <= cell.high for cell, true in zip(found.cells, truth, strict=True)]
            pair = found.pairs[0].low <= truth[0] - truth[1] <= found.pairs[0].high
            held[kind] += sum(levels) / len(levels), pair
    return [float(share) for share in (held / studies).ravel()]


def percentile_coverage(songs: int, studies: int, seed: int) -> float:
    """The same of the plain bootstrap, which takes the percentiles of resampled means as they are."""
    random = np.random.default_rng([seed, songs])
    held = 0
    for _ in range(studies):
        values = random.standard_normal(songs)
        means = values[random.integers(0, songs, (1999, songs))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        held += bool(low <= 0.0 <= high)
    return held / studies


def offered(songs: int) -> Iterator[tuple[Scope, Method]]:
    """Every kind of interval that so many songs allow."""
    yield "these songs", "t"
    if songs >= LEAST_SONGS:
        yield "songs like these", "t"
    if songs >= LEAST_RESAMPLED:
        yield "songs like these", "bootstrap"


def main() -> int:
    """Print the tables; 1 where an interval that is offered holds the truth too seldom or too often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    sizes = [(world, songs, repeats) for world in OFFERED for songs in SONGS for repeats in REPEATS]
    unequal = [(world, songs, max(world.takes or (0,))) for world in UNEQUAL for songs in FEW_SONGS]
    others = [(world, songs, 3) for world in OTHERS for songs in SONGS]
    print("per cent of studies whose 95 % interval holds the truth; each of a level and of a pair")
    print(f"{'':<50}{'these songs':>16}{'like these, t':>16}{'bootstrap':>16}")
    print(f"{'takes':<36}{'songs':>6}{'repeats':>8}" + f"{'level':>8}{'pair':>8}" * 3)
    figures: list[float] = []
    of_unequal: list[float] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        work = [
            pool.submit(coverage, *size, arguments.studies, arguments.seed)
            for size in sizes + unequal + others
        ]
        for at, ((world, songs, repeats), future) in enumerate(
            zip(sizes + unequal + others, work, strict=True)
        ):
            if at == len(sizes):
                print("\nunequal numbers of takes")
            if at == len(sizes) + len(unequal):
                print("\nwhere what they take for granted does not hold")
            shown = "".join(f"{100 * figure:>8.1f}" for figure in future.result())
            print(f"{world.name:<36}{songs:>6}{repeats:>8}{shown}", flush=True)
            if at < len(sizes):
                figures += future.result()
            elif at < len(sizes) + len(unequal):
                of_unequal += future.result()[:2]
    print("\nthe plain percentile bootstrap over songs, which is not offered")
    for songs in SONGS:
        held = percentile_coverage(songs, arguments.studies, arguments.seed)
        print(f"{'':<36}{songs:>6}{'':>24}{100 * held:>16.1f}")
    lowest, highest = min(figures), max(figures)
    print(f"\noffered intervals: {100 * lowest:.1f} to {100 * highest:.1f} %, of {len(figures)}")
    print(f"of unequal numbers of takes, these songs: from {100 * min(of_unequal):.1f} %")
    error = math.sqrt(0.95 * 0.05 / arguments.studies)
    print(f"a figure is off by some {100 * error:.1f} % by the number of studies")
    return 0 if lowest >= LEAST and highest <= MOST and min(of_unequal) >= LEAST_OF_UNEQUAL else 1


if __name__ == "__main__":
    sys.exit(main())
