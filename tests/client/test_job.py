"""Jobs that return at once, blocking twins, and buttons from other threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import inspect
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import OrderState
from soundverse_nb.client.background import LOOP
from soundverse_nb.client.progress import StoppedError
from soundverse_nb.displays import Phase
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.strict_service import StrictService, stages, stream

MakeClient = Callable[..., sv.Client]


async def in_a_cell(function: Callable[..., Any], *arguments: Any) -> Any:
    """A blocking call while the scripted service goes on serving on this loop."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def test_a_job_returns_at_once_and_can_be_awaited_often(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD, *stages()[3:])]) as service:
        job = make_client(service).start(SONG, prompt="jazz")
        assert not job.done()
        assert "running" in repr(job)
        assert "jazz" in job._repr_html_()
        service.release()
        first, second = await asyncio.gather(job, job)
        assert first is second
        assert isinstance(first, sv.Remix)
        assert job.done()
        assert job.state == "finished"
        assert job.result() is first


async def test_a_job_has_the_words_of_a_future(make_client: MakeClient) -> None:
    """Those of concurrent.futures, called the same way, so that nobody has to remember which are methods."""
    for word in ("cancel", "cancelled", "done", "exception", "result"):
        ours, theirs = getattr(sv.RemixJob, word), getattr(concurrent.futures.Future, word)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), word
    held = stream(*stages()[:3], script.HOLD, *stages()[3:])
    async with StrictService([held, script.refusal(script.NO_BALANCE, 402)]) as service:
        client = make_client(service)
        job = client.start(SONG, prompt="jazz")
        assert (job.done(), job.cancelled()) == (False, False)
        with pytest.raises(TimeoutError):
            job.exception(timeout=0)
        service.release()
        assert await in_a_cell(job.exception) is None
        assert (job.done(), job.cancelled(), job.cancel()) == (True, False, False)
        failing = client.start(SONG, prompt="rock")
        assert isinstance(await in_a_cell(failing.exception), sv.InsufficientBalanceError)
        assert not failing.cancelled()


async def test_what_a_cancelled_job_says_is_raised_by_exception_too(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:4], script.HOLD)]) as service:
        seen = Notebook()
        job = make_client(service, progress=seen).start(SONG, prompt="jazz")
        await seen.until_stage("initializing")
        assert job.cancel()
        with pytest.raises(asyncio.CancelledError, match="1 sent, which may be charged"):
            await in_a_cell(job.exception)
        assert job.cancelled()


async def test_without_a_kernel_a_job_is_shown_as_any_other_value(make_client: MakeClient) -> None:
    async with StrictService() as service:
        job = make_client(service).start(SONG, prompt="jazz")
        with pytest.raises(NotImplementedError):
            job._ipython_display_()
        await job


async def test_a_job_can_be_cancelled_from_any_thread(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:4], script.HOLD)]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        job = client.start(SONG, prompt="jazz")
        await seen.until_stage("initializing")
        button = threading.Thread(target=job.cancel)
        button.start()
        with pytest.raises(asyncio.CancelledError):
            await job
        button.join()
        assert job.cancelled()
        assert job.state == "cancelled"
        assert seen.phases()[-1] is Phase.CANCELLED
        assert "recover()" in (seen.updates[-1].message or "")
        assert client.orders()[0].state is OrderState.ACCEPTED
        with pytest.raises(asyncio.CancelledError):
            job.result()


async def test_one_who_stops_waiting_does_not_stop_the_job(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:4], script.HOLD, *stages()[4:])]) as service:
        job = make_client(service).start(SONG, prompt="jazz")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(job, 0.01)
        assert not job.done()
        service.release()
        assert isinstance(await job, sv.Remix)


async def test_a_job_outlives_every_other_reference_to_its_client(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:4], script.HOLD, *stages()[4:])]) as service:
        template = make_client(service)._settings
        client = sv.Client(
            service.api_key, service.base_url, directory=template.directory, journal=template.journal,
            preflight="off", progress=False,
        )  # fmt: skip
        job = client.start(SONG, prompt="jazz")
        del client
        gc.collect()
        service.release()
        assert isinstance(await job, sv.Remix)


