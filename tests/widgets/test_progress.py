from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from soundverse_nb import displays
from soundverse_nb.widgets import progress
from soundverse_nb.widgets.board import NotebookBoard
from soundverse_nb.widgets.terminal import LineDisplay, TerminalBoard


@pytest.mark.parametrize(
    ("kernel", "tty", "kind"),
    [
        (True, False, NotebookBoard),
        (True, True, NotebookBoard),
        (False, True, TerminalBoard),
        (False, False, LineDisplay),
    ],
)
def test_each_place_has_its_display(
    monkeypatch: pytest.MonkeyPatch, kernel: bool, tty: bool, kind: type[object]
) -> None:
    monkeypatch.setattr(progress, "in_kernel", lambda: kernel)
    monkeypatch.setattr(progress, "is_terminal", lambda: tty)
    assert type(progress.best_display(price=0.2)) is kind


def test_a_kernel_is_known_by_its_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell, is_kernel in (
        (None, False),
        (SimpleNamespace(), False),
        (SimpleNamespace(kernel=object()), True),
    ):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert displays.in_kernel() is is_kernel


def test_a_kernel_without_ipywidgets_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "in_kernel", lambda: True)
    monkeypatch.setattr(progress, "is_terminal", lambda: False)
    monkeypatch.setitem(sys.modules, "soundverse_nb.widgets.board", None)
    assert type(progress.best_display()) is LineDisplay


def test_the_client_finds_a_fresh_display_under_its_name() -> None:
    factory = displays.lookup("progress")
    assert factory is not None
    assert factory() is not factory()
