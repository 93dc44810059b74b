"""One run of a study: what is missing is ordered, within its budget, and measured as it lands."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from soundverse_nb import displays
from soundverse_nb.client.inputs import RemixInput
from soundverse_nb.client.journal.errors import OrderedAlreadyError
from soundverse_nb.client.journal.order import Order
from soundverse_nb.client.order.labelled import make_labelled
from soundverse_nb.client.progress import ProgressReporter, StoppedError
from soundverse_nb.client.session import Session
from soundverse_nb.errors import (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    InsufficientBalanceError,
    SoundverseError,
    Spent,
    several_simulated,
    several_spent,
)
from soundverse_nb.remix import Remix
from soundverse_nb.study.audio_files import keep_audio
from soundverse_nb.study.late_price import note_free
from soundverse_nb.study.measuring import keep_measures, measure_trial, unmeasured
from soundverse_nb.study.runner_lease import Command, command_of
from soundverse_nb.study.settling import Settlement, not_ordered, settled_end
from soundverse_nb.study.standing import costs
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState
from soundverse_nb.worker_count import worker_count

T = TypeVar("T")

_LOOK_SECONDS = 0.5
"""How often the runner looks for what other processes ask of it."""

# What every further order would meet too, so that none is tried.
_OF_EVERY_ORDER = (AuthenticationError, InsufficientBalanceError, ConfigurationError)


@dataclass(frozen=True)
class RunSettings:
    """How a run orders: money in millionths. Without a price orders are noted as such, and cost 0 so far."""

    price: int | None
    budget: int | None
    concurrency: int
    measures: bool
    executor: Executor | None


class Runner:
    """Orders the missing trials of a study; what becomes of each is told to it. Lives on the client's loop.

    `trials` are in the order in which they are ordered, `inputs` say what each is.
    """

    def __init__(
        self,
        folder: Path,
        store: StudyStore,
        session: Session,
        trials: Sequence[StoredTrial],
        inputs: Sequence[RemixInput],
        songs: dict[str, Path],
        settings: RunSettings,
        journal: str,
    ) -> None:
        self._folder, self._store, self._session = folder, store, session
        self._trials, self._inputs, self._songs = trials, inputs, songs
        self._settings, self._journal = settings, journal
        self._commits = Commits(store)
        self._stopped = ""
        self._failure: SoundverseError | None = None
        self._refusal: SoundverseError | None = None  # of one order, as every further one would meet it
        self._go_on = asyncio.Event()
        self._go_on.set()
        self._freed = asyncio.Condition()
        self._out: set[int] = set()  # reserved by this run, and not ended
        self._ended = 0
        self._paid = self._unclear = 0  # orders of this run that were paid, and that may have been
        self.ordered_elsewhere = 0
        self._measuring: set[asyncio.Task[None]] = set()
        # An executor of the user's own has workers elsewhere perhaps, and nobody can ask it how many.
        at_once = worker_count() if settings.executor is None else os.cpu_count() or 1
        self._measures = asyncio.Semaphore(at_once)

    async def run(self, reporter: ProgressReporter) -> None:
        """Order all of them; returns when all that was begun has ended. Raises where it had to stop."""
        looking = asyncio.ensure_future(self._look())
        try:
            if self._settings.measures:
                for trial in await asyncio.to_thread(unmeasured, self._store):
                    self._measure(trial)
            await make_labelled(
                self._session, self._inputs, reporter, self, max(1, self._settings.concurrency)
            )
            while self._measuring:
                await asyncio.wait(self._measuring)
        finally:
            looking.cancel()
            for task in self._measuring:
                task.cancel()
            await self._commits.close()
        if self._failure is not None:
            if self._failure is self._refusal:
                with contextlib.suppress(SoundverseError):  # a store that cannot be read says nothing
                    self._tell_standing(self._failure)
            if self._session.simulated:
                several_simulated(self._failure, self._failure.spent)
            raise self._failure

    def _tell_standing(self, error: SoundverseError) -> None:
        """Let an error of one order say how the study stands, and what other orders of this run cost."""
        every = self._store.trials()
        done = sum(trial.state is TrialState.DONE for trial in every)
        cost = "".join(f", {each}" for each in costs(self._store))
        if self._paid:
            several_spent(error, Spent.YES)
        elif self._unclear and error.spent is Spent.NO:
            several_spent(error, Spent.MAYBE)
        when = "" if self._paid or self._unclear else "As before this run, "
        error.message = f"{error.message} {when}{done} of {len(every)} trials are done{cost}."

    @property
    def stopped(self) -> str:
        """Why not all was ordered; "" where all was."""
        return self._stopped

    async def begin(self, index: int) -> str:
        """Wait while the study is paused, then reserve the price; a sentence where it is not ordered."""
        while True:
            await self._go_on.wait()
            if self._stopped:
                return self._stopped
            ended = self._ended
            self._out.add(index)
            try:
                await self._commits.do(partial(self._reserve, self._trials[index]))
                return ""
            except BudgetExceededError as full:
                self._out.discard(index)
                # An order that ends unpaid makes room for another.
                if self._out:
                    await self._until_another_ends(ended)
                else:
                    self._stop(full.message, self._used_up(full))
            except SoundverseError as error:
                self._out.discard(index)
                self._stop(f"The study could not be written: {error.message}", error)

    async def _until_another_ends(self, ended: int) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: self._ended != ended or bool(self._stopped))

    def _used_up(self, full: BudgetExceededError) -> BudgetExceededError:
        every = self._store.trials()
        done = sum(trial.state is TrialState.DONE for trial in every)
        charged, reserved = self._store.spent(self._session.simulated)
        error = BudgetExceededError(
            f"{full.message} {done} of {len(every)} trials are done.",
            hint="With a higher budget= the same call goes on from here.",
        )
        several_spent(error, Spent.YES if charged else Spent.MAYBE if reserved else Spent.NO)
        return error

    def _reserve(self, trial: StoredTrial) -> None:
        self._store.reserve(
            trial.identity,
            self._settings.price or 0,
            self._settings.budget,
            now=self._session.clock.time(),
            journal=self._journal,
        )
        if self._settings.price == 0:
            note_free(self._store, trial.identity)

    async def ended(self, index: int, result: Remix | SoundverseError, order: Order | None) -> None:
        """Settle what it cost, and keep what came."""
        if index not in self._out:
            return  # it was stopped while it waited, before anything was reserved
        trial = self._trials[index]
        try:
            settlement = self._settled(trial, result, order)
            self._paid += settlement.is_paid is True
            self._unclear += settlement.is_paid is None and not isinstance(result, OrderedAlreadyError)
            await settle(self._commits, self._store, self._folder, trial, settlement, self._settings.price)
        except SoundverseError as error:
            # It stays reserved; the journal knows the rest, and the next run asks it.
            several_spent(error, Spent.MAYBE)
            self._stop(f"The study could not be written: {error.message}", error)
        else:
            if settlement.state is TrialState.DONE and self._settings.measures:
                self._measure(trial)
        finally:
            async with self._freed:
                self._out.discard(index)
                self._ended += 1
                self._freed.notify_all()

    def _settled(
        self, trial: StoredTrial, result: Remix | SoundverseError, order: Order | None
    ) -> Settlement:
        if isinstance(result, OrderedAlreadyError):
            self.ordered_elsewhere += 1
            return Settlement(TrialState.RUNNING, None)  # a copy of this study was quicker
        settlement = settled_end(result, order)
        unpaid = isinstance(result, SoundverseError) and result.spent is Spent.NO
        if unpaid and settlement.state is TrialState.FAILED:
            if isinstance(result, StoppedError):
                return not_ordered(trial, order)
            if isinstance(result, _OF_EVERY_ORDER):
                assert isinstance(result, SoundverseError)
                self._refusal = self._refusal or result
                self._stop(result.message, result)
                return not_ordered(trial, order)
        return settlement

    def _measure(self, trial: StoredTrial) -> None:
        task = asyncio.ensure_future(self._measured(trial))
        self._measuring.add(task)
        task.add_done_callback(self._measuring.discard)

    async def _measured(self, trial: StoredTrial) -> None:
        async with self._measures:
            kept = await asyncio.to_thread(self._store.trial, trial.identity)
            song = self._songs.get(trial.content)
            if kept is None or kept.file is None or song is None:
                return
            found = await measure_trial(trial, song, self._folder / kept.file, self._settings.executor)
        try:
            await self._commits.do(lambda: keep_measures(self._store, trial.identity, found))
        except SoundverseError as error:
            self._stop(f"The study could not be written: {error.message}", error)

    async def _look(self) -> None:
        """Do what other cells and processes ask: pause, go on, stop."""
        while True:
            try:
                command = await asyncio.to_thread(command_of, self._store)
            except SoundverseError:
                command = Command.GO_ON if self._go_on.is_set() else Command.PAUSE
            if (command is Command.PAUSE) is self._go_on.is_set():
                self._pause(command is Command.PAUSE)
            if command is Command.STOP:
                self._stop("The study was asked to stop after what was out already.")
            await asyncio.sleep(_LOOK_SECONDS)

    def _pause(self, is_paused: bool) -> None:
        """Nobody waits without a word."""
        if is_paused:
            self._go_on.clear()
            displays.notice("the study is paused, and orders nothing more until study.resume() is called.")
        else:
            self._go_on.set()
            displays.notice("the study goes on.")

    def _stop(self, why: str, error: SoundverseError | None = None) -> None:
        if not self._stopped:
            self._stopped = why
            self._failure = error
        self._go_on.set()
        self._wake = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._freed:
            self._freed.notify_all()


async def settle(
    commits: Commits,
    store: StudyStore,
    folder: Path,
    trial: StoredTrial,
    settlement: Settlement,
    price: int | None,
) -> None:
    """Write down how a trial stands: its audio in the study's folder first, then the line that names it."""
    facts = dict(settlement.facts)
    charged = None if settlement.is_paid is None else 0
    paid = {settlement.order or "": price} if settlement.is_paid else None
    source = settlement.audio

    def keep() -> None:
        if source is not None:
            store.check_in_place()  # else a deleted folder would be there again, with nothing but audio
            audio, name = keep_audio(folder, source, settlement.content, is_ours=True)
            facts.update(audio=audio, file=name)

    await commits.do(
        lambda: store.settle(trial.identity, settlement.state, charged=charged, paid=paid, **facts),
        before=keep,
    )


