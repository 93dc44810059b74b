"""A running simulator leaves a note on this machine, so that nobody has to ask a service what it is.

A client reads it (client/notice.py) before it labels results as simulated or hands over a local song; a
service that follows the document alone is never sent a request the document does not have.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from soundverse_nb.whereabouts import is_ours, notes


def notice_file(port: int) -> Path:
    """Where the note of a simulator on this port lies by right; where that cannot be written, see `notes`."""
    return notes(port)[0]


def put_up(port: int) -> bool:
    """Say that this process runs a simulator on this port; False where no place for it can be written."""
    for path in notes(port):
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if is_ours(path):
                path.write_text(str(os.getpid()), encoding="ascii")
                return True
    return False


def take_down(port: int) -> None:
    """The simulator on this port has stopped."""
    for path in notes(port):
        with contextlib.suppress(OSError):
            path.unlink()
