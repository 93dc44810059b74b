"""Whose order is it: decided by the process that holds it, or by whether it is seen to give signs of life."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from soundverse_nb.client.journal.lease import (
    SILENT_AFTER,
    STALE_AFTER,
    drop,
    is_held,
    is_undecided,
    new_lease,
    process_start,
)
from soundverse_nb.client.journal.order import Lease


class Watch:
    """Our own monotonic clock."""

    def __init__(self) -> None:
        self.seconds = 50.0

    def __call__(self) -> float:
        return self.seconds


def test_this_process_holds_what_it_claimed() -> None:
    lease = new_lease(1000.0)
    # However long ago: a cell may compute for an hour without a heartbeat.
    assert is_held(lease, 1000.0 + 10 * STALE_AFTER)


def test_this_process_holds_nothing_that_nobody_in_it_stands_by() -> None:
    """Else an order whose giving back failed would be stuck for as long as the kernel lives."""
    lease = new_lease(1000.0)
    drop(lease)
    assert not is_held(lease, 1000.0)


def test_nobody_holds_an_order_without_a_lease() -> None:
    assert not is_held(None, 0.0)
    assert not is_undecided(None)


def test_a_process_that_ended_holds_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_held(replace(new_lease(1000.0), pid=ended.pid), 1000.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs start times from /proc")
def test_a_pid_that_was_given_again_is_another_process() -> None:
    assert not is_held(replace(new_lease(1000.0), started="other-boot:1"), 1000.0)


def of_another_machine(beat_at: float = 1000.0) -> Lease:
    return replace(new_lease(beat_at), host="elsewhere")


@pytest.mark.parametrize("apart", [0.0, 600.0, -600.0, 86_400.0])
def test_another_machine_is_judged_by_its_signs_of_life_and_never_by_its_clock(apart: float) -> None:
    lease, watch, now = of_another_machine(1000.0 + apart), Watch(), 1000.0
    for _ in range(5):
        # It gives signs of life, so it holds, whatever time it believes it to be.
        lease = replace(lease, beat_at=lease.beat_at + 20.0)
        assert is_held(lease, now, watch)
        watch.seconds += SILENT_AFTER - 1
        now += SILENT_AFTER - 1
        assert is_held(lease, now, watch)
    watch.seconds += 2
    assert not is_held(lease, now + 2, watch)


def test_it_takes_watching_to_know_of_another_machine() -> None:
    lease, watch = of_another_machine(), Watch()
    assert is_undecided(lease, watch)
    watch.seconds += SILENT_AFTER - 1
    assert is_undecided(lease, watch)
    assert not is_undecided(replace(lease, beat_at=1020.0), watch), "it lives"
    assert not is_undecided(new_lease(0.0), watch), "of this machine it is known at once"


def test_another_machine_that_stays_silent_holds_nothing() -> None:
    lease, watch = of_another_machine(), Watch()
    assert is_undecided(lease, watch)
    watch.seconds += SILENT_AFTER + 1
    assert not is_undecided(lease, watch)
    assert not is_held(lease, 1000.0, watch)


@pytest.mark.parametrize("settings", [{"TZ": "Asia/Tokyo"}, {"LC_ALL": "de_DE.UTF-8"}, {"LC_TIME": "tr_TR"}])
def test_a_start_reads_the_same_whatever_language_and_time_zone_a_kernel_has(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no /proc, `ps` is asked, and writes as its environment says."""
    ps = tmp_path / "ps"
    ps.write_text('#!/bin/sh\necho "Wed Nov 25 ${LC_ALL-$LC_TIME} ${TZ-here} $4"\n', "utf-8")
    ps.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    before = process_start(os.getpid())
    assert before
    assert str(os.getpid()) in before
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert process_start(os.getpid()) == before


def test_a_process_is_told_from_none() -> None:
    assert process_start(os.getpid())
    assert process_start(2**22 + 1) is None
