"""Decoding: every container gives its frames, whatever its header says."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundverse_nb.audio.decode.base import End
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.audio.source import AudioError

RATE = 44100


def tone(seconds: float, channels: int = 2, rate: int = RATE) -> np.ndarray:
    """A quiet sine as float32 (frames, channels)."""
    time = np.arange(round(seconds * rate)) / rate
    return np.repeat((0.3 * np.sin(2 * np.pi * 330 * time)).astype(np.float32)[:, None], channels, axis=1)


@pytest.mark.parametrize("extension", ["wav", "aiff", "flac", "ogg"])
def test_decoding_counts_exactly_the_frames_that_were_written(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"song.{extension}"
    with soundfile.SoundFile(path, "w", RATE, 2) as out:
        for _second in range(3):
            out.write(tone(1.0))
    with decode(path) as sound:
        blocks = list(sound)
    assert sound.frames == sum(map(len, blocks)) == 3 * RATE
    assert (sound.sample_rate, sound.channels, sound.end) == (RATE, 2, End.COMPLETE)
    assert blocks[0].dtype == np.float32
    assert blocks[0].shape[1] == 2


_ENDINGS = {
    "whole": lambda song: song,
    "with a chunk behind it": lambda song: song + b"LIST\4\0\0\0INFO",
    "with an odd byte behind it": lambda song: song + b"\7",
    "cut inside a sample": lambda song: song[:-12_345],
}


@pytest.mark.parametrize("ending", _ENDINGS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "endian"),
    [("WAV", "FILE"), ("WAV", "BIG"), ("WAVEX", "FILE"), ("AIFF", "FILE"), ("AIFF", "LITTLE"), ("AU", "FILE"),
     ("RF64", "FILE")],
)  # fmt: skip
def test_sixteen_bits_are_those_written_from_the_disk_and_from_memory(
    tmp_path: Path, kind: str, endian: str, channels: int, ending: str
) -> None:
    noise = np.random.default_rng(3).integers(-32768, 32768, (RATE, channels), dtype=np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, RATE, format=kind, subtype="PCM_16", endian=endian)
    song = _ENDINGS[ending](buffer.getvalue())
    frames = RATE - math.ceil(12_345 / (2 * channels)) if ending.startswith("cut") else RATE
    path = tmp_path / "song"
    path.write_bytes(song)
    for source in (path, song, io.BytesIO(song)):
        with decode(source, 10_000) as sound:
            decoded = np.concatenate(list(sound))
        assert np.array_equal(decoded, noise[:frames] / np.float32(32768))
        assert sound.end is End.COMPLETE


def test_an_encoded_mp3_is_gapless() -> None:
    with decode(encode_mp3(tone(2.0).T, RATE, 128)) as sound:
        decoded = np.concatenate(list(sound))
    assert len(decoded) == 2 * RATE
    assert np.abs(decoded[4410:-4410] - tone(2.0)[4410:-4410]).max() < 0.02


def test_decoding_stops_just_past_the_limit() -> None:
    with decode((tone(20.0), RATE), stop_seconds=5.0) as sound:
        for _ in sound:
            pass
    assert 5.0 < sound.seconds < 6.0
    assert sound.end is End.STOPPED


def test_a_streamed_wav_with_an_empty_data_size_is_read_to_its_end() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(2.0), RATE, format="WAV", subtype="PCM_16")
    data = bytearray(buffer.getvalue())
    at = data.index(b"data") + 4
    data[at : at + 4] = bytes(4)
    with decode(bytes(data)) as sound:
        for _ in sound:
            pass
    assert sound.frames == 2 * RATE


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (bytes(5000), "not_audio"),
        (b"some words " * 900, "not_audio"),
        (b"#EXTM3U\nhttp://127.0.0.1:9/x.mp3\n", "not_audio"),
    ],
)
def test_what_is_no_audio_is_refused_with_its_reason(content: bytes, code: str) -> None:
    with pytest.raises(AudioError) as caught:
        decode(content)
    assert caught.value.code == code
