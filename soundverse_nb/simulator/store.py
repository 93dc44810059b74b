"""Kept orders: what a service must know to finish an order, on disk, so that another process can.

A process that is killed leaves them as they are. Whoever serves from the same folder next finds an order by
its message_id, with the song beside it and, where it was made already, the remix.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator.drift import NO_DRIFT, Drift
from soundverse_nb.simulator.faults import Fault

KEPT_SECONDS = 7 * 86_400.0
"""After so long nobody comes back for an order."""

MAX_ORDERS = 2_000
MAX_SONG_BYTES = 128 << 20
MAX_REMIX_BYTES = 256 << 20
YOUNG_SECONDS = 3_600.0  # in which nothing is thrown out: another process may be about to use it
_SWEEP_EVERY = 100  # orders


@dataclass(frozen=True)
class KeptOrder:
    """One order that was taken: what was asked of which song, and when (epoch seconds). It holds no key.

    `take` says which of the remixes of this request it is, `drift` how far the service had moved.
    """

    message_id: str
    began: float
    speed: float
    hold: float
    digest: str
    seconds: float
    prompt: str
    lyrics: str
    parameters: str
    title: str
    faults: tuple[Fault, ...] = ()
    take: int = 1
    drift: Drift = NO_DRIFT


class OrderStore:
    """A folder of this user's alone: `songs` by SHA-256, `remixes` by their key, orders, and counts of them.

    Its size is bounded: the oldest go first, after an hour at the earliest. Raises OSError where there can be
    none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.songs = folder / "songs"
        self.remixes = folder / "remixes"
        self._orders = folder / "orders"
        self.counts = folder / "counts"
        self._added = 0
        for place in (folder, self.songs, self.remixes, self._orders, self.counts):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)

    def add(self, order: KeptOrder) -> None:
        """Keep an order, and its song for as long. One that cannot be written is not kept, and no more."""
        with contextlib.suppress(OSError):
            with tempfile.NamedTemporaryFile(
                "w", dir=self._orders, suffix=".part", delete=False, encoding="utf-8"
            ) as file:
                json.dump(asdict(order), file)
            os.replace(file.name, self._path(order.message_id))
            os.utime(self.songs / order.digest)
        self._added += 1
        if self._added % _SWEEP_EVERY == 0:
            self.sweep()

    def find(self, message_id: str) -> KeptOrder | None:
        """The order of this name; None where it is not kept, or what is kept cannot be read."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, ConfigurationError):
            return _read(json.loads(self._path(message_id).read_text("utf-8")), message_id)
        return None

    def sweep(self) -> None:
        """Remove what is too old or too much, and what killed processes left half written."""
        now = time.time()
        for place, most_bytes, most_files in (
            (self._orders, None, MAX_ORDERS),
            (self.counts, None, MAX_ORDERS),
            (self.songs, MAX_SONG_BYTES, MAX_ORDERS),
            (self.remixes, MAX_REMIX_BYTES, MAX_ORDERS),
        ):
            _thin(place, now, most_bytes, most_files)

    def _path(self, message_id: str) -> Path:
        # Whoever asks names it: only what is a name of ours, and no path, leads to a file.
        return self._orders / f"{UUID(message_id)}.json"


def _read(kept: dict[str, Any], message_id: str) -> KeptOrder:
    digest = str(kept["digest"])
    if not digest.isalnum():  # it becomes a file's name
        raise ValueError
    return KeptOrder(
        message_id=message_id,
        began=float(kept["began"]),
        speed=float(kept["speed"]),
        hold=float(kept["hold"]),
        digest=digest,
        seconds=float(kept["seconds"]),
        prompt=str(kept["prompt"]),
        lyrics=str(kept["lyrics"]),
        parameters=str(kept["parameters"]),
        title=str(kept["title"]),
        faults=tuple(Fault(**one) for one in kept["faults"]),
        # An older version kept orders without these.
        take=int(kept.get("take", 1)),
        drift=Drift(**{name: float(value) for name, value in kept.get("drift", {}).items()}),
    )


def _thin(place: Path, now: float, most_bytes: int | None, most_files: int) -> None:
    found: list[tuple[float, int, Path]] = []
    for path in place.iterdir():
        with contextlib.suppress(OSError):
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    size, count = sum(each[1] for each in found), len(found)
    for changed, bytes_, path in sorted(found):
        age = now - changed
        too_much = count > most_files or (most_bytes is not None and size > most_bytes)
        half = path.suffix in (".part", ".progress") or path.name.startswith("incoming-")
        if age > KEPT_SECONDS or (age > YOUNG_SECONDS and (too_much or half)):
            with contextlib.suppress(OSError):
                path.unlink()
            size, count = size - bytes_, count - 1
