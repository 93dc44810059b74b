"""Copies of one study that are run beside one journal: no trial has two orders, whoever is quicker."""

from __future__ import annotations

import asyncio
import shutil
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.store import TrialState
from tests.study.conftest import PRICE, tagged

MakeClient = Callable[..., sv.Client]

RUN = """
import sys
import soundverse_nb as sv
from tests.study.conftest import PRICE, tagged
base_url, folder, name, song = sys.argv[1:]
client = sv.Client("key-1", base_url, directory=folder + "/" + name + "-remixes",
                   journal=folder + "/orders.sqlite3", progress=False, max_streams=4)
plan = sv.Plan([song], ["jazz"], parameters=tagged(*map(str, range(30))))
print("ready", flush=True)
sys.stdin.readline()
sv.Study(folder + "/" + name, client).run_sync(plan, price=PRICE, measures=False)
"""


async def copied(tmp_path: Path, songs: list[Path], make_client: MakeClient) -> tuple[sv.Study, sv.Study]:
    """A study that was begun, and a copy of its folder."""
    first = sv.Study(tmp_path / "first", make_client(max_streams=4))
    await first.run(sv.Plan(songs[:1], ["waltz"]), price=PRICE, measures=False)
    first.close()
    shutil.copytree(first.path, tmp_path / "second")
    return first, sv.Study(tmp_path / "second", make_client(max_streams=4))


async def run_in_processes(tmp_path: Path, songs: list[Path], service: Simulator, names: list[str]) -> None:
    """Run the studies of these names, each in a process of its own, all at once."""
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", RUN, service.base_url, str(tmp_path), name, str(songs[0])),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        for name in names
    ]
    for child in children:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(child.communicate(b"\n") for child in children))
    assert [child.returncode for child in children] == [0, 0], said


async def test_two_copies_that_run_at_once_order_every_trial_once(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    studies = await copied(tmp_path, songs, make_client)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(30))))
    before = len(service.ledger)
    await asyncio.gather(*(study.run(plan, price=PRICE, measures=False) for study in studies))
    assert len(service.ledger) - before == 30
    for study in studies:
        await study.run(plan, price=PRICE, measures=False)
        assert Counter(trial.state for trial in study.trials()) == {TrialState.DONE: 31}
        assert (study.spent, study.reserved) == (pytest.approx(31 * PRICE), 0)
    assert len(service.ledger) - before == 30


async def test_two_processes_with_copies_order_every_trial_once(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    studies = await copied(tmp_path, songs, make_client)
    before = len(service.ledger)
    for study in studies:
        study.close()
    await run_in_processes(tmp_path, songs, service, [study.path.name for study in studies])
    assert len(service.ledger) - before == 30
    done = {t.identity for s in studies for t in s.trials([TrialState.DONE])}
    assert len(done) == 31


async def test_what_a_copy_has_sent_and_never_heard_of_is_not_ordered_by_the_other(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    first, second = await copied(tmp_path, songs, make_client)
    odd = tagged("lost", fault="cut_before_id", times=1) | tagged("broken", fault="failure", times=1)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=odd)
    await first.run(plan, price=PRICE, measures=False)
    before = len(service.ledger)
    await second.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) == before
    states = Counter(trial.state for trial in second.trials())
    assert states == {TrialState.DONE: 1, TrialState.UNKNOWN: 1, TrialState.FAILED: 1}
    assert second.reserved == pytest.approx(PRICE)
    # At the user's word it is ordered again, and by one of them.
    (lost,) = second.unknown
    await second.run(plan, price=PRICE, measures=False, order_again=[lost.identity])
    await first.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) == before + 1
    assert not first.unknown
    assert not second.unknown


async def test_a_merged_study_orders_nothing_that_its_part_has_ordered_since(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    part = sv.Study(tmp_path / "part", make_client())
    plan = sv.Plan(songs[:1], ["jazz", "waltz"])
    with pytest.raises(sv.ConfigurationError, match="no room for a single trial"):
        await part.run(plan, price=PRICE, budget=PRICE / 2, measures=False)
    merged = sv.merge([part], tmp_path / "merged")
    merged.client = make_client()
    before = len(service.ledger)
    await part.run(plan, price=PRICE, measures=False)
    await merged.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) - before == 2
    assert Counter(trial.state for trial in merged.trials()) == {TrialState.DONE: 2}


