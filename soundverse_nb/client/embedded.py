"""The embedded service of this process: started when it is first needed, kept until the process ends."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundverse_nb.simulator import Simulator

SPEED = 25.0
"""A remix that takes the real service about 100 seconds takes four."""

_lock = threading.Lock()
_running: dict[int, Simulator] = {}


def embedded_service() -> str:
    """The address of this process's simulator. Raises ConfigurationError where it cannot start."""
    from soundverse_nb.simulator import Simulator

    with _lock:
        pid = os.getpid()
        if pid not in _running:
            _running.clear()  # a parent's: it does not run here
            simulator = Simulator(speed=SPEED)
            simulator.start()
            _running[pid] = simulator
        return str(_running[pid].base_url)
