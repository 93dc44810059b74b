"""Real interrupts of a kernel and a terminal whose event loop sleeps: the service holds every stream."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager

from tests import strict_service as script
from tests.client.conftest import SONG
from tests.strict_service import StrictService, stages, stream

# No silence counts: on a slow machine the status endpoint would be asked, and end a stream that is held here.
SETUP = """
import soundverse_nb as sv
from soundverse_nb.client import Timeouts
class Printed:
    def open(self, titles, cancel): pass
    def update(self, update): print(update.phase.value) if update.phase.value == "finished" else None
    def close(self): pass
client = sv.Client({key!r}, {url!r}, directory={folder!r}, journal={folder!r} + "/o.sqlite3",
                   progress=Printed(), preflight="off",
                   timeouts=Timeouts(silence=1e9, no_event=1e9, no_message_id=1e9))
song = {song!r}
"""
AWAITED = {
    "remix_all": "remixes = await client.remix_all("
    "[(song, style) for style in ('jazz', 'rock', 'ska', 'dub')])",
    "gather": "import asyncio\nremixes = await asyncio.gather(*(client.remix(song, style)"
    " for style in ('jazz', 'rock', 'ska', 'dub')))",
    "a job": "job = client.start_all([(song, style) for style in ('jazz', 'rock', 'ska', 'dub')])\n"
    "remixes = await job",
    "stream": "events = [event async for event in client.stream((song, 'jazz'))]",
}
# Both say so when they are over: the first order that reaches the service is made, and that may be either.
TWO = """
async def one(style): await client.remix(song, style); print('one is', 'over', flush=True)

import asyncio
await asyncio.gather(one('jazz'), one('rock'))
"""
# In short sleeps: Python sees a signal that comes just before a sleep begins only when that is over.
LEFT_BEHIND = """
import asyncio, time
async def leave(): return asyncio.ensure_future(client.remix(song, 'jazz'))

left = [await leave()]; await asyncio.sleep(0)
def work():
    print('it is', 'working', flush=True)
    while True: time.sleep(0.01)

