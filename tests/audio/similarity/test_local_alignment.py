"""The best run through a recurrence, held against one that is found cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.audio.similarity.local_alignment import LEAP_COST, LocalAlignment
from soundverse_nb.audio.similarity.recurrence import ALIKE, CONTEXT, PAD, directions, likeness, recurrences


def padded(near: np.ndarray) -> np.ndarray:
    """(rows, columns) or (rows, planes, columns) -> with PAD columns, three-dimensional."""
    planes = near if near.ndim == 3 else near[:, np.newaxis]
    return np.pad(planes, ((0, 0), (0, 0), (PAD, 0)))


def slow_length(near: np.ndarray) -> int:
    rows, columns = near.shape
    score = np.zeros((rows, columns), int)
    best = 0
    for row in range(rows):
        for column in range(columns):
            ways = [(row - 1, column - 1), (row - 2, column - 1), (row - 1, column - 2)]
            came = [score[r, c] for r, c in ways if r >= 0 and c >= 0]
            gain = 1 if near[row, column] else -1
            score[row, column] = max(0, max([0, best - LEAP_COST, *came]) + gain)
        best = max(best, score[row].max())
    return best


@pytest.mark.parametrize("seed", range(12))
def test_lengths_are_those_of_a_search_cell_by_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    near = rng.random((60, 3, 50)) < rng.choice([0.05, 0.3, 0.6])
    for start, first in ((2, 20), (31, 0)):
        near[np.arange(start, start + 28), 1, np.arange(first, first + 28)] = True
    found = LocalAlignment(padded(near))
    assert found.lengths.tolist() == [slow_length(near[:, plane]) for plane in range(3)]


@pytest.mark.parametrize("seed", range(8))
def test_the_runs_make_up_the_length(seed: int) -> None:
    rng = np.random.default_rng(seed)
    near = rng.random((70, 60)) < 0.2
    near[np.arange(3, 33), np.arange(20, 50)] = near[np.arange(36, 66), np.arange(10, 40)] = True
    found = LocalAlignment(padded(near))
    runs = found.runs(0)
    gains = sum(int(np.where(near[run.remix, run.original], 1, -1).sum()) for run in runs)
    assert gains - LEAP_COST * (len(runs) - 1) == found.lengths[0]
    for run in runs:
        assert set(zip(np.diff(run.remix), np.diff(run.original), strict=True)) <= {(1, 1), (2, 1), (1, 2)}


def test_nothing_near_has_no_run() -> None:
    found = LocalAlignment(padded(np.zeros((5, 4), bool)))
    assert found.lengths.tolist() == [0]
    assert found.runs(0) == ()


def test_likeness_is_the_mean_cosine_of_frames_in_a_row_in_every_transposition() -> None:
    rng = np.random.default_rng(0)
    first, second = (directions(rng.random((size, 24)).astype(np.float32)) for size in (30, 25))
    alike = likeness(first, second) / ALIKE
    assert alike.shape == (20, 12, PAD + 25)
    for shift, row, column in ((0, 0, 0), (5, 7, 11), (11, 19, 24)):
        moved = np.roll(first.reshape(30, 2, 12), shift, axis=2).reshape(30, 24)
        expected = np.mean([second[row + step] @ moved[column + step] for step in range(CONTEXT)])
        assert alike[row, shift, PAD + column] == pytest.approx(expected, abs=2e-4)


def test_a_sound_that_stays_the_same_recurs_nowhere() -> None:
    rng = np.random.default_rng(0)
    song = directions(rng.random((30, 24)).astype(np.float32))
    assert not recurrences(likeness(song, np.repeat(song[:1], 30, axis=0))).any(axis=2).all()
    assert not recurrences(likeness(song, np.zeros_like(song))).any()
