"""The background loop: one thread, ways in for every kind of caller, and no way to hang on oneself."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

import pytest

from soundverse_nb.client import background
from soundverse_nb.client.background import (
    BackgroundLoop,
    BackgroundTask,
    interruptible,
    let_go,
    until_stopped,
)
from soundverse_nb.errors import ConfigurationError


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    made = BackgroundLoop()
    yield made
    made.close()


async def where() -> str:
    return threading.current_thread().name


def test_a_blocking_call_runs_on_the_background_thread(loop: BackgroundLoop) -> None:
    assert loop.wait(where()) == "soundverse-loop"


async def test_an_await_runs_there_too_and_leaves_this_loop_free(loop: BackgroundLoop) -> None:
    assert await loop.run(where()) == "soundverse-loop"


def test_many_loops_may_come_and_go(loop: BackgroundLoop) -> None:
    assert [asyncio.run(loop.run(where())) for _ in range(3)] == ["soundverse-loop"] * 3


def test_a_blocking_call_on_its_own_loop_is_refused(loop: BackgroundLoop) -> None:
    async def block() -> None:
        asking = where()
        try:
            loop.wait(asking)
        finally:
            asking.close()

    with pytest.raises(ConfigurationError, match="own event loop"):
        loop.wait(block())


def test_an_error_comes_through_as_it_is(loop: BackgroundLoop) -> None:
    async def fail() -> None:
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError, match="no"):
        loop.wait(fail())


def test_the_callers_context_goes_along(loop: BackgroundLoop) -> None:
    """So that what a task displays lands in the cell that started it."""
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell")
    cell.set("In [7]")

    async def look() -> str:
        return cell.get()

    assert loop.wait(look()) == "In [7]"


async def test_cancelling_waits_until_the_work_has_noted_where_it_stopped(
    loop: BackgroundLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "INTERRUPT_SECONDS", 600)
    began, stopping, noted = threading.Event(), threading.Event(), threading.Event()
    go_on = asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            stopping.set()
            await go_on.wait()
            noted.set()

    task = asyncio.ensure_future(loop.run(work()))
    assert await asyncio.to_thread(began.wait, 10)
    task.cancel()
    assert await asyncio.to_thread(stopping.wait, 10)
    assert not task.done()
    loop.call_soon(go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert noted.is_set()


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupt_ends_a_blocking_call_and_its_work(loop: BackgroundLoop) -> None:
    noted = threading.Event()

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(3600)
        finally:
            noted.set()

    with pytest.raises(KeyboardInterrupt):
        loop.wait(work())
    assert noted.is_set()


def test_a_time_out_leaves_the_work_running(loop: BackgroundLoop) -> None:
    go_on = asyncio.Event()

    async def work() -> str:
        await go_on.wait()
        return "finished"

    running = loop.submit(work())
    with pytest.raises(TimeoutError):
        loop.result(running, timeout=0.01)
    loop.call_soon(go_on.set)
    assert loop.result(running) == "finished"


def test_closing_cancels_what_runs_and_a_later_use_starts_anew(loop: BackgroundLoop) -> None:
    began = threading.Event()

    async def work() -> None:
        began.set()
        await asyncio.sleep(3600)

    running = loop.submit(work())
    began.wait()
    loop.close()
    with pytest.raises(concurrent.futures.CancelledError):
        running.future.result(timeout=60)
    assert loop.wait(where()) == "soundverse-loop"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_the_child_gets_a_loop_of_its_own(loop: BackgroundLoop) -> None:
    loop.wait(where())
    child = os.fork()
    if child == 0:
        try:
            alright = not loop.is_running and loop.wait(where()) == "soundverse-loop"
        except BaseException:  # whatever happens, the child must not run the rest of the tests
            alright = False
        os._exit(0 if alright else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


Cell = Callable[[], Coroutine[None, None, None]]


@pytest.fixture
def run_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Cell], None]]:
    """Runs cells as IPython does in a terminal: on one loop, where Ctrl-C is Python's."""
    monkeypatch.setattr(background, "_is_terminal", lambda: True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    made = asyncio.new_event_loop()

    def run(cell: Cell) -> None:
        try:
            made.run_until_complete(cell())
        except KeyboardInterrupt:
            pytest.fail("the interrupt was Python's, and cancelled nothing")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    yield run
    made.close()
    signal.signal(signal.SIGINT, before)


async def wait_for_ever() -> None:
    with interruptible():
        await asyncio.get_running_loop().create_future()


async def interrupt_a_wait() -> None:
    waiting = asyncio.ensure_future(wait_for_ever())
    await asyncio.sleep(0)
    signal.raise_signal(signal.SIGINT)
    await asyncio.wait({waiting})
    assert waiting.cancelled()


def test_a_wait_that_begins_while_an_interrupted_one_ends_is_interrupted_too(
    run_in_a_terminal: Callable[[Cell], None],
) -> None:
    """A second, quick interrupt leaves the cell at once; the first one's waits end in the next cell."""

    async def cells() -> None:
        noted = asyncio.Event()

        async def note_before_it_ends() -> None:
            with interruptible():
                try:
                    await wait_for_ever()
                finally:
                    await noted.wait()

        ending = asyncio.ensure_future(note_before_it_ends())
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        await interrupt_a_wait()
        noted.set()
        await asyncio.wait({ending})

    run_in_a_terminal(cells)


def test_an_interrupt_just_as_a_wait_begins_takes_ctrl_c_from_none_of_the_next(
    run_in_a_terminal: Callable[[Cell], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed_now() -> bool:
        raise KeyboardInterrupt

    async def press() -> None:
        with monkeypatch.context() as pressing:
            pressing.setattr(background, "_is_terminal", pressed_now)
            with pytest.raises(KeyboardInterrupt):
                await wait_for_ever()

    run_in_a_terminal(press)
    run_in_a_terminal(interrupt_a_wait)


async def test_what_a_break_left_is_closed_once_the_loop_was_let_go() -> None:
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    async for _ in numbers():
        break
    await let_go()
    assert closed


async def test_nothing_waits_for_what_a_closed_loop_can_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SHUTDOWN_SECONDS", 600)
    gone, work = asyncio.new_event_loop(), where()
    task = BackgroundTask(gone, work)
    gone.close()
    task.cancel()
    work.close()
    await asyncio.wait_for(until_stopped(), 60)


@pytest.mark.parametrize("exit_", [SystemExit(3), KeyboardInterrupt("of its own")])
def test_no_exit_in_a_task_or_a_callback_ends_the_loop(loop: BackgroundLoop, exit_: BaseException) -> None:
    async def leave() -> None:
        raise exit_

    async def beside() -> int:
        with contextlib.suppress(type(exit_)):
            await asyncio.ensure_future(leave())
        return 2

    def callback() -> None:
        raise exit_

    with pytest.raises(type(exit_)):
        loop.wait(leave())
    loop.call_soon(callback)
    assert loop.wait(beside()) == 2
    thread = loop._thread
    loop.close()
    assert thread is not None
    assert not thread.is_alive()
