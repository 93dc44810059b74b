"""Whose order is it: decided by the process that holds it, or by its last sign of life."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from soundverse_nb.client.lease import STALE_AFTER, is_held, new_lease, process_start


def test_this_process_holds_what_it_claimed() -> None:
    lease = new_lease(1000.0)
    # However long ago: a cell may compute for an hour without a heartbeat.
    assert is_held(lease, 1000.0 + 10 * STALE_AFTER)


def test_nobody_holds_an_order_without_a_lease() -> None:
    assert not is_held(None, 0.0)


def test_a_process_that_ended_holds_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_held(replace(new_lease(1000.0), pid=ended.pid), 1000.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs start times from /proc")
def test_a_pid_that_was_given_again_is_another_process() -> None:
    assert not is_held(replace(new_lease(1000.0), started="other-boot:1"), 1000.0)


@pytest.mark.parametrize(("age", "held"), [(0.0, True), (STALE_AFTER - 1, True), (STALE_AFTER + 1, False)])
def test_another_machine_holds_by_its_heartbeat(age: float, held: bool) -> None:
    lease = replace(new_lease(1000.0), host="elsewhere")
    assert is_held(lease, 1000.0 + age) is held


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
