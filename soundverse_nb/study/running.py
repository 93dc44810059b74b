"""What happens when a study is run: songs checked, earlier orders settled, the missing trials ordered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from soundverse_nb import displays
from soundverse_nb.api.transport import REMIX_PATH
from soundverse_nb.client.inputs import RemixInput, reference_of
from soundverse_nb.client.journal.order import Once
from soundverse_nb.client.order.labelled import check_songs
from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.client.references import Checked
from soundverse_nb.client.session import Session
from soundverse_nb.errors import BudgetExceededError, ConfigurationError, PreflightError, SoundverseError
from soundverse_nb.reference.reference import Reference
from soundverse_nb.render.escape import plain
from soundverse_nb.render.units import money
from soundverse_nb.study.audio_files import FOLDER, is_content, keep_audio
from soundverse_nb.study.earlier_orders import (
    go_on_for_deleted,
    label_group,
    note_in_journal,
    said_of_deleted,
    settle_earlier,
    study_ids,
)
from soundverse_nb.study.environments import environment, note_run
from soundverse_nb.study.late_price import give_price, without_price
from soundverse_nb.study.plan import MICRO, Plan
from soundverse_nb.study.plan_changes import plan_changes
from soundverse_nb.study.planned import check_different, compared_trials, plan_as_kept, planned_trials
from soundverse_nb.study.run_request import AskedMoney, RunRequest
from soundverse_nb.study.runner import Runner, RunSettings
from soundverse_nb.study.runner_lease import RunnerLease
from soundverse_nb.study.settling import kept_beside
from soundverse_nb.study.standing import costs, counts
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState, used
from soundverse_nb.study.unfinished import delete_left_parts


class StudyReporter(ProgressReporter):
    """The display of a run; an interrupt says how the study stands, and that the same call goes on."""

    store: StudyStore | None = None

    def stopped_message(self, first: str = "Interrupted.") -> str:
        if self.store is None:
            return f"{first} Nothing was ordered."
        found, cost = counts(self.store), ", ".join(costs(self.store))
        parts = [f"{first} {found[TrialState.DONE]} of {sum(found.values())} trials are done."]
        if out := found[TrialState.RUNNING]:
            parts.append(
                f"{out} were sent, which may be charged, and are kept in the journal: "
                "the next run picks them up."
            )
        if cost:
            parts.append(f"{cost[0].upper()}{cost[1:]}.")
        return " ".join([*parts, "Running the same cell again goes on from here."])


async def run_study(
    folder: Path, store: StudyStore, session: Session, request: RunRequest, reporter: StudyReporter
) -> None:
    """Bring a study as far as its plan, its budget and whoever stops it let it come."""
    await session.open()
    async with RunnerLease(store):
        reporter.store = store
        await asyncio.to_thread(delete_left_parts, folder / FOLDER, older_than=0.0)
        songs = await _checked_songs(session, request.plan)
        trials, files = await _taken_plan(folder, store, session, request.plan, songs)
        journal = await session.journal.identity()
        was_here = await go_on_for_deleted(folder, store, session, trials)
        await asyncio.to_thread(note_run, store, environment(request.plan))
        await note_in_journal(folder, store, session)
        orders, gone = await settle_earlier(folder, store, session, journal, request.money.price)
        if was_here:
            displays.notice(said_of_deleted(store, request.plan.hash))
        known = {trial.identity: trial for trial in await asyncio.to_thread(store.trials)}
        wanted = {TrialState.MISSING, *([TrialState.FAILED] if request.retry_failed else [])}
        again = _named_again(known, request.order_again)
        missing = [
            known[trial.identity]
            for trial in trials
            # A take that just now could not be fetched may be there for the next run.
            if (known[trial.identity].state in wanted and trial.identity not in gone)
            or trial.identity in again
        ]
        price, simulated = request.money.price, session.simulated
        late = 0 if price is None else await asyncio.to_thread(without_price, store, simulated)
        spoken_for = sum(store.spent(simulated)) + late * (price or 0)
        if spoken_for:  # a limit that leaves no room is one all the same for the next run
            await asyncio.to_thread(request.money.note, store)
        _check_budget(spoken_for, simulated, missing, request.money)
        if price is not None and late:
            await asyncio.to_thread(give_price, store, price, simulated)
        displays.announce(_announced(store, request, missing, spoken_for, late))
        await asyncio.to_thread(request.money.note, store)
        if again:
            await asyncio.to_thread(store.release_unknown, again, price)
        number = {trial.identity: at for at, trial in enumerate(trials)}
        study = store.meta()["id"]
        groups = tuple(label_group(each) for each in study_ids(store, trials))
        inputs = [
            RemixInput(
                songs[trial.reference][0],
                request.plan.trials[number[trial.identity]].instructions,
                f"{label_group(study)}{trial.identity}",
                trial.reference,
                Once(
                    groups,
                    trial.identity,
                    frozenset(order.order_id for order in orders.get(trial.identity, [])),
                ),
            )
            for trial in missing
        ]
        settings = RunSettings(
            price,
            request.money.budget,
            request.concurrency or session.settings.max_streams,
            request.measures,
            request.executor,
        )
        beside = kept_beside(journal, study)
        runner = Runner(folder, store, session, missing, inputs, files, settings, beside)
        await runner.run(reporter)
        if runner.ordered_elsewhere:
            await settle_earlier(folder, store, session, journal, price)
            await Runner(folder, store, session, [], [], files, settings, beside).run(reporter)
            displays.notice(_elsewhere(runner.ordered_elsewhere))
        if runner.stopped:
            displays.notice(f"the study stopped: {runner.stopped}")


async def _checked_songs(session: Session, plan: Plan) -> dict[str, tuple[Reference, Checked]]:
    """Every song of the plan, looked at. Raises one error that names all that are refused."""
    names = list(plan.references)
    references = [reference_of(plan.references[name]) for name in names]
    found = await check_songs(session, references, ProgressReporter(None))
    problems = [
        f"{name}: {plain(each.message, 300)}"
        for name, each in zip(names, found, strict=True)
        if isinstance(each, SoundverseError)
    ]
    if problems:
        kind = (
            PreflightError if any(isinstance(each, PreflightError) for each in found) else ConfigurationError
        )
        raise kind(
            f"{len(problems)} of {len(names)} songs cannot be ordered: {'; '.join(problems)}",
            hint="Mend them (sv.preflight names the call for each) or leave them out of the plan. "
            "Nothing was ordered.",
        )
    checked = [each for each in found if isinstance(each, Checked)]
    return dict(zip(names, zip(references, checked, strict=True), strict=True))


async def _taken_plan(
    folder: Path,
    store: StudyStore,
    session: Session,
    plan: Plan,
    songs: dict[str, tuple[Reference, Checked]],
) -> tuple[list[StoredTrial], dict[str, Path]]:
    """Make this the study's plan; its trials in order, and by content the song's file in the study."""
    contents: dict[str, str] = {}
    files: dict[str, Path] = {}
    # A song that the study gave out itself is the one it had, also where that was samples.
    own = {
        folder / row["file"]: content
        for content, row in (await asyncio.to_thread(store.songs)).items()
        if row["file"]
    }
    for name, (_, checked) in songs.items():
        path = checked.path
        if path is not None and path in own and not await asyncio.to_thread(is_content, path):
            raise ConfigurationError(
                f"The file of the song {plain(name, 60)} in the study's folder was changed. Nothing was "
                "ordered.",
                hint="study.run(plan) with the song itself puts it back.",
            )
    for name, (_, checked) in songs.items():
        if checked.path is None:
            raise ConfigurationError(
                f"{name} could not be read, so nobody knows what its remixes are compared with.",
                hint="Download the song and give its path.",
            )
        found, file = await asyncio.to_thread(keep_audio, folder, checked.path)
        # Samples are known by themselves: another encoder makes another file of them.
        content = contents[name] = own.get(checked.path, checked.sha256 or found)
        files[content] = folder / file
        await asyncio.to_thread(store.take_song, content, name, file, None)
    service = service_name(session)
    trials = planned_trials(plan, contents, service, session.simulated)
    check_different(trials, contents)
    after = {trial.identity: trial for trial in trials}
    before = await asyncio.to_thread(compared_trials, store, plan.hash, after)
    if before and (changes := plan_changes(before, after)):
        displays.announce(repr(changes))
    await asyncio.to_thread(store.take_plan, plan.hash, plan_as_kept(plan, contents), trials)
    await asyncio.to_thread(
        store.note,
        service=service,
        simulated=str(session.simulated),
    )
    return trials, files


def _elsewhere(count: int) -> str:
    return (
        f"{count} trials have an order of a copy of this study, or of one that it was merged of or into, in "
        "the same journal, and were not ordered again. Those that are not done yet are taken over when the "
        "study is run again."
    )


def _named_again(known: Mapping[str, StoredTrial], given: Sequence[str]) -> frozenset[str]:
    """The trials of unknown outcome to order again. ConfigurationError for a name that is none of them."""
    for identity in given:
        trial = known.get(identity)
        if trial is None or trial.state is not TrialState.UNKNOWN:
            stands = "is no trial of this study" if trial is None else f"is {trial.state.value}"
            raise ConfigurationError(
                f"order_again= names {plain(identity, 80)}, which {stands}. Nothing was ordered.",
                hint="study.unknown lists the trials of unknown outcome, each with its identity.",
            )
    return frozenset(given)


def _check_budget(
    spoken_for: int, simulated: bool, missing: Sequence[StoredTrial], asked: AskedMoney
) -> None:
    if asked.budget is None or asked.price is None:
        return
    if missing and spoken_for + asked.price > asked.budget:
        # One that is used up may have been enough for what it was for.
        kind = BudgetExceededError if spoken_for else ConfigurationError
        raise kind(
            f"The budget of {money(asked.budget / MICRO)}{_BEFORE if asked.is_earlier_budget else ''} has no "
            f"room for a single trial of {money(asked.price / MICRO)}: "
            f"{used(spoken_for, simulated)}. Nothing was ordered.",
            hint=f"Raise budget=; it counts all that this study ever {_DID[simulated]}. "
            'budget=float("inf") lifts it.',
        )


_BEFORE = " of the run before"
_DID = {False: "spent", True: "simulated"}


def _announced(
    store: StudyStore, request: RunRequest, missing: Sequence[StoredTrial], spoken_for: int, late: int
) -> str:
    """How many orders a run will send, and what they cost; `late` earlier ones had no price until now."""
    every = store.trials()
    found = Counter(trial.state for trial in every if trial.plan == request.plan.hash)
    count = sum(found.values())
    parts = [
        f"{len(missing)} of {count} trials to order" if missing else f"nothing to order of {count} trials"
    ]
    asked = request.money
    if asked.price and missing:
        parts[0] += f" for {money(len(missing) * asked.price / MICRO)}"
        if asked.is_earlier_price:
            parts[0] += f", at the {money(asked.price / MICRO)}{_BEFORE} (price= changes it)"
        if asked.budget is not None and asked.is_earlier_budget:
            parts[0] += f", within the budget of {money(asked.budget / MICRO)}{_BEFORE} (budget= changes it)"
        if asked.budget is not None and len(missing) * asked.price > asked.budget - spoken_for:
            parts[0] += f" (budget {money(asked.budget / MICRO)}, {money(spoken_for / MICRO)} of it used)"
    if asked.price and late:
        which = "order that had no price counts" if late == 1 else "orders that had no price count"
        parts.append(f"{late} earlier {which} at {money(asked.price / MICRO)}{'' if late == 1 else ' each'}")
    said = {
        TrialState.DONE: "done", TrialState.RUNNING: "at work elsewhere or not fetched yet",
        TrialState.UNKNOWN: "of unknown outcome (study.unknown lists them; they may be paid)",
    }  # fmt: skip
    parts += [f"{found[state]} {words}" for state, words in said.items() if found[state]]
    if found[TrialState.FAILED] and not request.retry_failed:
        parts.append(f"{found[TrialState.FAILED]} failed (retry_failed=True tries them again)")
    plans = store.plans()
    others = Counter(
        "made twice" if trial.duplicate_of else
        "of the plans merged with this one" if trial.plan in plans else "of earlier plans kept"
        for trial in every if trial.plan != request.plan.hash
    )  # fmt: skip
    parts += [f"{count} {words}" for words, count in others.items()]
    return "study: " + "; ".join(parts) + "."


def service_name(session: Session) -> str:
    """The service and its endpoint's version; a simulator is one service, wherever it listens."""
    if session.simulated:
        return f"simulator {REMIX_PATH}"
    address = urlsplit(session.base_url)
    return f"{address.scheme}://{address.netloc.lower()}{address.path.rstrip('/')} {REMIX_PATH}"
