"""Whatever tags stand around a song, however large: it is decoded from its start to its end, no further."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import soundverse_nb as sv
from tests.audio.songs import RATE, file_of, music
from tests.corpus.encode import encoded, m4a, mp3, vorbis
from tests.corpus.surgery import id3v1, id3v2

_MPEG = (b"\xff\xfb\x90\x64" + b"\x55" * 413) * 20  # a cover in which a decoder finds frames
_ADTS = (b"\xff\xf1\x50\x80\x0d\x5f\xfc" + b"\x33" * 420) * 20
_COVER = _MPEG + bytes(range(256)) * 40 + _ADTS


def _ape(version: int = 2000, *, has_header: bool = True) -> bytes:
    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", version, len(_COVER) + 32, 1, flags) + bytes(8)

    head = edge(0xA0000000) if has_header else b""
    return head + _COVER + edge(0x80000000 if has_header else 0)


def _with_footer(tag: bytes) -> bytes:
    return tag[:5] + b"\x10" + tag[6:] + b"3DI" + tag[3:5] + b"\x10" + tag[6:10]


_ID3 = id3v2(len(_COVER), _COVER)
_BEHIND = {
    "ape": _ape(),
    "ape-1": _ape(1000, has_header=False),
    "id3-with-footer": _with_footer(_ID3),
    "id3-without-footer": _ID3,
    "four": _ID3 + _ape() + b"LYRICSBEGIN" + _MPEG + b"%06d" % (11 + len(_MPEG)) + b"LYRICS200" + id3v1(),
}
_BEHIND |= {
    "two-id3": _ID3 + _ID3,
    "id3-and-zeros": _ID3 + bytes(1000),
    "zeros-and-id3": bytes(100) + _ID3,
    "id3-padded": id3v2(len(_COVER) + 200_000, _COVER),
}
_FRONT = {"ape": _ape(), "three": _ID3 + _ape() + _ID3 + bytes(1000)}


@cache
def _song(kind: str) -> bytes:
    samples = music(11.0)
    make: dict[str, Callable[[], bytes]] = {
        "mp3": lambda: mp3(samples, RATE),
        "mp3 without a count": lambda: mp3(samples, RATE, xing=False),
        "adts": lambda: encoded(samples, RATE, container="adts", codec="aac", bit_rate=96_000),
        "mp2": lambda: encoded(samples, RATE, container="mp2", codec="mp2", bit_rate=192_000),
        "wavpack": lambda: encoded(samples, RATE, container="wv", codec="wavpack"),
        "ac3": lambda: encoded(samples, RATE, container="ac3", codec="ac3", bit_rate=192_000),
        "eac3": lambda: encoded(samples, RATE, container="eac3", codec="eac3", bit_rate=192_000),
        "flac": lambda: file_of(samples, kind="FLAC"),
        "ogg": lambda: vorbis(samples, RATE),
        "m4a": lambda: m4a(samples, RATE),
    }
    return make[kind]()


_KINDS = ("mp3", "mp3 without a count", "adts", "mp2", "ac3", "eac3", "wavpack", "flac", "ogg", "m4a")


def _same(report: sv.PreflightReport, bare: sv.PreflightReport) -> bool:
    assert report.audio.duration == bare.audio.duration
    if report.checked == "decoded":
        assert report.audio.loudness == pytest.approx(bare.audio.loudness, abs=1e-6)
    return report.ok and not report.audio.damage


@pytest.mark.parametrize("quick", [False, True], ids=["decoded", "quick"])
@pytest.mark.parametrize("kind", _KINDS)
def test_a_tag_behind_the_sound_is_not_heard(kind: str, quick: bool) -> None:
    bare = sv.preflight(_song(kind))
    assert bare.ok
    for name, tag in _BEHIND.items():
        assert _same(sv.preflight(_song(kind) + tag, quick=quick), bare), name


@pytest.mark.parametrize("quick", [False, True], ids=["decoded", "quick"])
@pytest.mark.parametrize("kind", _KINDS)
def test_a_tag_in_front_of_the_sound_is_not_heard(kind: str, quick: bool) -> None:
    bare = sv.preflight(_song(kind))
    for name, tag in _FRONT.items():
        assert _same(sv.preflight(tag + _song(kind), quick=quick), bare), name


def test_from_the_disk_and_from_an_open_file_it_is_the_same(tmp_path: Path) -> None:
    tagged = _FRONT["three"] + _song("mp3") + _BEHIND["four"]
    path = tmp_path / "song.mp3"
    path.write_bytes(tagged)
    bare = sv.preflight(_song("mp3"))
    assert _same(sv.preflight(path), bare)
    assert _same(sv.preflight(io.BytesIO(tagged)), bare)
    assert _same(sv.preflight_all([path, path], progress=False, quick=False)[1], bare)


def test_a_copy_that_is_cut_out_holds_nothing_of_the_tags(tmp_path: Path) -> None:
    tagged = _FRONT["three"] + _song("mp3 without a count") + _BEHIND["four"]
    copy = sv.repair(tagged, tmp_path / "cut.mp3", duration=10.5)
    assert "without encoding" in " ".join(copy.steps)
    assert b"APETAGEX" not in copy.path.read_bytes()
    assert _COVER[-500:] not in copy.path.read_bytes()


# --- Uncompressed files ----------------------------------------------------------------------------------

_CONTENT = bytes(range(1, 251)) * 400
_LIST = bytes.fromhex("6c6973742f91cf11a5d628db04c10000")
_CHUNKS = {
    "W64": [_LIST + struct.pack("<Q", 24 + len(_CONTENT)) + _CONTENT],
    "AU": [],
    "CAF": [b"info" + struct.pack(">q", len(_CONTENT)) + _CONTENT],
    "AIFF": [b"ANNO" + struct.pack(">I", len(_CONTENT)) + _CONTENT],
    "WAV": [b"LIST" + struct.pack("<I", len(_CONTENT)) + _CONTENT],
    "RF64": [b"LIST" + struct.pack("<I", len(_CONTENT)) + _CONTENT],
}


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ALAW"])
@pytest.mark.parametrize("kind", _CHUNKS)
def test_what_stands_behind_samples_is_not_heard(kind: str, subtype: str, tmp_path: Path) -> None:
    song = file_of(music(11.0), kind=kind, subtype=subtype)
    behind = [*_CHUNKS[kind], *_BEHIND.values(), _CONTENT, b"\1"]
    bare = sv.preflight(song)
    assert bare.ok
    path = tmp_path / "song"
    for content in behind:
        path.write_bytes(song + content)
        assert _same(sv.preflight(song + content), bare)
        assert _same(sv.preflight(path), bare)
        assert sv.preflight(path, quick=True).audio.duration == bare.audio.duration


def _with_open_length(kind: str) -> bytes:
    """As a program leaves it that writes to a pipe."""
    song = bytearray(file_of(music(11.0), kind=kind))
    mark, behind, width = {"WAV": (b"data", 4, 4), "AU": (b".snd", 8, 4), "CAF": (b"data", 4, 8)}[kind]
    at = song.index(mark) + behind
    song[at : at + width] = b"\xff" * width
    if kind == "WAV":
        song[4:8] = b"\xff" * 4
    return bytes(song)


@pytest.mark.parametrize("kind", ["WAV", "AU", "CAF"])
def test_samples_whose_length_was_left_open_end_where_tags_begin(kind: str) -> None:
    song = _with_open_length(kind)
    bare = sv.preflight(song)
    assert bare.audio.duration == 11.0
    for name in ("ape", "id3-with-footer", "id3-without-footer", "four", "two-id3", "id3-and-zeros"):
        assert _same(sv.preflight(song + _BEHIND[name]), bare), name


@pytest.mark.parametrize("kind", ["ac3", "eac3"])
def test_a_song_with_something_else_inside_is_heard_to_its_end(kind: str) -> None:
    half = len(_song(kind)) // 2
    report = sv.preflight(_song(kind)[:half] + _CONTENT + _song(kind)[half:])
    assert report.audio.duration == pytest.approx(11.0, abs=0.1)


@pytest.mark.parametrize("behind", [b"", _CONTENT, bytes(3000)], ids=["nothing", "content", "zeros"])
def test_a_wavpack_that_lacks_its_last_block_is_damaged(behind: bytes) -> None:
    song = _song("wavpack")
    report = sv.preflight(song[: song.rindex(b"wvpk")] + behind)
    assert {problem.code for problem in report.problems} & {"damaged", "truncated"}
    assert report.audio.duration == pytest.approx(10.5, abs=0.6)


@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
@pytest.mark.parametrize("kind", ["mp3 without a count", "adts", "ac3", "eac3", "wavpack"])
def test_a_blank_end_is_no_tag(kind: str, filling: bytes) -> None:
    rest = len(_song(kind)) * 2 // 5
    report = sv.preflight(_song(kind)[:-rest] + filling * rest)
    assert {problem.code for problem in report.problems} & {"damaged", "truncated"}
