"""How trials stand by the journal of orders, which after a crash knows what was sent and what is paid."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from soundverse_nb.client.journal.order import Order, OrderState, spent_for, was_not_sent
from soundverse_nb.errors import SoundverseError, Spent
from soundverse_nb.remix import Remix
from soundverse_nb.study.store import StoredTrial, TrialState
from soundverse_nb.study.stored_trial import RESERVED


@dataclass(frozen=True)
class Settlement:
    """How a trial stands now. `is_paid` None keeps its reservation: its order is out, or nobody knows.

    `audio` is where the remix lies outside of the study, `content` its hash where that was just taken;
    `facts` are columns of the store, `order` is the id of the order that it goes by.
    """

    state: TrialState
    is_paid: bool | None
    audio: Path | None = None
    content: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    order: str | None = None


def settled_end(result: Remix | SoundverseError, order: Order | None) -> Settlement:
    """How a trial stands whose remix has just ended so."""
    if isinstance(result, Remix):
        content = None if order is None else order.sha256  # fetched a moment ago: nobody has changed the file
        facts = {"error": None, **_timing(result), **_names(order)}
        return Settlement(TrialState.DONE, True, result.audio.path, content, facts, result.order_id)
    facts = {"error": str(result), **_names(order)}
    if order is None or spent_for(order) is Spent.NO:
        return Settlement(TrialState.FAILED, False, facts=facts)
    return _by_order(order, facts)


def not_ordered(trial: StoredTrial, order: Order | None = None) -> Settlement:
    """How a trial stands that was reserved, and then not ordered for a reason that is not its own: as before.

    Its error is that of an attempt before, if there was one. `order` was refused as every other one would
    have been.
    """
    failed_before = trial.error is not None and trial.state is not TrialState.UNKNOWN
    state, error = (TrialState.FAILED, trial.error) if failed_before else (TrialState.MISSING, None)
    return Settlement(state, False, facts={"error": error, **_names(order)})


def settled_order(
    trial: StoredTrial, orders: Sequence[Order], journal: str, released: Collection[str] = ()
) -> Settlement | None:
    """How a trial of an earlier run stands by its orders in this journal; None where nothing is new.

    Orders that were `released` at the user's word count only where they turned out to be paid. One that this
    study has never heard of is that of a copy of it, and counts like its own.
    """
    orders = [order for order in orders if order.order_id not in released or order.state in _PAID]
    is_here = journal_of(trial) == journal
    is_of_before = _is_of_before(trial, orders)
    if trial.state is TrialState.UNKNOWN and is_here and is_of_before:
        trial = _as_reserved(trial, orders)
    if trial.state is TrialState.RUNNING:
        orders = _latest(trial, orders)
    if trial.state in RESERVED:
        # How the reserved one ended only its own journal knows, where the others are of attempts before, or
        # of copies.
        own = None if is_of_before else trial.order_id
        is_known = is_here and trial.state is TrialState.RUNNING
        orders = [each for each in orders if is_known or each.order_id == own or each.state not in _OVER]
    if not orders:
        if trial.state is not TrialState.RUNNING:
            return None
        if is_here:  # reserved, and its kernel died before the order was written down
            return not_ordered(trial)
        return Settlement(
            TrialState.UNKNOWN,
            None,
            facts={
                "error": "Its price was reserved beside another journal of orders than this one "
                f"({journal_of(trial) or 'unknown'}), which alone knows whether it was ordered."
            },
        )
    order = max(orders, key=lambda each: (_RANK.get(each.state, 0), each.updated_at))
    if trial.state is TrialState.DONE and order.state is not OrderState.FETCHED:
        return None
    if order.state is OrderState.REFUSED and trial.state in (TrialState.MISSING, TrialState.FAILED):
        return None  # settled when it was refused, or refused to a copy of this study
    if order.order_id == trial.order_id and trial.state is TrialState.MISSING and order.state not in _PAID:
        return None
    if was_not_sent(order):
        return not_ordered(trial, order)
    return _by_order(order, {"error": order.error, **_names(order)})


def _latest(trial: StoredTrial, orders: Sequence[Order]) -> list[Order]:
    """The orders of the attempt that is reserved: those of earlier ones were settled with these.

    Clocks decide only where nothing is lost by it: an order that ended unmade, of a third attempt or later.
    """
    others = [order for order in orders if order.order_id != trial.order_id]
    if all(order.state in _OVER for order in others):
        # A service may say of the one before that it failed, and make it all the same.
        others += [order for order in orders if order.order_id == trial.order_id and order.state in _PAID]
    if trial.attempts < 3:
        return others
    began = (trial.started or 0) - 1
    return [order for order in others if order.state not in _OVER or order.created_at >= began]


def _is_of_before(trial: StoredTrial, orders: Sequence[Order]) -> bool:
    """Whether the order that a reserved trial notes is that of an attempt before, which is settled.

    Of one of unknown outcome it is so where another journal than that of its reservation was asked.
    """
    if trial.order_id is None or trial.order_id in trial.paid:
        return True
    return any(each.order_id == trial.order_id and each.state is OrderState.REFUSED for each in orders)


def _as_reserved(trial: StoredTrial, orders: Sequence[Order]) -> StoredTrial:
    """The trial as it was when it was reserved, with the error of the attempt before."""
    before = [order for order in orders if order.order_id == trial.order_id and not was_not_sent(order)]
    error = next((order.error or "It failed before." for order in before), None)
    return replace(trial, state=TrialState.RUNNING, error=error)


def kept_beside(journal: str, study: str) -> str:
    """What a reservation notes: the journal that its order will be in, and whose label it has there."""
    return f"{journal} {study}"


def journal_of(trial: StoredTrial) -> str:
    """The identity of the journal that a trial was reserved beside."""
    return (trial.journal or "").partition(" ")[0]


def study_of(trial: StoredTrial) -> str:
    """The id of the study that a trial was ordered by: another one where studies were merged."""
    return (trial.journal or "").partition(" ")[2]


_OVER = (OrderState.FAILED, OrderState.REFUSED)
_PAID = (OrderState.ACCEPTED, OrderState.COMPLETED, OrderState.FETCHED)

_RANK: dict[Any, int] = {
    OrderState.REFUSED: 1, OrderState.PLANNED: 1, OrderState.FAILED: 2, OrderState.UNKNOWN: 3,
    OrderState.SENDING: 3, OrderState.ACCEPTED: 4, OrderState.COMPLETED: 5, OrderState.FETCHED: 6,
}  # fmt: skip
"""Of several orders of one trial the one that has the most to say of it."""


def _by_order(order: Order, facts: dict[str, Any]) -> Settlement:
    state = order.state
    if state is OrderState.FETCHED and order.path is not None:
        facts = {**facts, "error": None}
        return Settlement(TrialState.DONE, True, Path(order.path), facts=facts, order=order.order_id)
    if state is OrderState.FAILED:
        # Nobody knows whether the service charges for what it failed to make, so the budget counts it.
        return Settlement(TrialState.FAILED, True, facts=facts, order=order.order_id)
    if state is OrderState.REFUSED:
        return Settlement(TrialState.FAILED, False, facts=facts)
    if state is OrderState.UNKNOWN:
        return Settlement(TrialState.UNKNOWN, None, facts=facts, order=order.order_id)
    # Somebody is at work on it: what nobody looks after was taken up before. Its order is not noted yet, as
    # what is noted is the last one that is over; what it met before it is accepted is no end of it either.
    later = {"order_id"} if state in _PAID else {"order_id", "error"}
    facts = {name: value for name, value in facts.items() if name not in later}
    return Settlement(TrialState.RUNNING, None, facts=facts, order=order.order_id)


def is_counted(trial: StoredTrial, settlement: Settlement) -> bool:
    """Whether what a trial cost holds the price of the order that it is settled by.

    The order of a copy of this study was not counted, although the trial failed or was never run here. A take
    that is here was counted, or taken over from whoever paid for it.
    """
    is_own = trial.state is TrialState.FAILED and settlement.order == trial.order_id
    return settlement.order in trial.paid or trial.state is TrialState.DONE or is_own


def _names(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {}
    return {"order_id": order.order_id, "message_id": order.message_id, "song_name": order.song_name}


def _timing(remix: Remix) -> dict[str, Any]:
    """When it began and ended (epoch seconds), and when each stage began (seconds since the start)."""
    stages: dict[str, float] = {}
    for span in remix.timeline:
        stages.setdefault(
            "held at 90" if span.held else str(getattr(span.stage, "value", span.stage)),
            round(span.started, 3),
        )
    return {"started": remix.started_at, "finished": remix.finished_at, "stages": stages}
