"""A check that a deadly song kills the process of, imported by name there."""

from __future__ import annotations

import os
import signal

from soundverse_nb.reference.check import preflight
from soundverse_nb.reference.facts import Limits
from soundverse_nb.reference.report import PreflightReport


def checked_or_dead(path: str, limits: Limits, quick: bool) -> PreflightReport:
    if "deadly" in path:
        os.kill(os.getpid(), signal.SIGKILL)
    return preflight(path, limits, quick=quick)
