"""The bytes of a file that is fetched, whatever it was compressed with on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

from aiohttp import StreamReader

from soundverse_nb.api.coding import Unpacker
from soundverse_nb.api.filetype import HEAD_BYTES


class Body:
    """The bytes of a finished file, without what the server compressed them with.

    A label is not believed: what begins as the file that is expected is taken as it is.
    """

    def __init__(
        self, content: StreamReader, headers: Mapping[str, str], kind_of: Callable[[bytes], str | None]
    ) -> None:
        self.is_packed = False
        self._content = content
        self._kind_of = kind_of
        self._unpacker = Unpacker(headers.get("Content-Encoding", ""))
        self._waiting: Iterator[bytes] = iter(())
        self._ended = False

    @property
    def fault(self) -> str:
        return self._unpacker.fault if self.is_packed else ""

    async def head(self) -> bytes:
        """Enough to tell what it is."""
        raw = await _gather(self._content.readany, HEAD_BYTES)
        self.is_packed = self._kind_of(raw) is None
        if not self.is_packed:
            return raw
        self._waiting = self._unpacker.feed(raw)
        return await _gather(self._unpacked, HEAD_BYTES)

    async def blocks(self, head: bytes) -> AsyncIterator[bytes]:
        """The head again, and what follows it."""
        block = head
        while block:
            yield block
            block = await (self._unpacked() if self.is_packed else self._content.readany())

    async def _unpacked(self) -> bytes:
        while True:
            piece = next(self._waiting, None)
            if piece is not None:
                await asyncio.sleep(0)  # a few bytes may stand for very many
                return piece
            if self._ended or self._unpacker.fault:
                return b""
            part = await self._content.readany()
            self._ended = not part
            self._waiting = self._unpacker.feed(part) if part else self._unpacker.finish()


async def _gather(read: Callable[[], Awaitable[bytes]], least: int) -> bytes:
    gathered = bytearray()
    while len(gathered) < least and (part := await read()):
        gathered += part
    return bytes(gathered)
