"""A trial as the store of a study keeps it: how far it came, what it cost, and its row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class TrialState(str, Enum):
    """How a trial stands."""

    MISSING = "missing"  # never run
    RUNNING = "running"  # its price is reserved; an order may be out
    DONE = "done"  # the audio is here
    FAILED = "failed"  # it ended without audio; `charged` says whether it was paid
    UNKNOWN = "unknown"  # sent, and no answer came: it may be paid, and is never repeated unasked


OPEN = (TrialState.MISSING, TrialState.FAILED)
"""States in which a trial may be ordered."""

RESERVED = (TrialState.RUNNING, TrialState.UNKNOWN)
"""States in which an order is out, or may be, and its price is reserved."""


@dataclass(frozen=True)
class StoredTrial:
    """A trial as the store has it. Money is in millionths of the price's unit, times are epoch seconds.

    `journal` names the journal of orders that its latest reservation was made beside. `paid` has by order the
    price at which it is in `charged`, None where nobody had said a price.
    """

    identity: str
    plan: str
    number: int
    reference: str
    content: str
    factors: dict[str, str]
    instructions: dict[str, Any]
    replicate: int
    is_control: bool
    state: TrialState
    reserved: int = 0
    charged: int = 0
    attempts: int = 0
    journal: str | None = None
    order_id: str | None = None
    message_id: str | None = None
    simulated: bool = False
    started: float | None = None
    finished: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    song_name: str | None = None
    audio: str | None = None
    file: str | None = None
    stars: int | None = None
    note: str | None = None
    adopted: str | None = None
    duplicate_of: str | None = None
    paid: dict[str, int | None] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether the order that it is reserved for has the price 0, and not none at all."""
        return self.state in RESERVED and f"attempt {self.attempts}" in self.paid

    def price_of_order(self, price: int | None) -> int | None:
        """What that order costs: what is reserved, or this where nobody had said a price then."""
        return self.reserved or (0 if self.is_free else price)


COLUMNS = tuple(StoredTrial.__dataclass_fields__)
JSON_COLUMNS = ("factors", "instructions", "stages", "paid")


def trial_values(trial: StoredTrial) -> list[Any]:
    """What stands in its row, by column."""
    values = {name: getattr(trial, name) for name in COLUMNS}
    values |= {name: json.dumps(values[name]) for name in JSON_COLUMNS}
    return [value.value if isinstance(value, Enum) else value for value in values.values()]


def trial_of(row: sqlite3.Row) -> StoredTrial:
    """The trial in a row. Raises ValueError for what is none."""
    values = dict(zip(row.keys(), row, strict=True))
    if "paid" not in values:
        values["paid"] = paid_of_format_1(row)
    values |= {name: _object(values[name]) for name in JSON_COLUMNS}
    values |= {"state": TrialState(values["state"])}
    values |= {name: bool(values[name]) for name in ("is_control", "simulated")}
    return StoredTrial(**values)


def paid_of_format_1(row: sqlite3.Row) -> str:
    """What would be `paid` in a row of a store that had no such column, as JSON: what is known of it.

    What was charged is taken for the price of the order that is noted, so that this one is not counted again;
    that of a trial of unknown outcome is reserved still. A take that cost nothing was ordered without a
    price, unless it was taken over from another study.
    """
    order, charged, state = row["order_id"], row["charged"], row["state"]
    is_free = not charged and (state != "done" or row["adopted"] is not None or not row["attempts"])
    if order is None or is_free or state == "unknown":
        return "{}"
    return json.dumps({order: charged or None})


def with_paid(row: sqlite3.Row, paid: Mapping[str, int | None]) -> tuple[int, dict[str, int | None]]:
    """What these orders add to what a trial cost, and all that are in it then; none counts twice.

    `row` has `paid` and `attempts`. An order without a name, "", is that of the latest attempt.
    """
    counted = _object(row["paid"])
    named = {order or f"attempt {row['attempts']}": price for order, price in paid.items()}
    new = {order: price for order, price in named.items() if order not in counted}
    return sum(price or 0 for price in new.values()), {**counted, **new}


def _object(text: str | None) -> dict[str, Any]:
    found = json.loads(text or "{}")
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found
