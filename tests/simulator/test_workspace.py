"""What a service keeps on disk goes with it, also when it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soundverse_nb.simulator import storage as module
from soundverse_nb.simulator.storage import sweep, workspace

pytestmark = pytest.mark.skipif(module.fcntl is None, reason="needs file locks that end with their process")
KILLED = """
import os, signal
from soundverse_nb.simulator import Simulator
Simulator().start()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def age(folder: Path) -> None:
    os.utime(folder, (1.7e9, 1.7e9))


def test_the_folder_is_there_while_it_is_used_and_gone_afterwards(tmp_path):
    with workspace() as folder:
        (folder / "song").write_bytes(b"x")
        assert folder.parent == tmp_path
    assert not folder.exists()


def test_a_folder_of_a_killed_service_goes_when_the_next_one_starts(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(tmp_path)}, timeout=60)
    (left,) = tmp_path.iterdir()
    age(left)
    with workspace():
        assert not left.exists()


def test_a_folder_in_use_stays_however_old(tmp_path):
    with workspace() as folder:
        age(folder)
        sweep(tmp_path)
        assert folder.exists()


def test_young_folders_links_and_folders_without_a_lock_are_left_alone(tmp_path):
    young, bare, target = (tmp_path / f"soundverse-nb-simulator-{name}" for name in ("a", "b", "c"))
    elsewhere = tmp_path / "elsewhere"
    for folder in (young, bare, elsewhere):
        folder.mkdir()
    (young / "running").touch()
    (elsewhere / "running").touch()
    target.symlink_to(elsewhere)
    age(bare)
    age(elsewhere)
    sweep(tmp_path)
    assert {young, bare, elsewhere, target} <= set(tmp_path.iterdir())
