"""Files at the service's limits: just below, on and just above 10 s, 350 s and 10,485,760 bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tests.corpus.case import Recipe
from tests.corpus.encode import Samples, by_soundfile, encoded, m4a, mp3, tone, vorbis
from tests.corpus.surgery import chunk, flac_with_block, id3v2, mp3_without_header, wav

SECONDS = (9.960, 9.999, 10.000, 349.990, 350.000, 350.001)
LARGEST = 10_485_760

_OPUS: dict[str, Any] = {"codec": "libopus", "bit_rate": 12_000, "coding": {"frame_duration": "60"}}

# Extension -> rate and encoder, as cheap as the codec allows.
_KINDS: dict[str, tuple[int, Callable[[Samples, int], bytes]]] = {
    "wav": (8000, lambda samples, rate: by_soundfile(samples, rate, "WAV", "PCM_U8")),
    "aiff": (8000, lambda samples, rate: by_soundfile(samples, rate, "AIFF", "PCM_S8")),
    "flac": (8000, lambda samples, rate: by_soundfile(samples, rate, "FLAC", "PCM_16")),
    "ogg": (8000, vorbis),
    "opus": (
        8000,
        lambda samples, rate: encoded(samples, rate, container="ogg", **_OPUS),
    ),
    "mp3": (8000, lambda samples, rate: _mp3(samples, rate)),
    "noxing.mp3": (8000, lambda samples, rate: mp3_without_header(_mp3(samples, rate))),
    "m4a": (32000, lambda samples, rate: m4a(samples, rate, bit_rate=8_000)),
    "alac.m4a": (8000, lambda samples, rate: m4a(samples, rate, codec="alac")),
    "webm": (
        8000,
        lambda samples, rate: encoded(samples, rate, container="webm", **_OPUS),
    ),
    "wma": (
        8000,
        lambda samples, rate: encoded(samples, rate, container="asf", codec="wmav2", bit_rate=32_000),
    ),
    "aac": (
        8000,
        lambda samples, rate: encoded(samples, rate, container="adts", codec="aac", bit_rate=16_000),
    ),
}


def recipes() -> Iterator[Recipe]:
    for seconds in SECONDS:
        for kind, (rate, make) in _KINDS.items():
            write = partial(_write, make, seconds, rate)
            yield Recipe(f"{seconds:.3f}.{kind}", "boundary", write, is_sound=True)
    for size in (LARGEST, LARGEST + 1):
        for kind, fill in (("wav", _wav_of), ("flac", _flac_of), ("mp3", _mp3_of)):
            yield Recipe(f"{size}.{kind}", "size", partial(_write_size, fill, size), is_sound=True)


@lru_cache(maxsize=1)
def _mp3_of_seconds(seconds: float) -> bytes:
    return mp3(tone(seconds, 8000), 8000)


def _mp3(samples: Samples, rate: int) -> bytes:
    """Both MP3 flavours of one length come from one encoding."""
    return _mp3_of_seconds(len(samples) / rate)


def _write(make: Callable[[Samples, int], bytes], seconds: float, rate: int, path: Path) -> None:
    path.write_bytes(make(tone(seconds, rate), rate))


def _write_size(fill: Callable[[int], bytes], size: int, path: Path) -> None:
    content = fill(size)
    assert len(content) == size
    path.write_bytes(content)


def _wav_of(size: int) -> bytes:
    """Sound, then a chunk that fills the file; an odd size leaves out the last padding byte."""
    sound = wav(b"\x7f\x90" * 48_000, bits=8)
    room = size - len(sound) - 8
    return (sound + chunk(b"junk", b"\0" * room))[:size]


def _flac_of(size: int) -> bytes:
    sound = by_soundfile(tone(12.0, 8000), 8000, "FLAC", "PCM_16")
    return flac_with_block(sound, 1, size - len(sound) - 4)


def _mp3_of(size: int) -> bytes:
    sound = mp3(tone(12.0, 8000), 8000)
    return id3v2(size - len(sound) - 10) + sound
