"""Short songs, and a cache of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundverse_nb.analysis import cache, kept, metrics, remove_metric

RATE = 22_050
TUNE = (0, 4, 7, 12, 9, 5, 2, 7, 11, 7, 4, 0, 5, 9, 12, 14, 16, 12, 7, 4, 2, 5, 11, 7, 0, 4, 9, 5, 7, 2, 4, 0)


def played(steps: tuple[int, ...] = TUNE, seconds: float = 0.4, up: int = 0) -> np.ndarray:
    """A melody of plucked notes, `seconds` each, float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    notes = []
    for step in steps:
        hertz = 261.63 * 2 ** ((step + up) / 12)
        note = sum(np.sin(2 * np.pi * hertz * harmonic * time) / harmonic for harmonic in (1, 2, 3))
        notes.append(0.2 * note * np.exp(-4 * time))
    return np.concatenate(notes).astype(np.float32)


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kept, "cache", cache.MeasureCache(tmp_path / "measures"))
    yield
    for each in (*metrics("clip"), *metrics("pair")):
        remove_metric(each.name)


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    """A melody of thirteen seconds as a WAV file."""
    path = tmp_path / "tune.wav"
    soundfile.write(path, played(), RATE)
    return path


@pytest.fixture
def higher(tmp_path: Path) -> Path:
    """The same melody two semitones up and a quarter faster."""
    path = tmp_path / "higher.wav"
    soundfile.write(path, played(up=2, seconds=0.32), RATE)
    return path


@pytest.fixture
def short_songs(tmp_path: Path) -> list[Path]:
    """Three songs of two seconds each."""
    paths = []
    for number in range(3):
        path = tmp_path / f"song{number}.wav"
        soundfile.write(path, played(TUNE[number : number + 5], up=number), RATE)
        paths.append(path)
    return paths
