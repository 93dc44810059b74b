"""The takes of a report: a waveform, a player and the numbers of each, with what sorts and filters them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from soundverse_nb.render.colours import ORIGINAL, REMIX
from soundverse_nb.render.escape import fill, joined, text, verbatim
from soundverse_nb.render.gallery import (
    GalleryTake,
    NumberColumn,
    number_columns,
    peaks_png,
    varied_factors,
)
from soundverse_nb.render.pictures import data_uri
from soundverse_nb.render.units import clock

MOST_LEVELS = 200
"""Levels of a factor to choose from."""

_LEVEL = 80  # characters of a level in a list to choose from


@dataclass(frozen=True)
class Sound:
    """What a page plays: MP3 inside of it (`data`), or the file at `address`, relative to the page.

    `gain` makes all songs of a page equally loud; `note` says what is not the whole song, or why there is
    none.
    """

    address: str = ""
    data: bytes | None = None
    note: str = ""
    gain: float = 1.0


@dataclass(frozen=True)
class ReportTake:
    """A take, or a song that was remixed, and how it is heard."""

    take: GalleryTake
    sound: Sound


SONG_LABEL = "Original"
"""What a song is called beside its takes."""


def take_label(take: GalleryTake) -> str:
    """What a take is called, on its row and in a sentence."""
    return f"Take {take.number}"


_TAKE = """<article class="take {kind}" style="--colour:{colour}" data-order="{order}" \
data-duration="{duration}" data-levels="{levels}" data-numbers="{numbers}">
<div class="name"><span class="label">{label}</span><h3>{title}</h3>{facts}{badges}</div>
<div class="hear">{waveform}{player}</div>
{values}{opinion}{note}
</article>
"""


def takes_html(takes: Sequence[ReportTake]) -> Markup:
    """All takes, in their order."""
    columns = number_columns([each.take for each in takes])
    rows = [_take(each, columns, take_label(each.take), "remix", REMIX) for each in takes]
    return fill('<div class="takes">{}</div>', joined(rows))


def songs_html(songs: Sequence[ReportTake]) -> Markup:
    """The songs that were remixed."""
    if not songs:
        return Markup("")
    rows = joined([_take(each, [], SONG_LABEL, "original", ORIGINAL) for each in songs])
    return fill('<div class="songs">{}</div>', rows)


def _take(shown: ReportTake, columns: Sequence[NumberColumn], label: str, kind: str, colour: str) -> Markup:
    take = shown.take
    is_song = kind == "original"
    numbers = {name: value for name, value in take.numbers.items() if _is_known(value)}
    length = "" if take.seconds is None else clock(take.seconds)
    facts = [part for part in ("" if is_song else take.reference, take.detail, length) if part]
    return fill(
        _TAKE,
        kind=kind,
        colour=colour,
        order=str(take.number),
        duration="" if take.seconds is None else f"{take.seconds:.3f}",
        levels=_exact(json.dumps({**take.factors, "song": take.reference}, ensure_ascii=False)),
        numbers=_exact(json.dumps({**numbers, "stars": take.stars or 0})),
        label=label,
        title=verbatim(take.reference if is_song else take.words, 300),
        facts=fill('<span class="about">{}</span>', verbatim(" · ".join(facts), 300)) if facts else "",
        badges=joined([fill('<span class="badge">{}</span>', each) for each in take.badges]),
        waveform=_waveform(take, label),
        player=_player(shown, label),
        values=_values(take, columns),
        opinion=_opinion(take),
        note=fill('<p class="note">{}</p>', shown.sound.note) if shown.sound.note else "",
    )


def _exact(value: str) -> Markup:
    """An attribute that a script compares: escaped, and not cut."""
    return verbatim(value, len(value) + 1)


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _waveform(take: GalleryTake, label: str) -> Markup:
    if not take.peaks:  # the script shows there how far it has come, all the same
        return fill('<div class="wave bare" role="img" aria-label="Place in {}"></div>', label.lower())
    return fill(
        '<div class="wave" role="img" aria-label="Waveform of {}: {}" style="--mask:url({})"></div>',
        label.lower(),
        text(take.words or take.reference, 80),
        data_uri(peaks_png(take.peaks, "#000000"), "image/png"),
    )


def _player(shown: ReportTake, label: str) -> Markup:
    sound = shown.sound
    if sound.data is None and not sound.address:
        return Markup("")
    return fill(
        '<audio controls preload="none" aria-label="Play {}: {}" data-gain="{}" src="{}"></audio>',
        label.lower(),
        text(shown.take.words or shown.take.reference, 80),
        f"{sound.gain:.4f}",
        _exact(sound.address) if sound.data is None else data_uri(sound.data, "audio/mpeg"),
    )


def _values(take: GalleryTake, columns: Sequence[NumberColumn]) -> Markup:
    known = [column for column in columns if _is_known(take.numbers.get(column.name))]
    if not known:
        return Markup("")
    pairs = [
        fill("<div><dt>{}</dt><dd>{}</dd></div>", column.label, column.text(take.numbers[column.name]))
        for column in known
    ]
    return fill('<dl class="values">{}</dl>', joined(pairs))


def _opinion(take: GalleryTake) -> Markup:
    if not take.stars and not take.note:
        return Markup("")
    stars = (
        fill('<span role="img" aria-label="{} of 5 stars">{}</span> ', str(take.stars), "★" * take.stars)
        if take.stars
        else ""
    )
    return fill('<p class="opinion">{}{}</p>', stars, verbatim(take.note, 400))


def controls_html(takes: Sequence[GalleryTake]) -> Markup:
    """Lists to filter by the factors that vary and to sort by any number; shown where there are scripts."""
    filters = [
        _choice(
            f"filter-{at}", factor, [("", f"all {len(levels):,}"), *((each, each) for each in levels)], factor
        )
        for at, (factor, levels) in enumerate(varied_factors(takes).items())
        if 1 < len(levels) <= MOST_LEVELS
    ]
    orders = [("", "order of the plan")]
    for column in number_columns(takes):
        orders += [
            (f"-{column.name}", f"{column.label}, highest first"),
            (column.name, f"{column.label}, lowest first"),
        ]
    if any(take.stars for take in takes):
        orders.append(("-stars", "stars, most first"))
    sort = _choice("sort-takes", "Sort by", orders, "")
    return fill(
        '<div class="choices" role="group" aria-label="Which takes are shown" hidden>{}{}'
        '<p class="shown" role="status"></p></div>',
        joined(filters),
        sort,
    )


def _choice(key: str, label: str, options: Sequence[tuple[str, str]], factor: str) -> Markup:
    listed = [
        fill('<option value="{}">{}</option>', _exact(value), verbatim(said, _LEVEL))
        for value, said in options
    ]
    return fill(
        '<span class="choice"><label for="{}">{}</label><select id="{}" data-factor="{}">{}</select></span>',
        key,
        verbatim(label, 40),
        key,
        _exact(factor),
        joined(listed),
    )
