"""The frame of a study: one row a trial, failed and missing ones too, ready for pandas, CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.study.audio_files import audio_file
from soundverse_nb.study.counted import factors_of
from soundverse_nb.study.damage import STATES
from soundverse_nb.study.measuring import measured_columns, metric_ranges
from soundverse_nb.study.own_metrics import RANGES
from soundverse_nb.study.plan import MICRO
from soundverse_nb.study.store import StudyStore, TrialState

STREAMING, COMPLETED, HELD = "streaming", "completed", "held at 90"

STAGE = "s_"
"""Begins the columns that say how many seconds after its start a trial first came to a stage."""

MEASURED = "measured_"
"""Begins the name of the column of a measure that is called like a factor."""

_PLAIN = ("identity", "number", "reference")

_READ = (
    "plan", "number", "identity", "reference", "factors", "replicate", "is_control", "state", "simulated",
    "order_id", "message_id", "started", "finished", "stages", "attempts", "charged", "reserved", "error",
    "song_name", "stars", "note", "audio", "file", "adopted", "duplicate_of",
)  # fmt: skip
"""Columns of the store that a frame is made from."""


def study_columns(store: StudyStore) -> dict[str, Any]:
    """The frame's columns, in order, each a list or array with a value for every trial.

    In the order of the plan; trials that only earlier plans ask for come last, with `in_plan` False.
    """
    rank = {plan: at for at, plan in enumerate(store.plans())}
    rows = store.tuples(f"SELECT {', '.join(_READ)} FROM trials")
    # What is sorted by comes first in _READ.
    rows.sort(key=lambda row: (rank.get(row[0], len(rank)), row[1], row[2]))
    read = dict(zip(_READ, zip(*rows, strict=True) if rows else [()] * len(_READ), strict=True))
    if not STATES.issuperset(read["state"]):
        raise ValueError("a trial's state is none")
    factors = [_read(text) for text in read["factors"]]
    stages: list[dict[str, float]] = json.loads(f"[{','.join(text or '{}' for text in read['stages'])}]")
    columns: dict[str, Any] = {name: list(read[name]) for name in ("plan", *_PLAIN)}
    names = dict.fromkeys(name for each in _different(factors) for name in each if name != "reference")
    columns |= {name: [each.get(name) for each in factors] for name in names}
    columns |= {
        "replicate": list(read["replicate"]),
        "is_control": list(map(bool, read["is_control"])),
        "in_plan": [its in rank for its in read["plan"]],
        "state": list(read["state"]),
        "simulated": list(map(bool, read["simulated"])),
        **{name: list(read[name]) for name in ("order_id", "message_id", "started", "finished")},
        "seconds": [each.get(COMPLETED) for each in stages],
        "seconds_to_streaming": [each.get(STREAMING) for each in stages],
        "seconds_held_at_90": [_held(each) for each in stages],
    }
    words = dict.fromkeys(stage for each in stages for stage in each)
    columns |= {f"{STAGE}{stage.replace(' ', '_')}": [each.get(stage) for each in stages] for stage in words}
    columns |= {
        "attempts": list(read["attempts"]),
        "cost": [charged / MICRO for charged in read["charged"]],
        "reserved": [reserved / MICRO for reserved in read["reserved"]],
        **{name: list(read[name]) for name in ("error", "song_name", "stars", "note", "audio")},
        "file": [audio_file(name) for name in read["file"]],
        "adopted_from": list(read["adopted"]),
        "duplicate_of": list(read["duplicate_of"]),
        "same_audio_as": _same_audio(store, columns["identity"], columns["is_control"]),
    }
    # A measure may have the name of a slot.
    return columns | {
        f"{MEASURED}{name}" if name in columns else name: values
        for name, values in measured_columns(store, columns["identity"]).items()
    }


def measure_column(columns: Iterable[str], measure: str) -> str:
    """The column of a frame that holds a measure: that of its name, where no factor is called so.

    >>> measure_column(["reference", "tempo_ratio", "replicate", "measured_tempo_ratio"], "tempo_ratio")
    'measured_tempo_ratio'
    """
    return f"{MEASURED}{measure}" if measure in factors_of(list(columns)) else measure


def check_measure(columns: Iterable[str], metric: str) -> None:
    """ConfigurationError, which names the column of the measure, where a factor is called like it."""
    column = measure_column(have := list(columns), metric)
    if column != metric and column in have:
        raise ConfigurationError(
            f"{metric!r} is a factor of this study, and holds its levels.",
            hint=f"The measure of that name is in {column!r}; by={metric!r} compares the levels.",
        )


def study_frame(store: StudyStore) -> Any:
    """The same as a pandas DataFrame. ConfigurationError where pandas is missing.

    Every column has one type for all trials, whatever is not known of them: texts are "string", flags that
    may lack are "boolean", moments are UTC. So a frame without measures goes to Parquet as one with all.
    """
    pandas = import_extra("pandas", "A frame of a study")
    columns = study_columns(store)
    frame = pandas.DataFrame({name: _typed(pandas, name, values) for name, values in columns.items()})
    frame.attrs[RANGES] = metric_ranges(store)
    return frame


class StudyRows(list[dict[str, Any]]):
    """The same as a list of rows, for whoever does without pandas; `attrs` as of the frame."""

    def __init__(self, store: StudyStore) -> None:
        columns = study_columns(store)
        names = list(columns)
        super().__init__(dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))
        self.attrs = {RANGES: metric_ranges(store)}

    def sort_by_level(self, levels: Mapping[str, Iterable[str]]) -> None:
        """Put them in the order of the plan's levels, by factor: in that order levels are spoken of."""
        places = {factor: {name: at for at, name in enumerate(names)} for factor, names in levels.items()}
        last = sum(map(len, places.values()))
        self.sort(
            key=lambda row: [place.get(str(row.get(factor) or ""), last) for factor, place in places.items()]
        )


