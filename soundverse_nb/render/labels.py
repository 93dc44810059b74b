"""What a stage or a phase is called in front of people: one table for notebook, terminal and page."""

from __future__ import annotations

from dataclasses import dataclass

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.escape import text
from soundverse_nb.render.units import span

HOLD = "finalising: 90 % can hold for several minutes; this is expected"
"""The document: "progress may hold at 90 for several minutes while the model finalizes and uploads"."""

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


def stage_words(stage: str) -> str:
    """A stage of the service in words; a stage nobody knows yet is called by its own name."""
    return STAGES.get(stage.lower(), stage.replace("_", " "))


def is_held(stage: str | None, progress: float | None) -> bool:
    """Whether the service is in the long quiet stretch near 90 % that looks stuck and is not."""
    return stage == "streaming" and progress is not None and 90 <= progress < 100


def update_words(update: ProgressUpdate) -> str:
    """Where a remix is, in one phrase."""
    if update.phase in (Phase.STREAMING, Phase.FOLLOWING) and is_held(update.stage, update.progress):
        return HOLD
    if update.phase is Phase.STREAMING and update.stage == "streaming" and (update.progress or 0) >= 100:
        return "finalising"
    if update.phase is Phase.STREAMING and update.stage:
        return stage_words(update.stage)
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
class StageBar:
    """One stage on the bar: its name, when it began and how long it lasted (seconds).

    `held` marks the quiet stretch near 90 %.
    """

    stage: str
    started: float
    seconds: float
    held: bool = False

    @property
    def words(self) -> str:
        if self.held:
            return "finalising (held near 90 %)"
        return "audio fetched" if self.stage == "completed" else stage_words(self.stage)

    @property
    def colour(self) -> str:
        return _COLOURS.get("held" if self.held else self.stage, _OTHER)


def stages_html(stretches: list[StageBar], total: float) -> str:
    """The bar and its legend; `total` is the whole way in seconds. Nothing to tell gives an empty string."""
    if not stretches or not total > 0:
        return ""
    bars, legend = [], []
    for stretch in stretches:
        left = _percent(stretch.started, total)
        width = max(0.0, min(_percent(stretch.seconds, total), 100 - left))
        said = f"{stretch.words} {span(stretch.seconds)}"
        bars.append(
            f'<div title="{text(said)}" style="position:absolute;top:0;left:{left:g}%;width:{width:g}%;'
            f'min-width:2px;height:10px;background-color:{stretch.colour}"></div>'
        )
        legend.append(
            f'<span style="display:inline-block;margin:0 14px 0 0;white-space:nowrap">'
            f'<span style="display:inline-block;width:8px;height:8px;border-radius:4px;margin:0 5px 0 0;'
            f'background-color:{stretch.colour}"></span>{text(stretch.words)} '
            f'<span style="opacity:0.75">{span(stretch.seconds)}</span></span>'
        )
    return (
        f'<div style="position:relative;height:10px;border-radius:5px;overflow:hidden;margin:0 0 5px;'
        f'background-color:rgba(128,128,128,0.2)">{"".join(bars)}</div>'
        f'<div style="font-size:0.85em;line-height:1.6">{"".join(legend)}'
        f'<span style="display:inline-block;white-space:nowrap"><b>{span(total)}</b> in all</span></div>'
    )


def _percent(seconds: float, total: float) -> float:
    return round(100 * min(max(seconds, 0.0), total) / total, 3)
