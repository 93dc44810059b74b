"""Decoding: what all decoders have in common, and FFmpeg's sample formats as numpy arrays."""

from __future__ import annotations

import ctypes
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from soundverse_nb.audio.reading import AudioError

# Sample format -> numpy's type, factor to full scale +-1, value of silence.
_TYPES: dict[str, tuple[str, float, int]] = {
    "u8": ("u1", 2**-7, 128),
    "s16": ("i2", 2**-15, 0),
    "s32": ("i4", 2**-31, 0),
    "s64": ("i8", 2**-63, 0),
    "flt": ("f4", 1.0, 0),
    "dbl": ("f8", 1.0, 0),
}
_ONE_TOO_MANY = 8


def is_planar(name: str) -> bool:
    """Whether each channel has a plane of its own; otherwise their samples take turns in one."""
    return name.endswith("p")


def width(name: str) -> int:
    """Bytes a sample."""
    return np.dtype(_TYPES[name.removesuffix("p")][0]).itemsize


def floats(data: Any, name: str) -> Block:
    """A buffer of samples as float32 with full scale +-1: the buffer itself where it holds these already."""
    dtype, factor, silence = _TYPES[name.removesuffix("p")]
    values = np.frombuffer(data, dtype)
    if dtype == "f4":
        return values
    scaled: Block = np.multiply(values, np.float32(factor), dtype=np.float32, casting="unsafe")
    if silence:
        scaled -= np.float32(silence * factor)
    return scaled


def planes_of_frame(frame: Any, channels: int) -> Sequence[Any]:
    """The planes of a planar frame. PyAV looks for a ninth where there are eight, and from 19 on raises."""
    if channels != _ONE_TOO_MANY:
        planes: Sequence[Any] = frame.planes
        return planes
    return [AudioPlane(frame, channel) for channel in range(channels)]


def joined(frames: Sequence[Any], name: str, channels: int) -> Block:
    """Frames of one sample format as one block, float32 (frames, channels); planar data stays planar."""
    count = sum(frame.samples for frame in frames)
    size = width(name)
    if not is_planar(name):
        parts = [memoryview(frame.planes[0])[: size * channels * frame.samples] for frame in frames]
        return floats(bytearray().join(parts), name).reshape(count, -1)
    planes: list[list[memoryview]] = [[] for _ in range(channels)]
    gather = [plane.append for plane in planes]
    for frame in frames:
        end = size * frame.samples
        for put, part in zip(gather, planes_of_frame(frame, channels)):  # noqa: B905  (strict costs)
            put(memoryview(part)[:end])
    return floats(bytearray().join(chain.from_iterable(planes)), name).reshape(-1, count).T


# FFmpeg's names in the order of its own layouts (libavutil/channel_layout.h).
_IN_ORDER = (
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR",
    "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
)  # fmt: skip
# "5.1(side)", "6 channels" and "ambisonic 1" are FFmpeg's own; "6 channels (FL+FC+...)" may be a table.
_WITHOUT_TABLE = re.compile(r"\S+|\d+ channels|ambisonic \d+")


def release_layout(codec_context: Any) -> tuple[bool, list[int] | None]:
    """Take a layout that has a table from a decoder that is not open yet.

    Returns whether it had one, and the channels' places in FFmpeg's own order, if they are in another.
    """
    layout = codec_context.layout
    name, count = layout.name, layout.nb_channels
    if _WITHOUT_TABLE.fullmatch(name):
        return False, None
    try:
        order = _places([channel.name for channel in layout.channels])
    finally:
        # Whatever happens: once looked at, the table may be freed with `layout`.
        codec_context.layout = av.AudioLayout(f"{count} channels")
    return True, order


def have_tables(frames: Iterable[Any]) -> bool:
    """Whether the decoder itself gave its frames such a layout, which is then never freed by PyAV.

    That loses some bytes a frame; to free them twice would lose the process.
    """
    found = [frame.layout for frame in frames if not _WITHOUT_TABLE.fullmatch(frame.layout.name)]
    for layout in found:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return bool(found)


