"""What a published file is called and what type it is said to have."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from soundverse_nb.errors import HostingError
from soundverse_nb.hosting.protocol import is_unchanged, read_content, suffix_of


@pytest.mark.parametrize(
    ("name", "opening", "suffix"),
    [
        ("song.mp3", b"", ".mp3"),
        ("SONG.FLAC", b"", ".flac"),
        ("my.song.m4a", b"", ".m4a"),
        ("song", b"ID3\x04", ".mp3"),
        ("song.tmp", b"\xff\xfb\x90\x00", ".mp3"),
        ("song", b"RIFF\x00\x00\x00\x00WAVE", ".wav"),
        ("song.bin", b"fLaC", ".flac"),
        ("song", b"OggS", ".ogg"),
        ("song", b"\x00\x00\x00\x20ftypM4A ", ".m4a"),
        ("song", b"FORM\x00\x00\x00\x00AIFF", ".aiff"),
        ("song.html", b"<html>", ""),
        ("song.mp3/../../x", b"", ""),
        ("", b"", ""),
    ],
)
def test_the_suffix_is_an_audio_suffix_or_none(name: str, opening: bytes, suffix: str) -> None:
    assert suffix_of(name, opening) == suffix


def test_the_name_is_the_contents_hash_whatever_the_file_is_called(tmp_path: Path) -> None:
    data = b"ID3" + bytes(3_000_000)
    names = set()
    for called in ("a.mp3", "b.MP3"):
        path = tmp_path / called
        path.write_bytes(data)
        content = read_content(path)
        assert (content.type, content.size) == ("audio/mpeg", len(data))
        names.add(content.name)
    assert names == {hashlib.sha256(data).hexdigest() + ".mp3"}


def test_a_change_of_the_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3")
    content = read_content(path)
    assert is_unchanged(path, content)
    path.write_bytes(b"ID3 and more")
    assert not is_unchanged(path, content)
    path.unlink()
    assert not is_unchanged(path, content)


def test_a_file_that_cannot_be_read_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(HostingError, match=r"^song\.mp3 cannot be read: No such file"):
        read_content(tmp_path / "song.mp3")
