"""The picture of the architecture: layers above one another, and the way of one remix through them.

`python -m tools.website.picture` writes it to `docs/images/architecture.svg`. All text stands in boxes of
their own colour, so that it reads on light and on dark pages; none is smaller than 12 px at a width of 400.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "docs" / "images" / "architecture.svg"

WIDTH, GAP = 400, 6
LOW, HIGH = 48, 74
"""The heights of a row of layers; of one with steps of the way."""

_ROWS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("#7a4a8c", (("cli", "a terminal"), ("widgets", "boards, player, gallery"))),
    ("#8a4566", (("study", "plan, budget, frame, statistics, report"),)),
    ("#3b5b8c", (("client", "orders, their journal"), ("analysis", "measures songs"))),
    (
        "#2f6f79",
        (
            ("reference", "preflight"),
            ("hosting", "file to URL"),
            ("remix", "the result"),
            ("examples", "a song"),
        ),
    ),
    ("#3f6d52", (("measures", "what was measured, as values"),)),
    ("#6b6136", (("api", "the wire"), ("render", "pictures, pages"), ("simulator", "a service here"))),
    ("#7b5535", (("audio", "probe, decode, measure, encode; no network, no notebook"),)),
    ("#545c6a", (("base", "errors, addresses, types of files"),)),
)
"""Rows from top to bottom, each with its colour and its layers; a layer imports from the rows below it."""

WAY = (
    ("client", "`client.remix(song, prompt)`: a call, awaited or not."),
    ("reference", "Preflight: would the service take the song? Free, here."),
    ("hosting", "A song from disk gets a URL, private and brief."),
    ("client", "The order is written to the journal before it is sent."),
    ("api", "One POST; its stream is followed, and asked about where it is cut."),
    ("audio", "What was fetched counts once it decodes."),
    ("remix", "One object: audio, song, events, times."),
    ("widgets", "Hear it, see it, switch between the two."),
)
"""The steps of one remix: the layer, and what happens there."""

_SAID = "Layers of soundverse_nb, each importing from those below, and a remix's eight steps through them"
_FONTS = "system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif"

# Where in its box a step's number stands, as a part of the box's width.
_PLACES = (0.12, 0.5, 0.5, 0.76, 0.5, 0.62, 0.5, 0.5)


@dataclass(frozen=True)
class Box:
    """A layer of the picture, in pixels."""

    name: str
    text: str
    colour: str
    x: float
    y: float
    width: float
    height: float


def boxes() -> list[Box]:
    """Every layer and where it is drawn; those of a row share its width."""
    found, top, passed = [], 0, {layer for layer, _ in WAY}
    for colour, layers in _ROWS:
        width = (WIDTH - GAP * (len(layers) - 1)) / len(layers)
        height = HIGH if passed & {name for name, _ in layers} else LOW
        for place, (name, text) in enumerate(layers):
            found.append(Box(name, text, colour, place * (width + GAP), top, width, height))
        top += height + GAP
    return found


def svg() -> str:
    """The picture."""
    drawn = boxes()
    height = drawn[-1].y + drawn[-1].height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{_SAID}" font-family="{_FONTS}">'
    )
    return "\n".join([head, *map(_frame, drawn), *_way(), *map(_words, drawn), "</svg>\n"])


def _frame(box: Box) -> str:
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6" '
        f'fill="{box.colour}"/>'
    )


def _words(box: Box) -> str:
    x = box.x + 9
    return (
        f'<text x="{x:g}" y="{box.y + 19:g}" font-size="14" font-weight="700" fill="#fff">{box.name}</text>'
        f'<text x="{x:g}" y="{box.y + 36:g}" font-size="12" fill="#fff">{html.escape(box.text)}</text>'
    )


def _way() -> Iterator[str]:
    """The steps, joined by a line, numbered."""
    at = {box.name: box for box in boxes()}
    points = [
        (at[layer].x + at[layer].width * place, at[layer].y + HIGH - 18)
        for (layer, _), place in zip(WAY, _PLACES, strict=True)
    ]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    yield f'<polyline points="{line}" fill="none" stroke="#f2c14e" stroke-width="2" stroke-opacity="0.6"/>'
    for number, (x, y) in enumerate(points, 1):
        yield (
            f'<circle cx="{x:g}" cy="{y:g}" r="11" fill="#f2c14e"/><text x="{x:g}" y="{y + 4.5:g}" '
            f'font-size="13" font-weight="700" text-anchor="middle" fill="#1d2430">{number}</text>'
        )


def main() -> int:
    TARGET.write_text(svg(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
