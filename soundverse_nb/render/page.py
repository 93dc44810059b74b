"""One page that stands alone: an original and its remixes, to hear, see and compare in any browser.

Unlike what notebooks show, a page of one's own may carry a style sheet and a script; it still needs no
network, and its Content-Security-Policy says so to the browser. Without the script every player works alike;
with it the waveforms can be clicked, one song plays at a time, and switching keeps the time, place or bar.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from soundverse_nb.render.card import axis_length, ticks, width_percent
from soundverse_nb.render.document import document_html
from soundverse_nb.render.escape import fill, joined
from soundverse_nb.render.pictures import Envelope, columns, data_uri, waveform_png

WIDTH_PX = 1000
HEIGHT_PX = 72
PLAYER_SCRIPTS = ("clock.js", "alignment.js", "page.js")
"""What makes waveforms clickable and lets switching keep the time, the place or the bar."""


@dataclass(frozen=True)
class SongPanel:
    """One song of the page.

    `title` is the song's, `prompt` what was asked (nothing for an original), `duration` in seconds,
    `loudness` in LUFS, `facts` short phrases. `audio` is MP3 for the player; `note` says where that is not
    the file itself. `file` is where the whole song lies, relative to the page. `stages` is the bar of stages.
    """

    label: str
    title: str
    duration: float
    envelope: Envelope
    colour: str
    loudness: float
    prompt: str = ""
    facts: tuple[str, ...] = ()
    audio: bytes | None = None
    note: str = ""
    file: str = ""
    stages: Markup | None = None


@dataclass(frozen=True)
class Page:
    """A whole page: its heading, a sentence or two below it, and what it is made of.

    `badge` names what the visitor must not overlook, with `warning` as its explanation; `foot` are lines at
    the bottom. `alignment` says which second of each song is which of the original, the original and the
    remixes in this order, as `widgets.alignments.align` gives it; without it the page offers no same bar.
    """

    title: str
    lead: str
    original: SongPanel
    remixes: tuple[SongPanel, ...]
    badge: str = ""
    warning: str = ""
    foot: tuple[str, ...] = ()
    alignment: Mapping[str, Any] | None = None


_LISTENING = """<fieldset class="listening" data-alignments="{alignments}" hidden>
<legend>Listening</legend>
<span class="keeps" role="radiogroup" aria-label="Switching keeps">
<span aria-hidden="true">Switching keeps</span>
<label title="The seconds since the start">
<input type="radio" name="keeps" value="time" checked> Same time</label>
<label title="The proportion of the song, for remixes of another tempo">
<input type="radio" name="keeps" value="place"> Same place</label>{same_bar}
</span>
<label><input type="checkbox" id="same-loudness" checked> All equally loud</label>
<span class="keys">{keys}</span>
<p class="said" role="status"></p>
</fieldset>
"""

_KEYS = "<kbd>1</kbd> to <kbd>{count}</kbd> switch, <kbd>space</kbd> pauses, <kbd>←</kbd> <kbd>→</kbd> move"

_SAME_BAR = Markup(
    '\n<label title="The bar of the song, found by comparing the tunes">'
    '\n<input type="radio" name="keeps" value="bar"> Same bar</label>'
)

_SONG = """<article class="take {kind}" data-duration="{duration}" style="--colour:{colour}">
<div class="name"><span class="label">{label}</span><h2>{title}</h2>{prompt}</div>
{waveform}
<div class="below">{player}{link}</div>
<ul class="facts">{facts}</ul>{note}{stages}
</article>
"""


def page_html(page: Page) -> Markup:
    """The page as one HTML document that needs no other file."""
    songs = (page.original, *page.remixes)
    length = axis_length([song.duration for song in songs])
    quietest = min((s.loudness for s in songs if math.isfinite(s.loudness)), default=-math.inf)
    loudest = max((_peak(song.envelope) for song in songs), default=0.0) or 1.0
    listening = listening_html(
        fill(_KEYS, count=len(songs)),
        [{**page.alignment, "places": list(range(len(songs)))}] if page.alignment else [],
    )
    panels = [_song(song, place, length, quietest, loudest) for place, song in enumerate(songs)]
    return document_html(
        joined([listening, *panels]),
        title=page.title,
        lead=page.lead,
        badge=page.badge,
        warning=page.warning,
        foot=page.foot,
        styles=["page.css"],
        scripts=PLAYER_SCRIPTS,
    )


def listening_html(keys: Markup, alignments: Sequence[Mapping[str, Any]]) -> Markup:
    """What page.js asks of a page beside its takes: what switching keeps, and how loud they are.

    `keys` says which keys do what. Each of `alignments` is of a song and its remixes, as `Page` has it, with
    their `places` among the takes of the page; without any the page offers no same bar.
    """
    return fill(
        _LISTENING,
        keys=keys,
        # A long song has some hundred moments that are paired; nothing of it may be cut off.
        alignments=Markup.escape(json.dumps(alignments, separators=(",", ":"))) if alignments else "",
        same_bar=_SAME_BAR if alignments else "",
    )


def _song(song: SongPanel, place: int, length: float, quietest: float, loudest: float) -> Markup:
    return fill(
        _SONG,
        kind="remix" if place else "original",
        duration=f"{song.duration:.3f}",
        colour=song.colour,
        label=song.label,
        title=song.title,
        prompt=fill('<p class="prompt">“{}”</p>', song.prompt) if song.prompt else "",
        waveform=_waveform(song, length, loudest),
        player=_player(song, quietest),
        link=fill('<a class="file" href="{}" download>Save the file</a>', song.file)
        if song.file and place
        else "",
        facts=joined([fill("<li>{}</li>", fact) for fact in song.facts]),
        note=fill('<p class="note">{}</p>', song.note) if song.note else "",
        stages=fill("<details><summary>How it came about</summary>{}</details>", song.stages)
        if song.stages
        else "",
    )


def _player(song: SongPanel, quietest: float) -> Markup:
    if song.audio is None:
        return Markup("")
    gain = 1.0 if not math.isfinite(song.loudness) else 10 ** ((quietest - song.loudness) / 20)
    return fill(
        '<audio controls preload="metadata" aria-label="Play {}: {}" data-gain="{}" src="{}"></audio>',
        song.label,
        song.title,
        f"{gain:.4f}",
        data_uri(song.audio, "audio/mpeg"),
    )


def _waveform(song: SongPanel, length: float, loudest: float) -> Markup:
    """The waveform as a mask, so that the page's own colours fill it.

    As wide as the song is long, and as high as it is loud: `loudest` is the greatest sample of all songs.
    """
    image = waveform_png(song.envelope, WIDTH_PX, HEIGHT_PX, "#000000", full_scale=loudest)
    marks = [
        fill(
            '<i class="{}" style="left:{}%">{}</i>',
            # A label that would stick out at the right end hangs to the left of its tick.
            "last" if tick.percent > 94 else "tick",
            f"{tick.percent:g}",
            tick.label,
        )
        for tick in ticks(length)
    ]
    return fill(
        '<div class="axis"><div class="wave" role="img" aria-label="Waveform of {}" '
        'style="width:{}%;--mask:url({})"></div><div class="ruler" aria-hidden="true">{}</div></div>',
        song.label,
        f"{width_percent(song.duration, length):g}",
        data_uri(image, "image/png"),
        joined(marks),
    )


def _peak(envelope: Envelope) -> float:
    low, high = columns(envelope, 1)
    return float(max(-low[0], high[0], 0.0))
