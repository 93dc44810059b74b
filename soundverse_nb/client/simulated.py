"""The embedded service of this process: started when it is first needed, kept until the process ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from soundverse_nb.running_simulators import is_ours, notices, orders_folder, pass_for
from soundverse_nb.urls import is_loopback

if TYPE_CHECKING:
    from soundverse_nb.simulator import Simulator  # loads the server and numpy

SPEED = 25.0
"""A remix that takes the real service about 100 seconds takes four."""

SIMULATED = (
    "soundverse_nb: no API key, so the embedded simulator on this machine makes the remixes: "
    "simulated and free. Set SOUNDVERSE_API_KEY for the real service."
)

_lock = threading.Lock()
_running: dict[int, Simulator] = {}


def embedded_service() -> str:
    """The address of this process's simulator. Raises ConfigurationError where it cannot start."""
    # It loads a web server and the encoders, which a client of the real service never needs.
    from soundverse_nb.simulator import Simulator

    with _lock:
        pid = os.getpid()
        if pid not in _running:
            _running.clear()  # a parent's: it does not run here
            simulator = Simulator(speed=SPEED, folder=orders_folder())
            simulator.start()
            _running[pid] = simulator
        return str(_running[pid].base_url)


def is_left_behind(service: str, simulated: bool) -> bool:
    """Whether an order was a simulator's that has ended: it is any embedded service's to finish.

    That one listens on a port of its own, so its address says nothing.
    """
    return simulated and not is_simulator(service)


def is_simulator(base_url: str) -> bool:
    """Whether a simulator of this user runs at `base_url`. Only addresses of this machine can be one."""
    address = urlsplit(base_url)
    if address.scheme != "http" or address.port is None or not is_loopback(address.hostname):
        return False
    if pass_for(address.port) is not None:
        return True
    return any(is_ours(notice) and _names_a_process(notice) for notice in notices(address.port))


def _names_a_process(notice: Path) -> bool:
    try:
        process = int(notice.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    try:
        os.kill(process, 0)  # signal 0 sends nothing: it only asks whether the process is there
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
