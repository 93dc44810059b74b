"""Why a URL could not be fetched from here, and whether that says anything about the service."""

from __future__ import annotations

import ssl

import aiohttp

from soundverse_nb.api.connection import reason, refused_by
from soundverse_nb.api.way import Proxy
from soundverse_nb.errors import PreflightError

PROXYS_OWN = frozenset({403, 407, 502, 503, 504})
"""Answers that a proxy gives in somebody's place: what it will not pass on, and what it could not reach."""

_SKIP = 'Or leave the check out with preflight="off".'
_PROXY_HINT = "Check the proxy, Client(proxy=...) or HTTPS_PROXY; NO_PROXY names what goes past it."
_TLS_HINT = (
    "Where your network has a certificate authority of its own, name it: "
    "Client(ssl=ssl.create_default_context(cafile=...))."
)


def heres_fault(error: BaseException) -> str | None:
    """What to do where this machine's proxy or TLS settings stood in the way; None where they did not."""
    if isinstance(error, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)):
        return _PROXY_HINT
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return _TLS_HINT
    return None


def unfetched(shown: str, what: str) -> PreflightError:
    """What is behind a URL is no song for anybody; `what` goes on from the URL."""
    return PreflightError(
        f"{shown} {what}, so the service could not fetch it either.",
        hint=f"Open the URL in a private browser window to see what everybody sees. {_SKIP}",
    )


def unseen(shown: str, error: BaseException, proxy: Proxy | None) -> PreflightError:
    """A URL could not be reached from here."""
    why = reason(error, proxy)
    if hint := heres_fault(error):
        return PreflightError(
            f"{shown} could not be reached from this machine: {why}. That says nothing about the service.",
            hint=f"{hint} {_SKIP}",
        )
    return PreflightError(
        f"{shown} could not be reached from this machine ({why}); perhaps the service cannot either.",
        hint=f"Open the URL in a private browser window to see what everybody sees. {_SKIP}",
    )


def answered(shown: str, status: int, proxy: Proxy | None) -> PreflightError:
    """A URL was answered with something other than a song."""
    if proxy is None or status not in PROXYS_OWN:
        return unfetched(shown, f"is answered with HTTP {status}")
    said = refused_by(proxy, status) if status == 407 else f"the proxy {proxy.shown} may have refused it"
    return PreflightError(
        f"{shown} is answered with HTTP {status}: {said}. That says nothing about the service.",
        hint=f"{_PROXY_HINT} {_SKIP}",
    )
