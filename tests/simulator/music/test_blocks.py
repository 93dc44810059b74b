"""A song in blocks sounds as it does in one piece, and a long one takes no more memory than a short one."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from soundverse_nb.simulator.music import effects, mix
from soundverse_nb.simulator.music.score import Score
from soundverse_nb.simulator.restyle import Instructions, Tape, remix_song
from soundverse_nb.simulator.song import Song, open_song, prepare, song_of
from tests.simulator.music.whole import echoes, equalise, master, reverberate

RATE = 44_100


def noise(frames: int, seed: int = 3) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((2, frames))).astype(np.float32)


def pieces(signal: np.ndarray, size: int) -> list[np.ndarray]:
    return [signal[..., start : start + size] for start in range(0, signal.shape[-1], size)]


def test_echoes_go_on_from_block_to_block():
    send = noise(20_000)[0]
    echo = mix.Echoes(3000, 0.5)
    fed = np.concatenate([echo.feed(piece) for piece in pieces(send, 4096)], axis=1)
    np.testing.assert_allclose(fed, echoes(send, 3000, 0.5), atol=1e-6)


def test_a_room_goes_on_ringing_in_the_next_block():
    send = noise(60_000)[0]
    room = mix.Room(RATE, 0.2, np.random.default_rng(1))
    fed = np.concatenate([room.feed(piece) for piece in pieces(send, 8192)], axis=1)
    np.testing.assert_allclose(fed, reverberate(send, RATE, 0.2, np.random.default_rng(1)), atol=1e-4)


@pytest.mark.parametrize("size", [700, 8192, 100_000])
def test_the_equaliser_hears_over_the_edge_of_a_block(size):
    sound = noise(30_000)
    answer = effects.tone(RATE, 200, 4000, 0.0)
    blocks = effects.with_margins(iter(pieces(sound, size)))
    fed = np.concatenate([effects.filtered(block, answer) for block in blocks], axis=1)
    np.testing.assert_allclose(fed, equalise(sound, RATE, 200, 4000, 0.0), atol=1e-5)


def test_a_kick_ducks_the_block_that_follows_it_too():
    whole = mix.ducking(40_000, RATE, [500, 9_000, 39_000], 0.8)
    parts = [mix.ducking(8_000, RATE, [500, 9_000, 39_000], 0.8, at) for at in range(0, 40_000, 8_000)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(("size", "length"), [(10, 95), (10, 130), (1000, 95), (10, 0), (95, 95)])
def test_blocks_of_any_size_become_blocks_of_one(size, length):
    sound = noise(95)
    out = list(effects.even_blocks(pieces(sound, 7), size, length))
    assert all(block.shape[1] == size for block in out[:-1])
    whole = np.concatenate([np.zeros((2, 0)), *out], axis=1)
    assert whole.shape[1] == length
    kept = min(length, 95)
    np.testing.assert_array_equal(whole[:, :kept], sound[:, :kept])
    assert not whole[:, kept:].any()


def test_a_sound_that_spans_blocks_is_the_same_as_in_one_mix():
    long, short = noise(5000)[0], noise(100)[1]
    score, mixer = Score(12_000), mix.Mixer(12_000)
    for start, sound in ((7_000, long), (-50, short), (300, long), (11_950, short), (20_000, short)):
        score.add(lambda sound=sound: sound, start, 0.5, pan=0.3, room=0.2, echo=0.1, ducked=start > 500)
        mixer.add(sound, start, 0.5, pan=0.3, room=0.2, echo=0.1, ducked=start > 500)
    played = list(score.played(1024))
    for bus in ("dry", "ducked", "room", "echo"):
        whole = np.concatenate([getattr(part, bus) for part in played], axis=-1)
        np.testing.assert_allclose(whole, getattr(mixer, bus), atol=1e-6)


def test_a_tape_gives_back_what_a_master_in_memory_would():
    sound = noise(3 * mix.BLOCK + 1000) * np.linspace(0, 8, 3 * mix.BLOCK + 1000, dtype=np.float32)
    with Tape(None, RATE) as tape:
        for block in pieces(sound, mix.BLOCK):
            tape.record(block)
        read = tape.mastered()
        back = np.concatenate(
            [read(at, min(tape.frames, at + RATE)) for at in range(0, tape.frames, RATE)], 1
        )
    np.testing.assert_allclose(back, master(sound, RATE), atol=2e-3)


def test_a_prepared_song_is_the_song(song, song_file, tmp_path: Path):
    (tmp_path / "song.flac").write_bytes(song_file)
    prepare(tmp_path / "song.flac", tmp_path / "kept", lambda: None)
    kept, here = open_song(tmp_path / "kept"), song_of(*song)
    assert kept.frames == song[0].shape[1]
    np.testing.assert_allclose(kept.read(-10, kept.frames + 10)[:, 10:-10], song[0], atol=1e-3)
    assert not kept.read(-10, 0).any()
    assert kept.analysis.harmony.cents == pytest.approx(here.analysis.harmony.cents, abs=0.1)
    for part in ("chords", "tune"):
        pairs = zip(getattr(kept.analysis.harmony, part), getattr(here.analysis.harmony, part), strict=True)
        assert np.mean([one == other for one, other in pairs]) > 0.9
    assert kept.analysis.beats.bpm == pytest.approx(here.analysis.beats.bpm)
    assert kept.analysis.loudness == pytest.approx(here.analysis.loudness, abs=0.05)
    assert {path.suffix for path in tmp_path.glob("kept*")} == {".samples", ".npz"}


def test_a_longer_song_takes_no_more_memory(song, tmp_path: Path):
    samples, rate = song
    analysis = song_of(samples, rate).analysis
    read = effects.reader(samples)

    def peak(times: int) -> int:
        """Bytes while a remix is made of a song that is these eleven seconds again and again."""
        length = samples.shape[1]

        def again(start: int, stop: int) -> np.ndarray:
            place = max(0, start) % length
            return np.resize(read(place, length), (2, stop - start))

        longer = Song(times * length, rate, again, analysis)
        tracemalloc.start()
        try:
            remix_song(longer, tmp_path / "out.mp3", Instructions("ambient"), "Title", scratch=tmp_path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is loaded once
    short, long = peak(2), peak(8)
    assert long < 1.5 * short
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp3"], "nothing else is left"
