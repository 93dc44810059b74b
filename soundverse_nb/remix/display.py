"""A clip, a remix, a comparison as notebooks show them: text/plain beside HTML that is safe and bounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from soundverse_nb.api.body import shown_id
from soundverse_nb.displays import in_kernel, lookup, shows_text_only
from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix.preview import (
    ENVELOPE_POINTS,
    Playable,
    Sound,
    checked,
    display_bytes,
    playables,
)
from soundverse_nb.remix.take_names import name_of_file
from soundverse_nb.render import units
from soundverse_nb.render.card import Card, Lane, axis_length, card_html, lane_png, marked, width_percent
from soundverse_nb.render.colours import ORIGINAL, REMIX, song_colour
from soundverse_nb.render.escape import plain, verbatim
from soundverse_nb.render.labels import StageSpan
from soundverse_nb.render.pictures import columns, thumbnail
from soundverse_nb.urls import shown_url

if TYPE_CHECKING:
    from soundverse_nb.api.request import RemixRequest
    from soundverse_nb.audio.meters import Envelope

_SLACK = 320  # bytes kept free for what a note adds


class Result(Protocol):
    """What is asked of a remix to show it; a Remix has it all."""

    @property
    def audio(self) -> Sound: ...
    @property
    def reference(self) -> Sound | None: ...
    @property
    def request(self) -> RemixRequest: ...
    @property
    def title(self) -> str: ...
    @property
    def timeline(self) -> list[StageSpan]: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def simulated(self) -> bool: ...
    @property
    def album_art_path(self) -> Path | None: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def order_id(self) -> str | None: ...
    @property
    def audio_url(self) -> str | None: ...


@dataclass(frozen=True)
class Song:
    """A clip and what it is called beside others."""

    label: str
    clip: Sound
    colour: str


def is_made_by_simulator(remix: Result) -> bool:
    """Whether it shows as simulated. A simulator on another machine is known by its files alone."""
    if remix.simulated:
        return True
    try:
        return remix.audio.simulated
    except SoundverseError:  # the file is gone, which is said where it is read
        return False


def remix_html(remix: Result, max_bytes: int | None = None) -> str:
    """The result with its players, in at most `max_bytes` bytes of UTF-8."""
    songs = [Song("Remix", remix.audio, REMIX)]
    if remix.reference is not None:
        songs.insert(0, Song("Original", remix.reference, ORIGINAL))
    art = None if remix.album_art_path is None else thumbnail(remix.album_art_path)
    spans = remix.timeline
    card = Card(
        title=remix.title,
        lanes=[],
        subtitle=verbatim(remix.request.prompt or ""),
        badges=("simulated",) if is_made_by_simulator(remix) else (),
        art=art,
        stages=spans,
        total_seconds=remix.seconds or (spans[-1].started + spans[-1].seconds if spans else 0.0),
        details=remix_details(remix),
    )
    return fitted(card, songs, max_bytes, ".compare()")


def clip_html(clip: Sound, max_bytes: int | None = None) -> str:
    """One song with its player and waveform."""
    card = Card(clip.name, [], details=[("file", str(clip.path))])
    return fitted(card, [Song("Song", clip, ORIGINAL)], max_bytes, "sv.compare(clip)")


def clips_html(named: Sequence[tuple[str, Sound]], title: str, max_bytes: int | None = None) -> str:
    """Several songs above one another, each with its name."""
    songs = [Song(label, clip, song_colour(i)) for i, (label, clip) in enumerate(named)]
    return fitted(Card(title, []), songs, max_bytes)


def remix_details(remix: Result) -> list[tuple[str, str]]:
    """What is worth unfolding; URLs without their query."""
    request = remix.request
    parameters = None
    if request.parameters:
        parameters = json.dumps(request.parameters, ensure_ascii=False, default=str)
    found = [
        ("prompt", request.prompt),
        ("lyrics", request.lyrics),
        ("parameters", parameters),
        ("message_id", shown_id(remix.message_id)),
        ("order_id", remix.order_id),
        ("audio", str(remix.audio.path)),
        ("original", None if remix.reference is None else str(remix.reference.path)),
        ("audio_url", None if remix.audio_url is None else shown_url(remix.audio_url)),
    ]
    return [(name, value) for name, value in found if value]


def fitted(card: Card, songs: list[Song], max_bytes: int | None, whole: str = "") -> str:
    """The card with as much as fits: players first give way to smaller ones, then the ornaments go.

    `whole` is the call that plays all of a song; it is named where a player here does not.
    """
    limit = display_bytes() if max_bytes is None else checked(max_bytes)
    lanes = _lanes(songs)
    bare = [replace(lane, picture=None) for lane in lanes]
    for frame in (
        replace(card, lanes=lanes),
        replace(card, lanes=lanes, details=[], art=None),
        replace(card, lanes=bare, details=[], art=None, stages=[]),
    ):
        left = limit - _weight(frame) - _SLACK * len(songs)
        if left > 0:
            break
    shown = len(songs)
    while left <= 0 and shown > 1:
        # Not even their names fit: some of many takes are worth more than a page that is cut off.
        shown = shown // 2
        note = f"The first {shown} of {len(songs)} takes: more do not fit under the display's limit."
        frame = replace(frame, lanes=bare[:shown], subtitle=note)
        left = limit - _weight(frame) - _SLACK * shown
    filled = _with_players(frame.lanes, songs[:shown], left * 3 // 4)
    if whole:
        pointer = f". Run {whole} for the whole song."
        filled = [
            replace(lane, note=lane.note.rstrip(".") + pointer) if lane.note else lane for lane in filled
        ]
    return str(card_html(replace(frame, lanes=filled)))


def _weight(card: Card) -> int:
    """Bytes of the card with players that play nothing yet."""
    return len(card_html(replace(card, lanes=[replace(lane, audio=b"") for lane in card.lanes])).encode())


def _lanes(songs: list[Song]) -> list[Lane]:
    """The lanes without players; what cannot be read has its reason instead of a picture."""
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-envelope") as pool:
        read = list(pool.map(_envelope, [song.clip for song in songs]))
    length = axis_length([found.duration for found in read if not isinstance(found, str)])
    lanes = []
    for song, found in zip(songs, read, strict=True):
        lane = Lane(song.label, name_of_file(song.label, song.clip.path), colour=song.colour)
        if isinstance(found, str):
            lanes.append(replace(lane, problem=found))
            continue
        picture = lane_png(found, found.duration, length, song.colour)
        facts = clip_facts(song.clip, found)
        lanes.append(replace(lane, duration=float(found.duration), facts=facts, picture=picture))
    return lanes


def _envelope(clip: Sound) -> Envelope | str:
    try:
        return clip.envelope(ENVELOPE_POINTS)
    except SoundverseError as reason:
        return f"{reason.message} {reason.hint}".strip()


def _with_players(lanes: list[Lane], songs: list[Song], max_bytes: int) -> list[Lane]:
    playable = [i for i, lane in enumerate(lanes) if not lane.problem and lane.duration > 0]
    try:
        made = playables([songs[i].clip for i in playable], max(0, max_bytes))
    except SoundverseError as reason:
        made = [Playable(None, f"No player: {reason.message}")] * len(playable)
    measured = dict(zip(playable, made, strict=True))
    return [
        replace(lane, audio=measured[i].data, note=measured[i].note) if i in measured else lane
        for i, lane in enumerate(lanes)
    ]


def _bundle(plain_text: str, html: str | None) -> dict[str, str]:
    bundle = {"text/plain": plain_text}
    return bundle if html is None else {**bundle, "text/html": html}


def with_whole_songs(html: str, clips: Sequence[Sound]) -> str:
    """The card as it is, or with a mark by which a page with a kernel plays the files themselves.

    `clips` has one for each lane of the card. What is saved stays the small one: a mark is a class.
    """
    live = lookup("whole_songs")
    if live is None or not in_kernel() or 'class="soundverse-note"' not in html:
        return html
    return str(marked(html, live(clips)))


def clip_bundle(clip: Sound) -> dict[str, str]:
    """text/plain and, where pages are shown, text/html."""
    html = None if shows_text_only() else with_whole_songs(clip_html(clip), [clip])
    return _bundle(clip_text(clip), html)


def remix_bundle(remix: Result) -> dict[str, str]:
    """text/plain and, where pages are shown, text/html."""
    clips = [clip for clip in (remix.reference, remix.audio) if clip is not None]
    html = None if shows_text_only() else with_whole_songs(remix_html(remix), clips)
    return _bundle(remix_text(remix), html)


def clips_bundle(named: Sequence[tuple[str, Sound]], title: str) -> dict[str, str]:
    """text/plain and, where pages are shown, text/html."""
    html = None if shows_text_only() else clips_html(named, title)
    return _bundle(f"{plain(title, 120)}\n{clips_text(named)}", html)


_WIDTH = 64
_BLOCKS = "▁▂▃▄▅▆▇█"


def clip_facts(clip: Sound, envelope: Envelope) -> tuple[str, ...]:
    """Length, format, size, rate, channels, loudness and peak, each a short phrase."""
    low, high = columns(envelope, 1)
    peak = float(max(-low[0], high[0], 0.0))
    broken = bool(np.isnan(envelope.minima).any() or np.isnan(envelope.maxima).any())
    return (
        units.clock(float(envelope.duration)),
        units.format_name(clip.format),
        units.size(clip.size_bytes),
        f"{units.rate(clip.sample_rate)} {units.channels(clip.channels)}",
        *([loudness] if (loudness := units.loudness(clip.integrated_lufs)) else []),
        units.level(peak),
        *(["simulated"] * clip.simulated),
        *(["some samples are not numbers"] * broken),
    )


def clip_text(clip: Sound) -> str:
    """The facts and the waveform of one song."""
    return clips_text([("", clip)])


def clips_text(named: Sequence[tuple[str, Sound]]) -> str:
    """Songs above one another, their waveforms to one scale of time."""
    heads: list[tuple[str, Envelope | None]] = []
    for label, clip in named:
        head = f"  {plain(label, 40):<9} " if label else ""
        name = plain(name_of_file(label, clip.path), 60)
        try:
            envelope = clip.envelope(ENVELOPE_POINTS)
            facts = " · ".join(clip_facts(clip, envelope))
            heads.append((f"{head}{name} · {facts}", envelope))
        except SoundverseError as reason:
            heads.append((f"{head}{name} · {reason.message} {reason.hint}", None))
    length = axis_length([float(e.duration) for _, e in heads if e is not None])
    lines = []
    for line, outline in heads:
        lines.append(line)
        if outline is not None:
            lines.append(f"  {'':<9} {_sparkline(outline, length)}")
    return "\n".join(lines)


def remix_text(remix: Result) -> str:
    """A remix for a terminal: title, songs, request, stages, file."""
    named = [("original", remix.reference)] if remix.reference is not None else []
    simulated = " (simulated)" if is_made_by_simulator(remix) else ""
    lines = [f"Remix: {remix.title}{simulated}", clips_text([*named, ("remix", remix.audio)])]
    rows = [
        ("asked", remix.request.prompt or remix.request.lyrics),
        ("stages", _stages(remix)),
        ("file", str(remix.audio.path)),
        ("id", shown_id(remix.message_id)),
    ]
    lines += [f"  {name:<9} {plain(value, 400)}" for name, value in rows if value]
    return "\n".join(lines)


def _stages(remix: Result) -> str:
    spans = [f"{stage.label} {units.span(stage.seconds)}" for stage in remix.timeline]
    if spans and remix.seconds is not None:
        spans.append(f"{units.span(remix.seconds)} in all")
    return " · ".join(spans)


def _sparkline(envelope: Envelope, length: float) -> str:
    width = max(1, round(_WIDTH * width_percent(float(envelope.duration), length) / 100))
    low, high = columns(envelope, width)
    heights = np.rint(np.clip(np.maximum(-low, high), 0, 1) * (len(_BLOCKS) - 1)).astype(int)
    return "".join(_BLOCKS[height] for height in heights)
