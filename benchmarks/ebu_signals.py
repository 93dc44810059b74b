"""The EBU's minimum-requirements test signals for loudness meters, synthesised from their recipes.

The recipes, expected readings and tolerances are those of EBU Tech 3341 (version 4, 2023), table 1, and EBU
Tech 3342 (version 4, 2023), table 1. Cases 7 and 8 of the one and 5 and 6 of the other are recordings of
programmes, which cannot be synthesised, and are left out. Any sample rate will do; all signals are float64 of
shape (frames, channels), full scale +-1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

I, LRA, M, S, TP = (  # noqa: E741 - the documents' own names
    "integrated_lufs", "range_lu", "momentary_max_lufs", "short_term_max_lufs", "true_peak_dbtp",
)  # fmt: skip
"""The documents' figures, as the fields of soundverse_nb.audio.loudness.Loudness are called."""


@dataclass(frozen=True)
class Segment:
    """A stretch of sound, and what a meter reads at its end: figure -> value in LUFS, LU or dBTP."""

    samples: Signal
    readings: dict[str, float]


@dataclass(frozen=True)
class Case:
    """One test case: `segments(sample_rate)` yields its sound.

    Readings may be `below` and `above` the expected ones by so many LU or dB. Where `apart` is set every
    segment is a file of its own, otherwise they follow one another.
    """

    name: str
    segments: Callable[[int], Iterator[Segment]]
    below: float = 0.1
    above: float = 0.1
    apart: bool = False


def tone(rate: int, seconds: float, *levels: float, hertz: float = 1000.0) -> Signal:
    """A sine in phase on all channels, whose peaks have these levels in dBFS (-inf: silence)."""
    time = np.arange(round(seconds * rate)) / rate
    amplitudes = 10 ** (np.array(levels) / 20)
    return np.sin(2 * np.pi * hertz * time)[:, np.newaxis] * amplitudes


def _tones(parts: list[tuple[float, float]], readings: dict[str, float], rate: int) -> Iterator[Segment]:
    """Stereo tones (seconds, level) one after another."""
    yield Segment(np.concatenate([tone(rate, seconds, level, level) for seconds, level in parts]), readings)


def _surround(rate: int) -> Iterator[Segment]:
    yield Segment(tone(rate, 20, -28, -28, -24, -30, -30), {I: -23.0})  # L R C Ls Rs


def _between_silences(
    rate: int,
    step: float,
    seconds: float,
    first: float,
    rise: float,
    after: Callable[[int], float],
    figure: str,
) -> Iterator[Segment]:
    """For i = 0 to 19: i * `step` s of silence, a tone, `after(i)` s of silence."""
    for i in range(20):
        level = first + i * rise
        parts = [(i * step, -np.inf), (seconds, level), (after(i), -np.inf)]
        yield from _tones(parts, {figure: level}, rate)


def _peak_tone(divisor: int, degrees: float, amplitude: float, level: float, rate: int) -> Iterator[Segment]:
    """A sine at rate / divisor, tapered by 10 ms at either end."""
    phase = 2 * np.pi * np.arange(rate) / divisor + np.deg2rad(degrees)
    yield Segment(_stereo(_tapered(amplitude * np.sin(phase), round(0.01 * rate))), {TP: level})


def _peak_period(offset: int, rate: int) -> Iterator[Segment]:
    """A sine at rate / 6, and in it one period at rate / 4 of twice its amplitude.

    It is made at four times the rate, filtered, and every fourth sample is kept, from `offset` on.
    """
    before = 0.5 * np.sin(2 * np.pi * np.arange(24 * 1000) / 24)
    period = np.sin(2 * np.pi * np.arange(16) / 16)
    fine = _tapered(np.concatenate([before, period, before]), 24 * 40)
    # Flat to 0.47 of the lower rate, nothing above 0.53 of it: nothing is lost that samples can hold.
    places = np.arange(-256, 257)
    lowpass = np.sinc(places / 4) / 4 * np.kaiser(len(places), 8.0)
    yield Segment(_stereo(np.convolve(fine, lowpass / lowpass.sum(), "same")[offset::4]), {TP: 0.0})


def _tapered(wave: Signal, length: int) -> Signal:
    gain = np.ones(len(wave))
    gain[:length] = np.sin(np.linspace(0, np.pi / 2, length)) ** 2
    return wave * gain * gain[::-1]


def _stereo(wave: Signal) -> Signal:
    return np.stack([wave, wave], axis=1)


def _case(name: str, parts: list[tuple[float, float]], tolerance: float = 0.1, **readings: float) -> Case:
    return Case(name, partial(_tones, parts, readings), tolerance, tolerance)


_LOUDNESS = (
    _case("3341-1", [(20, -23)], **{M: -23.0, S: -23.0, I: -23.0}),
    _case("3341-2", [(20, -33)], **{M: -33.0, S: -33.0, I: -33.0}),
    _case("3341-3", [(10, -36), (60, -23), (10, -36)], **{I: -23.0}),
    _case("3341-4", [(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], **{I: -23.0}),
    _case("3341-5", [(20, -26), (20.1, -20), (20, -26)], **{I: -23.0}),
    Case("3341-6", _surround),
    _case("3341-9", [(1.34, -20), (1.66, -30)] * 5, **{S: -23.0}),
    Case("3341-10", partial(_between_silences, step=0.15, seconds=3, first=-23, rise=0, after=lambda i: 1.0,
                            figure=S), apart=True),
    Case("3341-11", partial(_between_silences, step=0.15, seconds=3, first=-38, rise=1,
                            after=lambda i: 3 - i * 0.15, figure=S)),
    _case("3341-12", [(0.18, -20), (0.22, -30)] * 25, **{M: -23.0}),
    Case("3341-13", partial(_between_silences, step=0.02, seconds=0.4, first=-23, rise=0, after=lambda i: 1.0,
                            figure=M), apart=True),
    Case("3341-14", partial(_between_silences, step=0.02, seconds=0.4, first=-38, rise=1,
                            after=lambda i: 0.4 - i * 0.02, figure=M)),
)  # fmt: skip
_TRUE_PEAK = (
    ("3341-15", partial(_peak_tone, 4, 0.0, 0.5, -6.0)),
    ("3341-16", partial(_peak_tone, 4, 45.0, 0.5, -6.0)),
    ("3341-17", partial(_peak_tone, 6, 60.0, 0.5, -6.0)),
    ("3341-18", partial(_peak_tone, 8, 67.5, 0.5, -6.0)),
    ("3341-19", partial(_peak_tone, 4, 45.0, 1.41, 3.0)),
    ("3341-20", partial(_peak_period, 0)),
    ("3341-21", partial(_peak_period, 1)),
    ("3341-22", partial(_peak_period, 2)),
    ("3341-23", partial(_peak_period, 3)),
)
_RANGE = (
    _case("3342-1", [(20, -20), (20, -30)], 1.0, **{LRA: 10.0}),
    _case("3342-2", [(20, -20), (20, -15)], 1.0, **{LRA: 5.0}),
    _case("3342-3", [(20, -40), (20, -20)], 1.0, **{LRA: 20.0}),
    _case("3342-4", [(20, -50), (20, -35), (20, -20), (20, -35), (20, -50)], 1.0, **{LRA: 15.0}),
)

CASES: tuple[Case, ...] = (
    *_LOUDNESS,
    *(Case(name, segments, below=0.4, above=0.2) for name, segments in _TRUE_PEAK),
    *_RANGE,
)
"""All cases that can be synthesised, by number."""
