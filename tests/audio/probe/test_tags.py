"""Tags in front of the sound and behind it."""

from __future__ import annotations

import io
import struct

import pytest

from soundverse_nb.audio.probe.tags import after_front_tags, after_id3, before_tail_tags, end_of_sound
from soundverse_nb.audio.probe.window import Window
from tests.corpus.surgery import ape_tag, id3v1, id3v2

_SOUND = b"\x55" * 1000
_LYRICS = b"LYRICSBEGIN" + b"x" * 30
_LYRICS_TAG = _LYRICS + b"%06d" % len(_LYRICS) + b"LYRICS200"
_APPENDED = b"ID3\4\0\x10\0\0\0\x0a" + b"x" * 10 + b"3DI\4\0\x10\0\0\0\x0a"


def _window(content: bytes) -> Window:
    return Window(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    ("front", "skipped"),
    [
        (b"", 0),
        (id3v2(100), 110),
        (id3v2(100) + id3v2(20_000), 110 + 20_010),
        (b"ID3\4\0\x10\0\0\0\x0a" + b"\0" * 20, 30),  # with a footer of ten bytes
        (b"ID3\4\0\0\0\0\x80\0", 0),  # a size that is not "synchsafe" is no size
    ],
)
def test_leading_tags_are_skipped_whole(front: bytes, skipped: int) -> None:
    assert after_id3(_window(front + _SOUND)) == skipped


def test_a_thousand_tags_are_not_followed() -> None:
    assert after_id3(_window(id3v2(0) * 1000)) == 160


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        id3v1(),
        ape_tag(),
        ape_tag(5000) + id3v1(),
        _LYRICS_TAG + id3v1(),
        _APPENDED,
        b"TAG+" + b"\0" * 223 + id3v1(),
        ape_tag() + _LYRICS_TAG + id3v1(),
        id3v1() + ape_tag(),
        ape_tag()[32:-12] + b"\0" * 12,  # without a header, and saying so
        ape_tag()[32:],  # without a header, though it says that there is one
        ape_tag()[:-12] + b"\0" * 12,  # with a header, though it says that there is none
        b"LYRICSBEGIN" + b"la " * 500 + b"LYRICSEND" + id3v1(),
        ape_tag() + b"\0" * 4096,
    ],
    ids=[
        *("none", "id3v1", "ape", "ape-id3v1", "lyrics", "appended-id3v2", "enhanced", "three", "id3v1-ape"),
        *("ape-without-header", "ape-that-lacks-its-header", "ape-that-denies-its-header", "lyrics-1"),
        "ape-zeros",
    ],
)
def test_the_sound_ends_before_the_tags_at_the_end(tail: bytes) -> None:
    assert before_tail_tags(_window(_SOUND + tail)) == len(_SOUND)


@pytest.mark.parametrize("behind", [b"", id3v1(), ape_tag()])
def test_a_tag_of_the_front_is_found_at_the_end_too(behind: bytes) -> None:
    tag = id3v2(3000, b"ID3 stands in it as well: ID3\4\0\0\0\0\0\x01")
    assert end_of_sound(_window(_SOUND + ape_tag() + tag + behind)) == len(_SOUND)


def test_the_mark_of_a_tag_amid_the_sound_is_sound() -> None:
    content = _SOUND + id3v2(100) + _SOUND
    assert end_of_sound(_window(content)) == len(content)


@pytest.mark.parametrize("sound", [b"fLaC" + b"\x55" * 40, b"\0\0\0\x20ftypM4A " + b"\x55" * 40])
@pytest.mark.parametrize("zeros", [0, 1, 2000])
def test_ape_tags_and_zeros_in_front_are_passed_over(sound: bytes, zeros: int) -> None:
    front = id3v2(50) + ape_tag(300) + id3v2(20) + bytes(zeros)
    assert after_front_tags(_window(front + sound)) == len(front)


def test_an_ape_tag_that_claims_more_than_the_file_is_no_tag() -> None:
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, 1 << 31, 1, 0) + b"\0" * 8
    content = _SOUND + footer
    assert before_tail_tags(_window(content)) == len(content)
