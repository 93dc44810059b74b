"""ObjectStoreHost: publishes files through a private bucket at S3, Google or Azure by signed URLs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import aiohttp
from yarl import URL

from soundverse_nb.api.connection import as_sent, reason
from soundverse_nb.api.proxy import NetworkSettings, Proxy, current_network, environment_names
from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError, Spent, bare_errors
from soundverse_nb.hosting.bucket import Bucket, aws_settings, azure_settings, missing_extra, parse_bucket
from soundverse_nb.hosting.protocol import Content, PublishedReference, is_unchanged, read_content
from soundverse_nb.hosting.remote import PROXYS_OWN, hint_for_local_fault
from soundverse_nb.hosting.storage_errors import Refusal, cannot_sign, classify, explain, region_of

_S3 = "https://s3.amazonaws.com"
_REGION_TIMEOUT = aiohttp.ClientTimeout(total=10)
_HEADER = "x-amz-bucket-region"


async def region_header(bucket: str, endpoint: str | None, network: NetworkSettings) -> str:
    """The header that names the bucket's region, or "" where none does. Asks without credentials."""
    url = f"{(endpoint or _S3).rstrip('/')}/{bucket}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_REGION_TIMEOUT) as session,
            session.head(
                URL(url, encoded=True), allow_redirects=False, proxy=network.proxy_for(url), ssl=network.ssl
            ) as answer,
        ):
            found = answer.headers.get(_HEADER, "")
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
        return ""
    return f"{_HEADER}: {found}" if found else ""


_STORES = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
# Plain http is used only where the user's own endpoint says so; the clouds' endpoints are https.
# 5 MB (one part of an upload) in 5 minutes is 140 kbit/s.
_TIMEOUTS = {"allow_http": True, "connect_timeout": "10s", "timeout": "5min"}
_ENDPOINTS = ("endpoint", "aws_endpoint", "aws_endpoint_url_s3", "azure_storage_endpoint")
_CLOUDS = {"s3": "amazonaws.com", "gs": "googleapis.com", "az": "windows.net"}
_UNKNOWN = re.compile(r"Configuration key: '(\w+)' is not valid")
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=60)}


def obstore() -> Any:
    """The package obstore; ConfigurationError with the line that installs it where it is missing."""
    try:
        return import_module("obstore")
    except ModuleNotFoundError:
        raise missing_extra("obstore") from None


