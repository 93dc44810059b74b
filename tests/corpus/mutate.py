"""Endless broken songs for fuzzing: small files of every container, bent in the ways files get bent.

The same seed gives the same songs, so that a failure can be had again by its number.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from tests.corpus.encode import by_soundfile, encoded, m4a, mp3, tone, vorbis
from tests.corpus.plain import raw
from tests.corpus.surgery import album_art, ape_tag, chunk, id3v1, id3v2, mp3_with_vbri, ogg_crc, wav

_LARGEST = 200_000
_MARKS = (
    b"RIFF", b"RF64", b"ds64", b"fmt ", b"data", b"FORM", b"AIFC", b"COMM", b"SSND", b"fLaC", b"OggS",
    b"OpusHead", b"\x01vorbis", b"ID3\x04", b"Xing", b"Info", b"VBRI", b"LAME", b"TAG", b"APETAGEX",
    b"LYRICS200", b"ftyp", b"moov", b"trak", b"mdhd", b"stts", b"stsz", b"stsc", b"stco", b"co64", b"elst",
    b"esds", b"alac", b"moof", b"\xff\xfb\x90", b"\xff\xf8\xc9", b"\xff\xf9",
)  # fmt: skip
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def seeds() -> list[bytes]:
    """Half a second in each container and flavour that the probe reads, a few kilobytes each."""
    low, high = tone(0.6, 8000), tone(0.6, 44_100)
    return [
        wav(raw(low), before=chunk(b"LIST", b"INFO")),
        wav(raw(low), extensible=True, after=chunk(b"id3 ", id3v2(30))),
        by_soundfile(low, 8000, "RF64", "PCM_16"),
        by_soundfile(low, 8000, "AIFF", "PCM_16"),
        by_soundfile(low, 8000, "AIFF", "PCM_16", "LITTLE"),
        by_soundfile(low, 8000, "FLAC", "PCM_16"),
        id3v2(50) + by_soundfile(low, 8000, "FLAC", "PCM_24") + id3v1(),
        vorbis(low, 8000),
        encoded(low, 8000, container="ogg", codec="libopus", bit_rate=24_000),
        mp3(high, 44_100),
        mp3(high, 44_100, xing=False),
        mp3(tone(0.6, 44_100, 2), 44_100, quality=5),
        mp3(low, 8000) + ape_tag() + id3v1(),
        album_art(500) + mp3(low, 8000, xing=False),
        mp3_with_vbri(mp3(high, 44_100)),
        m4a(high, 44_100),
        m4a(high, 44_100, muxing={"movflags": "faststart"}),
        m4a(high, 44_100, muxing={"movflags": "frag_keyframe+empty_moov"}),
        m4a(low, 8000, codec="alac"),
        m4a(high, 44_100, with_video=True),
    ]


def mutants(count: int, seed: int = 0, songs: list[bytes] | None = None) -> Iterator[bytes]:
    """`count` broken songs; equal `seed`, equal songs."""
    draw = random.Random(seed)
    songs = seeds() if songs is None else songs
    for _ in range(count):
        song = bytearray(draw.choice(songs))
        for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
            draw.choice(_BENDS)(song, draw, songs)
        if song[:4] == b"OggS" and draw.random() < 0.5:
            _seal(song)
        del song[_LARGEST:]
        yield bytes(song)


Bend = Callable[[bytearray, random.Random, list[bytes]], None]


def _place(song: bytearray, draw: random.Random) -> int:
    """Somewhere in the song; mostly near its head or tail, where the headers are."""
    reach = min(len(song), draw.choice((64, 512, 4096, len(song) or 1)))
    at = draw.randrange(reach) if reach else 0
    return at if draw.random() < 0.7 else len(song) - 1 - at if song else 0


def _flip(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    if song:
        song[_place(song, draw)] ^= 1 << draw.randrange(8)


def _overwrite(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    at = _place(song, draw)
    song[at : at + 4] = draw.randbytes(draw.randrange(1, 9))


def _field(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    """A number of two, four or eight bytes becomes an extreme one."""
    at, value = _place(song, draw), draw.choice(_EXTREMES)
    width, order = draw.choice((2, 4, 4, 8)), draw.choice(("<", ">"))
    packed = struct.pack(order + "Q", value if order == "<" else value << 64 - 8 * width & (1 << 64) - 1)
    song[at : at + width] = packed[:width]


def _claim(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    """A number right behind a mark changes: the fields that matter stand there."""
    at = song.find(draw.choice(_MARKS))
    if at >= 0:
        at += draw.randrange(4, 40)
        song[at : at + 4] = struct.pack(draw.choice((">I", "<I")), draw.choice(_EXTREMES))


def _mark(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    at, mark = _place(song, draw), draw.choice(_MARKS)
    song[at : at + (len(mark) if draw.random() < 0.7 else 0)] = mark


def _cut(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    del song[_place(song, draw) :]


def _remove(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    at = _place(song, draw)
    del song[at : at + draw.choice((1, 2, 4, 27, 300, 4000))]


def _repeat(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    at = _place(song, draw)
    piece = bytes(song[at : at + draw.choice((4, 8, 30, 500))])
    song[at:at] = piece * draw.choice((1, 2, 50))


def _splice(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    other = draw.choice(songs)
    song[_place(song, draw) :] = other[draw.randrange(len(other)) :]


def _append(song: bytearray, draw: random.Random, songs: list[bytes]) -> None:
    tail = (bytes(song), draw.choice(songs), draw.randbytes(40), b"\0" * 500, id3v1(), ape_tag())
    song += draw.choice(tail)


def _seal(song: bytearray) -> None:
    """Make the checksums of an Ogg's pages right again, so that the lie goes deeper."""
    at = 0
    while song[at : at + 4] == b"OggS" and len(song) >= at + 27:
        count = song[at + 26]
        end = at + 27 + count + sum(song[at + 27 : at + 27 + count])
        song[at + 22 : at + 26] = b"\0\0\0\0"
        song[at + 22 : at + 26] = struct.pack("<I", ogg_crc(bytes(song[at:end])))
        at = end


_BENDS: tuple[Bend, ...] = (
    _flip, _flip, _overwrite, _field, _field, _claim, _claim, _mark, _cut, _remove, _repeat, _splice, _append,
)  # fmt: skip
