"""Uncompressed files (WAV, AIFF, ...), decoded by libsndfile or read as they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import (
    IS_LITTLE,
    Block,
    Decoding,
    End,
    Plane,
    ScratchArrays,
    block_length,
    stereo_planes,
)
from soundverse_nb.audio.reading import AudioError, GuardedFile, not_read
from soundverse_nb.audio.source import Source
from soundverse_nb.audio.truncation import samples_end

_FORMATS = {"WAVEX": "wav", "RF64": "wav"}
# FFmpeg's names; those that end in "_" get the byte order.
_CODECS = {
    "PCM_S8": "pcm_s8", "PCM_U8": "pcm_u8", "PCM_16": "pcm_s16_", "PCM_24": "pcm_s24_", "PCM_32": "pcm_s32_",
    "FLOAT": "pcm_f32_", "DOUBLE": "pcm_f64_", "ULAW": "pcm_mulaw", "ALAW": "pcm_alaw",
}  # fmt: skip

_WIDTHS = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_SIXTEEN_BITS = ("PCM_16", "PCM_S8", "ULAW", "ALAW")
_AS_IT_LIES = {"pcm_s16be": ">i2", "pcm_s16le": "<i2"}


def open_pcm(
    source: Source, begin: int, block_frames: int, stop_seconds: float | None, time_limit: float | None
) -> PCMDecoding | None:
    """The decoding of an uncompressed file from byte `begin`, or None where libsndfile is not the one to ask.

    It is not for a data chunk said to be empty, as programs leave it that write to a pipe, nor for
    codecs other than PCM inside a WAV.
    """
    stack = ExitStack()
    stream = stack.enter_context(source.open())
    # Of a path libsndfile reads by itself; a read that fails looks to it like the end of the file.
    by_itself = source.place is not None and not begin
    guarded = GuardedFile(stream, start=begin)
    try:
        file: Any = stream.fileno() if by_itself else guarded
        sound = soundfile.SoundFile(file, closefd=False)
    except Exception:  # LibsndfileError, and whatever a foreign file object raises
        stack.close()
        return None
    stack.callback(sound.close)
    if sound.frames <= 0 or sound.subtype not in _CODECS:
        stack.close()
        return None
    total = _total(sound, source, guarded, begin)
    if total <= 0:
        stack.close()
        return None
    kind = SixteenBitDecoding if by_itself and codec_name(sound) in _AS_IT_LIES else PCMDecoding
    return kind(sound, total, guarded, source.name, stack, block_frames, stop_seconds, time_limit)


def _total(sound: soundfile.SoundFile, source: Source, file: GuardedFile, begin: int) -> int:
    """How many frames are sound: libsndfile takes chunks and tags behind some for more."""
    position = file.tell()
    span = samples_end(cast("BinaryIO", file), (source.size_bytes or 0) - begin)
    file.seek(position)
    if span is None:
        return int(sound.frames)
    width = _WIDTHS.get(sound.subtype, 1) * sound.channels
    return int(min(sound.frames, (span[1] - span[0]) // width))


class PCMDecoding(Decoding):
    """Blocks of an uncompressed file."""

    def __init__(
        self,
        sound: soundfile.SoundFile,
        total: int,
        file: GuardedFile,
        name: str,
        stack: ExitStack,
        block_frames: int,
        stop_seconds: float | None,
        time_limit: float | None,
    ) -> None:
        super().__init__(stop_seconds, time_limit)
        self.sample_rate, self.channels = sound.samplerate, sound.channels
        self.format = _FORMATS.get(sound.format, sound.format.lower())
        self.codec = codec_name(sound)
        self.promised_seconds = total / sound.samplerate
        self._sound, self._stack, self._file, self._name = sound, stack, file, name
        self._total = total
        self._scratch = [ScratchArrays() for _ in range(self.channels)]
        # 16-bit samples are scaled here, which numpy does in a third of libsndfile's time.
        self._type: Any = np.int16 if sound.subtype in _SIXTEEN_BITS else np.float32
        self.block_frames = block_length(block_frames, self.channels)

    def _pieces(self) -> Iterator[tuple[int, NDArray[Any]]]:
        while True:
            try:
                piece = self._next()
            except Exception as error:  # LibsndfileError
                self.end, self.damage = End.BROKEN, f"libsndfile: {error}"
                return
            if not len(piece):
                return
            yield len(piece), piece
            if self.out_of_time():
                self.end = End.OUT_OF_TIME
                return

    def read_error(self) -> AudioError | None:
        if self.end is End.OPEN and self.frames < self._total and self._file.broken is None:
            self._file.read_on()  # to see whether that is all there is
        broken = self._file.broken
        return broken if broken is None or isinstance(broken, AudioError) else not_read(self._name, broken)

    def _next(self) -> NDArray[Any]:
        """The next samples as they lie in the file, none at its end."""
        frames = min(self.block_frames, self._total - self.frames)
        piece: NDArray[Any] = self._sound.read(out=np.empty((frames, self.channels), self._type))
        return piece

    def planes(self, piece: NDArray[Any]) -> Sequence[Plane]:
        if piece.dtype != np.float32 and self.channels == 2 and IS_LITTLE:
            return stereo_planes(piece, self._scratch)
        return [self._plane(piece, channel) for channel in range(self.channels)]

    def _plane(self, piece: NDArray[Any], channel: int) -> Plane:
        plane = self._scratch[channel].array("plane", len(piece))
        if piece.dtype == np.float32:
            plane[:] = piece[:, channel]
        else:
            np.multiply(piece[:, channel], np.float32(2**-15), out=plane, dtype=np.float32, casting="unsafe")
        return plane

    def block(self, piece: NDArray[Any]) -> Block:
        if piece.dtype == np.float32:
            return piece
        return np.stack(self.planes(piece)).T

    def close(self) -> None:
        self._stack.close()


class SixteenBitDecoding(PCMDecoding):
    """16-bit samples, read as they lie in the file, from where libsndfile says that they begin.

    libsndfile goes through a small buffer, and turns the bytes of an AIFF round one by one; numpy does that
    by the thousand.
    """

    def __init__(self, sound: soundfile.SoundFile, *more: Any) -> None:
        super().__init__(sound, *more)
        sound.seek(0)
        self._type = _AS_IT_LIES[self.codec]

    def _next(self) -> NDArray[Any]:
        frames = min(self.block_frames, self._total - self.frames)
        piece = np.empty((frames, self.channels), self._type)
        return piece[: self._file.readinto(piece.reshape(-1).view(np.uint8)) // (2 * self.channels)]


def codec_name(sound: soundfile.SoundFile) -> str:
    """FFmpeg's name of the coding, for example "pcm_s16le"."""
    name = _CODECS[sound.subtype]
    if not name.endswith("_"):
        return name
    big = sound.endian == "BIG" or (sound.endian == "FILE" and sound.format in ("AIFF", "AU", "CAF"))
    return name[:-1] + ("be" if big else "le")
