"""Integrated loudness after ITU-R BS.1770-4 (EBU R 128), measured block by block.

The standard filters the signal ("K-weighting": a high-pass and a shelf), squares it, and averages over
gated stretches of 400 ms. Here the power spectrum of each 100 ms is weighted with the filter's frequency
response instead, which by Parseval's theorem gives the same mean square and needs numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decoding import Block, planes_of

_ABSOLUTE_GATE = -70.0  # LUFS, BS.1770-4 section 5.1
_RELATIVE_GATE = -10.0  # LU under the loudness of what passed the first gate
_OFFSET = -0.691  # dB, makes a full-scale 997 Hz sine in one channel read -3.01 LKFS
_THINNED_RATE = 11_000
_RATES = (4000, 400_000)  # outside, the filters have no meaning and the hop no sensible length


class LoudnessMeter:
    """Feed blocks of float32 (frames, channels); `integrated()` gives LUFS.

    Above 5 kHz the filter is flat, so the spectrum is only needed below: K-weighted power is the flat gain
    times the whole power, less what the filter takes away from a version of the signal thinned out
    to about 11 kHz. That costs a quarter of the full spectrum. Music reads within 0.05 LU of the standard's
    filters; noise and tones within 0.1 LU; rumble below 40 Hz with nothing else up to 2 LU too loud.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.usable = _RATES[0] <= sample_rate <= _RATES[1]
        self._halvings = max(0, math.floor(math.log2(max(1.0, sample_rate / _THINNED_RATE))))
        self._length = quick_length(round(sample_rate / 10) >> self._halvings) if self.usable else 1
        self.hop = self._length << self._halvings
        self._gains = channel_gains(channels)
        self._flat_gain, self._taken = _weights(sample_rate, self._length, self._halvings)
        self._powers: list[NDArray[np.float64]] = []
        self._rest: Block = np.empty((0, channels), np.float32)

    def feed(self, block: Block) -> None:
        """Add the next block."""
        if not self.usable:
            return
        if len(self._rest):
            missing = self.hop - len(self._rest)
            head = np.concatenate([self._rest, block[:missing]])
            block = block[missing:]
            if len(head) < self.hop:
                self._rest = head
                return
            self._powers.append(self._power(head))
        whole = len(block) - len(block) % self.hop
        if whole:
            self._powers.append(self._power(block[:whole]))
        self._rest = block[whole:].copy()

    def _power(self, block: Block) -> NDArray[np.float64]:
        """K-weighted mean square of each hop, summed over channels with their gains."""
        count = len(block) // self.hop
        total = np.zeros(count)
        with np.errstate(invalid="ignore", over="ignore"):
            for gain, plane in zip(self._gains, planes_of(block), strict=True):
                if gain:
                    total += gain * self._plane_power(plane, count)
        return total

    def _plane_power(self, plane: NDArray[np.float32], count: int) -> NDArray[np.float64]:
        rows = plane.reshape(count, self.hop)
        energy = np.einsum("ij,ij->i", rows, rows).astype(np.float64)
        thinned = plane
        for _ in range(self._halvings):
            pairs = thinned.reshape(-1, 2)
            thinned = pairs[:, 0] + pairs[:, 1]
        spectrum = np.fft.rfft(thinned.reshape(count, self._length), axis=1)
        # Real and imaginary parts side by side: their squares weighted and summed in one go.
        parts = spectrum.view(spectrum.real.dtype)
        np.square(parts, out=parts)
        taken = np.einsum("ij,j->i", parts, self._taken.astype(parts.dtype))
        power: NDArray[np.float64] = (self._flat_gain * energy - taken) / self.hop
        # Rounding may leave a hair less than nothing where the filter takes all.
        return np.maximum(power, 0.0, out=power)

    def integrated(self) -> float:
        """Loudness in LUFS; -inf for silence and for anything under 400 ms, nan where it has no meaning."""
        return gated_loudness(self.powers()) if self.usable else math.nan

    def powers(self) -> NDArray[np.float64]:
        """K-weighted mean square of each hop of about 100 ms, in order."""
        return np.concatenate(self._powers) if self._powers else np.zeros(0)


