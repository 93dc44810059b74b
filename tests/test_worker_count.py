"""Worker processes keep to what this process may use, however many cores it sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundverse_nb import worker_count as counting
from soundverse_nb.worker_count import Machine, this_machine, worker_count

GB = 1e9
MACHINES = [
    # processors, memory, free memory, tasks -> workers
    (2, 2 * GB, None, None, 2),
    (2, 8 * GB, None, None, 2),
    (2, 64 * GB, None, None, 2),
    (16, 2 * GB, None, None, 2),
    (16, 8 * GB, None, None, 8),
    (16, 64 * GB, None, None, 8),
    (64, 2 * GB, None, None, 2),
    (64, 8 * GB, None, None, 8),
    (64, 64 * GB, None, None, 8),
    (64, None, None, None, 8),  # a system that does not say its memory
    (64, 64 * GB, 1.5 * GB, None, 3),
    (64, 0.5 * GB, 0.1 * GB, None, 1),
    (0.5, 8 * GB, None, None, 1),
    (1.5, 8 * GB, None, None, 2),
    (64, 64 * GB, None, 1, 1),
    (64, 64 * GB, None, 3, 3),
    (64, 64 * GB, None, 0, 1),
]


@pytest.mark.parametrize(("processors", "memory", "free", "tasks", "workers"), MACHINES)
def test_workers_keep_to_processors_memory_and_tasks(
    processors: float, memory: float | None, free: float | None, tasks: int | None, workers: int
) -> None:
    assert worker_count(tasks, machine=Machine(processors, memory, free)) == workers


@pytest.mark.parametrize(("asked", "tasks", "workers"), [(32, 100, 32), (32, 5, 5), (1, 5, 1)])
def test_a_user_gets_what_is_asked_for_but_none_without_a_task(asked: int, tasks: int, workers: int) -> None:
    assert worker_count(tasks, asked, Machine(2, 2 * GB)) == workers


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 cores and 64 GB, as a container on it sees it."""
    monkeypatch.setattr(counting, "_processors", lambda: 64.0)
    monkeypatch.setattr(counting, "_installed", lambda: 64 * GB)
    monkeypatch.setattr(counting, "_free", lambda: 60 * GB)


LIMITS = [
    ({}, 64, 64 * GB),
    ({"CPU_LIMIT": "2.0", "MEM_LIMIT": "2147483648"}, 2, 2147483648),
    ({"CPU_LIMIT": "0.5"}, 0.5, 64 * GB),
    ({"CPU_LIMIT": "100", "MEM_LIMIT": "1e12"}, 64, 64 * GB),
    ({"CPU_LIMIT": "0", "MEM_LIMIT": "0"}, 64, 64 * GB),
    ({"CPU_LIMIT": "", "MEM_LIMIT": "None"}, 64, 64 * GB),
    ({"CPU_LIMIT": "inf", "MEM_LIMIT": "nan"}, 64, 64 * GB),
]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("environment", "processors", "memory"), LIMITS)
def test_what_a_hub_sets_is_a_limit_where_it_is_one(
    environment: dict[str, str], processors: float, memory: float, tmp_path: Path
) -> None:
    machine = this_machine(environment, tmp_path)
    assert (machine.processors, machine.memory) == (processors, memory)


GROUPS = [
    ("memory.max", "2000000000\n", 2 * GB),
    ("memory.max", "max\n", 64 * GB),
    ("memory/memory.limit_in_bytes", "3000000000\n", 3 * GB),
    ("memory/memory.limit_in_bytes", "9223372036854771712\n", 64 * GB),
]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("name", "text", "memory"), GROUPS)
def test_the_memory_of_a_control_group_is_a_limit(
    name: str, text: str, memory: float, tmp_path: Path
) -> None:
    limit = tmp_path / name
    limit.parent.mkdir(exist_ok=True)
    limit.write_text(text)
    assert this_machine({}, tmp_path).memory == memory


def test_a_group_inside_a_limited_one_has_that_limit(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("1:cpu,cpuacct:/elsewhere\n0::/user/job\n")
    inner = tmp_path / "groups" / "user" / "job"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner.parent / "memory.max").write_text("2000000000\n")
    limits = counting._group_limits(tmp_path / "groups", own)
    assert [limit for limit in limits if limit is not None] == [2 * GB]


def test_a_setting_of_loky_that_is_no_number_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "many")
    assert worker_count() >= 1
