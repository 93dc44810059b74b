"""A stretch of a file, as the decoders see it."""

from __future__ import annotations

import io
import os

from soundverse_nb.audio.reading import GuardedFile

_CONTENT = bytes(range(100))


def test_a_file_seems_to_begin_and_end_where_it_is_told_to() -> None:
    file = GuardedFile(io.BytesIO(_CONTENT), start=10, end=90)
    assert file.seek(0) == 0
    assert file.read() == _CONTENT[10:90]
    assert file.read(5) == b""
    assert file.seek(-10, os.SEEK_END) == 70
    assert file.tell() == 70
    assert file.read(50) == _CONTENT[80:90]
    assert file.seek(5) == 5
    assert file.read(3) == _CONTENT[15:18]


def test_without_an_end_a_file_ends_where_it_does() -> None:
    file = GuardedFile(io.BytesIO(_CONTENT))
    assert file.seek(0, os.SEEK_END) == 100
    assert file.seek(95) == 95
    assert file.read() == _CONTENT[95:]
