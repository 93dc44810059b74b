"""Mastering, tone, the mixer, instruments, drums and voice."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.audio.loudness import integrated_loudness
from soundverse_nb.simulator.music import drums, effects, instruments, mix, singing
from soundverse_nb.simulator.music.mix import CEILING, LOUDNESS, ramps
from tests.simulator.music.whole import echoes, equalise, limit, master, reverberate

RATE = 44_100


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    shape = (2, round(seconds * RATE))
    return (level * np.random.default_rng(5).standard_normal(shape)).astype(np.float32)


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound**2)))


@pytest.mark.parametrize("gain", [0.01, 0.1, 3.0])
def test_a_mix_of_any_level_comes_out_at_minus_14_lufs_below_the_ceiling(gain):
    swell = np.abs(np.sin(np.arange(6 * RATE) / RATE * 3)).astype(np.float32)
    out = master(noise(6.0, gain) * swell, RATE)
    assert integrated_loudness([np.ascontiguousarray(out.T)], RATE) == pytest.approx(LOUDNESS, abs=1.0)
    assert np.abs(out).max() <= CEILING


def test_silence_stays_silence():
    assert not master(np.zeros((2, 2 * RATE), np.float32), RATE).any()


def test_the_limiter_leaves_what_is_below_the_ceiling_alone():
    sound = np.clip(noise(1.0, 0.2), -0.8, 0.8)
    assert np.allclose(limit(sound, RATE), sound, atol=1e-6)


def test_the_limiter_turns_down_smoothly_rather_than_clipping():
    t = np.arange(RATE) / RATE
    sound = np.stack([2.0 * np.sin(2 * np.pi * 440 * t)] * 2).astype(np.float32)
    out = limit(sound, RATE)
    assert np.mean(np.abs(out) >= CEILING - 1e-4) < 0.08
    assert np.corrcoef(out[0], sound[0])[0, 1] > 0.999


def test_ramps_are_straight_lines_from_value_to_value():
    line = ramps(np.array([0.0, 1.0, 1.0], np.float32), 4)
    assert line.tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("low", "high", "f", "passes"),
    [
        (30, 18_000, 1000, True),
        (300, 18_000, 60, False),
        (30, 2000, 8000, False),
        (30, 2000, 500, True),
    ],
)
def test_the_equaliser_cuts_what_it_is_told_to(low, high, f, passes):
    t = np.arange(RATE) / RATE
    sound = np.stack([0.5 * np.sin(2 * np.pi * f * t)] * 2).astype(np.float32)
    out = equalise(sound, RATE, low, high, 0.0)
    kept = level(out[:, 4000:-4000]) / level(sound)
    assert out.shape == sound.shape
    assert kept == pytest.approx(1.0, abs=0.1) if passes else kept < 0.12


def test_the_equaliser_does_not_shift_in_time():
    sound = np.zeros((2, 20_000), np.float32)
    sound[:, 9000] = 1.0
    assert int(np.abs(equalise(sound, RATE, 30, 18_000, 0.0)[0]).argmax()) == 9000


def test_saturation_adds_harmonics_and_keeps_the_level():
    t = np.arange(RATE) / RATE
    sound = np.stack([0.3 * np.sin(2 * np.pi * 441 * t)] * 2).astype(np.float32)
    out = effects.saturate(sound, 0.8)
    spectrum = np.abs(np.fft.rfft(out[0]))
    assert level(out) == pytest.approx(level(sound), rel=0.02)
    assert spectrum[3 * 441] > 0.05 * spectrum[441]
    assert effects.saturate(sound, 0.0) is sound


def test_crushing_leaves_few_levels():
    out = effects.crush(noise(0.5), RATE, 1.0)
    assert len(np.unique(np.round(out, 5))) < 60


def test_vinyl_crackles_quietly():
    sound = effects.vinyl(5 * RATE, RATE, 1.0, np.random.default_rng(0))
    assert 0.02 < np.abs(sound).max() < 0.3
    assert level(sound) < 0.01
    assert not effects.vinyl(RATE, RATE, 0.0, np.random.default_rng(0)).any()


def test_the_desk_lays_sounds_where_they_belong():
    mixer = mix.Mixer(1000)
    one = np.ones(100, np.float32)
    mixer.add(one, 200, 0.5, pan=-1.0)
    mixer.add(one, -50, 1.0)
    mixer.add(one, 950, 1.0, room=0.5, ducked=True)
    mixer.add(one, 5000, 1.0)
    assert mixer.dry[0, 250] == pytest.approx(0.5 * 1.414, rel=1e-3)
    assert abs(mixer.dry[1, 250]) < 1e-6
    assert mixer.dry[0, 49] > 0.9 > mixer.dry[0, 50]
    assert mixer.ducked[1, 960] > 0.9
    assert mixer.room[960] == pytest.approx(0.5)


def test_echoes_come_at_their_delay_and_fade():
    send = np.zeros(20_000, np.float32)
    send[100] = 1.0
    out = np.abs(echoes(send, 3000, 0.5)).sum(axis=0)
    peaks = [out[100 + n * 3000 : 120 + n * 3000].max() for n in (1, 2, 3)]
    assert peaks[0] > peaks[1] > peaks[2] > 0
    assert not out[:3000].any()


def test_a_room_rings_longer_the_larger_it_is():
    send = np.zeros(3 * RATE, np.float32)
    send[0] = 1.0
    late = [
        level(reverberate(send, RATE, size, np.random.default_rng(1))[:, RATE : 2 * RATE])
        for size in (0.0, 0.5, 1.0)
    ]
    assert late[0] < late[1] < late[2]


def test_ducking_falls_at_the_kick_and_comes_back():
    gain = mix.ducking(RATE, RATE, [10_000], 1.0)
    assert gain[9_999] == 1.0
    assert gain[10_600] < 0.4
    assert gain[10_000 + round(0.26 * RATE)] == 1.0


@pytest.mark.parametrize("name", instruments.INSTRUMENTS)
def test_every_instrument_is_in_tune_sounds_and_ends_silent(name):
    sound = instruments.play(name, 57.0, 1.0, RATE)
    size = 1 << 17
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    f = np.fft.rfftfreq(size, 1 / RATE)
    near = (f > 205) & (f < 235)
    assert 1200 * abs(np.log2(f[near][spectrum[near].argmax()] / 220.0)) < 15
    assert 0.02 < level(sound) < 0.6
    assert abs(float(sound[-1])) < 1e-3


def test_every_drum_sounds_and_dies():
    kit = drums.kit(RATE, np.random.default_rng(2), frozenset(drums._RECIPES))
    for name, stroke in kit.items():
        assert 0.05 < np.abs(stroke).max() < 2.0, name
        assert level(stroke[-200:]) < 0.1 * np.abs(stroke).max(), name


@pytest.mark.parametrize(
    ("lyrics", "vowels"),
    [
        ("hello", "eo"),
        ("hello my love", "eoio"),
        ("see the moon", "ieu"),
        ("tonight\nwe dance", "oiea"),
        ("", ""),
        ("... 123 !!", ""),
        ("[Chorus]\nla la", "aa"),
        ("été", "ee"),
    ],
)
def test_lyrics_become_syllables_with_vowels(lyrics, vowels):
    assert "".join(one.vowel for one in singing.syllables(lyrics)) == vowels


def test_lines_end_with_a_breath_and_scripts_without_our_vowels_are_sung_too():
    assert [one.last for one in singing.syllables("hello\nmy love")] == [False, True, False, True]
    assert singing.syllables("愛してる")


def test_a_vowel_is_heard_by_its_formant():
    still = np.zeros(RATE, np.float32)
    f = np.fft.rfftfreq(RATE, 1 / RATE)

    def bright(vowel: str) -> float:
        sound = singing.sing(singing.Syllable(vowel, "", False), 60, 1.0, RATE, still)[:RATE]
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float(power[(f > 1800) & (f < 3300)].sum() / power[(f > 150) & (f < 1200)].sum())

    assert bright("i") > 3 * bright("o")
