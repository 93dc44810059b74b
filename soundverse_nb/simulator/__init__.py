"""The embedded service: a real HTTP server on loopback that follows the remix document.

It needs no key and no network, makes actual remixes from the songs it is given, and can be told to
misbehave in every way a client must survive. Delete this folder and the rest of the package still works
with the real service.
"""

from __future__ import annotations

from soundverse_nb.simulator.faults import FAULTS, Fault
from soundverse_nb.simulator.jobs import Charge, Ledger
from soundverse_nb.simulator.runner import run
from soundverse_nb.simulator.server import Simulator

__all__ = ["FAULTS", "Charge", "Fault", "Ledger", "Simulator", "run"]
