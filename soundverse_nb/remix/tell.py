"""A clip, a remix, a comparison in a terminal: a few lines of text with a small waveform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from soundverse_nb.api.showing import shown_id
from soundverse_nb.errors import SoundverseError
from soundverse_nb.render import quantity
from soundverse_nb.render.axis import axis_length, width_percent
from soundverse_nb.render.escape import plain
from soundverse_nb.render.stages import Stretch
from soundverse_nb.render.waveform import columns

if TYPE_CHECKING:
    from soundverse_nb.audio.envelope import Envelope
    from soundverse_nb.remix.clip import Clip
    from soundverse_nb.remix.remix import Remix

_WIDTH = 64
_BLOCKS = "▁▂▃▄▅▆▇█"


def clip_facts(clip: Clip, envelope: Envelope) -> tuple[str, ...]:
    """Length, format, size, rate, channels and peak, each a short phrase."""
    low, high = columns(envelope, 1)
    peak = float(max(-low[0], high[0], 0.0))
    broken = bool(np.isnan(envelope.minima).any() or np.isnan(envelope.maxima).any())
    return (
        quantity.clock(float(envelope.duration)),
        clip.format.upper(),
        quantity.size(clip.size_bytes),
        f"{quantity.rate(clip.sample_rate)} {quantity.channels(clip.channels)}",
        quantity.level(peak),
        *(["simulated"] * clip.simulated),
        *(["some samples are not numbers"] * broken),
    )


def clip_text(clip: Clip) -> str:
    """The facts and the waveform of one song."""
    return clips_text([("", clip)])


def clips_text(named: Sequence[tuple[str, Clip]]) -> str:
    """Songs above one another, their waveforms to one scale of time."""
    from soundverse_nb.remix.clip import ENVELOPE_POINTS

    told: list[tuple[str, Envelope | None]] = []
    for label, clip in named:
        head = f"  {plain(label, 40):<9} " if label else ""
        try:
            envelope = clip.envelope(ENVELOPE_POINTS)
            facts = " · ".join(clip_facts(clip, envelope))
            told.append((f"{head}{plain(clip.name, 60)} · {facts}", envelope))
        except SoundverseError as reason:
            told.append((f"{head}{plain(clip.name, 60)} · {reason.message} {reason.hint}", None))
    length = axis_length([float(e.duration) for _, e in told if e is not None])
    lines = []
    for line, outline in told:
        lines.append(line)
        if outline is not None:
            lines.append(f"  {'':<9} {_sparkline(outline, length)}")
    return "\n".join(lines)


def remix_text(remix: Remix) -> str:
    """All that a terminal user wants to know at a glance."""
    named = [("original", remix.reference)] if remix.reference is not None else []
    simulated = " (simulated)" if remix.simulated else ""
    lines = [f"Remix: {remix.title}{simulated}", clips_text([*named, ("remix", remix.audio)])]
    rows = [
        ("asked", remix.request.prompt or remix.request.lyrics),
        ("stages", _stages(remix)),
        ("file", str(remix.audio.path)),
        ("id", shown_id(remix.message_id)),
    ]
    lines += [f"  {name:<9} {plain(value, 400)}" for name, value in rows if value]
    return "\n".join(lines)


def _stages(remix: Remix) -> str:
    spans = [Stretch(s.stage.value, s.started, s.seconds, s.held) for s in remix.timeline]
    told = [f"{stretch.words} {quantity.span(stretch.seconds)}" for stretch in spans]
    if told and remix.seconds is not None:
        told.append(f"{quantity.span(remix.seconds)} in all")
    return " · ".join(told)


def _sparkline(envelope: Envelope, length: float) -> str:
    width = max(1, round(_WIDTH * width_percent(float(envelope.duration), length) / 100))
    low, high = columns(envelope, width)
    heights = np.rint(np.clip(np.maximum(-low, high), 0, 1) * (len(_BLOCKS) - 1)).astype(int)
    return "".join(_BLOCKS[height] for height in heights)
