"""The references of one client: each checked once and published once, however many remixes use it."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from soundverse_nb.api.proxy import NetworkSettings
from soundverse_nb.api.secrets import logger
from soundverse_nb.audio.given import Kind
from soundverse_nb.cancellation import answer_of
from soundverse_nb.client.inputs import reference_of
from soundverse_nb.client.progress import ProgressSlot
from soundverse_nb.displays import Phase
from soundverse_nb.errors import ConfigurationError, PreflightError, SoundverseError
from soundverse_nb.hosting.finder import find_host, missing_host
from soundverse_nb.hosting.protocol import Host, PublishedReference, remember_signature, suffix_of
from soundverse_nb.hosting.remote import check_address, fetch_reference, must_be_public, reference_url
from soundverse_nb.render.escape import plain
from soundverse_nb.urls import WebURL

if TYPE_CHECKING:
    from soundverse_nb.reference import Reference

T = TypeVar("T")

log = logger("soundverse_nb.client")

MODES = ("full", "quick", "off")

ENOUGH_TIME = timedelta(minutes=10)
"""A published URL with less than this left is not given to a new order: the service may fetch it late."""

_MOST_KEPT = 512
_UPLOAD_KBPS = 192


@dataclass(frozen=True)
class Checked:
    """A reference that may be ordered: a file here, or somebody's URL (then `path` is our copy, if any).

    `sha256` is of its content, None where that was not looked at.
    """

    name: str
    path: Path | None = None
    url: WebURL | None = None
    sha256: str | None = None


class References:
    """Checks and publishes the references of one client.

    `mode` says how thoroughly: "full" decodes, "quick" reads headers only and fetches no URL, "off" looks
    at no song. Whether the service can reach it is asked in every mode. `host` is what `Client(host=...)`
    was given.
    """

    def __init__(
        self,
        *,
        mode: str,
        host: Any,
        base_url: str,
        simulated: bool,
        folder: Path,
        executor: Executor | None = None,
        network: NetworkSettings | None = None,
        api_key: SecretStr | None = None,
    ) -> None:
        self._mode = mode
        self._host_setting = host
        self._base_url = base_url
        self._simulated = simulated
        self._folder = folder
        self._executor = executor
        self._network = network or NetworkSettings()
        self._api_key = api_key
        self._host: Host | None = None
        self._checks: OrderedDict[object, asyncio.Future[Checked]] = OrderedDict()
        self._songs: dict[Path, _Song] = {}

    async def check(self, reference: Reference, slot: ProgressSlot, with_content: bool = False) -> Checked:
        """Look at a reference before it costs anything.

        `with_content` fetches a song behind a URL in every mode, so that its content is known.

        Raises PreflightError where the service would refuse it, ConfigurationError where it cannot fetch it.
        """
        slot.report(Phase.CHECKING)
        if reference.url is None:  # a thread reads the content, and looks at the file
            reference, key = await self._in_thread(_readable, reference)
        else:
            key = reference.fingerprint()
        check = self._checks.get(key)
        if with_content and reference.url is not None and self._mode != "full" and _lacks_content(check):
            check = None
        if check is None:
            check = asyncio.ensure_future(self._check(reference, with_content))
            check.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._checks[key] = check
            while len(self._checks) > _MOST_KEPT:
                self._checks.popitem(last=False)
        try:
            # Shared with every other remix of this song, so one that is cancelled does not end it.
            return await asyncio.shield(check)
        except PreflightError as error:
            raise copy.copy(error) from None
        finally:
            if check.done() and (check.cancelled() or check.exception()):
                self._checks.pop(key, None)

    async def publish(self, checked: Checked, slot: ProgressSlot) -> WebURL:
        """The URL to order with. Each call is matched by one of `release`."""
        if checked.url is not None:
            return checked.url
        assert checked.path is not None
        song = self._songs.setdefault(checked.path, _Song())
        song.users += 1
        try:
            if not song.publications or song.publications[-1].is_stale():
                slot.report(Phase.PUBLISHING)
                song.publications.append(_Publication(self._find_host(checked.name), checked.path))
            return (await asyncio.shield(song.publications[-1].task)).web_url
        except BaseException:  # an order that is cancelled uses the song no longer either
            song.users -= 1
            await self._withdraw_unused(checked, song)
            raise

    async def release(self, checked: Checked, *, settled: bool) -> None:
        """This order needs the URL no longer. The last has it withdrawn where the service is done with it."""
        song = self._songs.get(checked.path) if checked.path is not None else None
        if song is None or checked.url is not None:
            return
        song.users -= 1
        song.is_needed = song.is_needed or not settled
        await self._withdraw_unused(checked, song)

    async def _withdraw_unused(self, checked: Checked, song: _Song) -> None:
        """Withdraw every URL a song has had, where nobody uses one of them any longer."""
        assert checked.path is not None
        if song.users > 0 or song.is_needed or self._songs.get(checked.path) is not song:
            return
        del self._songs[checked.path]
        for publication in song.publications:
            await _withdraw(publication, checked.name)

    def _find_host(self, name: str) -> Host:
        if self._host is None:
            self._host = find_host(
                self._host_setting, self._base_url, self._simulated, self._network, self._api_key
            )
            if self._host is None:
                raise missing_host(name, self._base_url)
        return self._host

    async def _check(self, reference: Reference, with_content: bool) -> Checked:
        if reference.kind in (Kind.URL, Kind.ADDRESS):
            return await self._check_url(reference, with_content)
        if self._mode != "off":
            await self._in_thread(_preflight, reference, self._mode)
        path = await self._in_thread(_on_disk, reference, self._folder)
        # A host that is missing is found out before a thousand songs are looked at, not after.
        self._find_host(path.name)
        return Checked(plain(path.name, 120), path, sha256=await self._in_thread(_content_hash, reference))

    async def _check_url(self, reference: Reference, with_content: bool) -> Checked:
        url = reference.url or reference_url(reference.place or "")
        remember_signature(url)
        public = must_be_public(self._base_url)
        # Whatever is left out: what the service cannot reach is found out before it is paid for.
        await check_address(url, public=public)
        name = plain(reference.name, 120)
        if self._mode != "full" and not with_content:
            return Checked(name, url=url)
        self._folder.mkdir(parents=True, exist_ok=True)
        fetched = await fetch_reference(
            url, max_bytes=_most_bytes(), public=public, directory=self._folder, network=self._network
        )
        try:
            if self._mode != "off":
                await self._in_thread(_preflight, fetched.path, self._mode)
        except BaseException:  # a copy that is refused, or no longer waited for, does not stay
            fetched.path.unlink(missing_ok=True)
            raise
        content = await self._in_thread(_content_hash, reference_of(fetched.path))
        return Checked(name, path=fetched.path, url=url, sha256=content)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        executor = self._executor if function in (_preflight, _on_disk) else None
        loop = asyncio.get_running_loop()
        return await answer_of(lambda: loop.run_in_executor(executor, function, *arguments))


@dataclass
class _Song:
    """A file that orders use by its URL; the last of its publications is the one for new orders.

    `is_needed` says that an order was left open, so that the service may still come for the song.
    """

    publications: list[_Publication] = field(default_factory=list)
    users: int = 0
    is_needed: bool = False


class _Publication:
    """One URL of a song, or the upload that leads to it."""

    def __init__(self, host: Host, path: Path) -> None:
        self.task: asyncio.Future[PublishedReference] = asyncio.ensure_future(host.publish(path))
        self.task.add_done_callback(self._note)
        self._host = host
        self._since = datetime.now(timezone.utc)

    def _note(self, task: asyncio.Future[PublishedReference]) -> None:
        self._since = datetime.now(timezone.utc)
        if not task.cancelled():
            task.exception()  # raised to whoever waits; with nobody there it is not for the log

    def is_stale(self) -> bool:
        if not self.task.done():
            return False
        if self.task.cancelled() or self.task.exception() is not None:
            return True
        expires = self.task.result().expires_at
        if expires is None:
            return False
        # A URL made for a few minutes only would never have enough time, so it is used to its half.
        enough = min(ENOUGH_TIME, (expires - self._since) / 2)
        return expires - datetime.now(timezone.utc) < enough

    async def withdraw(self) -> None:
        """Take the URL back; an upload that still runs is stopped, and leaves what its host leaves."""
        if not self.task.done():
            self.task.cancel()
        elif not self.task.cancelled() and self.task.exception() is None:
            await self._host.withdraw(self.task.result())


async def _withdraw(publication: _Publication, name: str) -> None:
    try:
        await publication.withdraw()
    except Exception as error:
        # A host may raise anything. The remix is there; that its reference stayed up is no reason to fail it.
        log.warning("%s could not be withdrawn: %s", name, type(error).__name__)


def _lacks_content(check: asyncio.Future[Checked] | None) -> bool:
    return check is not None and check.done() and not check.exception() and check.result().sha256 is None


def checked_mode(mode: str) -> str:
    if mode not in MODES:
        raise ConfigurationError(
            f"preflight={mode!r} is no way to check a reference.", hint='Give "full", "quick" or "off".'
        )
    return mode


def _preflight(song: Reference | Path, mode: str) -> None:
    from soundverse_nb.reference import preflight  # loads numpy and PyAV

    preflight(song, quick=mode == "quick").raise_if_failed()


def _most_bytes() -> int:
    from soundverse_nb.reference import Limits  # loads numpy and PyAV

    return Limits().max_bytes


def _readable(reference: Reference) -> tuple[Reference, object]:
    """What can be read again, and its fingerprint; of an open file at most a byte more than is taken."""
    reference = reference.in_memory(_most_bytes() + 1)
    return reference, reference.fingerprint()


def _content_hash(reference: Reference) -> str | None:
    """The hash of a song's content, None where it cannot be read: whoever publishes it says why."""
    try:
        return reference.content_hash()
    except (SoundverseError, OSError):
        return None


def _on_disk(reference: Reference, folder: Path) -> Path:
    """The reference as a file: where it is, or written into `folder` under its content's name."""
    source = reference.source()
    if source.path is not None:
        return source.path.absolute()
    if source.samples is not None:
        from soundverse_nb.audio.encode import encode_mp3  # loads PyAV

        taken = source.samples
        sound = taken.block(0, taken.frames).T
        data, suffix = encode_mp3(sound, taken.sample_rate, _UPLOAD_KBPS), ".mp3"
    else:
        data = source.content()
        suffix = suffix_of("", data[:4096])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        unfinished.write_bytes(data)
        unfinished.replace(path)
    return path
