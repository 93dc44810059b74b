"""One piece of audio on disk, with its facts and its picture at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from soundverse_nb.errors import ConfigurationError, PreflightError, SoundverseError, Spent, raise_alone
from soundverse_nb.remix.preview import ENVELOPE_POINTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundverse_nb.audio.loudness import Loudness
    from soundverse_nb.audio.meters import Envelope

T = TypeVar("T")


class Clip(os.PathLike[str]):
    """A song on disk: where it is, how long it is, what it sounds and looks like.

    Making a Clip touches nothing; the facts are read when they are first asked for, once for each state of
    the file. A file that is gone (ConfigurationError) or no audio (PreflightError) says so then.
    Goes wherever a path goes.

    >>> import soundverse_nb as sv
    >>> clip = sv.Clip(sv.example_song())
    >>> round(clip.duration), clip.sample_rate, clip.samples(start=5, duration=1).shape
    (31, 44100, (2, 44100))
    """

    __slots__ = ("path",)
    path: Path

    def __init__(self, path: str | os.PathLike[str] | Clip) -> None:
        object.__setattr__(self, "path", Path(os.path.expanduser(os.fspath(path))))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Clip does not change; make a new one for another {name}")

    def __fspath__(self) -> str:
        return str(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        return Clip, (str(self.path),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clip) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def size_bytes(self) -> int:
        """Size of the file in bytes."""
        return self.fingerprint()[1]

    @property
    def duration(self) -> float:
        """Length in seconds, counted from the decoded samples."""
        return float(self.envelope(ENVELOPE_POINTS).duration)

    @property
    def sample_rate(self) -> int:
        """Samples a second, in Hz."""
        return self._read(_head)[0]

    @property
    def channels(self) -> int:
        """1 for mono, 2 for stereo."""
        return self._read(_head)[1]

    @property
    def format(self) -> str:
        """The container, for example "mp3"."""
        return self._read(_head)[2]

    @property
    def codec(self) -> str:
        """The way its samples are written, for example "mp3" or "pcm_s16le"."""
        return self._read(_head)[3]

    @property
    def integrated_lufs(self) -> float:
        """Integrated loudness in LUFS, -inf for silence; `.loudness()` measures the rest."""
        return self._read(_heard, ENVELOPE_POINTS)[1]

    @property
    def simulated(self) -> bool:
        """Whether the embedded service made it; its files say so, under any name."""
        return self._read(_simulated)

    def samples(self, start: float = 0.0, duration: float | None = None) -> NDArray[np.float32]:
        """The sound itself: float32 of shape (channels, frames), full scale +-1.

        `start` and `duration` are seconds; what lies beyond the end is left out.
        """
        if not start >= 0 or (duration is not None and not duration >= 0):
            raise ConfigurationError(
                f"start={start!r}, duration={duration!r} is no stretch of a song.",
                hint="Both are seconds from 0 upwards.",
            )
        return self._read(_samples, float(start), duration)

    def envelope(self, points: int = 1000) -> Envelope:
        """The waveform's outline: the least and the greatest sample of `points` short pieces."""
        return self._read(_envelope, points)

    def loudness(self) -> Loudness:
        """How loud it is, after ITU-R BS.1770-5 and EBU R 128: integrated, range, loudest moments, true peak.

        >>> import soundverse_nb as sv
        >>> found = sv.Clip(sv.example_song()).loudness()
        >>> print(f"{found.integrated_lufs:.1f} LUFS, at most {found.true_peak_dbtp:.1f} dBTP")
        -15.4 LUFS, at most -3.0 dBTP
        """
        return self._read(_loudness)

    def _read(self, read: Callable[..., T], *arguments: Any) -> T:
        """Everything that is asked of the file is asked through here, of the state that it is in now."""
        return read(*self.fingerprint(), *arguments)

    def fingerprint(self) -> tuple[str, int, int]:
        """The key of this state of the file: path, size, time of change."""
        try:
            found = os.stat(self.path)
        except OSError as reason:
            raise ConfigurationError(
                f"{self.path} cannot be read: {reason.strerror or reason}.",
                hint="Was it moved or deleted? A Clip only points at its file.",
            ) from None
        return str(self.path), found.st_size, found.st_mtime_ns

    def __repr__(self) -> str:
        return f"Clip({str(self.path)!r})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from soundverse_nb.remix.display import clip_bundle  # loads numpy and Pillow

        return clip_bundle(self)


