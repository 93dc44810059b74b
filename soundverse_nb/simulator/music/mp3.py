"""Writing the MP3, a half on each of two threads.

The encoder is what takes longest. Each half is encoded by an encoder of its own that begins a few frames
early on the same grid of 1152 samples; without the bit reservoir every MP3 frame then stands alone, and the
second half's frames continue the first's.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME = 1152
BITRATE = 192_000
_LEAD_FRAMES = 8
_EFFORT = "7"  # LAME from 0 (finest) to 9: a third of the time of its default


def encode(
    stereo: NDArray[np.float32], rate: int, tags: dict[str, str], checkpoint: Callable[[], None]
) -> bytes:
    """The MP3 of samples (2, frames) at 32, 44.1 or 48 kHz, constant bitrate, with ID3 tags.

    `checkpoint` is called for every second of sound on either thread; what it raises ends the work.
    """
    import av

    middle = stereo.shape[1] // 2 // FRAME
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3", options={"id3v2_version": "3"}) as container:
        container.metadata.update(tags)
        stream: Any = container.add_stream("libmp3lame", rate=rate)
        _set_up(stream.codec_context, rate)
        if middle < 4 * _LEAD_FRAMES:
            packets = _packets(stream.codec_context, stereo, rate, 0, checkpoint)
        else:
            other: Any = av.CodecContext.create("libmp3lame", "w")
            _set_up(other, rate)
            stop, start = (middle + _LEAD_FRAMES) * FRAME, (middle - _LEAD_FRAMES) * FRAME
            with ThreadPoolExecutor(2, thread_name_prefix="soundverse-nb-mp3") as pool:
                first = pool.submit(_packets, stream.codec_context, stereo[:, :stop], rate, 0, checkpoint)
                second = pool.submit(_packets, other, stereo[:, start:], rate, start, checkpoint)
                packets = first.result()[:middle] + second.result()[_LEAD_FRAMES:]
        for packet in packets:
            packet.stream = stream
            container.mux(packet)
    return buffer.getvalue()


def _packets(
    codec: Any, stereo: NDArray[np.float32], rate: int, at: int, checkpoint: Callable[[], None]
) -> list[Any]:
    """The MP3 frames of these samples, the first of which is number `at` of the song."""
    import av

    out: list[Any] = []
    for start in range(0, stereo.shape[1], rate):
        checkpoint()
        block = np.ascontiguousarray(stereo[:, start : start + rate])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = at + start
        out += codec.encode(frame)
    return out + list(codec.encode(None))


def _set_up(codec: Any, rate: int) -> None:
    codec.sample_rate = rate
    codec.time_base = Fraction(1, rate)
    codec.layout = "stereo"
    codec.format = "fltp"
    codec.bit_rate = BITRATE
    codec.options = {"compression_level": _EFFORT, "reservoir": "0", "joint_stereo": "0"}
