"""The stages tell the truth about the remix: queued, so far made, at 90 until it is there, or failed."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from soundverse_nb.simulator import renderer
from soundverse_nb.simulator.jobs import Job
from soundverse_nb.simulator.references import FetchedReference
from soundverse_nb.simulator.renderer import Making, RemixSpec
from soundverse_nb.simulator.timeline import RemixFacts, stage_script

SPEED = 25.0
NOW = 10_000.0  # time stands still: at this speed a stage lasts as long as a busy machine looks away


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer, "time", SimpleNamespace(monotonic=lambda: NOW))


def job(making: Making | None, ago: float = 3600.0) -> Job:
    """An order that was taken so many seconds ago: by the clock alone it has long been finished."""
    song = RemixFacts("id", "Title", "http://art", "http://stream", "http://audio")
    spec = RemixSpec(FetchedReference("digest", Path("song.mp3"), 30.0), "jazz", "", "{}", "Title")
    return Job("id", "key", spec, stage_script(song, 30.0), (), NOW - ago, SPEED, making)


def stage(of: Job) -> tuple[object, object]:
    chunk = of.latest(NOW)
    return chunk["status"], chunk.get("progress")


def begun(ago: float = 1800.0) -> Making:
    making = Making()
    making.begin()
    assert making.begun_at is not None
    making.begun_at -= ago
    return making


def test_an_order_is_queued_until_a_worker_turns_to_it() -> None:
    waiting = job(Making())
    assert stage(waiting) == ("queued", None)
    assert not waiting.is_finished(NOW)


@pytest.mark.parametrize(("fraction", "shown"), [(0.0, 0), (0.49, 40), (0.5, 45), (0.99, 85)])
def test_progress_runs_no_further_than_the_work(fraction: float, shown: int) -> None:
    making = begun()
    making.proceed(fraction)
    assert stage(job(making)) == ("streaming", shown)


def test_a_worker_that_turns_to_it_late_starts_the_stages_then() -> None:
    late = job(begun(ago=0.0))
    assert stage(late) == ("starting", None)


def test_a_remix_that_is_made_is_completed_a_moment_later_however_long_it_took() -> None:
    making = begun()
    making.end()
    made = job(making)
    assert stage(made) == ("streaming", 100)
    assert making.made_at is not None
    assert made.latest(making.made_at + 1.01 / SPEED)["status"] == "completed"


def test_a_remix_that_was_there_before_keeps_to_the_script() -> None:
    making = Making()
    making.end(at=-math.inf)
    fresh = job(making, ago=0.0)
    assert stage(job(making)) == ("completed", 100)
    assert fresh.latest(fresh.began + 2.0 / SPEED)["status"] == "queued"
    assert fresh.latest(fresh.began + 80.0 / SPEED)["progress"] == 90


def test_without_a_making_the_clock_alone_counts() -> None:
    assert stage(job(None)) == ("completed", 100)


def test_what_cannot_be_made_ends_as_failed_with_the_reason() -> None:
    making = begun()
    making.proceed(0.5)
    making.fail("There is too little memory.")
    failed = job(making)
    chunk = failed.latest(NOW)
    assert (chunk["status"], chunk["isComplete"]) == ("failed", True)
    assert chunk["error"] == "There is too little memory."
    assert failed.is_finished(NOW)
    assert failed.wait_for(failed.steps[-1], NOW) is None


def test_how_long_to_wait_is_known_unless_the_remix_is_what_is_waited_for() -> None:
    making = begun(ago=0.0)
    waiting = job(making, ago=0.0)
    by_status = {step.status: step for step in waiting.steps}
    assert waiting.wait_for(by_status["uploading"], waiting.began) == pytest.approx(7.0 / SPEED)
    assert waiting.wait_for(by_status["completed"], waiting.began) == math.inf


async def test_a_change_wakes_whoever_waits_for_it() -> None:
    making = Making()
    waiting = asyncio.ensure_future(making.change(None))
    await asyncio.sleep(0)
    making.begin()
    await waiting


def test_progress_never_runs_backwards() -> None:
    making = begun()
    for fraction in (0.4, 0.2, math.nan):
        making.proceed(fraction)
    assert making.fraction == 0.4
