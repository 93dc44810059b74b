"""Proxy and TLS settings: one of each for all requests of a client."""

from __future__ import annotations

import ipaddress
import socket
import ssl as tls
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from soundverse_nb.api.secrets import remember_secret
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.urls import DEFAULT_PORTS

_HOW = 'Give the URL of an HTTP proxy, such as "http://proxy.example.org:3128".'
_NAMES = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"


class Proxy(str):
    """The URL of a proxy, whole as a string; its repr leaves the user name and the password out."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """Host and port, as they may be shown."""
        return urlsplit(self).netloc.rpartition("@")[2]

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r})"


@dataclass(frozen=True)
class NetworkSettings:
    """The proxy and TLS settings of one client's requests.

    Parameters
    ----------
    proxy : URL of an HTTP proxy that everything goes through; "" for none. None leaves it to the environment
        (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in either case), which never counts for this machine.
    ssl : a TLS context, or False to accept any certificate.

    Raises ConfigurationError for what is no HTTP proxy, SOCKS among it.
    """

    proxy: str | None = None
    ssl: tls.SSLContext | bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        if self.proxy is not None:
            object.__setattr__(self, "proxy", checked_proxy(self.proxy, "proxy=") if self.proxy else Proxy())

    def proxy_for(self, url: str) -> Proxy | None:
        """The proxy for a URL; ConfigurationError where the environment names one that cannot be used."""
        if self.proxy is not None:
            return Proxy(self.proxy) if self.proxy else None
        return environments_proxy(url)


_in_use: ContextVar[NetworkSettings | None] = ContextVar("soundverse_nb_network", default=None)


@contextmanager
def using_network(network: NetworkSettings) -> Iterator[None]:
    """For a block, the settings of what is called there and cannot be handed any, such as somebody's host."""
    before = _in_use.set(network)
    try:
        yield
    finally:
        _in_use.reset(before)


def current_network() -> NetworkSettings:
    """The settings in use here; where there are none, TLS as usual and the environment's proxies."""
    return _in_use.get() or NetworkSettings()


def checked_proxy(value: str, said: str) -> Proxy:
    """A proxy's URL; `said` names the setting it is from. None of it is repeated: it may hold a password."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and parts.scheme.lower().startswith("socks"):
        raise ConfigurationError(
            f"{said} names a SOCKS proxy, and only HTTP proxies can be used.",
            hint=f"{_HOW} With Client(proxy='') none is used, whatever the environment says.",
        )
    if not usable or parts.scheme.lower() not in DEFAULT_PORTS:
        raise ConfigurationError(f"{said} is not the URL of a proxy.", hint=_HOW)
    if parts.password:
        remember_secret(unquote(parts.password))
        remember_secret(parts.password)
    return Proxy(parts.geturl())


def environments_proxy(url: str) -> Proxy | None:
    """The proxy that the environment names for a URL; never one for this machine itself."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    if is_this_machine(host):
        return None
    value = environment_names(scheme)
    if not value or _is_exempt(host, parts.port or DEFAULT_PORTS.get(scheme, 0), getproxies_environment()):
        return None
    return checked_proxy(value, f"The environment ({_NAMES})")


def environment_names(scheme: str) -> str | None:
    """What the environment says of a scheme, as it stands there; None where it says nothing."""
    named = getproxies_environment()
    return named.get(scheme) or named.get("all") or None


def is_this_machine(host: str) -> bool:
    """Whether a host is loopback, in any spelling that clients take: 127.1, 0x7f000001, ::ffff:127.0.0.1."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        packed = socket.inet_aton(name) if name[:1].isdigit() and ":" not in name else None
        address = ipaddress.ip_address(name.partition("%")[0] if packed is None else packed)
    except (OSError, ValueError):
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    return bool(inner.is_loopback or inner.is_unspecified)


def _is_exempt(host: str, port: int, named: dict[str, str]) -> bool:
    """What NO_PROXY says: names and their subdomains, with or without a port, addresses, networks, or all."""
    bare = host.strip("[]").rstrip(".").lower()
    for entry in named.get("no", "").lower().split(","):
        # "*.example.org" is how some write what others write as ".example.org" or "example.org".
        name = entry.strip().removeprefix("*.").strip(".[]")
        if entry.strip() == "*" or (name and _is_named(bare, port, name)):
            return True
    return False


def _is_named(host: str, port: int, name: str) -> bool:
    if "/" in name:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
        except ValueError:
            return False
    if name == host:
        return True
    place, _, only = name.rpartition(":")
    if place and only.isdigit() and ":" not in place.strip("[]"):
        return port == int(only) and _is_named(host, port, place)
    return host.endswith(f".{name}")
