"""Filter graph: an intact song decoded inside FFmpeg in one go, without a loop of Python's over packets.

FFmpeg's filter "amovie" reads and decodes a file by itself, and passes silently over what it cannot decode.
So its result only counts where there is no gap on the way, and where the song comes out exactly as long as
its header proves; if that proves nothing, the end is decoded again and checked. Everything else raises
FastPathRejected, and the song is decoded packet by packet. While FFmpeg is at work Python's lock is free for
the thread that measures.

What that buys, measured with other work on both processors, of a whole measurement: of 264 ms 109 (MP3, 291 s
at 22 kHz), of 180 ms 9 (Ogg, 179 s), of 730 ms 208 (Ogg, 348 s), of 580 ms 62 (FLAC, 348 s); on idle
processors 14 to 71 ms of 110 to 330.
"""

from __future__ import annotations

import gc
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import Any, BinaryIO, cast

import av
import av.error
import av.filter
import numpy as np

from soundverse_nb.audio.decode.base import (
    IS_LITTLE,
    Block,
    Decoding,
    End,
    FastPathRejected,
    Plane,
    ScratchArrays,
    floats,
    is_planar,
    planes_of_frame,
    release_layout,
    stereo_planes,
    width,
)
from soundverse_nb.audio.decode.ffmpeg import LENIENT_TAGS, FFmpegDecoding
from soundverse_nb.audio.decode.integrity import FlacChecksum, flac_checksum
from soundverse_nb.audio.source import Source

_PROVEN = ("mp3", "mp4", "ogg", "flac")
# Containers whose headers may prove nothing, and whose songs end where their data does.
_UNPROVEN = ("mp3", "adts", "matroska", "webm", "asf")
# The file is copied into memory; a little more than the service takes.
_LARGEST = 16 * 1024 * 1024
# Building a graph and a second thread take longer than the packets of so little.
_SMALLEST = 64 * 1024
_COPY_BYTES = 1 << 20
# A jump of the time stamps by more than this is a gap.
_GAP_SECONDS = 0.015
# So much of the end is decoded again, and this much earlier it may begin.
_TAIL_SECONDS = 4.0
_TAIL_SLACK = 20.0
# More have their planes where PyAV does not look.
_MOST_CHANNELS = 8
# Times the time limit, for songs whose length is known without decoding.
_MORE_TIME = 1.4
_NAMES = "/proc/self/fd"
_FILTERS = ("amovie", "asetnsamples", "abuffersink")


