"""Work in processes: a lost one costs its own task only, and any executor will do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.analysis import WorkerLostError, pool
from soundverse_nb.analysis.pool import check_executor, results
from soundverse_nb.errors import ConfigurationError, SoundverseError


def twice(number: int) -> int:
    return 2 * number


def process(_: int) -> int:
    return os.getpid()


def fatal_when_three(number: int) -> int:
    if number == 3:
        os._exit(7)
    return number


def threads_of_linear_algebra(_: int) -> int:
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((8, 8)) @ np.ones((8, 8))
    return max((library["num_threads"] for library in threadpool_info()), default=1)


def test_every_task_is_answered_under_its_number() -> None:
    assert dict(results(twice, range(5), workers=2)) == {at: 2 * at for at in range(5)}


def test_our_own_workers_are_other_processes() -> None:
    assert os.getpid() not in dict(results(process, range(4), workers=2)).values()


def test_one_worker_is_this_process() -> None:
    assert dict(results(process, range(2), workers=1)) == dict.fromkeys(range(2), os.getpid())


def test_a_task_that_ends_its_process_costs_no_other_task() -> None:
    done = dict(results(fatal_when_three, range(6), workers=2))
    assert {at: done[at] for at in (0, 1, 2, 4, 5)} == {at: at for at in (0, 1, 2, 4, 5)}
    lost = done[3]
    assert isinstance(lost, WorkerLostError)
    assert "ended before it answered" in str(lost)
    # And the next batch has processes again.
    assert dict(results(twice, range(3), workers=2)) == {at: 2 * at for at in range(3)}


def test_linear_algebra_has_one_thread_in_a_worker() -> None:
    assert set(dict(results(threads_of_linear_algebra, range(2), workers=2)).values()) == {1}


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from soundverse_nb.analysis.pool import results\n"
        "from tests.analysis.test_pool import twice\n"
        "print('begun', flush=True)\n"
        "print(sorted(dict(results(twice, range(3), workers=2)).values()))\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    assert ended.stdout.splitlines() == ["begun", "[0, 2, 4]"]


def test_an_executor_of_the_users_own_does_the_work() -> None:
    with ThreadPoolExecutor(2) as executor:
        assert dict(results(process, range(3), executor)) == dict.fromkeys(range(3), os.getpid())


def test_a_closed_executor_is_a_reason_in_every_place() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    done = dict(results(twice, range(3), executor))
    assert all(isinstance(entry, SoundverseError) and "shutdown" in str(entry) for entry in done.values())


def test_what_a_task_raises_stands_in_its_place() -> None:
    def divide(number: int) -> float:
        return 1 / number

    done = dict(results(divide, range(2), workers=1))
    assert done[1] == 1.0
    assert "ZeroDivisionError" in str(done[0])


class Counted(Executor):
    """Finishes a task only when the next is asked for, and remembers how many waited at a time."""

    def __init__(self) -> None:
        self.most = self.running = 0
        self._lock = threading.Lock()

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        future: Future[Any] = Future()

        def finish() -> None:
            with self._lock:
                self.running -= 1
            future.set_result(function(*arguments, **named))

        threading.Timer(0, finish).start()
        return future


class Made:
    """Tasks that count how many of them were made."""

    def __init__(self) -> None:
        self.made = 0

    def __len__(self) -> int:
        return 100

    def __getitem__(self, number: int) -> int:
        self.made += 1
        return number


def test_few_tasks_are_handed_over_at_a_time_for_each_may_hold_a_song() -> None:
    executor, tasks = Counted(), Made()
    answers: Iterator[Any] = results(twice, tasks, executor)  # type: ignore[arg-type]
    next(answers)
    assert tasks.made < 40
    assert len(list(answers)) == 99
    assert executor.most <= 16


def test_a_dask_client_is_told_which_executor_to_ask_it_for() -> None:
    class Client:
        def get_executor(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"get_executor\(pure=False\)"):
        check_executor(Client())


def when_open(gate: str, _: int) -> int:
    """The process, once the file is there."""
    while not os.path.exists(gate):
        threading.Event().wait(0.01)
    return os.getpid()


def alive_workers() -> int:
    executor = pool._pool._executor
    return 0 if executor is None else len(executor._executor._processes)


@pytest.fixture
def room_for_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_pool", pool._Pool())
    monkeypatch.setattr(pool, "worker_count", lambda tasks=8, asked=None: min(asked or 8, tasks))


@pytest.mark.usefixtures("room_for_eight")
def test_a_single_task_starts_a_single_process_however_much_room_there_is() -> None:
    assert asyncio.run(pool.answer(twice, 2)) == 4
    assert asyncio.run(pool.answer(twice, 3)) == 6
    assert alive_workers() == 1


@pytest.mark.usefixtures("room_for_eight")
def test_tasks_that_wait_together_have_a_process_each(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    executor = pool._pool.get(8)
    assert executor is not None
    waiting = [executor.submit(when_open, str(gate), at) for at in range(3)]
    assert alive_workers() == 3
    gate.touch()
    assert os.getpid() not in {future.result() for future in waiting}


class Exiting(Executor):
    """Calls sys.exit() in place of taking a task."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        raise SystemExit(3)


class Answering(Executor):
    """Answers every task by an error, or by taking it back."""

    def __init__(self, error: BaseException | None) -> None:
        self._error = error

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self._error is None:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self._error)
        return future


@pytest.mark.parametrize(
    ("executor", "reason"),
    [
        (Exiting(), "SystemExit: 3"),
        (Answering(SystemExit(4)), "SystemExit: 4"),
        (Answering(GeneratorExit()), "GeneratorExit"),
        (Answering(None), "ended before it answered"),
    ],
)
async def test_whatever_an_executor_answers_is_a_reason(executor: Executor, reason: str) -> None:
    with pytest.raises(SoundverseError, match=reason):
        await pool.answer(twice, 1, executor)


def test_an_executor_that_exits_is_a_reason_in_every_place() -> None:
    found = dict(results(twice, [1, 2], Exiting()))
    assert {str(type(each).__name__) for each in found.values()} == {"SoundverseError"}


@pytest.mark.usefixtures("room_for_eight")
async def test_an_awaited_task_that_ends_its_process_costs_no_other_that_is_awaited() -> None:
    found = await asyncio.gather(
        *(pool.answer(fatal_when_three, number) for number in range(6)), return_exceptions=True
    )
    assert isinstance(found.pop(3), WorkerLostError)
    assert found == [0, 1, 2, 4, 5]
    assert await pool.answer(twice, 4) == 8