def levels_of(description: Mapping[str, Any]) -> dict[str, list[str]]:
    """By factor the names of its levels, in the order in which the plan that is described has them."""
    axes = {"reference": "references", "prompt": "prompts", "lyrics": "lyrics", "parameters": "parameters"}
    found = {factor: list(description.get(axis) or ()) for factor, axis in axes.items()}
    return found | {slot: list(axis) for slot, axis in (description.get("slots") or {}).items()}


_MOMENTS = frozenset({"started", "finished"})
_FLAGS = frozenset({"is_control", "in_plan", "simulated"})
_WHOLE = frozenset({"number", "replicate", "attempts"})
_AMOUNTS = frozenset({"cost", "reserved", "seconds", "seconds_to_streaming", "seconds_held_at_90"})


def _typed(pandas: Any, name: str, values: Any) -> Any:
    if name in _MOMENTS:
        moments = pandas.to_datetime(pandas.array(values, "Float64"), unit="s", utc=True)
        return moments.as_unit("us")  # as pandas 3 has it; pandas 2 says nanoseconds
    if name in _AMOUNTS or name.startswith(STAGE):
        return pandas.Series(values, dtype="float64")
    if name in _FLAGS or name in _WHOLE:
        return pandas.Series(values, dtype="bool" if name in _FLAGS else "int64")
    if name == "stars":
        return pandas.array(values, "Int64")
    if isinstance(values, list):
        return pandas.array(values, "string")
    # What was measured; flags are objects, since nobody knows those of a trial without audio.
    return pandas.array(values, "boolean") if values.dtype == object else values


_known: dict[str, dict[str, Any]] = {}


def _read(text: str) -> dict[str, Any]:
    # A study has few different cells and many trials of each.
    found = _known.get(text)
    if found is None:
        if len(_known) > 4096:
            _known.clear()
        found = _known[text] = json.loads(text)
    return found


def _held(stages: dict[str, float]) -> float | None:
    """Seconds at 90 %: until it was completed. 0 where it was completed and never stood there."""
    if COMPLETED not in stages:
        return None
    return max(0.0, stages[COMPLETED] - stages[HELD]) if HELD in stages else 0.0


def _different(factors: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Those of different cells, which `_read` gives as the same object, in their order."""
    return {id(each): each for each in factors}.values()


def _same_audio(
    store: StudyStore, identities: Sequence[str], are_controls: Sequence[bool]
) -> list[str | None]:
    """Of a repeat whose audio is that of an earlier take of its cell the identity of that one.

    A control is the copy of an ordinary take, whichever came first: else neither would count.
    """
    several = store.tuples(
        "SELECT identity, content, instructions, audio FROM trials WHERE state = ? AND audio IN"
        " (SELECT audio FROM trials WHERE audio IS NOT NULL GROUP BY audio HAVING COUNT(*) > 1)",
        (TrialState.DONE.value,),
    )
    cells = {identity: rest for identity, *rest in several}
    first: dict[tuple[str, ...], str] = {}
    found: list[str | None] = []
    for is_control in (False, True):
        for identity, its in zip(identities, are_controls, strict=True):
            if identity in cells and its == is_control:
                first.setdefault(tuple(cells[identity]), identity)
    for identity in identities:
        earliest = first[tuple(cells[identity])] if identity in cells else identity
        found.append(None if earliest == identity else earliest)
    return found
