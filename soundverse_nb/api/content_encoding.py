"""Taking the Content-Encoding off a body: whatever its label says, and with all that came before a fault.

Everything is asked for as it is ("identity"). Some gateways compress all the same, some say so of bytes that
they left alone, and some say nothing. So the bytes decide: gzip and Zstandard begin with a mark, zlib with a
checked number, and what reads as text, or cannot be unpacked at all, is taken as it is.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from aiohttp import StreamReader

from soundverse_nb.filetype import HEAD_BYTES

PIECE = 1 << 16  # bytes unpacked at a time: a few bytes may stand for gigabytes
MOST_AT_ONCE = 1 << 24
"""Bytes that one packet of a stream may unpack to. Real events shrink to a tenth, not to a thousandth."""

_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_MOST_LAYERS = 4
_REPLAY = 1 << 16  # bytes of the beginning that are kept, to get out of a broken packet what was whole
_LOOK = 24  # bytes that are looked at where no mark decides
_TEXT = frozenset((9, 10, 13, *range(32, 127)))


class _Codec(Protocol):
    """One compressed member. `rest` is what follows its end."""

    ended: bool
    rest: bytes

    def pieces(self, data: bytes) -> Iterator[bytes]: ...


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self.ended, self.rest = False, b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inner.decompress(data, PIECE)
            data = self._inner.unconsumed_tail
            self.ended, self.rest = self._inner.eof, self._inner.unused_data
            if piece:
                yield piece
            if self.ended or not (data or len(piece) == PIECE):
                return


class _Zstd:
    def __init__(self, module: Any) -> None:
        self._inner = module.ZstdDecompressor()
        self.ended, self.rest = False, b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inner.decompress(data, PIECE)
            data = b""
            self.ended = self._inner.eof
            self.rest = self._inner.unused_data if self.ended else b""
            if piece:
                yield piece
            if self.ended or self._inner.needs_input:
                return


class _Brotli:
    def __init__(self, module: Any) -> None:
        self._inner = module.Decompressor()
        self.ended, self.rest = False, b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inner.process(data, output_buffer_limit=PIECE)
            data = b""
            self.ended = self._inner.is_finished()
            if piece:
                yield piece
            # At its limit it says that it can accept more, and still holds output back.
            if self.ended or (self._inner.can_accept_more_data() and len(piece) < PIECE):
                return


def _library(name: str) -> Any | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _zstd() -> _Codec | None:
    module = _library("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return None if module is None else _Zstd(module)


def _brotli() -> _Codec | None:
    module = _library("brotli") or _library("brotlicffi")
    return None if module is None else _Brotli(module)


# Coding -> what unpacks it; None where its package is missing.
_CODECS: dict[str, Callable[[], _Codec | None]] = {
    "gzip": lambda: _Zlib(31),
    "zlib": lambda: _Zlib(15),
    "deflate": lambda: _Zlib(-15),
    "zstd": _zstd,
    "br": _brotli,
}
_GUESSED = ("zlib", "deflate", "br")
_PACKAGES = {"br": "brotli", "zstd": "backports.zstd"}


class Unpacker:
    """A body as it was before it was compressed, in the order of its packets.

    `feed` and `finish` give pieces of about 64 KiB; take all of them before the next call. `fault` says in
    a few words why nothing more comes, "" while all is well.

    Parameters
    ----------
    label : the Content-Encoding header.
    most : bytes that one `feed` may unpack to; None for as many as there are.
    """

    def __init__(self, label: str, most: int | None = None) -> None:
        named = [name.strip().lower().removeprefix("x-") for name in label.split(",")]
        known = [name for name in named if name in ("gzip", "deflate", "br", "zstd")]
        # One more, since some bodies are packed twice, or once without a word.
        self._layers = [_Layer(name) for name in (*reversed(known[: _MOST_LAYERS - 1]), "")]
        self._most = most
        self._over = ""

    @property
    def fault(self) -> str:
        return self._over or next((layer.fault for layer in self._layers if layer.fault), "")

    @property
    def is_plain(self) -> bool:
        """Whether it is clear that nothing is packed: then the bytes may be taken as they are."""
        return all(layer.is_plain for layer in self._layers)

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._bounded(self._through(0, data))

    def finish(self) -> Iterator[bytes]:
        return self._bounded(self._finish_from(0))

    def _through(self, at: int, data: bytes) -> Iterator[bytes]:
        if at == len(self._layers):
            yield data
            return
        for piece in self._layers[at].feed(data):
            yield from self._through(at + 1, piece)

    def _finish_from(self, at: int) -> Iterator[bytes]:
        if at == len(self._layers):
            return
        for piece in self._layers[at].finish():
            yield from self._through(at + 1, piece)
        yield from self._finish_from(at + 1)

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for piece in pieces:
            if self._over:
                return
            size += len(piece)
            if self._most is not None and size > self._most:
                self._over = f"what it is compressed to unpacks to more than {self._most:,} bytes at once"
                return
            yield piece


class _Layer:
    """One coding of a body, or none: it decides by the first bytes."""

    def __init__(self, label: str) -> None:
        self.fault = ""
        self.is_plain = False
        self._label = label
        self._coding = ""
        self._codec: _Codec | None = None
        self._head = b""  # what came before it was decided
        self._history: bytearray | None = bytearray()
        self._given = 0
        self._is_over = False  # one member is whole

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._feed(data, final=False)

    def finish(self) -> Iterator[bytes]:
        yield from self._feed(b"", final=True)
        if self._codec is None or self.fault:
            return
        if self._is_misnamed:
            yield bytes(self._history or b"")
        else:
            self.fault = f"it is compressed with {self._coding} and breaks off"

    def _feed(self, data: bytes, final: bool) -> Iterator[bytes]:
        data = self._head + data
        while data and not self.fault:
            self._head = b""
            if self.is_plain:
                yield data
                return
            if self._codec is not None:
                yield from self._unpack(data)
                data = self._head
            elif not self._decide(data, final):
                self._head = data
                return
            elif self._codec is None and not self.is_plain:
                return

    def _decide(self, data: bytes, final: bool) -> bool:
        """Whether it is clear what the bytes are; sets what unpacks them, if they are packed."""
        # Another member may follow the first. Zeros or a signature behind the last are left by drives.
        coding = _coding_of(data, "" if self._is_over else self._label, final)
        if coding is None:
            return False
        if coding == "":
            self.is_plain = not self._is_over
            return True
        self._coding, self._codec = coding, _CODECS[coding]()
        self._history, self._given = bytearray(), 0
        if self._codec is None:
            self.fault = f"it is compressed with {coding}, which needs the package {_PACKAGES[coding]}"
        return True

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        codec = self._codec
        assert codec is not None
        if self._history is not None:
            self._history += data
            if len(self._history) > _REPLAY:
                self._history = None
        try:
            for piece in codec.pieces(data):
                self._given += len(piece)
                yield piece
        except Exception:  # each library has an error of its own, and none may end a paid stream
            yield from self._save()
            return
        if codec.ended:
            self._codec, self._is_over, self._head = None, True, codec.rest

    @property
    def _is_misnamed(self) -> bool:
        """Whether its label alone called it packed, and nothing could be unpacked of it."""
        return self._coding in _GUESSED and bool(self._history) and not self._given

    def _save(self) -> Iterator[bytes]:
        """After a fault: all of it as it is where its label alone called it packed, else what was whole."""
        history = bytes(self._history or b"")
        saved = b"".join(self._replayed(history))[self._given :]
        self._codec = None
        if self._is_misnamed and not saved:
            self.is_plain = True
            yield history
            return
        self.fault = f"its {self._coding} compression is broken"
        if saved:
            yield saved

    def _replayed(self, history: bytes) -> Iterator[bytes]:
        """What a new decoder makes of the same bytes one by one: all that stands before the fault."""
        codec, size = _CODECS[self._coding](), 0
        if codec is None:
            return
        try:
            for at in range(len(history)):
                for piece in codec.pieces(history[at : at + 1]):
                    size += len(piece)
                    yield piece
                    if size > self._given + MOST_AT_ONCE:
                        return
        except Exception:
            return


def _coding_of(head: bytes, label: str, final: bool) -> str | None:
    """How a body is packed by its first bytes and its label: "" for not at all, None where more must come."""
    for mark, coding in ((_GZIP, "gzip"), (_ZSTD, "zstd")):
        if head.startswith(mark):
            return coding
        if mark.startswith(head) and not final:
            return None
    if label in ("", "zstd") or len(head) < 2:
        return "" if label in ("", "zstd") or final else None
    if label in ("gzip", "deflate") and head[0] & 0x8F == 8 and (head[0] << 8 | head[1]) % 31 == 0:
        return "zlib"
    if label == "gzip":
        return ""
    if len(head) < _LOOK and not final:
        return None
    return "" if all(byte in _TEXT for byte in head[:_LOOK]) else label


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
        head = await _gather(self._unpacked, HEAD_BYTES)
        # Brotli has no mark: it is tried where nothing else makes it the file that is expected.
        if self._unpacker.is_plain and self._kind_of(head) is None and self._is_brotli(raw):
            self._unpacker = Unpacker("br")
            self._waiting = self._unpacker.feed(head)
            head = await _gather(self._unpacked, HEAD_BYTES)
        return head

    def _is_brotli(self, raw: bytes) -> bool:
        codec = _brotli()
        if codec is None:
            return False
        try:
            return self._kind_of(b"".join(islice(codec.pieces(raw), 1))) is not None
        except Exception:  # each library has an error of its own
            return False

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
