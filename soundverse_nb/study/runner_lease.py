"""Who runs a study: one process at a time, and what others may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from functools import partial
from types import TracebackType

from soundverse_nb import displays
from soundverse_nb.client.background import block_until_stopped, until_stopped
from soundverse_nb.client.journal.lease import BEAT_EVERY, drop, is_held, is_undecided, new_lease
from soundverse_nb.client.journal.order import Lease
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.study.store import StudyStore

_RUNNER, _COMMAND = "runner", "command"
_LOOK_SECONDS = 1.0


class Work(str, Enum):
    """For what a process keeps a study to itself, as the end of "this study is being ..."."""

    RUN = "run"
    MEASURE = "measured"
    ADOPT = "given takes of another one"  # nobody can pause or stop that


class Command(str, Enum):
    """What the runner was asked to do, from whichever process."""

    GO_ON = "go on"
    PAUSE = "pause"  # order nothing more until told to go on; what is out is followed
    STOP = "stop"  # order nothing more and end when what is out has ended


def runner_of(store: StudyStore) -> Lease | None:
    """The process that runs or measures a study now, as far as that can be known; None where nobody does."""
    text = store.meta().get(_RUNNER)
    lease = _lease(text)
    is_there = lease is not None and is_held(lease, time.time()) and _work(text) is not Work.ADOPT
    return lease if is_there else None


def command_of(store: StudyStore) -> Command:
    """What was asked of the runner last."""
    try:
        return Command(store.meta().get(_COMMAND, Command.GO_ON.value))
    except ValueError:  # a word of a newer version
        return Command.GO_ON


def ask_runner(store: StudyStore, command: Command) -> None:
    """Ask the process that runs this study for something. ConfigurationError where nobody runs it."""
    if runner_of(store) is None:
        raise ConfigurationError(
            "Nobody runs this study now, so there is nothing to pause or to stop.",
            hint="study.run(plan) runs it.",
        )
    store.change(_COMMAND, lambda old: command.value)


class RunnerLease:
    """The claim of this process to run a study, `async with`; its signs of life go out meanwhile.

    `work` is for what, where that is no run.

    ConfigurationError where another process runs it. One of another machine is watched first, for less than a
    minute: its pid says nothing here.
    """

    def __init__(self, store: StudyStore, work: Work = Work.RUN) -> None:
        self._store, self._work = store, work
        self._lease: Lease | None = None
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> RunnerLease:
        # A cell that was interrupted a moment ago may still be giving its claim back.
        await until_stopped()
        if is_undecided(_lease((await asyncio.to_thread(self._store.meta)).get(_RUNNER))):
            displays.notice(
                "another machine ran this study a moment ago: it is watched for up to a minute, to see "
                "whether it still does."
            )
        # Real time, as the other machine's is.
        while is_undecided(_lease((await asyncio.to_thread(self._store.meta)).get(_RUNNER))):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        mine = new_lease(time.time())
        try:
            await asyncio.to_thread(self._store.change, _RUNNER, lambda old: _claimed(old, mine, self._work))
            await asyncio.to_thread(self._store.change, _COMMAND, lambda old: None)
        except BaseException:
            drop(mine)
            raise
        self._lease = mine
        self._beating = asyncio.ensure_future(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._lease is not None
        assert self._beating is not None
        self._beating.cancel()
        mine = self._lease
        drop(mine)  # from here on this process does not stand by it, whether or not that can be written
        with contextlib.suppress(SoundverseError):
            await asyncio.shield(
                asyncio.to_thread(self._store.change, _RUNNER, lambda old: None if _is(old, mine) else old)
            )

    async def _beat(self) -> None:
        assert self._lease is not None
        mine = self._lease
        while True:
            await asyncio.sleep(BEAT_EVERY)
            # On a full disk or behind a lock the next one may get through.
            with contextlib.suppress(SoundverseError):
                await asyncio.to_thread(
                    self._store.change, _RUNNER, partial(_renewed, mine, time.time(), self._work)
                )


class Claim:
    """A claim on a study by work that is no run; it is to be renewed now and then."""

    def __init__(self, store: StudyStore, lease: Lease, work: Work) -> None:
        self._store, self._lease, self._work = store, lease, work
        self._due = time.monotonic() + BEAT_EVERY

    def renew(self) -> None:
        """Give a sign of life where one is due, for other machines."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + BEAT_EVERY
            with contextlib.suppress(SoundverseError):
                self._store.change(_RUNNER, partial(_renewed, self._lease, time.time(), self._work))


@contextlib.contextmanager
def claimed(store: StudyStore, work: Work = Work.RUN) -> Iterator[Claim]:
    """Keep every runner off a study for the time of a block. ConfigurationError where one is at work."""
    block_until_stopped()  # as above
    mine = new_lease(time.time())
    try:
        store.change(_RUNNER, lambda old: _claimed(old, mine, work))
        yield Claim(store, mine, work)
    finally:
        drop(mine)
        with contextlib.suppress(SoundverseError):
            store.change(_RUNNER, lambda old: None if _is(old, mine) else old)


def _claimed(old: str | None, mine: Lease, work: Work) -> str:
    lease = _lease(old)
    if lease is not None and is_held(lease, time.time()):
        where = (
            "another study object of this kernel"
            if lease.host == mine.host and lease.pid == mine.pid
            else (f"another process (pid {lease.pid} on {lease.host.partition('/')[0]})")
        )
        meanwhile = "Here it can be read meanwhile: study.to_frame()."
        ends = {
            Work.RUN: " study.stop_after_current() ends that run.",
            Work.MEASURE: " study.stop_after_current() ends that.",
            Work.ADOPT: " Try again when that is over.",
        }
        other = _work(old)
        raise ConfigurationError(
            f"This study is being {other.value} by {where}.", hint=f"{meanwhile}{ends[other]}"
        )
    return _text(mine, mine.beat_at, work)


def _renewed(mine: Lease, now: float, work: Work, old: str | None) -> str | None:
    return _text(mine, now, work) if _is(old, mine) else old


def _text(lease: Lease, now: float, work: Work) -> str:
    return json.dumps({**asdict(lease), "beat_at": now, "work": work.value})


def _lease(text: str | None) -> Lease | None:
    try:
        noted = {} if text is None else json.loads(text)
        noted.pop("work", None)
        return Lease(**noted) if noted else None
    except (ValueError, TypeError, AttributeError):
        return None


def _work(text: str | None) -> Work:
    """For what a study is kept, as its claim says; a run where that says nothing of it that is known here."""
    try:
        return Work(json.loads(text or "{}").get("work"))
    except (ValueError, AttributeError):
        return Work.RUN


def _is(text: str | None, mine: Lease) -> bool:
    found = _lease(text)
    return found is not None and found.token == mine.token
