"""After somebody applied nest_asyncio 1.6.0 in the first cell, Run-All still runs every cell with the client.

On ipykernel 7 that patch drops cells which wait in the kernel's queue while a nested loop turns. JupyterLab's
Run-All sends all its requests at once; so does this test, to a real kernel.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

FOREIGN = "import nest_asyncio\nnest_asyncio.apply()\n"
SETUP = """import asyncio, soundverse_nb as sv
service = sv.simulator.Simulator(speed=60)
service.start()
client = sv.Client("a-key", service.base_url, directory="remixes", journal="orders.sqlite3", progress=False)
"""
CELLS = [
    FOREIGN + SETUP + "print('one', type(client.remix_sync('song.wav', prompt='jazz')).__name__)",
    """try:
    sv.enable_nested()
except sv.ConfigurationError as refused:
    print('refused:', refused.message)
print('two', type(client.remix_sync('song.wav', prompt='dub')).__name__)""",
    "print('three', type(await client.remix('song.wav', prompt='ska')).__name__)",
    "print('four', *[type(r).__name__ for r in await client.start_all([('song.wav', 'polka')])])",
]
# What the refusal is about, so that nobody believes the danger is over without looking.
# The pause is the nested run itself: while it lasts, the cells that wait are taken up too early.
NESTING = [
    "import asyncio, nest_asyncio\nnest_asyncio.apply()",
    "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.5))\nprint('one')",
    "print('two')",
    "print('three')",
]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[BlockingKernelClient]:
    time = np.arange(11 * 22050) / 22050
    soundfile.write(tmp_path / "song.wav", 0.3 * np.sin(2 * np.pi * 220 * time) * (time % 0.5 < 0.3), 22050)
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path), env=dict(os.environ))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_all(kernel: BlockingKernelClient, cells: list[str], seconds: float) -> dict[int, str]:
    """What each cell printed, of those that finished; all are queued before the first has run."""
    numbers = {kernel.execute(source, stop_on_error=True): number for number, source in enumerate(cells)}
    printed: dict[int, str] = {}
    finished: dict[int, str] = {}
    while len(finished) < len(cells):
        try:
            message = kernel.get_iopub_msg(timeout=seconds)
        except queue.Empty:
            break
        number = numbers.get(message["parent_header"].get("msg_id", ""))
        content = message["content"]
        if number is None:
            continue
        if message["msg_type"] == "stream":
            printed[number] = printed.get(number, "") + content["text"]
        elif message["msg_type"] == "error":
            printed[number] = f"{content['ename']}: {content['evalue']}"
        elif content.get("execution_state") == "idle":
            finished[number] = printed.get(number, "")
    return finished


def test_all_four_queued_cells_finish_behind_a_foreign_nest_asyncio(kernel: BlockingKernelClient) -> None:
    finished = run_all(kernel, CELLS, seconds=120)
    assert sorted(finished) == [0, 1, 2, 3]
    assert "one Remix" in finished[0]
    assert "refused: nest_asyncio was already applied" in finished[1]
    assert "two Remix" in finished[1]
    assert "three Remix" in finished[2]
    assert "four Remix" in finished[3]


def test_enable_nested_keeps_queued_cells(kernel: BlockingKernelClient) -> None:
    enabling = ["import asyncio, soundverse_nb as sv\nprint(sv.enable_nested())", *NESTING[1:]]
    finished = run_all(kernel, enabling, seconds=60)
    assert finished == {0: "nest_asyncio2\n", 1: "one\n", 2: "two\n", 3: "three\n"}


def test_what_is_refused_does_drop_queued_cells(kernel: BlockingKernelClient) -> None:
    finished = run_all(kernel, NESTING, seconds=3)
    assert sorted(finished) != [0, 1, 2, 3]
    assert run_all(kernel, ["print('later')"], seconds=60) == {0: "later\n"}, "the kernel itself is well"
