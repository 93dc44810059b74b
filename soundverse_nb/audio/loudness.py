"""Integrated loudness after ITU-R BS.1770-4 (EBU R 128), measured block by block.

The standard filters the signal ("K-weighting": a high-pass and a shelf), squares it, and averages over
gated blocks of 400 ms. Numpy has no recursive filters; here the power of each 100 ms is taken whole, and
what the filters would have removed from it is subtracted: for the shelf a sum over a few lags of the signal's
autocorrelation, for the high-pass one over all lags of a signal that holds the lowest frequencies only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Block, Plane, ScratchArrays, planes_of

_ABSOLUTE_GATE = -70.0  # LUFS, BS.1770-4 section 5.1
_RELATIVE_GATE = -10.0  # LU under the loudness of what passed the first gate
_OFFSET = -0.691  # dB, makes a full-scale 997 Hz sine in one channel read -3.01 LKFS
_DECIMATED_RATE = 11_000
_RATES = (4000, 400_000)  # outside, the filters have no meaning and the hop no sensible length
# The shelf's autocorrelation has died away before so many samples at that rate.
_LAGS = 8
# The high-pass lets everything through far below half of this.
_LOW_RATE = 550
# Rows of so many samples, or twice as many: what is left of a hop behind the last is the least for one of
# these. (19 would divide that of 44.1 kHz, but takes twice as long: processors count in fours.)
_ROWS = (16, 20, 18)
# So many float32 products are added up in float32, then on in float64. BLAS adds them in an order of the
# processor's: over long rows of one offset its rounding differs by 20 dB from one processor to another.
_LONGEST_SUM = 2048


class _Plan(NamedTuple):
    """How the sound of one rate is taken apart.

    `hop` samples are 100 ms; `group` hops together are decimated to `decimated` samples, a whole number. Of
    each hop `length` decimated samples are looked at, in rows of `row`, to which `lags` products reach; `low`
    of them are added up for the lowest frequencies.
    """

    halvings: int
    hop: int
    group: int
    decimated: int
    length: int
    row: int
    lags: int
    low: int


@cache
def _plan(sample_rate: int) -> _Plan:
    halvings = max(0, math.floor(math.log2(max(1.0, sample_rate / _DECIMATED_RATE))))
    whole = 1 << halvings
    hop = max(1, round(sample_rate / 10))
    group = whole // math.gcd(hop, whole)
    if group > 2:  # a rate that nobody uses: a few samples off
        hop, group = round(hop / whole) * whole, 1
    decimated = group * hop // whole
    rate = sample_rate / whole
    wide = 1 if rate < 1.3 * _DECIMATED_RATE else 2
    rows = _ROWS if rate >= _LOW_RATE * max(_ROWS) else _ROWS[:1]
    row = wide * min(rows, key=lambda width: (decimated // group) % (wide * width))
    low = row // wide
    while rate < _LOW_RATE * low:
        low //= 2
    length = decimated // group // row * row
    return _Plan(halvings, hop, group, decimated, length, row, wide * _LAGS, low)


class LoudnessMeter:
    """Feed blocks of float32 (frames, channels); `integrated()` gives LUFS.

    Above 5 kHz the filter is flat, so what it removes is found in a version of the signal decimated to
    about 11 kHz, and what its high-pass removes in one decimated to 600 Hz. Music reads within 0.05 LU of the
    standard's filters; noise and tones within 0.1 LU; a bass drum alone up to 0.3 LU too loud (twice that
    where its last blocks lie just at the gate), and rumble below 40 Hz up to 3 LU.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.usable = _RATES[0] <= sample_rate <= _RATES[1]
        self._gains = channel_gains(channels)
        self._plan = plan = _plan(sample_rate)
        self.hop, self.stride = plan.hop, plan.hop * plan.group
        if self.usable:
            self._weights = _weights(sample_rate)
            self._low_sum = np.ones(plan.low, np.float32)
        self._scratch = ScratchArrays()
        self._powers: list[NDArray[np.float64]] = []
        self._rest: Block = np.empty((0, channels), np.float32)

    def feed(self, block: Block) -> None:
        """Add the next block."""
        if not self.usable:
            return
        have = len(self._rest)
        if have + len(block) < self.stride:
            self._rest = np.concatenate([self._rest, block])
            return
        planes = planes_of(block)
        if have:
            # One long piece instead of a hop and the others: the calls cost more than the copy.
            planes = [self._joined(channel, plane) for channel, plane in enumerate(planes)]
        whole = len(planes[0]) - len(planes[0]) % self.stride
        self._rest = np.stack([plane[whole:] for plane in planes], axis=1)
        self._powers.append(self._power([plane[:whole] for plane in planes]))

    def _joined(self, channel: int, plane: Plane) -> Plane:
        have = len(self._rest)
        joined: Plane = self._scratch.array(f"channel {channel}", have + len(plane))
        joined[:have] = self._rest[:, channel]
        joined[have:] = plane
        return joined

    def _power(self, planes: Sequence[Plane]) -> NDArray[np.float64]:
        """K-weighted mean square of each hop, summed over channels with their gains."""
        count = len(planes[0]) // self.hop
        total = np.zeros(count)
        with np.errstate(invalid="ignore", over="ignore"):
            for gain, plane in zip(self._gains, planes, strict=True):
                if gain:
                    total += gain * self._plane_power(plane, count)
        return total

    def _plane_power(self, plane: NDArray[np.float32], count: int) -> NDArray[np.float64]:
        plan = self._plan
        hops = self._decimated(plane).reshape(-1, plan.decimated)
        if plan.length * plan.group < plan.decimated:
            # The first and the last samples of a group: one astride two hops belongs to neither.
            starts = (0, plan.decimated - plan.length)[: plan.group]
            hops = np.stack([hops[:, start : start + plan.length] for start in starts], axis=1)
        # Products of neighbours, summed over the rows of each hop: among the samples of a row, and of the end
        # of one row with the start of the next.
        lags, rows = plan.lags, hops.reshape(count, -1, plan.row)
        within = np.matmul(rows.transpose(0, 2, 1), rows).reshape(count, -1)
        across = np.matmul(rows[:, :-1, -lags:].transpose(0, 2, 1), rows[:, 1:, :lags]).reshape(count, -1)
        low = np.matmul(hops.reshape(-1, plan.low), self._low_sum).reshape(count, -1)
        weights = self._weights
        power = weights.flat_gain * _dots(plane.reshape(count, self.hop))
        power -= within @ weights.within
        power -= across @ weights.across
        power -= _dots(low, low @ weights.low)
        power /= self.hop
        # Rounding may leave a hair less than nothing where the filter takes all.
        np.maximum(power, 0.0, out=power)
        return power

    def _decimated(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """Neighbours added, until few are left that matter."""
        for _ in range(self._plan.halvings):
            pairs = plane.reshape(-1, 2)
            plane = np.add(pairs[:, 0], pairs[:, 1], out=self._scratch.array(f"{len(pairs)}", len(pairs)))
        return plane

    def integrated(self) -> float:
        """Loudness in LUFS; -inf for silence and for anything under 400 ms, nan where it has no meaning."""
        return gated_loudness(self.powers()) if self.usable else math.nan

    def powers(self) -> NDArray[np.float64]:
        """K-weighted mean square of each hop of 100 ms, in order."""
        powers = list(self._powers)
        hops, missing = len(self._rest) // self.hop, self.stride - len(self._rest)
        if hops and self.usable:
            group = planes_of(np.pad(self._rest, ((0, missing), (0, 0))))
            powers.append(self._power(group)[:hops])
        return np.concatenate(powers) if powers else np.zeros(0)


def _dots(rows: NDArray[np.float32], others: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
    """The dot product of each row with that of the other array, or with itself."""
    others = rows if others is None else others
    parts = _parts(rows.shape[1])
    shape = len(rows) * parts, rows.shape[1] // parts
    # As products of matrices of one row and one column, which numpy leaves to BLAS.
    products = np.matmul(rows.reshape(shape)[:, np.newaxis, :], others.reshape(shape)[:, :, np.newaxis])
    return np.asarray(products.reshape(-1, parts).sum(axis=1, dtype=np.float64))


def _parts(length: int) -> int:
    """How many equal parts of a row are added up apart, so that none is longer than _LONGEST_SUM."""
    least = -(-length // _LONGEST_SUM)
    return next((parts for parts in range(max(1, least), 2 * least + 1) if length % parts == 0), 1)


class _Weights(NamedTuple):
    """How the K-weighted power of a hop is put together from sums of products of its samples.

    `flat_gain` weighs the square of every sample: the filter's gain at high frequencies. The rest is for
    what the filter removes from that: `within` and `across` weigh the products of two decimated samples in
    one row, and in the end of one row and the start of the next; `low` those of all samples of a hop,
    decimated further.
    """

    flat_gain: float
    within: NDArray[np.float32]
    across: NDArray[np.float32]
    low: NDArray[np.float32]


@cache
def _weights(sample_rate: int) -> _Weights:
    """What the high-pass removes, which takes long to die away, and the rest, which is over in a few samples.

    By Parseval's theorem, power between two frequencies is a weighted sum of the products of all pairs of
    samples, with weights that depend on their distance (lag) alone.
    """
    plan = _plan(sample_rate)
    lags = _shelf_lags(sample_rate)
    by_distance = np.concatenate([lags, np.zeros(2 * plan.row)])
    ahead = np.arange(plan.row) - np.arange(plan.row)[:, np.newaxis]
    within = np.where(ahead >= 0, by_distance[ahead], 0.0)
    across = by_distance[plan.lags + ahead[: plan.lags, : plan.lags]]
    low_by_lag = _highpass_lags(sample_rate)
    places = np.arange(len(low_by_lag))
    low = low_by_lag[np.abs(np.subtract.outer(places, places))]
    # For the samples of the hop that are not looked at.
    share = plan.hop / (1 << plan.halvings) / plan.length
    tables = [(share * table).astype(np.float32) for table in (within.ravel(), across.ravel(), low)]
    return _Weights(_flat_gain(sample_rate), tables[0], tables[1], tables[2])


def _flat_gain(sample_rate: int) -> float:
    return float(k_weighting(sample_rate, np.array([0.5]))[0])


def _removed(sample_rate: int, frequencies: NDArray[np.float64], highpass: bool) -> NDArray[np.float64]:
    """Power that the filter, or its high-pass alone, removes at frequencies of the decimated signal."""
    factor = 1 << _plan(sample_rate).halvings
    full = frequencies / factor
    weighted = k_weighting(sample_rate, full)
    without = shelf_weighting(sample_rate, full) if highpass else np.full(len(full), _flat_gain(sample_rate))
    return np.asarray((without - weighted) / _response(full, factor) * factor)


def _highpass_share(sample_rate: int, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the high-pass is left to the signal of low frequencies: all, and none towards its end."""
    edge = 0.5 / _plan(sample_rate).low
    return np.interp(frequencies, xp=[edge / 2, edge], fp=[1.0, 0.0])


def _highpass_lags(sample_rate: int) -> NDArray[np.float64]:
    """For the products of samples of the low signal, by lag: what the high-pass removes (inverse DFT)."""
    plan = _plan(sample_rate)
    length = plan.length // plan.low
    low = np.fft.rfftfreq(length) / plan.low
    weights = _removed(sample_rate, low, True) * _highpass_share(sample_rate, low)
    weights = weights / _response(low, plan.low) * plan.low / length
    # Every frequency but the first, and the last of an even length, stands for its negative one, too.
    weights[1 : (length + 1) // 2] *= 2
    turns = np.outer(np.arange(length), np.arange(len(weights))) / length
    return np.asarray(np.cos(2 * np.pi * turns) @ weights)


def _shelf_lags(sample_rate: int) -> NDArray[np.float64]:
    """For the products of decimated samples, by lag: the rest of what the filter removes.

    It is smooth over frequency: a short sum of cosines, fitted so that the error is small beside the power
    that is left.
    """
    plan = _plan(sample_rate)
    grid = np.linspace(0, 0.5, 501)
    rest = _removed(sample_rate, grid, False) - _removed(sample_rate, grid, True) * _highpass_share(
        sample_rate, grid
    )
    cosines = np.cos(2 * np.pi * np.outer(grid, np.arange(plan.lags)))
    cosines[:, 1:] *= 2
    care = 1 / np.maximum(k_weighting(sample_rate, grid / (1 << plan.halvings)), 0.02)
    care[0] = 1e4  # an offset is no sound, however large
    lags = np.linalg.lstsq(cosines * care[:, np.newaxis], rest * care, rcond=None)[0]
    lags[1:] *= 2
    # Within a hop there are fewer pairs of samples the larger the lag.
    lags *= plan.length / (plan.length - np.arange(plan.lags))
    return np.asarray(lags)


def _response(frequencies: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Power that adding `count` neighbours, a low-pass, lets through: (sin(w n / 2) / sin(w / 2))^2."""
    half = np.pi * frequencies
    below = np.sin(half)
    flat = np.abs(below) < 1e-9
    return np.where(flat, float(count), np.sin(count * half) / np.where(flat, 1.0, below)) ** 2


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
    if channels >= 6:  # from 7 on those at the back, which count as they are, come before those at the sides
        return (1.0, 1.0, 1.0, 0.0, *(1.0,) * (channels - 6), 1.41, 1.41)
    return (1.0,) * channels


def k_weighting(sample_rate: int, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared magnitude of the K-weighting filter at `frequencies`, in cycles a sample (0 to 0.5).

    The filters are those of BS.1770-4 tables 1 and 2 re-derived for any rate (B. De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement", AES 145, 2018).
    """
    z = np.exp(-2j * np.pi * frequencies)
    k, q = math.tan(math.pi * 38.13547087613982 / sample_rate), 0.5003270373253953
    norm = 1 + k / q + k * k
    low_cut = (1 - z) ** 2 / (1 + 2 * (k * k - 1) / norm * z + (1 - k / q + k * k) / norm * z**2)
    return np.asarray(np.abs(low_cut) ** 2 * shelf_weighting(sample_rate, frequencies))


def shelf_weighting(sample_rate: int, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same of its first stage alone, the shelf."""
    z = np.exp(-2j * np.pi * frequencies)
    k = math.tan(math.pi * 1681.9744509555319 / sample_rate)
    q, high = 0.7071752369554193, 10 ** (3.99984385397 / 20)
    band = high**0.499666774155
    above = (high + band * k / q + k * k) + 2 * (k * k - high) * z + (high - band * k / q + k * k) * z**2
    below = (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2
    return np.asarray(np.abs(above / below) ** 2)
