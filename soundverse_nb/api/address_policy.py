"""Where a service may send this machine for a finished file: not back into its own house.

The address comes from the service, also by redirects. A service out on the internet that names one which only
this machine or its network can see (a router, a notebook server, a cloud's credentials) would have the client
fetch there for it. The same rule holds for references, the other way round.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from soundverse_nb.urls import host_of, is_public_service, why_local, why_resolved_local

_MOST_REMEMBERED = 1000


class OnlyHereError(OSError):
    """An address leads to what only this machine or its network can see."""


class Sight:
    """The rule for the files of one service.

    A service on this machine or its network may send there; so may any to its very own host and port, which
    the user named. `check` looks at the spelling, the resolver at what the name led to and is connected to.
    """

    def __init__(self, base_url: str) -> None:
        self._is_strict = is_public_service(base_url)
        self._own = _place(base_url)
        self._named: set[str] = set()

    def check(self, url: str) -> None:
        """Raise OnlyHereError for such an address; a name is looked at again when it is resolved."""
        place = _place(url)
        if not self._is_strict or place is None or place == self._own:
            return
        reason = why_local(place[0])
        if reason:
            raise OnlyHereError(reason)
        if len(self._named) >= _MOST_REMEMBERED:
            self._named.clear()
        self._named.update((place[0], _as_resolved(url)))

    def resolver(self) -> AbstractResolver:
        """One for a connector. A proxy's own name is resolved as it is: no file's address named it."""
        return _Resolver(self)

    def why_hidden(self, host: str, port: int, address: str) -> str | None:
        """Why nothing is fetched from this address of this host; None where it may be."""
        plain = host.rstrip(".").lower()
        if plain not in self._named or (plain, port) == self._own:
            return None
        return why_resolved_local(host, address)


class _Resolver(AbstractResolver):
    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            reason = self._sight.why_hidden(host, port, one["host"])
            if reason:
                raise OnlyHereError(reason)
        return found

    async def close(self) -> None:
        await self._inner.close()


def _place(url: str) -> tuple[str, int] | None:
    """Host and port of an address; None where it has none, which others refuse."""
    host = host_of(url)
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    except ValueError:
        return None
    return None if host is None else (host, port)


def _as_resolved(url: str) -> str:
    """The host as aiohttp asks for it: a name with an umlaut has another spelling there."""
    try:
        return (URL(url).raw_host or "").rstrip(".").lower()
    except ValueError:
        return ""
