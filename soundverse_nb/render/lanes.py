"""One time axis for several songs: how wide each is drawn, and where the ticks of the ruler go."""

from __future__ import annotations

import math
from dataclasses import dataclass

from soundverse_nb.render.escape import text
from soundverse_nb.render.pictures import ORIGINAL, Envelope, data_uri, waveform_png
from soundverse_nb.render.units import clock

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True)
class Tick:
    """A mark of the ruler: its time in seconds, its place in percent of the axis, its label."""

    at: float
    percent: float
    label: str


def axis_length(durations: list[float]) -> float:
    """The axis ends with the longest song (seconds); 0 where nothing has a length."""
    return max((d for d in durations if math.isfinite(d) and d > 0), default=0.0)


def width_percent(duration: float, length: float) -> float:
    """How much of an axis of `length` seconds a song of `duration` seconds covers, 0-100."""
    if not (length > 0 and math.isfinite(duration) and duration > 0):
        return 0.0
    return round(min(100.0, 100.0 * duration / length), 3)


def ticks(length: float, at_most: int = 7) -> list[Tick]:
    """Marks at round times from 0 to `length` seconds, `at_most` + 1 of them at the most."""
    if not (math.isfinite(length) and length > 0):
        return [Tick(0.0, 0.0, "0:00")]
    step = next((s for s in _STEPS if length / s <= at_most), None)
    if length < 2 or step is None:
        power = 10.0 ** math.floor(math.log10(length / at_most))
        step_ = next(power * m for m in (1, 2, 5, 10) if length / (power * m) <= at_most)
    else:
        step_ = float(step)
    count = math.floor(length / step_ + 1e-9)
    times = [i * step_ for i in range(count + 1)]
    return [Tick(at, round(100 * at / length, 3), _label(at, step_)) for at in times]


def _label(at: float, step: float) -> str:
    if step >= 1 or at == 0:
        return clock(at)
    return f"{at:.3g} s" if at >= 0.1 else f"{at * 1000:.3g} ms"


WIDTH_PX = 620
HEIGHT_PX = 56
LINE = "rgba(128,128,128,0.35)"
# Neither flexbox nor media queries pass the sanitiser. A block beside a float takes the width that is
# left, and moves below it, over the full width, where less than its least width is left.
_LEFT = "float:left;box-sizing:border-box;width:290px;max-width:100%;padding:0 14px 0 0"
_RIGHT = "overflow:hidden;min-width:320px;max-width:100%"
_QUIET = "font-size:0.85em;opacity:0.75;line-height:1.4"
_ONE_LINE = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"


@dataclass(frozen=True)
class Lane:
    """One song of the axis.

    `duration` in seconds; `picture` is what `lane_png` drew; `audio` is what the player plays
    (with its MIME type), None for no player;
    `facts` are short phrases; `note` says what the player plays where that is not the file itself;
    `problem` says why there is nothing to draw.
    """

    label: str
    name: str
    duration: float = 0.0
    colour: str = ORIGINAL
    facts: tuple[str, ...] = ()
    picture: bytes | None = None
    audio: bytes | None = None
    mime: str = "audio/mpeg"
    note: str = ""
    problem: str = ""


def lanes_html(lanes: list[Lane]) -> str:
    """All lanes and their common ruler."""
    length = axis_length([lane.duration for lane in lanes])
    return "".join(_lane(lane, length) for lane in lanes) + (_ruler(length) if length > 0 else "")


def lane_png(envelope: Envelope, duration: float, length: float, colour: str) -> bytes:
    """The waveform of a song of `duration` seconds, as wide as it is long on an axis of `length` seconds."""
    pixels = max(1, round(WIDTH_PX * width_percent(duration, length) / 100))
    return waveform_png(envelope, pixels, HEIGHT_PX, colour)


def _lane(lane: Lane, length: float) -> str:
    swatch = (
        f'<span style="display:inline-block;width:10px;height:10px;border-radius:2px;'
        f'margin:0 6px 0 0;background-color:{lane.colour}"></span>'
    )
    left = (
        f'<div style="{_ONE_LINE}" title="{text(lane.name)}">{swatch}<b>{text(lane.label)}</b>'
        f' <span style="opacity:0.75">{text(lane.name)}</span></div>'
    )
    if lane.audio is not None:
        source = data_uri(lane.audio, lane.mime)
        left += (
            f'<audio controls preload="metadata" aria-label="Play {text(lane.label)}" '
            f'style="width:100%;height:36px;margin:4px 0 2px" src="{source}"></audio>'
        )
    if lane.note:
        left += f'<div style="{_QUIET}">{text(lane.note)}</div>'
    return (
        f'<div style="overflow:hidden;margin:0 0 8px"><div style="{_LEFT}">{left}</div>'
        f'<div style="{_RIGHT}">{_picture(lane, length)}</div></div>'
    )


def _picture(lane: Lane, length: float) -> str:
    if lane.problem or lane.picture is None:
        said = lane.problem or "No waveform."
        return f'<div style="padding:6px 10px;border-left:3px solid #d9534f">{text(said)}</div>'
    facts = ""
    if lane.facts:
        facts = f'<div style="{_QUIET};padding:0 0 3px">{text(" · ".join(lane.facts))}</div>'
    width = width_percent(lane.duration, length)
    image = data_uri(lane.picture, "image/png")
    return (
        f'{facts}<div style="border-bottom:1px solid {LINE};border-top:1px solid {LINE}">'
        f'<img alt="Waveform of {text(lane.name)}" src="{image}" '
        f'style="display:block;width:{width:g}%;min-width:1px;max-width:100%;height:{HEIGHT_PX}px;margin:0"></div>'
    )


def _ruler(length: float) -> str:
    marks = []
    for tick in ticks(length):
        # A label that would stick out at the right end hangs to the left of its tick.
        if tick.percent > 94:
            side = f"right:{100 - tick.percent:g}%;border-right"
        else:
            side = f"left:{tick.percent:g}%;border-left"
        marks.append(
            f'<div style="position:absolute;top:0;{side}:1px solid {LINE};padding:3px 4px 0;'
            f'font-size:11px;line-height:1.1;opacity:0.8;white-space:nowrap">{text(tick.label)}</div>'
        )
    return (
        f'<div style="overflow:hidden"><div style="{_LEFT};height:1px"></div>'
        f'<div style="{_RIGHT};position:relative;height:18px;margin:0">{"".join(marks)}</div></div>'
    )
