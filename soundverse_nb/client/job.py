"""The handle of a remix that runs in the background: await it, ask for its state, cancel it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Generator
from typing import Any, Generic, TypeVar

from soundverse_nb import displays
from soundverse_nb.client.background import LOOP, BackgroundTask, check_can_wait
from soundverse_nb.client.interrupt import interruptible
from soundverse_nb.errors import SoundverseError, Spent, bare_errors
from soundverse_nb.render.escape import plain
from soundverse_nb.render.orders import job_html

T = TypeVar("T")


class RemixJob(Generic[T]):
    """What `client.start(...)` returns: the work goes on in the background.

    `await job` or `job.result()` gives the Remix, or raises what went wrong. `job.cancel()` stops watching:
    from any thread, so from a button too; an order that was sent is kept. One job may be awaited
    often and from any event loop.

    >>> import soundverse_nb as sv
    >>> client = sv.connect(progress=False)
    soundverse_nb: no API key, ...
    >>> job = client.start(sv.example_song(), prompt="lo-fi hip hop")
    >>> job
    RemixJob('lo-fi hip hop', running)
    >>> job.result().request.prompt
    'lo-fi hip hop'
    >>> client.close()
    """

    def __init__(self, work: BackgroundTask[T], title: str) -> None:
        self._work = work
        self._title = title

    @property
    def done(self) -> bool:
        """Whether it is over: finished, failed or cancelled."""
        return self._work.future.done()

    @property
    def cancelled(self) -> bool:
        """Whether it was stopped before its end."""
        return self.done and isinstance(self._work.future.exception(), concurrent.futures.CancelledError)

    def cancel(self) -> None:
        """Stop watching. The order is kept, and `client.recover()` picks it up. Harmless when it is over."""
        self._work.cancel()

    @bare_errors
    def result(self, timeout: float | None = None) -> T:
        """Block until it is over; at most `timeout` seconds, then TimeoutError while the job goes on.

        An interrupt cancels the job. Raises CancelledError (asyncio's) where it was cancelled.
        """
        try:
            return LOOP.result(self._work, timeout)
        except concurrent.futures.CancelledError:
            raise asyncio.CancelledError() from None

    def __await__(self) -> Generator[Any, None, T]:
        check_can_wait(
            message="This await does not run in an asyncio event loop, so it cannot wait. The job goes on.",
            spent=Spent.MAYBE,
            hint="job.result() waits for it without asyncio.",
        )
        return self._wait().__await__()

    async def _wait(self) -> T:
        # Interrupting one who waits does not end the job: others may be waiting too.
        with interruptible():
            return await asyncio.shield(self._work.waiter())

    @property
    def state(self) -> str:
        """One word: "running", "finished", "failed" or "cancelled"."""
        if not self.done:
            return "running"
        if self.cancelled:
            return "cancelled"
        return "finished" if self._work.future.exception() is None else "failed"

    def __repr__(self) -> str:
        return f"RemixJob({plain(self._title, 60)!r}, {self.state})"

    def _ipython_display_(self) -> None:
        """In a kernel: shown as it stands, and in the same place as it ended, once it has."""
        show = displays.lookup("job") if displays.in_kernel() else None
        if self.done or show is None:
            raise NotImplementedError  # what IPython takes for "show it as anything else"
        show(self, self._work.future)

    def _repr_html_(self) -> str:
        advice = {
            "running": "await job (or job.result()) gives the remix; job.cancel() stops watching.",
            "finished": "await job (or job.result()) gives the remix.",
            "cancelled": "If it was ordered, the order is kept: await client.recover() picks it up.",
            "failed": "",
        }[self.state]
        if self.state == "failed":
            error = self._work.future.exception()
            advice = str(error) if isinstance(error, SoundverseError) else type(error).__name__
        return str(job_html(self._title, self.state, advice))
