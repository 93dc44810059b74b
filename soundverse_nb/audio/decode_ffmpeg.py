"""Compressed files, decoded by FFmpeg through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import av
import av.error
import numpy as np

from soundverse_nb.audio.decoding import Block, Decoding, End, block_length
from soundverse_nb.audio.guarded import GuardedFile
from soundverse_nb.audio.source import Source, refusal

# Demuxers of files that hold sound themselves. Playlists and manifests are left out on purpose: FFmpeg
# would open what they name, over the network too.
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,oga,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,wv,xwma,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
)
_FORMATS = {
    "mov,mp4,m4a,3gp,3g2,mj2": "m4a", "matroska,webm": "webm", "asf": "wma", "wv": "wavpack",
}  # fmt: skip
_BUFFER = 1 << 17
_OPTIONS = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none"}

# FFmpeg's packets in AAC are 1024 or 2048 frames: what a file's own length does not cover of the last one
# is the encoder's padding, which FFmpeg leaves in.
_LONGEST_PADDING = 2048
# A jump of the time stamps by more than this is a hole in the data.
_HOLE_SECONDS = 0.1


class FFmpegDecoding(Decoding):
    """Blocks of whatever FFmpeg can read; the first sound stream counts, pictures are not sound."""

    def __init__(
        self, source: Source, block_frames: int, stop_seconds: float | None, time_limit: float | None
    ) -> None:
        super().__init__(stop_seconds, time_limit)
        self._stack = ExitStack()
        try:
            self._file = GuardedFile(self._stack.enter_context(source.open()), time_limit)
            self._open(source.name)
            self._packets = self._container.demux(self._stream)
            self._incoming = self._frames()
            self._first = next(self._incoming, None)
            if self._first is None:
                raise refusal("unreadable", f"No sound could be decoded from {source.name}.", _CONVERT)
            self._describe(self._first)
        except BaseException:
            self._stack.close()
            raise
        self._length = block_length(block_frames, self.channels)

    def _open(self, name: str) -> None:
        try:
            self._container: Any = av.open(
                self._file, "r", options=_OPTIONS, buffer_size=_BUFFER, metadata_errors="replace"
            )
        except (av.error.FFmpegError, ValueError, OSError, UnicodeError):
            raise refusal("not_audio", f"{name} is not an audio file.", _CONVERT) from None
        self._stack.callback(self._container.close)
        streams = [s for s in self._container.streams.audio if s.codec_context is not None]
        if not streams:
            if len(self._container.streams) == 0:
                raise refusal("not_audio", f"{name} is not an audio file.", _CONVERT)
            raise refusal("no_audio_stream", f"{name} holds no sound, only other streams.", _CONVERT)
        self._stream = streams[0]
        name_of_format = self._container.format.name
        self.format = _FORMATS.get(name_of_format, name_of_format)
        self.codec = self._stream.codec_context.name.removesuffix("float")
        if self._stream.duration is not None and self._stream.time_base is not None:
            self.promised_seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            self.promised_seconds = self._container.duration / 1e6

    def _describe(self, frame: Any) -> None:
        self.sample_rate, self.channels = int(frame.sample_rate), int(frame.layout.nb_channels)
        self._shape = (frame.format.name, self.channels, self.sample_rate)
        self._layout = frame.layout
        self._adapt: Any = None

    def _frames(self) -> Iterator[Any]:
        """Decoded frames; a packet that cannot be decoded is noted and passed over."""
        count = 0
        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError, ValueError) as error:
                self.damage = self.damage or f"FFmpeg: {_words(error)}"
                self.end = End.BROKEN
                return
            count += 1
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError) as error:
                self._bad_packet(count, packet, error)
                continue
            yield from frames
            if count % 256 == 0 and self.out_of_time():
                self.end = End.OUT_OF_TIME
                return

    def _bad_packet(self, count: int, packet: Any, error: Exception) -> None:
        if count > 1:
            self.damage = self.damage or f"FFmpeg: {_words(error)} at {self.seconds:.1f} s"

    def _blocks(self) -> Iterator[Block]:
        name = self._shape[0]
        planar = name.endswith("p")
        dtype, scale, offset = _SAMPLE_TYPES[name.removesuffix("p")]
        buffer, filled = self._buffer(planar, self._length), 0
        for frame in self._alike():
            count = frame.samples
            if filled + count > buffer.shape[0]:
                if filled:
                    yield buffer[:filled]
                buffer, filled = self._buffer(planar, max(self._length, count)), 0
            if planar:
                for channel, plane in enumerate(frame.planes):
                    values = np.frombuffer(plane, dtype, count)
                    part = buffer[filled : filled + count, channel]
                    if scale is None:
                        part[:] = values
                    else:
                        np.multiply(values if not offset else values - offset, scale, out=part)
            else:
                values = np.frombuffer(frame.planes[0], dtype, count * self.channels)
                values = values.reshape(count, self.channels)
                part = buffer[filled : filled + count]
                if scale is None:
                    part[:] = values
                else:
                    np.multiply(values if not offset else values - offset, scale, out=part)
            filled += count
        filled = self._without_padding(filled)
        if filled:
            yield buffer[:filled]

    def _alike(self) -> Iterator[Any]:
        """Frames of one shape: a song whose rate or channels change on the way is adapted to its start."""
        frame, self._first = self._first, None
        while frame is not None:
            if (frame.format.name, frame.layout.nb_channels, frame.sample_rate) == self._shape:
                yield frame
            else:
                frame.pts = None
                yield from self._adapter(frame).resample(frame)
            frame = next(self._incoming, None)

    def _adapter(self, frame: Any) -> Any:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._adapt is None or self._adapt[0] != shape:
            resampler = av.AudioResampler(self._shape[0], self._layout, self.sample_rate)
            self._adapt = shape, resampler
        return self._adapt[1]

    def _without_padding(self, filled: int) -> int:
        if self.format != "m4a" or self.promised_seconds is None:
            return filled
        excess = self.frames + filled - round(self.promised_seconds * self.sample_rate)
        return filled - excess if 0 < excess < min(filled, _LONGEST_PADDING) else filled

    def _buffer(self, planar: bool, length: int) -> Block:
        # Planar data stays planar in memory, seen as (frames, channels) by its strides.
        return np.empty((length, self.channels), np.float32, order="F" if planar else "C")

    def skim(self) -> float:
        seconds = self.seconds
        try:
            for packet in self._packets:
                if packet.duration:
                    seconds += float(packet.duration * packet.time_base)
                if self._stop_seconds is not None and seconds > self._stop_seconds:
                    break
        except (av.error.FFmpegError, OSError, ValueError):
            pass
        return seconds

    def close(self) -> None:
        self._packets = iter(())
        self._stack.close()


_CONVERT = "Pass an audio file, for example MP3, M4A, WAV, FLAC or Ogg."

# Sample format -> numpy's type, factor to full scale +-1 (None: float already), value of silence.
_SAMPLE_TYPES: dict[str, tuple[str, np.float32 | None, int]] = {
    "u8": ("u1", np.float32(2**-7), 128),
    "s16": ("i2", np.float32(2**-15), 0),
    "s32": ("i4", np.float32(2**-31), 0),
    "s64": ("i8", np.float32(2**-63), 0),
    "flt": ("f4", None, 0),
    "dbl": ("f8", None, 0),
}


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).split(":")[0]
