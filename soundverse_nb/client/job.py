"""The handle of a remix that runs in the background: await it, ask for its state, cancel it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Generator
from typing import Any, Generic, TypeVar

from soundverse_nb import displays
from soundverse_nb.client.background import LOOP, BackgroundTask, check_can_wait, interruptible
from soundverse_nb.client.progress import ProgressReporter, StoppedError
from soundverse_nb.displays import shows_text_only
from soundverse_nb.errors import SoundverseError, Spent, bare_errors
from soundverse_nb.remix import RemixList
from soundverse_nb.render.escape import plain
from soundverse_nb.render.summary import job_html

T = TypeVar("T")


class RemixJob(Generic[T]):
    """What `client.start(...)` returns: the work goes on in the background.

    `await job` or `job.result()` gives the Remix, or raises what went wrong. `job.cancel()` stops watching:
    from any thread, so from a button too; an order that was sent is kept. One job may be awaited
    often and from any event loop. `done()`, `cancelled()`, `result()` and `exception()` are those of
    `concurrent.futures.Future`: the last two block until the job is over.

    >>> import soundverse_nb as sv
    >>> client = sv.connect(progress=False)
    soundverse_nb: no API key, ...
    >>> job = client.start(sv.example_song(), prompt="lo-fi hip hop")
    >>> job
    RemixJob('lo-fi hip hop', running)
    >>> job.result().request.prompt
    'lo-fi hip hop'
    >>> job.done(), job.exception()
    (True, None)
    >>> client.close()
    """

    def __init__(self, work: BackgroundTask[T], title: str, reporter: ProgressReporter) -> None:
        self._work = work
        self._title = title
        self._reporter = reporter
        self._started = time.strftime("%H:%M:%S")

    def done(self) -> bool:
        """Whether it is over: finished, failed or cancelled."""
        return self._work.future.done()

    def cancelled(self) -> bool:
        """Whether it was stopped before its end, by `cancel()` or from its display."""
        if not self.done():
            return False
        error = self._work.future.exception()
        if error is not None:
            return isinstance(error, (concurrent.futures.CancelledError, StoppedError))
        ends: object = self._work.future.result()
        stopped = [end for end in ends if isinstance(end, StoppedError)] if isinstance(ends, list) else []
        whole = self._reporter.is_stopped or stopped == ends
        return bool(stopped) and whole

    @property
    def results(self) -> RemixList:
        """What there is so far: remixes, errors in the places of others; while it runs, what is over."""
        ends = self._reporter.results()
        return ends if self.done() else RemixList(end for end in ends if not isinstance(end, StoppedError))

    def cancel(self) -> bool:
        """Stop watching; False where it is over. The order is kept, and `client.recover()` picks it up."""
        if self.done():
            return False
        self._work.cancel()
        return True

    @bare_errors
    def result(self, timeout: float | None = None) -> T:
        """Block until it is over; at most `timeout` seconds, then TimeoutError while the job goes on.

        An interrupt cancels the job. Raises CancelledError (asyncio's) where it was cancelled; it says what
        was sent by then.
        """
        try:
            return LOOP.result(self._work, timeout)
        except concurrent.futures.CancelledError:
            raise asyncio.CancelledError(self._stopped) from None

    @bare_errors
    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Block as `result` does; the error it would raise, or None where there is a result.

        Raises CancelledError where the job was cancelled, and TimeoutError while it goes on.
        """
        LOOP.until_over(self._work, timeout)
        error = self._work.future.exception()
        if isinstance(error, concurrent.futures.CancelledError):
            raise asyncio.CancelledError(self._stopped) from None
        return error

    def __await__(self) -> Generator[Any, None, T]:
        check_can_wait(
            message="This await does not run in an asyncio event loop, so it cannot wait. The job goes on.",
            spent=Spent.MAYBE,
            hint="job.result() waits for it without asyncio.",
        )
        return self._wait().__await__()

    async def _wait(self) -> T:
        # Interrupting one who waits does not end the job: others may be waiting too.
        try:
            with interruptible():
                return await asyncio.shield(self._work.waiter())
        except asyncio.CancelledError as error:
            error.args = (self._stopped if self.done() else "No longer waited for. The job goes on.",)
            raise

    @property
    def _stopped(self) -> str:
        return self._reporter.stopped_message("Cancelled.")

    @property
    def state(self) -> str:
        """One word: "running", "finished", "failed" or "cancelled"."""
        if not self.done():
            return "running"
        if self.cancelled():
            return "cancelled"
        return "finished" if self._work.future.exception() is None else "failed"

    def __repr__(self) -> str:
        return f"RemixJob({plain(self._title, 60)!r}, {self.state})"

    def _ipython_display_(self) -> None:
        """In a kernel: shown as it stands, and in the same place as it ended, once it has."""
        show = displays.lookup("job") if displays.in_kernel() else None
        if self.done() or show is None:
            raise NotImplementedError  # what IPython takes for "show it as anything else"
        show(self, self._work.future)

    def _line(self) -> tuple[str, str]:
        """What a cell keeps of it: only what stays true, as a job that runs has ended when that is read."""
        state = self.state
        if state == "running":
            advice = (
                "await job or job.result() gives what it makes, job.state says how it is by then, "
                "job.cancel() stops watching."
            )
            return f"started at {self._started}", advice
        if state == "failed":
            error = self._work.future.exception()
            return state, str(error) if isinstance(error, SoundverseError) else type(error).__name__
        return state, {
            "finished": "await job or job.result() gives what it made.",
            "cancelled": self._stopped.removeprefix("Cancelled.").strip() or "Nothing was sent.",
        }[state]

    def _repr_html_(self) -> str:
        return str(job_html(self._title, *self._line()))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        if shows_text_only():  # a terminal keeps nothing
            return {"text/plain": repr(self)}
        state, advice = self._line()
        line = f"RemixJob({plain(self._title, 60)!r}), {state}. {plain(advice, 900)}"
        return {"text/plain": line, "text/html": self._repr_html_()}
