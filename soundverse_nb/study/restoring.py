"""Audio that was changed on the disk: noticed, set aside, and had again where it was fetched; never paid.

A file of a study is named by its content. That is read where the file was written after its trial had ended,
which of ten thousand takes are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.errors import SoundverseError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.audio_files import audio_file, content_of, is_content, set_aside
from soundverse_nb.study.store import StoredTrial, TrialState

_LATER = 60.0
"""Seconds after its trial's end from which on a file counts as written since: a disk may lag."""


def has_audio(folder: Path, trial: StoredTrial) -> bool:
    """Whether the audio of a finished trial is in the study's folder, and still what it was."""
    name = audio_file(trial.file)
    if trial.state is not TrialState.DONE or name is None:
        return False
    file = folder / name
    try:
        written = file.stat().st_mtime
    except OSError:
        return False
    is_old = trial.finished is not None and written <= trial.finished + _LATER
    return is_old or is_content(file)


def set_changed_aside(
    folder: Path, trials: Sequence[StoredTrial], orders: Mapping[str, Sequence[Order]]
) -> int:
    """Rename what is no longer the audio of these trials, here and where it was fetched to; of how many.

    What is then missing is what the client fetches again.
    """
    changed = 0
    for trial in trials:
        name = audio_file(trial.file)
        if trial.state is TrialState.DONE and name is not None and (folder / name).exists():
            set_aside(folder / name)
            changed += 1
        for order in orders.get(trial.identity, ()):
            if order.state is not OrderState.FETCHED or order.path is None or order.sha256 is None:
                continue
            path = Path(order.path)
            if path.is_file() and content_of(path) != order.sha256:
                set_aside(path)
    return changed


def said_of(
    changed: int, lost: Sequence[StoredTrial], failed: Sequence[tuple[Order, SoundverseError]]
) -> str:
    """What became of audio that was changed or gone, in sentences; "" where none was."""
    parts = []
    if changed:
        parts.append(
            f"the audio of {_takes(changed)} was changed since it was fetched; what lay there was renamed "
            "(.changed)."
        )
    if lost:
        reason = next((error.message for _, error in failed), "the journal does not know where it was")
        parts.append(
            f"the audio of {_takes(len(lost))} is gone and could not be fetched again "
            f"({plain(reason, 300)}). Nothing of it was ordered again, so nothing was paid."
        )
    return " ".join(parts)


def _takes(count: int) -> str:
    return f"{count} take{'s' if count != 1 else ''}"
