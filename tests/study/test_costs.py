"""What a study's money counts: real and simulated apart, orders without a price, orders of copies."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Timeouts
from soundverse_nb.hosting import EmbeddedHost
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.store import NAME, StudyStore, TrialState
from tests.study.conftest import PRICE, small_plan, tagged
from tests.study.stored import stored_trial

MakeClient = Callable[..., sv.Client]

AT_ONCE = Timeouts(max_attempts=1)


@pytest.fixture
def make_real_client(
    make_client: MakeClient, service: Simulator, monkeypatch: pytest.MonkeyPatch
) -> MakeClient:
    """A client that takes the service for the real one."""

    def make() -> sv.Client:
        monkeypatch.setattr("soundverse_nb.client.session.is_simulator", lambda base_url: False)
        client = make_client(host=EmbeddedHost(service.base_url))
        client.orders()
        monkeypatch.undo()
        return client

    return make


def six(songs: list[Path]) -> sv.Plan:
    return sv.Plan(songs[:1], ["jazz"], parameters=tagged(*"abcdef"))


async def test_a_rehearsal_leaves_the_budget_whole_and_is_never_called_spent(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    make_real_client: MakeClient,
    service: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    budget = 5 * PRICE
    study = sv.Study(tmp_path / "study", make_client())
    with pytest.raises(sv.BudgetExceededError, match="simulated or reserved"):
        await study.run(six(songs), price=PRICE, budget=budget, measures=False)
    assert (study.spent, study.simulated_cost) == (pytest.approx(budget), pytest.approx(budget))
    before = len(service.ledger)
    real = sv.Study(study.path, make_real_client())
    assert len(real.changes(six(songs)).added) == 6
    capsys.readouterr()
    with pytest.raises(
        sv.BudgetExceededError, match=r"0\.50 are spent or reserved\. 10 of 12 .*has been paid"
    ):
        await real.run(six(songs), price=PRICE, budget=budget, measures=False)
    assert "(budget 0.50, 0.00 of it used)" in capsys.readouterr().err
    assert len(service.ledger) - before == 5
    assert (real.spent, real.simulated_cost) == (pytest.approx(budget), pytest.approx(budget))
    assert real.headline().endswith("10 of 12 trials done, spent 0.50, simulated cost 0.50")
    page = real.report(tmp_path / "report.html", metrics=["seconds"]).read_text()
    assert "spent 0.50, simulated cost 0.50." in page
    # Nor does real money eat the budget of another rehearsal.
    with pytest.raises(sv.BudgetExceededError, match=r"0\.50 are simulated or reserved"):
        await study.run(six(songs), price=PRICE, budget=budget, measures=False)
    merged = sv.merge([study], tmp_path / "merged")
    assert (merged.spent, merged.simulated_cost) == (pytest.approx(budget), pytest.approx(budget))


def test_a_reservation_counts_what_is_of_its_kind(tmp_path: Path) -> None:
    store = StudyStore(tmp_path / "study")
    kinds = {1: True, 2: True, 3: False, 4: False}
    store.take_plan("plan-1", {}, [stored_trial(n, simulated=kind) for n, kind in kinds.items()])
    for number in (1, 3):
        store.reserve(f"trial-{number}", 10, 15)
    for number in (2, 4):
        with pytest.raises(sv.BudgetExceededError):
            store.reserve(f"trial-{number}", 10, 15)
    assert store.spent_by_kind() == {False: (0, 10), True: (0, 10)}
    store.close()


async def test_orders_without_a_price_count_at_the_one_that_is_given_later(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = sv.Study(tmp_path / "study", make_client(timeouts=AT_ONCE))
    odd = tagged("lost", fault="cut_before_id", times=1) | tagged("refused", fault="bad_request")
    odd |= tagged("broken", fault="failure", times=1)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged("fine") | odd)
    await study.run(plan, measures=False)
    assert (study.spent, study.reserved) == (0, 0)
    wider = sv.Plan(songs[:1], ["jazz", "waltz"], parameters=tagged("fine", "new") | odd)
    before = len(service.ledger)
    # Done, failed and unknown: three may be paid.
    with pytest.raises(sv.BudgetExceededError, match=r"0\.30 are simulated or reserved"):
        await study.run(wider, price=PRICE, budget=3 * PRICE, measures=False)
    assert len(service.ledger) == before
    # A price that was a slip, and that nothing was ordered at, is none.
    with pytest.raises(sv.BudgetExceededError):
        await study.run(wider, price=50.0, budget=3 * PRICE, measures=False)
    capsys.readouterr()
    with pytest.raises(sv.BudgetExceededError):
        await study.run(wider, price=PRICE, budget=5 * PRICE, measures=False)
    assert "3 earlier orders that had no price count at 0.10 each" in capsys.readouterr().err
    assert len(service.ledger) - before == 2
    assert study.spent + study.reserved == pytest.approx(5 * PRICE)
    assert study.reserved >= PRICE
    await study.run(budget=100, measures=False)
    assert "no price" not in capsys.readouterr().err


@pytest.mark.parametrize("again", [False, True])
async def test_an_order_at_the_price_0_stays_free_when_there_is_another_price(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    capsys: pytest.CaptureFixture[str],
    again: bool,
) -> None:
    with Simulator(speed=400.0, render="short") as service:
        study = sv.Study(tmp_path / "study", make_client(base_url=service.base_url))
        lost = tagged("lost", fault="cut_before_id", times=1)
        plan = sv.Plan(songs[:1], ["jazz"], parameters=lost)
        await study.run(plan, price=0.0, measures=False)
        unknown = [trial.identity for trial in study.unknown]
        assert unknown
        await study.run(plan, price=PRICE, measures=False, order_again=unknown if again else [])
        assert "no price" not in capsys.readouterr().err
        assert (study.spent, study.reserved) == (pytest.approx(PRICE if again else 0), 0)


async def test_an_order_again_of_what_had_no_price_counts_both(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged("sent", fault="cut_before_id", times=1))
    await study.run(plan, measures=False)
    await study.run(plan, measures=False, order_again=[trial.identity for trial in study.unknown])
    assert study.spent == 0
    await study.run(plan, price=PRICE, measures=False)
    assert (study.spent, study.reserved) == (pytest.approx(2 * PRICE), 0)


@pytest.mark.parametrize("fault", ["unavailable", "failure"])
async def test_what_a_copy_paid_for_counts_also_where_the_trial_had_failed(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator, fault: str
) -> None:
    first = sv.Study(tmp_path / "first", make_client(timeouts=AT_ONCE))
    before = len(service.ledger)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged("bad", fault=fault, times=1))
    await first.run(plan, price=PRICE, measures=False)
    first.close()
    shutil.copytree(first.path, tmp_path / "second")
    second = sv.Study(tmp_path / "second", make_client(timeouts=AT_ONCE))
    await second.run(plan, price=PRICE, measures=False, retry_failed=True)
    for _ in range(2):
        await first.run(plan, price=PRICE, measures=False)
        assert [trial.state for trial in first.trials()] == [TrialState.DONE]
        paid = (len(service.ledger) - before) * PRICE
        assert [each.spent for each in (first, second)] == [pytest.approx(paid), pytest.approx(paid)]
    assert sv.merge([first], tmp_path / "alone").spent == pytest.approx(paid)
    assert sv.merge([first, second], tmp_path / "both").spent == pytest.approx(paid)


async def test_what_a_copy_paid_for_and_lost_counts_too(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    first = sv.Study(tmp_path / "first", make_client(timeouts=AT_ONCE))
    faults = [{"fault": "unavailable", "times": 1, "tag": "twice"}, {"fault": "failure", "tag": "twice"}]
    plan = sv.Plan(songs[:1], ["jazz"], parameters={"twice": {"simulate": faults}})
    await first.run(plan, price=PRICE, measures=False)
    assert first.spent == 0
    first.close()
    shutil.copytree(first.path, tmp_path / "second")
    second = sv.Study(tmp_path / "second", make_client(timeouts=AT_ONCE))
    await second.run(plan, price=PRICE, measures=False, retry_failed=True)
    assert second.spent == pytest.approx(PRICE)
    for _ in range(2):
        await first.run(plan, price=PRICE, measures=False)
        assert [trial.state for trial in first.trials()] == [TrialState.FAILED]
        assert first.spent == pytest.approx(PRICE)


async def test_copies_that_are_merged_count_what_was_before_the_copy_once(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    first = sv.Study(tmp_path / "first", make_client())
    before = len(service.ledger)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged("before", fault="failure", times=1))
    await first.run(plan, price=PRICE, measures=False)
    first.close()
    shutil.copytree(first.path, tmp_path / "second")
    second = sv.Study(tmp_path / "second", make_client())
    await second.run(plan, price=PRICE, measures=False, retry_failed=True)
    assert len(service.ledger) - before == 2
    assert sv.merge([first, second], tmp_path / "both").spent == pytest.approx(2 * PRICE)


@pytest.mark.parametrize("states", [("missing", "done"), ("missing", "missing"), ("done", "missing")])
async def test_what_a_released_order_cost_is_counted_in_a_merged_study(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, states: tuple[str, ...]
) -> None:
    lost = tagged("lost", fault="cut_before_id", times=1)
    plan, studies = sv.Plan(songs[:1], ["jazz"], parameters=lost), []
    for number, state in enumerate(states):
        with Simulator(speed=400.0, render="short") as service:  # which has lost nothing yet
            journal = tmp_path / f"{number}.sqlite3"
            study = sv.Study(tmp_path / str(number), make_client(base_url=service.base_url, journal=journal))
            await study.run(plan, price=PRICE, measures=False)
            # As a run leaves it that was stopped before it ordered again.
            study._writing().release_unknown([trial.identity for trial in study.unknown])
            if state == "done":
                await study.run(plan, price=PRICE, measures=False)
            assert len(service.ledger) == round(study.spent / PRICE) == (2 if state == "done" else 1)
        studies.append(study)
    spent = sum(study.spent for study in studies)
    merged = sv.merge(studies, tmp_path / "merged")
    assert merged.spent == pytest.approx(spent)
    assert len(merged.trials()) == 1


def test_an_order_is_counted_once_however_often_it_ends(tmp_path: Path) -> None:
    store = StudyStore(tmp_path / "study")
    store.take_plan("plan-1", {}, [stored_trial(1)])
    for order, state in (("a", TrialState.FAILED), ("a", TrialState.DONE), ("b", TrialState.DONE)):
        store.settle("trial-1", state, charged=0, paid={order: 10})
    assert store.spent() == (20, 0)
    store.close()


def make_older(study: sv.Study) -> None:
    """Close a study and make its store one of the format before, which did not keep what each order cost."""
    study.close()
    with sqlite3.connect(study.path / NAME) as connection:
        connection.execute("ALTER TABLE trials DROP COLUMN paid")
        connection.execute("DROP INDEX trials_by_cost")
        connection.execute("CREATE INDEX trials_by_money ON trials (reserved, charged)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


async def test_orders_of_a_study_of_the_format_before_are_counted_once_and_none_is_forgotten(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    bad = tagged("bad", fault="failure", times=1) | tagged("lost", fault="cut_before_id", times=1)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=bad)
    with Simulator(speed=400.0, render="short") as service:  # which has lost nothing yet
        study = sv.Study(tmp_path / "study", make_client(base_url=service.base_url))
        await study.run(plan, price=PRICE, measures=False)
    assert (study.spent, study.reserved) == (pytest.approx(PRICE), pytest.approx(PRICE))
    make_older(study)
    alone, both = (sv.merge([study] * count, tmp_path / f"merged-{count}") for count in (1, 2))
    assert alone.spent == both.spent == pytest.approx(PRICE)
    alone.close()
    with Simulator(speed=400.0, render="short", faults=["no_balance"]) as poor:
        for each in (study, alone):
            each.client = make_client(base_url=poor.base_url)
            with pytest.raises(sv.InsufficientBalanceError):
                await each.run(plan, measures=False, retry_failed=True)
            await each.run(plan, measures=False)
            assert (each.spent, each.reserved) == (pytest.approx(PRICE), pytest.approx(PRICE))
            assert len(each.unknown) == 1


async def test_takes_of_a_study_of_the_format_before_that_had_no_price_count_at_a_later_one(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), measures=False)
    make_older(study)
    await study.run(small_plan(songs), price=PRICE, measures=False)
    assert study.spent == pytest.approx(2 * PRICE)


async def test_a_study_of_the_format_before_is_read_and_goes_on(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    make_older(study)
    before = len(service.ledger)
    older = sv.Study(study.path)
    assert list(older.to_frame()["cost"]) == [PRICE, PRICE]
    assert sv.merge([older], tmp_path / "merged").spent == pytest.approx(2 * PRICE)
    assert older._reading().damage() is None
    older.close()
    wider = sv.Plan(songs[:1], ["jazz", "waltz", "dub"])
    await study.run(wider, price=PRICE, budget=3 * PRICE, measures=False)
    assert len(service.ledger) - before == 1
    assert study.spent == pytest.approx(3 * PRICE)
