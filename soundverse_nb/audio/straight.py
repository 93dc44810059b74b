"""An intact song decoded inside FFmpeg in one go, without coming back to Python for each packet.

FFmpeg's filter "amovie" reads and decodes a file by itself, and passes over what it cannot decode without a
word. So its result only counts where it comes out exactly as long as the song's header proves, and without a
gap on the way; everything else raises Doubt, and the song is decoded packet by packet. While FFmpeg is at
work Python's lock is free for the thread that measures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.filter
import numpy as np

from soundverse_nb.audio.decoding import Block, Decoding, Doubt, End, Plane
from soundverse_nb.audio.sample_types import floats, is_planar, width
from soundverse_nb.audio.source import Source

if TYPE_CHECKING:
    from soundverse_nb.audio.decode_ffmpeg import FFmpegDecoding

# Containers whose headers prove the length. FLAC is not among them: its frames carry checksums, which
# amovie does not look at.
_DEMUXERS = {"mp3": "mp3", "mp4": "mov", "ogg": "ogg"}
# The file is copied into memory; a little more than the service takes.
_LARGEST = 16 * 1024 * 1024
_COPY_BYTES = 1 << 20
# A jump of the time stamps by more than this is a gap.
_GAP_SECONDS = 0.015
_NAMES = "/proc/self/fd"
_FILTERS = ("amovie", "asetnsamples", "abuffersink")


class StraightDecoding(Decoding):
    """The song that `careful` has opened; `copy` is its file in memory, to be closed with this."""

    leaves_room = True

    def __init__(self, careful: FFmpegDecoding, copy: int, seconds: float) -> None:
        super().__init__(careful.stop_seconds, None)
        self.clock = careful.clock
        self.sample_rate, self.channels = careful.sample_rate, careful.channels
        self.format, self.codec = careful.format, careful.codec
        self.promised_seconds = careful.promised_seconds
        self._copy = copy
        self._kind = (careful.sample_rate, careful.channels, careful.sample_format)
        self._sample_format = careful.sample_format
        self._expected = round(seconds * self.sample_rate)
        self._graph, self._sink = _graph(copy, self.format, careful.stream_index, careful.block_frames)

    def _pieces(self) -> Iterator[tuple[int, Any]]:
        began: float | None = None
        while (frame := self._next()) is not None:
            if (frame.sample_rate, frame.layout.nb_channels, frame.format.name) != self._kind:
                raise Doubt("it changes on the way")
            if frame.time is None:
                raise Doubt("its time stamps are missing")
            began = frame.time if began is None else began
            gap = frame.time - began - self.seconds
            if abs(gap) > _GAP_SECONDS:
                raise Doubt(f"{abs(gap):.2f} s are missing before {self.seconds:.1f} s")
            if self.frames + frame.samples > self._expected:
                raise Doubt("it is longer than its header says")
            yield frame.samples, frame
            if self.out_of_time():
                self.end = End.OUT_OF_TIME
                return
        if self.frames != self._expected:
            raise Doubt(f"{(self._expected - self.frames) / self.sample_rate:.2f} s are missing")

    def _next(self) -> Any:
        try:
            return self._sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return None
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise Doubt("FFmpeg does not get through it by itself") from error

    def planes(self, piece: Any) -> Sequence[Plane]:
        if not is_planar(self._sample_format):
            return super().planes(piece)
        size = width(self._sample_format) * piece.samples
        return [floats(memoryview(plane)[:size], self._sample_format) for plane in piece.planes]

    def block(self, piece: Any) -> Block:
        if is_planar(self._sample_format):
            return np.stack(self.planes(piece)).T
        size = width(self._sample_format) * piece.samples * self.channels
        return floats(memoryview(piece.planes[0])[:size], self._sample_format).reshape(piece.samples, -1)

    def interrupt(self) -> None:
        """End the file for FFmpeg, which cannot be spoken to while it looks for the next sound."""
        with suppress(OSError):
            os.ftruncate(self._copy, 0)

    def close(self) -> None:
        self._graph = self._sink = None
        os.close(self._copy)


def open_straight(
    careful: FFmpegDecoding, source: Source, seconds: Callable[[], float | None]
) -> StraightDecoding | None:
    """The song straight through, or None where it is not one to be decoded so."""
    if careful.format not in _DEMUXERS or not 0 < (source.size_bytes or 0) <= _LARGEST or not _is_possible():
        return None
    expected = seconds()
    if expected is None:
        return None
    copy = os.memfd_create("song", os.MFD_CLOEXEC)
    try:
        # In memory no other process can change it, nor put a pipe in its place.
        with source.open() as stream, open(copy, "wb", closefd=False) as file:
            shutil.copyfileobj(stream, file, _COPY_BYTES)
        return StraightDecoding(careful, copy, expected)
    except Exception:  # FFmpeg's errors, and whatever a foreign file object raises: the careful one can cope
        os.close(copy)
        return None


@cache
def _is_possible() -> bool:
    """Whether this FFmpeg has the filters, and this system files in memory that can be opened by a name."""
    if not hasattr(os, "memfd_create") or not os.path.isdir(_NAMES):
        return False
    return set(_FILTERS) <= set(av.filter.filters_available)


def _graph(copy: int, kind: str, stream_index: int, length: int) -> tuple[Any, Any]:
    """FFmpeg's graph from the file to frames of `length` samples, and its end, to pull them from."""
    graph = av.filter.Graph()
    nodes = [
        graph.add("amovie", filename=f"file:{_NAMES}/{copy}", stream_index=str(stream_index), dec_threads="1",
                  format_name=_DEMUXERS[kind], format_opts="protocol_whitelist=file"),
        graph.add("asetnsamples", nb_out_samples=str(length), pad="0"),
        graph.add("abuffersink"),
    ]  # fmt: skip
    for node, following in pairwise(nodes):
        node.link_to(following)
    graph.configure()
    return graph, nodes[-1]
