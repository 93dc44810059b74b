from __future__ import annotations

from pathlib import Path

import pytest

from tests.remix.songs import tune, write


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of stereo MP3."""
    return write(tmp_path_factory.mktemp("songs") / "original.mp3", tune(12), format="MP3")


@pytest.fixture(scope="session")
def remixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s of stereo MP3."""
    return write(tmp_path_factory.mktemp("songs") / "remixed.mp3", tune(6, seed=1), format="MP3")
