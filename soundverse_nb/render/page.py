"""One page that stands alone: an original and its remixes, to hear, see and compare in any browser.

Unlike what notebooks show, a page of one's own may carry a style sheet and a script; it still needs no
network, and its Content-Security-Policy says so to the browser. Without the script every player works alike;
with it the waveforms can be clicked, one song plays at a time, and switching keeps the place in the song.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from soundverse_nb.render.escape import text
from soundverse_nb.render.lanes import axis_length, ticks, width_percent
from soundverse_nb.render.pictures import Envelope, columns, data_uri, waveform_png

WIDTH_PX = 1000
HEIGHT_PX = 72
_POLICY = (
    "default-src 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


@dataclass(frozen=True)
class Take:
    """One song of the page.

    `title` is the song's, `prompt` what was asked (nothing for an original), `duration` in seconds,
    `loudness` in LUFS, `facts` short phrases. `audio` is MP3 for the player; `note` says where that is not
    the file itself. `file` is where the whole song lies, relative to the page. `story` is HTML of our own
    making that tells the stages.
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
    story: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page: its heading, a sentence or two below it, and what it is made of.

    `badge` names what the visitor must not overlook, with `warning` as its explanation; `foot` are lines at
    the bottom.
    """

    title: str
    lead: str
    original: Take
    remixes: tuple[Take, ...]
    badge: str = ""
    warning: str = ""
    foot: tuple[str, ...] = ()


def page_html(page: Page) -> str:
    """The page as one HTML document that needs no other file."""
    takes = (page.original, *page.remixes)
    length = axis_length([take.duration for take in takes])
    quietest = min((t.loudness for t in takes if math.isfinite(t.loudness)), default=-math.inf)
    loudest = max((_peak(take.envelope) for take in takes), default=0.0) or 1.0
    rows = "".join(_take(take, number, length, quietest, loudest) for number, take in enumerate(takes))
    badge = f'<p class="notice"><b>{text(page.badge)}</b> {text(page.warning, 600)}</p>' if page.badge else ""
    foot = "".join(f"<p>{text(line, 600)}</p>" for line in page.foot)
    assets = Path(__file__).parent
    style = (assets / "page.css").read_text(encoding="utf-8")
    script = (assets / "page.js").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{text(page.title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{text(page.title)}</h1>
<p class="lead">{text(page.lead, 600)}</p>
{badge}
</header>
<main>
<fieldset class="listening" hidden>
<legend>Listening</legend>
<label><input type="checkbox" id="keep-place" checked> Switching keeps the place in the song</label>
<label><input type="checkbox" id="same-loudness" checked> All equally loud</label>
<span class="keys">Keys <kbd>1</kbd> to <kbd>{len(takes)}</kbd> switch, <kbd>space</kbd> pauses</span>
</fieldset>
{rows}
</main>
<footer>{foot}</footer>
<script>{script}</script>
</body>
</html>
"""


def _take(take: Take, number: int, length: float, quietest: float, loudest: float) -> str:
    kind = "remix" if number else "original"
    prompt = f'<p class="prompt">“{text(take.prompt)}”</p>' if take.prompt else ""
    facts = "".join(f"<li>{text(fact)}</li>" for fact in take.facts)
    note = f'<p class="note">{text(take.note)}</p>' if take.note else ""
    link = (
        f'<a class="file" href="{text(take.file)}" download>Save the file</a>' if take.file and number else ""
    )
    story = f"<details><summary>How it came about</summary>{take.story}</details>" if take.story else ""
    return f"""<article class="take {kind}" style="--colour:{take.colour}">
<div class="name"><span class="label">{text(take.label)}</span><h2>{text(take.title)}</h2>{prompt}</div>
{_wave(take, length, loudest)}
<div class="below">{_player(take, quietest)}{link}</div>
<ul class="facts">{facts}</ul>{note}{story}
</article>
"""


def _player(take: Take, quietest: float) -> str:
    if take.audio is None:
        return ""
    gain = 1.0 if not math.isfinite(take.loudness) else 10 ** ((quietest - take.loudness) / 20)
    return (
        f'<audio controls preload="metadata" aria-label="Play {text(take.label)}: {text(take.title)}" '
        f'data-gain="{gain:.4f}" src="{data_uri(take.audio, "audio/mpeg")}"></audio>'
    )


def _wave(take: Take, length: float, loudest: float) -> str:
    """The waveform as a mask, so that the page's own colours fill it.

    As wide as the song is long, and as high as it is loud: `loudest` is the greatest sample of all songs.
    """
    image = waveform_png(take.envelope, WIDTH_PX, HEIGHT_PX, "#000000", full_scale=loudest)
    picture = data_uri(image, "image/png")
    width = width_percent(take.duration, length)
    marks = "".join(
        # A label that would stick out at the right end hangs to the left of its tick.
        f'<i class="{"last" if tick.percent > 94 else "tick"}" style="left:{tick.percent:g}%">'
        f"{text(tick.label)}</i>"
        for tick in ticks(length)
    )
    return (
        f'<div class="axis"><div class="wave" role="img" aria-label="Waveform of {text(take.label)}" '
        f'style="width:{width:g}%;--mask:url({picture})"></div>'
        f'<div class="ruler" aria-hidden="true">{marks}</div></div>'
    )


def _peak(envelope: Envelope) -> float:
    low, high = columns(envelope, 1)
    return float(max(-low[0], high[0], 0.0))
