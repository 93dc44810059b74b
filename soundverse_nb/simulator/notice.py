"""A running simulator leaves a note on this machine, so that nobody has to ask a service what it is.

The note is a small file in the user's state folder, named after the port and holding the number of the
process. A client reads it (client/notice.py) before it labels results as simulated or hands over a
local song; a service that follows the document alone is never sent a request the document does not have.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs


def notice_file(port: int) -> Path:
    """Where the note of a simulator on this port lies."""
    return platformdirs.user_state_path("soundverse_nb") / "simulators" / f"port-{port}"


def put_up(port: int) -> None:
    """Say that this process runs a simulator on this port, where the folder can be written."""
    path = notice_file(port)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(os.getpid()), encoding="ascii")


def take_down(port: int) -> None:
    """The simulator on this port has stopped."""
    with contextlib.suppress(OSError):
        notice_file(port).unlink()
