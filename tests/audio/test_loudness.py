"""Loudness follows BS.1770-5 and EBU Tech 3341 and 3342, and agrees with other meters."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyloudnorm
import pytest

import soundverse_nb as sv
from benchmarks.ebu_signals import CASES, Case
from soundverse_nb.audio.loudness import Loudness, LoudnessMeter, integrated_loudness, measure_loudness
from tests.audio.songs import tone

FIGURES = tuple(Loudness.__dataclass_fields__)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """Whatever sound it is, numpy has nothing to complain about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _blocks(samples: Any, length: int = 20_000) -> list[Any]:
    return [samples[start : start + length] for start in range(0, len(samples), length)]


def _pyloudnorm(samples: Any, rate: int) -> float:
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    return float(meter.integrated_loudness(samples.astype(np.float64)))


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_ebus_test_signals_read_as_they_should(case: Case, rate: int) -> None:
    meter: LoudnessMeter | None = None
    for segment in case.segments(rate):
        if meter is None or case.apart:
            meter = LoudnessMeter(rate, segment.samples.shape[1])
        for block in _blocks(segment.samples):
            meter.feed(block)
        found = meter.loudness()
        for figure, expected in segment.readings.items():
            assert expected - case.below <= getattr(found, figure) <= expected + case.above, figure


@pytest.mark.parametrize(("name", "hops"), [("3341-9", 30), ("3341-12", 4)])
def test_short_term_and_momentary_loudness_stay_where_they_are(name: str, hops: int) -> None:
    # Tech 3341, cases 9 and 12: "constant after 3 s", "constant after 1 s"; so the quietest window, too.
    case = next(case for case in CASES if case.name == name)
    segment = next(case.segments(48_000))
    meter = LoudnessMeter(48_000, 2)
    meter.feed(segment.samples)
    windows = np.convolve(meter.powers()[10:], np.full(hops, 1 / hops), "valid")
    levels = -0.691 + 10 * np.log10(windows)
    assert levels.min() > -23.1
    assert levels.max() < -22.9


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_full_scale_sine_in_one_channel_reads_minus_three(rate: int) -> None:
    # BS.1770-5, Annex 1: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS.
    found = measure_loudness(tone(5.0, 1, rate, 1.0, 997.0), rate)
    assert found.integrated_lufs == pytest.approx(-3.01, abs=0.03)
    assert found.true_peak_dbtp == pytest.approx(0.0, abs=0.05)


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


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 37800, 44100, 48000, 96000, 192_000])
@pytest.mark.parametrize("signal", [_noise, _music])
def test_it_agrees_with_pyloudnorm(signal: Any, rate: int) -> None:
    samples = signal(rate)
    assert integrated_loudness(_blocks(samples), rate) == pytest.approx(_pyloudnorm(samples, rate), abs=0.005)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 48_000, 88_200, 176_400])
@pytest.mark.parametrize("period", [0.5, 1.0])
def test_a_beat_in_step_with_the_blocks_reads_as_it_should(rate: int, period: float) -> None:
    """Blocks that are a little longer than 100 ms drift along the beat, and the gate takes others of them."""
    time = np.arange(24 * rate) / rate
    noise = np.random.default_rng(1).normal(0, 0.3, len(time))
    samples = (noise * np.exp(-12 * (time % period))).astype(np.float32)[:, None]
    assert integrated_loudness(_blocks(samples), rate) == pytest.approx(_pyloudnorm(samples, rate), abs=0.02)


@pytest.mark.parametrize("rate", [37_800, 44_100])
@pytest.mark.parametrize("hertz", [25, 35, 40, 60, 100, 1000, 9000])
def test_a_tone_of_any_pitch_reads_as_the_filters_weigh_it(hertz: float, rate: int) -> None:
    sound = tone(5.0, 1, rate, 0.5, hertz)
    assert integrated_loudness(_blocks(sound), rate) == pytest.approx(_pyloudnorm(sound, rate), abs=0.005)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_song_is_heard_to_its_last_tenth_of_a_second(rate: int) -> None:
    sound = np.concatenate([np.zeros((2 * rate, 1), np.float32), tone(0.5, 1, rate, 0.5, 997.0)])
    assert integrated_loudness([sound], rate) == pytest.approx(_pyloudnorm(sound, rate), abs=0.01)


