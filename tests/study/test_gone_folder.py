"""A study whose folder is deleted or moved while it runs: it stops with a sentence and pays nothing twice."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.store import NAME, StudyStore, TrialState
from tests.study.conftest import PRICE, small_plan, tagged

MakeClient = Callable[..., sv.Client]


def plan_of(songs: list[Path]) -> sv.Plan:
    return sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(30))))


async def stopped(study: sv.Study, plan: sv.Plan, service: Simulator, act: Callable[[], object]) -> str:
    """Run a study until five were ordered, do something to its folder, and give what the run then says."""
    before = len(service.ledger)
    run = asyncio.ensure_future(study.run(plan, price=PRICE, measures=False))
    while len(service.ledger) - before < 5 and not run.done():  # noqa: ASYNC110 - another thread's ledger
        await asyncio.sleep(0)
    assert not run.done(), "it ended before five were ordered"
    act()
    with pytest.raises(sv.ConfigurationError) as met:
        await run
    return str(met.value)


def delete(folder: Path) -> None:
    """As its user does, who asks again where the run has just written a file into it."""
    for _ in range(1000):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    raise AssertionError(f"{folder.name} is written anew as fast as it is deleted")


async def test_a_deleted_study_stops_and_the_same_study_knows_its_orders_when_it_is_run_again(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client(max_streams=2))
    before = len(service.ledger)
    said = await stopped(study, plan_of(songs), service, lambda: delete(study.path))
    assert "was deleted, moved or replaced" in said
    assert "What was ordered was simulated, so nothing was paid" in said
    assert "client.recover()" in said
    assert len(service.ledger) - before < 30
    assert not study.path.exists()
    assert repr(study) == "Study('study', not run yet)"
    with pytest.raises(sv.ConfigurationError, match="There is no study"):
        study.to_frame()
    await study.run(plan_of(songs), price=PRICE, measures=False)
    assert len(service.ledger) - before == 30
    assert {trial.state for trial in study.trials()} <= {TrialState.DONE, TrialState.UNKNOWN}


async def test_a_study_that_was_moved_goes_on_where_it_is_now(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client(max_streams=2))
    before = len(service.ledger)
    await stopped(study, plan_of(songs), service, lambda: study.path.rename(tmp_path / "moved"))
    moved = sv.Study(tmp_path / "moved", study.client)
    await moved.run(plan_of(songs), price=PRICE, measures=False)
    assert len(service.ledger) - before == 30
    assert {trial.state for trial in moved.trials()} <= {TrialState.DONE, TrialState.UNKNOWN}


def test_closing_a_store_that_was_replaced_leaves_the_new_one_its_log(tmp_path: Path) -> None:
    old = StudyStore(tmp_path / "study")
    old.note(said="old")
    (tmp_path / "study").rename(tmp_path / "aside")
    new = StudyStore(tmp_path / "study")
    new.note(said="new")
    with pytest.raises(sv.ConfigurationError, match="deleted, moved or replaced"):
        old.note(said="older")
    old.close()
    new.note(more="new")
    reader = StudyStore(tmp_path / "study", readonly=True)
    assert reader.meta()["said"] == "new"
    assert reader.meta()["more"] == "new"
    assert os.path.exists(tmp_path / "aside" / NAME)
    reader.close()
    new.close()


@pytest.mark.parametrize("path", [None, 3, b"study", "", " ", "a\0b", ["study"]])
def test_what_is_no_path_is_a_sentence(path: Any) -> None:
    with pytest.raises(sv.ConfigurationError, match="is no path"):
        sv.Study(path)


@pytest.mark.parametrize("studies", [None, "shard-0", Path("shard-0"), 3])
def test_what_is_no_list_of_studies_is_a_sentence(studies: Any) -> None:
    with pytest.raises(sv.ConfigurationError, match="is no list of studies"):
        sv.merge(studies)


async def test_what_names_no_trials_or_is_no_executor_is_a_sentence_and_orders_nothing(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    before = len(service.ledger)
    for order_again in (None, 5, True):
        with pytest.raises(sv.ConfigurationError, match="names no trials"):
            await study.run(small_plan(songs), order_again=order_again)  # type: ignore[arg-type]
    with pytest.raises(sv.ConfigurationError, match="is no executor"):
        await study.run(small_plan(songs), executor="two")  # type: ignore[arg-type]
    with pytest.raises(sv.ConfigurationError, match="is no client"):
        sv.Study(tmp_path / "study", "key")  # type: ignore[arg-type]
    assert len(service.ledger) == before


def a_kernel_later(study: sv.Study, make_client: MakeClient, **settings: Any) -> sv.Study:
    """The study of the same folder as a new kernel opens it, once that folder was deleted."""
    study.close()
    shutil.rmtree(study.path)
    return sv.Study(study.path, make_client(**settings))


async def test_a_new_kernel_takes_over_what_a_deleted_study_of_the_same_folder_has_paid(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    odd = tagged("fine", *"abc") | tagged("lost", fault="cut_before_id", times=1)
    await study.run(sv.Plan(songs[:1], ["jazz"], parameters=odd), price=PRICE, measures=False)
    before, audio = len(service.ledger), {trial.audio for trial in study.trials() if trial.audio}
    later = a_kernel_later(study, make_client)
    capsys.readouterr()
    wider = sv.Plan(songs[:1], ["jazz", "waltz"], parameters=odd)
    await later.run(wider, price=PRICE, budget=10 * PRICE, measures=False)
    said = capsys.readouterr().err
    assert "a study was in this folder before" in said
    assert "5 of these 10 trials were ordered by it" in said
    assert len(service.ledger) - before == 5
    assert audio <= {trial.audio for trial in later.trials()}
    states = [trial.state for trial in later.trials()]
    assert (states.count(TrialState.DONE), states.count(TrialState.UNKNOWN)) == (8, 2)
    assert (later.spent, later.reserved) == (pytest.approx(8 * PRICE), pytest.approx(2 * PRICE))
    capsys.readouterr()
    await later.run(wider, price=PRICE, measures=False)
    assert "before" not in capsys.readouterr().err.replace("run before", "")


async def test_a_study_in_another_folder_orders_takes_of_its_own(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    before = len(service.ledger)
    a_kernel_later(study, make_client)
    replication = sv.Study(tmp_path / "replication", make_client())
    await replication.run(small_plan(songs), price=PRICE, measures=False)
    assert len(service.ledger) - before == 2
    # One whose plan has nothing of what was ordered there is a study of its own too.
    other = sv.Study(tmp_path / "study", make_client())
    await other.run(sv.Plan(songs[1:], ["jazz"]), price=PRICE, measures=False)
    assert len(service.ledger) - before == 3
    assert other._reading().meta()["id"] != study._id


async def test_what_a_deleted_study_has_paid_and_nobody_has_any_more_waits_for_the_users_word(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    with Simulator(speed=400.0, render="short") as service:
        study = sv.Study(tmp_path / "study", make_client(base_url=service.base_url))
        await study.run(small_plan(songs), price=PRICE, measures=False)
    shutil.rmtree(tmp_path / "remixes")
    with Simulator(speed=400.0, render="short") as service:
        later = a_kernel_later(study, make_client, base_url=service.base_url)
        await later.run(small_plan(songs), price=PRICE, measures=False)
        assert not service.ledger
        assert {trial.state for trial in later.trials()} == {TrialState.FAILED}
        assert "could not be fetched again" in (later.trials()[0].error or "")
        assert later.spent == pytest.approx(2 * PRICE)
        await later.run(price=PRICE, measures=False, retry_failed=True)
        assert len(service.ledger) == 2
        assert {trial.state for trial in later.trials()} == {TrialState.DONE}
        assert later.spent == pytest.approx(4 * PRICE)


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.UNKNOWN])
async def test_a_take_that_was_lost_before_the_study_had_it_counts_and_waits_for_the_users_word(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, state: TrialState
) -> None:
    with Simulator(speed=400.0, render="short") as service:
        study = sv.Study(tmp_path / "study", make_client(base_url=service.base_url))
        await study.run(sv.Plan(songs[:1], ["jazz"]), price=PRICE, measures=False)
    (trial,) = study.trials()
    (study.path / (trial.file or "")).unlink()
    shutil.rmtree(tmp_path / "remixes")
    with study._writing().writing() as connection:
        connection.execute(
            "UPDATE trials SET state = ?, reserved = charged, charged = 0, paid = '{}', file = NULL, "
            "order_id = NULL",
            (state.value,),
        )
    with Simulator(speed=400.0, render="short") as service:
        study.client = make_client(base_url=service.base_url)
        # Nor by a run that tries failed ones again: this one had not failed when it was asked for.
        await study.run(price=PRICE, measures=False, retry_failed=True)
        (trial,) = study.trials()
        assert trial.state is TrialState.FAILED
        assert "It was paid for, but its audio is gone" in (trial.error or "")
        assert "retry_failed=True orders it once more" in (trial.error or "")
        await study.run(price=PRICE, measures=False)
        assert not service.ledger
        assert (study.spent, study.reserved) == (pytest.approx(PRICE), 0)
        await study.run(price=PRICE, measures=False, retry_failed=True)
        assert len(service.ledger) == 1
        assert [trial.state for trial in study.trials()] == [TrialState.DONE]
        assert (study.spent, study.reserved) == (pytest.approx(2 * PRICE), 0)


async def test_a_merged_study_that_was_deleted_still_knows_what_it_was_merged_of(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    part = sv.Study(tmp_path / "part", make_client())
    await part.run(small_plan(songs), price=PRICE, measures=False)
    whole = sv.merge([part], tmp_path / "whole")
    whole.client = make_client()
    wider = sv.Plan(songs[:1], ["jazz", "waltz", "dub"])
    await whole.run(wider, price=PRICE, measures=False)
    before = len(service.ledger)
    later = a_kernel_later(whole, make_client)
    await later.run(wider, price=PRICE, measures=False)
    assert len(service.ledger) == before
    assert {trial.state for trial in later.trials()} == {TrialState.DONE}
