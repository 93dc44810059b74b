"""A run of a study as it was asked for; price and budget are by default those of the run before."""

from __future__ import annotations

import json
import math
from concurrent.futures import Executor
from dataclasses import dataclass

from soundverse_nb.client.config import checked_price
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.study.plan import MICRO, MOST_BUDGET, Plan
from soundverse_nb.study.store import StudyStore

PRICE, BUDGET = "price", "budget"
"""What is noted under them is the price that trials were ordered at last, and the budget they were ordered
within, in millionths; of the budget null where it was lifted."""


@dataclass(frozen=True)
class AskedMoney:
    """The price of a trial and the budget of the study, in millionths; None where there is none.

    Each may be that of the run before, where nobody gave one this time.
    """

    price: int | None
    budget: int | None
    is_earlier_price: bool = False
    is_earlier_budget: bool = False

    def note(self, store: StudyStore) -> None:
        """Let the next run know them."""
        if self.price is not None:
            store.note(**{PRICE: str(self.price)})
        store.note(**{BUDGET: json.dumps(self.budget)})


@dataclass(frozen=True)
class RunRequest:
    """What `study.run` was asked for."""

    plan: Plan
    money: AskedMoney
    concurrency: int | None
    measures: bool
    retry_failed: bool
    order_again: tuple[str, ...]
    executor: Executor | None


def asked_money(
    store: StudyStore | None, price: float | None, budget: float | None, plan: Plan, *, own: bool
) -> AskedMoney:
    """What a run costs and may cost, by what was given, by its plan, and by the run before.

    `own` says that nobody gave the plan: then its budget is an older word than that of the run before. An
    infinite budget is none. Raises ConfigurationError for what is no amount, and a budget without a price.
    """
    checked_amount("price", price)
    if budget != math.inf:
        checked_amount("budget", budget)
    earlier_price = _noted(store, PRICE) if price is None else None
    asked = plan.budget if budget is None and not own else budget
    is_earlier = asked is None and store is not None and BUDGET in store.meta()
    limit = _noted(store, BUDGET) if is_earlier else _millionths(plan.budget if asked is None else asked)
    if limit is not None and price is None and earlier_price is None:
        raise ConfigurationError(
            "A budget without a price says nothing.", hint="Give price=, what one remix costs you."
        )
    return AskedMoney(
        earlier_price if price is None else _millionths(price),
        limit,
        is_earlier_price=price is None and earlier_price is not None,
        is_earlier_budget=is_earlier and limit is not None,
    )


def checked_amount(word: str, value: float | None) -> float | None:
    """An amount of money as it was given. ConfigurationError for what is none."""
    try:
        checked_price(value)
        if value is not None and (value > MOST_BUDGET or 0 < value < 1 / MICRO):
            raise ConfigurationError("It is beyond what is counted.")
        return value
    except ConfigurationError:
        raise ConfigurationError(f"{word}={value!r} is no amount of money.", hint="Give a number.") from None


def _millionths(amount: float | None) -> int | None:
    return None if amount is None or amount == math.inf else round(amount * MICRO)


def noted_price(store: StudyStore) -> float | None:
    """What a remix cost in the run before, in the currency's unit; None where nobody said."""
    noted = _noted(store, PRICE)
    return None if noted is None else noted / MICRO


def _noted(store: StudyStore | None, word: str) -> int | None:
    """What is noted of the run before in millionths; None where that had none."""
    found = None if store is None else store.noted(word, None)
    return found if type(found) is int and 0 <= found <= MOST_BUDGET * MICRO else None
