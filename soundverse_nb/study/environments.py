"""Where a study was run: versions, system, host and seed of every run, and whether the versions differed."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from soundverse_nb.study.plan import Plan
from soundverse_nb.study.store import StudyStore

_LIBRARIES = ("soundverse_nb", "numpy", "scipy", "librosa", "soundfile", "av", "soxr", "aiohttp", "pandas")
_RUNS = "runs"


def environment(plan: Plan | None = None) -> dict[str, Any]:
    """What a reader of a study needs to know of this process; the seed is of the plan that it runs."""
    versions = {}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "versions": versions,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "host": platform.node(),
        **({} if plan is None else {"seed": plan.seed}),
    }


def note_run(store: StudyStore, made: Mapping[str, Any], now: float | None = None) -> None:
    """Note that the study is run in this environment, beside those of earlier runs."""
    moment = round(time.time() if now is None else now, 3)
    before = runs_of(store)
    if before and _of(before[-1]) == dict(made):
        runs = [*before[:-1], {**before[-1], "last": moment, "times": before[-1].get("times", 1) + 1}]
    else:
        runs = [*before, {**made, "first": moment, "last": moment, "times": 1}]
    store.note(environment=json.dumps(made), runs=json.dumps(runs))


def runs_of(store: StudyStore) -> list[dict[str, Any]]:
    """The environments of all runs, oldest first; runs in a row in the same one are one entry.

    `first` and `last` are epoch seconds at which such runs began, `times` is how many there were.
    """
    found: list[dict[str, Any]] = store.noted(_RUNS, [])
    if not found and (made := store.noted("environment", {})):
        return [made]  # a study of before every run was noted
    return found


def together(stores: Sequence[StudyStore]) -> list[dict[str, Any]]:
    """The same of several studies that become one."""
    return sorted((run for store in stores for run in runs_of(store)), key=lambda run: run.get("first", 0))


def differences(runs: Sequence[Mapping[str, Any]]) -> str:
    """What had several versions in these runs: "numpy 1.26.4, 2.1.0; Python 3.10.1, 3.12.4"; else ""."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        versions = {**run.get("versions", {}), **({"Python": run["python"]} if "python" in run else {})}
        for name, version in versions.items():
            found.setdefault(name, {})[str(version)] = None
    return "; ".join(f"{name} {', '.join(several)}" for name, several in found.items() if len(several) > 1)


def _of(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in ("first", "last", "times")}
