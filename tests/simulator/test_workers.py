"""Render workers: processes that may die, that are few, and that end when there is nothing to do."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from soundverse_nb.audio.worker_process import DiedError, NotStartedError
from soundverse_nb.simulator import Simulator, workers
from soundverse_nb.simulator.work import AbandonedError
from soundverse_nb.simulator.workers import Worker, Workers, worker_count

from .conftest import KEY, SPEED, chunks, order, upload


@dataclass(frozen=True)
class Note:
    """Writes which process did it."""

    where: Path

    def run(self, checkpoint: Callable[[], None]) -> None:
        self.where.write_text(str(os.getpid()))


@dataclass(frozen=True)
class Killer:
    """Kills the process that works on it, the first `times` times."""

    where: Path
    times: int

    def run(self, checkpoint: Callable[[], None]) -> None:
        before = len(self.where.read_text()) if self.where.exists() else 0
        if before < self.times:
            self.where.write_text("x" * (before + 1))
            os.kill(os.getpid(), signal.SIGKILL)


def call(task: object) -> None:
    worker = Worker()
    try:
        worker.call(task)  # type: ignore[arg-type]
    finally:
        worker.close()


def test_the_work_is_done_in_another_process(tmp_path: Path) -> None:
    call(Note(tmp_path / "pid"))
    assert int((tmp_path / "pid").read_text()) != os.getpid()


def test_where_no_process_can_be_started_this_one_does_the_work(tmp_path: Path, monkeypatch) -> None:
    def none() -> None:
        raise NotStartedError("none here")

    monkeypatch.setattr(workers, "WorkerProcess", none)
    call(Note(tmp_path / "pid"))
    assert int((tmp_path / "pid").read_text()) == os.getpid()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_work_whose_process_dies_is_tried_once_more(tmp_path: Path) -> None:
    call(Killer(tmp_path / "deaths", 1))
    with pytest.raises(DiedError):
        call(Killer(tmp_path / "more", 9))
    assert (tmp_path / "more").read_text() == "xx"


def test_a_closed_worker_does_nothing_more(tmp_path: Path) -> None:
    worker = Worker()
    worker.close()
    with pytest.raises(AbandonedError):
        worker.call(Note(tmp_path / "pid"))  # type: ignore[arg-type]
    assert not (tmp_path / "pid").exists()


def test_however_many_cores_there_are_no_more_than_two_songs_are_in_memory(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert worker_count() == 2


async def test_what_is_too_much_at_once_waits_its_turn() -> None:
    few, gate, lock = Workers(2), threading.Event(), threading.Lock()
    busy, most, served = 0, 0, []

    class Held:
        def __init__(self, name: int) -> None:
            self.name = name

        def run(self) -> None:
            nonlocal busy, most
            with lock:
                busy += 1
                most = max(most, busy)
                served.append(self.name)
            gate.wait()
            with lock:
                busy -= 1

    async def one(name: int) -> None:
        async with few.one() as worker:
            worker.call = lambda task: task.run()  # type: ignore[method-assign, assignment]
            await few.do(worker, Held(name))  # type: ignore[arg-type]

    tasks = [asyncio.ensure_future(one(name)) for name in range(5)]
    while len(served) < 2:  # noqa: ASYNC110 - threads, which set no event of this loop
        await asyncio.sleep(0.01)
    gate.set()
    await asyncio.gather(*tasks)
    few.close()
    assert most == 2
    assert set(served[:2]) == {0, 1}
    assert sorted(served) == [0, 1, 2, 3, 4]


async def test_a_worker_with_nothing_to_do_gives_its_process_back(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.0)
    few = Workers(1)
    async with few.one() as worker:
        await few.do(worker, Note(tmp_path / "pid"))  # type: ignore[arg-type]
        process = worker._process
        assert process is not None
    while worker._process is not None:  # noqa: ASYNC110 - bounded by pytest's own time-out
        await asyncio.sleep(0.01)
    assert process._process.poll() is not None
    few.close()


def test_a_remix_whose_process_dies_ends_its_order_with_the_reason(song_file, monkeypatch) -> None:
    def dies(self: Worker, task: object) -> None:
        raise DiedError("killed")

    monkeypatch.setattr(Worker, "call", dies)
    with Simulator(speed=SPEED) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": "pop"}
        told = chunks(order(service, body))
        url = f"{service.base_url}/status/generation/{told[-1]['message_id']}"
        asked = requests.get(url, headers=KEY, timeout=10).json()
    assert [chunk["status"] for chunk in told][:2] == ["validating", "queued"]
    assert (told[-1]["status"], told[-1]["isComplete"]) == ("failed", True)
    assert "process that made this remix ended" in told[-1]["error"]
    assert asked["error"] == told[-1]["error"]


def test_when_an_order_is_completed_its_file_is_there(song_file, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Simulator(speed=SPEED) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": "pop"}
        with requests.post(
            f"{service.base_url}/v7/generate/remix", json=body, headers=KEY, stream=True, timeout=60
        ) as answer:
            for line in answer.iter_lines():
                if b'"progress": 100' in line:
                    assert len(list(tmp_path.glob("*/remixes/*.mp3"))) == 1
                    break
            else:
                pytest.fail("it was never ready")
