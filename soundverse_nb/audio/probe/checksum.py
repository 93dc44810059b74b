"""Checksums of audio frames and pages: CRC-8, CRC-16 and CRC-32, in plain Python.

The polynomials are FLAC's and LAME's CRC-16 (0x8005), FLAC's CRC-8 (0x07) and Ogg's CRC-32 (0x04C11DB7).
"""

from __future__ import annotations

import zlib
from functools import lru_cache

_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


# x to this power is 1 modulo the polynomial: bits so far apart may be added.
_PERIOD = 2**15 - 1


def crc16_divides(message: bytes) -> bool:
    """True where a message that ends in its own CRC-16 (x^16 + x^15 + x^2 + 1, start 0) is intact.

    RFC 9639, 9.3. The message is a polynomial over GF(2), a bit a coefficient, and intact where the CRC's
    polynomial (x + 1)(x^15 + x + 1) divides it. High bits are replaced by low ones that leave the same
    remainder, many at a time, in integers of any length: a frame of 8 KB takes a twentieth of the time that a
    table does.
    """
    bits = int.from_bytes(message, "big")
    # x^32767 = 1: the second factor is primitive, and modulo the first x = 1. Upper halves onto lower halves.
    width = _PERIOD
    while width < len(message) * 4:
        width *= 2
    while width >= _PERIOD:
        bits = (bits & _mask(width)) ^ (bits >> width)
        width //= 2
    # Modulo x + 1, where x = 1, what is left is the number of ones, even or odd.
    if bits.bit_count() & 1:
        return False
    # Modulo x^15 + x + 1, x^15 = x + 1; squared again and again, x^(15 step) = x^step + 1 for powers of two.
    step = 2048
    while step:
        width = 15 * step
        while high := bits >> width:
            bits = (bits & _mask(width)) ^ high ^ (high << step)
        step //= 2
    return bits == 0


@lru_cache(maxsize=64)
def _mask(width: int) -> int:
    return (1 << width) - 1


def crc16_arc(message: bytes, remainder: int = 0) -> int:
    """CRC-16 of LAME's header: the same polynomial, each byte's low bit first (CRC-16/ARC).

    `remainder` is that of what stands before the message.

    >>> hex(crc16_arc(b"123456789"))
    '0xbb3d'
    """
    for byte in message:
        remainder = remainder >> 8 ^ _CRC16_ARC[(remainder ^ byte) & 0xFF]
    return remainder


def _crc16_arc_row(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_CRC16_ARC = tuple(_crc16_arc_row(value) for value in range(256))


def crc8(message: bytes) -> int:
    """CRC-8 of a FLAC frame header (x^8 + x^2 + x + 1, start 0)."""
    remainder = 0
    for byte in message:
        remainder = _CRC8[remainder ^ byte]
    return remainder


def _crc8_row(value: int) -> int:
    for _ in range(8):
        value = (value << 1) ^ (0x107 if value & 0x80 else 0)
    return value


_CRC8 = bytes(_crc8_row(value) for value in range(256))


def ogg_crc(page: bytes) -> int:
    """CRC-32 of an Ogg page whose own checksum field is zeroed: zlib's, with each bit order turned around."""
    mirrored = zlib.crc32(page.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRROR), "big")
