"""Seconds of one song as seconds of the other."""

from __future__ import annotations

import numpy as np

from soundverse_nb.audio.similarity.alignment import Alignment, Segment, segment_between, without_overlap

# Ten seconds at half tempo, then on from second 20, with a part played again at the end.
SONG = Alignment((
    Segment(np.array([0.0, 10.0]), np.array([5.0, 25.0])),
    Segment(np.array([20.0, 30.0]), np.array([25.0, 35.0])),
    Segment(np.array([20.0, 25.0]), np.array([40.0, 45.0])),
))  # fmt: skip


def test_a_time_is_known_within_the_segments_and_unknown_between_them() -> None:
    np.testing.assert_allclose(SONG.to_original([0.0, 5.0, 15.0, 30.0, 37.0]), [np.nan, 0, 5, 25, np.nan])
    np.testing.assert_allclose(SONG.to_remix([5.0, 15.0, 25.0]), [15.0, np.nan, 30.0])


def test_there_and_back_is_where_one_was() -> None:
    times = np.linspace(5, 24.9, 30)
    np.testing.assert_allclose(SONG.to_remix(SONG.to_original(times)), times)
    assert SONG.to_original(6.0).shape == ()


def test_nothing_in_common_knows_no_time() -> None:
    assert np.isnan(Alignment().to_original([0.0, 1.0])).all()
    assert Alignment().remix_seconds == 0


def test_a_segment_is_drawn_on_only_as_far_as_both_songs_last() -> None:
    segment = segment_between(np.array([1.0, 9.0]), np.array([2.0, 10.0]), 1.5, 1.0, (9.5, 30.0))
    assert segment is not None
    assert (segment.original[0], segment.original[-1], segment.remix[-1]) == (0.0, 9.5, 10.5)


def test_knots_that_go_back_are_left_out() -> None:
    segment = segment_between(np.array([1.0, 1.15, 1.1, 1.3]), np.array([1.0, 1.1, 1.2, 1.3]), 0, 1, (9, 9))
    assert segment is not None
    assert segment.original.tolist() == [1.0, 1.15, 1.3]
    assert segment_between(np.array([1.0, 1.0]), np.array([1.0, 2.0]), 0, 1, (9, 9)) is None


def test_two_segments_that_claim_a_second_share_it() -> None:
    first = Segment(np.array([0.0, 10.0]), np.array([0.0, 10.0]))
    second = Segment(np.array([40.0, 50.0]), np.array([8.0, 18.0]))
    one, other = without_overlap([first, second])
    assert (one.remix[-1], other.remix[0], other.original[0]) == (9.0, 9.0, 41.0)
