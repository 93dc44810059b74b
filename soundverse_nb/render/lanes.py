"""Songs above one another on one time axis: name, player, waveform, and a ruler below them all.

Only tags, attributes and CSS properties that JupyterLab's sanitiser lets through are used, so the result
is the same in a notebook that is not trusted: the `src` sits on the audio element itself, there is no
style element, no script, no SVG. Where the page is narrow, the player moves above its waveform by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from soundverse_nb.render.axis import axis_length, ticks, width_percent
from soundverse_nb.render.escape import text
from soundverse_nb.render.waveform import ORIGINAL, Envelope, data_uri, waveform_png

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
