"""Bodies packed as a gateway packs a stream: what came so far can be unpacked after every call."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Pack = Callable[[bytes], bytes]


def _zlib(wbits: int) -> Pack:
    packer = zlib.compressobj(wbits=wbits)
    return lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def _brotli() -> Pack:
    packer = brotli.Compressor()
    return lambda data: packer.process(data) + packer.flush()


def _zstd() -> Pack:
    packer = zstd.ZstdCompressor()
    return lambda data: packer.compress(data, packer.FLUSH_BLOCK)


PACKERS: dict[str, Callable[[], Pack]] = {
    "gzip": lambda: _zlib(31),
    "x-gzip": lambda: _zlib(31),
    "deflate": lambda: _zlib(15),
    "br": _brotli,
    "zstd": _zstd,
}


def whole(coding: str, data: bytes) -> bytes:
    """Packed in one piece, with its end."""
    if coding == "br":
        return brotli.compress(data)  # type: ignore[no-any-return]
    if coding == "zstd":
        return zstd.compress(data)
    packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15, "raw deflate": -15}[coding])
    return packer.compress(data) + packer.flush()
