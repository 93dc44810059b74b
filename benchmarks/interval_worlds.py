"""Worlds that simulated studies come from, of which the true mean of every prompt is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Numbers]
Row = dict[str, object]

PROMPTS = ("jazz", "waltz")
WITHIN = 0.06  # standard deviation of repeats
_BETWEEN, _TOGETHER = 0.10, 0.05  # those of songs, and of what a song and a prompt do together
_LEVELS = np.array([0.6, 0.5])
_NEAR_ONE = np.array([0.95, 0.9])
_PRECISION = 60.0  # of the beta distribution of takes: near 0.95 they vary by 0.028


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> Numbers:
    """Numbers of mean 0 and variance 1."""
    return random.standard_normal(shape)


def skewed(random: np.random.Generator, shape: tuple[int, ...]) -> Numbers:
    """The same with a long tail to one side."""
    return random.exponential(1.0, shape) - 1.0


@dataclass(frozen=True)
class World:
    """Where studies come from.

    `draw` gives numbers of mean 0 and variance 1, `spread` by how much the repeats of each prompt vary,
    `lost` which share of the takes fails, `takes` how many each prompt has where that is not the same.
    One song, the first, varies `odd` times as much as the others.
    """

    name: str
    draw: Draw = normal
    spread: tuple[float, float] = (WITHIN, WITHIN)
    lost: float = 0.0
    metric: str = "loudness_change_lu"
    takes: tuple[int, int] | None = None
    odd: float = 1.0

    def songs_and_takes(
        self, random: np.random.Generator, songs: int, repeats: int
    ) -> tuple[Numbers, NDArray[np.generic]]:
        """The true mean of each song and prompt, and its takes."""
        shape = (songs, len(PROMPTS))
        own = _BETWEEN * self.draw(random, (songs, 1)) + _TOGETHER * self.draw(random, shape)
        true = _LEVELS + own
        within = np.array(self.spread)[:, None] * self.draw(random, (*shape, repeats))
        within[0] *= self.odd
        return true, true[:, :, None] + within

    @property
    def levels(self) -> Numbers:
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
    ) -> tuple[Numbers, NDArray[np.generic]]:
        """The true mean of each song and prompt, and its takes."""
        shape = (songs, len(PROMPTS))
        own = 4 * _BETWEEN * self.draw(random, (songs, 1)) + 4 * _TOGETHER * self.draw(random, shape)
        true = _shares(np.log(_NEAR_ONE / (1 - _NEAR_ONE)) + own)
        takes = random.beta(
            true[:, :, None] * _PRECISION, (1 - true[:, :, None]) * _PRECISION, (*shape, repeats)
        )
        ends = random.random(takes.shape) < self.at_end / 100
        return true + (1 - true) * self.at_end / 100, np.where(ends, 1.0, takes)

    @property
    def levels(self) -> Numbers:
        """The true mean of each prompt over all songs there are."""
        places, weights = np.polynomial.hermite_e.hermegauss(31)
        own = 4 * math.hypot(_BETWEEN, _TOGETHER) * places[:, None]
        means = weights @ _shares(np.log(_NEAR_ONE / (1 - _NEAR_ONE)) + own) / weights.sum()
        return np.asarray(means + (1 - means) * self.at_end / 100)


def _shares(log_odds: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


@dataclass(frozen=True)
class PassingWorld(World):
    """Takes that pass or fail: by prompt such a share `passes`.

    Songs differ in it by a beta distribution, of which `alike` is the correlation of takes of one song.
    """

    metric: str = "passes"
    passes: tuple[float, float] = (0.5, 0.5)
    alike: float = 0.0

    def songs_and_takes(
        self, random: np.random.Generator, songs: int, repeats: int
    ) -> tuple[Numbers, NDArray[np.generic]]:
        """The true share of each song and prompt, and its takes."""
        true = np.broadcast_to(self.levels, (songs, len(PROMPTS)))
        if self.alike:
            precision = (1 - self.alike) / self.alike
            true = random.beta(precision * true, precision * (1 - true))
        return true, random.random((*true.shape, repeats)) < true[:, :, None]

    @property
    def levels(self) -> Numbers:
        """The true share of each prompt over all songs there are."""
        return np.array(self.passes)


def study(world: World, songs: int, repeats: int, random: np.random.Generator) -> tuple[list[Row], Numbers]:
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
            world.metric: takes[song, at, take].item(),
        }
        for song in range(songs)
        for at, prompt in enumerate(PROMPTS)
        for take in range(world.takes[at] if world.takes else repeats)
    ]
    return rows, true.mean(axis=0)
