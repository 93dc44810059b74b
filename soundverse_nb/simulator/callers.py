"""Who may hand songs over: programs of this machine, and those who have the key. Web pages may not.

A browser sends what any page asks it to, also to services on the user's own machine, and a page can give its
own name the address of this machine. So a page is known by what browsers say about it: its origin, and the
name it called this service by.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from soundverse_nb.reach import host_of, read_address
from soundverse_nb.simulator.refusals import Refusal
from soundverse_nb.whereabouts import PASS_HEADER

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
