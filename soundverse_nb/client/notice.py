"""Is the service on this machine the embedded one? A running simulator leaves a note that says so.

Nothing is sent to find out: a service that is not the simulator never sees a request that its document
does not have.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from soundverse_nb.client.settings import is_loopback, simulator_notice


def is_simulator(base_url: str) -> bool:
    """Whether a simulator of this user runs at `base_url`. Only addresses of this machine can be one."""
    address = urlsplit(base_url)
    if address.scheme != "http" or address.port is None or not is_loopback(address.hostname):
        return False
    try:
        process = int(simulator_notice(address.port).read_text(encoding="ascii"))
        os.kill(process, 0)  # signal 0 sends nothing: it only asks whether the process is there
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True
