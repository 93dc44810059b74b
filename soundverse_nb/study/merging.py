"""Many studies merged into one: the union of their trials, and what is there twice beside it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soundverse_nb import displays
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.study.audio_files import audio_file, is_content, keep_audio
from soundverse_nb.study.environments import together
from soundverse_nb.study.measuring import copy_measures
from soundverse_nb.study.merged_songs import Names, renamed, said_of_names, told_apart, with_all_songs
from soundverse_nb.study.planned import kept_plan, planned_trials
from soundverse_nb.study.run_request import BUDGET
from soundverse_nb.study.store import NAME, PLANS_BESIDE, StoredTrial, StudyStore, TrialState
from soundverse_nb.study.unfinished import MERGING, unfinished_folder

_KEPT = ("service", "simulated", "environment", "created", "created_on", "price")

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
        with unfinished_folder(place, MERGING) as beside:
            _merge(stores, folders, beside / "study")
            _put(beside / "study", into)
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
    new: list[Path] = []
    try:
        for part in sorted(whole.glob("audio/*")):
            (into / "audio").mkdir(exist_ok=True)
            place = into / "audio" / part.name
            if not place.exists():
                new.append(place)
            part.replace(place)
        if (into / NAME).exists():
            raise ConfigurationError(f"There is a study in {into} by now.", hint="Choose a new folder.")
        (whole / NAME).rename(into / NAME)
    except BaseException:  # an interrupt too: audio without a store passes for a study that lost it
        if not (into / NAME).exists():
            for place in new:
                place.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others may have something in it
                (into / "audio").rmdir()
        raise


def _merge(stores: Sequence[StudyStore], folders: Sequence[Path], into: Path) -> None:
    union = _union(stores)
    target = StudyStore(into)
    try:
        target.note(
            id=f"merged-{'-'.join(sorted(store.meta().get('id', '?') for store in stores))}"[:400],
            merged=json.dumps([folder.name for folder in folders]),
            parts=json.dumps(sorted({part for store in stores for part in _parts(store)})),
            runs=json.dumps(together(stores)),
            released=json.dumps(sorted(frozenset().union(*(store.released() for store in stores)))),
            **{name: text for name, text in union.lead.meta().items() if name in _KEPT},
            **_budget_of_all(stores),
        )
        every: dict[str, list[tuple[int, StoredTrial]]] = {}
        for at, store in enumerate(stores):
            for content, row in store.songs().items():
                if (own := audio_file(row["file"])) and (folders[at] / own).is_file():
                    _, file = keep_audio(into, folders[at] / own, is_ours=True)
                    name = union.names.get((row["name"], content), row["name"])
                    target.take_song(content, name, file, row["seconds"])
            for trial in store.trials():
                every.setdefault(trial.identity, []).append((at, trial))
        for found in every.values():
            found.sort(key=lambda entry: (_BEST.index(entry[1].state), entry[0]))
            _take(target, into, found, stores, folders, union)
        if said := said_of_names(union.names):
            displays.notice(said)
        _keep_other_plans(target, stores, union)
        # Those of a shard that is not among the studies.
        if absent := [trial for identity, trial in union.planned.items() if identity not in every]:
            target.take_plan(union.plan, union.description, absent, whole=True)
            displays.notice(_without(stores, union, len(absent)))
    finally:
        target.close()


def _keep_other_plans(target: StudyStore, stores: Sequence[StudyStore], union: _Union) -> None:
    """Let the trials of every plan that the studies have be in the plan here too; what that means is said."""
    others = dict.fromkeys(
        plan for store in stores for plan in store.plans() if union.plan_of(store, plan) != union.plan
    )
    if not others:
        return
    for store in stores:
        for plan, description in store.descriptions().items():
            if plan in others:
                # As one that was taken long ago, whatever the clocks said: the current one is the latest.
                target.take_plan(plan, description, [], now=0.0, whole=True)
    target.note(**{PLANS_BESIDE: json.dumps(list(others))})
    every = target.trials()
    beside = [trial for trial in every if trial.plan in others]
    missing = sum(trial.state is TrialState.MISSING for trial in beside)
    displays.notice(
        f"these studies have {len(others) + 1} different plans, and frame, summary and plots take in the "
        f"trials of all. study.run() orders what is missing of the last plan alone, which is of "
        f"{sum(trial.plan == union.plan for trial in every)} trials; of the {len(beside)} others "
        f"{missing or 'none'} {'is' if missing in (0, 1) else 'are'} missing"
        f"{', which study.run(plan) orders with their plan' if missing else ''}."
    )


def _without(stores: Sequence[StudyStore], union: _Union, count: int) -> str:
    """Which shards of the plan are not among the studies, in a sentence."""
    plans = [found[1] for store in stores if (found := store.plan())]
    parts = {tuple(each.get("part", (0, 1))) for each in plans if _is_same(each, union.design)}
    parted = {of for _, of in parts}
    (of,) = parted if len(parted) == 1 else (0,)
    lacking = [str(at + 1) for at in range(of) if (at, of) not in parts]
    trials = "its trial is" if count == 1 else f"its {count} trials are"
    if lacking:
        several = len(lacking) > 1
        which = f"shard{'s' if several else ''} {', '.join(lacking)} of {of} {'are' if several else 'is'}"
        trials = trials.replace("its", "their") if several else trials
    else:
        which, trials = "a part of the plan is", f"{count} trial{' is' if count == 1 else 's are'}"
    # Where every shard is there, each was run with another song.
    again = "" if of and not lacking else " Merge again once all shards are there."
    return (
        f"{which} not among these studies: {trials} missing in the merged one, and would be ordered if that "
        f"were run.{again}"
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
    union: _Union,
) -> None:
    """One trial, and beside it whatever else was paid or sent for it."""
    for number, (at, trial) in enumerate(_without_missing(_orders_apart(found))):
        identity = trial.identity if not number else f"{trial.identity}+{number + 1}"
        file = audio_file(trial.file)
        if file is not None and is_content(folders[at] / file):
            _, file = keep_audio(into, folders[at] / file, trial.audio, is_ours=True)
        planned = None if number else union.planned.get(trial.identity)
        name = union.names.get((trial.reference, trial.content), trial.reference)
        kept = replace(
            trial,
            identity=identity,
            file=file,
            number=trial.number if planned is None else planned.number,
            reference=name if planned is None else planned.reference,
            factors={**trial.factors, "reference": name} if planned is None else planned.factors,
            plan="duplicate" if number else union.plan if planned else union.plan_of(stores[at], trial.plan),
            duplicate_of=found[0][1].identity if number else None,
        )
        with target.writing():
            target.take_plan(union.plan, union.description, [kept], whole=True)
            copy_measures(target, stores[at], trial.identity, identity)


def _orders_apart(found: Sequence[tuple[int, StoredTrial]]) -> list[tuple[int, StoredTrial]]:
    """Of one trial in several studies each order once, although copies, and what was merged, all have it."""
    apart: dict[object, tuple[int, StoredTrial]] = {}
    for at, trial in found:
        # One that is out notes its order when it is over: until then its reservation tells it apart.
        key = trial.order_id or ((trial.journal, trial.started) if trial.journal else (at,))
        if key not in apart:
            apart[key] = (at, trial)
            continue
        first_at, first = apart[key]
        both = _both_paid(first, trial)
        apart[key] = (
            first_at,
            replace(
                first,
                charged=max(first.charged, trial.charged, sum(price or 0 for price in both.values())),
                paid=both,
                stars=first.stars or trial.stars,
                note=first.note or trial.note,
            ),
        )
    return _counted_once(list(apart.values()))


def _without_missing(found: Sequence[tuple[int, StoredTrial]]) -> list[tuple[int, StoredTrial]]:
    """Those of one trial that stay: one that is missing only leaves what was paid for it to the first one."""
    (at, first), *others = found
    for _, trial in others:
        if trial.state is TrialState.MISSING:
            first = replace(
                first,
                charged=first.charged + trial.charged,
                paid={**trial.paid, **first.paid},
                attempts=first.attempts + len(trial.paid),
            )
    return [(at, first), *(entry for entry in others if entry[1].state is not TrialState.MISSING)]


def _counted_once(found: Sequence[tuple[int, StoredTrial]]) -> list[tuple[int, StoredTrial]]:
    """Of one trial in several studies the price of each order once, where copies counted what was before."""
    once, known = [], set[str]()
    for at, trial in found:
        twice = sum(price or 0 for order, price in trial.paid.items() if order in known)
        paid = {order: price for order, price in trial.paid.items() if order not in known}
        once.append((at, replace(trial, charged=trial.charged - twice, paid=paid)))
        known |= paid.keys()
    return once


def _both_paid(one: StoredTrial, other: StoredTrial) -> dict[str, int | None]:
    """The orders that either has counted, each with its price where one of them knew it."""
    known = {order: price for order, price in one.paid.items() if price is not None}
    return {**one.paid, **other.paid, **known}


def _budget_of_all(stores: Sequence[StudyStore]) -> dict[str, str]:
    """What is noted of the budget: those of the studies together, where each was run within one."""
    budgets = {store.meta().get("id"): store.noted(BUDGET, None) for store in stores if store.plan()}
    known = [budget for budget in budgets.values() if type(budget) is int]
    return {BUDGET: json.dumps(sum(known))} if known and len(known) == len(budgets) else {}


def _parts(store: StudyStore) -> list[str]:
    """The ids of a study and of those that it was merged of: its trials may have orders of any of them."""
    meta = store.meta()
    return [*([meta["id"]] if "id" in meta else []), *store.noted("parts", [])]


@dataclass(frozen=True)
class _Union:
    """The plan that studies are parts of, as its hash, its description and its trials by identity.

    `lead` is a study that was run with it, which says for which service; `design` is the plan as that one
    has it, and `names` has what songs are called here.
    """

    lead: StudyStore
    plan: str
    description: dict[str, Any]
    design: Mapping[str, Any]
    planned: Mapping[str, StoredTrial]
    names: Names

    def plan_of(self, store: StudyStore, plan: str) -> str:
        """What a plan of one of the studies is in the merged one: another part of its plan is that itself."""
        found = store.plan()
        is_part = found is not None and found[0] == plan and _is_same(found[1], self.design)
        return self.plan if is_part else plan


def _union(stores: Sequence[StudyStore]) -> _Union:
    """What the studies are parts of; where they have several plans, the last one's.

    One that was refused before it had a plan has no say.
    """
    plans = [(store, found[1]) for store in stores if (found := store.plan())]
    if not plans:
        return _Union(stores[0], "", {}, {}, {}, told_apart(_songs(stores, {})))
    for store, description in plans:
        kept_plan(store, description)
    lead, design = next(each for each in plans if _is_same(each[1], plans[-1][1]))
    names = told_apart(_songs(stores, design))
    same = [each for _, each in plans if _is_same(each, design)]
    whole = {
        **with_all_songs(design, same, names),
        "part": [0, 1],
        "share": 1.0,
        "budget": None,
        "contents": {},
    }
    for _, each in [*plans, (lead, design)]:
        whole["contents"] |= renamed(each.get("contents", {}), names)
    plan = kept_plan(lead, whole)
    planned: Mapping[str, StoredTrial] = {}
    if all(name in whole["contents"] for name in plan.references):
        meta = lead.meta()
        trials = planned_trials(
            plan, whole["contents"], meta.get("service", ""), meta.get("simulated") == "True"
        )
        planned = {trial.identity: trial for trial in trials}
    return _Union(lead, plan.hash, whole, design, planned, names)


def _songs(stores: Sequence[StudyStore], design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The songs of all studies by name and content, those of the plan first."""
    plans = [design, *(found[1] for store in stores if (found := store.plan()))]
    planned = [song for each in plans for song in each.get("contents", {}).items()]
    return [*planned, *((trial.reference, trial.content) for store in stores for trial in store.trials())]
