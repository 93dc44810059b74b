"""A result card: songs as lanes on one axis of time, with a title, badges, a picture, stages and details."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from markupsafe import Markup

from soundverse_nb.render.colours import BAD, LINE, ORIGINAL, badge
from soundverse_nb.render.escape import NO_MATH, fill, joined, verbatim
from soundverse_nb.render.labels import StageSpan, stages_html
from soundverse_nb.render.pictures import Envelope, data_uri, waveform_png
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


def ticks(length: float, at_most: float = 7) -> list[Tick]:
    """Marks at round times from 0 to `length` seconds, as many as leave at most `at_most` steps between."""
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
# Neither flexbox nor media queries pass the sanitiser. A block beside a float takes the width that is
# left, and moves below it, over the full width, where less than its least width is left.
_LEFT = "float:left;box-sizing:border-box;width:290px;max-width:100%;padding:0 14px 0 0"
_RIGHT = "overflow:hidden;min-width:240px;max-width:100%"
_QUIET = "font-size:0.85em;opacity:0.75;line-height:1.4"
_BADGE = (
    "display:inline-block;padding:0 8px;margin:0 0 0 8px;font-size:11px;line-height:1.5;vertical-align:middle"
)


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


@dataclass(frozen=True)
class Card:
    """All that a result shows, every text still unescaped.

    `details` are pairs of a name and a value; `art` is a small JPEG.
    """

    title: str
    lanes: list[Lane]
    subtitle: str = ""
    badges: tuple[str, ...] = ()
    art: bytes | None = None
    stages: list[StageSpan] = field(default_factory=list)
    total_seconds: float = 0.0
    details: list[tuple[str, str]] = field(default_factory=list)


def card_html(card: Card) -> Markup:
    """The card as HTML that survives a notebook's sanitiser and reads well on a dark and on a light page."""
    stages = stages_html(card.stages, card.total_seconds)
    parts = [_heading(card), lanes_html(card.lanes)]
    if stages:
        parts.append(fill('<div style="margin:10px 0 0">{}</div>', stages))
    if card.details:
        parts.append(_details(card.details))
    return fill(
        f'<div class="soundverse-result {NO_MATH}" '
        'style="max-width:980px;border:1px solid {};border-radius:8px;'
        'padding:14px 16px;margin:4px 0;line-height:1.4">{}</div>',
        LINE,
        joined(parts),
    )


def marked(card: str, classes: str) -> Markup:
    """A finished card in an element of these classes: they pass every sanitiser, for a script to find."""
    return fill('<div class="{} {}">{}</div>', classes, NO_MATH, Markup(card))


def lanes_html(lanes: list[Lane]) -> Markup:
    """All lanes and their common ruler."""
    length = axis_length([lane.duration for lane in lanes])
    return joined([*(_lane(lane, length) for lane in lanes), _ruler(length)])


def lane_png(envelope: Envelope, duration: float, length: float, colour: str) -> bytes:
    """The waveform of a song of `duration` seconds, as wide as it is long on an axis of `length` seconds."""
    pixels = max(1, round(WIDTH_PX * width_percent(duration, length) / 100))
    return waveform_png(envelope, pixels, HEIGHT_PX, colour)


def _heading(card: Card) -> Markup:
    picture = Markup("")
    if card.art is not None:
        picture = fill(
            '<div style="display:table-cell;vertical-align:middle;width:70px">'
            '<img alt="Album art" src="{}" '
            'style="width:56px;height:56px;border-radius:4px;margin:0;display:block"></div>',
            data_uri(card.art, "image/jpeg"),
        )
    return fill(
        '<div style="display:table;margin:0 0 12px">{}<div style="display:table-cell;vertical-align:middle">'
        '<span style="font-size:1.25em;font-weight:600;vertical-align:middle">{}</span>{}{}</div></div>',
        picture,
        card.title,
        joined([fill(" {}", badge(label, _BADGE)) for label in card.badges]),
        fill('<div style="opacity:0.8">{}</div>', card.subtitle) if card.subtitle else "",
    )


