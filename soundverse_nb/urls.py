"""URLs: WebURL, parsed once; what of one may be shown; who can reach it. Rules only, no I/O."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Names that never mean a host on the public internet: RFC 6761, 6762, 8375, 9476, ICANN's .internal,
# and the suffixes home routers and offices give out.
_LOCAL_SUFFIXES = frozenset({
    "localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan",
    "test", "invalid", "example", "alt", "onion", "home.arpa",
})  # fmt: skip
_CARRIER = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_BENCHMARK = ipaddress.ip_network("198.18.0.0/15")  # RFC 2544
_DUMMY = ipaddress.ip_network("192.0.0.0/28")  # RFC 7335, RFC 7600
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # IANA gives out no other public IPv6 addresses
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637
_UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")  # RFC 4193
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # RFC 1122: Linux takes 0.0.0.0 for itself
# Clouds also give credentials to whoever asks from inside at these (EC2 over IPv6, Azure).
_CLOUD_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "168.63.129.16")))
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


def host_of(url: str) -> str | None:
    """The host in a URL as a resolver reads it: lower case, no brackets, no final dot; None without one."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    if not host:
        return None
    # Browsers and HTTP clients read full-width digits and dots as plain ones, so this must too.
    plain = unicodedata.normalize("NFKC", host).replace("。", ".").lower()
    return plain.partition("%")[0].rstrip(".") or None


def is_public_service(base_url: str) -> bool:
    """Whether a service is out on the internet by how its address is spelt, so that it sees what all see."""
    host = host_of(base_url)
    return host is None or why_local(host) is None


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, and a service there reached from nowhere else."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = read_address(host)
    return address is not None and address.is_loopback


@lru_cache(maxsize=256)  # a thousand remixes come from one or two hosts
def why_local(host: str) -> str | None:
    """Why a host is out of the public's sight, by its name or number alone; None where nothing says so."""
    address = read_address(host)
    if address is not None:
        fact = what_is_local(address)
        return fact and f"{address} {fact}"
    labels = host.split(".")
    if labels[-1] == "localhost":
        return f"{host} is this machine itself"
    if len(labels) == 1:
        return f"{host} is a name of the local network"
    if labels[-1] in _LOCAL_SUFFIXES or ".".join(labels[-2:]) in _LOCAL_SUFFIXES:
        return f"{host} is a name of the local network"
    return None


def what_is_local(address: Address) -> str | None:
    """What a local address is, for example "is in a private network"; None for a public one."""
    inner = _carried(address)
    if inner is not None:
        return what_is_local(inner)
    if address.is_loopback or address.is_unspecified:
        return "is this machine itself"
    if address.is_link_local:
        return "works on the local link only"
    if address.is_multicast or _is_set_aside(address):
        return "is not an address of the public internet"
    if address.is_private or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local):
        return "is in a private network"
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return "is not an address of the public internet"
    return None if address.is_global else "is not an address of the public internet"


def _is_set_aside(address: Address) -> bool:
    """Whether it is in a range that not every Python's `ipaddress` knows to be out of the public's sight."""
    if isinstance(address, ipaddress.IPv4Address):
        return address in _CARRIER or address in _DUMMY
    return address in _DOCUMENTATION


def why_resolved_local(host: str, address: str) -> str | None:
    """Why a host is out of the public's sight where its name led to this address, as a resolver spells it."""
    read = read_address(address.partition("%")[0])
    # Some proxies answer every name with an address of this range and do the true look-up themselves.
    if read is None or (isinstance(read, ipaddress.IPv4Address) and read in _BENCHMARK):
        return None
    fact = what_is_local(read)
    return fact and f"{host} leads to {address}, which {fact}"


def is_out_of_bounds(address: Address) -> bool:
    """Whether a machine that fetches for others must not go there on their behalf.

    That is itself (loopback, "no address"), its link (where clouds keep credentials: 169.254.169.254), and
    what is no host's address. A private network is not: whoever may ask such a machine is usually in it.
    """
    inner = _carried(address)
    if inner is not None:
        return is_out_of_bounds(inner)
    if address in _CLOUD_METADATA or address.is_loopback or address.is_unspecified or address.is_link_local:
        return True
    if address.is_multicast or address.is_reserved or _is_set_aside(address):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        return not (address in _GLOBAL_UNICAST or address in _UNIQUE_LOCAL)
    return address in _THIS_NETWORK


@lru_cache(maxsize=256)
def read_address(host: str) -> Address | None:
    """The address a host spells, in any form an HTTP client takes: 127.1, 0x7f000001, 017700000001, [::1]."""
    bare = host.strip("[]").partition("%")[0]
    if ":" in bare:
        try:
            return ipaddress.IPv6Address(bare)
        except ValueError:
            return None
    parts = bare.split(".")
    if not 1 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    numbers = [_read_number(part) for part in parts]
    if any(number is None for number in numbers):
        return None
    *firsts, last = [number for number in numbers if number is not None]
    # As inet_aton reads it: the last part fills all the bytes that are left.
    if any(number > 255 for number in firsts) or last >= 256 ** (4 - len(firsts)):
        return None
    value = last + sum(number << 8 * (3 - place) for place, number in enumerate(firsts))
    return ipaddress.IPv4Address(value)


def _read_number(part: str) -> int | None:
    try:
        if part[:2] in ("0x", "0X"):
            return int(part[2:] or "0", 16)
        return int(part, 8) if len(part) > 1 and part[0] == "0" else int(part)
    except ValueError:
        return None


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 one: mapped, 6to4, NAT64."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST_SHOWN = 300  # characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class InvalidURLError(ValueError):
    """A text is no http(s) URL; the message says why, without repeating any of it."""


