"""A study whose kernel is killed at random pays once, loses nothing, and ends with the frame of a calm run.

At length: benchmarks/study_crash.py.
"""

from __future__ import annotations

import pytest

from benchmarks.study_crash import run


@pytest.mark.parametrize("settings", [{}, {"rollback": True}, {"shards": 2}], ids=str)
def test_killed_at_random_a_study_pays_once_and_its_frame_is_whole(settings: dict[str, int]) -> None:
    result = run(kills=4, trials=24, seed=11, longest=1.2, speed=300, **settings)  # type: ignore[arg-type]
    assert result.kills == 4
    assert result.twice == []
    assert result.lost == []
    assert result.unlike == []
    assert result.overspent == []
    assert result.trouble == []
    assert "running" not in result.states
    if "shards" in settings:  # whose budget has room for three quarters of the trials
        assert result.states["missing"] >= 6
    else:
        assert result.states["done"] > 16
        assert "missing" not in result.states
