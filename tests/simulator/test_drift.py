"""Drift: a service that changes as orders go on, by what was asked and no further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from soundverse_nb.audio.loudness import integrated_loudness
from soundverse_nb.simulator import Simulator
from soundverse_nb.simulator.counts import Counts
from soundverse_nb.simulator.drift import NO_DRIFT, Drift, drift_of
from soundverse_nb.simulator.faults import Fault
from soundverse_nb.simulator.restyle import Restyled, restyle
from soundverse_nb.simulator.store import OrderStore

from .conftest import SPEED, chunks, order, upload


def over(orders: int, *faults: Fault) -> list[Drift]:
    numbers = Counts()
    return [drift_of([("server", fault) for fault in faults], numbers) for _ in range(orders)]


def test_each_further_order_drifts_by_the_amount() -> None:
    found = over(4, Fault("drift", loudness=0.5, tempo=-1))
    assert found == [Drift(0.5 * n, 0.0, -1.0 * n) for n in range(4)]


def test_a_drift_may_begin_after_so_many_orders() -> None:
    assert [one.tempo for one in over(5, Fault("drift", tempo=2, after=3))] == [0, 0, 0, 2, 4]


def test_a_shift_is_one_step() -> None:
    assert [one.brightness for one in over(5, Fault("shift", brightness=1, after=3))] == [0, 0, 0, 1, 1]
    assert over(2, Fault("shift", loudness=1, after=0)) == [Drift(1.0)] * 2


def test_without_amounts_there_is_a_usual_one() -> None:
    assert over(2, Fault("drift")) == [NO_DRIFT, Drift(0.1, 0.05, 0.05)]
    assert over(11, Fault("shift"))[9:] == [NO_DRIFT, Drift(2.0, 1.0, 2.0)]


def test_drifts_add_up_to_what_a_remix_can_bear() -> None:
    both = Fault("shift", loudness=1, after=0), Fault("shift", loudness=2, after=0)
    assert over(1, *both) == [Drift(3.0)]
    assert over(100, Fault("drift", loudness=5, brightness=-2, tempo=9))[-1] == Drift(24.0, -6.0, 25.0)


def test_other_faults_make_nothing_drift() -> None:
    assert over(3, Fault("failure"), Fault("gzip"))[-1] == NO_DRIFT


def test_a_whole_service_drifts_and_goes_on_in_a_new_process(tmp_path: Path, song_file: bytes) -> None:
    found: list[Drift] = []
    for prompts in (["dub", "rock"], ["dub"]):
        with Simulator(
            speed=SPEED, render="short", folder=tmp_path, faults=Fault("drift", loudness=1.0)
        ) as service:
            for prompt in prompts:
                body = {"song_reference_url": upload(service, song_file), "prompt": prompt}
                kept = OrderStore(tmp_path).find(chunks(order(service, body))[-1]["message_id"])
                assert kept is not None
                found.append(kept.drift)
    assert found == [Drift(0.0), Drift(1.0), Drift(2.0)]


Song = tuple[NDArray[np.float32], int]


@pytest.fixture(scope="module")
def straight(song: Song) -> Restyled:
    return restyle(*song, prompt="lo-fi")


def loudness(remix: Restyled) -> float:
    return integrated_loudness([np.ascontiguousarray(remix.samples.T)], remix.rate)


def slope(remix: Restyled) -> float:
    """How much louder the octave above 2 kHz is than the one below 500 Hz, in dB."""
    power = np.abs(np.fft.rfft(remix.samples.mean(axis=0))) ** 2
    hertz = np.fft.rfftfreq(remix.samples.shape[1], 1 / remix.rate)
    high, low = (power[(hertz >= f) & (hertz < 2 * f)].sum() for f in (2000, 250))
    return float(10 * np.log10(high / low))


@pytest.mark.parametrize(
    ("drift", "louder", "brighter", "faster"),
    [(Drift(loudness=-4.0), -4.0, 0.0, 1.0), (Drift(brightness=1.0), 0.0, 3.0, 1.0),
     (Drift(tempo=5.0), 0.0, 0.0, 1.05)],
    ids=["loudness", "brightness", "tempo"],
)  # fmt: skip
def test_a_drift_is_what_is_heard(
    drift: Drift, louder: float, brighter: float, faster: float, song: Song, straight: Restyled
) -> None:
    moved: Any = restyle(*song, prompt="lo-fi", drift=drift)
    assert loudness(moved) - loudness(straight) == pytest.approx(louder, abs=0.5)
    assert slope(moved) - slope(straight) == pytest.approx(brighter, abs=0.6)
    assert moved.bpm / straight.bpm == pytest.approx(faster)
    assert moved.samples.shape[1] == pytest.approx(straight.samples.shape[1] / faster, rel=0.01)
    assert np.abs(moved.samples).max() < 0.9
