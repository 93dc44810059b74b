"""Address policy (SSRF): a public service may not send this machine to its own network for a finished file.

The address comes from the service, also by redirects. A service out on the internet that names one which only
this machine or its network can see (a router, a notebook server, a cloud's credentials) would have the client
fetch there for it. The same rule holds for references, the other way round.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from soundverse_nb.urls import InvalidURLError, WebURL, why_resolved_local

_MOST_REMEMBERED = 1000


class LocalAddressError(OSError):
    """An address leads to what only this machine or its network can see."""


class AddressPolicy:
    """The rule for the files of one service.

    A service on this machine or its network may send there; so may any to its very own host and port, which
    the user named. `check` looks at the spelling, the resolver at what the name led to and is connected to.
    """

    def __init__(self, base_url: str) -> None:
        try:
            own = WebURL.parse(base_url)
        except InvalidURLError:  # nothing can be asked there
            own = None
        self._is_strict = own is None or not own.is_private
        self._own = own and (own.host, own.port)
        self._named: set[str] = set()

    def check(self, url: WebURL) -> None:
        """Raise LocalAddressError for such an address; a name is looked at again when it is resolved."""
        if not self._is_strict or (url.host, url.port) == self._own:
            return
        if url.local_reason is not None:
            raise LocalAddressError(url.local_reason)
        if len(self._named) >= _MOST_REMEMBERED:
            self._named.clear()
        self._named.update((url.host, _as_resolved(url)))

    def resolver(self) -> AbstractResolver:
        """One for a connector. A proxy's own name is resolved as it is: no file's address named it."""
        return CheckedResolver(self.why_refused)

    def why_refused(self, host: str, port: int, address: str) -> str | None:
        """Why nothing is fetched from this address of this host; None where it may be."""
        plain = host.rstrip(".").lower()
        if plain not in self._named or (plain, port) == self._own:
            return None
        return why_resolved_local(host, address)


class CheckedResolver(AbstractResolver):
    """Looks names up, and raises LocalAddressError for a refused address: what is checked is connected to.

    `why_refused(host, port, address)` gives the reason, or None.
    """

    def __init__(self, why_refused: Callable[[str, int, str], str | None]) -> None:
        self._why_refused = why_refused
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            reason = self._why_refused(host, port, one["host"])
            if reason:
                raise LocalAddressError(reason)
        return found

    async def close(self) -> None:
        await self._inner.close()


def _as_resolved(url: WebURL) -> str:
    """The host as aiohttp asks for it: a name with an umlaut has another spelling there."""
    try:
        return (URL(url.full, encoded=True).raw_host or "").rstrip(".").lower()
    except ValueError:
        return ""