@lru_cache(maxsize=256)
def _simulated(path: str, _size: int, _changed: int) -> bool:
    from soundverse_nb.audio.probe.tags import is_simulated  # a clip is often only a path

    return is_simulated(path)


@lru_cache(maxsize=256)
def _head(path: str, _size: int, _changed: int) -> tuple[int, int, str, str]:
    from soundverse_nb.audio.decode.opening import decode  # loads numpy and PyAV
    from soundverse_nb.audio.source import open_source  # as above

    with decode(open_source(path)) as sound:
        return int(sound.sample_rate), int(sound.channels), str(sound.format), str(sound.codec)


def _envelope(path: str, size: int, changed: int, points: int) -> Envelope:
    return _heard(path, size, changed, points)[0]


@lru_cache(maxsize=256)
def _loudness(path: str, _size: int, _changed: int) -> Loudness:
    from soundverse_nb.audio.loudness import loudness_of  # loads numpy and PyAV

    return loudness_of(path)


@lru_cache(maxsize=256)
def _heard(path: str, _size: int, _changed: int, points: int) -> tuple[Envelope, float]:
    """The outline and the loudness; what either costs is to decode the song."""
    from soundverse_nb.audio.measure import outline_and_loudness  # loads numpy and PyAV

    return outline_and_loudness(path, points)


def _samples(
    path: str, _size: int, _changed: int, start: float, duration: float | None
) -> NDArray[np.float32]:
    import numpy as np

    from soundverse_nb.audio.decode.base import segment  # loads numpy
    from soundverse_nb.audio.decode.opening import decode  # loads numpy and PyAV
    from soundverse_nb.audio.source import open_source  # as above

    stop = None if duration is None else start + duration
    with decode(open_source(path), stop_seconds=stop) as sound:
        blocks = list(segment(sound, sound.sample_rate, start, stop))
        channels = sound.channels
    if not blocks:
        return np.zeros((channels, 0), dtype=np.float32)
    return np.ascontiguousarray(np.concatenate(blocks).T)


class PaidClip(Clip):
    """A Clip of what the service made.

    `spent` is what an error about it states of money; `order_id` names the order that it was fetched for,
    None where it came from elsewhere.
    """

    __slots__ = ("order_id", "spent")
    spent: Spent
    order_id: str | None

    def __init__(
        self, path: str | os.PathLike[str] | Clip, spent: Spent = Spent.YES, order_id: str | None = None
    ) -> None:
        super().__init__(path)
        object.__setattr__(self, "spent", spent)
        object.__setattr__(self, "order_id", order_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return PaidClip, (str(self.path), self.spent, self.order_id)

    def samples(self, start: float = 0.0, duration: float | None = None) -> Any:
        try:
            return super().samples(start, duration)
        except SoundverseError as reason:
            error = reason
        self._raise(error, error.hint)

    def fingerprint(self) -> tuple[str, int, int]:
        try:
            return super().fingerprint()
        except SoundverseError as reason:
            error = reason
        again = " It is fetched again by client.recover()." if self.order_id else ""
        self._raise(error, f"Was it moved or deleted?{again}")

    def _read(self, read: Callable[..., T], *arguments: Any) -> T:
        try:
            return super()._read(read, *arguments)
        except PreflightError as reason:
            error = reason
        again = f"Delete {self.path}, then client.recover() fetches it again." if self.order_id else ""
        self._raise(error, again or "Take another copy of it.")

    def _raise(self, error: SoundverseError, hint: str) -> NoReturn:
        """The same error, without the words for a song that was not sent yet."""
        details = {**error._details, "order_id": self.order_id}
        raise_alone(type(error)(error.message, spent=self.spent, hint=hint, **details))
