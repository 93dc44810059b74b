"""A list of remixes as notebooks show it: a table with a small player a row, safe, bounded, and as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix.preview import Playable, checked, display_bytes, playables
from soundverse_nb.remix.remix import Remix
from soundverse_nb.remix.take_names import Asked
from soundverse_nb.render.escape import plain
from soundverse_nb.render.takes import TakeRow, takes_html
from soundverse_nb.render.units import clock

MOST_ROWS = 100
"""Rows shown; a slice of the list shows others."""

_PLAYER_BYTES = 32_000
"""Six seconds of the plainest sound: a row that would get less has no player, so that others have one."""

_SENTENCE = 400  # characters of an error's text


class Takes(Protocol):
    """What is asked of a RemixList to show it."""

    @property
    def summary(self) -> str: ...
    @property
    def asked(self) -> list[Asked]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    def __iter__(self) -> Iterator[Remix | SoundverseError]: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True)
class _Facts:
    """What a row says below its prompt, or why there is nothing to hear."""

    line: str = ""
    problem: str = ""


def list_html(takes: Takes, max_bytes: int | None = None) -> str:
    """The table in at most `max_bytes` bytes of UTF-8, with players for as many rows as have room for one."""
    limit = display_bytes() if max_bytes is None else checked(max_bytes)
    shown = list(takes)[:MOST_ROWS]
    rows = _rows(shown, takes.asked)
    notes = list(takes.notes)
    if len(takes) > len(rows):
        notes.append(f"The first {len(rows)} of {len(takes)}; [{len(rows)}:] shows the next.")
    while len(str(takes_html(takes.summary, rows, notes)).encode()) > limit and len(rows) > 1:
        rows = rows[: len(rows) // 2]
        notes = [*takes.notes, f"The first {len(rows)} of {len(takes)}; [{len(rows)}:] shows the next."]
    left = limit - len(str(takes_html(takes.summary, rows, notes)).encode()) - 300 * len(rows)
    rows, cut = _with_players(rows, shown, left * 3 // 4)
    if cut:
        notes.append(cut)
    return str(takes_html(takes.summary, rows, notes))


def _rows(takes: Sequence[Remix | SoundverseError], asked: Sequence[Asked]) -> list[TakeRow]:
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-list") as pool:
        facts = list(pool.map(_facts, takes))
    return [
        TakeRow(at, each.song, each.words or "–", fact.line, fact.problem)
        for at, (each, fact) in enumerate(zip(asked, facts, strict=False))
    ]


def _facts(take: Remix | SoundverseError) -> _Facts:
    if isinstance(take, SoundverseError):
        return _Facts(problem=plain(take, _SENTENCE))
    try:
        length = clock(float(take.audio.duration))
    except SoundverseError as error:
        return _Facts(problem=plain(error, _SENTENCE))
    parts = [length, plain(take.song_name or "", 60), "simulated" * take.simulated]
    return _Facts(line=" · ".join(part for part in parts if part))


def _with_players(
    rows: list[TakeRow], takes: Sequence[Remix | SoundverseError], room: int
) -> tuple[list[TakeRow], str]:
    """The rows with their players, and a sentence where some are previews, or have none."""
    audible = [at for at, row in enumerate(rows) if not row.problem]
    playing = audible[: max(0, room) // _PLAYER_BYTES]
    clips = [take.audio for at in playing if isinstance(take := takes[at], Remix)]
    try:
        made = playables(clips, max(0, room)) if clips else []
    except SoundverseError as reason:
        made = [Playable(None, f"No player: {reason.message}")] * len(clips)
    rows = list(rows)
    for at, playable in zip(playing, made, strict=True):
        rows[at] = replace(rows[at], audio=playable.data)
    notes = []
    if any(playable.note for playable in made):
        notes.append("Players hold previews; .compare() plays the whole songs.")
    if len(playing) < len(audible):
        notes.append(f"The first {len(playing)} have a player; a slice of the list shows others.")
    return rows, " ".join(notes)


def list_text(takes: Takes) -> str:
    """The same for a terminal: a line a take."""
    shown = list(takes)[:MOST_ROWS]
    lines = [f"RemixList: {plain(line, 600)}" for line in takes.summary.splitlines()[:1]]
    lines += [plain(line, 600) for line in takes.summary.splitlines()[1:]]
    rows = _rows(shown, takes.asked)
    cells = [(str(row.number), plain(row.song, 24), plain(row.words, 40), _ending(row)) for row in rows]
    widths = [max((len(row[at]) for row in cells), default=0) for at in range(3)]
    lines += [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in cells
    ]
    if len(takes) > len(shown):
        lines.append(f"... and {len(takes) - len(shown)} more")
    return "\n".join([*lines, *(plain(note) for note in takes.notes)])


def _ending(row: TakeRow) -> str:
    return f"failed: {row.problem}" if row.problem else row.facts
