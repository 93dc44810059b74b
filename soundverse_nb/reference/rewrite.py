"""Write a stretch of a song anew: trimmed, faded, mixed to stereo, at the best quality that fits."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from soundverse_nb.audio.decode import decode
from soundverse_nb.audio.decoding import Block
from soundverse_nb.reference.stretch import Stretch

FADE_IN_SECONDS = 0.02
FADE_OUT_SECONDS = 1.5
_BITRATES = (320, 256, 224, 192, 160, 128, 112, 96, 80, 64, 56, 48, 40, 32)
_SPARE = 0.99


def as_mp3(source: Any, stretch: Stretch, max_bytes: int) -> tuple[bytes, int] | None:
    """The stretch as MP3 and its kbit/s, the highest that fits into `max_bytes`; None where none does."""
    from soundverse_nb.audio.encode import encode_blocks

    seconds = stretch.duration + stretch.padding
    for bitrate in (b for b in _BITRATES if b * 125 * seconds <= max_bytes * _SPARE):
        with decode(source, stop_seconds=stretch.start + stretch.duration) as sound:
            outputs = min(2, sound.channels)
            blocks = prepared(sound, sound.sample_rate, outputs, stretch)
            data = encode_blocks(blocks, sound.sample_rate, outputs, bitrate)
        if len(data) <= max_bytes:
            return data, bitrate
    return None


def as_lossless(source: Any, stretch: Stretch, kind: str) -> bytes:
    """The stretch as 16-bit WAV or as FLAC (`kind`), at its own rate."""
    import soundfile

    buffer = io.BytesIO()
    with decode(source, stop_seconds=stretch.start + stretch.duration) as sound:
        outputs = min(2, sound.channels)
        with soundfile.SoundFile(
            buffer, "w", sound.sample_rate, outputs, "PCM_16", format=kind.upper()
        ) as file:
            for block in prepared(sound, sound.sample_rate, outputs, stretch):
                file.write(np.clip(block, -1, 1))
    return buffer.getvalue()


def prepared(blocks: Any, rate: int, outputs: int, stretch: Stretch) -> Iterator[Block]:
    """The stretch's blocks: NaN replaced by silence, mixed to `outputs` channels, faded where it was cut."""
    from soundverse_nb.audio.encode import downmixed
    from soundverse_nb.audio.encode import stretch as part_of

    total = round(stretch.duration * rate)
    fade = _fades(total, rate, fades_in=stretch.start > 0, fades_out=not stretch.is_whole)
    at = 0
    for block in part_of(blocks, rate, stretch.start, stretch.start + stretch.duration):
        finite = np.nan_to_num(np.ascontiguousarray(block), nan=0.0, posinf=0.0, neginf=0.0)
        yield fade(downmixed(finite, outputs), at)
        at += len(block)
    left = round(stretch.padding * rate) + max(0, total - at) * (stretch.padding > 0)
    while left > 0:
        yield np.zeros((min(left, rate), outputs), np.float32)
        left -= rate


def _fades(total: int, rate: int, *, fades_in: bool, fades_out: bool) -> Callable[[Block, int], Block]:
    """A function that fades a block which begins at a frame; raised-cosine, so that it does not click."""
    rise = min(total // 4, round(FADE_IN_SECONDS * rate)) if fades_in else 0
    fall = min(total // 4, round(FADE_OUT_SECONDS * rate)) if fades_out else 0

    def fade(block: Block, at: int) -> Block:
        if at >= rise and at + len(block) <= total - fall:
            return block
        frames = np.arange(at, at + len(block))
        gain = np.ones(len(block))
        if rise:
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(frames / rise, 0, 1))
        if fall:
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip((total - frames) / fall, 0, 1))
        faded: Block = (block * gain[:, None]).astype(np.float32)
        return faded

    return fade
