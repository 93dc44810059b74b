"""A process with the embedded service is killed amid its orders; a new one finishes them, or says why not."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.client import Journal, Order, OrderState, simulated
from soundverse_nb.running_simulators import orders_folder
from tests.warm_python import run_python

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")

# Orders, and dies by SIGKILL at the moment that is named: a stage, or when the audio is to be fetched.
KILLED = """
import os, signal, sys
import soundverse_nb as sv
from soundverse_nb.client import simulated

simulated.SPEED = float(sys.argv[4])


class Deadly:
    def open(self, titles, cancel): pass
    def update(self, update):
        if sys.argv[3] == (update.stage or update.phase.value):
            os.kill(os.getpid(), signal.SIGKILL)
    def close(self): pass


client = sv.connect(directory=sys.argv[2], journal=sys.argv[2] + "/orders", progress=Deadly())
client.remix_sync(sys.argv[1], prompt="dub")
"""


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A state folder of its own, and an embedded service of its own, as in a new kernel."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("soundverse_nb.client.simulated._running", {})
    monkeypatch.setattr("soundverse_nb.client.simulated.SPEED", 200.0)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "fifth.wav"
    time = np.arange(11 * 22050) / 22050
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 220 * time) + 0.2 * np.sin(2 * np.pi * 330 * time), 22050)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "remixes"
    path.mkdir()
    return path


def killed(song: Path, folder: Path, moment: str, speed: float = 200.0) -> None:
    died = run_python(KILLED, song, folder, moment, speed)
    assert died.returncode == -signal.SIGKILL, died.stderr


def new_kernel(folder: Path) -> sv.Client:
    return sv.connect(directory=folder, journal=folder / "orders", progress=False)


def the_order(folder: Path) -> OrderState:
    with new_kernel(folder) as client:
        (order,) = client.orders()
    assert isinstance(order.state, OrderState)
    return order.state


@pytest.mark.parametrize(
    ("moment", "speed"), [("queued", 20.0), ("uploading", 20.0), ("streaming", 200.0), ("fetching", 200.0)]
)
async def test_a_new_process_finishes_what_a_killed_one_had_ordered(
    moment: str, speed: float, song: Path, folder: Path
) -> None:
    killed(song, folder, moment, speed)
    async with new_kernel(folder) as client:
        (before,) = client.orders()
        assert before.service != client.base_url
        (remix,) = await client.recover()
        (after,) = client.orders()
        assert await client.recover() == []
    assert remix.simulated
    assert remix.message_id == before.message_id
    assert remix.audio.duration == pytest.approx(11, abs=3)
    assert (after.state, after.posts) == (OrderState.FETCHED, 1)
    assert [len(service.ledger) for service in simulated._running.values()] == [0], (
        "nothing was ordered again"
    )


async def test_the_finished_remix_is_not_made_a_second_time(song: Path, folder: Path) -> None:
    killed(song, folder, "fetching")
    kept = orders_folder()
    assert kept is not None
    (made,) = (kept / "remixes").glob("*.mp3")
    was = made.stat().st_mtime_ns
    async with new_kernel(folder) as client:
        (remix,) = await client.recover()
    assert made.stat().st_mtime_ns == was
    assert remix.audio.path.read_bytes() == made.read_bytes()


async def test_a_remix_that_was_cleared_away_is_made_again(song: Path, folder: Path) -> None:
    killed(song, folder, "fetching")
    kept = orders_folder()
    assert kept is not None
    for made in (kept / "remixes").glob("*.mp3"):
        made.unlink()
    async with new_kernel(folder) as client:
        (remix,) = await client.recover()
    assert remix.audio.duration == pytest.approx(11, abs=3)


def test_a_fetched_remix_whose_file_is_lost_comes_back_from_a_new_process(song: Path, folder: Path) -> None:
    killed(song, folder, "finished")
    assert the_order(folder) is OrderState.FETCHED
    for made in folder.glob("*.mp3"):
        made.unlink()
    with new_kernel(folder) as client:
        (remix,) = client.recover_sync()
    assert remix.audio.path.is_file()


def _forget(kept: Path, song: Path) -> None:
    for order in (kept / "orders").iterdir():
        order.unlink()


def _lose_song(kept: Path, song: Path) -> None:
    for file in (kept / "songs").iterdir():
        file.unlink()


def _garble(kept: Path, song: Path) -> None:
    for order in (kept / "orders").iterdir():
        order.write_text('{"digest": "../../etc/passwd"}')


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_forget, "has left nothing of it"),
        (_garble, "has left nothing of it"),
        (_lose_song, "no longer kept"),
    ],
)
async def test_what_cannot_be_finished_ends_with_the_true_reason(
    spoil: Callable[[Path, Path], None], reason: str, song: Path, folder: Path
) -> None:
    killed(song, folder, "queued", 20.0)
    kept = orders_folder()
    assert kept is not None
    spoil(kept, song)
    async with new_kernel(folder) as client:
        recovered = await client.recover()
        (after,) = client.orders()
        assert (await client.recover()).failed == [], "it is over"
    ((_, error),) = recovered.failed
    assert recovered == []
    assert reason in str(error)
    assert after.state is OrderState.FAILED
    assert reason in (after.error or "")


async def test_an_order_of_a_simulator_that_still_runs_is_left_to_it(folder: Path) -> None:
    with sv.simulator.Simulator() as other:
        journal = Journal(folder / "orders")
        for order_id, service, simulated in (
            ("of the other", other.base_url, True),
            ("of the real one", "https://api.soundverse.ai", False),
            ("of a local gateway", "http://127.0.0.1:9", False),
        ):
            planned = await journal.plan(
                Order(order_id=order_id, service=service, simulated=simulated, request={"prompt": "dub"})
            )
            await journal.release(planned)
        journal.close()
        async with new_kernel(folder) as client:
            assert await client.recover() == []
            assert {order.state for order in client.orders()} == {OrderState.PLANNED}


def test_what_is_kept_is_the_user_s_alone_and_holds_no_key(song: Path, folder: Path) -> None:
    killed(song, folder, "queued", 20.0)
    kept = orders_folder()
    assert kept is not None
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    (order,) = (kept / "orders").iterdir()
    fields = json.loads(order.read_text())
    assert fields["prompt"] == "dub"
    assert not [name for name in fields if "key" in name]


def test_a_state_folder_that_cannot_be_written_stops_nothing(
    song: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file in its place")
    with new_kernel(folder) as client:
        assert client.remix_sync(song, prompt="dub").simulated
