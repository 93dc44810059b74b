"""Measures of a study's remixes: each beside its song, once, kept in the study's store.

A difference is kept whole, as JSON, and once more as a row of plain numbers under a layout that names them: a
frame of ten thousand trials is then read without ten thousand JSON texts.
"""

from __future__ import annotations

import asyncio
import json
import math
from array import array
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundverse_nb.analysis import compare_audio_async
from soundverse_nb.errors import SoundverseError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.study.audio_files import is_content
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState

# Columns of a difference that the study's own say already, in its words.
_SAID = frozenset(
    {
        "reference", "remix", "extractor", "reference_name", "remix_name", "reference_content",
        "remix_content", "reference_extractor", "remix_extractor",
    }
)  # fmt: skip


@dataclass(frozen=True)
class TrialMeasures:
    """What was measured of a trial, or the reason why nothing was."""

    difference: Difference | None
    reason: str = ""


async def measure_trial(
    trial: StoredTrial, song: Path, remix: Path, executor: Executor | None
) -> TrialMeasures:
    """What the remix kept of its song and what it changed. What fails is a measure that lacks, no remix."""
    if not await asyncio.to_thread(is_content, remix):
        return TrialMeasures(None, "Its audio was changed since it was fetched.")
    try:
        difference = await compare_audio_async(song, remix, executor=executor)
    except SoundverseError as error:
        return TrialMeasures(None, error.message)
    except Exception as surprise:  # somebody's executor may raise anything
        return TrialMeasures(None, f"{type(surprise).__name__}: {surprise}"[:300])
    # In the study's folder files are named by their content, which is nobody's name for a song.
    words = ", ".join(name for factor, name in trial.factors.items() if factor != "reference")
    named = {
        "reference": difference.reference.model_copy(update={"name": trial.reference}),
        "remix": difference.remix.model_copy(update={"name": words or trial.reference}),
    }
    return TrialMeasures(difference.model_copy(update=named))


def keep_measures(store: StudyStore, identity: str, measured: TrialMeasures) -> None:
    """Keep them in the place of earlier ones."""
    difference = measured.difference
    if difference is None:
        _keep(store, None, (identity, "", None, None, None, measured.reason))
        return
    row = {name: value for name, value in difference.row.items() if name not in _SAID}
    texts = {name: value for name, value in row.items() if isinstance(value, str)}
    numbers = {name: value for name, value in row.items() if name not in texts}
    flags = [name for name, value in numbers.items() if isinstance(value, bool)]
    packed = array("d", [math.nan if value is None else float(value) for value in numbers.values()])
    layout = json.dumps({"numbers": list(numbers), "flags": flags})
    _keep(
        store,
        layout,
        (identity, difference.extractor, difference.to_json(), packed.tobytes(), json.dumps(texts), None),
    )


def copy_measures(store: StudyStore, other: StudyStore, identity: str, new: str) -> None:
    """Take over what another study has measured of a trial, under a new identity."""
    rows = other.rows(
        "SELECT m.*, l.columns FROM measures m LEFT JOIN layouts l ON l.number = m.layout"
        " WHERE m.identity = ?",
        (identity,),
    )
    for row in rows:
        values = (new, row["extractor"], row["difference"], row["numbers"], row["texts"], row["reason"])
        _keep(store, row["columns"], values)


def _keep(store: StudyStore, layout: str | None, values: tuple[Any, ...]) -> None:
    with store.writing() as connection:
        if layout is not None:
            connection.execute("INSERT OR IGNORE INTO layouts (columns) VALUES (?)", (layout,))
        connection.execute(
            "INSERT OR REPLACE INTO measures"
            " (identity, extractor, difference, numbers, texts, reason, layout)"
            " VALUES (?, ?, ?, ?, ?, ?, (SELECT number FROM layouts WHERE columns = ?))",
            (*values, layout),
        )


def unmeasured(store: StudyStore) -> list[StoredTrial]:
    """The trials whose audio is there and of which nothing is measured yet, or where that failed."""
    rows = store.rows("SELECT identity FROM measures WHERE difference IS NOT NULL")
    measured = {row["identity"] for row in rows}
    return [trial for trial in store.trials([TrialState.DONE]) if trial.identity not in measured]


def kept_difference(store: StudyStore, identity: str) -> Difference | None:
    """The difference of a trial; None where none was measured."""
    rows = store.rows("SELECT difference FROM measures WHERE identity = ?", (identity,))
    return Difference.from_json(rows[0]["difference"]) if rows and rows[0]["difference"] else None


def measured_columns(store: StudyStore, identities: Sequence[str]) -> dict[str, Any]:
    """The measures as columns, a value for each of these trials: "extractor", "not_measured", then the rest.

    Numbers are nan, flags and texts None where nothing was measured.
    """
    import numpy as np  # only whoever has measures needs it

    place = {identity: at for at, identity in enumerate(identities)}
    extractor: list[str | None] = [None] * len(place)
    not_measured: list[str | None] = [None] * len(place)
    columns: dict[str, Any] = {"extractor": extractor, "not_measured": not_measured}
    layouts = {row["number"]: json.loads(row["columns"]) for row in store.rows("SELECT * FROM layouts")}
    by_layout: dict[int, list[tuple[int, bytes]]] = {}
    known: dict[str, dict[str, str]] = {}
    measured = store.tuples("SELECT identity, extractor, layout, numbers, texts, reason FROM measures")
    for identity, version, layout, numbers, packed, reason in measured:
        at = place.get(identity)
        if at is None:
            continue
        if layout is None:
            not_measured[at] = reason
            continue
        extractor[at] = version
        by_layout.setdefault(layout, []).append((at, numbers))
        texts = known.get(packed)
        if texts is None:  # there are few different ones: keys, metres, kinds
            texts = known[packed] = json.loads(packed)
        for name, text in texts.items():
            if name not in columns:
                columns[name] = [None] * len(place)
            columns[name][at] = text
    for number, rows in by_layout.items():
        names, flags = layouts[number]["numbers"], set(layouts[number]["flags"])
        places = np.array([at for at, _ in rows])
        table = np.frombuffer(b"".join(numbers for _, numbers in rows)).reshape(len(rows), len(names))
        whole = np.full((len(names), len(place)), np.nan)
        whole[:, places] = table.T
        for at, name in enumerate(names):
            values: Any = whole[at]
            if name in flags:
                values = np.where(np.isnan(values), None, values == 1)
            if name in columns:  # another version of the measures has it too
                mine = np.asarray(columns[name], dtype=values.dtype)
                mine[places] = values[places]
                values = mine
            columns[name] = values
    return columns
