"""Where the progress board appears: a line that the notebook keeps, in whose place the widgets are.

A widget's view would be what a notebook saves in mid-run, and nobody can read one without its kernel. A page
that was loaded anew does not learn either which output to replace at the end. So the widgets find the line
by its mark.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from soundverse_nb.render.escape import plain
from soundverse_nb.render.summary import started_html

_MOST_NAMED = 12


class Mount(anywidget.AnyWidget):
    """Puts a board's widgets in the place of every line with its mark, in each page that is connected."""

    _esm = Path(__file__).with_name("board.js")
    mark = traitlets.Unicode().tag(sync=True)
    board = traitlets.Unicode().tag(sync=True)


class Started:
    """What the cell shows of a batch: its line, which stays true, and the board in its place.

    Front ends that take no widget without a view of it get that view, as the whole of it.
    """

    def __init__(self, titles: Sequence[str], board: Any) -> None:
        self._titles, self._board = titles, board
        self._when = time.strftime("%H:%M:%S")
        self.mount = Mount(mark=f"svb-{secrets.token_hex(6)}", board=board.model_id)

    def __repr__(self) -> str:
        named = ", ".join(plain(title, 80) for title in self._titles[:_MOST_NAMED])
        more = f" and {len(self._titles) - _MOST_NAMED} more" if len(self._titles) > _MOST_NAMED else ""
        noun = "remix" if len(self._titles) == 1 else "remixes"
        return (
            f"{len(self._titles)} {noun} started at {self._when}: {named}{more}. "
            "client.orders() says how they ended, and await client.recover() picks up what is not finished."
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        if shows_views_only():
            return {**self._board._repr_mimebundle_(), "text/plain": repr(self)}
        return {"text/plain": repr(self), "text/html": str(started_html(repr(self), self.mount.mark))}


def shows_views_only() -> bool:
    """Whether this front end runs a widget's script only where a view of the widget is shown."""
    return "VSCODE_PID" in os.environ or "google.colab" in sys.modules
