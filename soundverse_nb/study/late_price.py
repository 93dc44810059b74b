"""Orders that were made while nobody had said what one costs: they count at the price that is given first."""

from __future__ import annotations

import json
import sqlite3

from soundverse_nb.study.store import StudyStore

_WITHOUT = (
    "SELECT identity, paid, reserved, state FROM trials WHERE simulated = ? AND "
    "(paid LIKE '%null%' OR (reserved = 0 AND state IN ('running', 'unknown')))"
)


def without_price(store: StudyStore, simulated: bool) -> int:
    """How many orders of a study were made without a price and were paid, or may be; real or simulated ones.

    Those count that are out too, or of unknown outcome.
    """
    return sum(_orders(row) for row in store.rows(_WITHOUT, (simulated,)))


def give_price(store: StudyStore, price: int, simulated: bool) -> None:
    """Let those orders count at this price, in millionths: charged where they are over, reserved where not."""
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
    is_out = row["reserved"] == 0 and row["state"] in ("running", "unknown")
    return sum(price is None for price in json.loads(row["paid"]).values()) + is_out
