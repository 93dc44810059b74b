"""Prompt-sweep studies: what is ordered, what it may cost, and a folder that outlives a crash."""

from __future__ import annotations

from soundverse_nb.study.plan import Plan
from soundverse_nb.study.store import TrialState
from soundverse_nb.study.study import Study, merge

__all__ = ["Plan", "Study", "TrialState", "merge"]
