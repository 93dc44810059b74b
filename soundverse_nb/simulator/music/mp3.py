"""Writing the MP3, a half on each of two threads.

The encoder is what takes longest. Each half is encoded by an encoder of its own that begins a few frames
early on the same grid of 1152 samples; without the bit reservoir every MP3 frame then stands alone, and the
second half's frames continue the first's.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import islice
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

FRAME = 1152
BITRATE = 192_000
_LEAD_FRAMES = 8
_EFFORT = "7"  # LAME from 0 (finest) to 9: a third of the time of its default


Read = Callable[[int, int], NDArray[np.float32]]
"""Gives the samples (2, frames) from one frame of a song to another; called on two threads."""


def encode(
    stereo: NDArray[np.float32], rate: int, tags: dict[str, str], checkpoint: Callable[[], None]
) -> bytes:
    """The MP3 of samples (2, frames) at 32, 44.1 or 48 kHz, constant bitrate, with ID3 tags."""
    buffer = io.BytesIO()
    write(buffer, lambda start, stop: stereo[:, start:stop], stereo.shape[1], rate, tags, checkpoint)
    return buffer.getvalue()


def write(
    target: IO[bytes],
    read: Read,
    frames: int,
    rate: int,
    tags: dict[str, str],
    checkpoint: Callable[[], None],
) -> None:
    """The same from and to where there is more room than in memory.

    `checkpoint` is called for every second of sound on either thread; what it raises ends the work.
    """
    import av

    middle = frames // 2 // FRAME
    with av.open(target, "w", format="mp3", options={"id3v2_version": "3"}) as container:
        container.metadata.update(tags)
        stream: Any = container.add_stream("libmp3lame", rate=rate)
        _set_up(stream.codec_context, rate)

        def put(packet: Any) -> None:
            packet.stream = stream
            container.mux(packet)

        if middle < 4 * _LEAD_FRAMES:
            for packet in _packets(stream.codec_context, read, 0, frames, rate, checkpoint):
                put(packet)
            return
        other: Any = av.CodecContext.create("libmp3lame", "w")
        _set_up(other, rate)
        stop, start = (middle + _LEAD_FRAMES) * FRAME, (middle - _LEAD_FRAMES) * FRAME
        with ThreadPoolExecutor(1, thread_name_prefix="soundverse-nb-mp3") as pool:
            # As packets, the second half is small enough to wait in memory for its turn.
            second = pool.submit(lambda: list(_packets(other, read, start, frames, rate, checkpoint)))
            for packet in islice(_packets(stream.codec_context, read, 0, stop, rate, checkpoint), middle):
                put(packet)
            for packet in second.result()[_LEAD_FRAMES:]:
                put(packet)


def _packets(
    codec: Any, read: Read, first: int, last: int, rate: int, checkpoint: Callable[[], None]
) -> Iterator[Any]:
    """The MP3 frames of the samples from one frame of the song to another."""
    import av

    for start in range(first, last, rate):
        checkpoint()
        block = np.ascontiguousarray(read(start, min(last, start + rate)))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = start
        yield from codec.encode(frame)
    yield from codec.encode(None)


def _set_up(codec: Any, rate: int) -> None:
    codec.sample_rate = rate
    codec.time_base = Fraction(1, rate)
    codec.layout = "stereo"
    codec.format = "fltp"
    codec.bit_rate = BITRATE
    codec.options = {"compression_level": _EFFORT, "reservoir": "0", "joint_stereo": "0"}