work()
"""
HELD = stream(*stages()[:3], script.HOLD)


def setup(service: StrictService, folder: Path) -> str:
    return SETUP.format(key=service.api_key, url=service.base_url, folder=str(folder), song=SONG)


class Kernel:
    def __init__(self, manager: AsyncKernelManager, client: Any) -> None:
        self._manager, self._client = manager, client
        self._printed = ""
        self._more = asyncio.Event()

    async def run(self, code: str) -> dict[str, Any]:
        """The reply to a cell, with what it printed in `text`."""
        self._printed = ""

        def read(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                self._printed += message["content"]["text"]
                self._more.set()

        reply = await self._client.execute_interactive(code, output_hook=read, timeout=120)
        return {**reply["content"], "text": self._printed}

    async def until_printed(self, text: str) -> None:
        while text not in self._printed:
            self._more.clear()
            await self._more.wait()

    async def interrupt(self) -> None:
        await self._manager.interrupt_kernel()


@pytest.fixture
async def kernel(tmp_path: Path) -> AsyncIterator[Kernel]:
    manager = AsyncKernelManager(kernel_name="python3")
    # This interpreter's ipykernel, whatever kernels are installed here.
    await manager.start_kernel(
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}, cwd=str(tmp_path),
    )  # fmt: skip
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=120)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("call", AWAITED.values(), ids=AWAITED)
async def test_a_cell_that_waits_for_a_silent_service_is_interrupted(
    call: str, kernel: Kernel, tmp_path: Path
) -> None:
    count = 1 if "stream" in call else 4
    async with StrictService([HELD] * count) as service:
        assert (await kernel.run(setup(service, tmp_path)))["status"] == "ok"
        cell = asyncio.ensure_future(kernel.run(call))
        await service.until(lambda: len(service.posts) == count)
        await asyncio.wait({cell}, timeout=1)  # until the loop has nothing left to do
        assert not cell.done()
        await kernel.interrupt()
        reply = await cell
        assert (reply["status"], reply["ename"]) == ("error", "CancelledError")
        assert "job" in call or "client.recover()" in reply["evalue"] + reply["text"]
        assert service.charged == count
        assert (await kernel.run("print(len(client.orders()))"))["text"].strip() == str(count)


async def test_what_was_finished_before_an_interrupt_is_given_back(kernel: Kernel, tmp_path: Path) -> None:
    async with StrictService([HELD, script.remix(), HELD]) as service:
        assert (await kernel.run(setup(service, tmp_path)))["status"] == "ok"
        cell = asyncio.ensure_future(kernel.run(AWAITED["remix_all"].replace(", 'dub'", "")))
        await service.until(lambda: len(service.posts) == 3)
        await kernel.until_printed("finished")
        await kernel.interrupt()
        reply = await cell
        assert "1 of 3 finished before: `client.interrupted`" in reply["evalue"]
        assert "2 sent, which may be charged, and kept" in reply["evalue"]
        kept = await kernel.run("print([type(each).__name__ for each in client.interrupted])")
        assert sorted(eval(kept["text"])) == ["Remix", "StoppedError", "StoppedError"]


@asynccontextmanager
async def in_terminal(typed: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    terminal = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor",
        stdin=PIPE, stdout=PIPE, stderr=STDOUT, env={**os.environ, "IPYTHONDIR": str(folder / "ipython")},
    )  # fmt: skip
    assert terminal.stdin is not None
    terminal.stdin.write(typed.replace(",\n", ",").encode())
    try:
        yield terminal
    finally:
        if terminal.returncode is None:
            terminal.kill()
            await terminal.wait()


async def said_at_the_end(terminal: asyncio.subprocess.Process) -> str:
    assert terminal.stdin is not None
    assert terminal.stdout is not None
    terminal.stdin.write(b"print('then', len(client.orders()), 'orders', flush=True)\nquit()\n")
    shown = await asyncio.wait_for(terminal.stdout.read(), 120)
    return shown.decode()


async def test_ctrl_c_in_a_terminal_ends_the_wait_and_keeps_the_orders(tmp_path: Path) -> None:
    async with StrictService([HELD] * 4) as service:
        lines = setup(service, tmp_path).strip()
        async with in_terminal(f"{lines}\n{AWAITED['remix_all']}\n", tmp_path) as terminal:
            await service.until(lambda: len(service.posts) == 4)
            terminal.send_signal(signal.SIGINT)
            shown = await said_at_the_end(terminal)
        assert "4 sent, which may be charged, and kept: `await client.recover()`" in shown
        assert "then 4 orders" in shown


async def test_ctrl_c_in_a_terminal_still_ends_the_wait_once_one_of_several_is_over(tmp_path: Path) -> None:
    """Each remix of a gather waits by itself; the first that ends leaves Ctrl-C to the others."""
    async with StrictService([script.remix(), HELD]) as service:
        lines = setup(service, tmp_path).strip()
        async with in_terminal(f"{lines}\n{TWO}\n", tmp_path) as terminal:
            assert terminal.stdout is not None
            await terminal.stdout.readuntil(b"one is over")
            await service.until(lambda: len(service.posts) == 2)
            terminal.send_signal(signal.SIGINT)
            shown = await said_at_the_end(terminal)
            before, then, _ = shown.partition("then 2 orders")
            assert then
            assert "1 sent, which may be charged, and kept: `await client.recover()`" in before


async def test_ctrl_c_in_a_terminal_is_for_what_runs_and_not_for_a_task_left_behind(tmp_path: Path) -> None:
    async with StrictService([HELD]) as service:
        lines = setup(service, tmp_path).strip()
        async with in_terminal(f"{lines}\n{LEFT_BEHIND}\n", tmp_path) as terminal:
            assert terminal.stdout is not None
            await terminal.stdout.readuntil(b"it is working")
            terminal.send_signal(signal.SIGINT)
            assert terminal.stdin is not None
            terminal.stdin.write(b"print('left', 'cancelled' if left[0].done() else 'waiting')\n")
            shown = await said_at_the_end(terminal)
            assert "KeyboardInterrupt" in shown
            assert "left waiting" in shown
