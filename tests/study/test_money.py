"""Nothing is paid twice by a study that is resumed, merged, cut or copied, or whose journal is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.errors import Spent
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.audio_files import keep_audio
from soundverse_nb.study.runner_lease import RunnerLease, Work
from soundverse_nb.study.store import StudyStore, TrialState
from tests.study.conftest import PRICE, RATE, small_plan, tagged

MakeClient = Callable[..., sv.Client]


def states(study: sv.Study) -> dict[str, int]:
    return {state.value: count for state, count in Counter(t.state for t in study.trials()).items()}


def left_out(study: sv.Study, *, count: int) -> None:
    """Make finished trials look as a kill right after their orders were sent would have left them."""
    for trial in study.trials()[:count]:
        study._writing().settle(
            trial.identity, TrialState.RUNNING, charged=-round(PRICE * 1_000_000), order_id=None, file=None
        )
        with study._writing().writing() as connection:
            connection.execute(
                "UPDATE trials SET reserved = ?, paid = '{}' WHERE identity = ?",
                (round(PRICE * 1_000_000), trial.identity),
            )


async def test_samples_are_the_same_song_when_the_study_gives_out_its_plan_again(
    tmp_path: Path, make_client: MakeClient, service: Simulator
) -> None:
    samples = np.sin(np.arange(11 * RATE) / 20).astype(np.float32)
    study = sv.Study(tmp_path / "study", make_client())
    before = len(service.ledger)
    await study.run(sv.Plan({"tone": (samples, RATE)}, ["jazz"], repeats=2), measures=False)
    await study.run(measures=False)
    await sv.Study(tmp_path / "study", make_client()).run(measures=False)
    assert len(service.ledger) - before == 2
    assert study.plan is not None
    assert not study.changes(study.plan)


async def test_a_merged_study_knows_the_orders_of_its_parts(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    part = sv.Study(tmp_path / "part", make_client())
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*"abcd"))
    await part.run(plan, price=PRICE, measures=False)
    left_out(part, count=3)
    part.close()
    merged = sv.merge([part], tmp_path / "merged")
    merged.client = make_client()
    before = len(service.ledger)
    await merged.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) == before
    assert states(merged) == {"done": 4}
    assert (merged.spent, merged.reserved) == (pytest.approx(4 * PRICE), 0)


async def test_two_studies_that_were_killed_with_the_same_trial_out_count_both_orders_when_merged(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    before, studies = len(service.ledger), []
    for name in ("one", "two"):
        study = sv.Study(tmp_path / name, make_client())
        await study.run(small_plan(songs), price=PRICE, measures=False)
        left_out(study, count=2)
        study.close()
        studies.append(study)
    assert len(service.ledger) - before == 4
    merged = sv.merge(studies, tmp_path / "merged")
    assert merged.reserved == pytest.approx(4 * PRICE)
    merged.client = make_client()
    for _ in range(2):
        await merged.run(price=PRICE, measures=False)
        assert states(merged) == {"done": 4}
        assert (merged.spent, merged.reserved) == (pytest.approx(4 * PRICE), 0)
    assert len({trial.order_id for trial in merged.trials()}) == 4
    assert len(service.ledger) - before == 4


async def test_what_was_out_when_the_journal_was_deleted_is_unknown(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    client = make_client()
    study = sv.Study(tmp_path / "study", client)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*"abcd"))
    await study.run(plan, price=PRICE, measures=False)
    left_out(study, count=2)
    await client.aclose()
    for file in tmp_path.glob("orders.sqlite3*"):
        file.unlink()
    study.client = make_client()
    before = len(service.ledger)
    await study.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) == before
    assert states(study) == {"done": 2, "unknown": 2}
    assert study.reserved == pytest.approx(2 * PRICE)


async def test_a_clock_that_was_set_back_hides_no_order(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    left_out(study, count=2)
    with study._writing().writing() as connection:
        connection.execute("UPDATE trials SET started = started + 3600")
    before = len(service.ledger)
    await study.run(small_plan(songs), price=PRICE, measures=False)
    assert len(service.ledger) == before
    assert states(study) == {"done": 2}
    assert (study.spent, study.reserved) == (pytest.approx(2 * PRICE), 0)


async def test_a_refused_run_lets_nothing_be_ordered_again(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged("lost", fault="cut_before_id", times=1))
    await study.run(plan, price=PRICE, measures=False)
    (lost,) = study.unknown
    with pytest.raises(sv.BudgetExceededError):
        await study.run(plan, price=PRICE, budget=PRICE, measures=False, order_again=[lost.identity])
    for name in (lost.identity[:8], "nobody"):
        with pytest.raises(sv.ConfigurationError, match="order_again"):
            await study.run(plan, price=PRICE, measures=False, order_again=[name])
    before = len(service.ledger)
    await study.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) == before
    assert [trial.identity for trial in study.unknown] == [lost.identity]


async def test_a_shard_keeps_its_budget_when_it_is_resumed_and_when_it_is_saved(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(8))))
    shard = plan.shard(0, 2, budget=4 * PRICE)
    study = sv.Study(tmp_path / "study", make_client())
    for again in (shard, None):
        with pytest.raises(sv.BudgetExceededError):
            await study.run(again, price=PRICE, measures=False)
        assert study.spent == pytest.approx(2 * PRICE)
    loaded = sv.Plan.load(shard.save(tmp_path / "shard.yaml"))
    assert (loaded.budget, loaded.hash) == (shard.budget, shard.hash)


@pytest.mark.parametrize("price", [0.1, 0.3, 0.07])
def test_shares_of_a_budget_hold_as_many_trials_as_the_whole(price: float) -> None:
    plan = sv.Plan(["one.mp3"], [f"style {number}" for number in range(12)])
    for parts in range(1, 13):
        shards = [plan.shard(index, parts, budget=12 * price) for index in range(parts)]
        assert all(
            round(shard.budget * 1e6) >= len(shard) * round(price * 1e6)
            for shard in shards
            if 12 % parts == 0
        )  # type: ignore[operator]
        assert sum(round(shard.budget * 1e6) for shard in shards) <= round(12 * price * 1e6)  # type: ignore[operator]


async def test_prices_beyond_what_is_counted_are_refused(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    before = len(service.ledger)
    study = sv.Study(tmp_path / "study", make_client())
    for settings in ({"price": 1e13}, {"price": 4e-7, "budget": 1e-6}, {"price": 0.1, "budget": 1e300}):
        with pytest.raises(sv.ConfigurationError, match="is no amount of money"):
            await study.run(small_plan(songs), measures=False, **settings)
    assert len(service.ledger) == before


def test_a_slip_in_repeats_is_a_sentence_at_once() -> None:
    with pytest.raises(sv.ConfigurationError, match="more than a study can hold"):
        sv.Plan(["one.mp3"], ["jazz"], repeats=10**9)


async def test_nothing_is_adopted_into_a_study_that_runs(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    first = sv.Study(tmp_path / "first", make_client())
    await first.run(small_plan(songs), price=PRICE, measures=False)
    second = sv.Study(tmp_path / "second", make_client())
    await second.run(sv.Plan(songs[:1], ["dub"]), price=PRICE, measures=False)
    async with RunnerLease(second._writing()):
        with pytest.raises(sv.ConfigurationError, match="being run"):
            second.adopt(first)
    assert not second.is_running


async def test_who_keeps_a_study_to_itself_is_said_with_what_for(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    for work in (Work.RUN, Work.MEASURE):
        async with RunnerLease(study._writing(), work):
            assert study.is_running
            with pytest.raises(sv.ConfigurationError, match=f"is being {work.value} by another study object"):
                await sv.Study(study.path, make_client()).run(measures=False)
    # A claim that says nothing of it is that of a run.
    async with RunnerLease(study._writing()):
        study._writing().change("runner", lambda text: json.dumps({**json.loads(text or ""), "work": "sung"}))
        with pytest.raises(sv.ConfigurationError, match="is being run by"):
            await sv.Study(study.path, make_client()).run(measures=False)


async def _begun(tmp_path: Path, songs: list[Path], make_client: MakeClient) -> tuple[sv.Study, sv.Study]:
    """A finished study, and one of the same plan that had no money for more than its first trial."""
    first = sv.Study(tmp_path / "first", make_client())
    await first.run(small_plan(songs), price=PRICE, measures=False)
    second = sv.Study(tmp_path / "second", make_client(journal=tmp_path / "second.sqlite3"))
    with pytest.raises(sv.BudgetExceededError):
        await second.run(small_plan(songs), price=PRICE, budget=PRICE, measures=False)
    return first, second


async def test_no_run_begins_while_takes_are_taken_over(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = await _begun(tmp_path, songs, make_client)
    before, refused = len(service.ledger), []

    def run_meanwhile(*given: Any, **settings: Any) -> Any:
        with pytest.raises(sv.ConfigurationError, match="given takes of another one by another") as caught:
            sv.Study(second.path, make_client()).run_sync(price=PRICE, budget=2 * PRICE, measures=False)
        assert "Try again when that is over" in str(caught.value)
        assert not second.is_running
        with pytest.raises(sv.ConfigurationError, match="Nobody runs this study now"):
            second.pause()
        refused.append(caught.value)
        return keep_audio(*given, **settings)

    monkeypatch.setattr("soundverse_nb.study.adopting.keep_audio", run_meanwhile)
    assert second.adopt(first) == 1
    assert len(refused) == 1
    assert not second.is_running
    assert states(second) == {"done": 2}
    assert len(service.ledger) == before


async def test_what_is_reserved_meanwhile_is_not_taken_over(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await _begun(tmp_path, songs, make_client)
    (missing,) = second.trials([TrialState.MISSING])

    def reserved_meanwhile(*given: Any, **settings: Any) -> Any:
        # As by a machine to which this one, asleep, looked dead.
        other = StudyStore(second.path)
        other.reserve(missing.identity, round(PRICE * 1_000_000), None)
        other.close()
        return keep_audio(*given, **settings)

    monkeypatch.setattr("soundverse_nb.study.adopting.keep_audio", reserved_meanwhile)
    assert second.adopt(first) == 0
    assert (second.spent, second.reserved) == (pytest.approx(PRICE), pytest.approx(PRICE))
    assert states(second) == {"done": 1, "running": 1}


async def test_a_run_that_no_further_order_can_be_made_in_says_what_it_paid(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    plan = sv.Plan(songs[:1], ["jazz", "waltz", "dub"])
    with Simulator(speed=400.0, render="short", balance=2) as poor:
        client = sv.Client(
            base_url=poor.base_url, directory=tmp_path / "poor", journal=tmp_path / "poor.sqlite3",
            progress=False, api_key="key-1",
        )  # fmt: skip
        study = sv.Study(tmp_path / "study", client)
        with pytest.raises(sv.InsufficientBalanceError) as caught:
            await study.run(plan, price=PRICE, measures=False, concurrency=1)
        assert caught.value.spent is Spent.YES
        said = str(caught.value)
        assert "2 of 3 trials are done, simulated cost 0.20. What was ordered was simulated, so" in said
        assert "paid for" not in said
        with pytest.raises(sv.InsufficientBalanceError) as caught:
            await study.run(plan, price=PRICE, measures=False, concurrency=1)
        assert caught.value.spent is Spent.NO
        assert "As before this run, 2 of 3 trials are done, simulated cost 0.20." in str(caught.value)
        assert len(poor.ledger) == 2
        await client.aclose()


async def test_a_run_without_a_price_counts_at_that_of_the_run_before_and_says_so(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = sv.Plan(songs[:1], ["jazz", "waltz", "dub", "folk"])
    study = sv.Study(tmp_path / "study", make_client())
    with pytest.raises(sv.BudgetExceededError):
        await study.run(plan, price=PRICE, budget=PRICE, measures=False)
    with pytest.raises(sv.BudgetExceededError):
        await study.run(plan, budget=2 * PRICE, measures=False)
    assert study.spent == pytest.approx(2 * PRICE)
    study.close()
    merged = sv.merge([study], tmp_path / "merged")
    # The other's orders are in another journal.
    for each, journal in ((study, "orders"), (merged, "others")):
        each.client = make_client(journal=tmp_path / f"{journal}.sqlite3")
        capsys.readouterr()
        await each.run(budget=float("inf"), measures=False)
        said = capsys.readouterr().err
        assert "2 of 4 trials to order for 0.20, at the 0.10 of the run before (price= changes it)" in said
        assert each.spent == pytest.approx(4 * PRICE)


async def test_no_price_at_all_is_no_price_still(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), measures=False)
    await study.run(sv.Plan(songs[:1], ["dub"]), measures=False)
    assert "of the run before" not in capsys.readouterr().err
    assert study.spent == 0


async def test_a_run_without_a_budget_keeps_within_that_of_the_run_before_and_says_so(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = sv.Plan(songs[:1], ["jazz", "waltz", "dub", "folk"])
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(sv.Plan(songs[:1], ["jazz"]), price=PRICE, budget=3 * PRICE, measures=False)
    for again in (study, sv.Study(study.path, make_client())):
        capsys.readouterr()
        with pytest.raises(sv.BudgetExceededError):
            await again.run(plan, measures=False)
        assert again.spent == pytest.approx(3 * PRICE)
    with pytest.raises(sv.BudgetExceededError, match="of the run before has no room") as full:
        await study.run(measures=False)
    assert 'budget=float("inf") lifts it' in str(full.value)
    # Lifted it stays, until there is another one.
    await study.run(sv.Plan(songs[:1], ["jazz", "waltz"]), budget=float("inf"), measures=False)
    await study.run(plan, measures=False)
    assert study.spent == pytest.approx(4 * PRICE)


async def test_the_budget_of_the_run_before_is_said_before_anything_is_ordered(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(sv.Plan(songs[:1], ["jazz"]), price=PRICE, budget=5, measures=False)
    capsys.readouterr()
    await study.run(small_plan(songs), price=PRICE, measures=False)
    said = capsys.readouterr().err
    assert "1 of 2 trials to order for 0.10, within the budget of 5.00 of the run before" in said
    assert "(budget= changes it)" in said


async def test_a_lower_budget_holds_for_the_next_run_although_it_has_no_room(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, budget=5, measures=False)
    wider = sv.Plan(songs[:1], ["jazz", "waltz", "dub"])
    for budget in (PRICE, None):
        with pytest.raises(sv.BudgetExceededError):
            await study.run(wider, budget=budget, measures=False)
    assert study.spent == pytest.approx(2 * PRICE)


async def test_merged_shards_have_their_budgets_together_and_a_lifted_one_is_none(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(8))))
    studies = []
    for part in (0, 1):
        study = sv.Study(tmp_path / str(part), make_client())
        with pytest.raises(sv.BudgetExceededError):
            await study.run(plan.shard(part, 2, budget=6 * PRICE), price=PRICE, measures=False)
        studies.append(study)
    whole = sv.merge(studies, tmp_path / "whole")
    whole.client = make_client()
    with pytest.raises(sv.BudgetExceededError, match="of the run before"):
        await whole.run(measures=False)
    await studies[0].run(budget=float("inf"), measures=False)
    await studies[0].run(measures=False)
    assert states(studies[0]) == {"done": 4}
    free = sv.merge(studies, tmp_path / "free")
    free.client = make_client()
    await free.run(measures=False)
    assert states(free) == {"done": 8}
