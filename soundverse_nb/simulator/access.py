"""Access to the simulator: who may hand songs over, and which addresses it fetches for others.

The address is looked at where it is used. A name is asked for once, and what it gave is what is connected to,
so a name that changes its mind leads nowhere else.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from soundverse_nb.running_simulators import PASS_HEADER
from soundverse_nb.simulator.refusals import Refusal
from soundverse_nb.urls import host_of, is_out_of_bounds, read_address


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


_SITES_OF_OTHERS = ("cross-site", "same-site")
# What containers call the machine they run on. Nobody on the internet can be given such a name.
_CONTAINER_SUFFIX = ".internal"


def refuse_foreign_name(request: web.Request) -> None:
    """Refuse what came to this machine's own address under somebody's public name (DNS rebinding)."""
    host = request.headers.get(hdrs.HOST)
    name = host_of(f"http://{host}") if host is not None else None
    if host is None or (name is not None and _is_own_name(name)):
        return
    raise Refusal(
        421,
        {
            "detail": "This simulator listens on this machine only and answers to its own names only: "
            "call it by 127.0.0.1 or localhost."
        },
    )


def _is_own_name(name: str) -> bool:
    if read_address(name) is not None or _is_address(name):
        return True
    if name == "localhost" or name.endswith((".localhost", _CONTAINER_SUFFIX)):
        return True
    with contextlib.suppress(OSError):
        return name == socket.gethostname().lower()
    return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def refuse_web_pages(request: web.Request) -> None:
    """Refuse what a page of another origin had a browser send."""
    own = f"{request.scheme}://{request.host}".lower()
    origins = [origin.lower() for origin in request.headers.getall(hdrs.ORIGIN, [])]
    referrers = [_origin_of(page) for page in request.headers.getall(hdrs.REFERER, [])]
    site = request.headers.get("Sec-Fetch-Site", "").lower()
    if site in _SITES_OF_OTHERS or any(origin != own for origin in [*origins, *referrers]):
        raise Refusal(403, {"detail": "Songs are taken from programs, not from web pages of another origin."})


def _origin_of(page: str) -> str:
    try:
        parts = urlsplit(page)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def shows_pass(request: web.Request, secret: str) -> bool:
    """Whether this comes from the process that the simulator itself runs in."""
    given = request.headers.get(PASS_HEADER, "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, secret.encode())
