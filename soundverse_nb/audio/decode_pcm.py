"""Uncompressed containers, read by libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundverse_nb.audio.decoding import Block, Decoding, End, block_length
from soundverse_nb.audio.guarded import GuardedFile
from soundverse_nb.audio.source import Source

_FORMATS = {"WAVEX": "wav", "RF64": "wav"}
# FFmpeg's names; those that end in "_" get the byte order.
_CODECS = {
    "PCM_S8": "pcm_s8", "PCM_U8": "pcm_u8", "PCM_16": "pcm_s16_", "PCM_24": "pcm_s24_", "PCM_32": "pcm_s32_",
    "FLOAT": "pcm_f32_", "DOUBLE": "pcm_f64_", "ULAW": "pcm_mulaw", "ALAW": "pcm_alaw",
}  # fmt: skip

_SIXTEEN_BITS = ("PCM_16", "PCM_S8", "ULAW", "ALAW")


def open_pcm(
    source: Source, block_frames: int, stop_seconds: float | None, time_limit: float | None
) -> PCMDecoding | None:
    """The decoding of an uncompressed file, or None where libsndfile is not the one to ask.

    It is not for a data chunk said to be empty, as programs leave it that write to a pipe, nor for
    codecs other than PCM inside a WAV.
    """
    stack = ExitStack()
    stream = stack.enter_context(source.open())
    try:
        if source.place is not None:
            sound = soundfile.SoundFile(stream.fileno(), closefd=False)
        else:
            sound = soundfile.SoundFile(GuardedFile(stream))
    except Exception:  # LibsndfileError, and whatever a foreign file object raises
        stack.close()
        return None
    stack.callback(sound.close)
    if sound.frames <= 0 or sound.subtype not in _CODECS:
        stack.close()
        return None
    return PCMDecoding(sound, stack, block_frames, stop_seconds, time_limit)


class PCMDecoding(Decoding):
    """Blocks of an uncompressed file."""

    def __init__(
        self,
        sound: soundfile.SoundFile,
        stack: ExitStack,
        block_frames: int,
        stop_seconds: float | None,
        time_limit: float | None,
    ) -> None:
        super().__init__(stop_seconds, time_limit)
        self.sample_rate, self.channels = sound.samplerate, sound.channels
        self.format = _FORMATS.get(sound.format, sound.format.lower())
        self.codec = codec_name(sound)
        self.promised_seconds = sound.frames / sound.samplerate
        self._sound, self._stack = sound, stack
        # 16-bit samples are scaled here, which numpy does in a third of libsndfile's time.
        self._type = np.int16 if sound.subtype in _SIXTEEN_BITS else np.float32
        self._length = block_length(block_frames, self.channels)

    def _pieces(self) -> Iterator[tuple[int, NDArray[Any]]]:
        while True:
            try:
                piece = self._sound.read(out=np.empty((self._length, self.channels), self._type))
            except Exception as error:  # LibsndfileError, and whatever a foreign file object raises
                self.end, self.damage = End.BROKEN, f"libsndfile: {error}"
                return
            if not len(piece):
                return
            yield len(piece), piece
            if self.out_of_time():
                self.end = End.OUT_OF_TIME
                return

    def block(self, piece: NDArray[Any]) -> Block:
        if piece.dtype == np.float32:
            return piece
        planar = np.empty((self.channels, len(piece)), np.float32)
        np.multiply(piece.T, np.float32(2**-15), out=planar, dtype=np.float32, casting="unsafe")
        return planar.T

    def skip(self, frames: int) -> int:
        """Go ahead without decoding; returns how many frames were passed over."""
        try:
            here = self._sound.tell()
            there: int = self._sound.seek(min(here + frames, self._sound.frames))
            return there - int(here)
        except Exception:
            return 0

    def close(self) -> None:
        self._stack.close()


def codec_name(sound: soundfile.SoundFile) -> str:
    """FFmpeg's name of the coding, for example "pcm_s16le"."""
    name = _CODECS[sound.subtype]
    if not name.endswith("_"):
        return name
    big = sound.endian == "BIG" or (sound.endian == "FILE" and sound.format in ("AIFF", "AU", "CAF"))
    return name[:-1] + ("be" if big else "le")
