"""What the demo's page shows: the songs measured, and the words around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import soundverse_nb
from soundverse_nb.render import quantity
from soundverse_nb.render.page import Page, Take, page_html
from soundverse_nb.render.stages import Stretch, stages_html

if TYPE_CHECKING:
    from soundverse_nb.audio.listen import Heard
    from soundverse_nb.remix import Clip, Remix

MAX_AUDIO_BYTES = 24_000_000
"""All players of a page together: what a browser still opens at once, and enough for songs of six minutes."""

_NUMBERS = {1: "One remix", 2: "Two remixes", 3: "Three remixes", 4: "Four remixes"}
_MINUS = "\N{MINUS SIGN}"


def comparison_page(
    reference: Path, title: str, remixes: Sequence[Remix], files: Sequence[str], seconds: float
) -> str:
    """The page for a song called `title` and its remixes, whose files lie beside it.

    `seconds` is what making them took.
    """
    from soundverse_nb.audio.listen import listen
    from soundverse_nb.remix import Clip
    from soundverse_nb.remix.preview import playables
    from soundverse_nb.remix.show import COLOURS

    clips = [Clip(reference), *(remix.audio for remix in remixes)]
    with ThreadPoolExecutor(2) as pool:
        heard = list(pool.map(lambda clip: listen(clip.path), clips))
    players = playables(clips, MAX_AUDIO_BYTES)
    original = heard[0]
    takes = [
        Take(
            label=f"Remix {number}" if remix else "Original",
            title=remix.title if remix else title,
            prompt=(remix.request.prompt or "") if remix else "",
            duration=sound.duration,
            envelope=sound.envelope,
            colour=COLOURS[number % len(COLOURS)],
            loudness=sound.loudness,
            facts=_facts(clip, sound, original if remix else None, remix),
            audio=player.data,
            note=player.note,
            file=file,
            story=_story(remix) if remix else "",
        )
        for number, (clip, sound, player, remix, file) in enumerate(
            zip(clips, heard, players, [None, *remixes], ["", *files], strict=True)
        )
    ]
    count = _NUMBERS.get(len(remixes), f"{len(remixes)} remixes")
    return page_html(
        Page(
            title=f"One song, {count.lower()}",
            lead=f"{takes[0].title} ({quantity.clock(original.duration)}) passed preflight; "
            f"{len(remixes)} prompts made remixes of it at once, "
            f"and {quantity.span(seconds)} later everything was here.",
            original=takes[0],
            remixes=tuple(takes[1:]),
            badge="Simulated.",
            warning="These remixes were made by the embedded service of soundverse_nb on this machine: "
            "signal processing, not the model. Nothing was sent out and nothing was paid.",
            foot=(
                f"Made by soundverse_nb {soundverse_nb.__version__}. Loudness after ITU-R BS.1770-4; "
                "LU is the difference from the original.",
            ),
        )
    )


def song_title(path: Path) -> str:
    """A file's name as a title: "night_drive.mp3" reads "night drive"."""
    return path.stem.replace("_", " ").strip() or path.name


def _facts(clip: Clip, sound: Heard, original: Heard | None, remix: Remix | None) -> tuple[str, ...]:
    facts = [
        _length(sound.duration, None if original is None else original.duration),
        _loudness(sound.loudness, None if original is None else original.loudness),
        f"{sound.format.upper()}, {quantity.rate(sound.sample_rate)} {quantity.channels(sound.channels)}",
        quantity.size(clip.size_bytes),
    ]
    if remix is not None and remix.seconds is not None:
        facts.append(f"made in {quantity.span(remix.seconds)}")
    return tuple(facts)


def _length(seconds: float, original: float | None) -> str:
    said = quantity.clock(seconds)
    if not original:
        return said
    change = round(100 * (seconds / original - 1))
    if not change:
        return f"{said} (as long as the original)"
    return f"{said} ({abs(change)} % {'longer' if change > 0 else 'shorter'})"


def _loudness(measured: float, original: float | None) -> str:
    if not math.isfinite(measured):
        return "silent"
    said = f"{measured:.1f} LUFS"
    if original is not None and math.isfinite(original):
        difference = round(measured - original, 1)
        said += f" ({difference:+.1f} LU)" if difference else " (as loud as the original)"
    return said.replace("-", _MINUS)


def _story(remix: Remix) -> str:
    spans = remix.timeline
    stretches = [Stretch(s.stage.value, s.started, s.seconds, s.held) for s in spans]
    return stages_html(stretches, remix.seconds or 0.0)
