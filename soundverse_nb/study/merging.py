"""Many studies merged into one: the union of their trials, and what is there twice beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundverse_nb import displays
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.study.audio_files import audio_file, is_content, keep_audio
from soundverse_nb.study.environments import together
from soundverse_nb.study.measuring import copy_measures
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.planned import planned_trials
from soundverse_nb.study.store import NAME, StoredTrial, StudyStore, TrialState

UNFINISHED = ".merging-"
"""Begins the name of the folder that a merged study is built in; one that is left there may be deleted."""

_KEPT = ("service", "simulated", "environment", "created", "created_on")

_BEST = (TrialState.DONE, TrialState.RUNNING, TrialState.UNKNOWN, TrialState.FAILED, TrialState.MISSING)
"""Of one trial in several studies the one that has come furthest stands for it."""


def merge_studies(folders: Sequence[Path], into: Path) -> None:
    """The union of studies by the identity of their trials, in a new folder; what is there twice is said."""
    if not folders:
        raise ConfigurationError("No studies were given to merge.", hint="sv.merge([folder, folder, ...]).")
    if (into / NAME).exists():
        raise ConfigurationError(f"There is a study in {into} already.", hint="Choose a new folder.")
    stores: list[StudyStore] = []
    # In a folder of its own until it is whole: what a killed process leaves of it passes for no study.
    place = into if into.exists() else into.parent
    try:
        stores.extend(StudyStore(folder, readonly=True) for folder in folders)
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=place) as beside:
            _merge(stores, folders, Path(beside) / "study")
            _put(Path(beside) / "study", into)
    except OSError as error:
        raise ConfigurationError(
            f"The studies could not be merged into {into}: {error.strerror or error}.",
            hint="Make room, or choose another folder. The studies are as they were.",
        ) from None
    finally:
        for store in stores:
            store.close()


def _put(whole: Path, into: Path) -> None:
    """Move a study that is complete to its place; where a folder is there already, its store comes last."""
    if not into.exists():
        whole.rename(into)
        return
    for part in sorted(whole.glob("audio/*")):
        (into / "audio").mkdir(exist_ok=True)
        part.replace(into / "audio" / part.name)
    if (into / NAME).exists():
        raise ConfigurationError(f"There is a study in {into} by now.", hint="Choose a new folder.")
    (whole / NAME).rename(into / NAME)


def _merge(stores: Sequence[StudyStore], folders: Sequence[Path], into: Path) -> None:
    plan, description = _plan_of(stores)
    target = StudyStore(into)
    try:
        target.note(
            id=f"merged-{'-'.join(sorted(store.meta().get('id', '?') for store in stores))}"[:400],
            merged=json.dumps([folder.name for folder in folders]),
            parts=json.dumps(sorted({part for store in stores for part in _parts(store)})),
            runs=json.dumps(together(stores)),
            released=json.dumps(sorted(frozenset().union(*(store.released() for store in stores)))),
            **{name: text for name, text in stores[0].meta().items() if name in _KEPT},
        )
        every: dict[str, list[tuple[int, StoredTrial]]] = {}
        for at, store in enumerate(stores):
            for content, row in store.songs().items():
                if (own := audio_file(row["file"])) and (folders[at] / own).is_file():
                    _, file = keep_audio(into, folders[at] / own, is_ours=True)
                    target.take_song(content, row["name"], file, row["seconds"])
            for trial in store.trials():
                every.setdefault(trial.identity, []).append((at, trial))
        for found in every.values():
            found.sort(key=lambda entry: (_BEST.index(entry[1].state), entry[0]))
            _take(target, into, found, stores, folders, plan, description)
        if absent := _absent(target, description, every):
            target.take_plan(plan, description, absent, whole=True)
            displays.notice(_without(stores, description, len(absent)))
    finally:
        target.close()


def _absent(
    target: StudyStore, description: Mapping[str, Any], known: Mapping[str, Any]
) -> list[StoredTrial]:
    """The trials of the whole plan that none of the studies has: those of a shard that is not among them."""
    contents, meta = description.get("contents", {}), target.meta()
    if not description or any(name not in contents for name in description["references"]):
        return []
    plan = _plan_as_described(description)
    trials = planned_trials(plan, contents, meta.get("service", ""), meta.get("simulated") == "True")
    return [trial for trial in trials if trial.identity not in known]


def _without(stores: Sequence[StudyStore], description: Mapping[str, Any], count: int) -> str:
    """Which shards of the plan are not among the studies, in a sentence."""
    plans = [found[1] for store in stores if (found := store.plan())]
    parts = {tuple(each.get("part", (0, 1))) for each in plans if _is_same(each, description)}
    trials = "its trial is" if count == 1 else f"its {count} trials are"
    if len({of for _, of in parts}) == 1:
        (of,) = {of for _, of in parts}
        lacking = [str(at + 1) for at in range(of) if (at, of) not in parts]
        several = len(lacking) > 1
        which = f"shard{'s' if several else ''} {', '.join(lacking)} of {of} {'are' if several else 'is'}"
        trials = trials.replace("its", "their") if several else trials
    else:
        which, trials = "a part of the plan is", f"{count} trials are"
    return (
        f"{which} not among these studies: {trials} missing in the merged one, and would be ordered if that "
        "were run. Merge again once all shards are there."
    )


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two descriptions are of one plan, whichever part of it."""
    return all(one.get(name) == other.get(name) for name in {*one, *other} - _OF_A_PART)


_OF_A_PART = {"part", "share", "budget", "contents"}


def _take(
    target: StudyStore,
    into: Path,
    found: list[tuple[int, StoredTrial]],
    stores: Sequence[StudyStore],
    folders: Sequence[Path],
    plan: str,
    description: Mapping[str, Any],
) -> None:
    """One trial, and beside it whatever else was paid or sent for it."""
    for number, (at, trial) in enumerate(found):
        if number and trial.state is TrialState.MISSING:
            continue
        identity = trial.identity if not number else f"{trial.identity}+{number + 1}"
        file = audio_file(trial.file)
        if file is not None and is_content(folders[at] / file):
            _, file = keep_audio(into, folders[at] / file, trial.audio, is_ours=True)
        in_plan = not number and trial.plan == _plan_hash(stores[at])
        kept = replace(
            trial,
            identity=identity,
            file=file,
            plan=plan if in_plan else trial.plan if not number else "duplicate",
            duplicate_of=found[0][1].identity if number else None,
        )
        with target.writing():
            target.take_plan(plan, description, [kept], whole=True)
            copy_measures(target, stores[at], trial.identity, identity)


def _parts(store: StudyStore) -> list[str]:
    """The ids of a study and of those that it was merged of: its trials may have orders of any of them."""
    meta = store.meta()
    return [*([meta["id"]] if "id" in meta else []), *store.noted("parts", [])]


def _plan_hash(store: StudyStore) -> str | None:
    found = store.plan()
    return found[0] if found else None


def _plan_of(stores: Sequence[StudyStore]) -> tuple[str, dict[str, Any]]:
    """The plan that the studies are parts of; where they have several, the last one's."""
    plans = [found for store in stores if (found := store.plan())]
    if not plans:
        return "", {}
    whole = {**plans[-1][1], "part": [0, 1], "share": 1.0}
    for _, description in plans:
        whole["contents"] = {**whole.get("contents", {}), **description.get("contents", {})}
    return _plan_as_described(whole).hash, whole


def _plan_as_described(description: Mapping[str, Any]) -> Plan:
    # Only the names of the songs are in a plan's hash.
    return Plan.from_description(description, {name: f"{name}.mp3" for name in description["references"]})
