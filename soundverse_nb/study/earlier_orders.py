"""Earlier orders of a study: of its runs before, of copies of it, of what it was merged of or into.

The journal of orders knows it, whatever became of the study's folder: a trial's order has a label there,
which is the study's group and the trial's identity.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from soundverse_nb import displays
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.client.order.labelled import orders_labelled, recover_labelled
from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.client.session import Session
from soundverse_nb.errors import SoundverseError
from soundverse_nb.study.audio_files import audio_file
from soundverse_nb.study.environments import runs_of
from soundverse_nb.study.late_price import paid_at_nothing
from soundverse_nb.study.restoring import has_audio, said_of, set_changed_aside
from soundverse_nb.study.runner import Commits, settle
from soundverse_nb.study.settling import Settlement, is_counted, kept_beside, settled_order, study_of
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState
from soundverse_nb.study.stored_trial import OPEN

_LABEL = "study"


def label_group(study: str) -> str:
    """What stands before a trial's identity in the label that its order has in the journal."""
    return f"{_LABEL}:{study}:"


def study_ids(store: StudyStore, trials: Sequence[StoredTrial]) -> list[str]:
    """The ids that trials of this study may have been ordered under: its own, and those it was merged of."""
    meta = store.meta()
    parts = store.noted("parts", [])
    return list(
        dict.fromkeys([meta["id"], *parts, *(study_of(trial) for trial in trials if study_of(trial))])
    )


async def note_in_journal(folder: Path, store: StudyStore, session: Session) -> None:
    """Let the journal know of which others this study was merged, and in which folder it is.

    From then on neither orders what the other has an order of, whoever comes first.
    """
    ids = study_ids(store, await asyncio.to_thread(store.trials))
    own, *parts = [label_group(each) for each in ids]
    place = await asyncio.to_thread(_place, folder, session.journal.path)
    await session.journal.note_group(own, parts, place)


async def go_on_for_deleted(
    folder: Path, store: StudyStore, session: Session, trials: Sequence[StoredTrial]
) -> bool:
    """Let a study that was never run go on for the one that was in its folder before; whether there was one.

    Only where the journal has an order of that one for a trial of this plan. It then has that one's id, so
    that each of those orders is its own: taken over where it is done, followed where it is out.
    """
    if runs_of(store) or any(trial.attempts for trial in await asyncio.to_thread(store.trials)):
        return False
    wanted = {trial.identity for trial in trials}
    place = await asyncio.to_thread(_place, folder, session.journal.path)
    own = label_group(store.meta()["id"])
    for group, parts in {own: list[str](), **await session.journal.groups_at(place)}.items():
        found = await _orders(session, [group, *parts])
        ordered = {
            identity
            for identity, orders in found.items()
            if any(order.state is not OrderState.REFUSED for order in orders)
        }
        if ordered & wanted:
            ids = [_study_of_group(each) for each in (group, *parts)]
            await asyncio.to_thread(store.note, id=ids[0], parts=json.dumps(ids[1:]))
            return True
    return False


def said_of_deleted(store: StudyStore, plan: str) -> str:
    """What a study took over of one that was in its folder before, in a sentence."""
    every = [trial for trial in store.trials() if trial.plan == plan]
    known = sum(trial.state is not TrialState.MISSING for trial in every)
    return (
        f"a study was in this folder before, and the journal of orders knows it: {known} of these "
        f"{len(every)} trials were ordered by it. They are taken over, and nothing of them is paid again. "
        "A study in another folder has takes of its own."
    )


def _place(folder: Path, journal: Path) -> str:
    """Which folder this is to all who use this journal: where the journal is on another disk, other machines
    may have a folder of the same path."""
    path = os.fsencode(os.path.realpath(folder)).decode("utf-8", "backslashreplace")
    try:
        is_beside = os.stat(folder).st_dev == os.stat(journal.parent).st_dev
    except OSError:
        is_beside = False
    return path if is_beside else f"{platform.node()}:{path}"


def _study_of_group(group: str) -> str:
    return group.removeprefix(f"{_LABEL}:").removesuffix(":")


