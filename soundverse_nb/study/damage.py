"""Damage of a study's store: what in it is not what this package writes, named so that it can be found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.unfinished import MERGING

STATES = frozenset({"missing", "running", "done", "failed", "unknown"})

_OBJECTS = {
    "trials": ("factors", "instructions", "stages", "paid"),
    "layouts": ("columns",),
    "measures": ("texts", "difference"),
}
"""Columns that hold a JSON object; plans have parts beside, and what is in `meta` is in `_ITEMS`."""

_ITEMS: dict[str, type] = {
    "runs": dict, "merged": str, "parts": str, "plans_beside": str, "released": str,
}  # fmt: skip
"""What is noted under these is a list of such."""

_PARTS: dict[str, tuple[type, ...]] = {
    "references": (list, dict), "prompts": (dict,), "lyrics": (dict,), "parameters": (dict,),
    "slots": (dict,), "repeats": (list,), "extra": (list,), "excluded": (list,), "contents": (dict,),
}  # fmt: skip
"""The parts of a plan's description that are looked into without making the plan of it."""

_NUMBERS = {
    "plans": ("at",),
    "trials": ("number", "replicate", "is_control", "reserved", "charged", "attempts", "simulated"),
}
_MAYBE = {"trials": ("started", "finished", "stars"), "songs": ("seconds",)}
_TEXTS = {
    "plans": ("hash",),
    "songs": ("content", "name"),
    "trials": ("identity", "plan", "reference", "content"),
}
_MAYBE_TEXTS = {
    "songs": ("file",),
    "trials": ("journal", "order_id", "message_id", "error", "song_name", "audio", "file", "note", "adopted",
               "duplicate_of"),
    "measures": ("reason",),
}  # fmt: skip


class DamagedStoreError(ConfigurationError):
    """A store cannot be read whole."""


def damaged(path: Path, what: str) -> DamagedStoreError:
    """That a store cannot be read whole, and what is safe all the same."""
    return DamagedStoreError(
        f"The study's store {path} is damaged: {what}. It was left as it is, and nothing is ordered from it.",
        hint="A copy of the folder, or the zip that study.save wrote, opens as it was. The audio is in the "
        "folder, and paid remixes are in the journal too: client.recover() and client.remixes() find them.",
    )


def emptied(path: Path) -> DamagedStoreError:
    """That a store is gone, or holds nothing, where a study's audio is, and how to go on."""
    merging = "" if next(path.parent.glob(f"{MERGING}*"), None) is None else _MERGED_HALF_WAY
    return DamagedStoreError(
        f"The study's store {path} is gone or empty, and the study's audio is beside it: what a full disk"
        f"{', a killed merge' if merging else ''} or an unfinished copy leaves. Everything was left as it "
        "is, and nothing was ordered.",
        hint=f"{merging}Put {path.name} back from a copy of the folder, or open the zip that study.save "
        "wrote. "
        "Without either: move the audio away, and a study that is run in this folder again with the same "
        "journal of orders takes over what was ordered here, without its stars and notes. In another folder "
        "everything is ordered and paid anew.",
    )


_MERGED_HALF_WAY = (
    "Where studies were merged into this folder: sv.merge them into it again, which finishes it; they are as "
    "they were. Where not: "
)


def is_noted(key: str, found: Any) -> bool:
    """Whether this is what may be noted of a study as JSON under a key."""
    if key == "environment":
        return isinstance(found, dict)
    if key not in _ITEMS:
        return True
    return isinstance(found, list) and all(isinstance(item, _ITEMS[key]) for item in found)


def is_description(found: Any) -> bool:
    """Whether this is a plan's description as far as it is looked into without making the plan of it."""
    return isinstance(found, dict) and all(
        found.get(part) is None or isinstance(found[part], kinds) for part, kinds in _PARTS.items()
    )


def unreadable_description(plan: str) -> str:
    """That the description of a plan is damaged, as the end of a sentence."""
    return _named("plans", "description", plan)


def damage_of(connection: sqlite3.Connection) -> str | None:
    """What is wrong in a store, as the end of a sentence; None where it is as it was written."""
    try:
        (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            return f"SQLite says {plain(state, 120)!r}"
        return next(_odd_cells(connection), None)
    except sqlite3.DatabaseError as error:
        return f"SQLite says {plain(error, 120)!r}"


def _odd_cells(connection: sqlite3.Connection) -> Iterator[str]:
    for key, value in _rows(connection, "meta", ("key", "value")):
        if not is_noted(key, _parsed(value)):
            yield f"what is noted as {key!r} cannot be read"
    for name, description in _rows(connection, "plans", ("hash", "description")):
        if not is_description(_parsed(description)):
            yield unreadable_description(name)
    for table, named in _OBJECTS.items():
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        columns = tuple(column for column in named if column in there)  # an older store has no `paid`
        for name, *cells in _rows(connection, table, (_key(table), *columns)):
            for column, cell in zip(columns, cells, strict=True):
                if cell is not None and not isinstance(_parsed(cell), dict):
                    yield _named(table, column, name)
    for name, state in _rows(connection, "trials", ("identity", "state")):
        if state not in STATES:
            yield _named("trials", "state", name)
    for of_table, kinds, lacks in (
        (_NUMBERS, (int, float), False),
        (_MAYBE, (int, float), True),
        (_TEXTS, (str,), False),
        (_MAYBE_TEXTS, (str,), True),
    ):
        for table, columns in of_table.items():
            for name, *cells in _rows(connection, table, (_key(table), *columns)):
                for column, cell in zip(columns, cells, strict=True):
                    if not isinstance(cell, kinds) and not (cell is None and lacks):
                        yield _named(table, column, name)
    yield from _odd_measures(connection)


def _odd_measures(connection: sqlite3.Connection) -> Iterator[str]:
    layouts = {number: _parsed(text) for number, text in _rows(connection, "layouts", ("number", "columns"))}
    for name, layout, numbers, difference in _rows(
        connection, "measures", ("identity", "layout", "numbers", "difference")
    ):
        if layout is None:
            continue
        found = layouts.get(layout) or {}
        names = found.get("numbers")
        is_named = isinstance(names, list) and isinstance(found.get("flags"), list)
        if not is_named or difference is None or _size(numbers) != 8 * len(names or ()):
            yield _named("measures", "numbers", name)


def _size(numbers: Any) -> int:
    return len(numbers) if isinstance(numbers, bytes) else -1


def _rows(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
        yield tuple(row)


def _key(table: str) -> str:
    return {"plans": "hash", "layouts": "number", "songs": "content"}.get(table, "identity")


def _named(table: str, column: str, name: Any) -> str:
    return f"{column} of {table.removesuffix('s')} {plain(name, 40)} cannot be read"


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