async def parts_and_whole(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, names: tuple[str, ...]
) -> tuple[list[sv.Study], sv.Study]:
    """Studies with the same plan, of which nothing was ordered yet, and what was merged of them."""
    parts = []
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(30))))
    for name in names:
        part = sv.Study(tmp_path / name, make_client(max_streams=4))
        with pytest.raises(sv.ConfigurationError, match="no room for a single trial"):
            await part.run(plan, price=PRICE, budget=PRICE / 2, measures=False)
        parts.append(part)
    whole = sv.merge(parts, tmp_path / "whole")
    whole.client = make_client(max_streams=4)
    return parts, whole


@pytest.mark.parametrize("which", [0, 1])
async def test_a_merged_study_and_any_of_its_parts_that_run_at_once_order_every_trial_once(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator, which: int
) -> None:
    parts, whole = await parts_and_whole(tmp_path, songs, make_client, ("one", "two"))
    before = len(service.ledger)
    pair = (parts[which], whole)
    await asyncio.gather(*(study.run(price=PRICE, measures=False) for study in pair))
    assert len(service.ledger) - before == 30
    for study in pair:
        await study.run(price=PRICE, measures=False)
        assert Counter(trial.state for trial in study.trials()) == {TrialState.DONE: 30}
        assert (study.spent, study.reserved) == (pytest.approx(30 * PRICE), 0)
    assert len(service.ledger) - before == 30


async def test_two_processes_with_a_merged_study_and_its_part_order_every_trial_once(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    parts, whole = await parts_and_whole(tmp_path, songs, make_client, ("part",))
    before = len(service.ledger)
    studies = [*parts, whole]
    for study in studies:
        study.close()
    await run_in_processes(tmp_path, songs, service, [study.path.name for study in studies])
    assert len(service.ledger) - before == 30
    assert {t.identity for s in studies for t in s.trials([TrialState.DONE])} == {
        t.identity for t in whole.trials()
    }


async def test_a_part_that_is_run_after_the_merged_study_takes_over_what_that_has_ordered(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (part,), whole = await parts_and_whole(tmp_path, songs, make_client, ("part",))
    before = len(service.ledger)
    await whole.run(price=PRICE, measures=False)
    again = sv.merge([whole], tmp_path / "again")
    again.client = make_client()
    await again.run(price=PRICE, measures=False)
    await part.run(price=PRICE, measures=False)
    assert len(service.ledger) - before == 30
    assert Counter(trial.state for trial in part.trials()) == {TrialState.DONE: 30}
    assert part.spent == pytest.approx(30 * PRICE)
    # One order that several studies know of is one take, however they are put together.
    everything = sv.merge([part, whole, again], tmp_path / "everything")
    assert len(everything.trials()) == 30
    assert everything.spent == pytest.approx(30 * PRICE)


async def test_two_studies_of_one_plan_are_replications_whatever_was_merged_of_them(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    (one, two), whole = await parts_and_whole(tmp_path, songs, make_client, ("one", "two"))
    before = len(service.ledger)
    for study in (one, two):
        await study.run(price=PRICE, measures=False)
    assert len(service.ledger) - before == 60
    await whole.run(price=PRICE, measures=False)
    assert len(service.ledger) - before == 60
    assert Counter(trial.state for trial in whole.trials()) == {TrialState.DONE: 30}


async def test_two_merged_studies_that_share_a_part_order_its_trials_once(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    (one, two), whole = await parts_and_whole(tmp_path, songs, make_client, ("one", "two"))
    other = sv.merge([one], tmp_path / "other")
    other.client = make_client()
    before = len(service.ledger)
    await asyncio.gather(*(study.run(price=PRICE, measures=False) for study in (whole, other)))
    assert len(service.ledger) - before == 30
    # That study two is part of one of them makes it no part of the other.
    await two.run(price=PRICE, measures=False)
    assert Counter(trial.state for trial in two.trials()) == {TrialState.DONE: 30}
