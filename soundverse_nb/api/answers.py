"""Classifying an answer of the service: a table from status and body to an error, or to none.

The document shows five error bodies and no HTTP status for any of them. So a documented text decides first,
wherever and however it arrives; then the status; then the shape of the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from soundverse_nb.api.body import NOT_JSON, body_text, error_text, excerpt, page_text, read_json
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.order_names import lesser_name_in, name_in, name_in_text
from soundverse_nb.api.retry import retry_after_seconds
from soundverse_nb.api.secrets import holds_key
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    InsufficientBalanceError,
    InvalidRequestError,
    RateLimitError,
    ReferenceAudioError,
    ServiceUnavailableError,
    Spent,
)

# The five bodies of the document ("Possible Errors"). A text counts as documented only from its first word
# on: an error that merely quotes one of these, from somewhere further inside, is not that refusal.
_DOCUMENTED: tuple[tuple[re.Pattern[str], type[APIError]], ...] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"either prompt or lyrics must be provided", InvalidRequestError),
        (r"reference audio error\b", ReferenceAudioError),
        (r"rate limits? ha(?:ve|s) been (?:passed|exceeded)", RateLimitError),
        (r"insufficient balance\b", InsufficientBalanceError),
        (r"service temporarily unavailable\. please try again in a moment\.?\s*$", ServiceUnavailableError),
    )
)
_BAD_KEY = re.compile(
    r"(?i)\bunauthori[sz]ed\b|\bnot authenticated\b"
    r"|\b(?:invalid|incorrect|unknown|missing|expired|revoked)\b.{0,20}\b(?:api[ _-]?key|token|credentials)\b"
    r"|\bapi[ _-]?key\b.{0,20}\b(?:invalid|expired|revoked|required|missing)\b"
)
_BY_STATUS: dict[int, type[APIError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: AuthenticationError,
    413: ReferenceAudioError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
    502: ServiceUnavailableError,
    503: ServiceUnavailableError,
    504: ServiceUnavailableError,
}
# The statuses that say that the request was not carried out (RFC 9110, 15.5; RFC 6585; RFC 8470). No other
# proves it: a redirect or a switch of protocols may follow what a POST has made, 408 and 499 come from
# gateways that stopped waiting, 409 and 423 may mean that the very order is being made.
_REFUSING = frozenset(
    (400, 401, 402, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 425, 426, 428,
     429, 431, 451)
)  # fmt: skip
# Answers whose body decides: a plain 200, one that a proxy passed on, and what a sloppy service sends.
_BODY_DECIDES = frozenset((200, 201, 203))
_CHECK_ACCOUNT = "The order may have been taken: look at the account before you send it again."
_ASK = "Correct what it names, or ask the service's support."
_WRONG_PLACE = "Check the base URL: this does not look like the remix endpoint."
# A chunk of a running remix has at least one of these; an error object has none.
_CHUNK_FIELDS = frozenset(
    [
        "isComplete",
        "is_complete",
        "status",
        "chunkIndex",
        "chunk_index",
        "message_id",
        "job_id",
        "progress",
        "audio_url",
        "stream_url",
    ]
)


def classify(
    status: int | None,
    headers: Mapping[str, str] | None,
    body: bytes,
    *,
    message_id: str | None = None,
    taken: bool = False,
) -> APIError | None:
    """The error an answer is, or None where it is none.

    Parameters
    ----------
    status : HTTP status, or None for the data of a chunk inside a stream.
    headers : the answer's headers, in any case.
    body : its bytes; about 256 KiB are looked at.
    message_id : the order's id where one is known; then nothing proves any longer that it costs nothing.
    taken : whether the order is known to have been let in; nor does anything then.

    The error's `spent` is Spent.NO only where the order was certainly refused.
    """
    fields = {name.lower(): value for name, value in (headers or {}).items()}
    text = body_text(body, fields.get("content-type", ""))
    value = read_json(text)
    fine = status is None or 200 <= status < 300
    if fine and is_chunk(value) and not is_error_object(value):
        return None
    words = page_text(text) if value is NOT_JSON else error_text(value)
    quoted = _quoted(words or text.strip())
    error = (
        documented_refusal(value)
        or _by_status(status, words, quoted, fields)
        or _by_shape(status, value, words, quoted)
    )
    if isinstance(error, (RateLimitError, ServiceUnavailableError)):
        error.retry_after = retry_after_seconds(fields.get("retry-after"))
    error.status_code = status
    error.message_id = message_id or (_id_in_text(text) if value is NOT_JSON else _id_in(value))
    believed = status is None or status in _BODY_DECIDES or status >= 400
    open_ended = taken or error.message_id is not None or not believed or _is_being_made(value)
    if open_ended and error.spent is Spent.NO:
        error.spent = Spent.MAYBE
        if message_id is None or not isinstance(error, AuthenticationError):
            error.hint = _CHECK_ACCOUNT
    return error


def documented_refusal(value: Any) -> APIError | None:
    """The error of the document that a JSON value is, by its text; None for any other value."""
    if value is NOT_JSON:
        return None
    words = error_text(value)
    for pattern, kind in _DOCUMENTED:
        if pattern.match(words):
            return kind(_sentence(words))
    return None


def is_chunk(value: Any) -> bool:
    """Whether a JSON value has any field that says how a remix is doing."""
    return isinstance(value, dict) and not _CHUNK_FIELDS.isdisjoint(value)


def _is_being_made(value: Any) -> bool:
    """Whether a JSON value says, beside whatever else, that the remix is under way or done."""
    return isinstance(value, dict) and RemixEvent.parse(value).shows_work


def is_error_object(value: Any) -> bool:
    """Whether a JSON value is an error answer: `success` is false, or it complains and is no chunk."""
    if not isinstance(value, dict):
        return False
    complains = any(value.get(name) for name in ("detail", "error", "errors", "message"))
    return value.get("success") is False or (complains and not is_chunk(value))


def _by_status(status: int | None, words: str, quoted: str, fields: Mapping[str, str]) -> APIError | None:
    if status is None or 200 <= status < 300:
        return None
    answer = f"The service answered HTTP {status}"
    if 300 <= status < 400:
        target = excerpt(fields.get("location", "")) or "nowhere"
        error = APIError(f"{answer}: a redirect to {target}, which an order does not follow.")
    else:
        kind = _BY_STATUS.get(status, APIError)
        message = _sentence(words) if kind is InvalidRequestError and words else f"{answer}{quoted}."
        usual = _WRONG_PLACE if status in (404, 405) else kind.usual_hint or _ASK
        error = kind(message, hint=usual)
    if status not in _REFUSING:
        error.spent, error.hint = Spent.MAYBE, _CHECK_ACCOUNT
        if status < 400:
            error.hint += " " + _WRONG_PLACE
    return error


def _by_shape(status: int | None, value: Any, words: str, quoted: str) -> APIError:
    if is_error_object(value):
        if _BAD_KEY.search(words):
            return AuthenticationError(_sentence(words))
        if isinstance(value.get("detail"), list):
            return InvalidRequestError(_sentence(words))
        # Inside a stream the order had been let in before this was said, and a success may speak of one: only
        # the document's own words are a refusal there.
        is_refusal = status is not None and not 200 <= status < 300
        spent = Spent.NO if is_refusal else Spent.MAYBE
        hint = _CHECK_ACCOUNT if spent is Spent.MAYBE else _ASK
        return APIError(f"The service refused the order{quoted}.", spent=spent, hint=hint)
    what = "something that is not a remix stream" if quoted else "nothing"
    return APIError(f"The service answered with {what}{quoted}.", spent=Spent.MAYBE, hint=_CHECK_ACCOUNT)


def _id_in(value: Any) -> str | None:
    name = name_in(value) or lesser_name_in(value)
    return None if name is None or holds_key(name) else name


def _id_in_text(text: str) -> str | None:
    """The order's id in JSON that was cut short or is not quite JSON; a page of HTML names none."""
    name = name_in_text(text) if text.lstrip()[:1] in ("{", "[") else None
    return None if name is None or holds_key(name) else name


def _quoted(words: str) -> str:
    return f': "{excerpt(words)}"' if words else ""


def _sentence(words: str) -> str:
    line = excerpt(words)
    return line if line.endswith((".", "!", "?", "\u2026")) else f"{line}."