@dataclass(frozen=True, repr=False)
class WebURL:
    """An http or https URL, checked and taken apart once. Two are equal where they are spelled alike.

    `str()` and `repr()` give what may be shown, so a signature cannot get into a message by accident; what is
    sent has to be asked for by name, `.full`.

    | part            | of "https://me:pw@Songs.example.org/a/My%20Song.mp3?X-Signature=s3cret#t=3"   |
    |-----------------|------------------------------------------------------------------------------|
    | `.full`         | all of it, in the one spelling that is checked, ordered and fetched           |
    | `.shown`        | "https://songs.example.org/a/My%20Song.mp3": no user, password, query, fragment |
    | `.scheme`       | "https"                                                                       |
    | `.host`         | "songs.example.org", as a resolver reads it: lower case, no brackets          |
    | `.port`         | 443, the one that is connected to                                             |
    | `.origin`       | "https://songs.example.org"                                                   |
    | `.name`         | "My Song.mp3", the name of the file, decoded and printable; "" without one    |
    | `.local_reason` | None; for "http://127.0.0.1/" it is "127.0.0.1 is this machine itself"        |
    | `.is_private`   | False, whether only this machine or its network can reach it                  |

    >>> url = WebURL.parse("https://songs.example.org/my song.mp3?X-Signature=s3cret")
    >>> url
    WebURL('https://songs.example.org/my%20song.mp3')
    >>> f"{url.name} from {url}"
    'my song.mp3 from https://songs.example.org/my%20song.mp3'
    >>> url.full
    'https://songs.example.org/my%20song.mp3?X-Signature=s3cret'
    >>> WebURL.parse("ftp://songs.example.org/song.mp3")
    Traceback (most recent call last):
    soundverse_nb.urls.InvalidURLError: its scheme is not http or https
    """

    full: str
    scheme: str = field(compare=False)
    host: str = field(compare=False)
    port: int = field(compare=False)
    origin: str = field(compare=False)
    shown: str = field(compare=False)
    name: str = field(compare=False)
    local_reason: str | None = field(compare=False)

    @classmethod
    def parse(cls, text: str | WebURL) -> WebURL:
        """The URL that a text spells, blanks around it left out and what cannot stand in one quoted.

        What is parsed already is given back.

        Raises InvalidURLError for another scheme, for control characters, and for a host or a port that HTTP
        clients refuse or read differently.
        """
        if isinstance(text, WebURL):
            return text
        if not isinstance(text, str):
            raise InvalidURLError(f"a {type(text).__name__} is no text")
        text = text.strip()
        if _CONTROL.search(text):
            raise InvalidURLError("it holds control characters")
        full = quoted(text)
        try:
            parts = urlsplit(full)
            port = parts.port
        except ValueError:
            raise InvalidURLError("its host or its port cannot be read") from None
        scheme = parts.scheme.lower()
        if scheme not in DEFAULT_PORTS:
            raise InvalidURLError("its scheme is not http or https")
        host = host_of(full)
        if host is None:
            raise InvalidURLError("it names no host")
        if port == 0 or _is_broken_host(parts, host):
            raise InvalidURLError("its host or its port is one that nobody can have")
        place = _shown_place(parts)
        return cls(
            full=full,
            scheme=scheme,
            host=host,
            port=port or DEFAULT_PORTS[scheme],
            origin=f"{scheme}://{place}",
            shown=_cut(f"{scheme}://{place}{parts.path}"),
            name=_printable(PurePosixPath(unquote(parts.path)).name),
            local_reason=why_local(host),
        )

    @property
    def is_private(self) -> bool:
        return self.local_reason is not None

    def join(self, location: str) -> WebURL:
        """Where a Location header leads from here. Raises InvalidURLError."""
        return WebURL.parse(redirected(self.full, location))

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"WebURL({self.shown!r})"


class PrivateURL(str):
    """The full URL as a string, for whoever wants one; its repr, which notebooks and logs print, hides the
    query."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown_url(self))


def private(url: object) -> PrivateURL | None:
    """A PrivateURL from a string or from a secret holding one; None stays None."""
    if url is None:
        return None
    reveal = getattr(url, "get_secret_value", None)
    return PrivateURL(reveal() if callable(reveal) else url)


def shown_url(text: str) -> str:
    """What may be shown of an address that somebody gave: a URL up to its query, of anything else the scheme.

    A presigned URL's signature lives in its query, so it never reaches a notebook, a log or a report.
    """
    try:
        return WebURL.parse(text).shown
    except InvalidURLError:
        scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*):", text) if isinstance(text, str) else None
        is_named = scheme is not None and scheme[1].lower() not in DEFAULT_PORTS
        return f"{scheme[1].lower()[:20]}:…" if scheme is not None and is_named else "(not a URL)"


def _is_broken_host(parts: SplitResult, host: str) -> bool:
    """Whether it is a host that HTTP clients refuse or read differently, as 127.0.0.1\\@example.com is."""
    if any(char.isspace() or char == "\\" for char in parts.netloc):
        return True
    if ":" in host:  # an IPv6 address, which has a % before its zone
        return False
    labels = host.split(".")
    # A name whose last part is a number can only be an IPv4 address, and this one is none.
    is_number = labels[-1].isdecimal() and read_address(host) is None
    return "" in labels or is_number or "%" in (parts.hostname or "")


def _shown_place(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port is None else f"{host}:{parts.port}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


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
    if text.isascii():
        return True
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
