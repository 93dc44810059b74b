"""A study whose kernel is killed at random pays once, loses nothing, and ends with the frame of a calm run.

At length: benchmarks/study_crash.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.study_crash import run
from soundverse_nb.client.journal import filesystem


@pytest.mark.parametrize("settings", [{}, {"rollback": True}, {"shards": 2}], ids=str)
def test_killed_at_random_a_study_pays_once_and_its_frame_is_whole(settings: dict[str, int]) -> None:
    result = run(kills=3, trials=24, seed=11, longest=1.2, speed=300, **settings)  # type: ignore[arg-type]
    assert result.kills == 3
    assert result.twice == []
    assert result.lost == []
    assert result.unlike == []
    assert result.overspent == []
    assert result.trouble == []
    assert "running" not in result.states
    # The undisturbed run counts too, with 20: how many orders a kill leaves unknown decides nothing.
    if "shards" in settings:  # whose budget has room for three quarters of the trials
        assert result.states["missing"] >= 6
    else:
        assert result.states["done"] > 16
        assert "missing" not in result.states


@pytest.fixture
def without_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a FUSE, as the homes of some hubs are, in which temporary folders are made."""
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("mounting a FUSE takes bindfs and the right to use /dev/fuse")
    below, mounted = tmp_path / "below", tmp_path / "mounted"
    below.mkdir()
    mounted.mkdir()
    done = subprocess.run(
        ["bindfs", str(below), str(mounted)], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        pytest.skip(f"bindfs could not mount here: {done.stderr.strip()[-200:]}")
    monkeypatch.setattr(tempfile, "tempdir", str(mounted))
    try:
        yield mounted
    finally:
        unmount = (
            ["fusermount", "-u", str(mounted)] if shutil.which("fusermount") else ["umount", str(mounted)]
        )
        subprocess.run(unmount, timeout=60, check=True)


def test_the_same_holds_on_a_file_system_without_shared_memory(without_shared_memory: Path) -> None:
    assert filesystem.no_shared_memory(without_shared_memory / "orders.sqlite3")
    result = run(kills=3, trials=24, seed=11, longest=1.2, speed=300)
    assert result.kills == 3
    assert result.holds, str(result)
    assert result.states["done"] > 16
