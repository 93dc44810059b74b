"""The longest run of moments that two songs have in common, with leaps where a part is cut or repeated.

Dynamic programming over a cross recurrence after Serrà's Qmax: each pair of moments may follow one that lies
one or two moments before it, so a run may be twice as fast or half as fast as the other song; a pair that
recurs adds one, one that does not takes one away. Ours also may go on anywhere in the original, for a fixed
price, from the best that ended earlier in the remix: without, a song whose repeat was cut counts as half a
song. A row is worked out at once, for all transpositions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.similarity.recurrence import PAD

LEAP_COST = 12  # recurring moments (4.4 s) that a leap must gain to be worth it
_BEFORE = 4  # zeros before a row's first column, so that it can be looked at shifted
_BLOCK = 16  # rows whose gains are worked out at once: what a call into numpy costs is shared
_NEVER = -(1 << 15)  # a gain that no score outweighs


@dataclass(frozen=True)
class Run:
    """Pairs of moments that follow one another without a leap: arrays of indices, as long, rising."""

    original: NDArray[np.intp]
    remix: NDArray[np.intp]


class LocalAlignment:
    """The best run through each plane of a cross recurrence, (remix moments, planes, PAD + original moments).

    `lengths` (planes,) is by how much the moments of a plane's best run that recur outnumber those that do
    not, less what its leaps cost. int16 holds those of songs of an hour and a half.
    """

    def __init__(self, near: NDArray[np.bool_]) -> None:
        rows, planes, columns = near.shape
        flat = near.reshape(rows, -1)
        size = planes * columns
        scores = np.zeros((rows + 2, size + _BEFORE), np.int16)
        bests = np.zeros((rows + 1, planes, 1), np.int16)
        reached, nothing = np.empty(size, np.int16), np.zeros(size, np.int16)
        by_plane = reached.reshape(planes, columns)
        for start in range(0, rows, _BLOCK):
            gains = _gains(flat[start : start + _BLOCK], columns)
            for row, gain in enumerate(gains, start):
                before, last, score = scores[row], scores[row + 1], scores[row + 2, _BEFORE:]
                np.maximum(last[_BEFORE - 1 : -1], before[_BEFORE - 1 : -1], out=reached)
                np.maximum(reached, last[_BEFORE - 2 : -2], out=reached)
                np.maximum(by_plane, bests[row] - np.int16(LEAP_COST), out=by_plane)
                reached += gain
                np.maximum(reached, nothing, out=score)
                highest = score.reshape(planes, columns).max(axis=1, keepdims=True)
                np.maximum(bests[row], highest, out=bests[row + 1])
        self.lengths = bests[-1, :, 0]
        self._bests = bests[1:, :, 0]
        self._scores = scores[2:, _BEFORE:].reshape(rows, planes, columns)
        self._near = near

    def runs(self, plane: int) -> tuple[Run, ...]:
        """The runs that make a plane's best score, in the order of the remix; none where nothing recurs."""
        scores, near, bests = self._scores[:, plane], self._near[:, plane], self._bests[:, plane]
        if not len(bests) or not bests[-1]:
            return ()
        # It ends where the best score is first reached; from there back to where it was nothing.
        row = int(np.searchsorted(bests, bests[-1]))
        column = int(scores[row].argmax())
        found: list[list[tuple[int, int]]] = [[]]
        while True:
            found[-1].append((column - PAD, row))
            owed = int(scores[row, column]) - (1 if near[row, column] else -1)
            if owed <= 0:
                break
            ways = ((row - 1, column - 1), (row - 2, column - 1), (row - 1, column - 2))
            way = next(((r, c) for r, c in ways if r >= 0 and c >= PAD and scores[r, c] == owed), None)
            if way is None:
                row = int(np.searchsorted(bests, owed + LEAP_COST))
                column = int(scores[row].argmax())
                found.append([])
            else:
                row, column = way
        return tuple(
            Run(np.array([at for at, _ in run[::-1]]), np.array([at for _, at in run[::-1]]))
            for run in found[::-1]
        )


def _gains(near: NDArray[np.bool_], columns: int) -> NDArray[np.int16]:
    """By how much each pair lengthens a run, in the shape of `near`; in the PAD columns none ever lives."""
    gains = near.astype(np.int16)
    gains += gains
    gains -= 1
    gains.reshape(len(gains), -1, columns)[:, :, :PAD] = _NEVER
    return gains