def _weights(sample_rate: int, length: int, halvings: int) -> tuple[float, NDArray[np.float64]]:
    """The filter's gain at high frequencies, and what it takes below.

    The second is for each real and each imaginary part of an rfft of `length` samples of a signal thinned
    by so many halvings.
    """
    frequencies = np.fft.rfftfreq(length) / 2**halvings  # in cycles a sample of the full rate
    # Adding neighbours is a low-pass itself: |1 + exp(-jw)|^2 = 4 cos^2(w/2) each time.
    lowpass = np.ones(len(frequencies))
    for halving in range(halvings):
        lowpass *= 4 * np.cos(np.pi * frequencies * 2**halving) ** 2
    flat = float(k_weighting(sample_rate, np.array([0.5]))[0])
    taken = (flat - k_weighting(sample_rate, frequencies)) / lowpass * 2**halvings / length
    # Every frequency but the first, and the last of an even length, stands for its negative one, too.
    taken[1 : (length + 1) // 2] *= 2
    return flat, np.repeat(taken, 2)


def integrated_loudness(blocks: Iterable[Block], sample_rate: int) -> float:
    """Integrated loudness in LUFS of float32 blocks (frames, channels); -inf for silence."""
    meter: LoudnessMeter | None = None
    for block in blocks:
        if meter is None:
            meter = LoudnessMeter(sample_rate, block.shape[1])
        meter.feed(block)
    return -math.inf if meter is None else meter.integrated()


def gated_loudness(powers: NDArray[np.float64]) -> float:
    """BS.1770-4 gating over the mean squares of consecutive 100 ms: 400 ms blocks, 75 % overlap."""
    if len(powers) < 4:
        return -math.inf
    blocks = np.convolve(powers, np.full(4, 0.25), "valid")
    blocks = blocks[np.isfinite(blocks)]
    loud = blocks[blocks > _power_of(_ABSOLUTE_GATE)]
    if not len(loud):
        return -math.inf
    gate = loud.mean() * 10 ** (_RELATIVE_GATE / 10)
    loud = loud[loud > gate]
    return float(_OFFSET + 10 * math.log10(loud.mean())) if len(loud) else -math.inf


def _power_of(loudness: float) -> float:
    return float(10 ** ((loudness - _OFFSET) / 10))


def channel_gains(channels: int) -> tuple[float, ...]:
    """Weights of the channels in the order L R C LFE Ls Rs; the LFE is left out (BS.1770-4, table 3)."""
    if channels == 5:
        return (1.0, 1.0, 1.0, 1.41, 1.41)
    if channels >= 6:
        return (1.0, 1.0, 1.0, 0.0, 1.41, 1.41, *(1.0,) * (channels - 6))
    return (1.0,) * channels


def quick_length(wanted: int) -> int:
    """The length nearest to `wanted` whose only prime factors are 2 to 11: quick to transform."""
    for distance in range(wanted):
        for length in (wanted + distance, wanted - distance):
            rest = length
            for prime in (2, 3, 5, 7, 11):
                while rest > 1 and rest % prime == 0:
                    rest //= prime
            if rest == 1:
                return length
    return 1


def k_weighting(sample_rate: int, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared magnitude of the K-weighting filter at `frequencies`, in cycles a sample (0 to 0.5).

    The filters are those of BS.1770-4 tables 1 and 2 re-derived for any rate (B. De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement", AES 145, 2018).
    """
    z = np.exp(-2j * np.pi * frequencies)
    k = math.tan(math.pi * 1681.9744509555319 / sample_rate)
    q, high = 0.7071752369554193, 10 ** (3.99984385397 / 20)
    band = high**0.499666774155
    above = (high + band * k / q + k * k) + 2 * (k * k - high) * z + (high - band * k / q + k * k) * z**2
    below = (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2
    shelf = above / below
    k, q = math.tan(math.pi * 38.13547087613982 / sample_rate), 0.5003270373253953
    norm = 1 + k / q + k * k
    low_cut = (1 - z) ** 2 / (1 + 2 * (k * k - 1) / norm * z + (1 - k / q + k * k) / norm * z**2)
    return np.asarray(np.abs(shelf * low_cut) ** 2)
