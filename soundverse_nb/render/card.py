"""The frame around a result: title, badges, picture, and facts to unfold."""

from __future__ import annotations

from dataclasses import dataclass, field

from soundverse_nb.render.escape import text
from soundverse_nb.render.labels import StageSpan, stages_html
from soundverse_nb.render.lanes import LINE, Lane, lanes_html
from soundverse_nb.render.pictures import data_uri


@dataclass(frozen=True)
class Card:
    """All that a result shows.

    `details` are pairs of a name and a value, both still unescaped; `art` is a small JPEG.
    """

    title: str
    lanes: list[Lane]
    subtitle: str = ""
    badges: tuple[str, ...] = ()
    art: bytes | None = None
    stages: list[StageSpan] = field(default_factory=list)
    total_seconds: float = 0.0
    details: list[tuple[str, str]] = field(default_factory=list)


def card_html(card: Card) -> str:
    """The card as HTML that survives a notebook's sanitiser and reads well on a dark and on a light page."""
    stages = stages_html(card.stages, card.total_seconds)
    parts = [_heading(card), lanes_html(card.lanes)]
    if stages:
        parts.append(f'<div style="margin:10px 0 0">{stages}</div>')
    if card.details:
        parts.append(_details(card.details))
    return (
        f'<div class="soundverse-result" style="max-width:980px;border:1px solid {LINE};border-radius:8px;'
        f'padding:14px 16px;margin:4px 0;line-height:1.4">{"".join(parts)}</div>'
    )


def _heading(card: Card) -> str:
    picture = ""
    if card.art is not None:
        picture = (
            f'<img alt="Album art" src="{data_uri(card.art, "image/jpeg")}" '
            f'style="width:56px;height:56px;border-radius:4px;margin:0;display:block">'
        )
        picture = f'<div style="display:table-cell;vertical-align:middle;width:70px">{picture}</div>'
    badges = "".join(
        f' <span style="display:inline-block;border:1px solid #b8860b;border-radius:10px;padding:0 8px;'
        f'margin:0 0 0 8px;font-size:11px;line-height:1.5;vertical-align:middle">{text(badge)}</span>'
        for badge in card.badges
    )
    subtitle = f'<div style="opacity:0.8">{text(card.subtitle)}</div>' if card.subtitle else ""
    return (
        f'<div style="display:table;margin:0 0 12px">{picture}'
        f'<div style="display:table-cell;vertical-align:middle">'
        f'<span style="font-size:1.25em;font-weight:600;vertical-align:middle">{text(card.title)}</span>'
        f"{badges}{subtitle}</div></div>"
    )


def _details(details: list[tuple[str, str]]) -> str:
    rows = "".join(
        f'<div style="display:table-row"><div style="display:table-cell;padding:1px 14px 1px 0;opacity:0.75;'
        f'white-space:nowrap;vertical-align:top">{text(name)}</div>'
        f'<div style="display:table-cell;overflow-wrap:break-word;word-break:break-all;white-space:pre-wrap">'
        f"{text(value, 2000)}</div></div>"
        for name, value in details
    )
    return (
        f'<details style="margin:8px 0 0"><summary style="cursor:pointer;opacity:0.8">Details</summary>'
        f'<div style="display:table;margin:6px 0 0;font-size:0.9em">{rows}</div></details>'
    )
