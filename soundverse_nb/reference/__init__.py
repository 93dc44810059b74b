"""Preflight of reference songs before anything is paid, and their repair."""

from __future__ import annotations

from soundverse_nb.reference.check import check_playback, preflight, preflight_async
from soundverse_nb.reference.facts import AudioFacts, Limits
from soundverse_nb.reference.librosa_duration import LibrosaDuration
from soundverse_nb.reference.reference import Reference, as_reference
from soundverse_nb.reference.repair import Repair, repair
from soundverse_nb.reference.report import PreflightReport
from soundverse_nb.reference.rules import Problem
from soundverse_nb.reference.table import PreflightTable, preflight_all

__all__ = [
    "AudioFacts",
    "LibrosaDuration",
    "Limits",
    "PreflightReport",
    "PreflightTable",
    "Problem",
    "Reference",
    "Repair",
    "as_reference",
    "check_playback",
    "preflight",
    "preflight_all",
    "preflight_async",
    "repair",
]
