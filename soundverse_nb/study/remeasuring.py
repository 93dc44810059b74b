"""Takes of a study measured later: what lacks or is of another version, or all; nothing is ordered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from soundverse_nb import displays
from soundverse_nb.analysis.kept import forget
from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.reference.progress import counter
from soundverse_nb.render.escape import plain
from soundverse_nb.study.audio_files import audio_file, is_content
from soundverse_nb.study.measuring import TrialMeasures, keep_measures, measure_trial, outdated
from soundverse_nb.study.own_metrics import own_reasons
from soundverse_nb.study.runner import Commits
from soundverse_nb.study.runner_lease import Command, RunnerLease, Work, command_of
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState
from soundverse_nb.worker_count import worker_count


@dataclass(frozen=True)
class MeasureRequest:
    """What `study.measure` was asked for."""

    anew: bool
    executor: Executor | None
    progress: bool | Callable[[int, int], None]


class MeasureReporter(ProgressReporter):
    """How far measuring came: an interrupt says what is kept, and that the same call goes on."""

    def __init__(self) -> None:
        super().__init__(None)
        self.total = 0
        self.measured = 0
        self.lacking: list[str] = []  # why, of each take that could not be measured
        self.failed: list[str] = []  # of each that a metric failed on

    def stopped_message(self, first: str = "Interrupted.") -> str:
        if not self.total:
            return f"{first} Nothing was measured."
        takes = _takes(self.total)
        return (
            f"{first} {self.measured} of {takes} are measured, and kept: study.measure() goes on from here."
        )

    def ended(self, measured: TrialMeasures) -> None:
        """Count a take, and remember why it, or a metric of it, could not be had."""
        if measured.difference is None:
            self.lacking.append(measured.reason)
            return
        self.measured += 1
        self.failed += [": ".join(each) for each in own_reasons(measured.difference).items()][:1]

    def tell(self, stopped: bool) -> None:
        """Say how it ended."""
        end = ", then it was asked to stop" if stopped else ""
        displays.announce(f"study: {self.measured} of {_takes(self.total)} measured{end}.")
        if self.lacking:
            displays.notice(
                f"{_takes(len(self.lacking))} could not be measured, and what was measured before stays: "
                f"{plain(self.lacking[0], 300)} (not_measured in study.to_frame() has all reasons.)"
            )
        if self.failed:
            displays.notice(
                f"metrics of your own gave no number of {_takes(len(self.failed))}: "
                f"{plain(self.failed[0], 300)} (metric_errors in study.to_frame() has all reasons.)"
            )


async def measure_study(
    folder: Path, store: StudyStore, request: MeasureRequest, reporter: MeasureReporter
) -> None:
    """Measure what lacks or is of another version, or all takes anew; each is kept as it is done.

    Nobody runs the study meanwhile. ConfigurationError where somebody does, and where it cannot be written.
    """
    async with RunnerLease(store, Work.MEASURE):
        find = _done if request.anew else outdated
        trials = await asyncio.to_thread(find, store)
        songs = await asyncio.to_thread(store.songs)
        reporter.total = len(trials)
        if not trials:
            displays.announce("study: nothing to measure, every finished take has all measures.")
            return
        files = {trial.identity: _Files.of(folder, trial, songs) for trial in trials}
        if request.anew:
            await asyncio.to_thread(_forget, files.values())
        with counter(request.progress, len(trials), "takes measured") as advance:
            stopped = await _measure(store, trials, files, request.executor, reporter, advance)
        reporter.tell(stopped)


async def _measure(
    store: StudyStore,
    trials: Sequence[StoredTrial],
    files: Mapping[str, _Files],
    executor: Executor | None,
    reporter: MeasureReporter,
    advance: Callable[[], None],
) -> bool:
    """Measure these takes, several at a time; whether it was asked to stop before the last."""
    commits, waiting = Commits(store), iter(trials)
    stopped = False

    async def work(waiting: Iterator[StoredTrial]) -> None:
        nonlocal stopped
        for trial in waiting:
            if stopped or await asyncio.to_thread(command_of, store) is Command.STOP:
                stopped = True
                return
            found = await files[trial.identity].measured(trial, executor)
            await commits.do(partial(keep_measures, store, trial.identity, found))
            reporter.ended(found)
            advance()

    # An executor of the user's own has workers elsewhere perhaps, and nobody can ask it how many.
    at_once = worker_count(len(trials)) if executor is None else min(len(trials), os.cpu_count() or 1)
    tasks = [asyncio.ensure_future(work(waiting)) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await commits.close()
    return stopped


@dataclass(frozen=True)
class _Files:
    """The files of a take and of its song in a study's folder; None where the study names none."""

    song: Path | None
    remix: Path | None

    @classmethod
    def of(cls, folder: Path, trial: StoredTrial, songs: Mapping[str, Any]) -> _Files:
        row = songs.get(trial.content)
        names = audio_file(row["file"] if row else None), audio_file(trial.file)
        return cls(*(None if name is None else folder / name for name in names))

    async def measured(self, trial: StoredTrial, executor: Executor | None) -> TrialMeasures:
        """What the remix kept and changed, or why that cannot be told."""
        if self.remix is None or not self.remix.is_file():
            return TrialMeasures(None, "Its audio is gone from the study's folder.")
        if self.song is None or not await asyncio.to_thread(is_content, self.song):
            return TrialMeasures(None, "Its song is gone from the study's folder, or was changed.")
        return await measure_trial(trial, self.song, self.remix, executor)


def _done(store: StudyStore) -> list[StoredTrial]:
    return store.trials([TrialState.DONE])


def _forget(files: Iterable[_Files]) -> None:
    """Forget what the cache has of these takes and songs. A file of a study is named by its content."""
    pairs = {(_content(each.song), _content(each.remix)) for each in files if each.song and each.remix}
    for pair in pairs:
        forget(*pair)


def _content(file: Path | None) -> str:
    return "" if file is None else file.name.partition(".")[0]


def _takes(count: int) -> str:
    return f"{count} take{'s' * (count != 1)}"
