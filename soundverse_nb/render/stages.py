"""The story of one remix as a bar: which stage took how long."""

from __future__ import annotations

from dataclasses import dataclass

from soundverse_nb.render.escape import text
from soundverse_nb.render.quantity import span
from soundverse_nb.render.words import stage_words

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
class Stretch:
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


def stages_html(stretches: list[Stretch], total: float) -> str:
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
