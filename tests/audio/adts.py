"""AAC as ADTS (ISO/IEC 13818-7, 6.2), with frames put together by hand."""

from __future__ import annotations

import io

import av
import numpy as np

from tests.audio.songs import RATE, tone

_PAIR, _PROGRAM, _END = 1, 5, 7


def aac(seconds: float) -> list[bytes]:
    """The frames of a mono tone."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=RATE)
        stream.codec_context.layout = "mono"
        plane = np.ascontiguousarray(tone(seconds, 1).T)
        for start in range(0, plane.shape[1], 1024):
            part = np.ascontiguousarray(plane[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data, frames, at = buffer.getvalue(), [], 0
    while at + 7 <= len(data):
        length = int.from_bytes(data[at + 3 : at + 6], "big") >> 5 & 0x1FFF
        frames.append(data[at : at + length])
        at += length
    return frames


def frame_of_pairs(pairs: int) -> bytes:
    """A frame that claims so many pairs of channels (a program config element), all of them silent."""
    bits = _bits(
        (_PROGRAM, 3), (0, 4), (1, 2), (4, 4), (pairs, 4), (0, 4), (0, 4), (0, 2), (0, 3), (0, 4), (0, 3)
    )
    bits += "".join(_bits((1, 1), (pair, 4)) for pair in range(pairs))
    bits += "0" * (-len(bits) % 8) + _bits((0, 8))
    for pair in range(pairs):
        bits += _bits((_PAIR, 3), (pair, 4), (0, 1)) + "0" * 44
    bits += _bits((_END, 3))
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    head = _bits(
        (0xFFF, 12), (1, 4), (1, 2), (4, 4), (0, 1), (0, 3), (0, 4), (7 + len(body), 13), (0x7FF, 11), (0, 2)
    )
    return int(head, 2).to_bytes(7, "big") + body


def _bits(*fields: tuple[int, int]) -> str:
    return "".join(format(value, f"0{width}b") for value, width in fields)
