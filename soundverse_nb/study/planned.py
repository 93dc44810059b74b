"""The trials of a plan as a study keeps them: each under the identity that its song's content gives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.study.damage import damaged, unreadable_description
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.plan_changes import PlanChanges, plan_changes
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState


@dataclass(frozen=True)
class AskedService:
    """Whom a study orders from, as the identity of its trials has it."""

    name: str
    simulated: bool


def planned_trials(
    plan: Plan, contents: Mapping[str, str], service: str, simulated: bool
) -> list[StoredTrial]:
    """The trials in the order of the plan; `contents` has the hash of each song by the name of its level."""
    return [
        StoredTrial(
            identity=trial.identity(contents[trial.reference], service, simulated),
            plan=plan.hash,
            number=trial.number,
            reference=trial.reference,
            content=contents[trial.reference],
            factors=dict(trial.factors),
            instructions=trial.instructions.model_dump(exclude_none=True),
            replicate=trial.replicate,
            is_control=trial.is_control,
            state=TrialState.MISSING,
            simulated=simulated,
        )
        for trial in plan.trials
    ]


def check_different(trials: Sequence[StoredTrial], contents: Mapping[str, str]) -> None:
    """Raise ConfigurationError where two levels are one: else its remixes would be paid for twice."""
    twice = [content for content, count in Counter(contents.values()).items() if count > 1]
    if twice:
        same = [name for name, content in contents.items() if content == twice[0]]
        raise ConfigurationError(
            f"{' and '.join(same)} are the same song.",
            hint="Leave one out; repeats= orders a cell more than once.",
        )
    identities = Counter(trial.identity for trial in trials)
    if len(identities) < len(trials):
        again = [trial for trial in trials if identities[trial.identity] > 1]
        cells = sorted({_cell(trial) for trial in again})
        raise ConfigurationError(
            f"Two cells ask for the same remixes: {'; '.join(cells[:4])}.",
            hint="Levels of other names but the same words are one level; repeats= orders it more than once.",
        )


def _cell(trial: StoredTrial) -> str:
    return ", ".join(f"{factor} {name!r}" for factor, name in trial.factors.items())


def changed_plan(store: StudyStore, plan: Plan, asked: AskedService | None = None) -> PlanChanges:
    """What would become of a study's trials if this plan were run, by default with the service of before.

    A song behind a URL counts as the one that has its name in the study; one that cannot be read is new.
    """
    meta = store.meta()
    asked = asked or AskedService(meta.get("service", ""), meta.get("simulated") == "True")
    after = {
        trial.identity: trial
        for trial in planned_trials(plan, known_contents([store], plan), asked.name, asked.simulated)
    }
    return plan_changes(compared_trials(store, plan.hash, after), after)


def compared_trials(store: StudyStore, plan: str, after: Collection[str]) -> dict[str, StoredTrial]:
    """By identity the trials that a plan changes something of, if its own are `after`.

    Of a merged study those of the plans beside it stay what they are, and what was made twice does.
    """
    plans = store.plans()
    beside = {other for other in plans if other != plan} if plan in plans else set()
    return {
        trial.identity: trial
        for trial in store.trials()
        if trial.identity in after or not (trial.plan in beside or trial.duplicate_of)
    }


def known_contents(stores: Sequence[StudyStore], plan: Plan) -> dict[str, str]:
    """The hash of each song of a plan by the name of its level, as far as it is known without any request.

    A song behind a URL counts as the one that has its name in the first of the studies that has one.
    """
    known: dict[str, str] = {}
    own: dict[str, str] = {}
    for store in stores:
        found = store.plan()
        known = {**(found[1].get("contents", {}) if found else {}), **known}
        own |= {
            str(store.path.parent / row["file"]): key for key, row in store.songs().items() if row["file"]
        }
    return {
        name: own.get(str(song)) or _content(song, known.get(name, name))
        for name, song in plan.references.items()
    }


def kept_plan(
    store: StudyStore, description: Mapping[str, Any], song: Callable[[str], Any] = "{}.mp3".format
) -> Plan:
    """The plan that a store describes, with the song that each name is given; only names are in its hash.

    Raises ConfigurationError where the description is damaged.
    """
    try:
        return Plan.from_description(description, {name: song(name) for name in description["references"]})
    except (SoundverseError, AttributeError, LookupError, TypeError, ValueError):
        found = store.plan()
        raise damaged(store.path, unreadable_description("?" if found is None else found[0])) from None


def plan_as_kept(plan: Plan, contents: Mapping[str, str]) -> dict[str, Any]:
    """What a study keeps of a plan: its design, the songs' contents, and which part of it this is."""
    return {
        **plan.description(),
        "contents": dict(contents),
        "part": list(plan.part),
        "share": plan.share,
        "budget": plan.budget,
    }


def _content(song: object, unknown: str) -> str:
    reference = as_reference(song)
    if reference.url is not None:
        return unknown
    try:
        return reference.content_hash()
    except (SoundverseError, OSError):
        return unknown
