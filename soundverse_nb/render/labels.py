"""Labels of stages and phases: one table for notebook, terminal and page."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.colours import ORIGINAL, stage_colour
from soundverse_nb.render.escape import fill, joined
from soundverse_nb.render.units import span

HOLD = "finalising: 90 % can hold for several minutes; this is expected"
"""The document: "progress may hold at 90 for several minutes while the model finalizes and uploads"."""

_HOLD_FROM = 90.0
"""Percent at which that begins."""

NOT_SENT = "stopped before it was sent; nothing is paid"

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
    Phase.RETRYING: "not taken for now, trying again",
    Phase.STREAMING: "at work",
    Phase.FOLLOWING: "asking the service for the status",
    Phase.FETCHING: "fetching the audio",
    Phase.FINISHED: "finished",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "no longer watched; the order is kept and may be charged",
}


def stage_label(stage: str) -> str:
    """A stage of the service in words; a stage nobody knows yet is called by its own name."""
    return STAGES.get(stage.lower(), stage.replace("_", " "))


def reached_hold(progress: float | None) -> bool:
    """Whether generating has come to where it may stand still for minutes, looks stuck and is not."""
    return progress is not None and progress >= _HOLD_FROM


def percent_label(progress: float) -> str:
    """Progress behind a label, " 45 %"; nothing at the start, nor where standing still says nothing."""
    return f" {progress:.0f} %" if progress > 0 and not reached_hold(progress) else ""


def update_label(update: ProgressUpdate) -> str:
    """Where a remix is, in one phrase."""
    if update.phase is Phase.CANCELLED and not update.may_be_charged:
        return NOT_SENT
    if update.stage == "streaming" and reached_hold(update.progress):
        if (update.progress or 0) < 100 and update.phase in (Phase.STREAMING, Phase.FOLLOWING):
            return HOLD
        if update.phase is Phase.STREAMING:
            return "finalising"
    if update.phase is Phase.STREAMING and update.stage:
        return stage_label(update.stage)
    return PHASES[update.phase]


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
        return stage_colour("held" if self.held else self._word)

    @property
    def _word(self) -> str:
        # An Enum's members are not found by the text they equal.
        return str(getattr(self.stage, "value", self.stage))


def stages_html(stages: list[StageSpan], total: float) -> Markup:
    """The bar and its legend; `total` is the whole way in seconds. Nothing timed gives an empty string."""
    if not stages or not total > 0:
        return Markup("")
    bars, legend = [], []
    for stage in stages:
        left = _percent(stage.started, total)
        width = max(0.0, min(_percent(stage.seconds, total), 100 - left))
        bars.append(
            fill(
                '<div title="{} {}" style="position:absolute;top:0;left:{}%;width:{}%;'
                'min-width:2px;height:10px;background-color:{}"></div>',
                stage.label,
                span(stage.seconds),
                f"{left:g}",
                f"{width:g}",
                stage.colour,
            )
        )
        legend.append(
            fill(
                '<span style="display:inline-block;margin:0 14px 0 0;white-space:nowrap">'
                '<span style="display:inline-block;width:8px;height:8px;border-radius:4px;margin:0 5px 0 0;'
                'background-color:{}"></span>{} <span style="opacity:0.75">{},</span></span> ',
                stage.colour,
                stage.label,
                span(stage.seconds),
            )
        )
    return fill(
        '<div style="position:relative;height:10px;border-radius:5px;overflow:hidden;margin:0 0 5px;'
        'background-color:rgba(128,128,128,0.2)">{}</div><div style="font-size:0.85em;line-height:1.6">{}'
        '<span style="display:inline-block;white-space:nowrap"><b>{}</b> in all</span></div>',
        joined(bars),
        joined(legend),
        span(total),
    )


def progress_html(label: str, fraction: float | None) -> Markup:
    """A line that says what is at work, above a bar that is full at 1; no bar where nobody knows how far."""
    bar = Markup("")
    if fraction is not None:
        bar = fill(
            '<div style="height:6px;border-radius:3px;overflow:hidden;margin:3px 0 0;'
            'background-color:rgba(128,128,128,0.2)">'
            '<div style="height:6px;width:{}%;background-color:{}"></div></div>',
            f"{_percent(fraction, 1.0):g}",
            ORIGINAL,
        )
    return fill('<div style="max-width:680px;line-height:1.4"><div>{}</div>{}</div>', label, bar)


def _percent(seconds: float, total: float) -> float:
    return round(100 * min(max(seconds, 0.0), total) / total, 3)