async def test_a_failed_job_says_why(make_client: MakeClient) -> None:
    async with StrictService([script.refusal(script.NO_BALANCE, 402)]) as service:
        job = make_client(service).start(SONG, prompt="<b>jazz</b>")
        with pytest.raises(sv.InsufficientBalanceError):
            await job
        assert job.state == "failed"
        assert "Insufficient balance" in job._repr_html_()
        assert "<b>jazz" not in job._repr_html_()


async def test_what_cannot_be_ordered_is_refused_by_start_itself(make_client: MakeClient) -> None:
    async with StrictService() as service:
        with pytest.raises(sv.InvalidRequestError):
            make_client(service).start(SONG)


async def test_many_can_be_started_at_once(make_client: MakeClient) -> None:
    async with StrictService() as service:
        job = make_client(service).start_all([(SONG, f"style {at}") for at in range(3)])
        assert all(isinstance(result, sv.Remix) for result in await job)


async def test_the_blocking_twins_give_the_same(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)
        remix = await in_a_cell(client.remix_sync, SONG, "jazz")
        assert isinstance(remix, sv.Remix)
        results = await in_a_cell(client.remix_all_sync, [(SONG, "a"), {"reference": SONG}])
        assert isinstance(results[0], sv.Remix)
        assert isinstance(results[1], sv.InvalidRequestError)


async def test_a_blocking_call_on_the_clients_own_loop_is_refused(make_client: MakeClient) -> None:
    async with StrictService() as service:
        client = make_client(service)

        async def inside() -> None:
            client.remix_sync(SONG, "jazz")

        with pytest.raises(sv.ConfigurationError, match="own event loop"):
            await LOOP.run(inside())
        assert service.posts == []


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupt_of_a_blocking_cell_keeps_the_order_and_says_so(
    make_client: MakeClient, capfd: pytest.CaptureFixture[str]
) -> None:
    serving = _Elsewhere([stream(*stages()[:4], script.HOLD)])
    try:

        class Interrupting:
            def open(self, titles: list[str], cancel: Any) -> None: ...
            def close(self) -> None: ...
            def update(self, update: Any) -> None:
                if update.stage == "initializing":
                    os.kill(os.getpid(), signal.SIGINT)

        client = make_client(serving.service, progress=Interrupting())
        with pytest.raises(KeyboardInterrupt):
            client.remix_sync(SONG, "jazz")
        assert "client.recover()" in capfd.readouterr().err
        assert client.orders()[0].state is OrderState.ACCEPTED
        assert client.orders()[0].lease is None
    finally:
        serving.close()


