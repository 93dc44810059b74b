"""Results: the remix, its audio and its timeline, as one object that shows itself."""

from __future__ import annotations

from soundverse_nb.remix.clip import Clip
from soundverse_nb.remix.remix import Comparison, Remix, TimedEvent
from soundverse_nb.remix.remix_list import RemixList
from soundverse_nb.render.labels import StageSpan

__all__ = ["Clip", "Comparison", "Remix", "RemixList", "StageSpan", "TimedEvent"]
