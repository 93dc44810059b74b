"""Takes of a list of remixes as its table and its gallery show them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

from soundverse_nb.errors import SoundverseError, UnknownOutcomeError
from soundverse_nb.remix.display import is_made_by_simulator
from soundverse_nb.remix.preview import ENVELOPE_POINTS, Playable, checked, display_bytes, playables
from soundverse_nb.remix.remix import Remix
from soundverse_nb.remix.take_names import Asked, take_titles
from soundverse_nb.render.escape import plain
from soundverse_nb.render.gallery import GalleryTake, peaks_of
from soundverse_nb.render.gallery_table import gallery_html, gallery_text

MOST_ROWS = 100
"""Rows shown; a slice of the list shows others. Songs of a longer list are read when they come into view."""

_PLAYER_BYTES = 32_000
"""Six seconds of the plainest sound: a row that would get less has no player, so that others have one."""

_SENTENCE = 400  # characters of an error's text

Outcome = Remix | SoundverseError
Rating = tuple[int | None, str]
"""Stars, 1 to 5 or None, and a note."""


class Takes(Protocol):
    """What is asked of a RemixList to show it."""

    @property
    def summary(self) -> str: ...
    @property
    def asked(self) -> list[Asked]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def ratings(self) -> Mapping[str, Rating]: ...
    def __iter__(self) -> Iterator[Outcome]: ...
    def __len__(self) -> int: ...


def take_key(take: Outcome) -> str:
    """What names a take in its list, also when the list is sorted or cut."""
    order = getattr(take, "order_id", None) or getattr(take, "message_id", None)
    if order:
        return str(order)
    return str(take.audio.path) if isinstance(take, Remix) else f"failed-{id(take)}"


def gallery_takes(takes: Takes, at_most: int | None = None, *, read: bool = True) -> list[GalleryTake]:
    """The takes as a gallery shows them; waveforms, lengths and loudness only where the files are read."""
    shown, asked = list(takes)[:at_most], list(takes.asked)
    titles = take_titles(asked)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-list") as pool:
        facts = list(pool.map(_facts, shown)) if read else [{} for _ in shown]
    keys = Counter[str]()
    found = []
    for at, take in enumerate(shown):
        keys[take_key(take)] += 1
        again = f"#{keys[take_key(take)]}" if keys[take_key(take)] > 1 else ""  # the same remix twice
        stars, note = takes.ratings.get(take_key(take), (None, ""))
        known: dict[str, Any] = {"numbers": {}, **_ending(take), **facts[at]}
        if isinstance(take, Remix) and take.seconds is not None:
            known["numbers"] = {**known["numbers"], "seconds": take.seconds}
        found.append(
            GalleryTake(
                key=take_key(take) + again,
                number=at,
                title=titles[at].words,
                reference=titles[at].song,
                factors=_factors(asked[at]),
                stars=stars,
                note=note,
                **known,
            )
        )
    return found


def _ending(take: Outcome) -> dict[str, Any]:
    if isinstance(take, Remix):
        return {"detail": plain(take.song_name or "", 60), "is_simulated": take.simulated}
    state = "unknown" if isinstance(take, UnknownOutcomeError) else "failed"
    return {"state": state, "reason": plain(take, _SENTENCE)}


def _facts(take: Outcome) -> dict[str, Any]:
    """What the file of a remix says, or why it cannot be read."""
    if not isinstance(take, Remix):
        return {}
    try:
        envelope = take.audio.envelope(ENVELOPE_POINTS)
        loudness = {"loudness_lufs": take.audio.integrated_lufs}
    except SoundverseError as error:
        return {"reason": plain(error, _SENTENCE)}
    return {
        "seconds": float(envelope.duration),
        "peaks": peaks_of(envelope),
        "numbers": loudness,
        "is_simulated": is_made_by_simulator(take),
    }


def _factors(asked: Asked) -> dict[str, str]:
    """What was asked by name, without what was not asked."""
    texts = {"prompt": asked.prompt, "lyrics": asked.lyrics}
    given = {name: text for name, text in texts.items() if text and text.strip()}
    told = {
        str(name): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for name, value in (asked.parameters or {}).items()
    }
    return {plain(name, 40): plain(level, 300) for name, level in {**told, **given}.items()}


def list_html(takes: Takes, max_bytes: int | None = None) -> str:
    """The table in at most `max_bytes` bytes of UTF-8, with players for as many rows as have room for one."""
    limit = display_bytes() if max_bytes is None else checked(max_bytes)
    rows = gallery_takes(takes, MOST_ROWS)
    notes = list(takes.notes)

    def more(shown: int) -> str:
        return f"The first {shown} of {len(takes)}; [{shown}:] shows the next."

    if len(takes) > len(rows):
        notes.append(more(len(rows)))
    bare = str(gallery_html(rows, takes.summary, notes, max_bytes=limit, more=more))
    if len(bare.encode()) > limit // 2:  # where room is scarce, hearing a take is worth more than its picture
        rows = [replace(row, peaks=b"") for row in rows]
        bare = str(gallery_html(rows, takes.summary, notes, max_bytes=limit, more=more))
    left = limit - len(bare.encode()) - 300 * len(rows) - 1000
    players, cut = _players(rows, list(takes), left * 3 // 4)
    if not players:
        return bare
    notes += [cut] if cut else []
    return str(gallery_html(rows, takes.summary, notes, players=players, max_bytes=limit, more=more))


def _players(
    rows: Sequence[GalleryTake], takes: Sequence[Outcome], room: int
) -> tuple[dict[str, bytes], str]:
    """An MP3 by key for the rows that have one, and a sentence where some are previews, or have none."""
    audible = [at for at, row in enumerate(rows) if row.is_audible]
    playing = audible[: max(0, room) // _PLAYER_BYTES]
    clips = [take.audio for at in playing if isinstance(take := takes[at], Remix)]
    try:
        made = playables(clips, max(0, room)) if clips else []
    except SoundverseError as reason:
        made = [Playable(None, f"No player: {reason.message}")] * len(clips)
    players = {
        rows[at].key: playable.data for at, playable in zip(playing, made, strict=True) if playable.data
    }
    notes = []
    if any(playable.note for playable in made):
        notes.append("Players hold previews; .gallery() and .compare() play the whole songs.")
    if len(playing) < len(audible):
        notes.append(f"The first {len(playing)} have a player; a slice of the list shows others.")
    return players, " ".join(notes)


def list_text(takes: Takes) -> str:
    """The same for a terminal: a line a take."""
    rows = [replace(row, numbers={}) for row in gallery_takes(takes, MOST_ROWS)]
    hidden = [f"... and {len(takes) - len(rows)} more"] if len(takes) > len(rows) else []
    return gallery_text(rows, f"RemixList: {takes.summary}", [*hidden, *takes.notes])
