"""Songs of ordinary length and density in every container, none larger than the service takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.corpus.encode import Samples, by_soundfile, encode, vorbis

_RATE = 44_100


def music(seconds: float) -> Samples:
    """Chords that change each half second over a noisy beat; stereo, always the same."""
    rng = np.random.default_rng(11)
    time = np.arange(round(seconds * _RATE)) / _RATE
    root = 110 * 2 ** (rng.integers(0, 12, int(seconds * 2) + 1)[(time * 2).astype(int)] / 12)
    phase = 2 * np.pi * np.cumsum(root) / _RATE
    chord = sum(np.sin(ratio * phase) / ratio for ratio in (1, 1.25, 1.5, 2, 3))
    beat = rng.standard_normal(len(time)) * np.exp(-8 * (time * 2 % 1))
    left, right = 0.12 * chord + 0.1 * beat, 0.12 * chord + 0.1 * np.roll(beat, 40)
    return np.stack([left, right], axis=1).astype(np.float32)


def _encoder(container: str, codec: str, **settings: object) -> Callable[[Path, Samples], None]:
    def write(path: Path, samples: Samples) -> None:
        encode(path, samples, _RATE, container=container, codec=codec, **settings)  # type: ignore[arg-type]

    return write


def _opus(container: str) -> Callable[[Path, Samples], None]:
    def write(path: Path, samples: Samples) -> None:
        # Opus knows 48 kHz only; pitch does not matter here.
        encode(path, samples, 48_000, container=container, codec="libopus", bit_rate=128_000)

    return write


def _pcm(name: str) -> Callable[[Path, Samples], None]:
    def write(path: Path, samples: Samples) -> None:
        path.write_bytes(by_soundfile(samples, _RATE, name, "PCM_16"))

    return write


_SHORT, _LONG = 58.0, 180.0
_MP3 = {"container": "mp3", "codec": "libmp3lame"}
_SONGS: dict[str, tuple[float, Callable[[Path, Samples], object]]] = {
    "pcm.wav": (_SHORT, _pcm("WAV")),
    "pcm.aiff": (_SHORT, _pcm("AIFF")),
    "level-5.flac": (_SHORT, _pcm("FLAC")),
    "vorbis.ogg": (_LONG, lambda path, samples: path.write_bytes(vorbis(samples, _RATE))),
    "opus.opus": (_LONG, _opus("ogg")),
    "cbr.mp3": (_LONG, _encoder(**_MP3, bit_rate=192_000)),
    "vbr.mp3": (_LONG, _encoder(**_MP3, quality=3)),
    "cbr-without-xing.mp3": (_LONG, _encoder(**_MP3, bit_rate=192_000, muxing={"write_xing": "0"})),
    "vbr-without-xing.mp3": (_LONG, _encoder(**_MP3, quality=3, muxing={"write_xing": "0"})),
    "aac.m4a": (_LONG, _encoder("mp4", "aac", bit_rate=128_000)),
    "alac.m4a": (_SHORT, _encoder("mp4", "alac")),
    "opus.webm": (_LONG, _opus("webm")),
    "video.mp4": (_LONG, _encoder("mp4", "aac", bit_rate=128_000, with_video=True)),
    "wma2.wma": (_LONG, _encoder("asf", "wmav2", bit_rate=128_000)),
    "adts.aac": (_LONG, _encoder("adts", "aac", bit_rate=128_000)),
}


def write_songs(directory: Path) -> list[Path]:
    """Write those that are not there yet; takes a minute the first time."""
    directory.mkdir(parents=True, exist_ok=True)
    made = {seconds: music(seconds) for seconds in (_SHORT, _LONG)}
    paths = []
    for name, (seconds, write) in _SONGS.items():
        path = directory / name
        if not path.exists():
            write(path, made[seconds])
        paths.append(path)
    return paths
