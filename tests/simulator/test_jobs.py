"""The book of orders that were taken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from soundverse_nb.simulator.jobs import Job, JobBook
from soundverse_nb.simulator.references import FetchedReference
from soundverse_nb.simulator.renderer import RemixSpec
from soundverse_nb.simulator.timeline import RemixFacts, stage_script


def job(name: str, began: float) -> Job:
    song = RemixFacts(name, "Title", "http://art", "http://stream", "http://audio")
    what = RemixSpec(FetchedReference("digest", Path("song.mp3"), 30.0), "jazz", "", "{}", "Title")
    return Job(name, "key", what, stage_script(song, 30.0), (), began, 1.0)


@pytest.mark.parametrize(
    ("running", "finished", "many"), [(0, 9, False), (2, 9, False), (3, 0, True), (3, 9, True), (9, 3, True)]
)
def test_many_running_are_told_from_many_finished(running: int, finished: int, many: bool) -> None:
    book = JobBook()
    for i in range(finished):
        book.add(job(f"old {i}", time.monotonic() - 3600))
    for i in range(running):
        book.add(job(f"new {i}", time.monotonic()))
    assert book.are_many_running(3) is many
