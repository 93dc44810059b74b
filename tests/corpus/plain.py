"""Files with nothing wrong: every container and flavour that people really have, twelve seconds each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.corpus.case import Recipe
from tests.corpus.encode import Samples, by_soundfile, encoded, m4a, mp3, tone, vorbis
from tests.corpus.surgery import (
    album_art,
    ape_tag,
    chunk,
    flac_with_block,
    id3v1,
    id3v2,
    m4a_from_itunes,
    mp3_with_vbri,
    mp3_without_lame,
    wav,
)

SECONDS = 12.0
LOW = 8000
HIGH = 32000


def recipes() -> Iterator[Recipe]:
    for name, make in {**_uncompressed(), **_lossless(), **_ogg(), **_mp3(), **_mp4(), **_others()}.items():
        yield Recipe(name, "plain", partial(_write, make), is_sound=True)


def _write(make: Callable[[], bytes], path: Path) -> None:
    path.write_bytes(make())


def _low(channels: int = 1) -> Samples:
    return tone(SECONDS, LOW, channels)


def _high(channels: int = 1) -> Samples:
    return tone(SECONDS, HIGH, channels)


def raw(samples: Samples) -> bytes:
    """16-bit little-endian samples, interleaved."""
    return (samples * 32767).astype("<i2").tobytes()


def _uncompressed() -> dict[str, Callable[[], bytes]]:
    made: dict[str, Callable[[], bytes]] = {}
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "MS_ADPCM"):
        made[f"wav-{subtype}.wav"] = partial(by_soundfile, _low(), LOW, "WAV", subtype)
    made["wav-extensible-5.1.wav"] = partial(by_soundfile, _low(6), LOW, "WAVEX", "PCM_16")
    made["wav-rf64.wav"] = partial(by_soundfile, _low(), LOW, "RF64", "PCM_16")
    made["wav-w64.w64"] = partial(by_soundfile, _low(), LOW, "W64", "PCM_16")
    made["wav-list-before.wav"] = lambda: wav(raw(_low()), before=chunk(b"LIST", b"INFOISFT\3\0\0\0ab\0"))
    made["wav-list-after.wav"] = lambda: wav(raw(_low()), after=chunk(b"LIST", b"INFOISFT\4\0\0\0abc\0"))
    made["wav-odd-chunk.wav"] = lambda: wav(raw(_low()), before=chunk(b"junk", b"odd"))
    made["wav-odd-data.wav"] = lambda: wav(
        b"\x70\x80\x90" * 32_000 + b"\x80", bits=8, after=chunk(b"id3 ", id3v2(21)), extensible=False
    )
    made["wav-extensible-24.wav"] = lambda: wav(b"\1\0\x10\0\0\0" * 48_000, bits=24, extensible=True)
    made["wav-mp3-inside.wav"] = partial(
        encoded, _high(), HIGH, container="wav", codec="libmp3lame", bit_rate=64_000
    )
    for subtype in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ULAW"):
        made[f"aiff-{subtype}.aiff"] = partial(by_soundfile, _low(), LOW, "AIFF", subtype)
    made["aiff-sowt.aifc"] = partial(by_soundfile, _low(2), LOW, "AIFF", "PCM_16", "LITTLE")
    made["au.au"] = partial(by_soundfile, _low(), LOW, "AU", "PCM_16")
    made["caf.caf"] = partial(by_soundfile, _low(), LOW, "CAF", "PCM_16")
    return made


def _flac(samples: Samples, rate: int, subtype: str = "PCM_16") -> bytes:
    return by_soundfile(samples, rate, "FLAC", subtype)


def _lossless() -> dict[str, Callable[[], bytes]]:
    loud = np.random.default_rng(3).uniform(-0.9, 0.9, (96_000, 2)).astype(np.float32)
    return {
        "flac-16.flac": lambda: _flac(_low(2), LOW),
        "flac-24.flac": lambda: _flac(_high(), HIGH, "PCM_24"),
        "flac-noise.flac": lambda: _flac(loud, LOW),
        "flac-ffmpeg.flac": partial(encoded, _high(2), HIGH, container="flac", codec="flac"),
        "flac-id3-in-front.flac": lambda: id3v2(300) + _flac(_low(), LOW),
        "flac-id3-behind.flac": lambda: _flac(_low(), LOW) + id3v1(),
        "flac-big-picture.flac": lambda: flac_with_block(_flac(_low(), LOW), 1, 300_000),
        "flac-odd-rate.flac": lambda: _flac(tone(SECONDS, 12345), 12345),
    }


def _ogg() -> dict[str, Callable[[], bytes]]:
    opus = partial(encoded, container="ogg", codec="libopus", bit_rate=24_000)
    return {
        "vorbis-mono.ogg": lambda: vorbis(_low(), LOW),
        "vorbis-stereo.ogg": lambda: vorbis(_high(2), HIGH),
        "vorbis-ffmpeg.ogg": partial(
            encoded, _high(2), HIGH, container="ogg", codec="vorbis", bit_rate=64_000
        ),
        "opus-mono.opus": partial(opus, tone(SECONDS, 48_000), 48_000),
        "opus-from-8k.opus": partial(opus, _low(), LOW),
        "opus-stereo.ogg": partial(opus, tone(SECONDS, 48_000, 2), 48_000),
        "opus-tagged.opus": partial(opus, _low(), LOW, tags={"comment": "x" * 90_000}),
        "ogg-flac.oga": partial(encoded, _low(), LOW, container="ogg", codec="flac"),
    }


def _mp3() -> dict[str, Callable[[], bytes]]:
    return {
        "mp3-cbr.mp3": lambda: mp3(_high(), HIGH),
        "mp3-cbr-44k.mp3": lambda: mp3(tone(SECONDS, 44_100, 2), 44_100, bit_rate=128_000),
        "mp3-vbr.mp3": lambda: mp3(_high(2), HIGH, quality=5),
        "mp3-cbr-no-xing.mp3": lambda: mp3(tone(SECONDS, 44_100), 44_100, xing=False),
        "mp3-vbr-no-xing.mp3": lambda: mp3(_high(2), HIGH, quality=5, xing=False),
        "mp3-mpeg2.mp3": lambda: mp3(tone(SECONDS, 22_050), 22_050),
        "mp3-mpeg2.5.mp3": lambda: mp3(_low(), LOW),
        "mp3-mpeg2.5-no-xing.mp3": lambda: mp3(_low(), LOW, xing=False),
        "mp3-album-art.mp3": lambda: album_art(200_000) + mp3(_high(), HIGH, xing=False),
        "mp3-album-art-xing.mp3": lambda: album_art(50_000) + mp3(_high(), HIGH),
        "mp3-id3-twice.mp3": lambda: id3v2(100) + id3v2(2000) + mp3(_high(), HIGH, xing=False),
        "mp3-id3v1.mp3": lambda: mp3(_high(), HIGH) + id3v1(),
        "mp3-ape-id3v1.mp3": lambda: mp3(_high(), HIGH, xing=False) + ape_tag() + id3v1(),
        "mp3-vbri.mp3": lambda: mp3_with_vbri(mp3(_high(), HIGH)),
        "mp3-without-lame.mp3": lambda: mp3_without_lame(mp3(_high(), HIGH)),
        "mp3-libsndfile.mp3": lambda: by_soundfile(_high(2), HIGH, "MP3", "MPEG_LAYER_III"),
    }


def _mp4() -> dict[str, Callable[[], bytes]]:
    front = {"movflags": "faststart"}
    pieces = {"movflags": "frag_keyframe+empty_moov"}
    return {
        "aac.m4a": lambda: m4a(_high(), HIGH),
        "aac-44k-stereo.m4a": lambda: m4a(tone(SECONDS, 44_100, 2), 44_100),
        "aac-itunes.m4a": lambda: m4a_from_itunes(m4a(tone(SECONDS, 44_100), 44_100), 2112),
        "aac-low-rate.m4a": lambda: m4a(tone(SECONDS, 16_000), 16_000),
        "aac-fragmented.m4a": lambda: m4a(_high(), HIGH, muxing=pieces),
        "aac-with-video.mp4": lambda: m4a(_high(), HIGH, with_video=True),
        "aac-two-tracks.mp4": lambda: m4a(_high(), HIGH, tracks=2),
        "aac-quicktime.mov": partial(
            encoded, _high(), HIGH, container="mov", codec="aac", bit_rate=48_000, muxing=front
        ),
        "alac.m4a": lambda: m4a(_low(2), LOW, codec="alac"),
        "mp3-inside.mp4": lambda: m4a(_high(), HIGH, codec="libmp3lame", bit_rate=64_000),
        "opus-inside.mp4": lambda: m4a(tone(SECONDS, 48_000), 48_000, codec="libopus", bit_rate=24_000),
    }


def _others() -> dict[str, Callable[[], bytes]]:
    def other(container: str, codec: str, rate: int = HIGH, **settings: Any) -> Callable[[], bytes]:
        settings = {"container": container, "codec": codec, "bit_rate": 48_000, **settings}
        return partial(encoded, tone(SECONDS, rate, 2), rate, **settings)

    return {
        "opus.webm": other("webm", "libopus", 48_000),
        "vorbis.webm": other("webm", "vorbis"),
        "aac.mka": other("matroska", "aac"),
        "mp3.mkv": other("matroska", "libmp3lame", with_video=True),
        "wma2.wma": other("asf", "wmav2"),
        "aac.aac": other("adts", "aac"),
        "ac3.ac3": other("ac3", "ac3"),
        "mp2.mp2": other("mp2", "mp2"),
        "wavpack.wv": other("wv", "wavpack"),
        "tta.tta": other("tta", "tta"),
    }
