"""A check that a deadly song kills the process of, imported by name there."""

from __future__ import annotations

import os
import signal

from soundverse_nb.reference.report import PreflightReport
from soundverse_nb.reference.workers import Task


def checked_or_dead(path: str, task: Task) -> PreflightReport:
    if "deadly" in path:
        os.kill(os.getpid(), signal.SIGKILL)
    return task.check(path)
