"""The settings of a client: key, address, folders, time-outs and clock, each checked or with its default.

Where no folder is given, this user's own are looked for, only when they are needed. A container may have no
home, or one that cannot be written: then the error says what to set, before anything is ordered.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import time
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from soundverse_nb.api.proxy import NetworkSettings
from soundverse_nb.api.transport import STATUS_PATH
from soundverse_nb.cancellation import contained, contained_await
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.urls import DEFAULT_PORTS, WebURL, is_loopback


def writable(folder: Path, hint: str) -> Path:
    """The folder, made where it was not; ConfigurationError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written"
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why:
        raise ConfigurationError(
            f"The folder {folder} cannot be used: {why}.",
            hint=f"{hint} to a place that can be written. Nothing is ordered without it.",
        )
    return folder


def given_path(given: str | os.PathLike[str], word: str) -> Path:
    """A path as it was given, with the home in place of ~. ConfigurationError for what is none."""
    try:
        text = os.fspath(given)
    except TypeError:
        text = ""
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ConfigurationError(f"{word}={given!r} is no path.", hint=f'For example {word}="jazz".')
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"{word}={os.fspath(given)!r} begins with ~, and there is no such home directory.",
            hint="Give the whole path, or set HOME.",
        ) from None


def own_folder(which: str, hint: str) -> Path:
    """This user's folder for data or state; `which` is platformdirs' name for it, `hint` says what to set."""
    import platformdirs

    try:
        folder: Path = getattr(platformdirs, which)("soundverse_nb")
    except (RuntimeError, KeyError, OSError):
        folder = Path("~")
    # Without a home some versions of platformdirs raise, and others leave the ~ where it was.
    if not folder.is_absolute():
        raise ConfigurationError(
            "This user has no home directory, so there is no usual place for this.",
            hint=f"{hint} to a place that can be written.",
        )
    return folder


class Clock(Protocol):
    """Epoch seconds, monotonic seconds, and waiting."""

    def time(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The real one."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def contained_clock(given: Clock | None) -> Clock:
    """The clock that a client was given, by default the real one."""
    return SystemClock() if given is None else _ContainedClock(given)


@dataclass(frozen=True)
class _ContainedClock:
    """Somebody's clock, of which nothing but an Exception comes out."""

    clock: Clock

    def time(self) -> float:
        with contained():
            return self.clock.time()

    def monotonic(self) -> float:
        with contained():
            return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        with contained_await():
            await self.clock.sleep(seconds)


KEY_VARIABLE = "SOUNDVERSE_API_KEY"
URL_VARIABLE = "SOUNDVERSE_BASE_URL"
SERVICE = "https://api.soundverse.ai"
"""The vendor's API domain."""

PLACE_FOR_REMIXES = "Give the folder for finished remixes, directory=..., or set HOME or XDG_DATA_HOME"
PLACE_FOR_ORDERS = "Give the file for the journal of orders, journal=..., or set HOME or XDG_STATE_HOME"


@dataclass(frozen=True)
class Timeouts:
    """How long a client waits, and how often it tries again: `Client(timeouts=Timeouts(total=3600))`.

    Each bound ends in an error that keeps the order. The document says that progress "may hold at 90 for
    several minutes", so silence alone ends nothing: the status endpoint is asked beside the open stream.

    ======================  ========  =======================================================================
    field                   unit      meaning
    ======================  ========  =======================================================================
    `silence`               seconds   no byte on an open stream, until the status endpoint is asked beside it
    `no_event`              seconds   the same where bytes do come, but no event
    `poll_interval`         seconds   first pause between two questions to the status endpoint
    `max_poll_interval`     seconds   what that pause grows to while nothing new is learned
    `status_failing`        seconds   the status endpoint gives no good answer, until the order is given up
    `no_message_id`         seconds   silence of a stream that has not named the order, until it is given up
    `total`                 seconds   one order is followed at most
    `cancel_grace`          seconds   a cancelled order may still wait for its message_id
    `max_attempts`          POSTs     of one order that the service refuses for the moment
    `max_connect_attempts`  POSTs     of one order that do not reach the service
    `max_wait`              seconds   pauses between the attempts, in all
    ======================  ========  =======================================================================

    >>> from soundverse_nb.client import Timeouts
    >>> Timeouts(total=3600).total
    3600
    """

    silence: float = 60.0
    no_event: float = 300.0
    poll_interval: float = 2.0
    max_poll_interval: float = 15.0
    status_failing: float = 180.0
    no_message_id: float = 600.0
    total: float = 2 * 3600.0
    cancel_grace: float = 3.0
    max_attempts: int = 10
    max_connect_attempts: int = 4
    max_wait: float = 15 * 60.0

    def allow_retry(self, attempts: int, waited: float, pause: float, *, reached: bool = True) -> bool:
        """Whether after `attempts` POSTs and `waited` seconds of pauses another may follow, `pause` later.

        `reached` says whether the last one reached the service.
        """
        most = self.max_attempts if reached else self.max_connect_attempts
        return attempts < most and waited + pause <= self.max_wait


@dataclass(frozen=True)
class Settings:
    """What a client was given, checked."""

    base_url: str
    api_key: SecretStr
    directory: str | os.PathLike[str] | None = None
    journal: str | os.PathLike[str] | None = None
    simulated: bool | None = None
    host: Any = None
    max_streams: int = 8
    status_path: str = STATUS_PATH
    network: NetworkSettings = field(default_factory=NetworkSettings)
    preflight: str = "full"
    executor: Executor | None = None
    max_bytes: int | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    clock: Clock = field(default_factory=SystemClock)


def find_key(given: str | SecretStr | None) -> SecretStr | None:
    """The API key given, else the environment's; None where there is none.

    Raises ConfigurationError for one that no HTTP header can hold. The message never shows it.
    """
    if given is None:
        given = os.environ.get(KEY_VARIABLE)
    if given is None:
        return None
    if isinstance(given, SecretStr):
        given = given.get_secret_value()
    if not isinstance(given, str):
        raise ConfigurationError(f"api_key is {type(given).__name__}, not a text.")
    key = given.strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            "The API key holds characters that no key has (a space, a line break, an accent?).",
            hint="Copy it again from your account page.",
        )
    return SecretStr(key)


