"""Bombs, junk and odd names: files that mean harm, are no music, or are hard to address."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from tests.corpus.case import Recipe
from tests.corpus.encode import by_soundfile, encoded, mp3, tone
from tests.corpus.surgery import chunk, flac_claiming, id3v2, ogg_edited, png, wav

_HOURS = 2


def recipes() -> Iterator[Recipe]:
    for group, files in (("bomb", _bombs()), ("junk", _junk())):
        for name, make in files.items():
            yield Recipe(name, group, partial(_write, make))
    song = by_soundfile(tone(12.0, 8000), 8000, "WAV", "PCM_16")
    for name in _names():
        yield Recipe(name, "name", partial(_write, lambda: song), is_sound=True)


def _write(make: Callable[[], bytes], path: Path) -> None:
    path.write_bytes(make())


@lru_cache(maxsize=1)
def _silent_flac() -> bytes:
    """Hours of silence in some hundred kilobytes."""
    return by_soundfile(np.zeros((_HOURS * 3600 * 8000, 1), np.float32), 8000, "FLAC", "PCM_16")


def _silent_opus() -> bytes:
    silence = np.zeros((600 * 8000, 1), np.float32)
    return encoded(silence, 8000, container="ogg", codec="libopus", bit_rate=6000)


def _bombs() -> dict[str, Callable[[], bytes]]:
    deep = b""
    for _ in range(2000):
        deep = struct.pack(">I", len(deep) + 8) + b"moov" + deep
    brand = struct.pack(">I", 16) + b"ftypM4A \0\0\0\0"
    small = by_soundfile(tone(12.0, 8000), 8000, "FLAC", "PCM_16")
    return {
        "hours-of-silence.flac": _silent_flac,
        "hours-of-silence-unannounced.flac": lambda: flac_claiming(_silent_flac(), 0),
        "hours-of-silence-announced-as-20s.flac": lambda: flac_claiming(_silent_flac(), 20 * 8000),
        "ten-minutes-of-silence.opus": _silent_opus,
        "claims-2^36-samples.flac": lambda: flac_claiming(small, (1 << 36) - 1),
        "claims-65535-channels.wav": lambda: wav(b"\0" * 200_000, channels=65535),
        "claims-4-gigahertz.wav": lambda: wav(b"\0" * 200_000, rate=0xFFFFFFFF),
        "claims-1-hertz.wav": lambda: wav(b"\1\1" * 1000, rate=1),
        "claims-no-channels.wav": lambda: wav(b"\0" * 200_000, channels=0),
        "a-million-chunks.wav": lambda: wav(b"\0" * 200_000, before=chunk(b"junk", b"") * 100_000),
        "id3-claims-256-megabytes.mp3": lambda: b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"\0" * 1000,
        "a-thousand-tags.mp3": lambda: id3v2(0) * 1000 + mp3(tone(12.0, 32_000), 32_000),
        "boxes-in-boxes.m4a": lambda: brand + deep,
        "box-claims-16-exabytes.m4a": lambda: brand + struct.pack(">I4sQ", 1, b"moov", 1 << 62),
        "a-million-boxes.m4a": lambda: brand + struct.pack(">I4s", 8, b"free") * 100_000,
        "pages-without-packets.ogg": lambda: (
            (b"OggS\0\2" + b"\0" * 21 + b"OggS\0\0" + b"\xff" * 8 + b"\0" * 13) * 2000
        ),
        "page-claims-2e14-seconds.ogg": lambda: ogg_edited(
            encoded(tone(12.0, 8000), 8000, container="ogg", codec="libopus", bit_rate=24_000),
            last_granule=(1 << 62),
        ),
    }


def _junk() -> dict[str, Callable[[], bytes]]:
    noise = np.random.default_rng(7).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
    broken = tone(12.0, 8000).copy()
    broken[5000:5100] = np.nan
    broken[6000] = np.inf
    return {
        "empty.mp3": lambda: b"",
        "one-byte.wav": lambda: b"R",
        "text.mp3": lambda: b"This is not music.\n" * 500,
        "page.wav": lambda: b"<!doctype html><title>404 Not Found</title>" * 20,
        "answer.mp3": lambda: b'{"success": false, "message": "Not found"}',
        "picture.mp3": png,
        "zeros.flac": lambda: b"\0" * 100_000,
        "random.mp3": lambda: noise,
        "random-behind-a-frame-mark.mp3": lambda: b"\xff\xfb\x90\x64" + noise,
        "random-behind-a-page-mark.ogg": lambda: b"OggS\0\2" + noise,
        "random-behind-a-flac-mark.flac": lambda: b"fLaC\0\0\0\x22" + noise,
        "random-behind-a-box.m4a": lambda: struct.pack(">I", 16) + b"ftypM4A \0\0\0\0" + noise,
        "tag-without-music.mp3": lambda: id3v2(3000),
        "header-without-samples.wav": lambda: wav(b""),
        "header-without-frames.flac": lambda: by_soundfile(tone(12.0, 8000), 8000, "FLAC", "PCM_16")[:60],
        "not-a-number.wav": lambda: by_soundfile(broken, 8000, "WAV", "FLOAT"),
        "silence.wav": lambda: by_soundfile(np.zeros((96_000, 1), np.float32), 8000, "WAV", "PCM_16"),
        "archive.mp3": lambda: b"PK\3\4" + noise[:5000],
    }


def _names() -> list[str]:
    return [
        "-rf.wav",
        "two\nlines.wav",
        "<img src=x onerror=alert(1)>.wav",
        os.fsdecode("Ω 曲 🎵.wav".encode()),  # whatever this locale makes of it
        " spaces at both ends .wav ",
        "a" * 240 + ".wav",
        "no-extension",
        "wrong-extension.mp3",
        "bytes-\udcff\udcfe-that-are-no-text.wav",
        "%2e%2e%2fquoted.wav",
        "semi;colon&$(touch x)`.wav",
    ]