async def settle_earlier(
    folder: Path, store: StudyStore, session: Session, journal: str, price: int | None
) -> tuple[dict[str, list[Order]], frozenset[str]]:
    """Ask the journal about every open trial; what a dead kernel left is finished, and nothing is sent.

    `price` is of an order that nothing is reserved for. Gives the orders that the journal knew, by the
    identity of their trial, and the trials that failed just now since nobody has the paid take any more.
    """
    trials = await asyncio.to_thread(store.trials)
    groups = [label_group(study) for study in study_ids(store, trials)]
    # What was merged of this one may have ordered its trials.
    groups = list(dict.fromkeys([*groups, *await session.journal.related_groups(groups)]))
    orders = await _orders(session, groups)
    if not orders and not any(trial.attempts for trial in trials):
        return orders, frozenset()
    every = trials
    trials = await asyncio.to_thread(lambda: [each for each in trials if not has_audio(folder, each)])
    changed = await asyncio.to_thread(set_changed_aside, folder, trials, orders)
    failed: list[tuple[Order, SoundverseError]] = []
    if orders:
        for group in groups:
            failed += await recover_labelled(session, group, ProgressReporter(None))
        orders = await _orders(session, groups)
    released = store.released()
    commits = Commits(store)
    gone: list[StoredTrial] = []
    own = _by_trial(orders, every, journal)
    for trial in trials:
        settlement = settled_order(trial, own.get(trial.identity, []), journal, released)
        if settlement is None:
            continue
        counted = is_counted(trial, settlement)
        to_count = settlement.is_paid and not counted
        if settlement.state is trial.state and settlement.audio is None and not to_count:
            continue
        if settlement.audio is not None and not settlement.audio.is_file():
            # Fetched, and gone from the disk: what could be fetched again was.
            if trial.state is TrialState.DONE or (counted and trial.state is TrialState.FAILED):
                continue
            settlement = _paid_and_gone(settlement)
            gone.append(trial)
        settlement = replace(settlement, is_paid=False) if counted and settlement.is_paid else settlement
        # It was ordered by a copy of this study, and nothing was reserved here.
        if settlement.is_paid is None and trial.state in OPEN and not counted:
            settlement = replace(settlement, facts={**settlement.facts, "reserved": price or 0})
            if price == 0:
                settlement.facts["paid"] = paid_at_nothing(trial)
        await settle(commits, store, folder, trial, settlement, trial.price_of_order(price))
    done = [trial for trial in trials if trial.state is TrialState.DONE]
    lost = [trial for trial in done if not (folder / (audio_file(trial.file) or "?")).is_file()]
    if said := said_of(changed, [*lost, *gone], failed):
        displays.notice(said)
    return orders, frozenset(trial.identity for trial in gone)


def _by_trial(
    orders: Mapping[str, Sequence[Order]], trials: Sequence[StoredTrial], journal: str
) -> dict[str, list[Order]]:
    """The orders of each trial, where those of a trial that was made twice have the name of the first."""
    same: dict[str, list[StoredTrial]] = {}
    for trial in sorted(trials, key=lambda each: each.duplicate_of is not None):
        same.setdefault(trial.duplicate_of or trial.identity, []).append(trial)
    found: dict[str, list[Order]] = {}
    for identity, several in orders.items():
        for order in several:
            known = [each for each in same.get(identity, []) if order.order_id in (each.order_id, *each.paid)]
            beside = kept_beside(journal, _study_of_group((order.label or "").removesuffix(identity)))
            out = [each for each in same.get(identity, []) if each.journal == beside]
            found.setdefault((known or out)[0].identity if known or out else identity, []).append(order)
    return found


def _paid_and_gone(settlement: Settlement) -> Settlement:
    """A take that was paid for and that nobody has any more: only the user's word orders it again."""
    said = (
        "It was paid for, but its audio is gone and could not be fetched again. Each run tries that anew; "
        "retry_failed=True orders it once more, and pays again."
    )
    facts = {**settlement.facts, "error": said}
    return Settlement(TrialState.FAILED, True, facts=facts, order=settlement.order)


async def _orders(session: Session, groups: Sequence[str]) -> dict[str, list[Order]]:
    """By the identity of their trial the orders of these groups."""
    found: dict[str, list[Order]] = {}
    for group in groups:
        for label, orders in (await orders_labelled(session, group)).items():
            found.setdefault(label.rpartition(":")[2], []).extend(orders)
    return found
