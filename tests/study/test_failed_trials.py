"""Trials that failed stay failed, with what they failed of, until somebody asks for them again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Timeouts
from soundverse_nb.client.journal.order import GIVEN_UP, NOT_SENT, Order, OrderState
from soundverse_nb.displays import Phase
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.settling import Settlement, not_ordered, settled_order
from soundverse_nb.study.store import StoredTrial, TrialState
from tests.client.conftest import Notebook
from tests.study.conftest import PRICE, tagged
from tests.study.stored import stored_trial

MakeClient = Callable[..., sv.Client]

AT_ONCE = Timeouts(max_attempts=1)
"""Nothing is tried again, so that a passing refusal is an end."""

FAULTS = {
    "rate_limit": 0, "unavailable": 0, "error_in_stream": 0, "bad_request": 0, "failure": 1,
    "failure_at_90": 1,
}  # fmt: skip
"""What an order fails of, and how many prices that counts as; "bad_request" is refused as no fault at all."""


def stands(study: sv.Study) -> list[tuple[Any, ...]]:
    return [(t.factors["parameters"], t.state.value, t.attempts, t.error) for t in study.trials()]


def failing(songs: list[Path], fault: str) -> sv.Plan:
    return sv.Plan(songs[:1], ["jazz"], parameters=tagged("fine") | tagged("bad", fault=fault, times=1))


@pytest.mark.parametrize("fault", FAULTS)
async def test_failed_trials_are_ordered_again_by_choice_alone(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator, fault: str
) -> None:
    study = sv.Study(tmp_path / "study", make_client(timeouts=AT_ONCE))
    plan, before = failing(songs, fault), len(service.ledger)
    await study.run(plan, price=PRICE, measures=False)
    first, paid = stands(study), len(service.ledger) - before
    assert Counter(state for _, state, *_ in first) == {"done": 1, "failed": 1}
    assert study.spent == pytest.approx((1 + FAULTS[fault]) * PRICE)
    again = sv.Study(study.path, make_client(timeouts=AT_ONCE))
    for _ in range(2):
        await again.run(plan, price=PRICE, measures=False)
        assert stands(again) == first
    # Nor does a run that then orders nothing let it be forgotten.
    wider = sv.Plan(songs[:1], ["jazz", "waltz"], parameters=plan.description()["parameters"])
    with pytest.raises(sv.BudgetExceededError):
        await again.run(wider, price=PRICE, budget=PRICE, measures=False)
    assert set(first) <= set(stands(again))
    assert len(service.ledger) - before == paid
    await again.run(plan, price=PRICE, measures=False, retry_failed=True, budget=float("inf"))
    assert max(attempts for _, _, attempts, _ in stands(again)) == 2


@pytest.mark.parametrize("fault", ["rate_limit", "failure"])
async def test_copies_and_merged_studies_order_no_failed_trial_unasked(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator, fault: str
) -> None:
    study = sv.Study(tmp_path / "study", make_client(timeouts=AT_ONCE))
    plan = failing(songs, fault)
    await study.run(plan, price=PRICE, measures=False)
    first, before = stands(study), len(service.ledger)
    merged = sv.merge([study], tmp_path / "merged")
    merged.client = make_client(timeouts=AT_ONCE)
    await merged.run(plan, price=PRICE, measures=False)
    assert stands(merged) == first
    other = sv.Study(tmp_path / "other", make_client(timeouts=AT_ONCE))
    other.adopt(study)
    assert study.changes(plan).kept
    await study.run(plan, price=PRICE, measures=False)
    assert stands(study) == first
    assert len(service.ledger) == before


async def test_a_retry_that_was_interrupted_or_that_no_order_can_be_made_in_leaves_the_trial_failed(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client(timeouts=AT_ONCE))
    tags = tagged("fine") | tagged("bad", fault="unavailable", times=None)
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tags)
    await study.run(plan, price=PRICE, measures=False)
    first = [(level, state, error) for level, state, _, error in stands(study)]
    seen = Notebook()
    study.client = make_client(progress=seen)
    interrupted = asyncio.ensure_future(study.run(plan, measures=False, retry_failed=True))
    await seen.until(lambda: any(update.phase is Phase.RETRYING for update in seen.updates))
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    assert [(level, state, error) for level, state, _, error in stands(study)] == first
    with Simulator(speed=400.0, render="short", faults=["no_balance"]) as poor:
        study.client = make_client(base_url=poor.base_url)
        with pytest.raises(sv.InsufficientBalanceError):
            await study.run(plan, measures=False, retry_failed=True)
    assert [(level, state, error) for level, state, _, error in stands(study)] == first
    assert [attempts for *_, attempts, _ in stands(study)] == [1, 3]


def order(number: int, state: OrderState, error: str | None = "It was refused.") -> Order:
    return Order(f"order-{number}", "service", state, error=error, created_at=number, updated_at=number)


RUNNING = stored_trial(1, state=TrialState.RUNNING, journal="mine study", attempts=1, started=0.5)
TRIED = stored_trial(
    1, state=TrialState.RUNNING, journal="mine study", attempts=2, started=1.5, order_id="order-1",
    error="It failed before.",
)  # fmt: skip
REFUSED, FAILED = OrderState.REFUSED, OrderState.FAILED


@pytest.mark.parametrize(
    ("trial", "orders", "state", "error"),
    [
        (RUNNING, [], "missing", None),
        (RUNNING, [order(1, REFUSED, NOT_SENT)], "missing", None),
        (RUNNING, [order(1, REFUSED, GIVEN_UP)], "missing", None),
        (RUNNING, [order(1, REFUSED)], "failed", "It was refused."),
        (RUNNING, [order(1, REFUSED, GIVEN_UP), order(2, REFUSED)], "failed", "It was refused."),
        (TRIED, [order(1, FAILED)], "failed", "It failed before."),
        (TRIED, [order(1, REFUSED)], "failed", "It failed before."),
        (TRIED, [order(1, REFUSED), order(2, REFUSED, NOT_SENT)], "failed", "It failed before."),
        (TRIED, [order(1, FAILED), order(2, REFUSED)], "failed", "It was refused."),
    ],
)
def test_what_a_kill_left_reserved_stands_as_if_nothing_had_been_killed(
    trial: StoredTrial, orders: list[Order], state: str, error: str | None
) -> None:
    settled = settled_order(trial, orders, "mine")
    assert settled is not None
    assert (settled.state.value, settled.is_paid, settled.facts["error"]) == (state, False, error)


ELSEWHERE = replace(TRIED, journal="another study", order_id=None, error=None)


@pytest.mark.parametrize(
    "orders", [[], [order(1, REFUSED, GIVEN_UP)], [order(1, REFUSED)], [order(1, FAILED)]]
)
def test_what_another_journal_knows_is_not_settled_by_earlier_orders_of_this_one(orders: list[Order]) -> None:
    settled = settled_order(ELSEWHERE, orders, "mine")
    assert settled is not None
    assert (settled.state, settled.is_paid) == (TrialState.UNKNOWN, None)
    unknown = replace(ELSEWHERE, state=TrialState.UNKNOWN, error=settled.facts["error"])
    assert settled_order(unknown, orders, "mine") is None


@pytest.mark.parametrize(
    ("noted", "orders", "state", "error"),
    [
        (None, [], "missing", None),
        (None, [order(1, REFUSED, NOT_SENT)], "missing", None),
        (None, [order(1, REFUSED)], "failed", "It was refused."),
        ("order-1", [order(1, REFUSED, GIVEN_UP)], "missing", None),
        ("order-1", [order(1, FAILED, "It failed before.")], "failed", "It failed before."),
    ],
)
def test_a_trial_that_another_journal_did_not_know_is_settled_by_its_own(
    noted: str | None, orders: list[Order], state: str, error: str | None
) -> None:
    unknown = replace(
        TRIED, state=TrialState.UNKNOWN, order_id=noted, error="Its price was reserved elsewhere.",
        paid={"order-1": 100} if error == "It failed before." else {},
    )  # fmt: skip
    settled = settled_order(unknown, orders, "mine")
    assert settled is not None
    assert (settled.state.value, settled.is_paid, settled.facts["error"]) == (state, False, error)


def test_a_trial_whose_order_got_no_answer_stays_unknown() -> None:
    unknown = replace(TRIED, state=TrialState.UNKNOWN, order_id="order-2")
    lost = [order(1, REFUSED), order(2, OrderState.UNKNOWN)]
    settled = settled_order(unknown, lost, "mine")
    assert settled is not None
    assert (settled.state, settled.is_paid, settled.order) == (TrialState.UNKNOWN, None, "order-2")
    for others in ([], [order(1, REFUSED)], [order(1, FAILED)]):
        assert settled_order(unknown, others, "mine") is None
    # An answer that came after all, and that it failed: nobody knows whether that is charged.
    settled = settled_order(unknown, [order(2, FAILED)], "mine")
    assert settled is not None
    assert (settled.state, settled.is_paid, settled.order) == (TrialState.FAILED, True, "order-2")


@pytest.mark.parametrize("state", [OrderState.ACCEPTED, OrderState.COMPLETED, OrderState.FETCHED])
def test_a_take_that_was_made_after_all_stands_before_a_retry_that_was_not_sent(state: OrderState) -> None:
    made = replace(order(1, state), path="/takes/one.wav")
    expected = TrialState.DONE if state is OrderState.FETCHED else TrialState.RUNNING
    for others in ([], [order(2, REFUSED, NOT_SENT)]):
        settled = settled_order(TRIED, [made, *others], "mine")
        assert settled is not None
        assert (settled.state, settled.order) == (expected, "order-1")


def test_a_retry_that_is_out_stands_before_a_take_that_was_made_after_all() -> None:
    made = replace(order(1, OrderState.FETCHED), path="/takes/one.wav")
    settled = settled_order(TRIED, [made, order(2, OrderState.ACCEPTED)], "mine")
    assert settled is not None
    assert (settled.state, settled.order) == (TrialState.RUNNING, "order-2")


@pytest.mark.parametrize("state", [TrialState.MISSING, TrialState.FAILED])
@pytest.mark.parametrize("error", [NOT_SENT, GIVEN_UP, "It was refused."])
def test_a_refused_order_says_nothing_new_of_a_trial_that_is_settled(state: TrialState, error: str) -> None:
    assert settled_order(stored_trial(1, state=state), [order(1, REFUSED, error)], "mine") is None


def test_a_trial_of_unknown_outcome_that_was_not_ordered_again_is_a_missing_one() -> None:
    unknown = stored_trial(1, state=TrialState.UNKNOWN, error="No answer came.")
    assert not_ordered(unknown) == Settlement(TrialState.MISSING, False, facts={"error": None})
