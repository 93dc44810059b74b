"""The board in a real kernel: in an awaited cell, a blocking one, and behind a cell that returned at once."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

DRIVE = """
import asyncio, threading
from soundverse_nb.displays import ProgressUpdate, Phase
from soundverse_nb.widgets.progress import best_display

async def batch(name):
    board, loop, beaten = best_display(price=0.2), asyncio.get_running_loop(), asyncio.Event()
    beat = board.beat
    def beat_and_tell():
        beat()
        loop.call_soon_threadsafe(beaten.set)
    board.beat = beat_and_tell
    board.open([name + " 1", name + " 2"], lambda index: None)
    for progress in (0, 50, 90):
        for index in range(2):
            board.update(ProgressUpdate(index, Phase.STREAMING, "streaming", float(progress), simulated=True))
        beaten.clear()
        await asyncio.wait_for(beaten.wait(), 30)
    board.update(ProgressUpdate(0, Phase.FINISHED))
    board.update(ProgressUpdate(1, Phase.FAILED, message="It broke."))
    board.close()

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
type(best_display()).__name__
"""
CELLS = [
    DRIVE,
    "await batch('awaited')",
    "asyncio.run_coroutine_threadsafe(batch('blocking'), loop).result()",
    "task = asyncio.ensure_future(batch('returned'))",
    "await task",
]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The notebook's cells after a run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    folder = str(tmp_path_factory.mktemp("kernel"))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    return list(notebook.cells)


def test_a_kernel_gets_the_board(ran: list[Any]) -> None:
    assert ran[0].outputs[-1].data["text/plain"] == "'NotebookBoard'"


@pytest.mark.parametrize(("place", "name"), [(1, "awaited"), (2, "blocking")])
def test_the_summary_stays_in_its_own_cell_and_no_widget_does(ran: list[Any], place: int, name: str) -> None:
    (output,) = ran[place].outputs
    assert set(output.data) == {"text/plain", "text/html"}
    assert output.data["text/plain"].startswith("1 of 2 finished · 1 failed")
    assert f"{name} 2" in output.data["text/html"]
    assert "It broke." in output.data["text/html"]


def test_a_board_behind_a_cell_that_returned_shows_in_that_cell_and_no_other(ran: list[Any]) -> None:
    assert ran[4].outputs == []
