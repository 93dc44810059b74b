"""What a client is told: the key, the service's address, and how patient to be."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from soundverse_nb.client.places import given_path, own_folder
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.whereabouts import notes

KEY_VARIABLE = "SOUNDVERSE_API_KEY"
URL_VARIABLE = "SOUNDVERSE_BASE_URL"
SERVICE = "https://api.soundverse.ai"
"""The vendor's API domain."""

PLACE_FOR_REMIXES = "Give the folder for finished remixes, directory=..., or set HOME or XDG_DATA_HOME"
PLACE_FOR_ORDERS = "Give the file for the journal of orders, journal=..., or set HOME or XDG_STATE_HOME"


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds.

    The document says that progress "may hold at 90 for several minutes": silence is followed up, never
    punished. Each bound ends in an error that keeps the order.

    silence : no byte for so long, and the status endpoint is asked beside the open stream.
    eventless : the same where bytes do come, but no event.
    first_poll, longest_poll : the pause between two status questions grows from the one to the other.
    status_failing : how long the status endpoint may fail without one good answer.
    without_id : how long a stream may stay silent before the service has named the order.
    in_all : how long one order is watched.
    grace : how long an interrupted order may still wait for its message_id.
    resend_attempts, resend_seconds : how often, and for how long in all, a refused order is tried again.
    """

    silence: float = 60.0
    eventless: float = 300.0
    first_poll: float = 2.0
    longest_poll: float = 15.0
    status_failing: float = 180.0
    without_id: float = 600.0
    in_all: float = 2 * 3600.0
    grace: float = 3.0
    resend_attempts: int = 10
    resend_seconds: float = 15 * 60.0


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
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("base_url is not a URL.", hint=hint) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError("base_url is not an http(s) URL.", hint=hint)
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
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


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


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def results_folder(given: str | os.PathLike[str] | None) -> Path:
    """Where remixes are kept: the folder given, else this user's data folder."""
    if given is not None:
        return given_path(given, "directory")
    return own_folder("user_data_path", PLACE_FOR_REMIXES) / "remixes"


def journal_file(given: str | os.PathLike[str] | None, simulated: bool) -> Path:
    """Where the orders are kept: the file given, else this user's state folder; simulated ones apart."""
    if given is not None:
        return given_path(given, "journal")
    name = "orders-simulated.sqlite3" if simulated else "orders.sqlite3"
    return own_folder("user_state_path", PLACE_FOR_ORDERS) / name


def simulator_notice(port: int) -> Path:
    """Where a simulator on this port leaves its note by right; the same place as in simulator/notice.py."""
    return notes(port)[0]
