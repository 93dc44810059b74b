"""Labels of stages and phases: one table for notebook, terminal and page."""

from __future__ import annotations

from dataclasses import dataclass

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.escape import text
from soundverse_nb.render.units import span

HOLD = "finalising: 90 % can hold for several minutes; this is expected"
"""The document: "progress may hold at 90 for several minutes while the model finalizes and uploads"."""

HOLD_FROM = 90.0
"""Percent at which that begins."""

STAGES = {
    "validating": "request being checked",
    "queued": "in the service's queue",
    "starting": "being prepared",
    "initializing": "model warming up",
    "uploading": "reference going to the model",
    "streaming": "generating",
    "completed": "generated",
    "failed": "failed",
    "unknown": "at work",
}

PHASES = {
    Phase.CHECKING: "checking the reference",
    Phase.PUBLISHING: "giving the reference a URL",
    Phase.WAITING: "waiting for a free place",
    Phase.SENDING: "sending the order",
    Phase.RETRYING: "refused for now, trying again",
    Phase.STREAMING: "at work",
    Phase.FOLLOWING: "stream lost, asking for the status",
    Phase.FETCHING: "fetching the audio",
    Phase.FINISHED: "finished",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "no longer watched; the order is kept",
}


def stage_label(stage: str) -> str:
    """A stage of the service in words; a stage nobody knows yet is called by its own name."""
    return STAGES.get(stage.lower(), stage.replace("_", " "))


def reached_hold(stage: str | None, progress: float | None) -> bool:
    """Whether generating has come to where it may stand still for minutes."""
    return stage == "streaming" and progress is not None and progress >= HOLD_FROM


def is_held(stage: str | None, progress: float | None) -> bool:
    """Whether the service is in the long quiet stretch near 90 % that looks stuck and is not."""
    return reached_hold(stage, progress) and (progress or 0) < 100


def update_label(update: ProgressUpdate) -> str:
    """Where a remix is, in one phrase."""
    if update.phase in (Phase.STREAMING, Phase.FOLLOWING) and is_held(update.stage, update.progress):
        return HOLD
    if update.phase is Phase.STREAMING and update.stage == "streaming" and (update.progress or 0) >= 100:
        return "finalising"
    if update.phase is Phase.STREAMING and update.stage:
        return stage_label(update.stage)
    return PHASES[update.phase]


_COLOURS = {
    "validating": "#8a94a6",
    "queued": "#7a8fc9",
    "starting": "#4aa3a2",
    "initializing": "#5aa469",
    "uploading": "#b08fd8",
    "streaming": "#d4700f",
    "held": "#e3b341",
    "completed": "#3f86cf",
    "failed": "#d9534f",
}
_OTHER = "#8a94a6"


@dataclass(frozen=True)
class StageSpan:
    """One stage on the way: when it began (seconds since the start) and how long it lasted.

    `stage` is a `Stage`, or the service's own word. `held` marks the part of streaming that stood at 90 % or
    above.
    """

    stage: str
    started: float
    seconds: float
    held: bool = False

    @property
    def label(self) -> str:
        if self.held:
            return "finalising (held near 90 %)"
        return "audio fetched" if self._word == "completed" else stage_label(self._word)

    @property
    def colour(self) -> str:
        return _COLOURS.get("held" if self.held else self._word, _OTHER)

    @property
    def _word(self) -> str:
        # An Enum's members are not found by the text they equal.
        return str(getattr(self.stage, "value", self.stage))


def stages_html(stages: list[StageSpan], total: float) -> str:
    """The bar and its legend; `total` is the whole way in seconds. Nothing to tell gives an empty string."""
    if not stages or not total > 0:
        return ""
    bars, legend = [], []
    for stage in stages:
        left = _percent(stage.started, total)
        width = max(0.0, min(_percent(stage.seconds, total), 100 - left))
        title = f"{stage.label} {span(stage.seconds)}"
        bars.append(
            f'<div title="{text(title)}" style="position:absolute;top:0;left:{left:g}%;width:{width:g}%;'
            f'min-width:2px;height:10px;background-color:{stage.colour}"></div>'
        )
        legend.append(
            f'<span style="display:inline-block;margin:0 14px 0 0;white-space:nowrap">'
            f'<span style="display:inline-block;width:8px;height:8px;border-radius:4px;margin:0 5px 0 0;'
            f'background-color:{stage.colour}"></span>{text(stage.label)} '
            f'<span style="opacity:0.75">{span(stage.seconds)}</span></span>'
        )
    return (
        f'<div style="position:relative;height:10px;border-radius:5px;overflow:hidden;margin:0 0 5px;'
        f'background-color:rgba(128,128,128,0.2)">{"".join(bars)}</div>'
        f'<div style="font-size:0.85em;line-height:1.6">{"".join(legend)}'
        f'<span style="display:inline-block;white-space:nowrap"><b>{span(total)}</b> in all</span></div>'
    )


def _percent(seconds: float, total: float) -> float:
    return round(100 * min(max(seconds, 0.0), total) / total, 3)
