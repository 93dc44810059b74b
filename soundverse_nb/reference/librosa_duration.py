"""librosa.get_duration of a song, asked when it is wanted, beside the decoded length.

librosa asks libsndfile for the length in the file's header, and an ffmpeg program where libsndfile does not
read the file. Of that it warns, and that nobody has to see: it is asked in a process of its own then, as what
is done with warnings holds for a whole process. Importing librosa takes seconds, so nothing here does until
somebody asks.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import soundfile

from soundverse_nb.audio.reading import AudioError
from soundverse_nb.audio.source import Source
from soundverse_nb.audio.worker_process import DiedError, NotStartedError, WorkerProcess, is_worker
from soundverse_nb.reference.facts import Limits, storable

TOLERANCE_SECONDS = 0.005
_LONGEST_SECONDS = 7 * 24 * 3600.0
"""A song that was not decoded to its end may be longer, but no file that anybody hears lasts weeks."""

_REASONS = {
    "mp3": "it believes the frame count in the MP3's header, or without one guesses from the first frames",
    "flac": "it believes the FLAC's header, which a streaming encoder leaves empty",
    "ogg": "it reads one link of a chained Ogg, or no length at all",
    "wav": "it believes the size in the WAV's header",
    "aiff": "it believes the size in the AIFF's header",
}
# FFmpeg's names of what libsndfile reads besides.
_READ_BY_LIBSNDFILE = {*_REASONS, "au", "caf", "w64", "voc", "samples"}
_NO_PROGRAM = (
    "libsndfile does not read {}; librosa then needs an ffmpeg program, and keeps few decimals of its answer"
)
_FROM_PROGRAM = "libsndfile does not read {}, and the ffmpeg program's answer has few decimals"
_NOT_HERE = "the song itself does not travel with a report that is pickled"


@dataclass(frozen=True)
class LibrosaDuration:
    """librosa's answer in seconds (None: it has none) beside the decoded length (None: nothing decodes).

    `differs` where it is off by more than 5 ms, or missing; `flips` where the verdict on the length would be
    the opposite; `reason` says why.
    """

    duration: float | None
    decoded: float | None
    differs: bool
    flips: bool
    reason: str = ""

    @property
    def sentence(self) -> str:
        if not self.differs:
            return "librosa.get_duration agrees."
        if self.duration is None:
            return f"librosa.get_duration has no answer of its own: {self.reason}."
        verdict = "; its verdict would be the opposite" if self.flips else ""
        return f"librosa.get_duration says {format_seconds(self.duration)}: {self.reason}{verdict}."

    def model_dump(self) -> dict[str, Any]:
        names = ("duration", "decoded", "differs", "flips", "reason")
        return {name: storable(getattr(self, name)) for name in names}


class LibrosaQuestion:
    """A song about which librosa can be asked: once, and by whoever reads `answer` first.

    Until then it holds on to bytes and file objects that the song was given as. Where it is pickled, only a
    path goes along.
    """

    def __init__(
        self,
        source: Source,
        decoded: float | None,
        goes_on: bool,
        kind: str | None,
        limits: Limits,
        tolerance: float = TOLERANCE_SECONDS,
    ) -> None:
        self._source: Source | None = _lasting(source)
        self._beside = decoded, goes_on, kind or "the file", limits, tolerance
        self._answer: LibrosaDuration | None = None

    @property
    def known(self) -> LibrosaDuration | None:
        """The answer, if somebody has asked."""
        return self._answer

    @property
    def answer(self) -> LibrosaDuration:
        """What librosa says. The first call takes seconds, if librosa is not imported yet."""
        source = self._source  # read before the answer: it is let go only after that is known
        if self._answer is None:
            seconds, reason = (None, _NOT_HERE) if source is None else ask_librosa(source)
            decoded, goes_on, kind, limits, tolerance = self._beside
            self._answer = compare(seconds, decoded, goes_on, kind, limits, reason, tolerance)
            self._source = None
        return self._answer

    def __getstate__(self) -> dict[str, Any]:
        has_path = self._source is not None and self._source.place is not None
        return {**vars(self), "_source": self._source if has_path else None}


def _lasting(source: Source) -> Source:
    """The source as it may be kept: an absolute path, and of samples the shape, all that librosa looks at."""
    if source.samples is not None:
        shape = np.broadcast_to(np.float32(0), source.samples.values.shape)
        return replace(source, samples=replace(source.samples, values=shape))
    if source.place is not None and not os.path.isabs(source.place):
        with suppress(OSError):  # the working directory was deleted
            return replace(source, place=os.path.abspath(source.place))
    return source


def ask_librosa(source: Source) -> tuple[float | None, str]:
    """librosa.get_duration in seconds, or None and the reason why it has no answer ("" for the usual one).

    What libraries below librosa write to standard error is left alone.
    """
    try:
        if source.samples is not None:
            return _get_duration(y=source.samples.values, sr=source.samples.sample_rate)
        with _as_path(source) as path:
            if is_worker() or _is_read_by_libsndfile(path):
                return _get_duration(path=path)
            with WorkerProcess() as process:
                return process.call(_get_duration_of, path)
    except AudioError:
        return None, "the song cannot be read any more"
    except (NotStartedError, DiedError) as error:
        return None, f"librosa's other way to read it needs a process of its own ({error})"
    except OSError as error:
        return None, f"no copy of the song can be written ({type(error).__name__})"


def _get_duration_of(path: str | bytes) -> tuple[float | None, str]:
    return _get_duration(path=path)


def _get_duration(**song: Any) -> tuple[float | None, str]:
    try:
        import librosa
    except Exception as error:  # numba refuses some versions of numpy, for example
        return None, f"librosa cannot be imported ({type(error).__name__})"
    try:
        return float(librosa.get_duration(**song)), ""
    except Exception:  # what libsndfile and audioread raise where they cannot read it
        return None, ""


def _is_read_by_libsndfile(path: str | bytes) -> bool:
    """Whether librosa goes no other way than this one, of which it says nothing."""
    try:
        soundfile.info(path)
    except Exception:  # whatever it is, librosa meets it too
        return False
    return True


@contextmanager
def _as_path(source: Source) -> Iterator[Any]:
    """A path by which librosa can open the song: its own, or that of a temporary copy."""
    with source.open() as stream:
        if source.place is not None:
            yield _encodable(source.place)
            return
        with tempfile.TemporaryDirectory(prefix="soundverse-") as folder:
            path = os.path.join(folder, "song")
            with open(path, "wb") as copy:
                shutil.copyfileobj(stream, copy, 1 << 20)
            yield path


def _encodable(path: str) -> str | bytes:
    """The path as soundfile takes it, which encodes text strictly: what is no text goes as bytes."""
    try:
        path.encode(sys.getfilesystemencoding())
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def compare(
    answer: float | None,
    decoded: float | None,
    stopped: bool,
    kind: str,
    limits: Limits,
    reason: str = "",
    tolerance: float = TOLERANCE_SECONDS,
) -> LibrosaDuration:
    """Hold librosa's answer against the decoded length; `stopped` means that the song goes on after it.

    `reason` says why there is no answer, where that is known.
    """
    if answer is None:
        reason = reason or (_unreadable(kind) if decoded is not None else "it cannot read the file either")
        return LibrosaDuration(None, decoded, True, False, reason)
    if decoded is None:
        return LibrosaDuration(answer, None, True, False, "it reads a header of a file that does not decode")
    agrees = abs(answer - decoded) <= tolerance or (stopped and decoded <= answer <= _LONGEST_SECONDS)
    if agrees:
        return LibrosaDuration(answer, decoded, False, False)
    flips = _passes(answer, limits) != _passes(decoded, limits)
    by_program = kind not in _READ_BY_LIBSNDFILE
    reason = _FROM_PROGRAM.format(kind) if by_program else _REASONS.get(kind, "it believes the header")
    return LibrosaDuration(answer, decoded, True, flips, reason)


def _unreadable(kind: str) -> str:
    return f"libsndfile cannot read this {kind}" if kind in _READ_BY_LIBSNDFILE else _NO_PROGRAM.format(kind)


def _passes(seconds: float, limits: Limits) -> bool:
    return limits.min_seconds <= seconds <= limits.max_seconds


def format_seconds(value: float) -> str:
    """Seconds to the millisecond, unless they are absurdly many."""
    return f"{value:.3g} s" if value >= 1e6 else f"{value:.3f} s"
