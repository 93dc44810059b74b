"""Where a simulator that other machines can ask does not go for them: to itself, its link, the cloud's keys.

The address is looked at where it is used. A name is asked for once, and what it gave is what is connected to,
so a name that changes its mind leads nowhere else.
"""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from soundverse_nb.reach import host_of, is_out_of_bounds, read_address


class OutOfBoundsError(OSError):
    """A reference leads to what only this machine can see."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host[:100]} leads to this machine or its link, and a simulator that other machines can reach "
            "fetches nothing from there"
        )


def check_bounds(url: URL) -> None:
    """Refuse a URL whose host is spelt as such an address; names are the resolver's business."""
    for host in (url.raw_host, host_of(str(url))):
        address = read_address(host) if host else None
        if address is not None and is_out_of_bounds(address):
            raise OutOfBoundsError(str(address))


class BoundedResolver(AbstractResolver):
    """Looks names up and gives back only what may be connected to."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if _is_allowed(one["host"])]
        if found and not allowed:
            raise OutOfBoundsError(host)
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _is_allowed(spelt: str) -> bool:
    address = read_address(spelt)
    return address is not None and not is_out_of_bounds(address)
