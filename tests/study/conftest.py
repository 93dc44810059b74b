"""What the tests of studies share: a service with a ledger, short songs, and clients in the test's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.plan import Plan

RATE = 22050
PRICE = 0.1


def write_song(path: Path, pitch: float = 220.0, seconds: float = 10.5) -> Path:
    """A song of two notes in turn, at this pitch in hertz."""
    times = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * pitch * np.where(times % 1 < 0.5, 1.0, 1.5) * times)
    sf.write(path, (0.3 * tone).astype(np.float32), RATE)
    return path


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    return [write_song(tmp_path / f"{name}.wav", pitch) for name, pitch in (("one", 220.0), ("two", 330.0))]


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator(speed=400.0, render="short") as simulator:
        yield simulator


@pytest.fixture
def make_client(tmp_path: Path, service: Simulator) -> Iterator[Callable[..., sv.Client]]:
    """A client of the service with its files in the test's folder; closed afterwards."""
    made: list[sv.Client] = []

    def make(**settings: Any) -> sv.Client:
        given = {
            "directory": tmp_path / "remixes", "journal": tmp_path / "orders.sqlite3", "progress": False,
            "api_key": "key-1", "base_url": service.base_url,
        }  # fmt: skip
        client = sv.Client(**{**given, **settings})
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def tagged(*tags: str, **fault: Any) -> dict[str, dict[str, Any]]:
    """Parameters that tell trials apart without making them different remixes; each may meet a fault."""
    met = fault or {"fault": "gzip", "times": 0}
    return {tag: {"simulate": {"tag": tag, **met}} for tag in tags}


def small_plan(songs: list[Path], **settings: Any) -> Plan:
    return Plan(songs[:1], ["jazz", "waltz"], **settings)
