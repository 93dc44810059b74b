"""Songs handed to the simulator: kept by content, within a total, and given back as sound and no more."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

from yarl import URL

from soundverse_nb.simulator.refusals import Refusal
from soundverse_nb.simulator.storage import keep_bytes

PATH = "/simulator/references"
MAX_UPLOAD_BYTES = 64 << 20  # above the documented limit, so that the documented error can be seen
MAX_KEPT_BYTES = 512 << 20  # of all songs together: the folder may lie in memory, and Binder has little
YOUNG = 60.0  # seconds in which a song is not thrown out for another: an order may be about to name it
_LEAST = 4096  # what the smallest file takes on a disk
_MOST_NAMES = 64

# Not the system's own table, which differs from machine to machine and knows text/html.
_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".amr": "audio/amr",
    ".caf": "audio/x-caf",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mka": "audio/x-matroska",
    ".mov": "audio/mp4",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "audio/webm",
    ".wma": "audio/x-ms-wma",
}
_OTHERWISE = "audio/mpeg"


class Uploads:
    """The folder of songs that were handed over; the oldest goes when there is no room for another.

    What is no song is taken too, so that an order can be refused for it as documented; it is given back
    under the name of a sound, which no browser runs.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._kept: dict[str, tuple[int, float]] = {}  # digest -> size and when it was last handed over
        self._arriving = 0
        self._names: list[str] = []

    async def take(self, blocks: AsyncIterator[bytes], authority: str) -> tuple[str, int]:
        """Keep a song; gives its SHA-256 and size. `authority` is the host and port it was sent to.

        Raises TooManyBytesError for a song over the limit, Refusal where there is no room.
        """
        counted = 0

        async def admitted() -> AsyncIterator[bytes]:
            nonlocal counted
            async for block in blocks:
                self._make_room(len(block))
                counted += len(block)
                self._arriving += len(block)
                yield block

        try:
            self._make_room(_LEAST)
            digest, _, size = await keep_bytes(admitted(), self._folder, MAX_UPLOAD_BYTES)
        finally:
            self._arriving -= counted
        self._kept.pop(digest, None)  # handed over again, it is the youngest
        self._kept[digest] = (max(size, _LEAST), self._clock())
        if authority not in self._names:
            self._names = [*self._names[1 - _MOST_NAMES :], authority]
        return digest, size

    def find(self, digest: str) -> Path | None:
        """Where a song lies; None where it does not."""
        path = self._folder / digest
        return path if digest in self._kept and path.is_file() else None

    def drop(self, digest: str) -> None:
        self._kept.pop(digest, None)
        (self._folder / digest).unlink(missing_ok=True)

    def names(self, url: URL) -> bool:
        """Whether a URL is one that was given out for a song here."""
        return url.scheme == "http" and url.authority in self._names and url.path.startswith(f"{PATH}/")

    def behind(self, url: URL) -> Path | None:
        """The song that such a URL names; None where it is not here any more."""
        return self.find(url.path.removeprefix(f"{PATH}/").partition("/")[0])

    def make_sure_of_room(self, length: int | None) -> None:
        """The same question before the first byte, where the length is announced."""
        self._make_room(length or 0)

    def _make_room(self, more: int) -> None:
        now = self._clock()
        total = sum(size for size, _ in self._kept.values()) + self._arriving
        for digest, (size, since) in list(self._kept.items()):
            if total + more <= MAX_KEPT_BYTES or now - since < YOUNG:
                break
            self.drop(digest)
            total -= size
        if total + more > MAX_KEPT_BYTES:
            raise Refusal(
                507,
                {
                    "detail": f"The simulator keeps at most {MAX_KEPT_BYTES >> 20} MB of songs at a time. "
                    "Wait a minute, delete some, or start it again."
                },
            )


def sound_type(name: str) -> str:
    """The Content-Type of a file name: always one of a sound."""
    return _TYPES.get(PurePosixPath(name).suffix.lower(), _OTHERWISE)
