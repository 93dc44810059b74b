"""Where no asyncio loop runs, say under trio, nothing is ordered that nobody could wait for.

A coroutine that is driven by hand is in the same place as one that trio drives: no asyncio loop runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import OrderState
from soundverse_nb.displays import Phase
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.client.test_job import _Elsewhere
from tests.strict_service import stages, stream

MakeClient = Callable[..., sv.Client]


def driven(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine as a loop that is not asyncio's does, up to the first thing it waits for."""
    try:
        waits_for = work.send(None)
    except StopIteration as ended:
        return ended.value
    # What trio does with a future of asyncio's.
    return work.throw(TypeError(f"trio got unexpected {waits_for!r}"))


async def first_event(client: sv.Client) -> Any:
    return await client.stream(sv.RemixRequest(SONG, prompt="jazz")).__anext__()


async def enter(client: sv.Client) -> None:
    async with client:
        raise AssertionError("it was entered")


CALLS: dict[str, Callable[[sv.Client], Coroutine[Any, Any, Any]]] = {
    "remix": lambda client: client.remix(SONG, prompt="jazz"),
    "remix_all": lambda client: client.remix_all([(SONG, "jazz"), (SONG, "rock")]),
    "stream": first_event,
    "recover": lambda client: client.recover(),
    "status": lambda client: client.status("remix-1"),
    "aclose": lambda client: client.aclose(),
    "async with": enter,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_await_outside_asyncio_is_refused_before_anything_is_sent(
    call: Callable[[sv.Client], Coroutine[Any, Any, Any]], make_client: MakeClient
) -> None:
    serving = _Elsewhere([])
    try:
        client = make_client(serving.service)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a coroutine that was never awaited
            with pytest.raises(sv.ConfigurationError, match="asyncio") as refused:
                driven(call(client))
            gc.collect()
        assert refused.value.spent.value == "no"
        assert refused.value.hint
        assert len(client.orders()) == 0
        assert serving.service.requests == []
        assert isinstance(client.remix_sync(SONG, "jazz"), sv.Remix), "the client is as good as before"
    finally:
        serving.close()


async def test_a_guest_of_asyncio_that_is_none_of_its_tasks_is_refused_too(make_client: MakeClient) -> None:
    """trio's guest mode: a loop runs, and what it cannot do is wait for the guest's coroutines."""
    client = make_client(api_key="a-key-0123456789", base_url="http://127.0.0.1:9")
    ended = asyncio.get_running_loop().create_future()

    def as_a_guest() -> None:
        try:
            driven(client.remix(SONG, prompt="jazz"))
        except BaseException as error:
            ended.set_result(error)

    asyncio.get_running_loop().call_soon(as_a_guest)
    assert isinstance(await ended, sv.ConfigurationError)
    assert len(await asyncio.to_thread(client.orders)) == 0


def test_a_job_that_cannot_be_awaited_here_goes_on(make_client: MakeClient) -> None:
    serving = _Elsewhere([stream(*stages()[:3], script.HOLD, *stages()[3:])])
    try:
        job = make_client(serving.service).start(SONG, prompt="jazz")

        async def wait() -> Any:
            return await job

        with pytest.raises(sv.ConfigurationError, match="goes on") as refused:
            driven(wait())
        assert "Nothing was paid" not in str(refused.value)
        assert not job.done()
        serving._loop.call_soon_threadsafe(serving.service.release)
        assert isinstance(job.result(30), sv.Remix)
    finally:
        serving.close()


async def test_whoever_drops_a_call_that_began_stops_its_work(make_client: MakeClient) -> None:
    """A coroutine that is closed by hand, or hit by a foreign error, leaves no order behind unwatched."""
    async with script.StrictService([stream(*stages()[:3], script.HOLD)] * 2) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        for end in (lambda work: work.close(), lambda work: work.throw(TypeError("no"))):
            calling = client.remix(SONG, prompt=f"jazz {len(service.posts)}")
            sent = len(service.posts) + 1
            calling.send(None)
            await service.until(lambda sent=sent: len(service.posts) == sent)  # type: ignore[misc]
            with contextlib.suppress(TypeError):
                end(calling)
        await seen.until(lambda: [update.phase for update in seen.updates].count(Phase.CANCELLED) == 2)
        assert len(service.posts) == 2


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupt_while_a_job_begins_stops_it(make_client: MakeClient) -> None:
    """The caller never gets the job, so nobody could ever wait for it or stop it."""
    called = threading.Event()

    def on_interrupt(*signal_and_frame: Any) -> None:
        called.set()
        raise KeyboardInterrupt

    class Interrupting:
        def open(self, titles: list[str], cancel: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            called.wait(10)  # so it comes while `start` still waits for this display

        def close(self) -> None: ...
        def update(self, update: Any) -> None: ...

    serving = _Elsewhere([stream(*stages()[:3], script.HOLD)])
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        client = make_client(serving.service, progress=Interrupting())
        with pytest.raises(KeyboardInterrupt):
            client.start(SONG, prompt="jazz")
        assert not any(order.lease for order in client.orders())
        # However far it came by then, it is noted where it stopped.
        left = (OrderState.PLANNED, OrderState.SENDING)
        assert not any(order.state in left for order in client.orders())
    finally:
        signal.signal(signal.SIGINT, before)
        serving.close()
