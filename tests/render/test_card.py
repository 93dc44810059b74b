from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

from soundverse_nb.render.card import Lane, axis_length, lanes_html, ticks, width_percent


def test_the_longest_song_is_the_axis() -> None:
    assert axis_length([30.0, 25.0, 0.0, math.nan]) == 30.0
    assert axis_length([]) == 0.0


@pytest.mark.parametrize(
    ("duration", "length", "percent"),
    [(30, 30, 100), (15, 30, 50), (0, 30, 0), (5, 0, 0), (math.nan, 30, 0), (31, 30, 100)],
)
def test_width_is_to_scale(duration: float, length: float, percent: float) -> None:
    assert width_percent(duration, length) == percent


@pytest.mark.parametrize("length", [1 / 44100, 0.4, 1.0, 1.9, 2.0, 10, 12.3, 30, 59.9, 350, 3600, 86400, 1e6])
def test_ticks_start_at_nought_stay_inside_and_are_evenly_few(length: float) -> None:
    found = ticks(length)
    assert found[0].percent == 0
    assert 1 < len(found) <= 8
    assert all(0 <= tick.percent <= 100 for tick in found)
    steps = [b.at - a.at for a, b in pairwise(found)]
    assert max(steps) == pytest.approx(min(steps))
    assert len({tick.label for tick in found}) == len(found)
    assert all(tick.percent == pytest.approx(100 * tick.at / length, abs=0.001) for tick in found)


def test_a_song_of_half_a_minute_has_marks_every_five_seconds() -> None:
    assert [tick.label for tick in ticks(30)] == ["0:00", "0:05", "0:10", "0:15", "0:20", "0:25", "0:30"]


def test_an_axis_without_length_has_one_mark() -> None:
    assert [tick.label for tick in ticks(0)] == ["0:00"]


@pytest.mark.parametrize(
    "length", [1.0, 10, 12.3, 20, 30, 31, 35, 40, 45, 59.9, 200, 350, 599, 600, 2400, 3600, 9000]
)
def test_the_marks_of_a_card_on_a_narrow_page_do_not_touch(length: float) -> None:
    room = 240  # pixels, of a page of 420
    page = str(lanes_html([Lane("Song", "song.mp3", length)]))
    found = re.findall(r"(left|right):([\d.]+)%;border-\w+:1px[^>]*>([^<&]*)&nbsp;</div>", page)
    assert len(found) > 1
    ends = []
    for side, percent, label in found:
        wide = 4 + 6.5 * len(label)
        at = float(percent) / 100 * room
        ends.append((at, at + wide) if side == "left" else (room - at - wide, room - at))
    assert all(before[1] < after[0] for before, after in pairwise(ends)), found


def test_marks_and_stages_are_words_of_their_own_in_what_is_copied() -> None:
    # They stand beside one another by position alone, and browsers drop a space that nothing stands behind.
    page = str(lanes_html([Lane("Song", "song.mp3", 31.0)]))
    assert page.count("&nbsp;</div>") == 4
