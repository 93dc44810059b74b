"""Takes that another study has paid for, taken over into this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soundverse_nb import displays
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.audio_files import FOLDER, audio_file, is_content, keep_audio
from soundverse_nb.study.measuring import copy_measures
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.planned import (
    AskedService,
    check_different,
    kept_plan,
    known_contents,
    plan_as_kept,
    planned_trials,
)
from soundverse_nb.study.runner_lease import Work, claimed
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState
from soundverse_nb.study.stored_trial import OPEN
from soundverse_nb.study.unfinished import delete_left_parts


def adopt_trials(
    store: StudyStore,
    folder: Path,
    other: StudyStore,
    other_folder: Path,
    plan: Plan | None = None,
    asked: AskedService | None = None,
) -> int:
    """Take over finished takes of another study for trials of equal identity that are not done here.

    The trials of `plan` are entered first; where there is none and this study has none either, those of the
    other's. Nobody can run this study meanwhile. ConfigurationError where somebody runs it already. Where
    nothing is taken over, it is said why.
    """
    with claimed(store, Work.ADOPT) as claim:
        delete_left_parts(folder / FOLDER, older_than=0.0)
        if plan is not None or store.plan() is None:
            _enter(store, folder, other, other_folder, plan, asked)
        mine = {trial.identity for trial in store.trials(OPEN)}
        finished = other.trials([TrialState.DONE])
        adopted = lost = 0
        for trial in finished:
            if trial.identity not in mine:
                continue
            own = audio_file(trial.file)
            if own is None or not is_content(other_folder / own):
                lost += 1
                continue
            adopted += _adopt(store, folder, other, other_folder, trial, own)
            claim.renew()
    if not adopted:
        displays.notice(
            f"nothing was taken over from {plain(other_folder.name, 60)}: "
            f"{_why_nothing(store, other, finished, lost)}"
        )
    return adopted


def _enter(
    store: StudyStore,
    folder: Path,
    other: StudyStore,
    other_folder: Path,
    plan: Plan | None,
    asked: AskedService | None,
) -> None:
    """Make a plan this study's, by default the other's: its trials are then there, and none is ordered."""
    meta, found = store.meta(), other.plan()
    if plan is None and found is None:
        raise ConfigurationError(
            f"There is no plan in {plain(other_folder.name, 60)}, so nothing can be taken over.",
            hint="Give the plan whose takes those are: study.adopt(other, plan).",
        )
    if asked is None:
        meta = meta if "service" in meta else other.meta()
        asked = AskedService(meta.get("service", ""), meta.get("simulated") == "True")
    if plan is None:
        assert found is not None
        plan = kept_plan(other, found[1])
        contents = found[1].get("contents", {})
        if absent := [name for name in plan.references if name not in contents]:
            raise ConfigurationError(
                f"The content of {plain(absent[0], 60)} is not known in {plain(other_folder.name, 60)}.",
                hint="Give the plan with its songs: study.adopt(other, plan).",
            )
    else:
        contents = known_contents([store, other], plan)
    trials = planned_trials(plan, contents, asked.name, asked.simulated)
    check_different(trials, contents)
    songs = other.songs()
    for name, content in contents.items():
        own = audio_file(songs[content]["file"]) if content in songs else None
        if own is not None and is_content(other_folder / own):
            _, file = keep_audio(folder, other_folder / own, is_ours=True)
            store.take_song(content, name, file, songs[content]["seconds"])
    store.take_plan(plan.hash, plan_as_kept(plan, contents), trials)
    store.note(service=asked.name, simulated=str(asked.simulated))


def _why_nothing(store: StudyStore, other: StudyStore, finished: Sequence[StoredTrial], lost: int) -> str:
    """Why no take was taken over, and what to do."""
    if not finished:
        return "it has no finished takes. Run it first."
    if lost:
        return (
            f"the audio of {lost} of its takes is gone or was changed. Run that study: it fetches them again."
        )
    ours = {trial.identity for trial in store.trials()}
    if any(trial.identity in ours for trial in finished):
        return "its takes of these trials are done or being ordered here already."
    services = [each.meta().get("service", "") for each in (store, other)]
    if services[0] != services[1]:
        return (
            f"its takes are of another service ({plain(services[1], 80)}, and here it is "
            f"{plain(services[0], 80)}). Give this study a client of that service."
        )
    return (
        "none of its takes is of a trial of this study's plan: the song's content, the words, the parameters "
        "or the replicate differ. study.adopt(other, plan) takes the plan whose trials those are."
    )


def _adopt(
    store: StudyStore, folder: Path, other: StudyStore, other_folder: Path, trial: StoredTrial, own: str
) -> bool:
    """Take over one; False where it is being ordered here, or done, by now."""
    audio, file = keep_audio(folder, other_folder / own, trial.audio, is_ours=True)
    names = ("order_id", "message_id", "started", "finished", "stages", "song_name")
    facts = {name: getattr(trial, name) for name in names}
    with store.writing():
        # A machine that slept may have lost its claim, and what is reserved by now is paid here.
        here = store.trial(trial.identity)
        if here is None or here.state not in OPEN or here.reserved:
            return False
        # It was paid for there: here it costs nothing.
        store.settle(
            trial.identity, TrialState.DONE, charged=0, audio=audio, file=file, error=None,
            adopted=other.meta().get("id", other_folder.name), **facts,
        )  # fmt: skip
        copy_measures(store, other, trial.identity, trial.identity)
    return True
