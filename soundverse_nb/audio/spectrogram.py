"""Mel spectrogram of a song: which pitches sound when, in as many columns as a picture has.

Mel scale and filters after Slaney's Auditory Toolbox (1998), as librosa's default has them; only numpy is
used because librosa's first call costs seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Block
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.source import open_source

FLOOR = -80.0  # dB under the loudest: no band is given as quieter
FRAME = 2048
BATCH = 512  # frames transformed together: decoders give a few at a time, and each product wakes threads
_BREAK_HZ, _LINEAR_HZ = 1000.0, 200.0 / 3.0  # under 1 kHz the scale is linear, 66.7 Hz a mel
_LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale."""
    above = _BREAK_HZ / _LINEAR_HZ + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _LINEAR_HZ, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `hz_to_mel`."""
    knee = _BREAK_HZ / _LINEAR_HZ
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, mel * _LINEAR_HZ, above)


def mel_filters(sample_rate: int, bands: int, frame: int = FRAME) -> NDArray[np.float32]:
    """Triangles of equal area from 0 Hz to half the sample rate, shape (bands, frame // 2 + 1)."""
    bins = np.fft.rfftfreq(frame, 1.0 / sample_rate)
    top = float(hz_to_mel(np.array([sample_rate / 2.0]))[0])
    edges = mel_to_hz(np.linspace(0.0, top, bands + 2))
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    filters: NDArray[np.float64] = np.maximum(0.0, np.minimum(rise, fall)) * area[:, None]
    return filters.astype(np.float32)


def mel_spectrogram(source: object, columns: int = 1200, bands: int = 96) -> NDArray[np.float32]:
    """Level of each mel band over time: float32 (bands, at most `columns`), dB under the loudest, 0 to -80.

    `source` is anything open_source() takes; channels are mixed. Frames of 2048 samples that touch one
    another, so that no sound is missed; each column is the mean power of its frames. Read block by block.
    Raises AudioError where it cannot be decoded.
    """
    with decode(open_source(source)) as sound:
        filters = mel_filters(sound.sample_rate, bands).T
        powers = [_powers(block, filters) for block in _whole_frames(sound)]
    if not powers:
        return np.full((bands, 1), FLOOR, np.float32)
    power = np.concatenate(powers)
    count = len(power)
    if count > columns:
        edges = np.arange(columns) * count // columns
        lengths = np.diff(np.append(edges, count))
        power = (np.add.reduceat(power, edges, axis=0) / lengths[:, None]).astype(np.float32)
    loudest = float(power.max())
    if not loudest > 0:
        return np.full((bands, len(power)), FLOOR, np.float32)
    decibels = 10.0 * np.log10(np.maximum(power / loudest, 1e-8))
    # In float32 the logarithm of the floor is -80.00001 on some processors and -80 on others.
    return np.clip(np.ascontiguousarray(decibels.T, dtype=np.float32), np.float32(FLOOR), np.float32(0))


def _powers(mono: NDArray[np.float32], filters: NDArray[np.float32]) -> NDArray[np.float32]:
    window = np.hanning(FRAME).astype(np.float32)
    spectrum = np.fft.rfft(mono.reshape(-1, FRAME) * window, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    mels: NDArray[np.float32] = power @ filters
    return mels


def _whole_frames(blocks: Iterable[Block]) -> Iterator[NDArray[np.float32]]:
    """Mono pieces of BATCH frames; the last may be shorter and is padded with silence to a whole frame."""
    waiting: list[NDArray[np.float32]] = []
    held = 0
    for block in blocks:
        mono = _mono(block)
        waiting.append(mono)
        held += len(mono)
        if held >= BATCH * FRAME:
            joined = np.concatenate(waiting)
            whole = held - held % (BATCH * FRAME)
            for start in range(0, whole, BATCH * FRAME):
                yield joined[start : start + BATCH * FRAME]
            waiting, held = [joined[whole:]], held - whole
    if held:
        yield np.pad(np.concatenate(waiting), (0, -held % FRAME))


def _mono(block: Block) -> NDArray[np.float32]:
    # Plane by plane: across two channels numpy's mean is ten times as slow as a sum of planes.
    mono = np.array(block[:, 0], np.float32)
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    mono /= block.shape[1]
    return np.nan_to_num(mono, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
