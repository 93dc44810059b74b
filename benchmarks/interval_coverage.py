"""How often the intervals of a study's summary hold the truth, in simulated studies whose truth is known.

    python benchmarks/interval_coverage.py [--studies 2000] [--seed 1] [--processes N] [--only TABLE]

Every interval that is offered is asked for through `summarise`, as a user would: of a level and of the
difference of two levels, for these songs and for songs like these, by Student's t and, from 20 songs on, by
bootstrap; of a measure without ends, and of one from 0 to 1 whose levels are near 1. An interval of 95 %
should hold the truth in 93 to 97 of 100 studies; the exit status is 1 where one does not. With 2000 studies a
figure is sure to within one per cent.

Some may be wider, and have to hold the truth in 93 of 100 (92 with unequal numbers of takes): those of one
song or two whose prompts vary unequally, with equal numbers of takes or with unequal ones, down to 2; and
those of takes that pass or fail, where most songs may have the same share. Where one song varies ten times as
much as the others, two takes of each cell cannot always tell: the least there is 88.

Below come studies that break what the intervals take for granted, the z intervals of `study.mixed_model`, and
intervals that are not offered: they are printed to be known, and decide nothing.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from interval_alternatives import passing_coverage, percentile_coverage, pooled_coverage
from interval_worlds import WITHIN, BoundedWorld, PassingWorld, World, skewed, study

from soundverse_nb.study.estimates import Method, Scope
from soundverse_nb.study.intervals import LEAST_RESAMPLED, LEAST_SONGS
from soundverse_nb.study.mixed import mixed_model
from soundverse_nb.study.summarise import summarise

_NOT_OFFERED = "not offered"
_MIXED = "a mixed model"

SONGS = (5, 8, 12, 20)
REPEATS = (2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Table:
    """Some worlds, each with so many songs and repeats, and between what their figures have to be."""

    title: str
    sizes: Sequence[tuple[World, int, int]]
    least: float = 0.0
    most: float = 1.0


_USUAL = [World("normal"), BoundedWorld("from 0 to 1, near 1")]
_UNEQUAL = {
    (takes, spread): World(
        f"takes {takes[0]}/{takes[1]}, spread {spread[0]}/{spread[1]}",
        spread=(spread[0] * WITHIN, spread[1] * WITHIN),
        takes=takes,
    )
    for takes in ((10, 2), (6, 2))
    for spread in ((1, 3), (1, 2), (1, 1), (3, 1))
}
_SPREADS = [World(f"spread 1/{ratio}", spread=(WITHIN, ratio * WITHIN)) for ratio in (1, 2, 5)]
_ODD = [World(f"songs differ in spread, one {ratio} times", odd=ratio) for ratio in (3, 10)]
_PASSING = [
    PassingWorld(f"{100 * one:g} % and {100 * other:g} % pass{', songs differ' * bool(alike)}",
                 passes=(one, other), alike=alike)
    for one, other in ((0.02, 0.1), (0.2, 0.5), (0.1, 0.9))
    for alike in (0.0, 0.3)
]  # fmt: skip
_OTHERS = [
    World("skewed (exponential)", skewed),
    World("one prompt varies 3 times as much", spread=(WITHIN, 3 * WITHIN)),
    World("a fifth of the takes failed", lost=0.2),
    BoundedWorld("from 0 to 1, a fifth of takes exactly 1", at_end=20),
]


def _sizes(
    worlds: Sequence[World], songs: Sequence[int], repeats: Sequence[int]
) -> list[tuple[World, int, int]]:
    return [(world, count, takes) for world in worlds for count in songs for takes in repeats]


TABLES = (
    Table("offered", _sizes(_USUAL, SONGS, REPEATS), 0.93, 0.97),
    Table("prompts that vary unequally", _sizes(_SPREADS, (1, 2), REPEATS), 0.93),
    Table("unequal numbers of takes", [
        (world, songs, takes[0]) for (takes, _), world in _UNEQUAL.items() for songs in (1, 2, 5)
    ], 0.92),
    Table("songs that vary unequally", _sizes(_ODD, (2, 5, 12), (2, 3, 5)), 0.88),
    Table("takes that pass or fail", _sizes(_PASSING, SONGS, (2, 10)), 0.93),
    Table("where what they take for granted does not hold", _sizes(_OTHERS, SONGS, (3,))),
)  # fmt: skip


def coverage(world: World, songs: int, repeats: int, studies: int, seed: int) -> list[float]:
    """Of each kind of interval in which share of the studies those of levels, and that of the pair, hold."""
    warnings.simplefilter("ignore", UserWarning)  # of few songs, which is what is measured here
    random = np.random.default_rng([seed, songs, repeats])
    kinds = list(offered(songs))
    held = np.zeros((len(kinds), 2))
    for _ in range(studies):
        rows, here = study(world, songs, repeats, random)
        for kind, (scope, method) in enumerate(kinds):
            truth = here if scope == "these songs" else world.levels
            found = summarise(rows, world.metric, scope=scope, method=method, seed=seed)
            levels = [cell.low <= true <= cell.high for cell, true in zip(found.cells, truth, strict=True)]
            pair = found.pairs[0].low <= truth[0] - truth[1] <= found.pairs[0].high
            held[kind] += sum(levels) / len(levels), pair
    return [float(share) for share in (held / studies).ravel()]


def offered(songs: int) -> Iterator[tuple[Scope, Method]]:
    """Every kind of interval that so many songs allow."""
    yield "these songs", "t"
    if songs >= LEAST_SONGS:
        yield "songs like these", "t"
    if songs >= LEAST_RESAMPLED:
        yield "songs like these", "bootstrap"


def print_tables(pool: ProcessPoolExecutor, tables: Sequence[Table], studies: int, seed: int) -> list[str]:
    """Print what is offered, and where it fails; gives what misses its target."""
    work = [[pool.submit(coverage, *size, studies, seed) for size in table.sizes] for table in tables]
    print("per cent of studies whose 95 % interval holds the truth; each of a level and of a pair")
    print(f"{'':<50}{'these songs':>16}{'like these, t':>16}{'bootstrap':>16}")
    print(f"{'takes':<36}{'songs':>6}{'repeats':>8}" + f"{'level':>8}{'pair':>8}" * 3)
    missed, ranges = [], []
    for table, futures in zip(tables, work, strict=True):
        print(f"\n{table.title}")
        figures: list[float] = []
        for (world, songs, repeats), future in zip(table.sizes, futures, strict=True):
            its = future.result()
            shown = "".join(f"{100 * figure:>8.1f}" for figure in its)
            print(f"{world.name:<36}{songs:>6}{repeats:>8}{shown}", flush=True)
            figures += its
            if min(its) < table.least or max(its) > table.most:
                missed.append(f"{world.name}, {songs} songs, {repeats} repeats: {shown.strip()}")
        ranges.append(
            f"{table.title}: {100 * min(figures):.1f} to {100 * max(figures):.1f} %, of {len(figures)}"
        )
    print("", *ranges, sep="\n")
    return missed


def print_alternatives(pool: ProcessPoolExecutor, studies: int, seed: int) -> None:
    """Print intervals that are not offered, and in the same worlds the one that is."""
    print(f"\n{_NOT_OFFERED}: one variance for both prompts, these songs; of each level and of the pair")
    sizes = _sizes(_SPREADS, (1, 2), REPEATS)
    of_pooled = [pool.submit(pooled_coverage, *size, studies, seed) for size in sizes]
    passing = [(world, songs, repeats) for world in _PASSING for songs in (5, 12) for repeats in (2, 10)]
    of_passing = [pool.submit(passing_coverage, *size, studies, seed) for size in passing]
    for (world, songs, repeats), pooled in zip(sizes, of_pooled, strict=True):
        shown = "".join(f"{100 * figure:>8.1f}" for figure in pooled.result())
        print(f"{world.name:<36}{songs:>6}{repeats:>8}{shown}", flush=True)
    print(
        "\ntakes that pass or fail, songs like these: coverage of the first prompt and of the pair, and mean"
    )
    print("width; of the studies that have one. 'half a song' is offered")
    for at, ((world, songs, repeats), future) in enumerate(zip(passing, of_passing, strict=True)):
        ways = future.result()
        if not at:
            print(f"{'':<50}" + "".join(f"{name:>18}" for name in ways))
        shown = "".join(f"{100 * held:>11.1f} /{width:>5.2f}" for held, width in ways.values())
        print(f"{world.name:<36}{songs:>6}{repeats:>8}{shown}", flush=True)
    print("\nthe plain percentile bootstrap over songs")
    for songs in SONGS:
        held = percentile_coverage(songs, studies, seed)
        print(f"{'':<36}{songs:>6}{'':>24}{100 * held:>16.1f}")


def mixed_coverage(songs: int, repeats: int, studies: int, seed: int) -> float:
    """Of the interval of a difference by a mixed model, which speaks of songs like these."""
    importlib.import_module("statsmodels.regression.mixed_linear_model")  # which sets filters of its own
    warnings.simplefilter("ignore")  # of songs that hardly differ
    random = np.random.default_rng([seed, songs, repeats])
    world = World("normal")
    held = 0
    for _ in range(studies):
        rows, _ = study(world, songs, repeats, random)
        low, high = mixed_model(rows, world.metric).conf_int().iloc[1]
        held += bool(low <= world.levels[1] - world.levels[0] <= high)
    return held / studies


def print_mixed(pool: ProcessPoolExecutor, studies: int, seed: int) -> None:
    """Print how often the intervals of a mixed model hold the truth, by songs and repeats."""
    print(f"\n{_MIXED}, of the pair: normal, songs like these")
    sizes = [(songs, repeats) for songs in (*SONGS, 40) for repeats in (2, 10)]
    found = [pool.submit(mixed_coverage, *size, studies, seed) for size in sizes]
    for (songs, repeats), future in zip(sizes, found, strict=True):
        print(f"{'normal':<36}{songs:>6}{repeats:>8}{100 * future.result():>8.1f}", flush=True)


def main() -> int:
    """Print the tables; 1 where an interval that is offered holds the truth too seldom or too often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    titles = [table.title for table in TABLES]
    parser.add_argument(
        "--only", action="append", choices=[*titles, _MIXED, _NOT_OFFERED], help="several times, too"
    )
    arguments = parser.parse_args()
    wanted = arguments.only or [*titles, _MIXED, _NOT_OFFERED]
    tables, missed = [table for table in TABLES if table.title in wanted], []
    with ProcessPoolExecutor(arguments.processes) as pool:
        if tables:
            missed = print_tables(pool, tables, arguments.studies, arguments.seed)
        if _MIXED in wanted:
            print_mixed(pool, arguments.studies, arguments.seed)
        if _NOT_OFFERED in wanted:
            print_alternatives(pool, arguments.studies, arguments.seed)
    error = math.sqrt(0.95 * 0.05 / arguments.studies)
    print(f"\na figure is off by some {100 * error:.1f} % by the number of studies")
    if tables:
        print(
            "\n".join(["missed:", *missed]) if missed else "every interval that is offered keeps its target"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
