"""Host protocol: something that gives a file a URL, and takes it back; the file's name and type there."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import unquote_plus

from soundverse_nb.api.secrets import redact, remember_secret
from soundverse_nb.cancellation import ExitedError, contained_await
from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError, bare_errors
from soundverse_nb.filetype import HEAD_BYTES, audio_suffix
from soundverse_nb.urls import InvalidURLError, WebURL, shown_url

# IANA's names, and the ones in use where IANA has none.
_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".webm": "audio/webm",
}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Content:
    """A file as it was read once: its name by content, type, size in bytes, and time of last change (ns)."""

    name: str
    type: str
    size: int
    changed: int


def read_content(path: Path) -> Content:
    """Name a file by what is in it: the SHA-256 of its bytes and its suffix, so one song has one name.

    The file's own name, which may tell who took part in a study, goes nowhere. Reads the whole
    file in blocks; call it off the event loop. HostingError for a file that cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            opening = file.read(HEAD_BYTES)
            digest.update(opening)
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HostingError(f"{path.name} cannot be read: {reason}.") from None
    suffix = suffix_of(path.name, opening)
    type_ = _TYPES.get(suffix, "application/octet-stream")
    return Content(digest.hexdigest() + suffix, type_, before.st_size, before.st_mtime_ns)


def is_unchanged(path: Path, content: Content) -> bool:
    """Whether the file is still the one that was read, by size and time of last change."""
    try:
        now = path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (content.size, content.changed)


def suffix_of(name: str, opening: bytes) -> str:
    """The suffix a service can trust: the name's where it is an audio suffix, else the content's, else ""."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _TYPES:
        return suffix
    found = f".{audio_suffix(opening)}"
    return found if found in _TYPES else ""


@dataclass(frozen=True, repr=False)
class PublishedReference:
    """A file that has a URL now: where, and until when.

    `url` is the full address, its signature included: it goes on the wire and nowhere else, so the
    repr leaves the query out. `expires_at` is an aware UTC time, None where the URL does not expire.
    `key` is the host's own name for the file, by which `withdraw` finds it.

    >>> from soundverse_nb.hosting import PublishedReference
    >>> PublishedReference("https://bucket.example.org/one.mp3?X-Signature=s3cret")
    PublishedReference('https://bucket.example.org/one.mp3')
    """

    url: str = field(repr=False)
    expires_at: datetime | None = None
    key: str | None = None

    @property
    def shown(self) -> str:
        """The URL as it may be shown: without its query, without a user name in it."""
        return shown_url(self.url)

    @cached_property
    def web_url(self) -> WebURL:
        """The URL, parsed. Raises InvalidURLError where it is none."""
        return WebURL.parse(self.url)

    def __post_init__(self) -> None:
        until: object = self.expires_at
        if until is not None and not (isinstance(until, datetime) and until.utcoffset() is not None):
            raise ValueError("expires_at is not an aware datetime; datetime.now(timezone.utc) makes one")

    def __repr__(self) -> str:
        until = "" if self.expires_at is None else f", expires_at={self.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"PublishedReference({self.shown!r}{until})"


@runtime_checkable
class Host(Protocol):
    """Gives a local file a URL. Any object with these two coroutines is a host."""

    async def publish(self, path: Path) -> PublishedReference:
        """Make the file fetchable by its URL; HostingError or ConfigurationError where that fails."""
        ...

    async def withdraw(self, published: PublishedReference) -> None:
        """The remix is over: the file need not be fetchable any longer.

        Each publication is withdrawn by itself, so a host that gives one file one place counts them.
        """
        ...


# Longer than what is no secret beside it: a time, the name of an algorithm ("AWS4-HMAC-SHA256").
_SHORTEST_SIGNATURE = 17

HostFunction = Callable[[Path], "Awaitable[str | PublishedReference] | str | PublishedReference"]


def as_host(host: Host | HostFunction) -> Host:
    """A host from a host, or from any `async (path) -> url` function.

    Raises ConfigurationError for anything else.

    >>> from soundverse_nb.hosting import as_host
    >>> async def publish(path):
    ...     return f"https://songs.example.org/{path.name}"
    >>> as_host(publish)
    FunctionHost(publish)
    """
    if isinstance(host, type):
        raise ConfigurationError(
            f"host={host.__name__} is a class, not a host.", hint=f"Call it: host={host.__name__}(...)."
        )
    if isinstance(host, Host):
        return host
    publish = getattr(host, "publish", None)
    if callable(publish):
        return FunctionHost(publish)
    if callable(host):
        return FunctionHost(host)
    raise ConfigurationError(
        f"host= got {type(host).__name__}, which cannot publish a file.",
        hint='Give a bucket such as "s3://my-bucket/remixes", a host object, or an async function '
        "that takes a path and returns a URL.",
    )


class FunctionHost:
    """A host made of one function that takes a path and returns a URL, usually `async`."""

    def __init__(self, function: HostFunction) -> None:
        self._function = function

    def __repr__(self) -> str:
        return f"FunctionHost({_name_of(self._function)})"

    @bare_errors
    async def publish(self, path: Path) -> PublishedReference:
        return await ask_to_publish(self._function, path, f"The host function {_name_of(self._function)}")

    async def withdraw(self, published: PublishedReference) -> None:
        """A function knows only how to publish, so nothing is taken back."""


async def ask_to_publish(function: HostFunction, path: Path, who: str) -> PublishedReference:
    """Let somebody's own code publish a file, and hold what it answers to what a host promises.

    `who` names it in an error. Raises HostingError for its exceptions and for what is no http(s) URL;
    the package's own errors pass.
    """
    try:
        with contained_await():
            answer: Any = function(Path(path))
            if inspect.isawaitable(answer):
                answer = await answer
    except SoundverseError:
        raise
    except Exception as error:  # somebody's own code may raise anything
        raise _failed(who, error) from None
    published = answer if isinstance(answer, PublishedReference) else PublishedReference(answer)
    try:
        url = published.web_url
    except InvalidURLError:
        what = f"{published.shown!r}" if isinstance(published.url, str) else type(published.url).__name__
        raise HostingError(
            f"{who} returned {what}, not an http(s) URL.",
            hint="Return the URL as a str, for example https://example.org/song.mp3.",
        ) from None
    remember_signature(url)
    # What is checked and what is ordered with are spelled the same.
    return published if published.url == url.full else replace(published, url=url.full)


def remember_signature(url: WebURL) -> None:
    """From now on what signs this URL is removed from errors, logs and the journal, whoever repeats it.

    A service that could not fetch a reference may quote its URL cut, escaped or without its host.
    """
    for pair in url.full.partition("#")[0].partition("?")[2].split("&"):
        value = pair.partition("=")[2]
        if len(value) >= _SHORTEST_SIGNATURE:
            remember_secret(value)
            remember_secret(unquote_plus(value))


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


# Libraries also name a request without its host: "Max retries exceeded with url: /song.mp3?X-Amz-..."
_QUERY = re.compile(r"\?[^\s\"'<>)\]]+")


def _without_secrets(text: str) -> str:
    return _QUERY.sub("?...", redact(text))


def _failed(who: str, error: BaseException) -> HostingError:
    if isinstance(error, ExitedError) and error.__cause__ is not None:
        error = error.__cause__  # sys.exit() where it was called
    # The cause is left out on purpose: its text may hold a signed URL. Where it was raised is said instead.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return HostingError(
        f"{who} failed with {type(error).__name__}: {_without_secrets(str(error))}{where}.",
        hint="Correct it, or give a bucket instead.",
    )
