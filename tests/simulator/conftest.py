"""One short song and one quick service for all tests of the simulator."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests
import soundfile as sf
from numpy.typing import NDArray

from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.examples import example_song
from soundverse_nb.simulator import Simulator

KEY = {"Authorization": "Bearer test-key"}
SPEED = 2000.0


@pytest.fixture(scope="session")
def song() -> tuple[NDArray[np.float32], int]:
    """Eleven seconds of the example song, where all its instruments play: (2, frames) and 44,100."""
    with decode(example_song()) as sound:
        samples = np.concatenate(list(sound)).T
    start = round(9.6 * 44_100)
    return np.ascontiguousarray(samples[:, start : start + 11 * 44_100]), 44_100


@pytest.fixture(scope="session")
def song_file(song: tuple[NDArray[np.float32], int]) -> bytes:
    samples, rate = song
    file = io.BytesIO()
    sf.write(file, samples.T, rate, format="FLAC")
    return file.getvalue()


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    # Many tests order the same remix: made anew each time, it would take longer than all the rest.
    with Simulator(speed=SPEED, take=1) as running:
        yield running


@pytest.fixture(scope="module")
def reference(service: Simulator, song_file: bytes) -> str:
    return upload(service, song_file)


def upload(service: Simulator, content: bytes, name: str = "song.flac", **headers: str) -> str:
    answer = requests.post(
        f"{service.base_url}/simulator/references",
        data=content,
        headers={"X-Filename": name, **headers},
        timeout=30,
    )
    assert answer.status_code == 201
    return str(answer.json()["url"])


def order(service: Simulator, body: Any, **settings: Any) -> requests.Response:
    """POST the order, and read the whole answer."""
    settings = {"headers": KEY, "timeout": 30, **settings}
    return requests.post(f"{service.base_url}/v7/generate/remix", json=body, **settings)


def chunks(answer: requests.Response) -> list[dict[str, Any]]:
    lines = answer.content.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
