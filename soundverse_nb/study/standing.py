"""The standing of a study in words: its trials by state, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from soundverse_nb.render.units import money
from soundverse_nb.study.plan import MICRO
from soundverse_nb.study.store import StudyStore, TrialState

_SAID = {
    TrialState.FAILED: "failed",
    TrialState.UNKNOWN: "of unknown outcome",
    TrialState.RUNNING: "at work or not fetched yet",
}


def counts(store: StudyStore) -> Counter[TrialState]:
    """How many trials are in which state."""
    rows = store.rows("SELECT state, count(*) AS trials FROM trials GROUP BY state")
    with store.explaining():
        return Counter({TrialState(row["state"]): row["trials"] for row in rows})


def stand(store: StudyStore) -> list[str]:
    """The same in words: "2 of 3 trials done", "1 failed"."""
    found = counts(store)
    done = f"{found[TrialState.DONE]} of {sum(found.values())} trials done"
    return [done, *(f"{found[state]} {_SAID[state]}" for state in _SAID if found[state])]


def amounts(store: StudyStore) -> Iterator[tuple[str, int]]:
    """What is charged and what is reserved, each with what it is called; what was only simulated is apart."""
    kinds = store.spent_by_kind()
    for simulated, (charged, reserved) in sorted((kinds or {False: (0, 0)}).items()):
        yield "simulated cost" if simulated else "spent", charged
        yield "reserved in simulation" if simulated and len(kinds) > 1 else "reserved", reserved


def costs(store: StudyStore) -> list[str]:
    """The same in words, without what is nothing: "spent 0.30", "simulated cost 0.90", "reserved 0.10"."""
    return [f"{name} {money(amount / MICRO)}" for name, amount in amounts(store) if amount]
