"""A URL as it goes over the wire: one spelling for whoever checks it, orders with it and fetches it."""

from __future__ import annotations

import re
from urllib.parse import urljoin

_PARTS = re.compile(r"(?s)([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)(.*)")
# What RFC 3986 lets stand in a URL; a percent sign only before two hexadecimal digits.
_FOREIGN = re.compile(rb"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]|%(?![0-9A-Fa-f]{2})")


def quoted(url: str) -> str:
    """The URL with what cannot stand in one quoted, and nothing else: what is signed stays as it is.

    A space becomes %20, a letter of another alphabet its UTF-8, a byte that came raw in a header itself, a
    host name of another alphabet its ASCII form. What is no URL is quoted too, and refused elsewhere.
    """
    found = _PARTS.fullmatch(url)
    if found is None:
        return _quote(url)
    return found[1] + _host(found[2]) + _quote(found[3])


def redirected(here: str, location: str) -> str:
    """Where a Location header leads from here; what cannot be joined is given as it is, to be refused."""
    target = quoted(location)
    try:
        return urljoin(here, target)
    except ValueError:
        return target


def _quote(text: str) -> str:
    # Header values come as UTF-8 with the bytes that are none as lone surrogates.
    raw = text.encode("utf-8", "surrogateescape" if _is_bytes(text) else "surrogatepass")
    return _FOREIGN.sub(lambda found: b"".join(b"%%%02X" % byte for byte in found[0]), raw).decode("ascii")


def _is_bytes(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" and not "\udc80" <= letter <= "\udcff" for letter in text)


def _host(place: str) -> str:
    if place.isascii():
        return place
    from yarl import URL

    user, at, host = place.rpartition("@")
    try:
        read = URL(f"http://{host}/")
        host = f"{read.raw_host}" if read.explicit_port is None else f"{read.raw_host}:{read.explicit_port}"
    except ValueError:
        pass  # no host that can exist: refused where the URL is checked
    return _quote(user) + at + host
