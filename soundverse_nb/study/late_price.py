"""Orders that were made while nobody had said what one costs: they count at the price that is given first."""

from __future__ import annotations

import json
import sqlite3

from soundverse_nb.study.store import StoredTrial, StudyStore

_WITHOUT = (
    "SELECT identity, paid, reserved, state, attempts FROM trials WHERE simulated = ? AND "
    "(paid LIKE '%null%' OR (reserved = 0 AND state IN ('running', 'unknown')))"
)


def without_price(store: StudyStore, simulated: bool) -> int:
    """How many orders of a study were made without a price and were paid, or may be; real or simulated ones.

    Those count that are out too, or of unknown outcome.
    """
    return sum(_orders(row) for row in store.rows(_WITHOUT, (simulated,)))


def give_price(store: StudyStore, price: int, simulated: bool) -> None:
    """Let those orders count at this price, in millionths; of those that are out it is reserved."""
    with store.writing() as connection:
        for row in store.rows(_WITHOUT, (simulated,)):
            paid = json.loads(row["paid"])
            later = {order: price if known is None else known for order, known in paid.items()}
            over = sum(known is None for known in paid.values())
            connection.execute(
                "UPDATE trials SET paid = ?, charged = charged + ?, reserved = ? WHERE identity = ?",
                (
                    json.dumps(later),
                    over * price,
                    price if _orders(row) > over else row["reserved"],
                    row["identity"],
                ),
            )


def note_free(store: StudyStore, identity: str) -> None:
    """Note of a trial that was just reserved at the price 0 that it has one, so that no later one counts."""
    with store.writing() as connection:
        if (trial := store.trial(identity)) is not None:
            connection.execute(
                "UPDATE trials SET paid = ? WHERE identity = ?",
                (json.dumps(paid_at_nothing(trial)), identity),
            )


def paid_at_nothing(trial: StoredTrial) -> dict[str, int | None]:
    """What is paid for a trial together with the order that it is reserved for, which costs 0."""
    return {**trial.paid, f"attempt {trial.attempts}": 0}


def _orders(row: sqlite3.Row) -> int:
    paid = json.loads(row["paid"])
    is_out = row["reserved"] == 0 and row["state"] in ("running", "unknown")
    # A service may say of an order that it failed, and make it all the same: that one is counted already.
    is_counted = (paid and row["attempts"] <= len(paid)) or f"attempt {row['attempts']}" in paid
    return sum(price is None for price in paid.values()) + (is_out and not is_counted)