class Commits:
    """Writes to a store from an event loop: what waits while the disk is busy is committed together."""

    def __init__(self, store: StudyStore) -> None:
        self._store = store
        self._waiting: list[tuple[_Work, asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, work: Callable[[], T], before: Callable[[], object] | None = None) -> T:
        """Do some work in the store; returns, or raises what it raised, once that is on the disk.

        `before` is done ahead of the transaction, on the same thread; where it raises, `work` is not done.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(((before, work), future))
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._commit())
        return await future

    async def _commit(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                answers = await asyncio.to_thread(self._answers, [work for work, _ in group])
            except Exception as error:  # a full disk: nobody's work is done
                answers = [error] * len(group)
            for (_, future), answer in zip(group, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def _answers(self, works: Sequence[_Work]) -> list[Any]:
        failed = [_failure(before) for before, _ in works]
        able = [work for (_, work), error in zip(works, failed, strict=True) if error is None]
        done = iter(self._store.together(able))
        return [next(done) if error is None else error for error in failed]

    async def close(self) -> None:
        """Wait until all is written."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})


_Work = tuple["Callable[[], object] | None", Callable[[], Any]]


def _failure(before: Callable[[], object] | None) -> Exception | None:
    try:
        if before is not None:
            before()
    except Exception as error:
        return error
    return None
