"""One pass over a song tells all: length, outline, peak, flat tops, NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pyloudnorm
import pytest

from soundverse_nb.audio.decode.base import End, TimeLimit
from soundverse_nb.audio.measure import DecodedSong, SongMeter, decode_through, measure
from soundverse_nb.audio.meters import EnvelopeMeter, envelope_of
from tests.audio.songs import RATE, file_of, tone


def test_a_song_is_heard_to_its_end() -> None:
    measured = measure(file_of(tone(3.0)))
    assert measured.duration == 3.0
    assert measured.end is End.COMPLETE
    assert measured.peak == pytest.approx(0.3, abs=0.001)
    assert measured.loudness == pytest.approx(-11.2, abs=0.3)
    assert (measured.clipped, measured.not_finite) == (0, 0)
    assert measured.envelope.duration == 3.0
    assert measured.envelope.maxima.max() == pytest.approx(0.3, abs=0.001)


@pytest.mark.parametrize("hertz", [35.0, 330.0, 5000.0])
def test_the_loudness_is_that_of_the_standard_for_any_pitch(hertz: float) -> None:
    # A sub bass of 35 Hz was once read from an approximation, 0.5 LU off.
    samples = tone(12.0, hertz=hertz)
    expected = pyloudnorm.Meter(RATE, filter_class="DeMan").integrated_loudness(samples.astype(float))
    assert measure(file_of(samples, subtype="FLOAT")).loudness == pytest.approx(expected, abs=0.005)


def test_huge_samples_leave_the_loudness_of_the_rest(recwarn: pytest.WarningsRecorder) -> None:
    samples = tone(12.0)
    samples[100] = 1e30
    measured = measure((samples, RATE))
    assert math.isfinite(measured.loudness)
    assert measured.hops[20:] == pytest.approx(measure((tone(12.0), RATE)).hops[20:], rel=1e-3)
    assert not recwarn


def test_samples_that_are_no_numbers_are_counted_and_spoil_nothing_else() -> None:
    samples = tone(3.0)
    samples[5000, 0], samples[70000, 1], samples[70001, 1] = math.nan, math.inf, -math.inf
    measured = measure((samples, RATE))
    assert measured.not_finite == 3
    assert measured.peak == pytest.approx(0.3, abs=0.001)
    assert measured.loudness == pytest.approx(-11.2, abs=0.3)
    assert np.isfinite(measured.envelope.maxima).all()


def test_huge_but_finite_samples_are_numbers() -> None:
    samples = tone(2.0)
    samples[100, 0] = 1e30
    assert measure((samples, RATE)).not_finite == 0


@pytest.mark.parametrize(("gain", "is_clipped"), [(1.0, False), (3.4, True)])
def test_a_clipped_wave_has_flat_tops_and_a_peak_has_none(gain: float, is_clipped: bool) -> None:
    measured = measure((np.clip(tone(2.0, level=gain), -1, 1), RATE))
    assert measured.peak == pytest.approx(1.0, abs=0.001)
    share = measured.clipped / (2.0 * RATE * 2)
    assert (share > 0.1) == is_clipped
    assert (share < 0.01) != is_clipped


def test_the_quiet_ends_are_measured() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    measured = measure((np.concatenate([silence, tone(2.0), silence[: RATE // 2]]), RATE))
    assert measured.quiet_start == pytest.approx(1.0, abs=0.03)
    assert measured.quiet_end == pytest.approx(0.5, abs=0.03)


def test_an_error_in_measuring_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: SongMeter, planes: Any) -> None:
        raise RuntimeError("measuring failed")

    monkeypatch.setattr(SongMeter, "feed", fail)
    with pytest.raises(RuntimeError, match="measuring failed"):
        measure(file_of(tone(20.0)))


def test_out_of_time_the_length_still_comes_from_the_file() -> None:
    measured = measure(file_of(tone(30.0)), time_limit=0.0)
    assert measured.end is End.OUT_OF_TIME
    assert measured.heard_seconds < 30.0
    assert measured.duration == 30.0


def test_out_of_time_a_compressed_songs_packets_are_counted() -> None:
    song = file_of(tone(60.0), kind="OGG", subtype="VORBIS")
    measured = measure(song, time_limit=0.0)
    assert measured.end is End.OUT_OF_TIME
    assert measured.heard_seconds < 60.0
    assert measured.duration == pytest.approx(60.0, abs=0.05)


def test_waiting_alone_does_not_end_measuring() -> None:
    clock = TimeLimit(100.0)
    clock._wait -= 1e6  # as if a busy machine had kept this thread waiting
    assert not clock.is_reached()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("length", [100, 8192, 100_000])
def test_an_outline_does_not_depend_on_how_it_is_fed(order: Any, length: int) -> None:
    samples = np.random.default_rng(0).normal(size=(50_001, 2)).astype(np.float32)
    meter = EnvelopeMeter(RATE, 2)
    peak = max(
        meter.feed(np.array(samples[start : start + length], order=order))
        for start in range(0, len(samples), length)
    )
    outline = meter.finish()
    assert peak == np.abs(samples).max()
    assert outline.duration == pytest.approx(50_001 / RATE)
    count = 50_001 // meter.bin
    whole = samples[: count * meter.bin].reshape(count, meter.bin, 2)
    assert np.array_equal(outline.maxima[:, :count], whole.max(axis=1).T)
    assert np.array_equal(outline.minima[:, :count], whole.min(axis=1).T)


def test_an_outline_has_as_many_points_as_asked_and_loses_no_extreme() -> None:
    samples = tone(4.0, 1)
    samples[99_000] = -0.9
    outline = envelope_of((samples, RATE), points=100)
    assert outline.points == 100
    assert outline.minima.min() == np.float32(-0.9)
    assert outline.reduced(7).minima.min() == np.float32(-0.9)
    assert outline.reduced(1000) is outline


def test_an_outline_of_a_stretch_begins_where_it_is_asked_to() -> None:
    loud = np.concatenate([np.zeros((RATE, 1), np.float32), tone(1.0, 1), np.zeros((RATE, 1), np.float32)])
    outline = envelope_of((loud, RATE), points=50, start=1.0, duration=1.0)
    assert outline.duration == 1.0
    assert (outline.maxima > 0.2).all()


def test_an_outline_shows_where_samples_are_no_numbers() -> None:
    samples = tone(2.0)
    samples[RATE, 0] = math.nan
    outline = envelope_of((samples, RATE), points=100)
    assert np.flatnonzero(np.isnan(outline.maxima[0])).tolist() == [50]
    assert np.flatnonzero(np.isnan(outline.minima[0])).tolist() == [50]
    assert np.isfinite(outline.maxima[1]).all()


def _damaged(body: bytes) -> bytes:
    return body[: len(body) // 2] + bytes(400) + body[len(body) // 2 + 400 :]


def _cut(body: bytes) -> bytes:
    return body[: -len(body) // 8]


@pytest.mark.parametrize("kind", ["MP3", "FLAC", "OGG", "WAV"])
@pytest.mark.parametrize("change", [bytes, _damaged, _cut])
def test_a_song_that_is_only_decoded_shows_the_same_as_one_that_is_measured(
    kind: str, change: Callable[[bytes], bytes]
) -> None:
    subtypes = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}
    song = change(file_of(tone(3.0), kind=kind, subtype=subtypes.get(kind, "PCM_16")))
    measured = measure(song)
    seen = {field.name: getattr(measured, field.name) for field in fields(DecodedSong)}
    assert vars(decode_through(song)) == seen
