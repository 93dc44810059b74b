"""Checksums against the definitions, bit by bit."""

from __future__ import annotations

import random

import pytest

from soundverse_nb.audio.probe.checksum import crc8, crc16_arc, crc16_divides, ogg_crc
from tests.corpus import surgery


def _crc16(message: bytes) -> int:
    """Polynomial division as the FLAC format defines it (RFC 9639, 9.3)."""
    remainder = 0
    for byte in message:
        remainder ^= byte << 8
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x8005 if remainder & 0x8000 else 0)) & 0xFFFF
    return remainder


def _crc16_arc(message: bytes) -> int:
    remainder = 0
    for byte in message:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xA001 if remainder & 1 else 0)
    return remainder


# Around the widths at which long messages are folded: 32767 bits are 4096 bytes less one bit.
@pytest.mark.parametrize("length", [0, 1, 2, 14, 15, 16, 100, 1920, 4093, 4094, 4095, 8190, 8192, 20_000])
def test_a_message_divides_with_its_crc_and_with_no_other(length: int) -> None:
    draw = random.Random(length)
    message = draw.randbytes(length)
    crc = _crc16(message)
    assert crc16_divides(message + crc.to_bytes(2, "big"))
    for _ in range(20):
        wrong = bytearray(message + crc.to_bytes(2, "big"))
        wrong[draw.randrange(len(wrong))] ^= draw.randrange(1, 256)
        assert not crc16_divides(bytes(wrong))


def test_a_crc_of_two_swapped_halves_does_not_divide() -> None:
    message = random.Random(5).randbytes(9000)
    whole = message + _crc16(message).to_bytes(2, "big")
    assert not crc16_divides(whole[4500:] + whole[:4500])


@pytest.mark.parametrize("length", [1, 175, 190])
def test_the_mirrored_crc_is_that_of_lame(length: int) -> None:
    message = random.Random(length).randbytes(length)
    assert crc16_arc(message) == _crc16_arc(message)


def test_crc8_is_that_of_a_flac_frame() -> None:
    # RFC 9639, appendix D.2.8: the first frame's header of the second example file, and its CRC.
    assert crc8(bytes.fromhex("fff86998000f")) == 0x99


@pytest.mark.parametrize("length", [0, 1, 27, 65_307])
def test_the_page_crc_is_that_of_a_plain_table(length: int) -> None:
    page = random.Random(length).randbytes(length)
    assert ogg_crc(page) == surgery.ogg_crc(page)
