"""One slope through the knots of an alignment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from soundverse_nb.audio.similarity.tempo_ratio import fitted

KNOTS = np.arange(0.0, 40.0, 1.1)


def test_runs_have_one_slope_wherever_each_begins() -> None:
    ratio = fitted([(3 + 1.08 * KNOTS[:15], KNOTS[:15]), (50 + 1.08 * KNOTS[18:], KNOTS[18:])])
    assert ratio.ratio == pytest.approx(1.08, abs=1e-6)
    assert ratio.confidence > 0.99


def test_a_few_knots_that_are_far_off_do_not_count() -> None:
    original = 0.9 * KNOTS
    original[5:11] += 6.0
    assert fitted([(original, KNOTS)]).ratio == pytest.approx(0.9, abs=1e-4)


def test_scattered_knots_are_unsure() -> None:
    rng = np.random.default_rng(0)
    assert fitted([(KNOTS[:8] + rng.normal(0, 0.4, 8), KNOTS[:8])]).confidence < 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_knots_have_no_slope(count: int) -> None:
    assert math.isnan(fitted([(KNOTS[:count], KNOTS[:count])]).ratio)
    assert math.isnan(fitted([]).ratio)
