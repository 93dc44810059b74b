"""The remix itself: the same tune, audibly restyled, in time, and the same each time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from soundverse_nb.audio.loudness import integrated_loudness
from soundverse_nb.simulator.music.beats import track_beats
from soundverse_nb.simulator.music.harmony import _partials, _pitch_energy, _spectrum
from soundverse_nb.simulator.restyle import Restyled, restyle

PROMPTS = ("upbeat jazz with brass horns", "techno", "lo-fi", "epic orchestral", "8-bit", "ambient")


@pytest.fixture(scope="module")
def remixes(song) -> dict[str, Restyled]:
    samples, rate = song
    return {prompt: restyle(samples, rate, prompt=prompt) for prompt in PROMPTS}


def half_rate(samples: np.ndarray) -> np.ndarray:
    return samples[:, : samples.shape[1] // 2 * 2].mean(axis=0).reshape(-1, 2).mean(axis=1)


def chroma(samples: np.ndarray, rate: int, moments: np.ndarray) -> np.ndarray:
    """How strong each pitch class is around each moment: (moments, 12), rows of length 1."""
    spectrum = _spectrum(half_rate(samples))
    frames, hertz, strength = _partials(spectrum, rate / 2 / 8192)
    pitches = _pitch_energy(len(spectrum), frames, hertz, strength, 0.0)
    classes = pitches[:, :120].reshape(len(pitches), 10, 12).sum(axis=1)
    rows = classes[np.clip(np.round(moments * rate / 2 / 2048).astype(int), 0, len(classes) - 1)]
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_tune_is_the_songs_own_at_the_new_pace_and_pitch(song, remixes, prompt):
    samples, rate = song
    remix = remixes[prompt]
    beats = track_beats(half_rate(samples), rate // 2)
    moments = np.linspace(1.0, 10.0, 60)
    there = beats.times[0] * beats.bpm / remix.bpm + (moments - beats.times[0]) * beats.bpm / remix.bpm
    before = chroma(samples, rate, moments)
    after = chroma(remix.samples, rate, there)
    likeness = [float(np.mean(np.sum(np.roll(before, turn, axis=1) * after, axis=1))) for turn in range(12)]
    assert int(np.argmax(likeness)) == remix.semitones % 12
    assert max(likeness) > 0.6


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_pace_is_another_and_steady(song, remixes, prompt):
    remix = remixes[prompt]
    samples, rate = song
    assert abs(remix.bpm / remix.song_bpm - 1) > 0.02
    length = samples.shape[1] * remix.song_bpm / remix.bpm
    assert remix.samples.shape == (2, pytest.approx(length, rel=0.02))
    heard = track_beats(half_rate(remix.samples), rate // 2).bpm
    octave = round(np.log2(heard / remix.bpm))
    assert heard / 2**octave == pytest.approx(remix.bpm, rel=0.015)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_remixes_are_level_do_not_clip_and_begin_and_end_silent(remixes, prompt):
    remix = remixes[prompt]
    loudness = integrated_loudness([np.ascontiguousarray(remix.samples.T)], remix.rate)
    assert loudness == pytest.approx(-14.0, abs=1.0)
    assert np.abs(remix.samples).max() < 0.9
    assert np.mean(np.abs(remix.samples) > 0.885) < 0.001
    assert np.abs(remix.samples[:, [0, -1]]).max() < 0.01


def test_prompts_are_told_apart_by_their_sound(remixes):
    def balance(remix: Restyled) -> np.ndarray:
        """Loudness in ten bands, in dB."""
        power = np.abs(np.fft.rfft(remix.samples.mean(axis=0))) ** 2
        f = np.fft.rfftfreq(remix.samples.shape[1], 1 / remix.rate)
        edges = np.geomspace(40, 16_000, 11)
        bands = [power[(f >= a) & (f < b)].sum() for a, b in pairwise(edges)]
        return np.asarray(10 * np.log10(np.array(bands) / power.sum()))

    shapes = [balance(remix) for remix in remixes.values()]
    for place, one in enumerate(shapes):
        for other in shapes[place + 1 :]:
            assert np.abs(one - other).max() > 3.0


def test_techno_kicks_on_every_beat_and_ambient_does_not(remixes):
    def punch(remix: Restyled) -> float:
        """Bass within 60 ms after the beats, against bass shortly before them."""
        mono = remix.samples.mean(axis=0)
        spectrum = np.fft.rfft(mono)
        spectrum[np.fft.rfftfreq(len(mono), 1 / remix.rate) > 110] = 0
        bass = np.fft.irfft(spectrum, len(mono)) ** 2
        beat = 60 / remix.bpm
        times = track_beats(half_rate(remix.samples), remix.rate // 2).times
        starts = np.round((times[times >= 0][0] + beat * np.arange(8, 16)) * remix.rate).astype(int)
        length = round(0.06 * remix.rate)
        on = np.mean([bass[start : start + length].mean() for start in starts])
        off = np.mean([bass[start - 2 * length : start - length].mean() for start in starts])
        return float(on / off)

    assert punch(remixes["techno"]) > 1.5 * punch(remixes["ambient"])


def test_the_same_request_gives_the_same_samples(song, remixes):
    samples, rate = song
    again = restyle(samples, rate, prompt="techno").samples
    # Not to the last bit, which is up to how a processor shares out its sums.
    np.testing.assert_allclose(again, remixes["techno"].samples, rtol=0, atol=1e-3)


@pytest.mark.parametrize("other", [{"lyrics": "hello my love\nthe night is young"}, {"salt": '{"seed": 2}'}])
def test_lyrics_and_parameters_change_what_is_heard(song, remixes, other):
    samples, rate = song
    changed = restyle(samples, rate, prompt="lo-fi", **other).samples
    assert changed.shape == remixes["lo-fi"].samples.shape
    difference = changed - remixes["lo-fi"].samples
    assert np.sqrt(np.mean(difference**2)) > 0.02 * np.sqrt(np.mean(changed**2))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 11 * 44_100), np.float32),
        np.ones((2, 11 * 44_100), np.float32),
        np.random.default_rng(0).standard_normal((2, 11 * 44_100)).astype(np.float32),
    ],
    ids=["silence", "a constant", "full noise"],
)
def test_what_is_no_music_gives_sound_that_is_finite_and_does_not_clip(samples):
    out = restyle(samples, 44_100, prompt="house", lyrics="la la").samples
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 0.9


def test_takes_keep_the_tune_and_differ_less_than_prompts_do(song, remixes):
    samples, rate = song
    takes = {take: restyle(samples, rate, prompt="techno", take=take) for take in (2, 3)}

    def apart(one: Restyled, other: Restyled) -> float:
        shapes = []
        for remix in (one, other):
            power = np.abs(np.fft.rfft(remix.samples.mean(axis=0))) ** 2
            f = np.fft.rfftfreq(remix.samples.shape[1], 1 / remix.rate)
            edges = np.geomspace(40, 16_000, 11)
            bands = np.array([power[(f >= a) & (f < b)].sum() for a, b in pairwise(edges)])
            shapes.append(10 * np.log10(bands / power.sum()))
        return float(np.abs(shapes[0] - shapes[1]).mean())

    same = [apart(remixes["techno"], takes[2]), apart(remixes["techno"], takes[3]), apart(takes[2], takes[3])]
    others = [apart(takes[2], remix) for prompt, remix in remixes.items() if prompt != "techno"]
    assert min(same) > 0.05
    assert max(same) < 0.6 * min(others)
    tempi = {remixes["techno"].bpm, takes[2].bpm, takes[3].bpm}
    assert len(tempi) == 3
    assert max(tempi) / min(tempi) < 1.05
    assert takes[2].semitones == remixes["techno"].semitones
