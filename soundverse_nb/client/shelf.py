"""Where one remix lies on disk: what came and is not judged yet, what is kept beside, and the remix."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.client.order import Order
from soundverse_nb.errors import DownloadError

if TYPE_CHECKING:
    from soundverse_nb.api.transport import Downloaded

_UNHEARD, _REJECTED = ".unheard", ".rejected"


class Shelf:
    """The files of one order in the folder of remixes.

    Every method blocks a little, and raises DownloadError where the disk refuses.
    """

    def __init__(self, folder: Path, order: Order, stem: str) -> None:
        self._folder = folder
        self._order = order
        self._stem = stem

    @property
    def unheard(self) -> Path:
        """Where a download goes: a name that nobody takes for the remix."""
        return self._folder / f"{self._stem}{_UNHEARD}"

    def take_home(self, got: Downloaded) -> Path:
        """Give the remix its name, and drop what was kept in its place.

        A file of that name that is not what was fetched once is somebody's work by now; it moves aside.
        """
        target = self._folder / f"{self._stem}.{got.kind}"
        try:
            if self._order.path is not None and target.exists() and target.stat().st_size != got.size_bytes:
                os.replace(target, _free(target.with_name(f"{self._stem}.changed{target.suffix}")))
            os.replace(got.path, target)
        except OSError as error:
            raise _disk(error, target) from None
        for old in self._rejected():
            old.unlink(missing_ok=True)
        return target

    def set_aside(self, got: Downloaded) -> Path:
        """Keep what does not play under a name of its own: it was paid for, and may be all there is."""
        kept = self._folder / f"{self._stem}.{got.sha256[:12]}.{got.kind}{_REJECTED}"
        try:
            if kept.exists():  # its age tells for how long the storage has had nothing else
                got.path.unlink(missing_ok=True)
            else:
                os.replace(got.path, kept)
        except OSError as error:
            raise _disk(error, kept) from None
        return kept

    def same_for(self, sha256: str) -> float | None:
        """For how many seconds these bytes have been kept aside; None where they are new."""
        for old in self._rejected():
            if f".{sha256[:12]}." in old.name:
                return max(0.0, time.time() - old.stat().st_mtime)
        return None

    def _rejected(self) -> Iterator[Path]:
        # The title in front may have changed since; the order's own name has not.
        for entry in os.scandir(self._folder):
            if entry.name.endswith(_REJECTED) and f"{self._order.order_id}." in entry.name:
                yield Path(entry.path)


def _free(path: Path) -> Path:
    """The path, numbered where it is taken."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def _disk(error: OSError, target: Path) -> DownloadError:
    return DownloadError(
        f"{target} cannot be written: {error.strerror or type(error).__name__}.",
        hint="Make room or choose another directory, then fetch it again with client.recover().",
    )