def _places(names: list[str]) -> list[int] | None:
    if not set(names) <= set(_IN_ORDER) or len(set(names)) < len(names):
        return None
    order = sorted(range(len(names)), key=lambda channel: _IN_ORDER.index(names[channel]))
    return order if order != sorted(order) else None


Block = NDArray[np.float32]
# One channel: contiguous, as numpy works quickly along contiguous memory only.
Plane = NDArray[np.float32]

# 0.7 s at 48 kHz: large enough that Python's share is small, small enough that memory stays flat.
BLOCK_FRAMES = 32768
_BLOCK_VALUES = 1 << 20
# Waiting counts from so many times the limit on.
_WAIT_FACTOR = 6.0
_COUNTING_SECONDS = 0.35  # for counting packets once the time limit is reached


class ScratchArrays:
    """Arrays by name, to be used again: fresh memory costs more than the sums in it.

    An array is overwritten when its name is asked for again; one thread at a time.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def array(self, name: str, size: int, dtype: Any = np.float32) -> NDArray[Any]:
        """One dimension, `size` elements of any value."""
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.empty(size, dtype)
        return array[:size]


IS_LITTLE = sys.byteorder == "little"


def stereo_planes(piece: NDArray[Any], scratch: Sequence[ScratchArrays]) -> list[Plane]:
    """Left and right of 16-bit samples (frames, 2), from both channels' samples as one number.

    numpy is quick along contiguous memory only. For machines that are little-endian; the samples may be
    either. What comes out lies in the two of `scratch`.
    """
    pairs = piece.view(np.int32)[:, 0]
    is_swapped = piece.dtype.byteorder == ">"
    if is_swapped:
        pairs = pairs.byteswap()  # and left and right change places
    values = scratch[0].array("values", len(piece), np.int32)
    planes = [each.array("plane", len(piece)) for each in scratch]
    for plane, is_low in zip(planes, (not is_swapped, is_swapped), strict=True):
        if is_low:
            np.left_shift(pairs, 16, out=values)
        else:
            np.bitwise_and(pairs, -65536, out=values)
        np.multiply(values, np.float32(2**-31), out=plane, dtype=np.float32, casting="unsafe")
    return planes


class FastPathRejected(Exception):  # noqa: N818  (nothing is wrong yet)
    """A quick decoding met something that it is not made for. The text says what."""


class End(str, Enum):
    """How the decoding came to its end."""

    OPEN = "open"  # not there yet
    COMPLETE = "complete"  # the song's last frame was decoded
    STOPPED = "stopped"  # `stop_seconds` was reached
    OUT_OF_TIME = "out_of_time"
    BROKEN = "broken"  # the data did not allow to go on


class TimeLimit:
    """A limit to this thread's work, in seconds of processor time.

    Waiting counts for nothing until it is `_WAIT_FACTOR` times the limit, so that a busy machine spoils no
    verdict; and even then half of the work must be done.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._work, self._wait = time.thread_time(), time.monotonic()
        self.helper_seconds = 0.0
        """What a second thread worked meanwhile, in seconds; the longer of the two counts."""

    def is_reached(self, times: float = 1.0) -> bool:
        """Whether the limit, or so many times the limit, is reached."""
        waited = time.monotonic() - self._wait
        limit = times * self._limit
        if max(waited, self.helper_seconds) <= limit:
            return False  # no thread works longer than it lasts, and asking for its time costs a system call
        work = max(time.thread_time() - self._work, self.helper_seconds)
        return work > limit or (work > limit / 2 and waited > _WAIT_FACTOR * limit)


