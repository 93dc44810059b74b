"""When the last word of a display is said, and how often."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.events import EventManager, available_events

from soundverse_nb.widgets.ticker import FinalDisplay


class Handle:
    def __init__(self) -> None:
        self.label_at: list[Any] = []

    def update(self, words: Any) -> None:
        self.label_at.append(words)


@pytest.fixture
def cell_ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """What IPython does at the end of a cell; gives how many still want to hear of the next."""
    shell = SimpleNamespace()
    shell.events = EventManager(shell, available_events)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: shell)

    def end() -> int:
        shell.events.trigger("post_run_cell", None)
        return len(shell.events.callbacks["post_run_cell"])

    return end


def test_what_ends_in_its_own_cell_is_said_once(cell_ends: Callable[[], int]) -> None:
    handle = Handle()
    FinalDisplay(handle).show("over")
    assert cell_ends() == 0
    assert cell_ends() == 0
    assert handle.label_at == ["over"]


def test_what_ends_later_is_said_again_at_the_end_of_the_next_cell_and_then_no_more(
    cell_ends: Callable[[], int],
) -> None:
    handle = Handle()
    final = FinalDisplay(handle)
    assert cell_ends() == 1
    assert cell_ends() == 1
    final.show("over")
    assert handle.label_at == ["over"]
    assert cell_ends() == 0
    cell_ends()
    assert handle.label_at == ["over", "over"]


def test_an_end_that_nobody_has_shown_yet_is_found_when_the_waiting_cell_ends(
    cell_ends: Callable[[], int],
) -> None:
    handle, end = Handle(), [None, None, "over"]
    FinalDisplay(handle, lambda: end.pop(0))
    assert [cell_ends() for _ in range(4)] == [1, 1, 0, 0]
    assert handle.label_at == ["over"]


def test_a_front_end_that_fails_harms_no_cell(
    cell_ends: Callable[[], int], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = Handle()
    final = FinalDisplay(handle)
    cell_ends()
    final.show("over")

    def fail(words: Any) -> None:
        raise OSError("the socket is closed")

    handle.update = fail  # type: ignore[method-assign]
    assert cell_ends() == 0
    assert "could not be closed: OSError" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_outside_ipython_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython")
    handle = Handle()
    FinalDisplay(handle).show("over")
    assert handle.label_at == ["over"]
    FinalDisplay(None).show("over")
