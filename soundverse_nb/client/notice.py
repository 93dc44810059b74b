"""Is the service on this machine the embedded one? A running simulator leaves a note that says so.

Nothing is sent to find out: a service that is not the simulator never sees a request that its document
does not have.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from soundverse_nb.client.settings import is_loopback
from soundverse_nb.whereabouts import is_ours, notes, pass_for


def is_simulator(base_url: str) -> bool:
    """Whether a simulator of this user runs at `base_url`. Only addresses of this machine can be one."""
    address = urlsplit(base_url)
    if address.scheme != "http" or address.port is None or not is_loopback(address.hostname):
        return False
    if pass_for(address.port) is not None:
        return True
    return any(is_ours(note) and _names_a_process(note) for note in notes(address.port))


def _names_a_process(note: Path) -> bool:
    try:
        process = int(note.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    try:
        os.kill(process, 0)  # signal 0 sends nothing: it only asks whether the process is there
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