def _details(details: list[tuple[str, str]]) -> Markup:
    rows = [
        fill(
            '<div style="display:table-row"><div style="display:table-cell;padding:1px 14px 1px 0;'
            'opacity:0.75;white-space:nowrap;vertical-align:top">{}</div><div style="display:table-cell;'
            'overflow-wrap:break-word;word-break:break-all;white-space:pre-wrap">{}</div></div>',
            name,
            verbatim(value, 2000),
        )
        for name, value in details
    ]
    return fill(
        '<details style="margin:8px 0 0"><summary style="cursor:pointer;opacity:0.8">Details</summary>'
        '<div style="display:table;margin:6px 0 0;font-size:0.9em">{}</div></details>',
        joined(rows),
    )


def _lane(lane: Lane, length: float) -> Markup:
    left = [
        fill(
            '<div style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap" title="{name}">'
            '<span style="display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 6px 0 0;'
            'background-color:{colour}"></span><b>{label}</b> <span style="opacity:0.75">{name}</span></div>',
            name=lane.name,
            colour=lane.colour,
            label=lane.label,
        )
    ]
    if lane.audio is not None:
        left.append(
            fill(
                '<audio controls preload="metadata" aria-label="Play {}" '
                'style="width:100%;height:36px;margin:4px 0 2px" src="{}"></audio>',
                lane.label,
                data_uri(lane.audio, lane.mime),
            )
        )
    if lane.note:
        left.append(fill('<div class="soundverse-note" style="{}">{}</div>', _QUIET, lane.note))
    return fill(
        '<div class="soundverse-lane" style="overflow:hidden;margin:0 0 8px">'
        '<div style="{}">{}</div><div style="{}">{}</div></div>',
        _LEFT,
        joined(left),
        _RIGHT,
        _picture(lane, length),
    )


def _picture(lane: Lane, length: float) -> Markup:
    if lane.problem or lane.picture is None:
        problem = lane.problem or "No waveform."
        return fill('<div style="padding:6px 10px;border-left:3px solid {}">{}</div>', BAD, problem)
    facts = Markup("")
    if lane.facts:
        facts = fill('<div style="{};padding:0 0 3px">{}</div>', _QUIET, " · ".join(lane.facts))
    return fill(
        '{facts}<div style="border-bottom:1px solid {line};border-top:1px solid {line}">'
        '<img alt="Waveform of {name}" src="{image}" style="display:block;width:{width};min-width:1px;'
        'max-width:100%;height:{height}px;margin:0"></div>',
        facts=facts,
        line=LINE,
        name=lane.name,
        image=data_uri(lane.picture, "image/png"),
        width=f"{width_percent(lane.duration, length):g}%",
        height=HEIGHT_PX,
    )


def _ruler(length: float) -> Markup:
    if not length > 0:
        return Markup("")
    marks = []
    # As many as have room on the narrowest page, less than four steps: the label at the very end stands
    # to the left of its mark. Longer songs have longer labels.
    for tick in ticks(length, 3.9 if length < 600 else 3 if length < 3600 else 2):
        # A label that would stick out at the right end hangs to the left of its tick.
        if tick.percent > 94:
            side = f"right:{100 - tick.percent:g}%;border-right"
        else:
            side = f"left:{tick.percent:g}%;border-left"
        marks.append(
            fill(
                '<div style="position:absolute;top:0;{}:1px solid {};padding:3px 4px 0;'
                'font-size:11px;line-height:1.1;opacity:0.8;white-space:nowrap">{}&nbsp;</div>',
                side,
                LINE,
                tick.label,
            )
        )
    return fill(
        '<div style="overflow:hidden"><div style="{};height:1px"></div>'
        '<div style="{};position:relative;height:18px;margin:0">{}</div></div>',
        _LEFT,
        _RIGHT,
        joined(marks),
    )
