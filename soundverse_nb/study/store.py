"""The store of a study: one SQLite file with its plans, songs, trials, money and measures.

It is written by one runner at a time and read by whoever likes. Nothing of a trial is in memory alone:
whatever ends the process, the next one reads here, and in the journal of orders, what is done and paid.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from soundverse_nb.errors import (
    BudgetExceededError,
    ConfigurationError,
    SoundverseError,
    Spent,
    several_spent,
)
from soundverse_nb.render.units import money
from soundverse_nb.study.damage import damage_of, damaged, is_description, is_noted
from soundverse_nb.study.plan import MICRO
from soundverse_nb.study.store_file import (
    NAME as NAME,
)
from soundverse_nb.study.store_file import (
    SCHEMA as SCHEMA,
)
from soundverse_nb.study.store_file import (
    identity_of,
    open_to_read,
    open_to_write,
    savepoint,
    stamp_of,
    transaction,
    unusable,
)
from soundverse_nb.study.stored_trial import (
    COLUMNS,
    JSON_COLUMNS,
    trial_of,
    trial_values,
    with_paid,
)
from soundverse_nb.study.stored_trial import (
    StoredTrial as StoredTrial,
)
from soundverse_nb.study.stored_trial import (
    TrialState as TrialState,
)

PLANS_BESIDE = "plans_beside"
"""Under it are the plans that a merged study has beside its current one, as their hashes."""

_LOST: list[sqlite3.Connection] = []
"""Of stores that were deleted or moved; never closed."""


class StudyStore:
    """The file in a study's folder. Use from any thread.

    `readonly` opens what is there and never writes; else the file is made where it is missing. Raises
    ConfigurationError for a store of a newer version, one that is damaged, and what is no store at all.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self.path = folder / NAME
        self.readonly = readonly
        self._lock = threading.RLock()
        self._closed = False
        self._stamp: tuple[object, ...] | None = None  # of one that would not see what others write
        try:
            if readonly:
                self._stamp = stamp_of(self.path)
                self._connection, is_live = open_to_read(self.path)
                self.kept = "read only" if is_live else "read only, as it was when it was opened"
                if is_live:
                    self._stamp = None
            else:
                self._connection, self.kept = open_to_write(self.path)
            self._identity = identity_of(self.path)
        except sqlite3.DatabaseError as error:
            raise unusable(self.path, error) from None
        except OSError as error:
            raise ConfigurationError(
                f"The study in {folder} cannot be opened: {error.strerror or error}.",
                hint="Is the path right, and may you write there?",
            ) from None

    def copy_to(self, path: Path) -> None:
        """Copy the store to a new file, as it stands at one moment, whoever writes it meanwhile."""
        with self._lock, contextlib.closing(sqlite3.connect(path)) as target:
            try:
                self._connection.backup(target)
            except sqlite3.DatabaseError as error:
                raise unusable(self.path, error) from None

    def close(self) -> None:
        """Close the file; harmless again. Where nobody else has it open, a single file is left."""
        with self._lock:
            if not self._closed and self._stamp is None and not self.is_in_place():
                # SQLite's last act would be to delete, by name, a log that is another study's by now.
                _LOST.append(self._connection)
                self._closed = True
            if self._closed:
                return
            self._closed = True
            if not self.readonly:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA busy_timeout = 0")
                    self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()

    def is_in_place(self) -> bool:
        """Whether the path still names the file that is open here, and what is read here is what is in it."""
        if self._stamp is not None and stamp_of(self.path) != self._stamp:
            return False
        return identity_of(self.path) == self._identity

    def check_in_place(self) -> None:
        """Raise ConfigurationError where the study was deleted, moved or replaced meanwhile."""
        if not self.is_in_place():
            error = ConfigurationError(
                f"The study in {self.path.parent} was deleted, moved or replaced while it was open here.",
                hint="Move it back, and run the cell again. What was ordered is in the journal, what came in "
                "the client's folder: client.orders(), client.remixes(), client.recover().",
            )
            several_spent(error, Spent.MAYBE)
            raise error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self.readonly:
                raise ConfigurationError(
                    "This study was opened to read only.", hint="Open it with sv.Study(path)."
                )
            self.check_in_place()  # what is deleted takes every commit without a word
            try:
                # Inside `together` a piece of work that fails is undone alone.
                whole = savepoint if self._connection.in_transaction else transaction
                with whole(self._connection):
                    yield self._connection
            except sqlite3.DatabaseError as error:
                raise self._not_written(error) from None

    def together(self, works: Sequence[Callable[[], Any]]) -> list[Any]:
        """Do pieces of work in one commit; the answer of each, or the error that it raised."""
        answers = []
        with self.writing() as connection:
            for work in works:
                answers.append(_answer(work))
                if not connection.in_transaction:  # a full disk undoes all of them
                    raise answers[-1]
        return answers

    def change(self, key: str, new: Callable[[str | None], str | None]) -> None:
        """Replace what is noted under a key by what `new` makes of it, with nobody between; None removes."""
        with self.writing() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            value = new(row["value"] if row else None)
            connection.execute("DELETE FROM meta WHERE key = ?", (key,))
            if value is not None:
                connection.execute("INSERT INTO meta VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Say of what cannot be read that the store is damaged, and where; any other error stays itself."""
        try:
            yield
        except SoundverseError:
            raise
        except Exception:
            found = self.damage()
            if found is None:
                raise
            raise damaged(self.path, found) from None

    def damage(self) -> str | None:
        """What of the store cannot be read, as the end of a sentence; None where all can be."""
        with self._lock:
            return damage_of(self._connection)

    def _not_written(self, error: sqlite3.DatabaseError) -> ConfigurationError:
        if any(word in str(error) for word in ("malformed", "not a database", "readonly", "unable to open")):
            return unusable(self.path, error)
        full = "full" in str(error)
        return ConfigurationError(
            f"The study's store {self.path} could not be written: {'the disk is full' if full else error}.",
            hint="Make room, and run the cell again: what is done is kept, what is paid is in the journal.",
        )

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise unusable(self.path, error) from None

    def tuples(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The same as plain tuples, which are quicker where there are tens of thousands."""
        with self._lock:
            try:
                cursor = self._connection.cursor()
                cursor.row_factory = None
                return cursor.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise unusable(self.path, error) from None

    def meta(self) -> dict[str, str]:
        """What is noted of the study as a whole."""
        return {row["key"]: row["value"] for row in self.rows("SELECT key, value FROM meta")}

    def noted(self, key: str, default: Any) -> Any:
        """What is noted under a key as JSON."""
        text = self.meta().get(key)
        with self.explaining():
            found = default if text is None else json.loads(text)
            if text is not None and not is_noted(key, found):
                raise ValueError(f"{key} is noted as something else")
            return found

    def note(self, **values: str) -> None:
        """Note something of the study as a whole; what is there already is replaced."""
        with self.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def plan(self) -> tuple[str, dict[str, Any]] | None:
        """The plan that was run last, as its hash and its description; None where none was."""
        return next(iter(self._described("ORDER BY at DESC, hash LIMIT 1").items()), None)

    def descriptions(self) -> dict[str, dict[str, Any]]:
        """By hash the descriptions of all plans that were ever run, or merged with one that was."""
        return self._described("ORDER BY at, hash")

    def _described(self, which: str) -> dict[str, dict[str, Any]]:
        rows = self.rows(f"SELECT hash, description FROM plans {which}")
        with self.explaining():
            found = {row["hash"]: json.loads(row["description"]) for row in rows}
            if not all(map(is_description, found.values())):
                raise ValueError("a plan's description is something else")
            return found

    def plans(self) -> list[str]:
        """The hashes of the plans that the study has: the current one, and those that were merged with it."""
        found = self.plan()
        return [found[0], *self.noted(PLANS_BESIDE, [])] if found else []

    def contents(self) -> dict[str, str]:
        """By the name of each song of its plans the hash of its content."""
        found, plans = self.plan(), self.plans()
        known: dict[str, str] = dict(found[1].get("contents", {})) if found else {}
        for row in self.rows("SELECT DISTINCT reference, content, plan FROM trials"):
            if row["plan"] in plans:
                known.setdefault(row["reference"], row["content"])
        return known

    def take_plan(
        self,
        plan: str,
        description: Mapping[str, Any],
        trials: Iterable[StoredTrial],
        now: float | None = None,
        *,
        whole: bool = False,
    ) -> None:
        """Make this the current plan. Trials that are known keep their state; what no plan asks for stays.

        Where it is one of several of a merged study the others stay plans of the study beside it.
        `whole` takes trials with their own plans and all that is known of them, as another store has them.
        """
        with self.writing() as connection:
            moment = time.time() if now is None else now
            before = self.plans()
            connection.execute(
                "INSERT INTO plans VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET at = excluded.at, "
                "description = excluded.description",
                (plan, moment, json.dumps(description)),  # levels stay in the order of the plan
            )
            if not whole:
                if len(before) > 1:
                    beside = [other for other in before if other != plan] if plan in before else []
                    self.note(**{PLANS_BESIDE: json.dumps(beside)})
                # A plan knows its songs by name: of another song, or another service, the same plan asks for
                # other trials, and those there were are nobody's.
                connection.execute(
                    "UPDATE trials SET plan = ? WHERE plan = ?", (f"{plan} of other songs or service", plan)
                )
            connection.executemany(
                f"INSERT INTO trials ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
                "ON CONFLICT (identity) DO UPDATE SET plan = excluded.plan, number = excluded.number, "
                "reference = excluded.reference, factors = excluded.factors, "
                "is_control = excluded.is_control, replicate = excluded.replicate",
                [trial_values(trial) for trial in trials],
            )

    def take_song(self, content: str, name: str, file: str | None, seconds: float | None) -> None:
        """Note a reference."""
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO songs VALUES (?, ?, ?, ?)", (content, name, file, seconds)
            )

    def release_unknown(self, identities: Iterable[str], price: int | None = None) -> None:
        """Let trials of unknown outcome be ordered again; what was reserved for them counts as paid.

        `price` is what nothing was reserved at: None where nobody has said one.
        """
        with self.writing() as connection:
            for identity in identities:
                found = self.trial(identity)
                if found is None or found.state is not TrialState.UNKNOWN:
                    continue
                if found.order_id:
                    known = json.dumps(sorted(self.released() | {found.order_id}))
                    connection.execute("INSERT OR REPLACE INTO meta VALUES ('released', ?)", (known,))
                paid = {found.order_id or "": found.price_of_order(price)}
                self.settle(identity, TrialState.MISSING, charged=0, paid=paid, error=None)

    def released(self) -> frozenset[str]:
        """The orders of unknown outcome that the user let be ordered again."""
        return frozenset(self.noted("released", []))

    def mark(self, identity: str, stars: int | None, note: str | None) -> None:
        """Stars and a note of a trial; None leaves them, 0 and "" take them back."""
        given = {"stars": stars, "note": note}
        with self.writing() as connection:
            for name, value in given.items():
                if value is not None:
                    connection.execute(
                        f"UPDATE trials SET {name} = ? WHERE identity = ?", (value or None, identity)
                    )

    def songs(self) -> dict[str, sqlite3.Row]:
        """By content what is known of each reference."""
        return {row["content"]: row for row in self.rows("SELECT * FROM songs")}

    def trials(self, states: Iterable[TrialState] = ()) -> list[StoredTrial]:
        """Trials in the order of their plan, of these states or of all; those of earlier plans come last."""
        wanted = [state.value for state in states]
        where = f"WHERE state IN ({', '.join('?' * len(wanted))})" if wanted else ""
        plans = self.plans()
        known = "".join(f"WHEN ? THEN {rank} " for rank in range(len(plans)))
        rank = f"CASE plan {known}ELSE {len(plans)} END" if plans else "NULL"
        rows = self.rows(f"SELECT * FROM trials {where} ORDER BY {rank}, number", (*wanted, *plans))
        with self.explaining():
            return [trial_of(row) for row in rows]

    def reserve(
        self,
        identity: str,
        price: int,
        budget: int | None,
        now: float | None = None,
        journal: str | None = None,
    ) -> None:
        """Reserve the price of a trial in one step; BudgetExceededError where not all of it is left.

        Reserved and charged sums of all trials of its kind count, simulated or not, whichever process is at
        work on them. A trial that is reserved, done or unknown is refused: its order is out, or over.
        """
        with self.writing() as connection:
            row = connection.execute(
                "SELECT simulated FROM trials WHERE identity = ?", (identity,)
            ).fetchone()
            simulated = bool(row and row["simulated"])
            spoken_for = sum(self.spent(simulated))
            if budget is not None and spoken_for + price > budget:
                raise BudgetExceededError(
                    f"The budget of {money(budget / MICRO)} has no room for another trial of "
                    f"{money(price / MICRO)}: "
                    f"{used(spoken_for, simulated)}.",
                )
            done = connection.execute(
                "UPDATE trials SET state = 'running', reserved = ?, started = ?, journal = ?, "
                "attempts = attempts + 1 WHERE identity = ? AND state IN ('missing', 'failed')",
                (price, time.time() if now is None else now, journal, identity),
            )
            if done.rowcount != 1:
                raise ConfigurationError("This trial is at work or over already, so it is not ordered again.")

    def settle(
        self,
        identity: str,
        state: TrialState,
        *,
        charged: int | None,
        paid: Mapping[str, int | None] | None = None,
        **facts: Any,
    ) -> None:
        """How a trial ended, and what of its reservation was paid.

        `charged` None keeps the reservation, since nobody knows; else the rest of it is free again. `paid` is
        the order that was, "" where it has no name, with its price; one that was counted before is not
        counted again. `facts` are further columns.
        """
        with self.writing() as connection:
            asked = "SELECT paid, attempts FROM trials WHERE identity = ?"
            for row in self.rows(asked, (identity,)) if paid else ():
                with self.explaining():
                    more, facts["paid"] = with_paid(row, paid or {})
                charged = (charged or 0) + more
            if unknown := facts.keys() - set(COLUMNS):
                raise ValueError(f"no columns: {unknown}")
            values = {
                name: json.dumps(each) if name in JSON_COLUMNS else each for name, each in facts.items()
            }
            columns = "".join(f", {name} = ?" for name in values)
            money = "" if charged is None else ", charged = charged + ?, reserved = 0"
            connection.execute(
                f"UPDATE trials SET state = ?{money}{columns} WHERE identity = ?",
                (state.value, *([] if charged is None else [charged]), *values.values(), identity),
            )

    def trial(self, identity: str) -> StoredTrial | None:
        """One trial; None where there is none of this identity."""
        rows = self.rows("SELECT * FROM trials WHERE identity = ?", (identity,))
        with self.explaining():
            return trial_of(rows[0]) if rows else None

    def spent(self, simulated: bool | None = None) -> tuple[int, int]:
        """What is charged and what is reserved, in millionths, of real trials or of simulated ones.

        By default of real ones; in a study that has none of those, of simulated ones.
        """
        found = self.spent_by_kind()
        kind = False not in found if simulated is None else simulated
        return found.get(kind, (0, 0))

    def spent_by_kind(self) -> dict[bool, tuple[int, int]]:
        """The same of each kind that the study has, by whether it is simulated."""
        rows = self.tuples("SELECT simulated, sum(charged), sum(reserved) FROM trials GROUP BY simulated")
        return {bool(simulated): (charged, reserved) for simulated, charged, reserved in rows}


def used(amount: int, simulated: bool) -> str:
    """What of a budget is not free any more, in words."""
    return f"{money(amount / MICRO)} are {'simulated' if simulated else 'spent'} or reserved"


def _answer(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except SoundverseError as error:
        return error
