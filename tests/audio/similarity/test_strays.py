"""One moment that was mistaken for another does not bend an alignment."""

from __future__ import annotations

import numpy as np
import pytest

from soundverse_nb.audio.similarity.alignment import Alignment, segment_between


def aligned(original: np.ndarray, remix: np.ndarray) -> Alignment:
    segment = segment_between(original, remix, 0.0, 1.1, (40.0, 40.0))
    assert segment is not None
    return Alignment((segment,))


@pytest.mark.parametrize("strays", [[7], [7, 12], [7, 8], [0], [19]])
def test_a_knot_beside_the_line_of_the_others_is_left_out(strays: list[int]) -> None:
    remix = np.arange(20) * 1.1
    original = remix * 1.1
    original[strays] += 0.55
    times = np.arange(2.5, 18, 0.25)
    assert aligned(original, remix).to_original(times) == pytest.approx(times * 1.1, abs=0.01)


def test_a_tempo_that_changes_is_kept() -> None:
    remix = np.arange(20) * 1.1
    original = np.concatenate([remix[:10], remix[9] + 1.25 * (remix[10:] - remix[9])])
    assert aligned(original, remix).to_original(remix) == pytest.approx(original, abs=1e-6)
