"""Counts that several processes share, and that go on in another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from soundverse_nb.simulator import counts
from soundverse_nb.simulator.counts import Counts


def test_names_are_counted_apart_from_one() -> None:
    numbers = Counts()
    assert [numbers.count(name) for name in ("a", "a", "b", "a")] == [1, 2, 1, 3]


def test_a_folder_goes_on_where_another_process_ended(tmp_path: Path) -> None:
    assert [Counts(tmp_path).count("\udcff / a") for _ in range(3)] == [1, 2, 3]


def test_nobody_gets_a_number_twice(tmp_path: Path) -> None:
    def some(numbers: Counts) -> list[int]:
        return [numbers.count("a") for _ in range(200)]

    with ThreadPoolExecutor(4) as pool:
        found = [number for part in pool.map(some, [Counts(tmp_path) for _ in range(4)]) for number in part]
    assert sorted(found) == list(range(1, 801))


def test_where_the_disk_refuses_counting_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    folder.mkdir()
    numbers = Counts(folder)
    numbers.count("a")
    numbers.count("a")
    for file in folder.iterdir():
        file.unlink()
        file.mkdir()  # a file that cannot be written, even by root
    assert numbers.count("a") == 3


def test_in_memory_the_oldest_names_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr(counts, "MAX_COUNTS", 2)
    numbers = Counts()
    assert [numbers.count(name) for name in ("a", "b", "a", "c", "b")] == [1, 1, 2, 1, 1]