class _Elsewhere:
    """A scripted service on a thread of its own, for tests that block."""

    def __init__(self, replies: list[script.Reply]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.service = StrictService(replies)
        asyncio.run_coroutine_threadsafe(self.service.__aenter__(), self._loop).result(60)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.service.__aexit__(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


async def test_one_of_a_batch_can_be_stopped_from_its_display(make_client: MakeClient) -> None:
    holding = stream(*stages()[:4], script.HOLD, *stages()[4:])
    async with StrictService([holding, holding]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        job = client.start_all([(SONG, "first"), (SONG, "second")])
        await seen.until_stage("initializing", 0)
        await seen.until_stage("initializing", 1)
        assert seen.titles == ["original · first", "original · second"]
        assert seen.cancel is not None
        seen.cancel(1)
        await seen.until(lambda: Phase.CANCELLED in seen.phases(1))
        service.release()
        first, second = await job
        assert isinstance(first, sv.Remix)
        assert isinstance(second, StoppedError)
        assert "recover()" in str(second)
        assert seen.closed == 1


async def test_a_display_that_fails_gets_in_nobodys_way(make_client: MakeClient) -> None:
    class Broken:
        def open(self, titles: list[str], cancel: Any) -> None:
            raise RuntimeError("no screen")

        def update(self, update: Any) -> None:
            raise RuntimeError("no screen")

        def close(self) -> None:
            raise RuntimeError("no screen")

    async with StrictService() as service:
        assert isinstance(await make_client(service, progress=Broken()).remix(SONG, "jazz"), sv.Remix)


async def test_the_display_hears_every_phase(make_client: MakeClient) -> None:
    limited = script.refusal(script.RATE_LIMITED, 429)
    async with StrictService([limited, script.cut_after(7)]) as service:
        seen = Notebook()
        await make_client(service, progress=seen).remix(SONG, prompt="jazz")
    phases = seen.phases()
    wanted = [
        Phase.CHECKING, Phase.WAITING, Phase.SENDING, Phase.RETRYING, Phase.WAITING, Phase.SENDING,
        Phase.STREAMING, Phase.FOLLOWING, Phase.FETCHING, Phase.FINISHED,
    ]  # fmt: skip
    at = -1
    for phase in wanted:
        at = phases.index(phase, at + 1)
    progress = [
        update.progress for update in seen.updates if update.phase is Phase.STREAMING and update.progress
    ]
    assert progress == sorted(progress)
    assert seen.closed == 1


def test_streams_go_on_while_a_cell_computes(make_client: MakeClient) -> None:
    serving = _Elsewhere([])
    try:
        job = make_client(serving.service).start(SONG, prompt="jazz")
        end = time.monotonic() + 20
        while not job.done() and time.monotonic() < end:
            sum(range(10_000))
        assert isinstance(job.result(), sv.Remix)
    finally:
        serving.close()


async def test_a_cancelled_job_says_what_was_sent_and_what_it_may_cost(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD)]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen, max_streams=1, price=0.25)
        job = client.start_all([(SONG, "sent"), (SONG, "waiting")])
        await seen.until_stage("starting")
        job.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await job
        html = job._repr_html_()
        for shown in (str(raised.value), html, job._repr_mimebundle_()["text/plain"]):
            assert "1 sent, which may be charged (0.25), and kept" in shown
            assert "client.recover()" in shown
            assert "1 not sent: nothing is paid for it." in shown
        assert "cancelled" in html
        ends = {update.index: update for update in seen.updates if update.phase is Phase.CANCELLED}
        assert [ends[0].may_be_charged, ends[1].may_be_charged] == [True, False]
        assert [type(end).__name__ for end in job.results] == ["StoppedError", "StoppedError"]


@pytest.mark.parametrize("how", ["Cancel all", "Cancel", "Cancel of the only one"])
async def test_a_job_that_was_stopped_from_its_display_says_cancelled(
    make_client: MakeClient, how: str
) -> None:
    held = stream(*stages()[:3], script.HOLD)
    async with StrictService([held, held]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        if how == "Cancel of the only one":
            job: Any = client.start(SONG, "a")
        else:
            job = client.start_all([(SONG, "a"), (SONG, "b")])
            await seen.until_stage("starting", 1)
        await seen.until_stage("starting", 0)
        assert seen.cancel is not None
        if how == "Cancel all":
            seen.cancel(None)
        else:
            seen.cancel(0)
            seen.cancel(1)
        with contextlib.suppress(StoppedError):
            await job
        assert job.state == "cancelled"
        assert job.cancelled()
        assert "may be charged" in job._repr_html_()


async def test_a_job_with_one_stopped_remix_of_several_is_finished(make_client: MakeClient) -> None:
    held = stream(*stages()[:3], script.HOLD)
    async with StrictService([held]) as service:
        seen = Notebook()
        job = make_client(service, progress=seen, max_streams=1).start_all([(SONG, "a"), (SONG, "b")])
        await seen.until_stage("starting", 0)
        assert seen.cancel is not None
        seen.cancel(0)
        await job
        assert job.state == "finished"


async def test_the_line_that_a_cell_keeps_stays_true(make_client: MakeClient) -> None:
    async with StrictService([stream(*stages()[:3], script.HOLD, *stages()[3:])]) as service:
        job = make_client(service).start(SONG, prompt="jazz")
        kept = job._repr_mimebundle_()
        for shown in kept.values():
            assert "started at " in shown
            assert "running" not in shown
            assert "await job" in shown
        assert job.results == []
        service.release()
        remix = await job
        assert job.results == [remix]
        assert "finished" in job._repr_mimebundle_()["text/plain"]
