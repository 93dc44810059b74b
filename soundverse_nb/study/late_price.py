"""Orders that were made while nobody had said what one costs: they count at the price that is given first."""

from __future__ import annotations

import json
import sqlite3

from soundverse_nb.study.store import StudyStore

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


def _orders(row: sqlite3.Row) -> int:
    paid = json.loads(row["paid"])
    is_out = row["reserved"] == 0 and row["state"] in ("running", "unknown")
    # A service may say of an order that it failed, and make it all the same: that one is counted already.
    is_counted = paid and row["attempts"] <= len(paid)
    return sum(price is None for price in paid.values()) + (is_out and not is_counted)