def find_base_url(given: str | None) -> str | None:
    """The service's address given, else the environment's; None where neither says."""
    if given is None:
        given = os.environ.get(URL_VARIABLE, "").strip() or None
    return given


def checked_base_url(url: str, *, allow_insecure: bool = False) -> str:
    """A base URL that a key may be sent to, without its trailing slash.

    Raises ConfigurationError for anything but http(s), and for plain http to another machine: the key
    would travel in clear. `allow_insecure` permits the latter.
    """
    hint = f"It looks like {SERVICE}."
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url is {type(url).__name__}, not a text.", hint=hint)
    try:
        parts = urlsplit(WebURL.parse(url).full)
        host, port = normal_host(parts.hostname or ""), parts.port
    except ValueError:  # InvalidURLError is one, too
        raise ConfigurationError("base_url is not an http(s) URL.", hint=hint) from None
    if parts.username or parts.password:
        raise ConfigurationError(
            "base_url holds a user name or a password.", hint="Give the key as api_key or in the environment."
        )
    if parts.query or parts.fragment:
        raise ConfigurationError("base_url holds a query or a fragment.", hint=hint)
    if parts.scheme == "http" and not is_loopback(host) and not allow_insecure:
        raise ConfigurationError(
            f"base_url is plain http to {host}: the API key would travel in clear.",
            hint="Use https, or Client(..., allow_insecure=True) if you know that network.",
        )
    return f"{parts.scheme}://{_place(parts.scheme, host, port)}{_normal_path(parts.path)}".rstrip("/")


@lru_cache(maxsize=256)
def normal_base_url(url: str) -> str:
    """The one spelling of a service's address, so that "LOCALHOST" is not another service than "localhost".

    An address that cannot be read stays as it is.
    """
    try:
        return checked_base_url(url, allow_insecure=True)
    except ConfigurationError:
        return url


def is_same_service(one: str, other: str) -> bool:
    """Whether two addresses, as journals hold them, are the same service, however each is spelled."""
    return one == other or normal_base_url(one) == normal_base_url(other)


def normal_host(host: str) -> str:
    """A host's one spelling: lower case, no dot at the end, a name beyond ASCII in its "xn--" form, an
    address in its shortest. ValueError where no host is spelled so."""
    address, percent, zone = host.partition("%")
    try:
        ip = ipaddress.ip_address(address.rstrip("."))
    except ValueError:
        return _normal_name(host)
    mapped = getattr(ip, "ipv4_mapped", None)
    # Python 3.13 writes these in another way than those before.
    return (f"::ffff:{mapped}" if mapped else str(ip)) + percent + zone


def _normal_name(host: str) -> str:
    name = host.lower().rstrip(".")
    if not name.isascii():
        # As aiohttp itself spells it on the wire.
        from yarl import URL

        name = (URL.build(scheme="http", host=name).raw_host or "").rstrip(".")
    return name


def _place(scheme: str, host: str, port: int | None) -> str:
    place = f"[{host}]" if ":" in host else host
    return place if port in (None, DEFAULT_PORTS[scheme]) else f"{place}:{port}"


_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")


def _normal_path(path: str) -> str:
    """RFC 3986, 6.2.2: escapes in upper case, none where none is needed, and no dot segments."""
    escaped = quote(path, safe="%/:@!$&'()*+,;=-._~")
    whole = _ESCAPE.sub(_needed, escaped)
    kept: list[str] = []
    for segment in whole.split("/"):
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in (".", ".."):
            kept.append(segment)
    return "/".join(kept)


def _needed(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return (
        character
        if character.isascii() and (character.isalnum() or character in "-._~")
        else escape[0].upper()
    )


def checked_status_path(path: str) -> str:
    """The path of the status endpoint, which must have a place for the order's name."""
    if not isinstance(path, str) or "{message_id}" not in path or not path.startswith("/"):
        raise ConfigurationError(
            "status_path must start with / and contain {message_id}.",
            hint='The document says "/status/generation/{message_id}".',
        )
    return path


def checked_price(price: float | None) -> float | None:
    """What one remix costs, a number from 0, or None where nobody said."""
    known = isinstance(price, (int, float)) and not isinstance(price, bool) and 0 <= price < float("inf")
    if price is not None and not known:
        raise ConfigurationError(
            f"price={price!r} is no price of a remix.", hint="Give a number such as 0.20, or leave it out."
        )
    return price


def results_folder(given: str | os.PathLike[str] | None) -> Path:
    """Where remixes are kept: the folder given, else this user's data folder."""
    if given is not None:
        # Whole, since the journal keeps it for kernels that run elsewhere.
        return given_path(given, "directory").absolute()
    return own_folder("user_data_path", PLACE_FOR_REMIXES) / "remixes"


def journal_file(given: str | os.PathLike[str] | None, simulated: bool) -> Path:
    """Where the orders are kept: the file given, else this user's state folder; simulated ones apart."""
    if given is not None:
        return given_path(given, "journal")
    name = "orders-simulated.sqlite3" if simulated else "orders.sqlite3"
    return own_folder("user_state_path", PLACE_FOR_ORDERS) / name
