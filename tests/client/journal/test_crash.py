"""A kernel with two clients, looked at from outside and killed at random, pays once and loses nothing.

At length: benchmarks/crash.py.
"""

from __future__ import annotations

from benchmarks.crash import run


def test_killed_at_random_it_pays_once_and_loses_nothing() -> None:
    result = run(kills=3, orders=20, seed=7, longest=1.0, speed=200)
    assert result.kills == 3
    assert result.twice == []
    assert result.lost == []
    assert result.damaged == []
    assert result.trouble == []
    assert result.looks > 0
    assert result.states["fetched"] > 10
    assert not {"planned", "sending", "accepted", "completed"} & set(result.states)
    # One in five meets a cut before its name was known, or dies there; no more may be in doubt.
    assert result.unknown_and_charged <= 10
