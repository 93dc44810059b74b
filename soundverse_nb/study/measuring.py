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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundverse_nb.analysis import compare_audio_async
from soundverse_nb.analysis.kept import comparison_stamp
from soundverse_nb.audio.features.extract import features_stamp
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.study.audio_files import is_content
from soundverse_nb.study.own_metrics import (
    Stamps,
    answered,
    errors_text,
    ranges_in,
    registered_stamps,
    versions_text,
    with_earlier,
)
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
    """What was measured of a trial, or the reason why nothing was; `asked` are its metrics of one's own."""

    difference: Difference | None
    reason: str = ""
    asked: Stamps = field(default_factory=dict)


async def measure_trial(
    trial: StoredTrial, song: Path, remix: Path, executor: Executor | None
) -> TrialMeasures:
    """What the remix kept of its song and what it changed. What fails is a measure that lacks, no remix."""
    if not await asyncio.to_thread(is_content, remix):
        return TrialMeasures(None, "Its audio was changed since it was fetched.")
    asked = registered_stamps()  # first: one that takes its place meanwhile is asked the next time
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
    return TrialMeasures(difference.model_copy(update=named), asked=asked)


def keep_measures(store: StudyStore, identity: str, measured: TrialMeasures) -> None:
    """Keep them in the place of earlier ones, of which stays what could not be had again.

    That is the values of metrics that are gone or failed this time, or all of them with the reason.
    """
    with store.writing() as connection:
        earlier, stamps = _earlier(store, identity)
        difference = measured.difference
        if difference is not None and earlier is not None:
            _keep_difference(store, identity, *with_earlier(difference, earlier, measured.asked, stamps))
        elif difference is not None:
            _keep_difference(store, identity, difference, answered(difference, measured.asked))
        elif earlier is not None:
            said = f"Not measured anew, so earlier measures stand: {measured.reason}"
            connection.execute("UPDATE measures SET reason = ? WHERE identity = ?", (said, identity))
        else:
            _keep(store, None, (identity, "", None, None, None, measured.reason))


def _earlier(store: StudyStore, identity: str) -> tuple[Difference | None, Stamps]:
    """What is kept of a trial, and the versions of its metrics; None where nothing is that can be read."""
    try:
        difference = kept_difference(store, identity)
    except ConfigurationError:
        return None, {}
    rows = store.rows(
        "SELECT l.columns FROM measures m JOIN layouts l ON l.number = m.layout WHERE m.identity = ?",
        (identity,),
    )
    return difference, json.loads(rows[0]["columns"]).get("metrics", {}) if rows else {}


def _keep_difference(store: StudyStore, identity: str, difference: Difference, stamps: Stamps) -> None:
    row = {name: value for name, value in difference.row.items() if name not in _SAID}
    texts = {name: value for name, value in row.items() if isinstance(value, str)}
    numbers = {name: value for name, value in row.items() if name not in texts}
    if errors := errors_text(difference):
        texts["metric_errors"] = errors
    flags = [name for name, value in numbers.items() if isinstance(value, bool)]
    packed = array("d", [math.nan if value is None else float(value) for value in numbers.values()])
    songs = {each.extractor for each in (difference, difference.reference, difference.remix)}
    own = comparison_stamp() if songs == {features_stamp()} else "another"  # of somebody's workers
    by = {"comparison": own, "metrics": dict(sorted(stamps.items()))}
    layout = json.dumps({"numbers": list(numbers), "flags": flags, **by})
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
    """The trials whose audio is there and that lack measures, or a metric as it is registered now."""
    return _without(store, {row["number"] for row in _layouts(store) if _has_metrics(row["columns"])})


def outdated(store: StudyStore) -> list[StoredTrial]:
    """The same, and those whose measures are of another version of this package's own."""
    layouts = [row for row in _layouts(store) if _has_metrics(row["columns"])]
    stamp = comparison_stamp()
    return _without(
        store, {row["number"] for row in layouts if json.loads(row["columns"]).get("comparison") == stamp}
    )


def _has_metrics(columns: str) -> bool:
    """Whether what is laid out so has every metric, as it is registered now."""
    stamps = json.loads(columns).get("metrics", {})
    return all(stamps.get(column) == stamp for column, stamp in registered_stamps().items())


def _without(store: StudyStore, whole: set[int]) -> list[StoredTrial]:
    """The trials whose audio is there and whose measures are not laid out in one of these ways."""
    with store.explaining():
        rows = store.tuples("SELECT identity, layout FROM measures WHERE difference IS NOT NULL")
        done = {identity for identity, layout in rows if layout in whole}
        return [trial for trial in store.trials([TrialState.DONE]) if trial.identity not in done]


def own_columns(store: StudyStore) -> tuple[str, ...]:
    """The columns of metrics of one's own that takes were measured with; of those of clips the remix's."""
    built_in = Difference.unknown().row
    used = [json.loads(row["columns"])["numbers"] for row in _used_layouts(store)]
    found = dict.fromkeys(name for names in used for name in names if name not in built_in)
    twins = {f"reference_{name.removeprefix('remix_')}" for name in found if name.startswith("remix_")}
    return tuple(name for name in found if name not in twins)


def metric_ranges(store: StudyStore) -> dict[str, list[float | None]]:
    """By column the lowest and the highest value of metrics of one's own, None for an open end."""
    return ranges_in(json.loads(row["columns"]).get("metrics", {}) for row in _used_layouts(store))


def _used_layouts(store: StudyStore) -> Sequence[Any]:
    return store.rows(
        "SELECT columns FROM layouts WHERE number IN (SELECT layout FROM measures) ORDER BY number"
    )


def _layouts(store: StudyStore) -> Sequence[Any]:
    return store.rows("SELECT number, columns FROM layouts")


def kept_difference(store: StudyStore, identity: str) -> Difference | None:
    """The difference of a trial; None where none was measured."""
    rows = store.rows("SELECT difference FROM measures WHERE identity = ?", (identity,))
    return Difference.from_json(rows[0]["difference"]) if rows and rows[0]["difference"] else None


def measured_columns(store: StudyStore, identities: Sequence[str]) -> dict[str, Any]:
    """The measures as columns, a value for each of these trials: who measured, why not, then the rest.

    Numbers are nan, flags and texts None where nothing was measured.
    """
    import numpy as np  # only whoever has measures needs it

    place = {identity: at for at, identity in enumerate(identities)}
    extractor: list[str | None] = [None] * len(place)
    not_measured: list[str | None] = [None] * len(place)
    versions: list[str | None] = [None] * len(place)
    columns: dict[str, Any] = {
        "extractor": extractor, "metric_versions": versions,
        "not_measured": not_measured, "metric_errors": [None] * len(place),
    }  # fmt: skip
    layouts = {row["number"]: json.loads(row["columns"]) for row in _layouts(store)}
    versions_of = {number: versions_text(each.get("metrics", {})) for number, each in layouts.items()}
    by_layout: dict[int, list[tuple[int, bytes]]] = {}
    known: dict[str, dict[str, str]] = {}
    measured = store.tuples("SELECT identity, extractor, layout, numbers, texts, reason FROM measures")
    for identity, version, layout, numbers, packed, reason in measured:
        at = place.get(identity)
        if at is None:
            continue
        not_measured[at] = reason
        if layout is None:
            continue
        extractor[at], versions[at] = version, versions_of[layout]
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
