"""MP3 encoding (LAME through FFmpeg), previews of limited size, and mixing down to one or two channels.

MP3 is the one compressed format that every browser and notebook front end plays.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Block, segment
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.mp3_cut import cut_mp3
from soundverse_nb.audio.reading import refusal
from soundverse_nb.audio.source import open_source
from soundverse_nb.mpeg_audio import MPEG1_BITRATES, MPEG1_RATES, MPEG2_BITRATES, MPEG2_RATES

# LAME's quality scale, 0 best and slowest to 9. 5 is its default for most bitrates.
_PREVIEW_EFFORT = 7
_FINE_EFFORT = 5
_PREVIEW_BITRATES = (128, 96, 64)
_ALL = 1e9  # seconds
_HEADER_BYTES = 4096  # ID3 and Xing header, and the encoder's last frames


@dataclass(frozen=True)
class Preview:
    """An MP3 small enough to live inside a page. `note` describes it, for example its bitrate."""

    data: bytes
    sample_rate: int
    channels: int
    bitrate: int
    note: str


def encode_mp3(samples: NDArray[Any], sample_rate: int, bitrate_kbps: int) -> bytes:
    """MP3 of samples, at a constant bitrate.

    `samples` is float32 of shape (channels, frames) or (frames,), full scale +-1; `bitrate_kbps` is lowered
    to one that MP3 has (8 to 320 kbit/s). More than two channels are mixed to stereo; a sample rate that MP3
    does not know is converted to the next higher one, at most 48 kHz.
    """
    block: Block = np.ascontiguousarray(np.atleast_2d(np.asarray(samples, np.float32)).T)
    return encode_blocks(_slices(block), sample_rate, block.shape[1], bitrate_kbps, effort=_FINE_EFFORT)


def preview_mp3(source: Any, max_bytes: int, start: float = 0.0, duration: float | None = None) -> Preview:
    """An MP3 of a song, or of a segment of it, of at most `max_bytes`: the quality gives way, not the length.

    `start` and `duration` in seconds. Quick rather than fine: from 128 kbit/s stereo to 8 kbit/s mono.
    An MP3 that is small enough is cut, not encoded.
    Raises AudioError where the song cannot be decoded, or is too long for so few bytes.
    """
    ready = _ready_made(source, max_bytes, start, duration)
    if ready is not None:
        return ready
    stop = None if duration is None else start + duration
    with decode(source, stop_seconds=stop) as sound:
        rate, channels = sound.sample_rate, sound.channels
        blocks = list(segment(sound, rate, start, stop))
    seconds = sum(map(len, blocks)) / rate
    quality = preview_quality(seconds, max_bytes, rate, min(channels, 2))
    if quality is None:
        raise refusal(
            "too_long", f"{seconds:.0f} s do not fit into {max_bytes:,} bytes.", "Preview a shorter segment."
        )
    target, outputs, bitrate = quality
    data = encode_blocks(
        blocks, rate, channels, bitrate, rate_out=target, channels_out=outputs, effort=_PREVIEW_EFFORT
    )
    sides = "stereo" if outputs == 2 else "mono"
    note = f"MP3 preview, {bitrate} kbit/s {sides}, {target / 1000:g} kHz"
    return Preview(data, target, outputs, bitrate, note)


def _ready_made(source: Any, max_bytes: int, start: float, duration: float | None) -> Preview | None:
    """A preview cut from an MP3 between its frames, None where the song is none or has too many bytes."""
    opened = open_source(source)
    if opened.is_samples:
        return None
    with opened.open() as stream:
        cut = cut_mp3(stream, opened.size_bytes or 0, start, _ALL if duration is None else duration)
    if cut is None or len(cut.data) > max_bytes:
        return None
    with decode(cut.data) as sound:
        rate, channels = sound.sample_rate, sound.channels
    bitrate = round(8 * len(cut.data) / cut.duration / 1000)
    return Preview(cut.data, rate, channels, bitrate, f"the MP3 itself, {bitrate} kbit/s")


def preview_quality(
    seconds: float, max_bytes: int, sample_rate: int, channels: int
) -> tuple[int, int, int] | None:
    """The best (sample rate, channels, kbit/s) for so many seconds in so many bytes, or None."""
    room = 8 * (max_bytes - _HEADER_BYTES) / max(seconds, 0.1) / 1000
    full = nearest_rate(sample_rate)
    for bitrate in _PREVIEW_BITRATES:
        if bitrate <= room and full >= MPEG1_RATES[0]:
            return full, channels, bitrate
    half = min(22050, full)
    for bitrate in reversed(MPEG2_BITRATES[:8]):
        if bitrate <= room:
            return (half, channels, bitrate) if bitrate >= 48 else (half, 1, bitrate)
    return None


def nearest_rate(sample_rate: int) -> int:
    """The lowest sample rate of MP3 that loses nothing of this one, in Hz; 48 kHz for everything above.

    >>> nearest_rate(44100), nearest_rate(37800), nearest_rate(96000)
    (44100, 44100, 48000)
    """
    rates = (*MPEG2_RATES, *MPEG1_RATES)
    return next((rate for rate in rates if rate >= sample_rate), 48000)


def encode_blocks(
    blocks: Iterable[Block],
    sample_rate: int,
    channels: int,
    bitrate_kbps: int,
    *,
    rate_out: int | None = None,
    channels_out: int | None = None,
    effort: int = _FINE_EFFORT,
) -> bytes:
    """MP3 of blocks of float32 (frames, channels), with a LAME header that makes it gapless."""
    target = rate_out or nearest_rate(sample_rate)
    outputs = channels_out or min(channels, 2)
    allowed = MPEG1_BITRATES if target >= MPEG1_RATES[0] else MPEG2_BITRATES
    bitrate = max((b for b in allowed if b <= bitrate_kbps), default=allowed[0])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream: Any = container.add_stream("libmp3lame", rate=target)
        stream.codec_context.layout = "stereo" if outputs == 2 else "mono"
        stream.codec_context.bit_rate = bitrate * 1000
        stream.codec_context.options = {"compression_level": str(effort)}
        resampler = av.AudioResampler("fltp", "stereo" if outputs == 2 else "mono", target)
        for block in blocks:
            for frame in resampler.resample(_frame(block, sample_rate, outputs)):
                container.mux(stream.encode(frame))
        for frame in resampler.resample(None):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def downmixed(block: Block, channels: int) -> Block:
    """The block in so many channels (1 or 2); 5.1 after ITU-R BS.775, others split evenly left and right."""
    have = block.shape[1]
    stereo: Block
    if have == channels:
        return block
    if have == 1:
        return np.repeat(block, channels, axis=1)
    if have == 2:  # a sum of planes: across two channels numpy's mean costs a quarter of encoding
        return np.asarray((block[:, 0] + block[:, 1]) * np.float32(0.5))[:, None]
    if have == 6:  # L R C LFE Ls Rs
        side = np.float32(0.7071)
        left = block[:, 0] + side * (block[:, 2] + block[:, 4])
        right = block[:, 1] + side * (block[:, 2] + block[:, 5])
        stereo = (np.stack([left, right], axis=1) / (1 + 2 * side)).astype(np.float32)
    else:
        sides = [block[:, 0::2].mean(axis=1), block[:, 1::2].mean(axis=1)]
        stereo = np.stack(sides, axis=1).astype(np.float32)
    return stereo if channels == 2 else stereo.mean(axis=1, keepdims=True, dtype=np.float32)


def _slices(block: Block, length: int = 65536) -> Iterator[Block]:
    for start in range(0, len(block), length):
        yield block[start : start + length]


def _frame(block: Block, sample_rate: int, outputs: int) -> Any:
    mixed = downmixed(block, outputs) if block.shape[1] > outputs else block
    planes = np.ascontiguousarray(mixed.T, dtype=np.float32)
    layout = "stereo" if len(planes) == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
    frame.sample_rate = sample_rate
    return frame
