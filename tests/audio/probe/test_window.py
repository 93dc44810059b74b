"""The bounded looks into a file."""

from __future__ import annotations

import io

import pytest

from soundverse_nb.audio.probe.window import LARGEST, Window

_CONTENT = bytes(range(256)) * 100


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [
        (0, 4, _CONTENT[:4]),
        (5000, 10, _CONTENT[5000:5010]),
        (25_590, 100, _CONTENT[25_590:]),
        (25_600, 1, b""),
        (-1, 4, b""),
        (1 << 60, 4, b""),
        (0, 0, b""),
        (0, -5, b""),
    ],
)
def test_a_look_yields_what_is_there_and_no_more(offset: int, count: int, expected: bytes) -> None:
    window = Window(io.BytesIO(_CONTENT), len(_CONTENT))
    assert window.at(offset, count) == expected
    assert window.at(offset, count) == expected  # and the same from what was kept


def test_a_look_never_asks_the_file_for_more_than_the_cap() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.asked = max(self.asked, size)
            return super().read(size)

    file = Counting(_CONTENT)
    Window(file, 1 << 62).at(0, 1 << 62)
    assert file.asked <= LARGEST


def test_neighbouring_looks_read_the_file_once() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    file = Counting(_CONTENT)
    window = Window(file, len(_CONTENT))
    for offset in range(0, 4000, 8):
        window.at(offset, 8)
    assert file.reads == 1


def test_the_tail_says_where_it_begins() -> None:
    window = Window(io.BytesIO(_CONTENT), len(_CONTENT))
    assert window.tail(10) == (25_590, _CONTENT[-10:])
    assert window.tail(10, end=20) == (10, _CONTENT[10:20])
    assert window.tail(1 << 20) == (0, _CONTENT)
