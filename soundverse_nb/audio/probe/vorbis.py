"""Samples in an Ogg page of Vorbis or Opus, from its packets alone, without a decoder.

Vorbis I specification, 4.2.4 (the list of modes ends the setup header) and 4.3.1 (what begins a packet).
"""

from __future__ import annotations

_MODE_BITS = 41  # a flag for the long block, 16 bits of window type, 16 of transform type, 8 of mapping
_TYPE_BITS = 32
_COUNT_BITS = 6
_MOST_MODES = 64
# Bytes that the longest list of modes takes, its count and the bit behind it.
LIST_BYTES = (_MOST_MODES * _MODE_BITS + _COUNT_BITS + 8) // 8


def long_blocks(header: bytes) -> tuple[bool, ...] | None:
    """For each mode whether its block is the long one, from the end of the setup header; None if unclear.

    The header has to be decoded from its start to know where the list of modes begins. From its end, it is
    as many modes as the six bits before them say; their types are always 0.
    """
    value = int.from_bytes(header[-LIST_BYTES:], "little")
    end = value.bit_length() - 1  # the last bit set is the one that ends the header
    found: tuple[bool, ...] | None = None
    flags: list[bool] = []
    while len(flags) < _MOST_MODES and end >= _MODE_BITS + _COUNT_BITS:
        end -= _MODE_BITS
        if value >> (end + 1) & ((1 << _TYPE_BITS) - 1):
            break
        flags.insert(0, bool(value >> end & 1))
        if (value >> (end - _COUNT_BITS) & ((1 << _COUNT_BITS) - 1)) + 1 == len(flags):
            found = tuple(flags)
    return found


def page_samples(lacing: bytes, body: bytes, sizes: tuple[int, int], is_long: tuple[bool, ...]) -> int | None:
    """Samples that the first packets of a stream give, those that end on this page; None if one is no sound.

    `sizes` are the short and the long block. A packet gives half of its own block and half of the one before,
    the first gives nothing.
    """
    mode_mask = (1 << (len(is_long) - 1).bit_length()) - 1
    at = samples = length = before = 0
    for lace in lacing:
        length += lace
        if lace < 255:
            if not 0 < length <= len(body) - at:
                return None
            mode = body[at] >> 1 & mode_mask
            if body[at] & 1 or mode >= len(is_long):
                return None
            block = sizes[is_long[mode]]
            samples += (before + block) // 4 if before else 0
            before = block
            at += length
            length = 0
    return samples


# Samples of 48 kHz in a frame, by the packet's configuration number: SILK, hybrid and CELT modes.
_FRAME = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


# Samples in a packet by its first byte; None where its second counts the frames.
_PACKET = tuple(None if toc & 3 == 3 else _FRAME[toc >> 3] * (1 if toc & 3 == 0 else 2) for toc in range(256))


def opus_page_samples(lacing: bytes, body: bytes) -> int:
    """Samples at 48 kHz in the packets that end on a page: empty and cut ones hold none."""
    at = samples = length = 0
    end = len(body)
    for lace in lacing:
        length += lace
        if lace < 255:
            if 0 < length <= end - at:
                held = _PACKET[body[at]]
                if held is None:
                    held = _FRAME[body[at] >> 3] * (body[at + 1] & 63) if length > 1 else 0
                samples += held
            at += length
            length = 0
    return samples
