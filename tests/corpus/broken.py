"""Files that are cut, lie about themselves, were streamed, or chain several songs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path

from tests.corpus.case import Recipe
from tests.corpus.encode import by_soundfile, cut_by_copying, encoded, m4a, mp3, tone, vorbis
from tests.corpus.plain import raw
from tests.corpus.surgery import (
    aiff_claiming,
    flac_claiming,
    mp3_claiming,
    mp4_claiming,
    ogg_edited,
    ogg_pages,
    wav,
)

_RATE = 8000


def recipes() -> Iterator[Recipe]:
    for group, files in (
        ("truncated", _truncated()),
        ("lying", _lying()),
        ("streamed", _streamed()),
        ("chained", _chained()),
    ):
        for name, make in files.items():
            yield Recipe(name, group, partial(_write, make))


def _write(make: Callable[[], bytes], path: Path) -> None:
    path.write_bytes(make())


@lru_cache(maxsize=64)
def _song(kind: str, seconds: float = 20.0) -> bytes:
    """A sound file of each kind, to be broken."""
    low, high = tone(seconds, _RATE), tone(seconds, 32_000)
    if kind in ("WAV", "AIFF", "FLAC", "AU", "CAF", "W64", "RF64"):
        return by_soundfile(low, _RATE, kind, "PCM_16")
    if kind == "ogg":
        return vorbis(low, _RATE)
    if kind == "opus":
        return encoded(low, _RATE, container="ogg", codec="libopus", bit_rate=24_000)
    if kind == "mp3":
        return mp3(high, 32_000)
    if kind == "noxing.mp3":
        return mp3(high, 32_000, xing=False)
    if kind == "vbr.mp3":
        return mp3(high, 32_000, quality=5)
    if kind == "front.m4a":
        return m4a(high, 32_000, muxing={"movflags": "faststart"})
    if kind == "webm":
        return encoded(low, _RATE, container="webm", codec="libopus", bit_rate=24_000)
    if kind == "wma":
        return encoded(high, 32_000, container="asf", codec="wmav2", bit_rate=48_000)
    return m4a(high, 32_000)


_CUT = (
    *("WAV", "AIFF", "FLAC", "AU", "CAF", "W64", "RF64"),
    *("ogg", "opus", "mp3", "noxing.mp3", "m4a", "front.m4a", "webm", "wma"),
)


def _truncated() -> dict[str, Callable[[], bytes]]:
    made: dict[str, Callable[[], bytes]] = {}
    for kind in _CUT:
        for percent in (4, 45, 95):
            made[f"cut-at-{percent}-percent.{kind.lower()}"] = partial(_cut, kind, percent)
        made[f"last-byte-missing.{kind.lower()}"] = partial(_without_last_byte, kind)
    return made


def _without_last_byte(kind: str) -> bytes:
    return _song(kind)[:-1]


def _cut(kind: str, percent: int) -> bytes:
    song = _song(kind)
    return song[: len(song) * percent // 100]


def _lying() -> dict[str, Callable[[], bytes]]:
    sound = raw(tone(20.0, _RATE))
    frames = 20 * 32_000 // 1152
    return {
        "data-too-long.wav": lambda: wav(sound, data_size=400 * 16_000),
        "data-too-short.wav": lambda: wav(sound, data_size=5 * 16_000),
        "riff-too-short.wav": lambda: wav(sound, riff_size=1000),
        "riff-too-long.wav": lambda: wav(sound, riff_size=0x7FFFFFF0),
        "two-songs-behind-one-another.wav": lambda: wav(sound) + wav(sound),
        "claims-400s.flac": lambda: flac_claiming(_song("FLAC"), 400 * _RATE),
        "claims-5s.flac": lambda: flac_claiming(_song("FLAC"), 5 * _RATE),
        "claims-20.01s.flac": lambda: flac_claiming(_song("FLAC"), 20 * _RATE + 80),
        "two-songs-behind-one-another.flac": lambda: _song("FLAC") * 2,
        "three-songs-behind-one-another.flac": lambda: _song("FLAC") * 3,
        "damaged-header.ogg": _with_damaged_header,
        "claims-400s.mp3": lambda: mp3_claiming(_song("mp3"), frames * 20),
        "claims-5s.mp3": lambda: mp3_claiming(_song("mp3"), frames // 4),
        "claims-5s-vbr.mp3": lambda: mp3_claiming(_song("vbr.mp3"), frames // 4),
        "claims-other-bytes.mp3": lambda: mp3_claiming(_song("mp3"), frames * 2, bytes_claimed=10_000),
        "two-songs-behind-one-another.mp3": lambda: _song("mp3") * 2,
        "twenty-songs-behind-one-another.mp3": lambda: _song("vbr.mp3") * 20,
        "two-bitrates.mp3": lambda: (
            _song("noxing.mp3") + mp3(tone(9.0, 32_000), 32_000, xing=False, bit_rate=32_000)
        ),
        "junk-in-front.mp3": lambda: b"no tag at all" * 50 + _song("noxing.mp3"),
        "junk-in-the-middle.mp3": _with_junk_inside,
        "zeros-in-front.mp3": lambda: b"\0" * 1000 + _song("noxing.mp3"),
        "claims-400s.aiff": lambda: aiff_claiming(_song("AIFF"), 400 * _RATE),
        "claims-5s.aiff": lambda: aiff_claiming(_song("AIFF"), 5 * _RATE),
        "claims-x20.m4a": lambda: mp4_claiming(_song("m4a"), 20),
        "claims-quarter.m4a": lambda: mp4_claiming(_song("m4a"), 0.25),
        "last-page-claims-400s.ogg": lambda: ogg_edited(_song("ogg"), last_granule=400 * _RATE),
        "last-page-claims-400s.opus": lambda: ogg_edited(_song("opus"), last_granule=400 * 48_000),
        "last-page-without-end-mark.ogg": _without_last_page,
    }


def _with_junk_inside() -> bytes:
    song = _song("noxing.mp3")
    return song[: len(song) // 2] + b"something else " * 100 + song[len(song) // 2 :]


def _with_damaged_header() -> bytes:
    song = bytearray(_song("ogg"))
    song[ogg_pages(bytes(song))[1].start + 600] ^= 0x40
    return bytes(song)


def _without_last_page() -> bytes:
    song = _song("ogg")
    return song[: ogg_pages(song)[-1].start]


def _streamed() -> dict[str, Callable[[], bytes]]:
    sound = raw(tone(20.0, _RATE))
    no_way_back = {"movflags": "frag_keyframe+empty_moov"}
    return {
        "size-unknown.flac": lambda: flac_claiming(_song("FLAC"), 0),
        "size-unknown.wav": lambda: wav(sound, data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF),
        "size-zero.wav": lambda: wav(sound, data_size=0, riff_size=0),
        "sox-pipe.wav": lambda: wav(sound, data_size=0x7FFFFFFF - 36, riff_size=0x7FFFFFFF),
        "fragments.m4a": lambda: m4a(tone(20.0, 32_000), 32_000, muxing=no_way_back),
        "cut-by-copying.ogg": lambda: cut_by_copying(_song("ogg"), 4.0, 14.0),
        "cut-by-copying.opus": lambda: cut_by_copying(_song("opus"), 4.0, 14.0),
        "radio-from-the-middle.ogg": lambda: ogg_edited(_song("ogg"), add_to_granules=1000 * _RATE),
        "radio-from-the-middle.opus": lambda: ogg_edited(_song("opus"), add_to_granules=1000 * 48_000),
    }


def _chained() -> dict[str, Callable[[], bytes]]:
    def links(first: str, second: str, *, serial: int | None = 77, seconds: float = 20.0) -> bytes:
        return _song(first, 6.0) + ogg_edited(_song(second, seconds), serial=serial)

    return {
        "two-links.ogg": partial(links, "ogg", "ogg"),
        "two-links.opus": partial(links, "opus", "opus"),
        "vorbis-then-opus.ogg": partial(links, "ogg", "opus"),
        "two-short-links.ogg": partial(links, "ogg", "ogg", seconds=6.0),
        "one-serial.ogg": lambda: (
            ogg_edited(_song("ogg", 6.0), serial=5) + ogg_edited(_song("ogg"), serial=5)
        ),
        "one-serial-long-then-short.opus": lambda: (
            ogg_edited(_song("opus"), serial=5) + ogg_edited(_song("opus", 6.0), serial=5)
        ),
        "thirty-links.ogg": lambda: b"".join(ogg_edited(_song("ogg"), serial=link) for link in range(30)),
    }