def checked_store(bucket: Bucket, settings: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for settings that no credentials could make right. Touches no network."""
    found = azure_settings(settings) if bucket.scheme == "az" else {}
    _store(bucket, {**settings, **found}, {})


def open_store(bucket: Bucket, settings: Mapping[str, Any]) -> Any:
    """The obstore store for a bucket, ready to use. Looks for credentials: call it off the event loop."""
    found: dict[str, Any] = {}
    if bucket.scheme == "s3":
        found = aws_settings(settings)
    elif bucket.scheme == "az":
        found = azure_settings(settings)
    settings = {**settings, **found}
    return _store(bucket, settings, _network_options(bucket, settings))


def _store(bucket: Bucket, settings: dict[str, Any], network: Mapping[str, Any]) -> Any:
    obstore()
    make = getattr(import_module("obstore.store"), _STORES[bucket.scheme])
    settings.pop("profile", None)  # botocore's, not obstore's
    names = ", ".join(settings)
    try:
        return make(
            bucket.name,
            prefix=bucket.prefix or None,
            client_options={**_TIMEOUTS, **network, **settings.pop("client_options", {})},
            retry_config=settings.pop("retry_config", _RETRIES),
            **settings,
        )
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"A setting for {bucket} is of the wrong kind.",
            hint=f"Check the values given to the host: {names}.",
        ) from None
    except Exception as error:  # obstore's own classes
        unknown = _UNKNOWN.search(str(error))
        if unknown:
            raise ConfigurationError(
                f"{bucket.service} knows no setting {unknown.group(1)!r}.",
                hint="Check how it is spelt: obstore's documentation lists them.",
            ) from None
        raise explain(bucket, type(error).__name__, str(error)) from None


def _network_options(bucket: Bucket, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The client's proxy and TLS settings as options of obstore.

    Left to itself, obstore takes the environment's proxies for this machine too, and not every exemption. It
    takes no certificates of one's own from here; those of the system count.
    """
    network = current_network()
    options: dict[str, Any] = {} if network.ssl is not False else {"allow_invalid_certificates": True}
    endpoint = next((str(settings[name]) for name in _ENDPOINTS if settings.get(name)), "")
    place = endpoint or f"https://{_CLOUDS[bucket.scheme]}"
    proxy = network.proxy_for(place)
    named = environment_names("https") or environment_names("http")
    if proxy:
        options["proxy_url"] = str(proxy)
    elif named:
        options.update(proxy_url=named, proxy_excludes=urlsplit(place).hostname)
    return options


# A signature may last a week at most on S3 (X-Amz-Expires) and Google; shorter than a second is no time.
_LONGEST = 7 * 24 * 3600
_AT_ONCE = 8  # songs: more would only share the same uplink, at 10 MB of memory each
_CHECK = aiohttp.ClientTimeout(total=30, connect=10)


class _Traffic:
    """Who waits for whom in one event loop: so many songs at once, and each song once at a time."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(_AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}

    def lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


class ObjectStoreHost:
    """Publishes references through a private bucket at S3 (or anything that speaks S3), Google or Azure.

    Parameters
    ----------
    url : "s3://bucket/prefix", "gs://bucket/prefix" or "az://container/prefix".
    expires : how long a URL works, in seconds, 1 to 604800 (a week). It should outlast the wait for a
        free place and the service's queue; an hour does.
    delete : whether `withdraw` deletes the file from the bucket. By default it stays, so the same song
        is uploaded once, whatever the number of remixes; its URL runs out all the same. Another client
        does not know who still needs the song, so with delete=True each study takes a prefix of its own.
        An order that was left open keeps its song; a lifecycle rule of the bucket removes what stays.
    settings : the store's own, for example region=, endpoint=, profile= (S3) or account_name= (Azure).

    The object is named by its content (SHA-256), so nothing of the file's name is told. Credentials
    are found as each cloud's own tools find them; see `hosting.bucket`.
    Raises ConfigurationError for a URL or setting that cannot be right.

    >>> from soundverse_nb.hosting import ObjectStoreHost
    >>> ObjectStoreHost("s3://my-bucket/remixes", expires=7200)
    ObjectStoreHost('s3://my-bucket/remixes', expires=7200)
    """

    @bare_errors
    def __init__(self, url: str, *, expires: float = 3600, delete: bool = False, **settings: Any) -> None:
        self.bucket: Bucket = parse_bucket(url)
        if isinstance(expires, bool) or not isinstance(expires, (int, float)) or not 1 <= expires <= _LONGEST:
            raise ConfigurationError(
                f"expires={expires!r} is not a number of seconds from 1 to {_LONGEST} (a week).",
                hint="An hour is expires=3600.",
            )
        self.expires = int(expires)
        self.delete = delete
        self._settings = settings
        self._store: Any = None
        self._held: dict[str, list[PublishedReference]] = {}
        self._answered: set[str] = set()
        self._traffic: WeakKeyDictionary[asyncio.AbstractEventLoop, _Traffic] = WeakKeyDictionary()
        checked_store(self.bucket, settings)

    def __repr__(self) -> str:
        deleting = ", delete=True" if self.delete else ""
        return f"ObjectStoreHost({str(self.bucket)!r}, expires={self.expires}{deleting})"

    @bare_errors
    async def publish(self, path: Path) -> PublishedReference:
        """Put the file into the bucket, unless it is there, and sign a URL for it.

        The URL is fetched once (one byte, without credentials) before it is handed out, so that a URL
        that does not work is found out before anything is paid. Raises ConfigurationError or HostingError.
        """
        path = Path(path)
        if not path.is_file():
            raise HostingError(f"{path.name} is not a file.")
        traffic = self._here()
        async with traffic.turns:
            content = await asyncio.to_thread(read_content, path)
            async with traffic.lock(content.name):
                return await self._publish(path, content)

    async def _publish(self, path: Path, content: Content) -> PublishedReference:
        store = await self._opened()
        try:
            await self._keep(store, path, content)
            published = await self._signed(store, content.name)
            if content.name not in self._answered:
                await self._check(published)
                self._answered.add(content.name)
        except BaseException:  # nobody will take this file back, whatever stopped us: a cancellation too
            if self.delete and not self._held.get(content.name):
                await self._remove_quietly(store, content.name)
            raise
        self._held.setdefault(content.name, []).append(published)
        return published

    @bare_errors
    async def withdraw(self, published: PublishedReference) -> None:
        """The remix is over: with delete=True the file goes once its last URL from this host is withdrawn.

        HostingError where it could not be deleted; the remix itself is not touched by that.
        """
        name = published.key
        if name is None or not self.delete:
            return
        async with self._here().lock(name):
            held = self._held.get(name, [])
            kept = [other for other in held if other is not published]
            if len(kept) == len(held):
                return
            if kept:
                self._held[name] = kept
                return
            store = await self._opened()
            try:
                await obstore().delete_async(store, name)
            except FileNotFoundError:
                pass  # gone already, which is what was wanted
            except Exception as error:  # obstore's own classes
                # The remix has been ordered by now, so this must not say that nothing was paid.
                reason = self._explained(error)
                raise HostingError(
                    f"{name} stays in {self.bucket}: {reason.message}", spent=Spent.MAYBE, hint=reason.hint
                ) from None
            self._held.pop(name, None)
            self._answered.discard(name)

    def _here(self) -> _Traffic:
        loop = asyncio.get_running_loop()
        if loop not in self._traffic:
            self._traffic[loop] = _Traffic()
        return self._traffic[loop]

    async def _opened(self) -> Any:
        if self._store is None:
            # to_thread takes the network settings along.
            self._store = await asyncio.to_thread(open_store, self.bucket, self._settings)
        return self._store

    async def _keep(self, store: Any, path: Path, content: Content) -> None:
        """Upload the file where the bucket does not hold it whole."""
        if await self._size_of(store, content.name) == content.size:
            return
        try:
            # A Path is read in blocks: small files in one request, larger ones part by part.
            await obstore().put_async(
                store, content.name, path, attributes={"Content-Type": content.type}, max_concurrency=2
            )
        except Exception as error:  # obstore's own classes
            raise await self._with_region(store, error) from None
        self._answered.discard(content.name)
        if not is_unchanged(path, content):
            await self._remove_quietly(store, content.name)
            raise HostingError(
                f"{path.name} changed while it was uploaded.",
                hint="Let it be finished first, then run it again.",
            )

    async def _size_of(self, store: Any, name: str) -> int | None:
        """The size of the object in bytes, None where it is not there or may not be asked for."""
        try:
            size: int = (await obstore().head_async(store, name))["size"]
        except FileNotFoundError:
            return None
        except Exception as error:  # obstore's own classes
            # A HEAD has no body, so a refusal does not say why; the upload's own answer will.
            refusal = classify(type(error).__name__, str(error))
            if refusal in (Refusal.UNREACHABLE, Refusal.NO_CREDENTIALS, Refusal.SETTING):
                raise self._explained(error) from None
            return None
        return size

    async def _signed(self, store: Any, name: str) -> PublishedReference:
        until = datetime.now(timezone.utc) + timedelta(seconds=self.expires)
        try:
            url = await obstore().sign_async(store, "GET", name, timedelta(seconds=self.expires))
        except Exception as error:  # obstore's own classes
            raise cannot_sign(self.bucket, type(error).__name__, str(error)) from None
        return PublishedReference(url, expires_at=until.replace(microsecond=0), key=name)

    async def _check(self, published: PublishedReference) -> None:
        """Fetch one byte as the service would: a plain client, no credentials."""
        network = current_network()
        proxy = network.proxy_for(published.url)
        try:
            async with (
                aiohttp.ClientSession(timeout=_CHECK) as session,
                session.get(
                    as_sent(published.web_url), headers={"Range": "bytes=0-0"}, allow_redirects=False,
                    proxy=proxy, ssl=network.ssl,
                ) as answer,
            ):  # fmt: skip
                if answer.status in (200, 206):
                    return
                body = (await answer.content.read(4096)).decode("utf-8", "replace")
                region = answer.headers.get("x-amz-bucket-region", "")
                said = f"status: {answer.status} {f'x-amz-bucket-region: {region} ' if region else ''}{body}"
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise self._unseen(error, proxy) from None
        if proxy is not None and answer.status in PROXYS_OWN:
            raise HostingError(
                f"The file is in {self.bucket}, but its URL was answered with HTTP {answer.status} by way "
                f"of the proxy {proxy.shown}, which may have refused it.",
                hint="Name the store in NO_PROXY, or give another proxy: Client(proxy=...).",
            )
        raise explain(self.bucket, "HTTP", said)

    def _unseen(self, error: Exception, proxy: Proxy | None) -> HostingError:
        """The URL could not be fetched from here: whether that is this machine's fault, or the endpoint's."""
        hint = (
            hint_for_local_fault(error) or "Check the endpoint: the service needs to reach it from outside."
        )
        return HostingError(
            f"The file is in {self.bucket}, but its URL could not be fetched: {reason(error, proxy)}.",
            hint=hint,
        )

    async def _remove_quietly(self, store: Any, name: str) -> None:
        try:
            await obstore().delete_async(store, name)
        except Exception:
            return  # the error that led here is the one to tell

    async def _with_region(self, store: Any, error: Exception) -> SoundverseError:
        """The error of an upload; S3 is asked for the bucket's region, where that is what is wrong."""
        kind, text = type(error).__name__, str(error)
        if self.bucket.scheme == "s3" and classify(kind, text) is Refusal.REGION and not region_of(text):
            endpoint = store.config.get("endpoint")
            text += f"\n{await region_header(self.bucket.name, endpoint, current_network())}"
        return explain(self.bucket, kind, text)

    def _explained(self, error: Exception) -> SoundverseError:
        return explain(self.bucket, type(error).__name__, str(error))
