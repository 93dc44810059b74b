"""A job that went on behind its cell, its board and itself, as a notebook run by nbclient saves them."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import asyncio, concurrent.futures
import numpy as np, soundfile
import soundverse_nb as sv
soundfile.write("tone.wav", 0.2 * np.sin(2 * np.pi * 220 * np.arange(11 * 8000) / 8000), 8000)
simulator = sv.simulator.Simulator(speed=100, render="short").start()
client = sv.Client("any-key-0123456789", simulator.base_url, directory="made", journal="orders.sqlite3")

def start(prompt, *, fault=None, by=client):
    parameters = {} if fault is None else {"simulate": fault}
    return by.start("tone.wav", prompt, parameters=parameters)

# Not over before it is stopped, however late that cell is run.
endless = {"fault": "slow_hold", "seconds": 86400}
"""
FINISHED, FAILED, CANCELLED = "1 of 1 finished", "0 of 1 finished · 1 failed", "0 of 1 finished · 1 cancelled"
# Each begins with a cell that starts a job and ends before it does. What follows waits for it in its way;
# then come the words that have to stand in the first cell.
WAYS: dict[str, tuple[list[str], list[str]]] = {
    "awaited": (["job = start('awaited')", "await job"], [FINISHED]),
    "blocking": (["job = start('blocking')", "job.result()"], [FINISHED]),
    "polled": (["job = start('polled')", "while not job.done():\n    await asyncio.sleep(0.05)"], [FINISHED]),
    "gathered": (
        ["jobs = [start('gathered'), start('gathered', fault='failure')]",
         "await asyncio.gather(*jobs, return_exceptions=True)"],
        [FINISHED, FAILED],
    ),
    "many": (["job = client.start_all([('tone.wav', f'{at}') for at in range(3)])", "await job"],
             ["3 of 3 finished"]),
    "raising": (["job = start('raising', fault='failure')", "await job"], [FAILED]),
    "cancelled": (
        ["job = start('cancelled', fault=endless)",
         "job.cancel()\ntry:\n    job.result()\nexcept asyncio.CancelledError:\n    pass"],
        [CANCELLED],
    ),
    "closed": (
        ["other = sv.Client('any-key-0123456789', simulator.base_url, directory='made', journal='other')\n"
         "job = start('closed', fault=endless, by=other)",
         "other.close()"],
        [CANCELLED],
    ),
    "overtaken": (["job = start('overtaken')", "concurrent.futures.wait([job._work.future])"], [FINISHED]),
    "seen late": (["job = start('seen late')", "1 + 1", "await job", "1 + 1"], [FINISHED]),
    # The job itself, too, where it is what its cell gives.
    "shown": (["job = start('shown')\njob", "await job"], [FINISHED, "RemixJob('shown', finished)"]),
    "shown by display": (
        ["job = start('displayed')\ndisplay(job)\n1;", "job.result()"],
        [FINISHED, "RemixJob('displayed', finished)"],
    ),
    "shown and polled": (
        ["job = start('watched')\njob", "while not job.done():\n    await asyncio.sleep(0.05)"],
        [FINISHED, "RemixJob('watched', finished)"],
    ),
    "shown and waited for": (
        ["job = start('waited for')\njob", "concurrent.futures.wait([job._work.future])"],
        [FINISHED, "RemixJob('waited for', finished)"],
    ),
    "shown and failing": (
        ["job = start('failing', fault='failure')\njob", "await job"],
        [FAILED, "RemixJob('failing', failed)"],
    ),
    "shown and cancelled": (
        ["job = start('stopped', fault=endless)\njob",
         "job.cancel()\ntry:\n    job.result()\nexcept asyncio.CancelledError:\n    pass"],
        [CANCELLED, "RemixJob('stopped', cancelled)"],
    ),
    "shown and closed": (
        ["third = sv.Client('any-key-0123456789', simulator.base_url, directory='made', journal='third')\n"
         "job = start('shut', fault=endless, by=third)\njob",
         "third.close()"],
        [CANCELLED, "RemixJob('shut', cancelled)"],
    ),
    "many, shown": (
        ["job = client.start_all([('tone.wav', f'{at}') for at in range(3)])\njob", "await job"],
        ["3 of 3 finished", "RemixJob('3 remixes', finished)"],
    ),
    "shown without a board": (
        ["quiet = sv.Client('any-key-0123456789', simulator.base_url, directory='made', journal='fourth',"
         " progress=False)\njob = start('quiet', by=quiet)\njob",
         "await job"],
        ["RemixJob('quiet', finished)"],
    ),
    "shown when it is over": (
        ["job = start('over')\nawait job\njob", "1 + 1"], [FINISHED, "RemixJob('over'), finished"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The cells of each way, after a run."""
    sources = [SETUP, *(source for cells, _ in WAYS.values() for source in cells)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    folder = str(tmp_path_factory.mktemp("kernel"))
    NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": folder}}
    ).execute()
    cells = iter(notebook.cells)
    assert next(cells).outputs == []
    return {name: [next(cells) for _ in sources] for name, (sources, _) in WAYS.items()}


@pytest.mark.parametrize("way", WAYS)
def test_whoever_waits_for_a_job_publishes_how_it_ended(ran: dict[str, list[Any]], way: str) -> None:
    first, *others = ran[way]
    boards = [output.data for output in first.outputs]
    said = [board["text/plain"] for board in boards]
    for words, expected in zip(said, WAYS[way][1], strict=True):
        assert words.startswith(expected)
    assert all(set(board) == {"text/plain", "text/html"} for board in boards)
    # It lands where the board was, and nowhere else.
    assert "soundverse-summary" not in nbformat.writes(nbformat.v4.new_notebook(cells=others))
