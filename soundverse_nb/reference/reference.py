"""References: a song in whatever form it was given, parsed once: file, URL, bytes, open file or samples."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from soundverse_nb.audio.given import Kind, address_refusal, recognise
from soundverse_nb.audio.reading import AudioError
from soundverse_nb.audio.source import Samples, Source, open_source
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.urls import WebURL

__all__ = ["Kind", "Reference", "as_reference"]

_BLOCK = 1 << 20  # bytes, or frames of samples


@dataclass(frozen=True, eq=False)
class Reference:
    """A song to start from, as `as_reference` found it to be; not yet read, not even looked for.

    `name` is for showing: printable, without secrets, but not escaped for HTML. `place` is the path or the
    address as text, None for what has none. `given` is what was handed in.

    >>> as_reference("https://songs.example.org/my song.mp3?X-Signature=s3cret")
    Reference(kind=<Kind.URL: 'URL'>, name='my song.mp3')
    >>> as_reference("songs/one.mp3").path.name
    'one.mp3'
    """

    kind: Kind
    name: str
    given: Any = field(repr=False)
    place: str | None = field(default=None, repr=False)
    url: WebURL | None = field(default=None, repr=False)

    @property
    def path(self) -> Path | None:
        """Where a file is; None for every other kind."""
        return Path(self.place) if self.kind is Kind.FILE and self.place is not None else None

    @property
    def is_path(self) -> bool:
        """Whether it was given as a text that may name a file here."""
        return bool(self.place)

    @property
    def copyable_path(self) -> str | None:
        """The path as it may be repeated in a message; None for an address, which may hold a signature."""
        return self.place if self.place is not None and address_refusal(self.place) is None else None

    def source(self) -> Source:
        """The song for what decodes, checked to be an ordinary file or samples. Raises AudioError."""
        return open_source(self.given)

    def open(self) -> AbstractContextManager[BinaryIO]:
        """The content from its start, for `with`; an open file is put back as it was. Raises AudioError."""
        return self.source().open()

    def content_hash(self) -> str:
        """The SHA-256 of the content, in hex; read when it is first asked for, and the same ever after.

        Of samples it is that of their rate and their values as float32. Raises AudioError where the content
        cannot be read, ConfigurationError for a URL, whose content nobody has before it is fetched.
        """
        return self._digest

    @cached_property
    def _digest(self) -> str:
        if self.url is not None:
            raise ConfigurationError(
                f"The content of {self.name} is not known before it is fetched.",
                hint="Fetch the URL to a file, and take the hash of that.",
            )
        source = self.source()
        if source.samples is not None:
            return _hash_of_samples(source.samples)
        digest = hashlib.sha256()
        with source.open() as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def fingerprint(self) -> object:
        """What tells it from another reference: its URL, its path and the state of that file, or its content.

        Unlike `content_hash` it does not read a file.
        """
        if self.url is not None:
            return ("url", self.url)
        if self.place is not None:
            return _state_of(self.place)
        try:
            return ("content", self.content_hash())
        except AudioError:
            return ("object", id(self.given))

    def in_memory(self, most_bytes: int) -> Reference:
        """Of an open file its content, up to so many bytes, so that it can be read again; else the same."""
        if self.kind is not Kind.OPEN_FILE:
            return self
        with self.open() as stream:
            return Reference(Kind.BYTES, self.name, stream.read(most_bytes))


def as_reference(given: Any) -> Reference:
    """The song that was given: a path or Clip, a URL, bytes, an open binary file, (samples, rate).

    Never raises: what could be no song is of kind OTHER, and is refused where somebody wants to read it.
    """
    if isinstance(given, Reference):
        return given
    found = recognise(given)
    return Reference(found.kind, found.name, given, found.text, found.url)


def _state_of(place: str) -> object:
    path = os.path.expanduser(place)
    try:
        path = os.path.abspath(path)  # fails where the working directory was deleted
        found = os.stat(path)
    except (OSError, ValueError):
        return ("path", path)
    return ("path", path, found.st_size, found.st_mtime_ns, found.st_ino)


def _hash_of_samples(samples: Samples) -> str:
    digest = hashlib.sha256(f"{samples.sample_rate} Hz, {samples.channels} channels\n".encode())
    for start in range(0, samples.frames, _BLOCK):
        digest.update(samples.block(start, min(samples.frames, start + _BLOCK)).astype("<f4").tobytes())
    return digest.hexdigest()
