"""AVI, FLV and transport streams with a part missing, doubled or blank are damaged; joined ones are not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

import pytest

import soundverse_nb as sv
from tests.audio.songs import Samples, music
from tests.corpus.encode import encoded
from tests.corpus.surgery import id3v1

_RATE = 44_100
_PACKET = 188
_SOUND = 0x100

_KINDS: dict[str, tuple[str, str]] = {
    "mp3.avi": ("avi", "libmp3lame"),
    "ac3.avi": ("avi", "ac3"),
    "pcm.avi": ("avi", "pcm_s16le"),
    "mp3.flv": ("flv", "libmp3lame"),
    "aac.flv": ("flv", "aac"),
    "aac.ts": ("mpegts", "aac"),
    "mp2.ts": ("mpegts", "mp2"),
    "ac3.ts": ("mpegts", "ac3"),
}


@cache
def _samples() -> Samples:
    return music(16.0)


@cache
def _song(kind: str) -> bytes:
    container, codec = _KINDS[kind]
    rate = None if codec.startswith("pcm") else 128_000
    return encoded(_samples(), _RATE, container=container, codec=codec, bit_rate=rate)


def _part(song: bytes, begin: float, end: float) -> bytes:
    """A part that begins and ends where a packet does, if it is made of packets as long as those."""
    first, last = (round(len(song) * share) // _PACKET * _PACKET for share in (begin, end))
    return song[first : last if end < 1 else len(song)]


def _filled(song: bytes, begin: float, end: float, byte: bytes) -> bytes:
    return _part(song, 0, begin) + byte * len(_part(song, begin, end)) + _part(song, end, 1)


_Bend = Callable[[bytes], bytes]
_BENT: dict[str, _Bend] = {
    "cut out": lambda s: _part(s, 0, 0.4) + _part(s, 0.6, 1),
    "a little cut out": lambda s: _part(s, 0, 0.4) + _part(s, 0.43, 1),
    "twice": lambda s: _part(s, 0, 0.6) + _part(s, 0.4, 1),
    "a little twice": lambda s: _part(s, 0, 0.43) + _part(s, 0.4, 1),
    "zeros inside": lambda s: _filled(s, 0.4, 0.6, b"\0"),
    "ones inside": lambda s: _filled(s, 0.4, 0.6, b"\xff"),
    "the end zeros": lambda s: _filled(s, 0.6, 1, b"\0"),
    "the end ones": lambda s: _filled(s, 0.6, 1, b"\xff"),
    "the last of it zeros": lambda s: _filled(s, 0.95, 1, b"\0"),
    "the last of it ones": lambda s: _filled(s, 0.95, 1, b"\xff"),
}


def _codes(song: bytes, *, quick: bool = False) -> set[str]:
    return {problem.code for problem in sv.preflight(song, quick=quick).problems}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_whole_song_is_sound(kind: str) -> None:
    assert _codes(_song(kind)) == set()


@pytest.mark.parametrize("bend", _BENT)
@pytest.mark.parametrize("kind", _KINDS)
def test_what_is_missing_doubled_or_blank_is_reported(kind: str, bend: str) -> None:
    bent = _BENT[bend](_song(kind))
    assert _codes(bent) & {"damaged", "truncated"}
    assert _codes(bent, quick=True) & {"damaged", "truncated"}


@pytest.mark.parametrize("kind", [kind for kind in _KINDS if not kind.endswith(".ts")])
def test_a_download_that_was_cut_is_reported(kind: str) -> None:
    assert _codes(_part(_song(kind), 0, 0.7)) & {"damaged", "truncated"}


@pytest.mark.parametrize("behind", [bytes(3000), id3v1()], ids=["padding", "a tag"])
@pytest.mark.parametrize("kind", _KINDS)
def test_what_stands_behind_a_whole_song_is_no_damage(kind: str, behind: bytes) -> None:
    assert _codes(_song(kind) + behind) == set()


# --- AVI -------------------------------------------------------------------------------------------------


def _avi_of(song: bytes, keep: Callable[[int], int], *, is_rewritten: bool) -> bytes:
    """The AVI with piece k there keep(k) times; its lengths and index rewritten, or left as they were."""
    movie = song.index(b"movi")
    index = song.index(b"idx1", movie)
    size = struct.unpack_from("<I", song, movie - 4)[0]
    at, pieces = movie + 4, list[bytes]()
    while at < movie + size:
        length = struct.unpack_from("<I", song, at + 4)[0]
        pieces.append(song[at : at + 8 + length + length % 2])
        at += len(pieces[-1])
    kept = [piece for number, piece in enumerate(pieces) for _ in range(keep(number))]
    if not is_rewritten:
        return song[: movie + 4] + b"".join(kept) + song[index:]
    places, entries = 4, b""
    for piece in kept:
        entries += struct.pack("<4sIII", piece[:4], 16, places, struct.unpack_from("<I", piece, 4)[0])
        places += len(piece)
    content = b"movi" + b"".join(kept)
    whole = song[12 : movie - 8] + b"LIST" + struct.pack("<I", len(content)) + content
    whole += b"idx1" + struct.pack("<I", len(entries)) + entries
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"AVI " + whole


@pytest.mark.parametrize("is_rewritten", [True, False])
@pytest.mark.parametrize(
    "keep", [lambda k: int(k % 5 != 3), lambda k: 1 + (k % 5 == 3)], ids=["fewer", "more"]
)
@pytest.mark.parametrize("kind", ["mp3.avi", "ac3.avi", "pcm.avi"])
def test_pieces_that_are_taken_out_or_doubled_whole_are_found(
    kind: str, keep: Callable[[int], int], is_rewritten: bool
) -> None:
    assert _codes(_avi_of(_song(kind), lambda k: 1, is_rewritten=is_rewritten)) == set()
    assert _codes(_avi_of(_song(kind), keep, is_rewritten=is_rewritten)) & {"damaged", "truncated"}


# --- FLV -------------------------------------------------------------------------------------------------


def test_a_part_that_a_server_sent_from_the_middle_on_is_no_damage() -> None:
    song = _song("mp3.flv")
    at, tags = 13, list[int]()
    while at < len(song):
        tags.append(at)
        at += 15 + int.from_bytes(song[at + 1 : at + 4], "big")
    assert _codes(song[: tags[1]] + song[tags[len(tags) // 4] :]) == set()


def test_recordings_of_a_server_that_are_joined_are_no_damage() -> None:
    song = _song("mp3.flv")
    assert _codes(song + song[13:]) == set()


# --- WavPack ---------------------------------------------------------------------------------------------


def test_blocks_that_are_missing_or_there_twice_are_found() -> None:
    song = encoded(_samples(), _RATE, container="wv", codec="wavpack")
    blocks = [b"wvpk" + rest for rest in song.split(b"wvpk")[1:]]
    assert _codes(song) == set()
    assert _codes(b"".join(blocks[:5] + blocks[6:])) == {"damaged"}
    assert _codes(b"".join(blocks[:5] + blocks[4:])) == {"damaged"}
    assert _codes(b"".join(blocks[:-1])) & {"damaged", "truncated"}


def test_channels_in_blocks_of_their_own_are_no_repeats() -> None:
    song = encoded(music(11.0, 6), _RATE, container="wv", codec="wavpack")
    assert _codes(song) == set()


# --- Transport streams -----------------------------------------------------------------------------------


def _packets(song: bytes) -> list[bytes]:
    return [song[at : at + _PACKET] for at in range(0, len(song), _PACKET)]


def _starts(packets: list[bytes], pid: int) -> list[int]:
    """Which packets of a stream begin something."""
    return [
        number
        for number, packet in enumerate(packets)
        if packet[1] & 0x40 and (packet[1] & 0x1F) << 8 | packet[2] == pid
    ]


@pytest.mark.parametrize("pid", [_SOUND, 0], ids=["at a packet of sound", "at a table"])
@pytest.mark.parametrize("kind", ["aac.ts", "mp2.ts", "ac3.ts"])
def test_parts_of_a_stream_that_begin_well_are_missed_all_the_same(kind: str, pid: int) -> None:
    packets = _packets(_song(kind))
    starts = _starts(packets, pid)
    a, b = starts[len(starts) // 3], starts[len(starts) // 2]
    assert _codes(b"".join(packets[:a] + packets[b:])) == {"damaged"}
    assert _codes(b"".join(packets[:b] + packets[a:])) == {"damaged"}


@pytest.mark.parametrize("kind", ["aac.ts", "mp2.ts"])
def test_recordings_that_are_joined_are_no_damage(kind: str) -> None:
    song = _song(kind)
    container, codec = _KINDS[kind]
    other = encoded(_samples()[:500_000], _RATE, container=container, codec=codec, bit_rate=96_000)
    late = {"output_ts_offset": "1000"}
    later = encoded(_samples(), _RATE, container=container, codec=codec, bit_rate=128_000, muxing=late)
    for joined in (song + song, other + song, song + other, song + later, later + song):
        assert _codes(joined) == set()


def test_packets_of_other_lengths_are_packets() -> None:
    settings = {"container": "mpegts", "codec": "ac3", "bit_rate": 128_000}
    song = encoded(_samples(), _RATE, muxing={"mpegts_m2ts_mode": "1"}, **settings)
    assert _codes(song) == set()
    a, b = (len(song) * share // 10 // 192 * 192 for share in (4, 6))
    assert _codes(song[:a] + song[b:]) == {"damaged"}