class FiltergraphDecoding(Decoding):
    """The song that `fallback` has opened; `copy` is its file in memory, to be closed with this.

    `seconds` is its length, if the header proves it.
    """

    def __init__(
        self, fallback: FFmpegDecoding, copy: io.FileIO, seconds: float | None, checksum: FlacChecksum | None
    ) -> None:
        super().__init__(fallback.stop_seconds, None)
        self.limit = fallback.limit
        self.sample_rate, self.channels = fallback.sample_rate, fallback.channels
        self.format, self.codec, self.lead = fallback.format, fallback.codec, fallback.lead
        self.tracks, self.track = fallback.tracks, fallback.track
        self.promised_seconds = fallback.promised_seconds
        self._fallback, self._copy = fallback, copy
        self._closing = Lock()
        self._checksum = checksum
        self._kind = (fallback.sample_rate, fallback.channels, fallback.sample_format)
        self._sample_format = fallback.sample_format
        self._scratch = [ScratchArrays(), ScratchArrays()]
        self._expected = None if seconds is None else round(seconds * self.sample_rate)
        self._name = f"file:{_NAMES}/{copy.fileno()}"
        self._graph, self._sink = _graph(
            self._name, fallback.demuxer, fallback.stream_index, fallback.block_frames
        )

    def _pieces(self) -> Iterator[tuple[int, Any]]:
        began: float | None = None
        while (frame := self._next()) is not None:
            if (frame.sample_rate, frame.layout.nb_channels, frame.format.name) != self._kind:
                raise FastPathRejected("it changes on the way")
            if frame.time is None:
                raise FastPathRejected("its time stamps are missing")
            began = frame.time if began is None else began
            gap = frame.time - began - self.seconds
            if abs(gap) > _GAP_SECONDS:
                raise FastPathRejected(f"{abs(gap):.2f} s are missing before {self.seconds:.1f} s")
            if self._expected is not None and self.frames + frame.samples > self._expected:
                raise FastPathRejected("it is longer than its header says")
            yield frame.samples, frame
            if self.out_of_time():
                self.end = End.OUT_OF_TIME
                return
        if self._expected is None:
            if self._fallback.falls_short((began or 0.0) + self.seconds):
                raise FastPathRejected("it ends before its header says so")
            if self._fallback.container_fault(began, (began or 0.0) + self.seconds) is not None:
                raise FastPathRejected("its container is damaged")
            if not self._ends_well((began or 0.0) + self.seconds):
                raise FastPathRejected("its end cannot be decoded")
        elif self.frames != self._expected:
            raise FastPathRejected(f"{(self._expected - self.frames) / self.sample_rate:.2f} s are missing")

    def _ends_well(self, end: float) -> bool:
        """Whether the last seconds can be decoded without a complaint, and end at this time stamp."""
        try:
            with av.open(self._name, format=self._fallback.demuxer, **LENIENT_TAGS) as container:
                stream = container.streams[self._fallback.stream_index]
                release_layout(stream.codec_context)
                wanted = end - _TAIL_SECONDS
                if wanted > 0:
                    container.seek(round(wanted * 1e6))
                time: float | None = None
                for packet in container.demux(stream):
                    if packet.pts is not None and float(packet.pts * packet.time_base) < wanted - _TAIL_SLACK:
                        return False
                    try:
                        frames = packet.decode()
                    except Exception:
                        if time is not None:
                            return False
                        continue  # it may need what lies before
                    for frame in frames:
                        begins = time if frame.time is None else frame.time  # the last may have no stamp
                        time = None if begins is None else begins + frame.samples / frame.sample_rate
        except Exception:
            return False
        return time is not None and abs(time - end) <= _GAP_SECONDS

    def _next(self) -> Any:
        try:
            return self._sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return None
        except Exception as error:
            raise FastPathRejected("FFmpeg does not get through it by itself") from error

    def add_helper_time(self, seconds: float) -> None:
        """Count what a second thread worked in all, in seconds, as far as the time limit is concerned."""
        if self.limit is not None:
            self.limit.helper_seconds = seconds

    def verify(self) -> None:
        """To be called when all pieces have been looked at; raises FastPathRejected as iterating does."""
        if self._checksum is not None and self.end is End.COMPLETE and not self._checksum.matches():
            raise FastPathRejected("its checksum is that of other samples")

    def planes(self, piece: Any) -> Sequence[Plane]:
        if self._checksum is not None:
            self._checksum.add(self._interleaved(piece))
        if self._sample_format == "s16" and self.channels == 2 and IS_LITTLE:
            samples = np.frombuffer(self._interleaved(piece), np.int16).reshape(-1, 2)
            return stereo_planes(samples, self._scratch)
        if not is_planar(self._sample_format):
            return super().planes(piece)
        size = width(self._sample_format) * piece.samples
        planes = planes_of_frame(piece, self.channels)
        return [floats(memoryview(plane)[:size], self._sample_format) for plane in planes]

    def block(self, piece: Any) -> Block:
        if is_planar(self._sample_format):
            return np.stack(self.planes(piece)).T
        return floats(self._interleaved(piece), self._sample_format).reshape(piece.samples, -1)

    def _interleaved(self, piece: Any) -> memoryview:
        size = width(self._sample_format) * piece.samples * self.channels
        return memoryview(piece.planes[0])[:size]

    def estimate_seconds(self) -> float:
        seconds = self._fallback.estimate_seconds()
        self.has_rest = self._fallback.has_rest
        return max(seconds, self.seconds)

    def out_of_time(self) -> bool:
        # Where the length is proven no time has to be kept for finding it.
        return self.limit is not None and self.limit.is_reached(1.0 if self._expected is None else _MORE_TIME)

    def interrupt(self) -> bool:
        """End the file for FFmpeg, which cannot be stopped while it looks for the next sound.

        Called from another thread. False where it is closed already.
        """
        # Under the lock, lest the number be another file's by now.
        with self._closing:
            if self._copy.closed:
                return False
            self._copy.truncate(0)
            return True

    def close(self) -> None:
        self._graph = self._sink = None
        gc.collect(1)  # from PyAV 19 on a graph and its filters hold each other, and the file
        with self._closing:
            self._copy.close()


