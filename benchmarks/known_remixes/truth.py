"""What is known of each rendering, and how it is kept: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .form import Piece, TimeMap
from .tune import Key

ORIGINAL, REMIX, NEGATIVE = "original", "remix", "negative"
MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Rendering:
    """One file of sound and the truth about it.

    `kind` is original, remix or negative: another tune in the key, tempo, metre and instruments of a remix.
    `reference` names the tune whose original it is compared with: its own, except for a negative.
    `level` is 0 for an original, and how far a remix is from it, 1 to 3; a negative has its remix's level.
    `key` is None for modal tunes and where the melody does not end on the tonic of its signature.
    `beats` are in seconds; `first_downbeat` is the number of the first that opens a bar.
    `transposition` in semitones and `tempo_ratio` are against the original that `reference` names, but a
    negative's transposition is against its own tune as printed. `time_map` leads from the original's seconds
    to these.
    """

    tune: str
    title: str
    kind: str
    level: int
    reference: str
    path: Path
    seconds: float
    metre: str
    key: Key | None
    bpm: float
    beats_per_bar: int
    beats: tuple[float, ...]
    first_downbeat: int
    transposition: int
    tempo_ratio: float
    time_map: TimeMap | None
    seed: int


def write_manifest(folder: Path, renderings: Iterable[Rendering]) -> Iterator[Rendering]:
    """The renderings again, each once it has its line; paths are relative, so that the folder can move."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MANIFEST).open("w", encoding="utf-8") as manifest:
        for rendering in renderings:
            line = {**asdict(rendering), "path": rendering.path.relative_to(folder).as_posix()}
            line["beats"] = [round(beat, 5) for beat in rendering.beats]
            manifest.write(json.dumps(line, ensure_ascii=False) + "\n")
            manifest.flush()
            yield rendering


def read_manifest(folder: Path) -> tuple[Rendering, ...]:
    """The renderings of a folder, with paths that can be opened."""
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    return tuple(_rendering(json.loads(line), folder) for line in lines)


def _rendering(line: dict[str, Any], folder: Path) -> Rendering:
    pieces = line["time_map"] and tuple(
        Piece(tuple(piece["original"]), tuple(piece["remix"])) for piece in line["time_map"]["pieces"]
    )
    return Rendering(
        **{
            **line,
            "path": folder / line["path"],
            "key": line["key"] and Key(**line["key"]),
            "beats": tuple(line["beats"]),
            "time_map": TimeMap(pieces) if pieces else None,
        }
    )
