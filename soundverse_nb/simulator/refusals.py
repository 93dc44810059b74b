"""The documented error bodies, to the letter, and the HTTP statuses this service gives them.

The document names no HTTP status for any of them; those here are the usual ones. Bodies for what the document
leaves open (a missing key, an ill-typed field, an unknown path) have the shape of the framework that its
`{"detail": ...}` body comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MAX_REFERENCE_BYTES = 10_485_760
MIN_REFERENCE_SECONDS = 10.0
MAX_REFERENCE_SECONDS = 350.0


@dataclass(eq=False)  # not frozen: the interpreter and contextlib write to a raised exception
class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """An answer that is an error: HTTP status, JSON body (or raw text with its type), extra headers."""

    status: int
    body: Mapping[str, Any] | None = None
    text: str | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_status(self, status: int | None) -> Refusal:
        return self if status is None else replace(self, status=status)

    def fresh(self) -> Refusal:
        """The same answer to raise once more, without the traceback of its first time."""
        return replace(self)


def neither_prompt_nor_lyrics() -> Refusal:
    return Refusal(400, {"detail": "Either prompt or lyrics must be provided"})


def reference_error(what: str) -> Refusal:
    return Refusal(400, {"success": False, "message": f"Reference audio error: {what}"})


def reference_too_large(size_bytes: int) -> Refusal:
    return reference_error(f"File too large: {size_bytes} bytes (max: {MAX_REFERENCE_BYTES})")


def reference_too_short(seconds: float) -> Refusal:
    digits = _digits(seconds, MIN_REFERENCE_SECONDS)
    return reference_error(f"Audio too short: {digits} seconds (min: {MIN_REFERENCE_SECONDS:.0f})")


def reference_too_long(seconds: float, *, cut_off: bool) -> Refusal:
    """`cut_off`: measuring stopped at `seconds`, the song is longer still."""
    more = "more than " if cut_off else ""
    digits = _digits(seconds, MAX_REFERENCE_SECONDS)
    return reference_error(f"Audio too long: {more}{digits} seconds (max: {MAX_REFERENCE_SECONDS:.0f})")


def _digits(seconds: float, limit: float) -> str:
    """Hundredths of a second, or as many decimals more as it takes to read otherwise than the limit."""
    count = next((count for count in range(2, 16) if round(seconds, count) != limit), 16)
    return f"{seconds:.{count}f}"


def rate_limited(retry_after: float | None = None) -> Refusal:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    body = {"success": False, "message": "Rate limits have been passed for the user."}
    return Refusal(429, body, headers=headers)


def insufficient_balance() -> Refusal:
    return Refusal(402, {"success": False, "message": "Insufficient balance for this operation."})


def unavailable(retry_after: float | None = None) -> Refusal:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    body = {
        "success": False,
        "message": "Service temporarily unavailable. Please try again in a moment.",
        "error": "Database connection pool exhausted",
    }
    return Refusal(503, body, headers=headers)


def not_authenticated() -> Refusal:
    return Refusal(401, {"detail": "Not authenticated"}, headers={"WWW-Authenticate": "Bearer"})


def key_rejected() -> Refusal:
    return Refusal(401, {"detail": "Invalid API key"}, headers={"WWW-Authenticate": "Bearer"})


def invalid_fields(problems: list[dict[str, Any]]) -> Refusal:
    """One problem a field: {"loc": [...], "msg": ..., "type": ...}."""
    return Refusal(422, {"detail": problems})


def not_found(what: str = "Not Found") -> Refusal:
    return Refusal(404, {"detail": what})


def html_page(status: int) -> Refusal:
    page = (
        "<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n"
        "<body>\r\n<center><h1>500 Internal Server Error</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Refusal(status, text=page, content_type="text/html")


def empty(status: int) -> Refusal:
    return Refusal(status, text="")
