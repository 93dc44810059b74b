"""What a file announces and does not hold."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest

from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.audio.ogg_links import link_starts
from soundverse_nb.audio.promise import missing_bytes
from tests.audio.songs import RATE, file_of, tone
from tests.corpus.encode import m4a


def _missing(data: bytes) -> int:
    return missing_bytes(io.BytesIO(data), len(data))


_SONGS: dict[str, Callable[[], bytes]] = {
    "wav": lambda: file_of(tone(2.0)),
    "aiff": lambda: file_of(tone(2.0), kind="AIFF"),
    "ogg": lambda: file_of(tone(2.0), kind="OGG", subtype="VORBIS"),
    "mp3": lambda: encode_mp3(tone(2.0).T, RATE, 128),
    "m4a": lambda: m4a(tone(2.0), RATE),
}


@pytest.mark.parametrize("kind", _SONGS)
def test_a_whole_file_misses_nothing_and_a_cut_one_does(kind: str) -> None:
    song = _SONGS[kind]()
    assert _missing(song) == 0
    assert _missing(song[: len(song) * 2 // 3]) > 0


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_size_left_unset_by_a_streaming_encoder_promises_nothing(size: int) -> None:
    song = bytearray(file_of(tone(1.0)))
    at = song.index(b"data") + 4
    song[at : at + 4] = struct.pack("<I", size)
    song[4:8] = struct.pack("<I", 0xFFFFFFFF)
    assert _missing(bytes(song)) == 0


def test_a_wrong_size_in_a_file_that_is_whole_by_its_outer_size_is_a_lie_not_a_loss() -> None:
    song = bytearray(file_of(tone(1.0)))
    at = song.index(b"data") + 4
    song[at : at + 4] = struct.pack("<I", 10_000_000)
    assert _missing(bytes(song)) == 0


@pytest.mark.parametrize(
    "junk", [b"", b"RIFF", b"OggS", b"\0\0\0\x10ftyp", b"\x1a\x45\xdf\xa3", b"ID3\4\0\0\x7f\x7f\x7f\x7f"]
)
def test_a_scrap_of_a_header_crashes_nothing(junk: bytes) -> None:
    assert _missing(junk) >= 0


def test_the_links_of_a_chained_ogg_are_found() -> None:
    song = file_of(tone(1.0), kind="OGG", subtype="VORBIS")
    assert link_starts(io.BytesIO(song * 3)) == [0, len(song), 2 * len(song)]
    assert link_starts(io.BytesIO(b"no ogg")) == []
