"""The songs of a folder of tunes, what is known of each, and what was measured of them, kept between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tempo_and_key import Answer, answer_of

from soundverse_nb.audio.features.extract import extract, features_stamp

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """What comparing needs of a song's rows."""

    frame_rate: float
    pitch_classes: Array
    upper_pitch_classes: Array
    onset_bands: Array
    mfcc: Array
    rms: Array
    tuning_agreement: float


@dataclass(frozen=True)
class Song:
    """A file and its truth: kind is original, remix or negative (another tune, played as the remix is)."""

    path: Path
    kind: str
    level: int
    reference: str
    transposition: int
    tempo_ratio: float
    truth: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a section is asked for.

    `others` is how many unrelated songs each is compared with; `music` a folder for loudness, None for the
    tunes themselves.
    """

    others: int = 20
    music: Path | None = None


class Songs:
    """The songs of a folder that has a manifest; rows are measured when asked for."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)
        lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
        truths = [json.loads(line) for line in lines]
        self.all = [
            Song(
                folder / truth["path"],
                truth["kind"],
                truth["level"],
                truth["reference"],
                truth["transposition"],
                truth["tempo_ratio"],
                truth,
            )
            for truth in truths
        ]
        found = {
            (song.reference, song.level): song for song in self.all if song.kind in ("original", "remix")
        }
        references = dict.fromkeys(reference for reference, _ in found)
        self.tunes = [name for name in references if all((name, level) in found for level in range(4))]
        self._found = found

    def original(self, tune: str) -> Song:
        return self._found[tune, 0]

    def remix(self, tune: str, level: int) -> Song:
        return self._found[tune, level]

    def negatives(self, tune: str) -> list[Song]:
        return [song for song in self.all if song.kind == "negative" and song.reference == tune]

    def rows(self, song: Song) -> Rows:
        """What was measured of a song."""
        return self.rows_of(lambda: song.path, f"{song.path.resolve()} {song.path.stat().st_mtime_ns}")

    def rows_of(self, make: Callable[[], Any], name: str) -> Rows:
        """What was measured of what `make` gives, for extract(); made where the name is not known yet."""
        with np.load(self._measured(make, name)) as kept:
            found = {field: kept[field] for field in Rows.__dataclass_fields__}
        rows: dict[str, Any] = {name: row if row.ndim else float(row) for name, row in found.items()}
        return Rows(**rows)

    def answer(self, song: Song) -> Answer:
        """What was found of a song's tempo, beats and key."""
        file = self._measured(lambda: song.path, f"{song.path.resolve()} {song.path.stat().st_mtime_ns}")
        return Answer.from_json(file.with_suffix(".json").read_text(encoding="utf-8"))

    def _measured(self, make: Callable[[], Any], name: str) -> Path:
        """The file with the rows; beside it, as JSON, the answer about tempo and key."""
        file = self.kept(f"{features_stamp()} {name}", ".npz")
        if not file.exists():
            found = extract(make())
            rows = {field: getattr(found.frames, field) for field in Rows.__dataclass_fields__}
            file.with_suffix(".json").write_text(answer_of(found).to_json(), encoding="utf-8")
            part = file.with_suffix(".part")
            with part.open("wb") as opened:
                np.savez(opened, **rows)
            part.replace(file)
        return file

    def kept(self, name: str, suffix: str) -> Path:
        """The file of the cache for a name."""
        return self._cache / (hashlib.sha256(name.encode()).hexdigest()[:24] + suffix)
