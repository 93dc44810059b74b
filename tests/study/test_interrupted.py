"""What follows an interrupt at once, while the run may still be writing down where it stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.runner_lease import RunnerLease
from tests.client.conftest import Notebook
from tests.study.conftest import PRICE, tagged

MakeClient = Callable[..., sv.Client]


async def run_again(study: sv.Study, other: sv.Study) -> None:
    await study.run(price=PRICE, measures=False)


async def measure(study: sv.Study, other: sv.Study) -> None:
    await study.measure(progress=False)


async def adopt(study: sv.Study, other: sv.Study) -> None:
    await asyncio.to_thread(study.adopt, other)


@pytest.mark.parametrize("follows", [run_again, measure, adopt])
async def test_a_study_that_was_interrupted_a_moment_ago_is_taken_up_once_it_is_given_back(
    follows: Callable[[sv.Study, sv.Study], Any],
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A slow disk: the interrupt is answered while the run still has its claim on the study.
    written, leave = threading.Event(), RunnerLease.__aexit__

    async def leave_late(lease: RunnerLease, *how: Any) -> None:
        await asyncio.to_thread(written.wait, 20)
        await leave(lease, *how)

    other = sv.Study(tmp_path / "other", make_client())
    await other.run(sv.Plan(songs[:1], ["dub"]), price=PRICE, measures=False)
    seen = Notebook()
    study = sv.Study(tmp_path / "study", make_client(max_streams=2, progress=seen))
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*"abcdef"))
    before = len(service.ledger)
    monkeypatch.setattr("soundverse_nb.client.background.INTERRUPT_SECONDS", 0)
    monkeypatch.setattr(RunnerLease, "__aexit__", leave_late)
    running = asyncio.ensure_future(study.run(plan, price=PRICE, measures=False))
    await seen.until(lambda: len(service.ledger) > before)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    asyncio.get_running_loop().call_later(0.3, written.set)
    await follows(study, other)