class Decoding(ABC):
    """Iterate for blocks of float32, shape (frames, channels), full scale +-1 (lossy formats may exceed it).

    Use as a context manager. `frames` counts what has been yielded so far. Damage never raises while
    iterating: what can be decoded is yielded, `damage` says what was wrong first, `end` how it ended, and
    `cut_short` whether the last piece of the data was incomplete. Only a file whose reading fails raises, an
    AudioError "unreadable", once all before that place has been yielded. After estimate_seconds(),
    `has_rest` says whether there was anything left that has not been decoded.
    """

    sample_rate: int
    channels: int
    format: str
    codec: str
    promised_seconds: float | None = None
    damage: str | None = None
    cut_short: bool = False
    has_rest: bool = False
    tracks: int = 1
    """Tracks of sound in the file, of which number `track` (from 0) is the one that is decoded."""
    track: int = 0
    end: End = End.OPEN
    frames: int = 0
    lead: int = 0
    """Bytes before the song that do not belong to it, and were passed over."""
    block_frames: int
    """Frames that a piece has at most, or a little more; may be set before the first is taken."""
    by_packets: bool = False
    """Whether FFmpeg decodes it packet by packet in Python's loop; its own loop may be quicker."""

    def __init__(self, stop_seconds: float | None, time_limit: float | None) -> None:
        self.stop_seconds = stop_seconds
        self.limit = None if time_limit is None else TimeLimit(time_limit)

    @property
    def seconds(self) -> float:
        """Length decoded so far, in seconds."""
        return self.frames / self.sample_rate

    def __enter__(self) -> Decoding:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Block]:
        for piece in self.pieces():
            yield self.block(piece)

    def pieces(self) -> Iterator[Any]:
        """The song as the decoder leaves it, piece by piece, for block() to put into shape.

        That may be done on another thread; piece by piece, in order.
        """
        for frames, piece in self._pieces():
            self.frames += frames
            yield piece
            if self.stop_seconds is not None and self.seconds > self.stop_seconds:
                self.end = End.STOPPED
                break
        self.check_reads()
        if self.end is End.OPEN:
            self.end = End.COMPLETE

    def read_error(self) -> AudioError | None:
        """The error for a file that could not be read to its end, None where it could."""
        return None

    def check_reads(self) -> None:
        """Refuse a song that could not be read: what is behind the place is unknown, and not damage."""
        error = self.read_error()
        if error is not None:
            raise error

    def planes(self, piece: Any) -> Sequence[Plane]:
        """The channels of a piece, in the decoder's own memory: not to be written to, nor array."""
        return planes_of(self.block(piece))

    def out_of_time(self) -> bool:
        """Whether the time limit is reached; a decoder asks between pieces of work, and then ends."""
        return self.limit is not None and self.limit.is_reached()

    def estimate_seconds(self) -> float:
        """After running out of time: the length in seconds as far as it can be told without decoding."""
        return self.promised_seconds or self.seconds

    def _counting_limit(self) -> TimeLimit | None:
        return None if self.limit is None else TimeLimit(_COUNTING_SECONDS)

    @abstractmethod
    def block(self, piece: Any) -> Block:
        """A piece as a fresh block."""

    @abstractmethod
    def _pieces(self) -> Iterator[tuple[int, Any]]:
        """Yield each piece with its frames; set `end` and `damage` where the data forbids to go on."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the decoder holds."""


def block_length(block_frames: int, channels: int) -> int:
    """Frames in a block, fewer where there are many channels, so that a block stays within 4 MB."""
    return max(1, min(block_frames, _BLOCK_VALUES // max(1, channels)))


def planes_of(block: Block) -> list[NDArray[np.float32]]:
    """The channels of a block, each contiguous: numpy reduces quickly along contiguous memory only.

    Planar blocks are not copied; taking interleaved channels apart is cheaper than reducing across them.
    """
    if block.shape[1] == 1 or block.strides[0] == block.itemsize:
        return [np.ascontiguousarray(block[:, channel]) for channel in range(block.shape[1])]
    return list(np.ascontiguousarray(block.T))


def segment(blocks: Iterable[Block], rate: int, start: float, stop: float | None) -> Iterator[Block]:
    """The part of consecutive blocks between two times in seconds; nothing beyond it is asked for."""
    first, last = round(start * rate), None if stop is None else round(stop * rate)
    at = 0
    for block in blocks:
        part = block[max(0, first - at) : None if last is None else max(0, last - at)]
        at += len(block)
        if len(part):
            yield part
        if last is not None and at >= last:
            return
