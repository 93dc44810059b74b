"""The audio of a report: copied beside the page under its content's hash, or inside the page under a cap."""

from __future__ import annotations

import contextlib
import math
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix import Clip
from soundverse_nb.remix.preview import ENVELOPE_POINTS, playables
from soundverse_nb.render.gallery import GalleryTake, peaks_of
from soundverse_nb.render.report_takes import ReportTake, Sound
from soundverse_nb.render.units import size
from soundverse_nb.study.audio_files import FILE
from soundverse_nb.study.store import StudyStore
from soundverse_nb.study.unfinished import delete_left_parts

DEFAULT_BYTES = 24_000_000
"""What all players of a page take together, before base64 makes it a third more."""

_SUFFIXES = frozenset({".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".webm"})
"""What browsers play, each under its own name: a file of another type would not be taken for sound."""


def report_sounds(
    store: StudyStore,
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    shown: Sequence[GalleryTake],
    page: Path,
    cap: int | None,
) -> tuple[list[ReportTake], list[ReportTake], str]:
    """The songs and the takes with what plays them, and a sentence on where that is.

    With `cap` None the files are copied beside the page, else MP3s of together so many bytes are inside.
    """
    by_identity = {row["identity"]: row for row in rows}
    songs = _songs(store, folder, {take.reference for take in shown})
    files = [*songs.values(), *(_file(folder, by_identity[take.key]["file"]) for take in shown)]
    sounds = _beside(files, page) if cap is None else _inside(files, cap)
    loudness = [
        *(_loudness(rows, "reference", name, "reference_loudness_lufs") for name in songs),
        *(_number(by_identity[take.key].get("remix_loudness_lufs")) for take in shown),
    ]
    quietest = min((each for each in loudness if math.isfinite(each)), default=math.nan)
    gains = [10 ** ((quietest - each) / 20) if math.isfinite(each) else 1.0 for each in loudness]
    heard = [
        Sound(each.address, each.data, each.note, gain) for each, gain in zip(sounds, gains, strict=True)
    ]
    originals = [
        ReportTake(_original(name, file), sound)
        for (name, file), sound in zip(songs.items(), heard, strict=False)
    ]
    takes = [
        ReportTake(_with_length(take, by_identity[take.key]), sound)
        for take, sound in zip(shown, heard[len(songs) :], strict=True)
    ]
    return originals, takes, _said(page, sounds, cap)


def _with_length(take: GalleryTake, row: Mapping[str, Any]) -> GalleryTake:
    """A take with its length: of a long list most files were not read, but measured they were."""
    seconds = _number(row.get("remix_duration_s"))
    return replace(take, seconds=seconds) if take.seconds is None and math.isfinite(seconds) else take


def _songs(store: StudyStore, folder: Path, names: set[str]) -> dict[str, Path | None]:
    """By name of its level each song of which a take is shown."""
    contents, songs = store.contents(), store.songs()
    return {
        name: _file(folder, songs[content]["file"] if content in songs else None)
        for name, content in contents.items()
        if name in names
    }


def _file(folder: Path, name: str | None) -> Path | None:
    """A file of the study; None for one that is gone, or that somebody's store names elsewhere."""
    if not name or not FILE.fullmatch(name):
        return None
    path = folder / name
    return path if path.is_file() and not path.is_symlink() else None


def _original(name: str, file: Path | None) -> GalleryTake:
    facts: dict[str, Any] = {}
    if file is not None:
        with contextlib.suppress(SoundverseError):  # it plays, or the browser says why it does not
            envelope = Clip(file).envelope(ENVELOPE_POINTS)
            facts = {"seconds": float(envelope.duration), "peaks": peaks_of(envelope)}
    return GalleryTake(f"song-{name}", reference=name, **facts)


def _beside(files: Sequence[Path | None], page: Path) -> list[Sound]:
    target = page.with_name(f"{page.stem}_files")
    delete_left_parts(target)
    sounds = []
    for file in files:
        if file is None:
            sounds.append(Sound(note="Its audio is gone from the study."))
        elif file.suffix.lower() not in _SUFFIXES:
            sounds.append(Sound(note=f"Browsers do not play {file.suffix or 'it'}."))
        else:
            _copy(file, target / file.name)
            sounds.append(Sound(address=f"{quote(target.name)}/{file.name}"))
    return sounds


def _copy(file: Path, target: Path) -> None:
    """Its name is its content's hash, so what is there is the same, unless a copy was broken off."""
    if target.is_file() and target.stat().st_size == file.stat().st_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        shutil.copyfile(file, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _inside(files: Sequence[Path | None], cap: int) -> list[Sound]:
    readable: dict[Path, Clip] = {}
    for there in dict.fromkeys(file for file in files if file is not None):
        with contextlib.suppress(SoundverseError):
            clip = Clip(there)
            _ = clip.duration  # reads it
            readable[there] = clip
    made = dict(zip(readable, playables(list(readable.values()), cap), strict=True)) if readable else {}
    sounds = []
    for file in files:
        if file is None:
            sounds.append(Sound(note="Its audio is gone from the study."))
        elif file not in made:
            sounds.append(Sound(note="Its audio cannot be read."))
        else:
            sounds.append(Sound(data=made[file].data, note=made[file].note))
    return sounds


def _said(page: Path, sounds: Sequence[Sound], cap: int | None) -> str:
    if not sounds:
        return ""
    if cap is None:
        name = f"{page.stem}_files"
        return f"The audio lies beside this page in the folder {name}: move both together."
    cut = sum(bool(sound.note) for sound in sounds)
    rest = f"; {cut:,} of {len(sounds):,} are previews or not there, as each says" if cut else ""
    return f"The audio is inside this page, at most {size(cap)} of it{rest}."


def _loudness(rows: Sequence[Mapping[str, Any]], column: str, name: str, metric: str) -> float:
    found = (_number(row.get(metric)) for row in rows if row[column] == name)
    return next((each for each in found if math.isfinite(each)), math.nan)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
