"""Measuring on other machines: two workers that are reached over TCP and see none of our files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest

import soundverse_nb as sv
from soundverse_nb.analysis import cache as cache_module
from soundverse_nb.analysis import kept, remove_metric


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        # Else a task that ends its worker is given to four of them in turn, until none may be left.
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, protocol="tcp", dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "cache", cache_module.MeasureCache(tmp_path / "measures"))


def test_the_songs_themselves_are_sent(client: Any, short_songs: list[Path], monkeypatch: Any) -> None:
    here = [sv.analyse(song) for song in short_songs]
    kept.cache.clear()
    monkeypatch.setattr(kept, "cache", cache_module.MeasureCache(short_songs[0].parent / "another"))
    hidden = [song.rename(song.with_suffix(".moved")) for song in short_songs]
    contents = [path.read_bytes() for path in hidden]
    there = sv.analyse_all(contents, executor=client.get_executor(pure=False), progress=False)
    assert [entry.model_copy(update={"name": ""}) for entry in there.measured] == [
        entry.model_copy(update={"name": ""}) for entry in here
    ]


def test_a_worker_that_is_killed_gives_a_row_with_the_reason_and_the_next_call_measures_only_that(
    client: Any, short_songs: list[Path], tmp_path: Path
) -> None:
    deadly = short_songs[1].read_bytes()
    flag = tmp_path / "deadly"
    flag.touch()
    asked = tmp_path / "asked"

    def fatal(clip: sv.Clip) -> float:
        with asked.open("a") as log:
            print(len(clip.path.read_bytes()), file=log)
        if clip.path.read_bytes() == deadly and flag.exists():
            os._exit(9)
        return 1.0

    sv.metric("fatal", fatal)
    try:
        executor = client.get_executor(pure=False)
        # One after the other: what waits for the same worker when that dies counts as suspect too.
        sv.analyse_all([short_songs[0], short_songs[2]], executor=executor, progress=False)
        first = sv.analyse_all(short_songs, executor=executor, progress=False)
        assert [isinstance(entry, sv.Features) for entry in first] == [True, False, True]
        (reason,) = first.failed
        assert "ended before it answered" in reason.message
        flag.unlink()
        before = asked.read_text().splitlines()
        again = sv.analyse_all(short_songs, executor=executor, progress=False)
        assert asked.read_text().splitlines()[len(before) :] == [str(len(deadly))]
        assert [entry.metrics for entry in again.measured] == [{"fatal": 1.0}] * 3
    finally:
        remove_metric("fatal")
