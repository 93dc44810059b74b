"""Would the service take this song? Checked before anything is paid, and mended where possible."""

from __future__ import annotations

from soundverse_nb.reference.batch import PreflightTable, preflight_all
from soundverse_nb.reference.check import preflight, preflight_async
from soundverse_nb.reference.facts import AudioFacts
from soundverse_nb.reference.limits import Limits
from soundverse_nb.reference.mend import Repair, repair
from soundverse_nb.reference.report import PreflightReport
from soundverse_nb.reference.rules import Problem
from soundverse_nb.reference.yardstick import Yardstick

__all__ = [
    "AudioFacts",
    "Limits",
    "PreflightReport",
    "PreflightTable",
    "Problem",
    "Repair",
    "Yardstick",
    "preflight",
    "preflight_all",
    "preflight_async",
    "repair",
]
