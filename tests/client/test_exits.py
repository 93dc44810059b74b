"""Code of others that exits on the client's loop: what it was for fails, and everything else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client.config import SystemClock
from soundverse_nb.simulator import Simulator
from tests.study.conftest import write_song

EXITS = [SystemExit(3), KeyboardInterrupt("of its own"), GeneratorExit()]


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator(speed=400.0, render="short") as simulator:
        yield simulator


@pytest.fixture
def make(tmp_path: Path, service: Simulator) -> Iterator[Callable[..., sv.Client]]:
    made: list[sv.Client] = []

    def client(**settings: Any) -> sv.Client:
        given = {"directory": tmp_path / "remixes", "journal": tmp_path / "orders.sqlite3", "progress": False}
        made.append(sv.Client("key-1", service.base_url, **{**given, **settings}))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path / "song.wav")


class Display:
    """Exits whatever it is asked."""

    def __init__(self, exit_: BaseException) -> None:
        self._exit = exit_

    def open(self, titles: list[str], cancel: Any) -> None:
        raise self._exit

    def update(self, update: Any) -> None:
        raise self._exit

    def close(self) -> None:
        raise self._exit


class Exiting(Executor):
    """Exits where it is given work."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        raise SystemExit(3)


class Cancelling(Executor):
    """Takes all work and cancels it, as a pool does that is shut down meanwhile."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


class Clock(SystemClock):
    """Exits where it is to wait, or asked for the time."""

    def time(self) -> float:
        raise SystemExit(3)

    async def sleep(self, seconds: float) -> None:
        raise SystemExit(3)


@pytest.mark.parametrize("exit_", EXITS, ids=repr)
def test_a_display_that_exits_is_left_alone(
    make: Callable[..., sv.Client], song: Path, exit_: BaseException
) -> None:
    assert make(progress=Display(exit_)).remix_sync(song, "jazz").audio.duration > 0.5


@pytest.mark.parametrize("exit_", EXITS, ids=repr)
def test_a_host_that_exits_fails_its_remix_alone(
    make: Callable[..., sv.Client], song: Path, tmp_path: Path, exit_: BaseException, service: Simulator
) -> None:
    bad = write_song(tmp_path / "bad.wav", 500.0)
    upload = sv.hosting.EmbeddedHost(service.base_url, None)

    async def publish(path: Path) -> Any:
        if path.name.startswith("bad"):
            raise exit_
        return await upload.publish(path)

    client = make(host=publish)
    upload.use_key(client._settings.api_key)
    good, failed = client.remix_all_sync([(song, "jazz"), (bad, "jazz")])
    assert isinstance(good, sv.Remix)
    assert isinstance(failed, sv.SoundverseError)
    assert failed.spent.value == "no"
    assert len(client.orders()) >= 1


@pytest.mark.parametrize(
    "settings",
    [{"executor": Exiting()}, {"executor": Cancelling()}, {"clock": Clock()}],
    ids=["an executor that exits", "an executor that cancels", "a clock that exits"],
)
def test_an_executor_or_a_clock_that_exits_is_an_error_and_the_next_call_works(
    make: Callable[..., sv.Client], song: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(sv.SoundverseError):
        make(**settings).remix_sync(song, "jazz")
    assert make().remix_sync(song, "waltz").audio.duration > 0.5


async def test_an_exit_in_a_metric_or_its_executor_is_the_takes_reason(
    make: Callable[..., sv.Client], song: Path, tmp_path: Path
) -> None:
    def leave(clip: Any) -> float:
        raise SystemExit("no licence")

    study = sv.Study(tmp_path / "study", make())
    sv.metric("leave", leave)
    try:
        await study.run(sv.Plan([song], ["jazz"]), executor=ThreadPoolExecutor(1))
        assert "SystemExit: no licence" in study.to_frame()["metric_errors"][0]
    finally:
        sv.analysis.remove_metric("leave")
    await study.measure(anew=True, executor=Exiting(), progress=False)
    assert "SystemExit: 3" in study.to_frame()["not_measured"][0]
    assert await asyncio.wait_for(make().remix(song, "waltz"), 60)
