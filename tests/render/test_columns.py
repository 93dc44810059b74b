"""Tables as text fit the terminal."""

from __future__ import annotations

import pytest

from soundverse_nb.render.columns import columns_text

ROWS = [
    ("0", "song", "house", "0:25 · Lantern Holiday (House Remix) · simulated"),
    ("1", "song", "slow waltz for strings", "failed: The service could not make this remix."),
]


def test_rows_that_fit_are_columns() -> None:
    assert columns_text(ROWS, 100) == columns_text(ROWS, None)
    assert columns_text(ROWS, None)[0].index("0:25") == columns_text(ROWS, None)[1].index("failed")


@pytest.mark.parametrize("width", [30, 40, 60])
def test_rows_that_do_not_fit_go_on_below_and_no_word_is_lost(width: int) -> None:
    lines = columns_text(ROWS, width)
    assert all(len(line) <= width for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(" ".join(row) for row in ROWS).split())
    assert sum(not line.startswith(" ") for line in lines) == 2, "a row begins at the left, and only there"


def test_a_cell_below_names_its_heading_and_an_empty_one_is_left_out() -> None:
    headings = ("song", "problem", "length", "tempo")
    lines = columns_text([("a long name of a song", "", "0:31", "100.0 BPM")], 30, headings)
    assert lines == ["a long name of a song", "  length 0:31  tempo 100.0 BPM"]


def test_no_rows_are_no_lines_not_even_headings() -> None:
    assert columns_text([], 80, ("song",)) == []
