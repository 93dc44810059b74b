"""Takes that another study has paid for, taken over into this one."""

from __future__ import annotations

from pathlib import Path

from soundverse_nb.study.audio_files import audio_file, is_content, keep_audio
from soundverse_nb.study.measuring import copy_measures
from soundverse_nb.study.runner_lease import claimed
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState

_OPEN = (TrialState.MISSING, TrialState.FAILED)


def adopt_trials(store: StudyStore, folder: Path, other: StudyStore, other_folder: Path) -> int:
    """Take over finished takes of another study for trials of equal identity that are not done here.

    Nobody can run this study meanwhile. ConfigurationError where somebody runs it already.
    """
    with claimed(store) as claim:
        mine = {trial.identity for trial in store.trials(_OPEN)}
        adopted = 0
        for trial in other.trials([TrialState.DONE]):
            own = audio_file(trial.file)
            if trial.identity not in mine or own is None or not is_content(other_folder / own):
                continue
            adopted += _adopt(store, folder, other, other_folder, trial, own)
            claim.renew()
    return adopted


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
        if here is None or here.state not in _OPEN or here.reserved:
            return False
        # It was paid for there: here it costs nothing.
        store.settle(
            trial.identity, TrialState.DONE, charged=0, audio=audio, file=file, error=None,
            adopted=other.meta().get("id", other_folder.name), **facts,
        )  # fmt: skip
        copy_measures(store, other, trial.identity, trial.identity)
    return True
