"""Choosing a progress display: the notebook's board, the terminal's lines, or plain text."""

from __future__ import annotations

import sys
from typing import Any

from soundverse_nb.displays import ProgressDisplay, in_kernel


def best_display(price: float | None = None, **settings: Any) -> ProgressDisplay:
    """A fresh display for one batch; `price` is what one accepted order costs, for the money spent.

    In a kernel that is the board of widgets, in a terminal lines that redraw themselves, elsewhere plain
    lines on standard error. `settings` go to the display that is chosen.
    """
    if in_kernel():
        try:
            from soundverse_nb.widgets.board import NotebookBoard  # loads ipywidgets
        except ImportError:  # a kernel without ipywidgets still deserves to know
            pass
        else:
            return NotebookBoard(price, **settings)
    from soundverse_nb.widgets.terminal import LineDisplay, TerminalBoard  # loads rich

    return TerminalBoard(price, **settings) if is_terminal() else LineDisplay(price, **settings)


def is_terminal() -> bool:
    """Whether standard error is a terminal that can redraw lines."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False
