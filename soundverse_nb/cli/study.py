"""soundverse-nb study: how a study stands, what its runner is asked for, and what it is exported to."""

from __future__ import annotations

import argparse
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

from soundverse_nb.cli.output import notices_aside, print_json
from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.render.escape import one_line
from soundverse_nb.study import Study, TrialState, merge
from soundverse_nb.study.unfinished import delete_left_parts

_ASKED = {
    "pause": "It orders nothing more for now; what is out is followed.",
    "resume": "It goes on.",
    "stop": "It orders nothing more, and ends when what is out has ended.",
}


def run(options: argparse.Namespace) -> int:
    """Do one thing with a study. 0 unless it cannot be done, which is an error."""
    action: str = options.action
    if action == "merge":
        with notices_aside():
            study = merge([Path(other) for other in options.others], options.study)
    else:
        study = Study(options.study)
    with study:
        written = _written(study, options) if action in ("report", "frame", "save") else None
        if action in _ASKED:
            {"pause": study.pause, "resume": study.resume, "stop": study.stop_after_current}[action]()
        if options.json:
            print_json(_state(study) | ({"path": str(written)} if written else {}))
        elif written is not None:
            print(one_line(str(written)))
        else:
            print(_ASKED.get(action) or _line(study))
    return 0


def _written(study: Study, options: argparse.Namespace) -> Path:
    """The file that was written."""
    if options.action == "report":
        return study.report(options.file, embed=options.embed, overwrite=options.overwrite)
    if options.action == "save":
        return study.save(options.file)
    return _write_frame(study, Path(options.file), overwrite=options.overwrite)


def _write_frame(study: Study, path: Path, *, overwrite: bool) -> Path:
    """The frame as a file of the type that its name says, whole or not there."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ConfigurationError(
            f"{one_line(path.name)} is neither .csv nor .parquet.", hint="Name it by what it is to be."
        )
    if path.exists() and not overwrite:
        raise ConfigurationError(
            f"There is a file {one_line(path.name)} already, which was left as it is.",
            hint="Choose another name, or overwrite=True.",
        )
    if kind == ".parquet":
        import_extra("pyarrow", "A Parquet file", "parquet")
    frame = study.to_frame()
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    delete_left_parts(path.parent, path.name)
    try:
        if kind == ".csv":
            frame.to_csv(unfinished, index=False)
        else:
            frame.to_parquet(unfinished, index=False)
        return unfinished.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"{one_line(str(path))} could not be written: {error.strerror or error}.",
            hint="Is there room, and may you write there?",
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)


def _line(study: Study) -> str:
    run = "paused" if study.is_paused else "running" if study.is_running else "not running"
    return f"{study.headline()} ({run})"


def _state(study: Study) -> dict[str, Any]:
    counts = Counter(trial.state for trial in study.trials())
    plan = study.plan
    return {
        "study": str(study.path),
        "plan": None if plan is None else plan.hash,
        "running": study.is_running,
        "paused": study.is_paused,
        "spent": study.spent,
        "simulated_cost": study.simulated_cost,
        "reserved": study.reserved,
        "trials": {state.value: counts[state] for state in TrialState},
    }
