"""What a file announces and does not hold."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest

from soundverse_nb.audio.decode.integrity import ogg_link_starts
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.audio.truncation import ends_inside_a_frame, missing_bytes
from tests.audio.songs import RATE, file_of, tone
from tests.corpus.encode import encoded, m4a


def _missing(data: bytes) -> int:
    return missing_bytes(io.BytesIO(data), len(data))


_SONGS: dict[str, Callable[[], bytes]] = {
    "wav": lambda: file_of(tone(2.0)),
    "aiff": lambda: file_of(tone(2.0), kind="AIFF"),
    "ogg": lambda: file_of(tone(2.0), kind="OGG", subtype="VORBIS"),
    "mp3": lambda: encode_mp3(tone(2.0).T, RATE, 128),
    "m4a": lambda: m4a(tone(2.0), RATE),
    "rf64": lambda: file_of(tone(2.0), kind="RF64"),
    "w64": lambda: file_of(tone(2.0), kind="W64"),
    "au": lambda: file_of(tone(2.0), kind="AU"),
    "caf": lambda: file_of(tone(2.0), kind="CAF"),
    "wma": lambda: encoded(tone(2.0), RATE, container="asf", codec="wmav2", bit_rate=48_000),
}


@pytest.mark.parametrize("kind", _SONGS)
def test_a_whole_file_misses_nothing_and_a_cut_one_does(kind: str) -> None:
    song = _SONGS[kind]()
    assert _missing(song) == 0
    assert _missing(song[: len(song) * 2 // 3]) > 0


# FFmpeg, arecord, and sox, which rounds to whole frames of up to 24 bytes.
@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFF00, 0x7F000008, 0x7F000000 - 16])
@pytest.mark.parametrize(("kind", "mark", "order"), [("WAV", b"data", "<"), ("AIFF", b"SSND", ">")])
def test_a_size_left_unset_by_a_streaming_encoder_promises_nothing(
    kind: str, mark: bytes, order: str, size: int
) -> None:
    song = bytearray(file_of(tone(1.0), kind=kind))
    at = song.index(mark) + 4
    song[at : at + 4] = struct.pack(order + "I", size)
    song[4:8] = struct.pack(order + "I", min(size + 46, 0xFFFFFFFF))
    assert _missing(bytes(song)) == 0


def test_a_wrong_size_in_a_file_that_is_whole_by_its_outer_size_is_a_lie_not_a_loss() -> None:
    song = bytearray(file_of(tone(1.0)))
    at = song.index(b"data") + 4
    song[at : at + 4] = struct.pack("<I", 10_000_000)
    assert _missing(bytes(song)) == 0


_LEFT_OPEN: dict[str, tuple[bytes, int, bytes]] = {
    # kind: the mark, how far behind its start the length stands, the length that a pipe leaves there
    "rf64": (b"ds64", 8, b"\xff" * 8),
    "w64": (b"data\xf3\xac", 16, b"\xff" * 7 + b"\x7f"),
    "au": (b".snd", 8, b"\xff" * 4),
    "caf": (b"data", 4, b"\xff" * 8),
    "wma": (bytes.fromhex("3626b2758e66cf11"), 16, struct.pack("<Q", 50)),
}


@pytest.mark.parametrize("kind", _LEFT_OPEN)
def test_a_length_that_was_never_filled_in_promises_nothing(kind: str) -> None:
    song = bytearray(_SONGS[kind]())
    mark, behind, unset = _LEFT_OPEN[kind]
    at = song.index(mark) + behind
    song[at : at + len(unset)] = unset
    assert _missing(bytes(song[:-1000])) == 0


@pytest.mark.parametrize("kind", ["rf64", "w64", "caf", "wma"])
def test_a_length_beyond_all_files_crashes_nothing(kind: str) -> None:
    song = bytearray(_SONGS[kind]())
    for at in range(4, 200):
        assert _missing(bytes(song[:at] + b"\x7f" + b"\xff" * 7 + song[at + 8 :])) >= 0
        assert _missing(bytes(song[:at] + b"\xff" * 7 + b"\x7f" + song[at + 8 :])) >= 0


@pytest.mark.parametrize(
    "junk", [b"", b"RIFF", b"OggS", b"\0\0\0\x10ftyp", b"\x1a\x45\xdf\xa3", b"ID3\4\0\0\x7f\x7f\x7f\x7f"]
)
def test_a_scrap_of_a_header_crashes_nothing(junk: bytes) -> None:
    assert _missing(junk) >= 0


def test_the_links_of_a_chained_ogg_are_found() -> None:
    song = file_of(tone(1.0), kind="OGG", subtype="VORBIS")
    assert ogg_link_starts(io.BytesIO(song * 3)) == [0, len(song), 2 * len(song)]
    assert ogg_link_starts(io.BytesIO(b"no ogg")) == []


def _cut(song: bytes, count: int) -> bytes:
    return song[: len(song) - count]


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
@pytest.mark.parametrize(
    ("missing", "is_inside"), [(0, False), (1, True), (2, True), (4, False), (36, False)]
)
def test_a_cut_inside_a_sample_is_told_from_a_claim_that_is_a_little_off(
    kind: str, missing: int, is_inside: bool
) -> None:
    song = _cut(file_of(tone(1.0), kind=kind), missing)
    assert ends_inside_a_frame(io.BytesIO(song), len(song)) == is_inside


@pytest.mark.parametrize(("missing", "is_inside"), [(0, False), (1, True), (100, True)])
def test_a_cut_inside_an_mp3_frame_is_seen(missing: int, is_inside: bool) -> None:
    song = _cut(encode_mp3(tone(1.0).T, RATE, 128), missing)
    assert ends_inside_a_frame(io.BytesIO(song), len(song)) == is_inside


@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), bytes(500), b"\xff", b"something else"])
def test_what_stands_behind_the_last_mp3_frame_is_no_cut(behind: bytes) -> None:
    song = encode_mp3(tone(1.0).T, RATE, 128) + behind
    assert not ends_inside_a_frame(io.BytesIO(song), len(song))


@pytest.mark.parametrize(
    "content", [b"", b"R", b"RIFF", b"RIFF0000WAVE", b"FORM0000AIFFCOMM", b"RIFF0000WAVEdata", bytes(5000)]
)
def test_bytes_that_are_no_sound_end_in_no_frame(content: bytes) -> None:
    assert not ends_inside_a_frame(io.BytesIO(content), len(content))
