"""Measures of songs and of what a remix kept of its song and changed."""

from __future__ import annotations

from soundverse_nb.analysis.measure import (
    analyse,
    analyse_all,
    analyse_async,
    compare_all,
    compare_audio,
    compare_audio_async,
)
from soundverse_nb.analysis.metric import Metric, metric, metrics, remove_metric
from soundverse_nb.analysis.pool import WorkerLostError
from soundverse_nb.measures.difference import AlignedSegment, Alignment, Difference, NullRange
from soundverse_nb.measures.features import Features, Key, Tempo, TempoChoice
from soundverse_nb.measures.table import MeasureTable

__all__ = [
    "AlignedSegment",
    "Alignment",
    "Difference",
    "Features",
    "Key",
    "MeasureTable",
    "Metric",
    "NullRange",
    "Tempo",
    "TempoChoice",
    "WorkerLostError",
    "analyse",
    "analyse_all",
    "analyse_async",
    "compare_all",
    "compare_audio",
    "compare_audio_async",
    "metric",
    "metrics",
    "remove_metric",
]
