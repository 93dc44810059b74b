"""Loudness follows BS.1770-4: held against the standard's own signals and against pyloudnorm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyloudnorm
import pytest

from soundverse_nb.audio.loudness import LoudnessMeter, integrated_loudness
from tests.audio.songs import tone


def _blocks(samples: Any, length: int = 20_000) -> list[Any]:
    return [samples[start : start + length] for start in range(0, len(samples), length)]


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_full_scale_sine_in_one_channel_reads_minus_three(rate: int) -> None:
    # BS.1770-4, section 5: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS.
    assert integrated_loudness([tone(5.0, 1, rate, 1.0, 997.0)], rate) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize(
    ("levels", "seconds", "expected"),
    [
        ((-23,), (20,), -23.0),  # EBU Tech 3341, case 1
        ((-33,), (20,), -33.0),  # case 2
        ((-36, -23, -36), (10, 60, 10), -23.0),  # case 3: the relative gate
        ((-72, -36, -23, -36, -72), (10, 10, 60, 10, 10), -23.0),  # case 4: the absolute gate
    ],
)
def test_the_signals_of_ebu_tech_3341_read_as_it_says(
    levels: tuple[int, ...], seconds: tuple[int, ...], expected: float
) -> None:
    rate = 48000
    parts = [tone(s, 2, rate, 10 ** (level / 20), 1000.0) for level, s in zip(levels, seconds, strict=True)]
    assert integrated_loudness(_blocks(np.concatenate(parts)), rate) == pytest.approx(expected, abs=0.1)


def _noise(rate: int, channels: int = 2) -> Any:
    return (np.random.default_rng(1).normal(0, 0.1, (8 * rate, channels))).astype(np.float32)


def _music(rate: int) -> Any:
    """Chords over a bass, with a beat: energy from 55 Hz to the top."""
    time = np.arange(12 * rate) / rate
    beat = np.exp(-8 * (time % 0.5))
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220, 277.2, 329.6)) * 0.08
    bass = 0.2 * np.sin(2 * np.pi * 55 * time) * (time % 2 < 1.5)
    drum = np.random.default_rng(2).normal(0, 0.2, len(time)) * beat
    return np.stack([chord + bass + drum, chord + bass + 0.5 * drum], axis=1).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 22050, 37800, 44100, 48000, 96000])
@pytest.mark.parametrize("signal", [_noise, _music])
def test_it_agrees_with_the_filters_of_the_standard(signal: Any, rate: int) -> None:
    samples = signal(rate)
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(samples.astype(float))
    assert integrated_loudness(_blocks(samples), rate) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 48_000, 88_200, 176_400])
@pytest.mark.parametrize("period", [0.5, 1.0])
def test_a_beat_in_step_with_the_blocks_reads_as_it_should(rate: int, period: float) -> None:
    """Blocks that are a little longer than 100 ms drift along the beat, and the gate takes others of them."""
    time = np.arange(24 * rate) / rate
    noise = np.random.default_rng(1).normal(0, 0.3, len(time))
    samples = (noise * np.exp(-12 * (time % period))).astype(np.float32)[:, None]
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(samples.astype(float))
    assert integrated_loudness(_blocks(samples), rate) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_song_is_heard_to_its_last_tenth_of_a_second(rate: int) -> None:
    sound = tone(0.5, 1, rate, 0.5, 997.0)
    silence = np.zeros((2 * rate, 1), np.float32)
    whole = integrated_loudness([silence, sound], rate)
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(
        np.concatenate([silence, sound]).astype(float)
    )
    assert whole == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("channels", "weights"),
    [
        (2, "11"),
        (5, "111ss"),
        (6, "111-ss"),
        (7, "111-1ss"),  # L R C LFE, one at the back, two at the sides
        (8, "111-11ss"),
    ],
)
def test_each_channel_weighs_what_the_standard_says(channels: int, weights: str) -> None:
    for channel, weight in enumerate(weights):
        sound = np.zeros((3 * 48_000, channels), np.float32)
        sound[:, channel] = tone(3.0, 1, 48_000, 0.5, 997.0)[:, 0]
        loudness = integrated_loudness(_blocks(sound), 48_000)
        # BS.1770-4, table 3: 1.41 is 1.5 dB; a sine of half the full scale reads 6 dB under -3.01.
        expected = {"1": -9.03, "s": -7.54, "-": -math.inf}[weight]
        assert loudness == pytest.approx(expected, abs=0.05), channel


def test_planar_and_interleaved_blocks_read_the_same() -> None:
    samples = _noise(44100)
    planar = [np.asfortranarray(block) for block in _blocks(samples)]
    assert integrated_loudness(planar, 44100) == pytest.approx(
        integrated_loudness(_blocks(samples), 44100), abs=0.001
    )


def test_blocks_of_any_size_read_the_same() -> None:
    samples = _noise(44100)
    odd = _blocks(samples, 777)
    assert integrated_loudness(odd, 44100) == pytest.approx(integrated_loudness([samples], 44100), abs=0.001)


def test_surround_channels_count_more_and_the_lfe_not_at_all() -> None:
    silence, sound = np.zeros((96000, 1), np.float32), tone(2.0, 1, 48000)
    front = integrated_loudness([np.hstack([sound, *[silence] * 5])], 48000)
    lfe = integrated_loudness([np.hstack([silence] * 3 + [sound] + [silence] * 2)], 48000)
    side = integrated_loudness([np.hstack([silence] * 4 + [sound, silence])], 48000)
    assert lfe == -math.inf
    assert side - front == pytest.approx(10 * math.log10(1.41), abs=0.01)


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_what_is_shorter_than_a_gate_has_no_loudness(seconds: float) -> None:
    assert integrated_loudness([tone(seconds)], 44100) == -math.inf


def test_silence_is_infinitely_quiet() -> None:
    assert integrated_loudness([np.zeros((44100, 2), np.float32)], 44100) == -math.inf


@pytest.mark.parametrize("rate", [1, 100, 2**31 - 1])
def test_an_absurd_rate_has_no_loudness_and_costs_nothing(rate: int) -> None:
    meter = LoudnessMeter(rate, 2)
    meter.feed(tone(1.0))
    assert math.isnan(meter.integrated())


@pytest.mark.parametrize("rate", [8000, 44100, 192_000, 384_000])
def test_an_offset_is_no_sound(rate: int) -> None:
    silence = np.full((3 * rate, 1), 0.2, np.float32)
    # Nothing at all or what rounding leaves, which is under -70 whatever order a processor adds in.
    assert integrated_loudness([silence], rate) < -60.0
    sound = tone(3.0, 1, rate)
    expected = integrated_loudness([sound], rate)
    assert integrated_loudness([sound + silence], rate) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("hertz", "tolerance"), [(40, 0.2), (60, 0.1), (100, 0.05), (1000, 0.05), (9000, 0.05)]
)
@pytest.mark.parametrize("rate", [37800, 44100])
def test_a_tone_reads_as_the_filters_weigh_it(hertz: float, tolerance: float, rate: int) -> None:
    sound = tone(5.0, 1, rate, 0.5, hertz)
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(sound.astype(float))
    assert integrated_loudness(_blocks(sound), rate) == pytest.approx(expected, abs=tolerance)
