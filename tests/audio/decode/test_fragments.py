"""Fragments of an MP4 that are missing, or stand there twice, are found; whatever follows on is no damage."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import soundverse_nb as sv
from tests.audio.songs import RATE, music
from tests.corpus.encode import encoded

_SECONDS = 20.0
_MUXING = {
    "plain": {"movflags": "+frag_keyframe+empty_moov+default_base_moof"},
    "index at the end": {"movflags": "+cmaf"},
    "index in front": {"movflags": "+dash+global_sidx+frag_keyframe+empty_moov"},
    "sound in the header": {"movflags": "+frag_keyframe+default_base_moof"},
}
_FRAME = "each frame a fragment"


class Parts(NamedTuple):
    """A fragmented MP4 in pieces: its header, its fragments, its table at the end."""

    head: bytes
    fragments: list[bytes]
    tail: bytes

    def but(self, fragments: list[bytes], behind: bytes = b"") -> bytes:
        return self.head + b"".join(fragments) + behind + self.tail


@cache
def _parts(kind: str) -> Parts:
    muxing = _MUXING.get(kind, _MUXING["plain"])
    muxing = muxing | {"frag_duration": "23000" if kind == _FRAME else "1000000"}
    song = encoded(music(_SECONDS), RATE, container="mp4", codec="aac", bit_rate=64_000, muxing=muxing)
    head, fragments, tail, at = b"", list[bytes](), b"", 0
    while at < len(song):
        size = int.from_bytes(song[at : at + 4], "big")
        name, box = song[at + 4 : at + 8], song[at : at + size]
        at += size
        if name == b"moof":
            fragments.append(box)
        elif name == b"mdat" and fragments:
            fragments[-1] += box
        elif name == b"mfra":
            tail = box
        else:
            head += box
    return Parts(head, fragments, tail)


def _codes(song: bytes, *, quick: bool = False) -> set[str]:
    return {problem.code for problem in sv.preflight(song, quick=quick).problems}


_Bend = Callable[[Parts], bytes]
_BENT: dict[str, _Bend] = {
    "five taken out": lambda p: p.but(p.fragments[:5] + p.fragments[10:]),
    "one taken out": lambda p: p.but(p.fragments[:5] + p.fragments[6:]),
    "one here and one there taken out": lambda p: p.but(
        p.fragments[:4] + p.fragments[5:9] + p.fragments[10:]
    ),
    "four twice": lambda p: p.but(p.fragments[:8] + p.fragments[4:]),
    "one twice": lambda p: p.but(p.fragments[:8] + p.fragments[7:]),
    "the beginning twice": lambda p: p.but(p.fragments[:8] + p.fragments),
    "two in the wrong order": lambda p: p.but(
        [*p.fragments[:5], p.fragments[6], p.fragments[5], *p.fragments[7:]]
    ),
    "the end zeros": lambda p: p.head + _then(p, b"\0"),
    "the end ones": lambda p: p.head + _then(p, b"\xff"),
    "zeros inside": lambda p: p.but(p.fragments[:12], bytes(20_000) + b"".join(p.fragments[14:])),
}


def _then(parts: Parts, filling: bytes) -> bytes:
    """The first fragments, and the rest filled up."""
    rest = len(b"".join(parts.fragments[12:]) + parts.tail)
    return b"".join(parts.fragments[:12]) + filling * rest


@pytest.mark.parametrize("bend", _BENT)
@pytest.mark.parametrize("kind", _MUXING)
def test_fragments_that_are_missing_or_there_twice_are_damage(kind: str, bend: str) -> None:
    assert _codes(_BENT[bend](_parts(kind))) & {"damaged", "truncated"}


@pytest.mark.parametrize("bend", ["one taken out", "one twice"])
def test_a_fragment_of_a_single_frame_counts_too(bend: str) -> None:
    assert _codes(_BENT[bend](_parts(_FRAME))) & {"damaged", "truncated"}


@pytest.mark.parametrize("kind", ["plain", "index at the end", "index in front"])
def test_an_index_tells_what_is_missing_at_either_end(kind: str) -> None:
    parts = _parts(kind)
    assert _codes(parts.but(parts.fragments[:-6])) == {"damaged"}
    assert _codes(parts.but(parts.fragments[6:])) == {"damaged"}


def test_quick_and_table_say_the_same(tmp_path: Path) -> None:
    whole, holed = tmp_path / "whole.mp4", tmp_path / "holed.mp4"
    parts = _parts("plain")
    whole.write_bytes(parts.but(parts.fragments))
    holed.write_bytes(_BENT["five taken out"](parts))
    assert _codes(holed.read_bytes(), quick=True) == {"damaged"}
    assert [report.ok for report in sv.preflight_all([whole, holed])] == [True, False]


def test_a_repaired_copy_of_a_holed_song_keeps_what_is_there(tmp_path: Path) -> None:
    holed = tmp_path / "holed.mp4"
    parts = _parts("plain")
    holed.write_bytes(_BENT["five taken out"](parts))
    copy = sv.repair(holed, out=tmp_path / "copy.mp3")
    assert "Kept all that could be decoded." in copy.steps
    assert copy.report.audio.duration == pytest.approx(15.0, abs=0.1)


# --- Songs that are all there ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*_MUXING, _FRAME])
def test_a_whole_song_in_fragments_is_sound(kind: str) -> None:
    parts = _parts(kind)
    report = sv.preflight(parts.but(parts.fragments))
    assert report.ok
    assert report.audio.duration == pytest.approx(_SECONDS, abs=0.05)


_WHOLE: dict[str, _Bend] = {
    "a recording that begins in the middle": lambda p: p.head + b"".join(p.fragments[6:]),
    "one that ends in the middle": lambda p: p.head + b"".join(p.fragments[:-6]),
    "two songs": lambda p: p.but(p.fragments) + p.but(p.fragments),
    "a loop": lambda p: p.head + b"".join(p.fragments + p.fragments),
    "padding": lambda p: p.but(p.fragments) + bytes(3000),
    "a tag": lambda p: p.but(p.fragments) + b"TAG" + bytes(125),
    "boxes between": lambda p: p.head + (b"\0\0\0\x10styp" + b"msdh\0\0\0\0").join([b"", *p.fragments]),
}


@pytest.mark.parametrize("made", _WHOLE)
def test_fragments_that_follow_one_another_are_no_damage(made: str) -> None:
    assert _codes(_WHOLE[made](_parts("plain"))) == set()


def test_numbers_that_count_another_track_along_are_no_hole() -> None:
    """As a packager leaves them that takes the sound out of a file with pictures."""
    parts = _parts("plain")
    numbered = [
        piece[:20] + (3 * index + 7).to_bytes(4, "big") + piece[24:]
        for index, piece in enumerate(parts.fragments)
    ]
    assert all(piece[12:16] == b"mfhd" for piece in parts.fragments)
    assert _codes(parts.but(numbered)) == set()


def test_sound_beside_pictures_is_sound() -> None:
    song = encoded(
        music(12.0),
        RATE,
        container="mp4",
        codec="aac",
        bit_rate=64_000,
        with_video=True,
        muxing=_MUXING["plain"],
    )
    assert _codes(song) == set()
