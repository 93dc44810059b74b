"""Study: many remixes of one plan in a folder that survives crashes, can be copied, and never pays twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundverse_nb.analysis.pool import check_executor
from soundverse_nb.client.background import LOOP
from soundverse_nb.client.client import Client
from soundverse_nb.client.config import given_path
from soundverse_nb.client.progress import ProgressReporter
from soundverse_nb.errors import ConfigurationError, bare_errors
from soundverse_nb.study.adopting import adopt_trials
from soundverse_nb.study.download import Download, notebook_folder, place_for
from soundverse_nb.study.folder import StudyFolder
from soundverse_nb.study.merging import merge_studies
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.planned import AskedService
from soundverse_nb.study.remeasuring import MeasureReporter, MeasureRequest, measure_study
from soundverse_nb.study.run_request import RunRequest, asked_money
from soundverse_nb.study.runner_lease import Command, ask_runner
from soundverse_nb.study.running import StudyReporter, run_study, service_name
from soundverse_nb.study.store import StudyStore
from soundverse_nb.study.unpacking import open_archive

if TYPE_CHECKING:
    from soundverse_nb.client import RemixJob


class Study(StudyFolder):
    """A study in a folder: its plan, its trials, their audio and measures. `await study.run(plan)` runs it.

    Parameters
    ----------
    path : the folder; it is made when the study is first run.
    client : who orders; a study without one can be read, shown and measured.

    Running the same cell again goes on where it ended, whatever ended it, and pays for nothing twice, also
    where the folder was deleted: the journal of orders knows what was ordered for it. Takes of its own has a
    study in another folder. The folder can be copied, zipped and opened elsewhere. Other kernels may open and
    read it meanwhile.

    Raises ConfigurationError for a study of a newer version, a damaged one, and a file that is none.

    >>> import soundverse_nb as sv
    >>> client = sv.connect(progress=False)
    soundverse_nb: no API key, ...
    >>> study = sv.Study("study", client)
    >>> study.run_sync(sv.Plan([sv.example_song()], ["jazz", "waltz"]), measures=False)
    Study('study', 2 of 2 trials done)
    """

    def __init__(self, path: str | os.PathLike[str], client: Client | None = None) -> None:
        super().__init__(path)
        if client is not None and not isinstance(client, Client):
            raise ConfigurationError(
                f"{type(client).__name__} is no client.", hint="sv.Study(path, sv.connect())."
            )
        self.client = client
        if self.path.is_file():
            raise ConfigurationError(
                f"{self.path.name} is a file, and a study is a folder.",
                hint="A zip that study.save wrote is unpacked by sv.Study.open_zip(path, folder).",
            )
        if not self._exists and client is None:
            raise ConfigurationError(
                f"There is no study in {self.path}.",
                hint="Check the path, or give a client to begin one: sv.Study(path, client).",
            )

    @classmethod
    @bare_errors
    def open_zip(
        cls, path: str | os.PathLike[str], folder: str | os.PathLike[str], client: Client | None = None
    ) -> Study:
        """Unpack a study that `study.save` packed, and open it.

        Parameters
        ----------
        path : of the zip, which may come from somebody you do not know: it is checked first.
        folder : a new folder, or an empty one.
        client : who orders what is missing.

        Unpacked once, `sv.Study(folder)` opens it. Raises ConfigurationError, and leaves nothing behind, for
        what is no study, is damaged, or does not fit.
        """
        unpacked = open_archive(given_path(path, "path").absolute(), given_path(folder, "folder").absolute())
        return cls(unpacked, client)

    @bare_errors
    async def run(
        self,
        plan: Plan | None = None,
        *,
        price: float | None = None,
        budget: float | None = None,
        concurrency: int | None = None,
        executor: Executor | None = None,
        measures: bool = True,
        retry_failed: bool = False,
        order_again: Iterable[str] = (),
    ) -> Study:
        """Order what is missing of a plan, and measure each remix as it lands.

        Parameters
        ----------
        plan : what to order; the one that was run last where none is given.
        price : what one remix costs you, in your own currency; by default the client's, else that of the run
            before.
        budget : what this study may cost in all, counting what it spent before; by default that of the run
            before, which float("inf") lifts. Each price is reserved before its order is sent, so that orders
            at once cannot overshoot it together. Real money and simulated cost are counted apart: a rehearsal
            on the embedded service leaves the budget whole. Earlier orders that had no price count at the
            one that is given now.
        concurrency : orders at a time; by default as many as the client allows.
        executor : where remixes are measured; by default in processes of this machine.
        measures : False leaves measuring out.
        retry_failed : order again what failed.
        order_again : identities of trials in `study.unknown` to order again, although they may be paid: what
            was reserved for them then counts as spent. Without it they are never ordered again.

        Every song is looked at first; nothing is ordered while one would be refused. Raises PreflightError,
        ConfigurationError, BudgetExceededError and what every order would meet (AuthenticationError,
        InsufficientBalanceError). A trial that fails stops no other.
        """
        client, store, request = self._request(
            plan, price, budget, concurrency, executor, measures, retry_failed, order_again
        )
        reporter = StudyReporter(client._reporter()._display, client._price)
        await client._run(run_study(self.path, store, client._session, request, reporter), reporter)
        return self

    @bare_errors
    def run_sync(
        self,
        plan: Plan | None = None,
        *,
        price: float | None = None,
        budget: float | None = None,
        concurrency: int | None = None,
        executor: Executor | None = None,
        measures: bool = True,
        retry_failed: bool = False,
        order_again: Iterable[str] = (),
    ) -> Study:
        """The same as `run`, blocking. Safe inside a notebook."""
        client, store, request = self._request(
            plan, price, budget, concurrency, executor, measures, retry_failed, order_again
        )
        reporter = StudyReporter(client._reporter()._display, client._price)
        client._wait(run_study(self.path, store, client._session, request, reporter), reporter)
        return self

    @bare_errors
    def start(
        self,
        plan: Plan | None = None,
        *,
        price: float | None = None,
        budget: float | None = None,
        concurrency: int | None = None,
        executor: Executor | None = None,
        measures: bool = True,
        retry_failed: bool = False,
        order_again: Iterable[str] = (),
    ) -> RemixJob[None]:
        """Begin to run and return at once, so that other cells can look, pause and go on."""
        client, store, request = self._request(
            plan, price, budget, concurrency, executor, measures, retry_failed, order_again
        )
        reporter = StudyReporter(client._reporter()._display, client._price)
        work = run_study(self.path, store, client._session, request, reporter)
        return client._start(work, reporter, f"study of {len(request.plan)} trials")

    @bare_errors
    async def measure(
        self,
        *,
        anew: bool = False,
        executor: Executor | None = None,
        progress: bool | Callable[[int, int], None] = True,
    ) -> Study:
        """Measure what the finished takes lack, and order nothing; a study without a client can do it too.

        Parameters
        ----------
        anew : measure all finished takes anew, whatever is known of them. Else those that lack their measures
            or a metric of your own, or have one of another version.
        executor : where they are measured; by default in processes of this machine.
        progress : a progress bar, none, or your own function of (done, total).

        Each take is kept as it is done, so an interrupted call goes on where it ended. What cannot be had
        again stays as it was measured before, with the reason in `not_measured` or `metric_errors` of the
        frame; a metric that is registered no longer keeps its column. Nobody can run the study meanwhile.
        Raises ConfigurationError where somebody does, and where it cannot be written.

        >>> length = sv.metric("length", lambda remix: remix.duration, unit="s")
        >>> "remix_length (s)" in study.measure_sync(progress=False).to_frame()
        True
        >>> sv.analysis.remove_metric("length")
        """
        reporter = MeasureReporter()
        work = self._measuring(MeasureRequest(anew, executor, progress), reporter)
        try:
            await LOOP.run(work)
        except asyncio.CancelledError as error:
            raise reporter.interrupted(error) from None
        return self

    @bare_errors
    def measure_sync(
        self,
        *,
        anew: bool = False,
        executor: Executor | None = None,
        progress: bool | Callable[[int, int], None] = True,
    ) -> Study:
        """The same as `measure`, blocking. Safe inside a notebook."""
        LOOP.check_may_block()
        reporter = MeasureReporter()
        work = self._measuring(MeasureRequest(anew, executor, progress), reporter)
        try:
            LOOP.wait(work)
        except KeyboardInterrupt as error:
            raise reporter.interrupted(error) from None
        return self

    def _measuring(self, request: MeasureRequest, reporter: MeasureReporter) -> Coroutine[Any, Any, None]:
        check_executor(request.executor)
        return measure_study(self.path, self._begun(), request, reporter)

    def _begun(self) -> StudyStore:
        """The store, to write; ConfigurationError before the first run."""
        if not self._exists:
            raise ConfigurationError("This study was not run yet.", hint="study.run(plan) runs it.")
        return self._writing()

    def _request(
        self,
        plan: Plan | None,
        price: float | None,
        budget: float | None,
        concurrency: int | None,
        executor: Executor | None,
        measures: bool,
        retry_failed: bool,
        order_again: Iterable[str],
    ) -> tuple[Client, StudyStore, RunRequest]:
        if self.client is None:
            raise ConfigurationError(
                "This study was opened without a client, so it cannot order.", hint="sv.Study(path, client)."
            )
        is_own = plan is None
        plan = self.plan if plan is None else plan
        if not isinstance(plan, Plan):
            raise ConfigurationError(
                "There is no plan to run." if plan is None else f"{type(plan).__name__} is no plan.",
                hint='For example sv.Plan(["song.mp3"], ["jazz", "waltz"], repeats=3).',
            )
        if concurrency is not None and (
            isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1
        ):
            raise ConfigurationError(f"concurrency={concurrency!r} is no whole number of at least 1.")
        store = self._reading() if self._exists else None
        money = asked_money(store, self.client._price if price is None else price, budget, plan, own=is_own)
        check_executor(executor)
        request = RunRequest(
            plan,
            money,
            concurrency,
            measures,
            retry_failed,
            _identities(order_again),
            executor,
        )
        return self.client, self._writing(), request

    @bare_errors
    def download(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str | None = None,
        licence: str | None = None,
        author: str | None = None,
    ) -> Download:
        """Pack the study and show a button that downloads it, from a machine that you may lose, as Binder's.

        Parameters
        ----------
        path : of the zip; beside the notebook, with the study's name, by default. A browser can only get at
            what lies below the folder that Jupyter was started in.
        title, licence, author : as in `save`, which writes the zip. Raises what that raises.

        Packed is what there is now: call it again when there is more. At home `Study.open_zip` opens the zip.

        >>> study.download("study.zip").path.name
        'study.zip'
        """
        target = place_for(self.path, None if path is None else given_path(path, "path"))
        return Download(self.save(target, title=title, licence=licence, author=author), notebook_folder())

    def pause(self) -> None:
        """Ask whoever runs this study, here or in another process, to order nothing more for now."""
        self._ask(Command.PAUSE)

    def resume(self) -> None:
        """Ask the runner to go on."""
        self._ask(Command.GO_ON)

    def stop_after_current(self) -> None:
        """Ask the runner to order nothing more, and to end once what is out has ended."""
        self._ask(Command.STOP)

    def _ask(self, command: Command) -> None:
        ask_runner(self._begun(), command)

    @bare_errors
    def adopt(self, other: Study | str | os.PathLike[str], plan: Plan | None = None) -> int:
        """Take over the paid takes of another study whose trials are this one's; how many those were.

        Parameters
        ----------
        other : a study, or its folder. Nothing of it is changed.
        plan : what this study is going to order. Its trials are entered, and nothing is ordered. By default
            the study's own plan, and the other's where this one was not run yet.

        Trials are equal by song, words, parameters, service and replicate. Where nothing can be taken over
        it is said why. Raises ConfigurationError where this study is being run; meanwhile nobody can run it.
        """
        if plan is not None and not isinstance(plan, Plan):
            raise ConfigurationError(
                f"{type(plan).__name__} is no plan.",
                hint="study.adopt(other, sv.Plan(...)), or leave it out.",
            )
        source = other if isinstance(other, Study) else Study(other)
        taken = source._reading()
        return adopt_trials(self._writing(), self.path, taken, source.path, plan, self._asked_service())

    def _asked_service(self) -> AskedService | None:
        if self.client is None or self.client._session.closed:
            return None
        session = self.client._session
        self.client._wait(session.open(), ProgressReporter(None))
        return AskedService(service_name(session), session.simulated)


def _identities(given: Any) -> tuple[str, ...]:
    """The trials that `order_again` names. ConfigurationError for what names none."""
    if isinstance(given, str):
        return (given,)
    try:
        return tuple(getattr(each, "identity", each) for each in given)
    except TypeError:
        raise ConfigurationError(
            f"order_again={given!r} names no trials. Nothing was ordered.",
            hint="order_again=[trial.identity for trial in study.unknown], or leave it out.",
        ) from None


def listed(studies: Sequence[Any]) -> list[Path]:
    """The folders of studies that were given as such, as paths or as studies."""
    if isinstance(studies, (str, bytes, os.PathLike, StudyFolder)) or not isinstance(studies, Iterable):
        raise ConfigurationError(
            f"{studies!r} is no list of studies.", hint='sv.merge(["shard-0", "shard-1"], "whole").'
        )
    return [
        each.path if isinstance(each, Study) else given_path(each, "study").absolute() for each in studies
    ]


def merge(studies: Sequence[Any], path: str | os.PathLike[str] | None = None) -> Study:
    """Put studies together, the shards of one plan above all: the union of their trials.

    Parameters
    ----------
    studies : folders, or studies.
    path : the new study's folder; "merged" beside the first by default.

    What was made twice, of one trial, is kept and marked (`duplicate_of` in the frame). The trials of a shard
    that is not among the studies are missing ones, and it is said which shard that is. Of studies with
    different plans the trials of all are in the plan, and `run` orders what is missing of the last one's. The
    studies stay as they are: run beside the merged one, with the same journal of orders, they and it order
    no trial twice between them. Raises ConfigurationError where there is a study at `path` already.

    >>> import soundverse_nb as sv
    >>> plan = sv.Plan([sv.example_song()], ["jazz", "waltz"])
    >>> with sv.connect(progress=False) as client:
    ...     for part in (0, 1):
    ...         _ = sv.Study(f"part-{part}", client).run_sync(plan.shard(part, 2), measures=False)
    soundverse_nb: no API key, ...
    >>> len(sv.merge(["part-0", "part-1"], "whole").trials())
    2
    """
    folders = listed(studies)
    into = (
        given_path(path, "path").absolute()
        if path is not None
        else folders[0].parent / "merged"
        if folders
        else Path()
    )
    merge_studies(folders, into)
    return Study(into)
