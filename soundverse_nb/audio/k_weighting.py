"""K-weighting after ITU-R BS.1770-5: the filter that loudness is measured through, for any sample rate.

Numpy has no recursive filters, and scipy's take seconds to import. Here the filter runs in state-space form,
on rows of samples at once: what a row does to its own samples, and what the state before it adds to them, are
products of matrices, which BLAS takes many samples a step for. The result is that of the recursion sample by
sample, to float32's rounding.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane, ScratchArrays

RATES = (4000, 400_000)
"""Sample rates in Hz that the filter has a meaning for: its shelf lies at 1.7 kHz."""

# Samples a row and rows a group: the quickest of those tried, from 16 to 96 and 16 to 32, on processors with
# AVX2 and with AVX-512.
_ROW, _ROWS = 48, 24
_GROUP = _ROW * _ROWS
# Two biquads of two delays each.
_ORDER = 4
# What a state has faded to when it no longer counts.
_FADED = 1e-12
# As many multiplications as OpenBLAS leaves to one thread: two that wait for one another take longer.
_ONE_THREAD = 1 << 18

Matrix = NDArray[np.float64]


def k_weighting_sections(sample_rate: int) -> Matrix:
    """The two biquads, shelf and high-pass, as rows of b0 b1 b2 a0 a1 a2 (scipy's "sos").

    At 48 kHz they are those of BS.1770-5, tables 1 and 2. The parameters behind those, at any other rate, are
    from B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145, 2018.

    >>> k_weighting_sections(48_000).round(6).tolist()[1]
    [1.0, -2.0, 1.0, 1.0, -1.990047, 0.990072]
    """
    k, q = math.tan(math.pi * 1681.9744509555319 / sample_rate), 0.7071752369554193
    high = 10 ** (3.99984385397 / 20)
    band = high**0.499666774155
    norm = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / norm, 2 * (k * k - high) / norm, (high - band * k / q + k * k) / norm,
        1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm,
    ]  # fmt: skip
    k, q = math.tan(math.pi * 38.13547087613982 / sample_rate), 0.5003270373253953
    norm = 1 + k / q + k * k
    highpass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm]
    return np.array([shelf, highpass])


class KWeightingFilter:
    """The filter for one channel; `feed` pieces of any length in order.

    What comes out lies in `scratch`, and lasts until a filter is fed again that shares it.
    """

    def __init__(self, sample_rate: int, scratch: ScratchArrays | None = None) -> None:
        self._tables = _tables(sample_rate)
        self._state = np.zeros(_ORDER)
        self._scratch = ScratchArrays() if scratch is None else scratch

    def feed(self, plane: Plane) -> Plane:
        """The next samples, contiguous float32, weighted; may be written to."""
        tables, length = self._tables, len(plane)
        groups = -(-length // _GROUP)
        rows = groups * _ROWS
        # Each row of samples with the state before it, for one product with both.
        joint = self._scratch.array("rows", rows * (_ROW + _ORDER)).reshape(rows, _ROW + _ORDER)
        samples, states = joint[:, :_ROW], joint[:, _ROW:]
        whole, rest = divmod(length, _ROW)
        samples[:whole] = plane[: whole * _ROW].reshape(whole, _ROW)
        samples[whole:] = 0.0
        if rest:
            samples[whole, :rest] = plane[whole * _ROW :]
        # What each row leaves in the state, then the state before each group, and before each row of it.
        left = np.matmul(samples.reshape(groups, _ROWS, _ROW), tables.leaves).reshape(groups, _ROWS * _ORDER)
        before = self._before_groups(_product(left, tables.group_leaves))
        inside = _product(left, tables.rows_from_rows)
        inside += before[:-1].astype(np.float32) @ tables.rows_from_group
        states[:] = inside.reshape(rows, _ORDER)
        if whole == rows:
            self._state = before[-1]
        else:
            self._state = (
                states[whole] @ tables.fades[rest] + plane[whole * _ROW :] @ tables.leaves[_ROW - rest :]
            )
        weighted = self._scratch.array("weighted", rows * _ROW).reshape(groups, _ROWS, _ROW)
        np.matmul(joint.reshape(groups, _ROWS, _ROW + _ORDER), tables.weigh, out=weighted)
        return weighted.reshape(-1)[:length]

    def _before_groups(self, left: NDArray[np.float32]) -> Matrix:
        """The state before each group and after the last, from what each alone leaves behind."""
        states = np.concatenate([self._state[np.newaxis], left])
        # Each takes over from one before, then from two before, four, ..., until all have what still counts.
        for doubling, fade in enumerate(self._tables.group_fades):
            if 1 << doubling >= len(states):
                break
            states[1 << doubling :] += states[: -(1 << doubling)] @ fade
        return states


def _product(values: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The product of matrices, in parts so small that BLAS starts no threads."""
    step = max(1, _ONE_THREAD // matrix.size)
    parts = [values[start : start + step] @ matrix for start in range(0, len(values), step)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class _Tables(NamedTuple):
    """Matrices for row vectors, float32: samples or a state stand to the left.

    `weigh` gives a weighted row from its samples and the state before it; `leaves` what a row's samples leave
    in the state after it, `group_leaves` what a group's rows leave after the group. `rows_from_rows` and
    `rows_from_group` give the states before the rows of a group, from what its rows leave and from the state
    before it. `fades` is what a state is after 0, 1, ... samples, `group_fades` after 1, 2, 4, ... groups.
    """

    weigh: NDArray[np.float32]
    leaves: NDArray[np.float32]
    group_leaves: NDArray[np.float32]
    rows_from_rows: NDArray[np.float32]
    rows_from_group: NDArray[np.float32]
    fades: list[Matrix]
    group_fades: list[Matrix]


@cache
def _tables(sample_rate: int) -> _Tables:
    step, takes, gives, direct = _balanced(*_state_space(k_weighting_sections(sample_rate)))
    fades = _powers(step, _ROW)
    row_fades = _powers(fades[_ROW], _ROWS)
    response = [direct, *(float(gives @ fade @ takes) for fade in fades)]
    weigh = np.zeros((_ROW + _ORDER, _ROW))
    for place in range(_ROW):
        weigh[: place + 1, place] = response[place::-1]
        weigh[_ROW:, place] = gives @ fades[place]
    leaves = np.stack([fades[_ROW - 1 - place] @ takes for place in range(_ROW)])
    group_leaves = np.concatenate([row_fades[_ROWS - 1 - row].T for row in range(_ROWS)])
    nothing = np.zeros((_ORDER, _ORDER))
    rows_from_rows = np.block(
        [[row_fades[to - row - 1].T if to > row else nothing for to in range(_ROWS)] for row in range(_ROWS)]
    )
    rows_from_group = np.concatenate([row_fades[row].T for row in range(_ROWS)], axis=1)
    group_fades = [row_fades[_ROWS].T]
    while np.abs(group_fades[-1]).max() > _FADED:
        group_fades.append(group_fades[-1] @ group_fades[-1])
    narrow = [
        matrix.astype(np.float32) for matrix in (weigh, leaves, group_leaves, rows_from_rows, rows_from_group)
    ]
    return _Tables(narrow[0], narrow[1], narrow[2], narrow[3], narrow[4], [f.T for f in fades], group_fades)


def _powers(matrix: Matrix, last: int) -> list[Matrix]:
    """The matrix to the power of 0, 1, ..., `last`."""
    powers = [np.eye(len(matrix))]
    for _ in range(last):
        powers.append(matrix @ powers[-1])
    return powers


def _state_space(sections: Matrix) -> tuple[Matrix, Matrix, Matrix, float]:
    """Two biquads in a row, with the four delays of both (direct form II transposed) as the state.

    For a sample x: y = gives @ state + direct * x, then state = step @ state + takes * x.
    """
    parts = []
    for b0, b1, b2, _, a1, a2 in sections:
        parts.append((np.array([[-a1, 1.0], [-a2, 0.0]]), np.array([b1 - a1 * b0, b2 - a2 * b0]), float(b0)))
    (step_1, takes_1, direct_1), (step_2, takes_2, direct_2) = parts
    first = np.array([1.0, 0.0])
    step = np.block([[step_1, np.zeros((2, 2))], [np.outer(takes_2, first), step_2]])
    takes = np.concatenate([takes_1, takes_2 * direct_1])
    return step, takes, np.concatenate([direct_2 * first, first]), direct_1 * direct_2


def _balanced(
    step: Matrix, takes: Matrix, gives: Matrix, direct: float
) -> tuple[Matrix, Matrix, Matrix, float]:
    """The same filter with other coordinates of its state, in which rounding to float32 does the least.

    They weigh equally what the state takes in and what it gives out (balanced realisation); the delays
    themselves would hold large numbers, of which the filter needs small differences.
    """
    reached = np.linalg.cholesky(_gramian(step, takes))
    sizes, turn = np.linalg.eigh(reached.T @ _gramian(step.T, gives) @ reached)
    old_from_new = reached @ turn * sizes**-0.25
    new_from_old = np.linalg.inv(old_from_new)
    return new_from_old @ step @ old_from_new, new_from_old @ takes, gives @ old_from_new, direct


def _gramian(step: Matrix, vector: Matrix) -> Matrix:
    """The sum of all step^n v v' step'^n, by doubling the number of its terms."""
    total, power = np.outer(vector, vector), step
    while np.abs(power).max() > _FADED:
        total = total + power @ total @ power.T
        power = power @ power
    return total