def open_filtergraph(
    fallback: Decoding, source: Source, seconds: Callable[[], float | None]
) -> FiltergraphDecoding | None:
    """The song that `fallback` has opened, for decoding in one go; None where it is not one for that."""
    if not isinstance(fallback, FFmpegDecoding):
        return None
    if not _SMALLEST < (source.size_bytes or 0) <= _LARGEST or not _is_possible():
        return None
    if fallback.channels > _MOST_CHANNELS or fallback.had_table:
        return None
    expected = seconds() if fallback.format in _PROVEN else None
    if expected is None and (fallback.format not in _UNPROVEN or fallback.codec.startswith("pcm_")):
        return None
    stop = fallback.stop_seconds
    if fallback.codec == "flac" and fallback.format != "flac":
        return None  # no header there has the checksum of its sound
    if fallback.format == "flac" and (expected is None or (stop is not None and expected > stop)):
        return None  # its checksum is that of the whole song
    copy = None
    try:
        # An object that closes itself, if need be, when Ctrl-C comes at the worst moment.
        copy = io.FileIO(os.memfd_create("song", os.MFD_CLOEXEC), "r+")
        with source.open() as stream:
            _copy(stream, copy, fallback.file_begin)
        if fallback.file_end is not None:
            copy.truncate(fallback.file_end - fallback.file_begin)
        checksum = None
        if fallback.format == "flac":
            checksum = flac_checksum(cast("BinaryIO", copy), source.size_bytes or 0)
            if checksum is None or checksum.sample_format != fallback.sample_format:
                # Without it, the checksums of its frames have to be looked at, which amovie does not.
                raise FastPathRejected("it has no checksum")
        return FiltergraphDecoding(fallback, copy, expected, checksum)
    except Exception:  # FFmpeg's errors, and whatever a foreign file object raises: the fallback can cope
        if copy is not None:
            copy.close()
        return None


def _copy(stream: BinaryIO, copy: io.FileIO, begin: int) -> None:
    """The file from `begin` into memory, where no other process can change it or put a pipe in its place."""
    if isinstance(stream, io.FileIO):
        while sent := os.sendfile(copy.fileno(), stream.fileno(), begin, _LARGEST):
            begin += sent
    else:
        stream.seek(begin)
        with open(copy.fileno(), "wb", closefd=False) as file:
            shutil.copyfileobj(stream, file, _COPY_BYTES)


@cache
def _is_possible() -> bool:
    """Whether this FFmpeg has the filters, and this system files in memory that can be opened by a name."""
    if not hasattr(os, "memfd_create") or not os.path.isdir(_NAMES):
        return False
    return set(_FILTERS) <= set(av.filter.filters_available)


def _graph(name: str, demuxer: str, stream_index: int, length: int) -> tuple[Any, Any]:
    """FFmpeg's graph from the file to frames of `length` samples, and its end, to pull them from."""
    graph = av.filter.Graph()
    nodes = [
        graph.add("amovie", filename=name, stream_index=str(stream_index), dec_threads="1",
                  format_name=demuxer, format_opts="protocol_whitelist=file"),
        graph.add("asetnsamples", nb_out_samples=str(length), pad="0"),
        graph.add("abuffersink"),
    ]  # fmt: skip
    for node, following in pairwise(nodes):
        node.link_to(following)
    graph.configure()
    return graph, nodes[-1]
