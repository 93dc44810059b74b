"""Sources of audio: path, bytes, file object, samples; checked to be an ordinary file or numbers.

Samples may lie either way round and be of any number type; everything else in the package sees float32, full
scale +-1.
"""

from __future__ import annotations

import io
import math
import os
import stat
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.given import Kind, address_refusal, described, display_name, local_path, recognise
from soundverse_nb.audio.reading import AudioError, ForeignFile, RegularFile, borrowed, refusal, shifted

MOST_CHANNELS = 1024


@dataclass(frozen=True)
class Samples:
    """An array with its rate; `values` keeps the user's own numbers, shape (channels, frames)."""

    values: NDArray[Any]
    sample_rate: int

    @property
    def channels(self) -> int:
        return int(self.values.shape[0])

    @property
    def frames(self) -> int:
        return int(self.values.shape[1])

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Frames start..stop as float32 (frames, channels), integers scaled to full scale +-1."""
        return scaled(self.values[:, start:stop]).T


def as_samples(values: Any, rate: Any) -> Samples:
    """Take an array of samples in, whichever way round it lies. Raises ValueError with a sentence.

    1-D is mono. In 2-D the shorter side is the channels: (2, 441000) and (441000, 2) are the same song.
    scipy's order, (rate, samples), is understood too.
    """
    if _is_one_number(values) and not _is_one_number(rate):
        values, rate = rate, values
    try:
        if isinstance(rate, (bool, np.bool_, str, bytes)):
            raise TypeError
        hertz = float(rate)
    except Exception:  # a foreign __float__ may raise anything
        raise ValueError("The sample rate is not a number.") from None
    if not math.isfinite(hertz) or not 1 <= hertz < 2**31:
        raise ValueError(f"A sample rate of {hertz:g} Hz is not possible.")
    try:
        # What is masked out of an array counts as silence.
        array = values.filled(0) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    except Exception:  # a foreign __array__ may raise anything
        raise ValueError("The samples are not an array of numbers.") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"Samples of type {array.dtype} are not numbers of a sound.")
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise ValueError(f"Samples must be 1-D or 2-D, not {array.ndim}-D.")
    if not array.size:
        return Samples(np.zeros((1, 0), np.float32), round(hertz))
    if array.shape[0] > array.shape[1]:
        array = array.T
    if array.shape[0] > MOST_CHANNELS:
        raise ValueError(f"{array.shape[0]} channels are too many.")
    return Samples(array, round(hertz))


def _is_one_number(value: Any) -> bool:
    """Whether this may be a rate: whatever else it is, it has no length."""
    try:
        return np.ndim(value) == 0
    except Exception:  # a foreign __array__ may raise anything
        return False


def scaled(values: NDArray[Any]) -> NDArray[np.float32]:
    """Samples of any number type as float32 with full scale +-1 (unsigned types are centred)."""
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(values, dtype=np.float32)
    full = 2.0 ** (bits - 1)
    offset = full if kind == "u" else 0.0
    if bits <= 16:
        return (values.astype(np.float32) - np.float32(offset)) * np.float32(1 / full)
    return ((values.astype(np.float64) - offset) / full).astype(np.float32)


# Largest stream without random access that is taken into memory (six times the service's limit).
_LARGEST_COPY = 64 * 1024 * 1024

_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


@dataclass(frozen=True)
class Source:
    """One song, checked to be an ordinary file (or samples) but not yet read.

    `name` is for showing (printable, but not escaped for HTML); `place` is the path as text, None for
    anything without a place on disk; `size_bytes` is None for samples, which have no file yet.
    """

    name: str
    place: str | None = None
    size_bytes: int | None = None
    samples: Samples | None = field(default=None, repr=False)
    _content: bytes | memoryview | None = field(default=None, repr=False)
    _file: Any = field(default=None, repr=False)
    _whole: Source | None = field(default=None, repr=False)
    _lead: int = 0

    @cached_property
    def path(self) -> Path | None:
        """The place on disk."""
        return None if self.place is None else Path(self.place)

    @property
    def is_samples(self) -> bool:
        return self.samples is not None

    def behind(self, lead: int) -> Source:
        """The same song as if its file began so many bytes later."""
        if not lead:
            return self
        return replace(self, place=None, size_bytes=(self.size_bytes or 0) - lead, _whole=self, _lead=lead)

    def open(self) -> AbstractContextManager[BinaryIO]:
        """The file's content from its start, for a `with`: readable, seekable, put back as it was afterwards.

        Raises AudioError where it cannot be opened.
        """
        if self._whole is not None:
            return shifted(self._whole.open(), self._lead)
        if self.place is not None:
            return _open_regular(self.place, self.name)
        if self._content is not None:
            return io.BytesIO(self._content)
        if self._file is not None:
            return borrowed(self._file, self.name, self.size_bytes or 0)
        raise refusal("unreadable", f"{self.name} is not a file.", "Read its samples instead.")

    def content(self) -> bytes:
        """All of the file. Raises AudioError where it cannot be read to its end."""
        with self.open() as stream:
            return stream.read()


def open_source(source: Any) -> Source:
    """Check a song: path, bytes, open binary file, or (samples, rate).

    Raises AudioError with `.code` one of missing, not_a_file, empty, unreadable.
    """
    if isinstance(source, Source):
        return source
    given = recognise(source)
    if given.kind is Kind.BYTES:
        return _from_bytes(source)
    if given.text is not None:
        return _from_path(given.text)
    if given.kind is Kind.SAMPLES:
        return _from_samples(source[0], source[1])
    if given.kind is Kind.OPEN_FILE:
        return _from_file(source, given.name)
    if isinstance(source, os.PathLike):
        raise refusal("unreadable", f"{described(source)} has no usable path.", "Pass the path itself.")
    raise refusal(
        "unreadable",
        f"{described(source)} is not a song.",
        "Pass a path, bytes, a file opened with 'rb', or (samples, rate).",
    )


def _from_path(raw: str) -> Source:
    raw = local_path(raw) or raw
    if not raw:
        raise refusal("missing", "The path is empty.", "Pass the path of an audio file.")
    if (":" in raw or raw[0] in "~\\") and not _exists(raw):
        address = address_refusal(raw)
        if address is not None:
            raise address
        raw = os.path.expanduser(raw)
    name = display_name(os.path.basename(raw) or Path(raw).name or raw)
    size = _status(raw, name).st_size
    if size == 0:
        raise refusal("empty", f"{name} is empty (0 bytes).", "Pass a file that holds audio.")
    return Source(name, raw, size)


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # not a possible name
        return False


def _from_bytes(source: bytes | bytearray | memoryview) -> Source:
    try:
        view = memoryview(source).cast("B")
    except TypeError:  # not contiguous
        view = memoryview(bytes(source))
    if not view.nbytes:
        raise refusal("empty", "The bytes are empty.", "Pass the content of an audio file.")
    return Source(name=f"{view.nbytes:,} bytes", size_bytes=view.nbytes, _content=view)


def _from_samples(samples: Any, rate: Any) -> Source:
    hint = "Pass (samples, rate): a 1-D or 2-D array of numbers and a rate in Hz."
    try:
        taken = as_samples(samples, rate)
    except ValueError as error:
        raise refusal("unreadable", str(error), hint) from None
    except Exception:  # a foreign array may raise anything, whatever it is asked
        raise refusal("unreadable", "The samples are not an array of numbers.", hint) from None
    if taken.frames == 0:
        raise refusal("empty", "There are no samples.", "Pass an array that holds audio.")
    return Source(name=f"{taken.frames:,} samples at {taken.sample_rate:,} Hz", samples=taken)


def _from_file(source: Any, name: str) -> Source:
    try:
        _refuse_special(source, name)
        before = source.tell()
        try:
            source.seek(0)
            head = source.read(1)
            if isinstance(head, str):
                raise refusal("unreadable", f"{name} is open as text.", "Open it with open(path, 'rb').")
            if not head:
                raise refusal("empty", f"{name} is empty (0 bytes).", "Pass a file that holds audio.")
            try:
                size = source.seek(0, os.SEEK_END)
                size = int(source.tell() if size is None else size)
            except (OSError, ValueError):  # for example gzip: readable from the front only
                source.seek(0)
                content = ForeignFile(source, name).read(_LARGEST_COPY + 1)
                if len(content) > _LARGEST_COPY:
                    raise refusal(
                        "unreadable", f"{name} is too large to take into memory.", "Save it to a file first."
                    ) from None
                return Source(name=name, size_bytes=len(content), _content=content)
        finally:
            source.seek(before)
    except AudioError:
        raise
    except Exception:  # a foreign file object may raise anything: closed, a pipe, a broken read
        raise refusal(
            "unreadable", f"{name} cannot be read and rewound.", "Pass a file opened with 'rb', or its bytes."
        ) from None
    return Source(name=name, size_bytes=size, _file=source)


def _refuse_special(source: Any, name: str) -> None:
    temporary = sys.modules.get("tempfile")  # whoever has such a file has loaded it
    if temporary is not None and isinstance(source, temporary.SpooledTemporaryFile):
        return  # asking for its number would write it to disk
    try:
        mode = os.fstat(source.fileno()).st_mode
    except (OSError, ValueError, AttributeError, TypeError):
        return
    if not stat.S_ISREG(mode):
        raise _not_a_file(name, mode)


def _status(path: str, name: str) -> os.stat_result:
    """What the file is, without opening it: to open a tape or a pipe has effects."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise _unopened(error, name) from None
    if not stat.S_ISREG(found.st_mode):
        raise _not_a_file(name, found.st_mode)
    return found


def _open_regular(path: str, name: str) -> BinaryIO:
    """Open an ordinary file; refuse anything else by fstat, before a byte is read."""
    # Its kind was looked at before; non-blocking, so that a pipe put in its place since cannot hang us.
    try:
        number = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise _unopened(error, name) from None
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        raise _not_a_file(name, mode)
    file = RegularFile(number, "rb")
    file.song = name
    return cast(BinaryIO, file)


def _unopened(error: OSError | ValueError, name: str) -> AudioError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return refusal("missing", f"There is no file {name}.", "Check the path.")
    reason = getattr(error, "strerror", None) or "not a possible file name"
    return refusal("unreadable", f"{name} cannot be read: {reason}.", "Check its permissions.")


def _not_a_file(name: str, mode: int) -> AudioError:
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    kind = next((word for test, word in kinds if test(mode)), "a device")
    hint = "Pass an audio file."
    if stat.S_ISDIR(mode):
        hint = "Pass one file of it, or call sv.preflight_all() for all."
    return refusal("not_a_file", f"{name} is {kind}, not a file.", hint)
