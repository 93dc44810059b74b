"""Cross recurrence: which moments of two songs have alike melody and harmony, in each of twelve keys.

After Serrà, Serra and Andrzejak, "Cross recurrence quantification for cover song identification" (New Journal
of Physics, 2009): a moment is a few seconds of pitch-class profiles in a row, and two moments recur where
each is among those of the other song that are nearest to it. All twelve transpositions are worked out: one
that is guessed from the songs' mean profiles is a fourth or fifth off too often.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Notes = NDArray[np.float32]

SHIFTS = 12
FRAME_SECONDS = 0.37  # of a frame here, in which several of the spectra are put together
CONTEXT = 6  # such frames in a moment: 2.2 s
PAD = 2  # columns before each transposition's own: an alignment that begins there steps back into them
_NEAREST = 0.1  # share of the other song's moments that count as near
_SAMPLE = 96  # so many values tell a quantile well enough
_THROUGHOUT = 0.5  # share of the song's mean profile that is taken off each
_LEAST_NORM = 0.02  # of a song's usual frame: below, what is left of its notes is none
ALIKE = 1 << 14  # the likeness of a moment to itself: int16 takes half the memory of float32, and its time
_BLOCK = 24  # moments of the remix at a time, so that they stay in the processor's cache
_TIE = 16  # so much nearer than the quantile, lest all of a sound that stays the same is near


def pooled(profiles: Notes, frame_rate: float, seconds: float) -> Notes:
    """The mean profile of each `seconds` of a song, at least of one; (frames, notes) float32."""
    length = max(1, round(seconds * frame_rate))
    count = len(profiles) // length
    if not count:
        mean = profiles.mean(axis=0) if len(profiles) else np.zeros(profiles.shape[1])
        return mean[np.newaxis].astype(np.float32)
    whole: Notes = profiles[: count * length].reshape(count, length, -1).mean(axis=1)
    return whole


def directions(notes: Notes) -> Notes:
    """Profiles as unit vectors, of zeros where there is nothing; (frames, 12 for each register).

    A profile is taken as its square root, so that the strongest note does not hide the others; less its mean,
    so that what sounds equally in all notes, as noise does, is alike to nothing; and less half of the song's
    mean, so that what sounds throughout (a key, notes that reverberate) counts for less than what changes.
    """
    registers = np.sqrt(notes.reshape(len(notes), -1, SHIFTS))
    registers -= registers.mean(axis=2, keepdims=True)
    registers -= np.float32(_THROUGHOUT) * registers.mean(axis=0, keepdims=True)
    norms = np.sqrt(np.einsum("ijk,ijk->ij", registers, registers))
    least = max(_LEAST_NORM * float(np.quantile(norms, 0.9)), 1e-6) if norms.size else 1.0
    scale = np.where(norms > least, 1 / np.maximum(norms, least), 0) / math.sqrt(registers.shape[1])
    registers *= scale[:, :, np.newaxis].astype(np.float32)
    return registers.reshape(len(notes), -1)


def likeness(original: Notes, remix: Notes) -> NDArray[np.int16]:
    """How alike each two moments are, -ALIKE to ALIKE: (remix moments, 12, PAD + original moments).

    Both are `directions` of pooled profiles. Plane k compares with the original k semitones higher. What
    stands in the PAD columns has no meaning.
    """
    original, remix = _at_least(original, CONTEXT), _at_least(remix, CONTEXT)
    count, notes = original.shape
    by_register = original.reshape(count, -1, SHIFTS)
    shifted = np.zeros((SHIFTS, count + PAD, notes), np.float32)
    for shift in range(SHIFTS):
        shifted[shift, PAD:] = np.roll(by_register, shift, axis=2).reshape(count, notes)
    transposed = shifted.reshape(-1, notes).T
    alike = np.zeros((len(remix) - CONTEXT + 1, SHIFTS * (count + PAD)), np.int16)
    for start in range(0, len(alike), _BLOCK):
        block = alike[start : start + _BLOCK]
        _along_diagonals(remix[start : start + len(block) + CONTEXT - 1] @ transposed, block)
    # What ran from one plane into the next stands in the last columns of each.
    return alike.reshape(len(alike), SHIFTS, count + PAD)[:, :, : count + PAD - CONTEXT + 1]


def _along_diagonals(frames: NDArray[np.float32], sums: NDArray[np.int16]) -> None:
    """Sums of CONTEXT neighbours along diagonals, with as few additions as make six of one."""
    pairs = frames[:-1, :-1] + frames[1:, 1:]
    fours = pairs[:-2, :-2] + pairs[2:, 2:]
    sixes = fours[: len(sums), : sums.shape[1] - 5]
    sixes += pairs[4:, 4:]
    np.multiply(sixes, np.float32(ALIKE / CONTEXT), out=sums[:, :-5], casting="unsafe")


def _at_least(notes: Notes, count: int) -> Notes:
    return notes if len(notes) >= count else np.pad(notes, ((0, count - len(notes)), (0, 0)))


def recurrences(alike: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which moments are among each other's nearest, in the shape of `alike`; never in the PAD columns.

    Each plane has its own nearest: in a fixed key, one that fits any song would be near to all.
    """
    inner = alike[:, :, PAD:]
    of_remix, of_original = _quantile(inner, 2)[:, :, np.newaxis], _quantile(inner, 0)
    near = np.zeros(alike.shape, bool)
    for start in range(0, len(near), _BLOCK):
        block = slice(start, start + _BLOCK)
        found = inner[block] > of_remix[block]
        found &= inner[block] > of_original
        near[block, :, PAD:] = found
    return near


def _quantile(values: NDArray[np.int16], axis: int) -> NDArray[np.int16]:
    """What a share _NEAREST lies above along an axis, and a tie more; from some where there are many."""
    step = max(1, values.shape[axis] // _SAMPLE)
    some = values[:, :, ::step] if axis == 2 else values[::step].transpose(1, 2, 0)
    place = min(some.shape[2] - 1, int((1 - _NEAREST) * some.shape[2]))
    parted: NDArray[np.int16] = np.partition(np.ascontiguousarray(some), place, axis=2)
    return parted[:, :, place] + np.int16(_TIE)