def _ffmpeg(path: Any) -> dict[str, float]:
    """What FFmpeg's filter ebur128 says of a song at its end, rounded to a tenth."""
    command = ["ffmpeg", "-nostdin", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary:") :]
    return {name: float(value) for name, value in re.findall(r"(\w+): +(-?[\d.]+) (?:LUFS|LU|dBFS)", summary)}


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
def test_it_agrees_with_ffmpeg_on_music() -> None:
    clip = sv.Clip(sv.example_song())
    found, theirs = measure_loudness(clip.samples(), clip.sample_rate), _ffmpeg(clip.path)
    assert found.integrated_lufs == pytest.approx(theirs["I"], abs=0.1)
    assert found.range_lu == pytest.approx(theirs["LRA"], abs=0.2)
    # FFmpeg resamples to 192 kHz, with a filter of its own.
    assert found.true_peak_dbtp == pytest.approx(theirs["Peak"], abs=0.2)


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
        found = measure_loudness(sound, 48_000)
        # BS.1770-5, Annex 1: 1.41 is 1.5 dB; a sine of half the full scale reads 6 dB under -3.01.
        expected = {"1": -9.03, "s": -7.54, "-": -math.inf}[weight]
        assert found.integrated_lufs == pytest.approx(expected, abs=0.03), channel
        assert found.true_peak_dbtp == pytest.approx(-6.02, abs=0.05), channel  # of the LFE, too


@pytest.mark.parametrize(
    ("length", "order"),
    [(1, "C"), *((length, order) for length in (777, 20_000, 400_000) for order in ("C", "F"))],
)
def test_all_figures_are_the_same_however_the_sound_is_cut_into_blocks(order: Any, length: int) -> None:
    samples = _music(44_100)[: 20_000 if length == 1 else None]  # one by one takes its time
    meter = LoudnessMeter(44_100, 2)
    for block in _blocks(samples, length):
        meter.feed(np.array(block, order=order))
    found, expected = meter.loudness(), measure_loudness(samples, 44_100)
    for figure in FIGURES:
        assert getattr(found, figure) == pytest.approx(getattr(expected, figure), abs=1e-3, nan_ok=True), (
            figure
        )


def test_the_figures_may_be_asked_for_on_the_way() -> None:
    samples = _music(44_100)
    asked, silent = LoudnessMeter(44_100, 2), LoudnessMeter(44_100, 2)
    for block in _blocks(samples):
        asked.feed(block)
        asked.loudness()
        silent.feed(block)
    assert asked.loudness() == silent.loudness()


def test_integers_have_the_full_scale_of_their_type() -> None:
    samples = tone(4.0, 2, 48_000)
    expected = measure_loudness(samples, 48_000)
    for whole in ((samples * 2**15).astype(np.int16), (samples * 2.0**31).astype(np.int32)):
        found = measure_loudness(whole, 48_000)
        meter = LoudnessMeter(48_000, 2)
        meter.feed(whole)
        for figure in FIGURES:
            assert getattr(found, figure) == pytest.approx(getattr(expected, figure), abs=0.01), figure
            assert getattr(meter.loudness(), figure) == getattr(found, figure)


def test_mono_may_be_one_dimensional_and_channels_may_come_first() -> None:
    samples = _music(44_100)
    assert measure_loudness(samples.T, 44_100) == measure_loudness(samples, 44_100)
    meter = LoudnessMeter(44_100, 1)
    meter.feed(samples[:, 0])
    assert meter.loudness() == measure_loudness(samples[:, 0], 44_100)


@pytest.mark.parametrize("block", [np.zeros((10, 3)), np.zeros((10, 2, 1)), np.zeros((10, 2), complex)])
def test_what_is_no_block_of_the_sound_is_refused(block: Any) -> None:
    with pytest.raises(ValueError, match=r"shape|not numbers"):
        LoudnessMeter(44_100, 2).feed(block)


def test_samples_that_are_no_numbers_count_as_silence() -> None:
    samples = np.concatenate([_music(44_100)] * 2)
    holes = samples.copy()
    holes[200_000:200_100], holes[5_000, 0], holes[-3:, 1] = 0.0, 0.0, 0.0
    broken = samples.copy()
    broken[200_000:200_100], broken[5_000, 0], broken[-3:, 1] = math.nan, math.inf, -math.inf
    assert measure_loudness(broken, 44_100) == measure_loudness(holes, 44_100)


def test_one_huge_sample_spoils_only_what_is_near_it() -> None:
    samples = _music(44_100)
    samples[100_000, 0] = 1e30
    meter = LoudnessMeter(44_100, 2)
    meter.feed(samples)
    assert math.isfinite(meter.loudness().momentary_max_lufs)
    clean = LoudnessMeter(44_100, 2)
    clean.feed(_music(44_100))
    assert meter.powers()[60:] == pytest.approx(clean.powers()[60:], rel=1e-3)


@pytest.mark.parametrize("seconds", [0.0, 1 / 44_100, 0.39, 0.41, 2.9, 3.1])
def test_what_is_too_short_for_a_figure_has_none(seconds: float) -> None:
    found = measure_loudness(tone(seconds), 44_100)
    assert math.isnan(found.integrated_lufs) == (seconds < 0.4)
    assert math.isnan(found.momentary_max_lufs) == (seconds < 0.4)
    assert math.isnan(found.short_term_max_lufs) == (seconds < 3.0)
    assert math.isnan(found.range_lu) == (seconds < 3.0)
    assert math.isnan(found.true_peak_dbtp) == (seconds == 0.0)


def test_silence_is_infinitely_quiet_and_has_no_range() -> None:
    found = measure_loudness(np.zeros((4 * 44_100, 2), np.float32), 44_100)
    assert [getattr(found, figure) for figure in FIGURES if figure != "range_lu"] == [-math.inf] * 4
    assert math.isnan(found.range_lu)


@pytest.mark.parametrize("rate", [1, 100, 2**31 - 1])
def test_an_absurd_rate_has_no_loudness_and_costs_nothing(rate: int) -> None:
    meter = LoudnessMeter(rate, 2)
    meter.feed(tone(1.0))
    found = meter.loudness()
    assert all(math.isnan(getattr(found, figure)) for figure in FIGURES)


@pytest.mark.parametrize("rate", [8000, 44100, 192_000, 384_000])
def test_an_offset_is_heard_where_it_begins_and_is_no_sound(rate: int) -> None:
    offset = np.full((3 * rate, 1), 0.2, np.float32)
    assert integrated_loudness([offset], rate) == pytest.approx(_pyloudnorm(offset, rate), abs=0.01)
    meter = LoudnessMeter(rate, 1)
    meter.feed(offset)
    assert 10 * np.log10(meter.powers()[5:].max()) < -140
    sound = tone(3.0, 1, rate)
    expected = integrated_loudness([sound], rate)
    assert integrated_loudness([sound + offset], rate) == pytest.approx(expected, abs=0.02)


def test_the_true_peak_costs_nothing_where_nobody_asks_for_it() -> None:
    meter = LoudnessMeter(44_100, 2, true_peak=False)
    meter.feed(tone(4.0))
    found = meter.loudness()
    assert math.isnan(found.true_peak_dbtp)
    assert found.integrated_lufs == measure_loudness(tone(4.0), 44_100).integrated_lufs
