"""A song on its way to be measured: where it is or what it holds, its content's hash, and its name."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soundverse_nb.audio.source import Source
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference.reference import Reference, as_reference
from soundverse_nb.remix.clip import Clip
from soundverse_nb.remix.remix import Remix
from soundverse_nb.remix.take_names import TakeTitle, asked_of


@dataclass(frozen=True)
class Song:
    """What a worker needs of a song.

    `given` is a path, bytes, or (samples, rate); `content` the SHA-256 of the content, by which its measures
    are kept.
    """

    name: str
    content: str
    given: Any

    def with_content(self) -> Song:
        """The same with its content in place of its path, for workers that do not see this disk."""
        if not isinstance(self.given, str):
            return self
        return replace(self, given=as_reference(self.given).source().content())

    @contextlib.contextmanager
    def clip(self) -> Iterator[Clip]:
        """The song as a Clip, for `with`: of what has no file a temporary one is made."""
        if isinstance(self.given, str):
            yield Clip(self.given)
            return
        with tempfile.TemporaryDirectory(prefix="soundverse_nb-") as folder:
            path = Path(folder) / "song"
            if isinstance(self.given, (bytes, bytearray, memoryview)):
                path.write_bytes(self.given)
            else:
                _write_wav(path, as_reference(self.given).source())
            yield Clip(path)


def as_song(given: Any) -> Song:
    """A path, Clip, Remix (its audio), bytes, open file or (samples, rate) as what a worker needs.

    Reads the content once for its hash. Raises ConfigurationError for a URL, AudioError for what cannot be
    read.
    """
    if isinstance(given, Song):
        return given
    if isinstance(given, Remix):
        asked = asked_of(given)
        return replace(as_song(given.audio), name=str(TakeTitle(asked.song, asked.words)))
    reference = as_reference(given)
    if reference.url is not None:
        raise ConfigurationError(
            f"{reference.name} is an address; measuring needs the sound itself.",
            hint="Download it to a file, and pass the path.",
        )
    source = reference.source()  # refuses what is no song in its own words
    return Song(shown_name(reference), reference.content_hash(), _sendable(reference, source))


def shown_name(reference: Reference) -> str:
    """What a table calls a song: its file without folder and ending."""
    return Path(reference.name).stem if reference.place else reference.name


def _sendable(reference: Reference, source: Source) -> Any:
    if source.place is not None:
        return os.path.abspath(source.place)
    if source.samples is not None:
        return source.samples.values, source.samples.sample_rate
    return source.content()


def _write_wav(path: Path, source: Source) -> None:
    import soundfile  # only a metric of samples needs it

    assert source.samples is not None
    samples = source.samples
    with soundfile.SoundFile(
        path, "w", samples.sample_rate, samples.channels, subtype="FLOAT", format="WAV"
    ) as file:
        for start in range(0, samples.frames, samples.sample_rate):
            file.write(samples.block(start, min(samples.frames, start + samples.sample_rate)))
